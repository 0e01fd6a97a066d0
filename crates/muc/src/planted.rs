//! Bugs on purpose, one at a time, for the proof that tests find such bugs. Without the feature `planted` there are none.

/// What may be broken here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// A private message goes to whoever sits next to the one that it is for.
    WhisperAstray,
    /// The end of a grace removes a session that has come back meanwhile.
    ExpireStale,
}

/// By name.
#[cfg(feature = "planted")]
pub const BUGS: &[(&str, Bug)] = &[("whisper-astray", Bug::WhisperAstray), ("expire-stale", Bug::ExpireStale)];

/// Whether a bug is planted. Without the feature none ever is, and the compiler knows.
#[cfg(not(feature = "planted"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}

#[cfg(feature = "planted")]
pub(crate) use switch::is;
#[cfg(feature = "planted")]
pub use switch::plant;

#[cfg(feature = "planted")]
mod switch {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{BUGS, Bug};

    /// The place in `BUGS`, from 1; 0 is none.
    static PLANTED: AtomicUsize = AtomicUsize::new(0);

    /// Plants the bug of this name in the whole process, in the place of the one before, or none. Whether there is one of this name here.
    pub fn plant(name: &str) -> bool {
        let place = BUGS.iter().position(|(known, _)| *known == name).map_or(0, |place| place + 1);
        PLANTED.store(place, Ordering::SeqCst);
        place > 0
    }

    /// Whether a bug is planted.
    pub(crate) fn is(bug: Bug) -> bool {
        let place = PLANTED.load(Ordering::Relaxed);
        place.checked_sub(1).and_then(|place| BUGS.get(place)).is_some_and(|(_, planted)| *planted == bug)
    }
}

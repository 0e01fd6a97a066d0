//! Bugs on purpose, one at a time, for the proof that tests find such bugs. Without the feature `planted` there are none.

#[cfg(feature = "planted")]
use conclave_muc::{Affiliation, Change, change::Item};

#[cfg(feature = "planted")]
use crate::{
    entry::{ShardChange, ShardEntry},
    home::Output,
    replica::Replica,
};

/// What may be broken here.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Bug {
    /// The home takes what it proposes for committed.
    AcknowledgeBeforeCommit,
    /// An entry that was decided in a former epoch counts.
    EpochCheckOff,
    /// The home answers without a proof that it still is the home.
    BarrierOff,
    /// Answers and refusals do not wait for what was proposed before them.
    RefusalOvertakes,
    /// A request that is repeated is judged afresh, though it is in the log.
    DuplicateCheckOff,
    /// Rules judge by what is committed, and forget what is in flight.
    JudgedByCommitted,
    /// An edge loses a frame now and then, and takes it for delivered.
    FrameDropped,
    /// Replicas keep four frames, and do not say that the others are gone.
    RingTooShort,
    /// An edge is told that it has missed frames for good, though other replicas have them.
    GapPullOff,
    /// Bans are not folded by who is not the home: the next home has never heard of them.
    #[cfg(feature = "planted")]
    BanUnseen,
    /// The grace of a detached session never ends.
    DetachEndless,
    /// The end of a grace is proposed also for a session that has come back.
    ExpireStale,
    /// A node that lives again is taken for never having died.
    IncarnationIgnored,
    /// Sessions of nodes that died are not detached.
    GhostSweepOff,
    /// A state that is handed over has no occupants.
    SnapshotWithoutOccupancy,
    /// A state that is handed over does not know which requests are in the log.
    SnapshotWithoutRepeats,
}

/// By name.
#[cfg(feature = "planted")]
pub const BUGS: &[(&str, Bug)] = &[
    ("acknowledge-before-commit", Bug::AcknowledgeBeforeCommit),
    ("epoch-check-off", Bug::EpochCheckOff),
    ("barrier-off", Bug::BarrierOff),
    ("refusal-overtakes", Bug::RefusalOvertakes),
    ("duplicate-check-off", Bug::DuplicateCheckOff),
    ("judged-by-committed", Bug::JudgedByCommitted),
    ("frame-dropped", Bug::FrameDropped),
    ("ring-too-short", Bug::RingTooShort),
    ("gap-pull-off", Bug::GapPullOff),
    ("ban-unseen", Bug::BanUnseen),
    ("detach-endless", Bug::DetachEndless),
    ("expire-stale", Bug::ExpireStale),
    ("incarnation-ignored", Bug::IncarnationIgnored),
    ("ghost-sweep-off", Bug::GhostSweepOff),
    ("snapshot-without-occupancy", Bug::SnapshotWithoutOccupancy),
    ("snapshot-without-repeats", Bug::SnapshotWithoutRepeats),
];

/// Every so manieth frame is lost.
#[cfg(feature = "planted")]
const FRAME_LOST_EVERY: usize = 97;

/// Whether a bug is planted. Without the feature none ever is, and the compiler knows.
#[cfg(not(feature = "planted"))]
pub(crate) const fn is(_: Bug) -> bool {
    false
}

/// Whether this frame is one to be lost.
#[cfg(not(feature = "planted"))]
pub(crate) const fn loses_frame() -> bool {
    is(Bug::FrameDropped)
}

#[cfg(feature = "planted")]
pub use switch::plant;
#[cfg(feature = "planted")]
pub(crate) use switch::{is, loses_frame};

#[cfg(feature = "planted")]
mod switch {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::{BUGS, Bug, FRAME_LOST_EVERY};

    /// The place in `BUGS`, from 1; 0 is none.
    static PLANTED: AtomicUsize = AtomicUsize::new(0);

    /// Frames since the bug was planted.
    static FRAMES: AtomicUsize = AtomicUsize::new(0);

    /// Plants the bug of this name in the whole process, in the place of the one before, or none. Whether there is one of this name here.
    pub fn plant(name: &str) -> bool {
        let place = BUGS.iter().position(|(known, _)| *known == name).map_or(0, |place| place + 1);
        PLANTED.store(place, Ordering::SeqCst);
        FRAMES.store(0, Ordering::SeqCst);
        place > 0
    }

    /// Whether a bug is planted.
    pub(crate) fn is(bug: Bug) -> bool {
        let place = PLANTED.load(Ordering::Relaxed);
        place.checked_sub(1).and_then(|place| BUGS.get(place)).is_some_and(|(_, planted)| *planted == bug)
    }

    /// Whether this frame is one to be lost.
    pub(crate) fn loses_frame() -> bool {
        is(Bug::FrameDropped) && FRAMES.fetch_add(1, Ordering::Relaxed) % FRAME_LOST_EVERY == FRAME_LOST_EVERY - 1
    }
}

/// Folds what was just proposed, as if it were committed.
#[cfg(feature = "planted")]
pub(crate) fn acknowledge_before_commit(replica: &mut Replica, out: &mut Vec<Output>) {
    if !is(Bug::AcknowledgeBeforeCommit) || replica.serves().is_none() {
        return;
    }
    let proposed = out.iter().rev().filter_map(|output| match output {
        Output::Propose(entry) => Some(entry.clone()),
        _ => None,
    });
    let mut proposed: Vec<Vec<u8>> = proposed.take(replica.in_flight()).collect();
    while let Some(entry) = proposed.pop() {
        let index = replica.shard().applied() + 1;
        // It was encoded a moment ago.
        let _ = replica.committed(index, &entry, 0, out);
    }
}

/// The entry as it is folded: whoever is not the home knows of no bans.
#[cfg(feature = "planted")]
pub(crate) fn as_folded(mut entry: ShardEntry, is_home: bool) -> ShardEntry {
    if is(Bug::BanUnseen)
        && !is_home
        && let ShardChange::Room { change: Change::Moderate(moderation), .. } = &mut entry.change
    {
        moderation.items.retain(|item| !matches!(item, Item::Affiliation { affiliation: Affiliation::Outcast, .. }));
    }
    entry
}

//! Which views of a stanza somebody needs.

use conclave_muc::View;

const ALL: [View; 3] = [View::Plain, View::RealJids, View::Own];

/// A set of views.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ViewSet(u8);

impl ViewSet {
    /// One view.
    pub fn only(view: View) -> ViewSet {
        ViewSet(1 << view as u8)
    }

    /// With one more.
    pub fn insert(&mut self, view: View) {
        self.0 |= ViewSet::only(view).0;
    }

    /// The views in it.
    pub fn iter(self) -> impl Iterator<Item = View> {
        ALL.into_iter().filter(move |view| self.0 & ViewSet::only(*view).0 != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_what_was_put_in() {
        let mut set = ViewSet::only(View::Own);
        assert_eq!(set.iter().collect::<Vec<_>>(), [View::Own]);
        set.insert(View::Plain);
        set.insert(View::Plain);
        assert_eq!(set.iter().collect::<Vec<_>>(), [View::Plain, View::Own]);
        assert_eq!(ViewSet::default().iter().count(), 0);
    }
}

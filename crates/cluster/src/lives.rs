//! Which incarnations live and which have ended, by what meta says here. It may say so late.

use std::collections::BTreeMap;

use crate::incarnation::Incarnation;

/// The newest incarnation of every node, and whether it lives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lives(BTreeMap<u32, (u32, bool)>);

impl FromIterator<(Incarnation, bool)> for Lives {
    fn from_iter<I: IntoIterator<Item = (Incarnation, bool)>>(newest: I) -> Lives {
        Lives(newest.into_iter().map(|(incarnation, lives)| (incarnation.node, (incarnation.number, lives))).collect())
    }
}

impl Lives {
    /// Whether an incarnation lives.
    pub fn contains(&self, incarnation: Incarnation) -> bool {
        self.0.get(&incarnation.node) == Some(&(incarnation.number, true))
    }

    /// Whether it does not any more. One that is not known here yet may well live.
    pub fn has_ended(&self, incarnation: Incarnation) -> bool {
        !self.contains(incarnation) && self.0.get(&incarnation.node).is_none_or(|(newest, _)| incarnation.number <= *newest)
    }

    /// The nodes that live.
    pub fn nodes(&self) -> impl Iterator<Item = u32> {
        self.0.iter().filter(|(_, (_, lives))| *lives).map(|(node, _)| *node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_newer_than_what_is_known_has_not_ended() {
        let of = |node, number| Incarnation { node, number };
        let lives: Lives = [(of(1, 3), true), (of(2, 5), false)].into_iter().collect();
        assert!(lives.contains(of(1, 3)) && !lives.contains(of(1, 2)) && !lives.contains(of(2, 5)));
        assert!(lives.has_ended(of(1, 2)) && lives.has_ended(of(2, 5)) && lives.has_ended(of(2, 4)));
        assert!(!lives.has_ended(of(1, 3)) && !lives.has_ended(of(1, 4)) && !lives.has_ended(of(2, 6)));
        assert!(lives.has_ended(of(3, 1)), "its node is gone");
        assert_eq!(lives.nodes().collect::<Vec<_>>(), [1]);
    }
}

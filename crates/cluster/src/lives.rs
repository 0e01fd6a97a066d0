//! Which incarnations live and which have ended, by what meta says here. It may say so late.

use std::collections::BTreeMap;

use crate::incarnation::Incarnation;
use crate::planted::{self, Bug};

/// The newest incarnation of every node, and whether it lives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Lives {
    nodes: BTreeMap<u32, (u32, bool)>,
    last_node: u32,
}

impl Lives {
    /// The newest incarnation of each node and whether it lives; `last_node` is the highest number that any node had so far.
    pub fn new(newest: impl IntoIterator<Item = (Incarnation, bool)>, last_node: u32) -> Lives {
        let newest = newest.into_iter();
        let nodes = newest.map(|(incarnation, lives)| (incarnation.node, (incarnation.number, lives))).collect();
        Lives { nodes, last_node }
    }

    /// Whether an incarnation lives.
    pub fn contains(&self, incarnation: Incarnation) -> bool {
        self.nodes.get(&incarnation.node) == Some(&(incarnation.number, true))
    }

    /// Whether it does not any more. One that is not known here yet may well live.
    pub fn has_ended(&self, incarnation: Incarnation) -> bool {
        match self.nodes.get(&incarnation.node) {
            Some((_, lives)) if planted::is(Bug::IncarnationIgnored) => !lives,
            Some((newest, lives)) => incarnation.number < *newest || incarnation.number == *newest && !lives,
            // A node that was removed; or one that joined, and meta has not said so here yet.
            None => incarnation.node <= self.last_node,
        }
    }

    /// The nodes that live.
    pub fn nodes(&self) -> impl Iterator<Item = u32> {
        self.nodes.iter().filter(|(_, (_, lives))| *lives).map(|(node, _)| *node)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_newer_than_what_is_known_has_not_ended() {
        let of = |node, number| Incarnation { node, number };
        let lives = Lives::new([(of(1, 3), true), (of(2, 5), false)], 3);
        assert!(lives.contains(of(1, 3)) && !lives.contains(of(1, 2)) && !lives.contains(of(2, 5)));
        assert!(lives.has_ended(of(1, 2)) && lives.has_ended(of(2, 5)) && lives.has_ended(of(2, 4)));
        assert!(!lives.has_ended(of(1, 3)) && !lives.has_ended(of(1, 4)) && !lives.has_ended(of(2, 6)));
        assert!(lives.has_ended(of(3, 1)), "its node is gone");
        assert!(!lives.has_ended(of(4, 1)), "its node has just joined");
        assert_eq!(lives.nodes().collect::<Vec<_>>(), [1]);
    }
}

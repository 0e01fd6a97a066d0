//! What may be concluded where a register is behind: of which nodes it may be told by others than its leader, and who is gone.

use std::collections::BTreeMap;

use super::Meta;
use super::invitations::INVITED_MAX;

/// What another node knows of the register.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Acquaintance {
    /// Where each node is.
    pub nodes: BTreeMap<u32, String>,
    /// The highest number that any node ever had. Whoever has no higher one and is not among the nodes is gone.
    pub last_node: u32,
}

/// Numbers are given in order and never twice: whoever has one that was given, and is not there, is gone.
fn is_gone<T>(node: u32, nodes: &BTreeMap<u32, T>, last_node: u32) -> bool {
    node <= last_node && !nodes.contains_key(&node)
}

impl Meta {
    /// Where nodes are of which this register says nothing yet: what was told before, and by these, but for those that one of them knows to be gone. No
    /// number is given twice, so of whoever has no higher number than the register knows it speaks alone. No more are introduced than may be invited at once.
    pub fn introduced(&self, told: &BTreeMap<u32, String>, by: &[Acquaintance]) -> BTreeMap<u32, String> {
        let gone = |node: &u32| by.iter().any(|other| is_gone(*node, &other.nodes, other.last_node));
        let all = told.iter().chain(by.iter().flat_map(|other| &other.nodes));
        let new = all.filter(|(node, _)| **node > self.last_node && !gone(node));
        let new: BTreeMap<u32, String> = new.map(|(node, peer)| (*node, peer.clone())).collect();
        new.into_iter().take(INVITED_MAX).collect()
    }

    /// Whether a node is known here to be gone: the register has come to its number, and does not have it.
    pub fn is_gone(&self, node: u32) -> bool {
        is_gone(node, &self.nodes, self.last_node)
    }
}

#[cfg(test)]
mod tests {
    use super::super::MetaChange;
    use super::super::tests::cluster_of;
    use super::*;

    fn at(nodes: &[u32]) -> BTreeMap<u32, String> {
        nodes.iter().map(|node| (*node, format!("h{node}:1"))).collect()
    }

    fn knows(last_node: u32, nodes: &[u32]) -> Acquaintance {
        Acquaintance { nodes: at(nodes), last_node }
    }

    /// The register has heard of three.
    #[track_caller]
    fn introduces(told: &[u32], by: &[Acquaintance], expected: &[u32]) {
        assert_eq!(cluster_of(3).introduced(&at(told), by), at(expected));
    }

    #[test]
    fn who_came_later_is_introduced_and_whom_somebody_knows_to_be_gone_is_not() {
        introduces(&[], &[knows(4, &[1, 2, 4])], &[4]);
        introduces(&[4], &[knows(5, &[1, 2, 4, 5])], &[4, 5]);
        // One that is behind says nothing against it.
        introduces(&[], &[knows(4, &[1, 2, 4]), knows(3, &[1, 2, 3])], &[4]);
        // Node 4 was removed, and one of the two has not heard of that.
        introduces(&[], &[knows(4, &[1, 2, 4]), knows(5, &[1, 2, 5])], &[5]);
        introduces(&[4], &[knows(4, &[1, 2])], &[]);
        introduces(&[4], &[], &[4]);
    }

    #[test]
    fn no_more_are_introduced_than_can_have_come() {
        let many = at(&(4..1000).collect::<Vec<_>>());
        let told = cluster_of(3).introduced(&BTreeMap::new(), &[Acquaintance { nodes: many, last_node: 0 }]);
        assert_eq!(told, at(&(4..68).collect::<Vec<_>>()));
    }

    #[test]
    fn who_is_gone_is_told_from_who_is_not_known_so_far() {
        let mut meta = cluster_of(3);
        meta.apply(&MetaChange::Forget(3));
        assert_eq!([2, 3, 4].map(|node| meta.is_gone(node)), [false, true, false]);
    }

    #[test]
    fn of_those_of_whom_the_register_has_spoken_it_speaks_alone() {
        introduces(&[1, 3], &[knows(3, &[1, 2, 3])], &[]);
    }
}

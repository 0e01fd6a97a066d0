//! Of which nodes a register that is behind may be told by others than its leader.

use std::collections::BTreeMap;

use super::Meta;

/// What another node knows of the register.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Acquaintance {
    /// Where each node is.
    pub nodes: BTreeMap<u32, String>,
    /// The highest number that any node ever had. Whoever has no higher one and is not among the nodes is gone.
    pub last_node: u32,
}

impl Meta {
    /// Where nodes are of which this register says nothing yet: what was told before, and by these, but for those that one of them knows to be gone. No
    /// number is given twice, so of whoever has no higher number than the register knows it speaks alone.
    pub fn introduced(&self, told: &BTreeMap<u32, String>, by: &[Acquaintance]) -> BTreeMap<u32, String> {
        let gone = |node: &u32| by.iter().any(|other| *node <= other.last_node && !other.nodes.contains_key(node));
        let all = told.iter().chain(by.iter().flat_map(|other| &other.nodes));
        let new = all.filter(|(node, _)| **node > self.last_node && !gone(node));
        new.map(|(node, peer)| (*node, peer.clone())).collect()
    }
}

#[cfg(test)]
mod tests {
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
    fn of_those_of_whom_the_register_has_spoken_it_speaks_alone() {
        introduces(&[1, 3], &[knows(3, &[1, 2, 3])], &[]);
    }
}

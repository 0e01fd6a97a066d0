//! Who should vote in the meta group. Every node has a replica of it; few vote.

use std::cmp::Reverse;

use super::{Meta, MetaChange, REPLICAS};

impl Meta {
    /// Who should vote in the meta group, ascending: three nodes, or all where there are fewer. It is decided when nodes come and go for good: a voter
    /// keeps its vote until it is to leave, also while it does not run.
    pub fn meta_voters(&self) -> Vec<u32> {
        // A log may begin before this was decided.
        if self.meta_voters.is_empty() { self.chosen() } else { self.meta_voters.clone() }
    }

    /// What has to change for the right ones to vote.
    pub(super) fn choose_meta_voters(&self) -> Option<MetaChange> {
        let chosen = self.chosen();
        (chosen != self.meta_voters).then_some(MetaChange::MetaVoters(chosen))
    }

    /// Those who vote already and stay; a free place goes to a node that lives rather than another, and then to whoever was invited first.
    fn chosen(&self) -> Vec<u32> {
        let members = self.nodes.iter().filter(|(_, entry)| entry.holds_replicas());
        let mut members: Vec<_> = members.map(|(node, entry)| (self.meta_voters.contains(node), entry.lives, *node)).collect();
        members.sort_by_key(|(votes, lives, node)| (Reverse(*votes), Reverse(*lives), *node));
        let mut chosen: Vec<u32> = members.into_iter().map(|(_, _, node)| node).take(REPLICAS).collect();
        chosen.sort_unstable();
        chosen
    }
}

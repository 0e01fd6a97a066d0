//! Nodes that were asked to come: invitations run out when they have been open for too long.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::decide::Decided;
use super::{Meta, MetaChange, MetaDone, MetaRefusal, NodeEntry, NodeState};

/// Nodes that may be invited at a time: each has a certificate, and a place in every node's register.
pub(super) const INVITED_MAX: usize = 64;

impl Meta {
    /// Nodes that were invited and have not come; their invitations are [withdrawn](super::MetaRequest::Withdraw) at last. The nodes that the cluster began
    /// with may take their time.
    pub fn open_invitations(&self) -> BTreeSet<u32> {
        let open = |entry: &NodeEntry| entry.state == NodeState::Invited && entry.runs_out;
        self.nodes.iter().filter(|(_, entry)| open(entry)).map(|(node, _)| *node).collect()
    }

    pub(super) fn invite(&self, peer: &str) -> Decided {
        let open = self.nodes.values().filter(|entry| entry.state == NodeState::Invited).count();
        if open >= INVITED_MAX {
            return Err(MetaRefusal::TooManyInvited { max: INVITED_MAX as u32 });
        }
        let node = self.last_node.checked_add(1).ok_or(MetaRefusal::NoNumberLeft)?;
        let invited = MetaChange::Node(node, NodeEntry { runs_out: true, ..NodeEntry::invited(peer.to_owned()) });
        Ok((vec![invited], MetaDone::Invited(node)))
    }

    /// Who has come meanwhile stays.
    pub(super) fn withdraw(&self, node: u32) -> Vec<MetaChange> {
        self.open_invitations().take(&node).map(MetaChange::Forget).into_iter().collect()
    }
}

/// Since when the leader of meta has seen which invitation open. A new leader begins anew. Times are the leader's own, from any beginning: what calendars said
/// when a node was invited, and what they say later, may be hours apart.
#[derive(Debug, Default)]
pub struct OpenInvitations {
    term: Option<u64>,
    since: BTreeMap<u32, Duration>,
}

impl OpenInvitations {
    /// Which of those that are open have been so for too long, as the leader of this term sees it.
    pub fn look(&mut self, term: u64, now: Duration, open: &BTreeSet<u32>, max: Duration) -> Vec<u32> {
        if self.term != Some(term) {
            *self = OpenInvitations { term: Some(term), since: BTreeMap::new() };
        }
        self.since.retain(|node, _| open.contains(node));
        let over = |node: &u32| now.saturating_sub(*self.since.entry(*node).or_insert(now)) >= max;
        open.iter().copied().filter(over).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// At so many minutes, where an hour is too long.
    fn look(seen: &mut OpenInvitations, term: u64, minutes: u64, open: &[u32]) -> Vec<u32> {
        let open = open.iter().copied().collect();
        seen.look(term, Duration::from_secs(60 * minutes), &open, Duration::from_secs(3600))
    }

    #[test]
    fn an_invitation_runs_out_an_hour_after_the_leader_saw_it_first() {
        let mut seen = OpenInvitations::default();
        assert_eq!(look(&mut seen, 1, 0, &[4]), []);
        assert_eq!(look(&mut seen, 1, 30, &[4, 5]), []);
        assert_eq!(look(&mut seen, 1, 60, &[4, 5]), [4]);
        // Until it is withdrawn.
        assert_eq!(look(&mut seen, 1, 60, &[4, 5]), [4]);
        assert_eq!(look(&mut seen, 1, 60, &[5]), []);
        assert_eq!(look(&mut seen, 1, 90, &[4, 5]), [5], "node 4 is another invitation");
    }

    #[test]
    fn a_new_leader_begins_to_count() {
        let mut seen = OpenInvitations::default();
        assert_eq!(look(&mut seen, 1, 0, &[4]), []);
        assert_eq!(look(&mut seen, 2, 60, &[4]), []);
        assert_eq!(look(&mut seen, 2, 120, &[4]), [4]);
    }
}

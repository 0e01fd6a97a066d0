//! A leader that was elected in the middle of the change that takes it out, which an ordinary call would not bring about twice: openraft is told to write
//! that half alone.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::collections::{BTreeMap, BTreeSet};

use openraft::EmptyNode;
use openraft::async_runtime::watch::WatchReceiver as _;

use super::trial::Trial;
use super::types::{Membership, Payload};
use crate::{Leader, NodeId, NotCommitted, Refusal};

impl Trial {
    /// Who wrote the entry by which they are.
    fn written_by(&self, at: u64) -> Option<u64> {
        let metrics = self.groups[&at].0.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        metrics.membership_config.log_id().map(|id| id.leader_id.node_id)
    }

    /// The leader writes one entry about members, and waits until it is committed.
    async fn write(&self, leader: u64, configs: Vec<BTreeSet<u64>>) {
        let nodes: BTreeMap<_, _> = configs.iter().flatten().map(|node| (*node, EmptyNode::new())).collect();
        let membership = Membership::new(configs, nodes).unwrap();
        let written = self.groups[&leader].0.raft.append_membership(membership, Payload::Blank, []);
        self.limited("an entry about members is committed", written).await.unwrap();
    }

    /// Whoever leads, where the node that is to come in its place learns already.
    async fn leader_to_go(&self) -> u64 {
        let leader = self.leader().await;
        self.adds(leader, 4).await;
        leader
    }

    /// A node that leads a group of these.
    async fn leads(&self, voters: &BTreeSet<u64>) -> u64 {
        let leads = |node: &&u64| matches!(self.groups[node].leader().now(), Leader::Us(_)) && self.voters(**node) == *voters;
        self.within("one of them leads", || voters.iter().find(leads).copied()).await
    }
}

/// The voters of before and of after a change by which a node goes.
fn before_and_after(leaving: u64) -> [BTreeSet<u64>; 2] {
    [(1..=3).collect(), (1..=4).filter(|node| *node != leaving).collect()]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_hands_over_before_the_change_is_ended_that_takes_it_out() {
    let trial = Trial::start().await;
    let leader = trial.leader_to_go().await;
    let both = before_and_after(leader);
    let written = async {
        trial.write(leader, both.to_vec()).await;
        std::future::pending().await
    };
    let next = tokio::select! {
        next = trial.leads(&both[1]) => next,
        // Once it has handed over it need not hear what became of it.
        never = written => never,
    };
    assert_ne!(trial.written_by(next), Some(leader));
    trial.adds(next, leader).await;
    trial.end().await;
}

/// Who is seen to vote while a change is half done is more than who does in the end.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_change_that_was_half_done_is_ended_before_another_is_asked_for() {
    let trial = Trial::start().await;
    let leader = trial.leader().await;
    let (all, left) = (BTreeSet::from([1, 2, 3]), BTreeSet::from([leader, leader % 3 + 1]));
    let group = &trial.groups[&leader];
    let alone = trial.limited("nobody changes anything", group.0.membership.lock()).await;
    // It is the first to go on, before whoever ends such changes.
    let asked = group.remove(NodeId(leader % 3 + 1));
    let left_half_done = async {
        trial.write(leader, vec![all, left.clone()]).await;
        drop(alone);
    };
    let (refused, ()) = trial.limited("it refuses", futures_util::future::join(asked, left_half_done)).await;
    assert!(matches!(refused, Err(NotCommitted::Refused(Refusal::Membership(_)))), "{refused:?}");
    trial.within("the change is ended", || (trial.voters(leader) == left).then_some(())).await;
    trial.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_no_member_any_more_changes_nothing() {
    let trial = Trial::start().await;
    let leader = trial.leader_to_go().await;
    let both = before_and_after(leader);
    let group = &trial.groups[&leader];
    // Else it would hand over first.
    let alone = trial.limited("nobody changes anything", group.0.membership.lock()).await;
    trial.write(leader, both.to_vec()).await;
    trial.write(leader, both[1..].to_vec()).await;
    drop(alone);
    // It leads on for a moment.
    let refused = trial.limited("it refuses", group.remove(NodeId(4))).await;
    assert!(matches!(refused, Err(NotCommitted::Refused(Refusal::Membership(_)))), "{refused:?}");
    let next = trial.leads(&both[1]).await;
    trial.adds(next, leader).await;
    trial.end().await;
}

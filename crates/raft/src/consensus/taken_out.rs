//! A leader that was elected in the middle of the change that takes it out, which an ordinary call would not bring about twice: openraft is told to write
//! that half alone.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::EmptyNode;
use openraft::async_runtime::watch::WatchReceiver as _;
use tempfile::TempDir;
use tokio::net::TcpListener;

use super::types::{Membership, Payload};
use crate::transport::tests::authority::Authority;
use crate::{Applied, Group, GroupId, Leader, Node, NodeId, NotCommitted, Refusal, Settings, Sizes, Step, Timing};

const GROUP: GroupId = GroupId(1);

/// Nothing here takes longer, on a slow machine.
const LIMIT: Duration = Duration::from_secs(30);

/// Four nodes with a group on the first three.
struct Trial {
    nodes: BTreeMap<u64, Node>,
    groups: BTreeMap<u64, Group>,
    _root: TempDir,
}

impl Trial {
    async fn start() -> Trial {
        let (root, authority) = (tempfile::tempdir().unwrap(), Authority::new());
        let (mut nodes, mut addresses) = (BTreeMap::new(), BTreeMap::new());
        for id in 1..=4 {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            addresses.insert(NodeId(id), listener.local_addr().unwrap().to_string());
            let settings = Settings {
                dir: root.path().join(id.to_string()),
                identity: authority.identity("trial", NodeId(id)),
                timing: Timing::default(),
                sizes: Sizes::default(),
                accept_loss: String::new(),
            };
            nodes.insert(id, Node::open(settings, listener).await.unwrap());
        }
        nodes.values().for_each(|node| node.set_peers(addresses.clone()));
        let mut groups = BTreeMap::new();
        for (id, node) in nodes.iter().rev() {
            let started = if *id == 1 { node.create(GROUP, &[1, 2, 3].map(NodeId)).await } else { node.start(GROUP).await };
            let (group, applied) = started.unwrap();
            tokio::spawn(follow(applied));
            groups.insert(*id, group);
        }
        Trial { nodes, groups, _root: root }
    }

    /// Whoever leads.
    async fn leader(&self) -> u64 {
        let leads = |id: &&u64| matches!(self.groups[id].leader().now(), Leader::Us(_));
        self.within("a leader", || self.groups.keys().find(leads).copied()).await
    }

    async fn within<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(there) = look() {
                    return there;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::time::timeout(LIMIT, looking).await.unwrap_or_else(|_| panic!("{what}: not within {LIMIT:?}"))
    }

    /// Who wrote the entry by which they are.
    fn written_by(&self, at: u64) -> Option<u64> {
        let metrics = self.groups[&at].0.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        metrics.membership_config.log_id().map(|id| id.leader_id.node_id)
    }

    fn voters(&self, at: u64) -> BTreeSet<u64> {
        self.groups[&at].0.raft.server_metrics().borrow_watched().membership_config.voter_ids().collect()
    }

    /// The leader writes one entry about members, and waits until it is committed.
    async fn write(&self, leader: u64, configs: Vec<BTreeSet<u64>>) {
        let nodes: BTreeMap<_, _> = configs.iter().flatten().map(|node| (*node, EmptyNode::new())).collect();
        let membership = Membership::new(configs, nodes).unwrap();
        self.groups[&leader].0.raft.append_membership(membership, Payload::Blank, []).await.unwrap();
    }

    /// Whoever leads, where the node that is to come in its place learns already.
    async fn leader_to_go(&self) -> u64 {
        let leader = self.leader().await;
        self.groups[&leader].add_learner(NodeId(4)).await.unwrap();
        leader
    }

    /// A node that leads a group of these.
    async fn leads(&self, voters: &BTreeSet<u64>) -> u64 {
        let leads = |node: &&u64| matches!(self.groups[node].leader().now(), Leader::Us(_)) && self.voters(**node) == *voters;
        self.within("one of them leads", || voters.iter().find(leads).copied()).await
    }

    async fn end(self) {
        for node in self.nodes.values() {
            node.shutdown().await;
        }
    }
}

async fn follow(mut applied: Applied) {
    while let Some(step) = applied.next().await {
        match step {
            Step::Changes(answer) => answer.give(Vec::new()),
            Step::Freeze(answer) => answer.give(Box::new(std::iter::empty())),
            Step::State { .. } | Step::Entry { .. } => {}
        }
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
    trial.write(leader, both.to_vec()).await;
    let next = trial.leads(&both[1]).await;
    assert_ne!(trial.written_by(next), Some(leader));
    trial.groups[&next].add_learner(NodeId(leader)).await.unwrap();
    trial.end().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_leader_that_is_no_member_any_more_changes_nothing() {
    let trial = Trial::start().await;
    let leader = trial.leader_to_go().await;
    let both = before_and_after(leader);
    let group = &trial.groups[&leader];
    // Else it would hand over first.
    let alone = group.0.membership.lock().await;
    trial.write(leader, both.to_vec()).await;
    trial.write(leader, both[1..].to_vec()).await;
    drop(alone);
    // It leads on for a moment.
    let refused = group.remove(NodeId(4)).await;
    assert!(matches!(refused, Err(NotCommitted::Refused(Refusal::Membership(_)))), "{refused:?}");
    let next = trial.leads(&both[1]).await;
    trial.groups[&next].add_learner(NodeId(leader)).await.unwrap();
    trial.end().await;
}

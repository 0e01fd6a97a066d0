//! Four nodes of one process on loopback, with a group on the first three.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use tempfile::TempDir;
use tokio::net::TcpListener;

use crate::transport::tests::authority::Authority;
use crate::{Applied, Group, GroupId, Leader, Node, NodeId, Settings, Sizes, Step, Timing};

const GROUP: GroupId = GroupId(1);

/// Nothing here takes longer, on a slow machine.
const LIMIT: Duration = Duration::from_secs(30);

/// They run until they are ended.
pub(super) struct Trial {
    pub nodes: BTreeMap<u64, Node>,
    pub groups: BTreeMap<u64, Group>,
    _root: TempDir,
}

impl Trial {
    pub async fn start() -> Trial {
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
        nodes.values().for_each(|node| node.set_peers(addresses.clone(), None));
        let mut groups = BTreeMap::new();
        for (id, node) in nodes.iter().rev() {
            let started = if *id == 1 { node.create(GROUP, &[1, 2, 3].map(NodeId)).await } else { node.start(GROUP).await };
            let (group, applied) = started.unwrap();
            tokio::spawn(follow(applied));
            groups.insert(*id, group);
        }
        Trial { nodes, groups, _root: root }
    }

    /// Whoever leads; the first members are committed, so that others can be.
    pub async fn leader(&self) -> u64 {
        let begun = |group: &Group| group.0.raft.server_metrics().borrow_watched().committed_membership_config.log_id().is_some();
        let leads = |id: &&u64| matches!(self.groups[id].leader().now(), Leader::Us(_)) && begun(&self.groups[id]);
        self.within("a leader", || self.groups.keys().find(leads).copied()).await
    }

    /// What ends, or else the test has failed.
    pub async fn limited<T>(&self, what: &str, ending: impl Future<Output = T>) -> T {
        match tokio::time::timeout(LIMIT, ending).await {
            Ok(ended) => ended,
            Err(_) => panic!("{what}: not within {LIMIT:?}; {}", self.state()),
        }
    }

    /// For the message of a test that has failed.
    fn state(&self) -> String {
        let of = |(id, group): (&u64, &Group)| {
            format!("\nnode {id}: {:?} {:?}", group.leader().now(), group.0.raft.server_metrics().borrow_watched().clone())
        };
        self.groups.iter().map(of).collect()
    }

    pub async fn within<T>(&self, what: &str, look: impl Fn() -> Option<T>) -> T {
        let looking = async {
            loop {
                if let Some(there) = look() {
                    return there;
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        self.limited(what, looking).await
    }

    /// By the last entry about them that it has.
    pub fn voters(&self, at: u64) -> BTreeSet<u64> {
        self.groups[&at].0.raft.server_metrics().borrow_watched().membership_config.voter_ids().collect()
    }

    pub async fn adds(&self, leader: u64, learner: u64) {
        self.limited("a learner is added", self.groups[&leader].add_learner(NodeId(learner))).await.unwrap();
    }

    pub async fn end(self) {
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

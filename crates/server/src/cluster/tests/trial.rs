//! A cluster for a test: its directories, its addresses, and the nodes that run.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use conclave_cluster::meta::{Meta, MetaRequest};
use conclave_raft::{Applied, Group, Leader, Step, Timing};
use tempfile::TempDir;
use tokio::task::JoinHandle;
use tokio::time::{interval, timeout};
use tonic::service::Routes;

use crate::cluster::governing::reached;
use crate::cluster::{Cluster, ClusterError, ClusterSettings, ClusterTiming, join, number_of, prepare, raft_dir};
use crate::dev::members::{free_port, own_host};

pub const SHARDS: u16 = 4;

/// Nothing in these tests takes longer, on a slow machine.
const LIMIT: Duration = Duration::from_secs(20);

pub struct Trial {
    root: TempDir,
    /// Its own, so that nobody takes the port of a node that does not run.
    host: Ipv4Addr,
    addresses: BTreeMap<u32, SocketAddr>,
    nodes: BTreeMap<u32, Cluster>,
    pub invitation_max: Duration,
    pub log_entries_kept: u64,
    /// Who listens elsewhere than it was told to.
    moved: BTreeSet<u32>,
}

/// What a shard's user does at least.
fn take(_shard: u16, _group: Group, mut applied: Applied) {
    tokio::spawn(async move {
        while let Some(step) = applied.next().await {
            match step {
                Step::Changes(answer) => answer.give(Vec::new()),
                Step::Freeze(answer) => answer.give(Box::new(std::iter::empty())),
                Step::State { .. } | Step::Entry { .. } => {}
            }
        }
    });
}

impl Trial {
    pub fn new() -> Trial {
        Trial {
            root: tempfile::tempdir().unwrap(),
            host: own_host(),
            addresses: BTreeMap::new(),
            nodes: BTreeMap::new(),
            invitation_max: ClusterTiming::default().invitation_max,
            log_entries_kept: 1_000,
            moved: BTreeSet::new(),
        }
    }

    pub fn prepared(nodes: u32) -> Trial {
        let mut trial = Trial::new();
        let held: Vec<_> = (1..=nodes).map(|_| free_port(trial.host).unwrap()).collect();
        trial.addresses = (1..=nodes).zip(held.iter().map(|port| port.local_addr().unwrap())).collect();
        drop(held);
        let dirs: Vec<_> = trial.addresses.iter().map(|(node, address)| (trial.dir(*node), address.to_string())).collect();
        prepare(&dirs, Some(SHARDS)).unwrap();
        trial
    }

    /// A port that is free now, and known before the node starts.
    fn free_address(&self) -> SocketAddr {
        free_port(self.host).unwrap().local_addr().unwrap()
    }

    fn dir(&self, node: u32) -> PathBuf {
        self.root.path().join(format!("node{node}"))
    }

    fn settings(&self, node: u32) -> ClusterSettings {
        let heartbeat = Duration::from_millis(100);
        let raft = Timing { heartbeat, election_min: 3 * heartbeat, election_max: 5 * heartbeat, ..Timing::default() };
        ClusterSettings {
            dir: self.dir(node),
            peer_listen: self.moved.contains(&node).then(|| self.addresses[&node]),
            peer_advertise: None,
            shards: SHARDS,
            initial_nodes: 1,
            version: "1".to_owned(),
            clients: Vec::new(),
            http: None,
            log_entries_kept: self.log_entries_kept,
            service: Default::default(),
            timing: ClusterTiming {
                silent_max: Duration::from_secs(2),
                dead_max: Duration::from_millis(200),
                calm: Duration::from_millis(200),
                look_again: Duration::from_millis(50),
                invitation_max: self.invitation_max,
                raft,
            },
        }
    }

    pub fn node(&self, node: u32) -> &Cluster {
        &self.nodes[&node]
    }

    pub fn name(&self, node: u32) -> String {
        self.node(node).0.identity.record.cluster.clone()
    }

    /// A directory with nothing in it.
    pub async fn start_alone(&mut self) {
        let address = self.free_address();
        crate::cluster::init(&self.dir(1), None, None, Some(address.to_string())).unwrap();
        self.addresses.insert(1, address);
        self.start(1).await;
    }

    pub async fn start(&mut self, node: u32) {
        let cluster = self.try_start(node).await.unwrap();
        self.nodes.insert(node, cluster);
    }

    /// It is not kept.
    pub async fn try_start(&self, node: u32) -> Result<Cluster, ClusterError> {
        let starting = Cluster::start(self.settings(node), Routes::default(), Box::new(take));
        self.within("the node starts, or says why not", starting).await
    }

    /// From its next start on it is at another address.
    pub fn moves(&mut self, node: u32) {
        self.addresses.insert(node, self.free_address());
        self.moved.insert(node);
    }

    pub async fn start_all(&mut self) {
        let starting = self.addresses.keys().map(|node| {
            let task = self.starting(*node);
            async move { (*node, task.await.unwrap().unwrap()) }
        });
        let started = self.within("all nodes start", futures_util::future::join_all(starting)).await;
        self.nodes = started.into_iter().collect();
    }

    /// It starts while others do something else.
    pub fn starting(&self, node: u32) -> JoinHandle<Result<Cluster, ClusterError>> {
        tokio::spawn(Cluster::start(self.settings(node), Routes::default(), Box::new(take)))
    }

    pub async fn started(&mut self, node: u32, starting: JoinHandle<Result<Cluster, ClusterError>>) {
        let cluster = self.within("the node starts", starting).await.unwrap().unwrap();
        self.nodes.insert(node, cluster);
    }

    pub async fn join(&mut self, node: u32) {
        let address = self.free_address();
        let token = self.node(1).invite(address.to_string()).await.unwrap();
        assert_eq!(token.node(), node);
        join(&self.dir(node), &token.to_string()).unwrap();
        self.addresses.insert(node, address);
        self.start(node).await;
    }

    pub async fn end(&mut self, node: u32) {
        let cluster = self.nodes.remove(&node).unwrap();
        self.within("the node ends", cluster.end()).await;
    }

    pub async fn end_all(&mut self) {
        let ending = self.nodes.values().map(Cluster::end);
        self.within("all nodes end", futures_util::future::join_all(ending)).await;
        self.nodes.clear();
    }

    /// Without a word to anybody.
    pub async fn kill(&mut self, node: u32) {
        let cluster = self.nodes.remove(&node).unwrap();
        cluster.0.stop.cancel();
        self.within("the node's files are closed", cluster.raft().shutdown()).await;
    }

    /// Of a node that does not run.
    pub fn lose_state(&self, node: u32) {
        std::fs::remove_dir_all(raft_dir(&self.dir(node)).join("state")).unwrap();
    }

    /// Takes a node out, and waits until it knows.
    pub async fn remove(&mut self, node: u32) {
        let other = *self.nodes.keys().find(|other| **other != node).unwrap();
        self.node(other).ask(MetaRequest::Remove { node }).await.unwrap();
        let reason = self.within("the node hears that it was removed", self.node(node).failed()).await;
        assert!(reason.contains("removed"), "{reason}");
        self.kill(node).await;
    }

    pub async fn within<T>(&self, what: &str, future: impl Future<Output = T>) -> T {
        match timeout(LIMIT, future).await {
            Ok(done) => done,
            Err(_) => panic!("not in {LIMIT:?}: {what}; {}", self.state()),
        }
    }

    pub async fn until(&self, what: &str, mut reached: impl FnMut() -> bool) {
        let looking = async {
            let mut ticks = interval(Duration::from_millis(10));
            while !reached() {
                ticks.tick().await;
            }
        };
        self.within(what, looking).await;
    }

    /// Waits until this holds on all nodes.
    pub async fn everywhere(&self, holds: impl Fn(&Meta) -> bool) {
        for cluster in self.nodes.values() {
            let mut meta = cluster.meta();
            self.within("all nodes know", meta.wait_for(|meta| holds(meta))).await.unwrap();
        }
    }

    /// Waits until exactly these nodes have replicas of all shards, each shard is led by the one whom the register prefers, and all nodes reach each other.
    pub async fn settled(&self, nodes: &[u32]) {
        let nodes: BTreeSet<u32> = nodes.iter().copied().collect();
        let placed = |shard: u16| {
            self.nodes.values().all(|cluster| {
                let meta = cluster.0.meta();
                let voters: BTreeSet<u32> =
                    meta.placement(shard).map(|placement| placement.voters.iter().copied().collect()).unwrap_or_default();
                voters == nodes && reached(&cluster.0).is_superset(&nodes)
            })
        };
        let led =
            |shard: u16| self.leads(shard).is_some_and(|leader| self.node(leader).0.meta().preferred_home(shard) == Some(leader));
        self.until("every shard is where it should be", || (0..SHARDS).all(|shard| placed(shard) && led(shard))).await;
    }

    pub fn leads(&self, shard: u16) -> Option<u32> {
        let leads = |cluster: &&Cluster| cluster.group(shard).is_some_and(|group| matches!(group.leader().now(), Leader::Us(_)));
        self.nodes.values().find(leads).map(|cluster| cluster.0.node)
    }

    pub async fn leads_nothing(&self, node: u32) {
        let cluster = self.node(node);
        let is_led = |group: &Group| matches!(group.leader().now(), Leader::Other(other) if number_of(other) != Some(node));
        self.until("the node leads nothing", || {
            (0..SHARDS).all(|shard| cluster.group(shard).is_none_or(|group| is_led(&group))) && is_led(&cluster.0.meta_group)
        })
        .await;
    }

    /// By what a node has heard.
    pub fn vote_in_meta(&self, by: u32) -> BTreeSet<u32> {
        self.node(by).0.meta_group.status().voters.into_iter().filter_map(number_of).collect()
    }

    pub async fn leader_of_meta(&self) -> u32 {
        let leads = |cluster: &&Cluster| matches!(cluster.0.meta_group.leader().now(), Leader::Us(_));
        self.until("meta is led", || self.nodes.values().any(|cluster| leads(&cluster))).await;
        self.nodes.values().find(leads).map(|cluster| cluster.0.node).unwrap()
    }

    /// For the message of a test that has failed.
    fn state(&self) -> String {
        let of = |cluster: &Cluster| {
            let groups: Vec<_> = (0..SHARDS).map(|shard| cluster.group(shard).map(|group| brief(&group))).collect();
            let placements: Vec<_> = (0..SHARDS).map(|shard| format!("{:?}", cluster.0.meta().placement(shard))).collect();
            format!("\nnode {}: meta {}, groups {groups:?}\n  {placements:?}", cluster.0.node, brief(&cluster.0.meta_group))
        };
        self.nodes.values().map(of).collect()
    }
}

fn brief(group: &Group) -> String {
    let status = group.status();
    format!("{:?} {:?} of {:?} + {:?}", group.leader().now(), status.applied, status.voters, status.learners)
}

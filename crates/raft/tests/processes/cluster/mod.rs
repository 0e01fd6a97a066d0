//! A cluster of real processes: the program `replicated-map`, one process for each node, spoken to over its control port.

mod agreement;
mod authority;
mod control;
mod node;
mod waiting;
mod wires;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use authority::Authority;
use tempfile::TempDir;
use wires::Wires;

pub use control::Control;
pub use node::{Ended, Node};
pub use waiting::{seen_within, within};

/// The cluster's name.
pub const CLUSTER: &str = "trial.example";

/// For an answer that needs nothing but the node itself, or a cluster that is well.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a cluster is made of.
#[derive(Debug, Clone, Copy)]
pub struct Plan<'a> {
    /// Nodes 1 to so many.
    pub nodes: u64,
    /// Groups 1 to so many; all nodes vote in each.
    pub groups: u32,
    /// Further arguments of the program.
    pub arguments: &'a [&'a str],
    /// Disks forget what was not synced.
    pub forgetful: bool,
    /// Nodes reach each other over wires that can be cut. That a node is dead shows less well then: its wire still accepts.
    pub wired: bool,
}

impl Default for Plan<'_> {
    fn default() -> Self {
        Self { nodes: 3, groups: 4, arguments: &[], forgetful: false, wired: false }
    }
}

/// So small that checkpoints and purges happen all the time.
pub const SMALL: &[&str] =
    &["--checkpoint-entries", "40", "--checkpoint-ms", "200", "--keep-entries", "20", "--segment-bytes", "65536"];

/// The processes end with it.
#[derive(Debug)]
pub struct Cluster {
    pub groups: u32,
    /// How long it may take until a node answers, or a group has a leader.
    pub patience: Duration,
    nodes: BTreeMap<u64, Node>,
    authority: Authority,
    arguments: Vec<String>,
    forgetful: bool,
    wires: Option<Wires>,
    // Behind the nodes: it goes when they are gone.
    root: TempDir,
}

impl Cluster {
    /// Starts all nodes, makes the groups, and waits until each has a leader.
    pub fn start(plan: Plan<'_>) -> Self {
        let mut cluster = Self::without_groups(plan);
        cluster.start_all();
        for group in 1..=plan.groups {
            cluster.create_group(group, &(1..=plan.nodes).collect::<Vec<_>>());
        }
        for group in 1..=plan.groups {
            cluster.leader(group);
        }
        cluster
    }

    /// The nodes alone, none of them started.
    pub fn without_groups(plan: Plan<'_>) -> Self {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut cluster = Self {
            groups: plan.groups,
            patience: PATIENCE,
            nodes: BTreeMap::new(),
            authority: Authority::new(&root.path().join("certificates")),
            arguments: plan.arguments.iter().map(|&argument| argument.to_owned()).collect(),
            forgetful: plan.forgetful,
            wires: None,
            root,
        };
        (1..=plan.nodes).for_each(|id| cluster.add_node(id));
        if plan.wired {
            cluster.wires = Some(Wires::new(&cluster.nodes.values().map(|node| (node.id, node.peer_address)).collect()));
        }
        cluster
    }

    /// One more node, with an empty directory; not started.
    pub fn add_node(&mut self, id: u64) {
        let arguments: Vec<&str> = self.arguments.iter().map(String::as_str).collect();
        let node = Node::new(id, self.root.path(), self.authority.issue(id), &arguments, self.forgetful);
        self.nodes.insert(id, node);
    }

    /// All nodes get to know all others.
    pub fn introduce(&self) {
        for id in self.answering() {
            assert_eq!(self.ask(id, &self.peers_line(id)), "ok");
        }
    }

    /// Where a node reaches the others.
    fn peers_line(&self, of: u64) -> String {
        let address = |node: &Node| match &self.wires {
            Some(wires) if node.id != of => wires.address(of, node.id),
            _ => node.peer_address,
        };
        let peers = self.nodes.values().map(|node| format!(" {}={}", node.id, address(node)));
        format!("peers{}", peers.collect::<String>())
    }

    pub fn wires(&self) -> &Wires {
        self.wires.as_ref().expect("the cluster is wired")
    }

    /// A new group of these voters; the first makes it.
    pub fn create_group(&self, group: u32, voters: &[u64]) {
        let list = voters.iter().map(u64::to_string).collect::<Vec<_>>().join(",");
        // Leaders should be spread, and whoever makes a group leads it first.
        let maker = voters[group as usize % voters.len()];
        for other in voters.iter().filter(|other| **other != maker) {
            assert_eq!(self.ask(*other, &format!("start {group}")), "ok");
        }
        assert_eq!(self.ask(maker, &format!("create {group} {list}")), "ok");
    }

    pub fn node(&mut self, id: u64) -> &mut Node {
        self.nodes.get_mut(&id).unwrap_or_else(|| panic!("there is no node {id}"))
    }

    /// Of all processes that run.
    #[allow(dead_code)] // the benchmark asks
    pub fn pids(&self) -> Vec<u32> {
        self.nodes.values().filter_map(Node::pid).collect()
    }

    pub fn ids(&self) -> Vec<u64> {
        self.nodes.keys().copied().collect()
    }

    /// Those that run and are not paused.
    pub fn answering(&self) -> Vec<u64> {
        self.nodes.values().filter(|node| node.answers()).map(|node| node.id).collect()
    }

    /// Where each node answers lines.
    pub fn control_addresses(&self) -> BTreeMap<u64, SocketAddr> {
        self.nodes.iter().map(|(id, node)| (*id, node.control_address)).collect()
    }

    /// Starts a node and tells it its peers, upon which the groups that it has on disk start.
    pub fn start_node(&mut self, id: u64) {
        self.try_start_node(id).unwrap_or_else(|ended| panic!("node {id} did not start: {ended:?}"));
    }

    /// As `start_node`, where it may also refuse: at once, or when it meets its peers.
    pub fn try_start_node(&mut self, id: u64) -> Result<(), Ended> {
        self.node(id).start()?;
        self.tell_peers(&[id]).map_err(|(_, ended)| ended)
    }

    /// Starts all that do not run.
    pub fn start_all(&mut self) {
        self.try_start_all().unwrap_or_else(|(id, ended)| panic!("node {id} did not start: {ended:?}"));
    }

    pub fn try_start_all(&mut self) -> Result<(), (u64, Ended)> {
        let down: Vec<u64> = self.nodes.values().filter(|node| !node.runs()).map(|node| node.id).collect();
        for id in &down {
            self.node(*id).start().map_err(|ended| (*id, ended))?;
        }
        self.tell_peers(&down)
    }

    /// All at once, since a node that lost its state answers only when its peers have helped it.
    fn tell_peers(&mut self, ids: &[u64]) -> Result<(), (u64, Ended)> {
        let cluster = &*self;
        let answers: Vec<Option<String>> = std::thread::scope(|scope| {
            let asked: Vec<_> =
                ids.iter().map(|id| scope.spawn(move || cluster.try_ask(*id, &cluster.peers_line(*id)))).collect();
            asked.into_iter().map(|thread| thread.join().expect("a question is asked")).collect()
        });
        for (id, answer) in ids.iter().zip(answers) {
            // A node that is just ending answers with what that breaks off.
            if answer.as_deref() != Some("ok") {
                let mut ended = self.node(*id).ended_or_stuck();
                ended.said += &answer.unwrap_or_default();
                return Err((*id, ended));
            }
        }
        Ok(())
    }

    /// kill -9 of these, as nearly at once as can be.
    pub fn kill(&mut self, ids: &[u64]) {
        ids.iter().for_each(|id| self.node(*id).kill());
    }

    /// The power of these nodes goes: they are killed, and their disks keep what was synced; with a whim (a seed) a part of the rest as well.
    pub fn lose_power(&mut self, ids: &[u64], whim: Option<u64>) {
        self.kill(ids);
        for id in ids {
            let disk = self.node(*id).disk.clone().expect("its disk is forgetful");
            disk.lose_power(whim.map(|seed| seed ^ *id)).expect("the power goes");
        }
    }

    /// Asks a node something that it must be able to answer.
    pub fn ask(&self, id: u64, line: &str) -> String {
        let address = self.nodes[&id].control_address;
        let answer = Control::connect(address, self.patience).and_then(|mut control| control.ask(line));
        answer.unwrap_or_else(|error| panic!("node {id} does not answer \"{line}\": {error}"))
    }

    /// The same where it may not answer.
    pub fn try_ask(&self, id: u64, line: &str) -> Option<String> {
        Control::connect(self.nodes[&id].control_address, self.patience).and_then(|mut control| control.ask(line)).ok()
    }

    /// Who says now that it leads the group, among those that answer.
    pub fn leader_now(&self, group: u32) -> Option<u64> {
        self.answering()
            .into_iter()
            .find(|id| self.try_ask(*id, &format!("lead {group}")).is_some_and(|answer| answer.starts_with("us ")))
    }

    /// Waits for a leader.
    pub fn leader(&self, group: u32) -> u64 {
        within(self.patience, &format!("a leader of group {group}"), || self.leader_now(group))
    }

    /// One value of a group's status line on a node.
    pub fn status(&self, id: u64, group: u32, key: &str) -> String {
        let line = self.ask(id, &format!("status {group}"));
        let value = line.split(' ').find_map(|pair| pair.strip_prefix(key)?.strip_prefix('='));
        value.unwrap_or_else(|| panic!("no {key} in \"{line}\"")).to_owned()
    }

    /// The same as a number; `None` for one that does not exist yet.
    pub fn status_number(&self, id: u64, group: u32, key: &str) -> Option<u64> {
        self.status(id, group, key).parse().ok()
    }

    /// Asks whoever leads, until it answers so; other answers and changes of leader are waited out.
    pub fn ask_leader_until(&self, group: u32, line: &str, good: impl Fn(&str) -> bool) -> String {
        let mut last = String::new();
        let answer = seen_within(2 * self.patience, || {
            let answer = self.try_ask(self.leader_now(group)?, line)?;
            last.clone_from(&answer);
            good(&answer).then_some(answer)
        });
        answer.unwrap_or_else(|| panic!("group {group}: \"{line}\" was answered with \"{last}\""))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A paused process would end as well, but one that runs says more.
        self.nodes.values_mut().for_each(Node::kill);
        if std::thread::panicking() {
            for node in self.nodes.values() {
                eprintln!("---- node {} said last ----\n{}", node.id, node.last_words());
            }
        }
    }
}

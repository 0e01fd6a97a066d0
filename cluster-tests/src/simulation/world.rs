//! Nodes, clients, the log and the network together.

mod connections;
mod members;
mod replicas;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use conclave_cluster::home::HomeSettings;
use conclave_muc::Service;
use conclave_xmpp::Element;

use super::chaos::{End, Fault, FaultNote};
use super::client::Client;
use super::edge_task::{self, EdgeTask};
use super::log::Log;
use super::net::{Event, Net, NetSettings};
use super::oracle::Oracle;
use super::replica_task::{self, ReplicaTask};
use super::store::Store;
use crate::history::History;

/// How a world is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Nodes; the first three have replicas.
    pub nodes: u32,
    /// Milliseconds for which a detached session keeps its seat.
    pub grace_ms: u64,
    /// Whether there is somebody who judges the play when it is over, so that it goes on where replicas do not agree.
    pub judged: bool,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { nodes: 3, grace_ms: 1500, judged: false }
    }
}

/// Nodes with a replica.
const REPLICAS: u32 = 3;

/// The newest number of every node, and whether it lives.
type Register = BTreeMap<u32, (u32, bool)>;

pub(crate) struct Node {
    pub replica: Option<ReplicaTask>,
    pub edge: EdgeTask,
    pub alive: bool,
    /// What its disk has.
    store: Store,
    /// How much of the register it has heard.
    heard: usize,
    /// Incarnations that its process has been, or is about to be.
    registered: BTreeSet<u32>,
    /// The id of its next session: ids begin behind those of processes that began earlier, by the clock of the machine.
    next_session: u64,
    /// It does not hear of new entries.
    pub lags: bool,
}

/// A cluster and its clients.
pub struct World {
    pub(crate) net: Net,
    pub(crate) log: Log,
    pub(crate) nodes: BTreeMap<u32, Node>,
    settings: Settings,
    home: HomeSettings,
    service: Arc<Service>,
    /// What the register said, one after the other.
    register: Vec<Register>,
    numbers: u32,
    /// All sessions that there ever were.
    pub clients: Vec<Client>,
    /// What clients did and saw.
    pub history: History,
    frozen: BTreeMap<u64, (u32, Store)>,
    /// Where replicas did not agree, if the play went on.
    disagreements: Vec<String>,
    /// What ends when, of which fault.
    pub(crate) ends: Vec<Option<(u32, Fault, End)>>,
    seed: u64,
    /// What clients were sent and nobody has taken yet.
    arrivals: Vec<(usize, Element)>,
    pub(crate) fault_notes: Vec<FaultNote>,
    pub(crate) faults: u32,
}

impl World {
    /// A cluster that has a home.
    pub fn new(seed: u64, settings: Settings) -> World {
        let mut dice = crate::dice::Dice::new(seed ^ 0x5151_5151);
        let latency_max = *dice.pick(&[2, 10, 60]);
        let said_max = *dice.pick(&[12, 40, 4096]);
        let net = Net::new(seed, NetSettings { latency_max, said_max });
        let service = Service {
            admins: Vec::new(),
            creation_restricted: false,
            occupants_max: 100,
            history_max: 1000,
            groupchat_bytes_max: 2000,
            room_messages_per_second: 0,
            lock_milliseconds: 100_000,
            secret: [7; 32],
        };
        let mut world = World {
            net,
            log: Log::default(),
            nodes: BTreeMap::new(),
            home: HomeSettings { grace_ms: settings.grace_ms, sessions_per_account_max: 100 },
            settings,
            service: Arc::new(service),
            register: vec![Register::new()],
            numbers: 0,
            clients: Vec::new(),
            history: History::default(),
            frozen: BTreeMap::new(),
            disagreements: Vec::new(),
            ends: Vec::new(),
            seed,
            arrivals: Vec::new(),
            fault_notes: Vec::new(),
            faults: 0,
        };
        for node in 1..=world.settings.nodes {
            world.start(node, Store::default());
            world.net.after(u64::from(node), Event::TickReplica(node));
            world.net.after(u64::from(node), Event::TickEdge(node));
        }
        let first = 1 + world.net.up_to(u64::from(world.replica_nodes().len() as u32 - 1)) as u32;
        world.elect(first);
        let attended = world.run_until(10_000, |world| world.nodes.values().all(|node| node.edge.attends()));
        assert!(attended, "no home in ten seconds without a fault");
        world
    }

    /// From which all chance comes.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// What clients were sent since this was last asked, in the order in which it came.
    pub fn take_arrivals(&mut self) -> Vec<(usize, Element)> {
        std::mem::take(&mut self.arrivals)
    }

    /// Faults that began or ended since this was last asked.
    pub fn take_fault_notes(&mut self) -> Vec<FaultNote> {
        std::mem::take(&mut self.fault_notes)
    }

    /// Milliseconds since the beginning.
    pub fn now(&self) -> u64 {
        self.net.now
    }

    /// A number up to and including `max`, by the seed.
    pub fn up_to(&mut self, max: u64) -> u64 {
        self.net.up_to(max)
    }

    /// The nodes with a replica.
    pub fn replica_nodes(&self) -> Vec<u32> {
        (1..=self.settings.nodes.min(REPLICAS)).collect()
    }

    /// The nodes that live.
    pub fn living(&self) -> Vec<u32> {
        self.nodes.iter().filter(|(_, node)| node.alive).map(|(id, _)| *id).collect()
    }

    /// Who leads.
    pub fn leader(&self) -> Option<u32> {
        self.log.leader()
    }

    /// Lets so many milliseconds pass.
    pub fn run(&mut self, milliseconds: u64) {
        let until = self.net.now + milliseconds;
        self.run_until(milliseconds, |_| false);
        self.net.now = until;
    }

    /// Lets time pass until something is so, at most so many milliseconds. Whether it is.
    pub fn run_until(&mut self, milliseconds: u64, mut is_so: impl FnMut(&World) -> bool) -> bool {
        let until = self.net.now + milliseconds;
        loop {
            if is_so(self) {
                return true;
            }
            match self.net.next_before(until) {
                Some(event) => self.happen(event),
                None => return false,
            }
        }
    }

    fn happen(&mut self, event: Event) {
        self.log.now = self.net.now;
        let World { net, log, nodes, .. } = self;
        match event {
            Event::ToReplica(link) => {
                if let Some((edge, replica, word)) = net.take_word(link)
                    && let Some(task) = nodes.get_mut(&replica).filter(|node| node.alive).and_then(|node| node.replica.as_mut())
                {
                    task.hear(link, edge, word, net, log);
                }
            }
            Event::ToEdge(link) => {
                if let Some((edge, said)) = net.take_said(link)
                    && let Some(node) = nodes.get_mut(&edge.node).filter(|node| node.alive)
                {
                    node.edge.hear(link, said, net);
                    if std::mem::take(&mut node.edge.missed) {
                        self.rebind_all(edge.node);
                    }
                    self.read(edge.node);
                }
            }
            Event::EndAtEdge(link) => self.end_at_edge(link),
            Event::EndAtReplica(link) => self.end_at_replica(link),
            Event::GiveUp(link) => net.give_up(link),
            Event::NoAnswer(link) => {
                if let Some(node) = net.links.get(&link).map(|link| link.edge.node)
                    && let Some(node) = nodes.get_mut(&node)
                {
                    node.edge.no_answer(link, net);
                }
                net.sweep();
            }
            Event::Commit => {
                if !log.stalled && log.commit() {
                    if net.once_in(4) {
                        log.commit_late();
                    }
                    self.spread();
                }
            }
            Event::Apply(node) => self.apply(node),
            Event::Leader(node) => self.note_leader(node),
            Event::Refused(node, term) => self.with_replica(node, |task, net, log| task.refused(term, net, log)),
            Event::BarrierTest(node, round, term) => {
                self.with_replica(node, |task, net, log| task.test_barrier(round, term, net, log));
            }
            Event::BarrierEnd(node, round, passed) => {
                self.with_replica(node, |task, net, log| task.end_barrier(round, passed, net, log));
            }
            Event::Register(node) => self.hear_register(node),
            Event::TickReplica(node) => {
                net.after(replica_task::TICK, Event::TickReplica(node));
                self.with_replica(node, |task, net, log| task.tick(net, log));
            }
            Event::TickEdge(node) => {
                net.after(edge_task::TICK, Event::TickEdge(node));
                if let Some(node) = nodes.get_mut(&node).filter(|node| node.alive) {
                    node.edge.tick(net);
                }
                self.read(node);
            }
            Event::Retry(node, retry) => {
                if let Some(node) = nodes.get_mut(&node).filter(|node| node.alive) {
                    node.edge.find_home(retry, net);
                }
            }
            Event::RegisterAnew(node, former) => {
                let taken_for_dead =
                    self.register.last().is_some_and(|living| living.get(&former.node) == Some(&(former.number, false)));
                if taken_for_dead && self.nodes[&node].alive && self.nodes[&node].edge.me == former {
                    self.enrol(node);
                }
            }
            Event::Fault(end) => self.end_fault(end),
        }
    }

    fn with_replica(&mut self, node: u32, act: impl FnOnce(&mut ReplicaTask, &mut Net, &mut Log)) {
        let World { net, log, nodes, .. } = self;
        if let Some(task) = nodes.get_mut(&node).filter(|node| node.alive).and_then(|node| node.replica.as_mut()) {
            act(task, net, log);
        }
    }

    fn end_at_edge(&mut self, link: u64) {
        let World { net, nodes, .. } = self;
        let Some(open) = net.links.get_mut(&link).filter(|link| link.edge_open) else { return };
        open.edge_open = false;
        let node = open.edge.node;
        if let Some(node) = nodes.get_mut(&node).filter(|node| node.alive) {
            node.edge.hear(link, None, net);
        }
        self.read(node);
    }

    fn end_at_replica(&mut self, link: u64) {
        let Some(open) = self.net.links.get_mut(&link).filter(|link| link.replica_open) else { return };
        open.replica_open = false;
        let (edge, replica) = (open.edge, open.replica);
        self.with_replica(replica, |task, net, log| task.hear(link, edge, None, net, log));
    }

    /// Another node leads from now on, or nobody. Those who led before learn it late.
    pub fn elect(&mut self, node: u32) {
        let before = self.log.leader();
        self.lead(Some(node));
        for id in self.living() {
            let delay = if Some(id) == before { self.net.up_to(2000) } else { self.net.up_to(if id == node { 60 } else { 300 }) };
            self.net.after(delay, Event::Leader(id));
        }
        self.spread();
    }

    pub(crate) fn lead(&mut self, node: Option<u32>) {
        self.log.now = self.net.now;
        let survive = self.net.up_to(self.log.waiting() as u64) as usize;
        let late = if self.net.once_in(4) { self.net.up_to(3) as usize } else { 0 };
        self.log.elect(node, survive, late);
    }

    /// Nothing is committed for a while, or it is again.
    pub(crate) fn stall(&mut self, stalled: bool) {
        self.log.stalled = stalled;
        for _ in 0..self.log.waiting() {
            self.net.after(1, Event::Commit);
        }
    }

    pub(crate) fn spread(&mut self) {
        for node in self.living() {
            let delay = if self.log.leader() == Some(node) { self.net.up_to(3) } else { self.net.up_to(40) };
            self.net.after(delay, Event::Apply(node));
        }
    }

    fn apply(&mut self, id: u32) {
        if self.nodes.get(&id).is_none_or(|node| node.lags) {
            return;
        }
        let many = 1 + self.net.up_to(6);
        self.with_replica(id, |task, net, log| task.apply(many, net, log));
        let applied = self.nodes[&id].replica.as_ref().map(|task| task.replica.shard().applied());
        if applied.is_some_and(|applied| applied < self.log.last()) {
            let delay = self.net.up_to(4);
            self.net.after(delay, Event::Apply(id));
        }
        if self.net.once_in(40) {
            self.checkpoint(id);
        }
    }

    fn note_leader(&mut self, id: u32) {
        let Some(leader) = self.log.leader() else { return };
        let leads = (leader, self.log.term());
        let World { net, log, nodes, .. } = self;
        let Some(node) = nodes.get_mut(&id).filter(|node| node.alive) else { return };
        if let Some(task) = node.replica.as_mut() {
            task.leader = Some(leads);
            task.note_leader(net, log);
            node.edge.note_leader(Some(leader), net);
        }
    }

    /// Who sees everything. All replicas have agreed with it wherever they were looked at.
    pub fn oracle(&self) -> Oracle {
        Oracle::of(&self.log, self.home, |replica| {
            let index = replica.shard().applied();
            if let Some((node, there)) = self.frozen.get(&index) {
                let what = format!("a replica that read all of the log, and node {node}, at {index}");
                if let Some(difference) = replicas::difference(&Store::frozen(replica), there, &what) {
                    panic!("{difference}");
                }
            }
        })
    }

    /// What is under way.
    pub fn unrest(&self) -> String {
        let mut lines = vec![format!("leader {:?}, log {}, waiting {}", self.log.leader(), self.log.last(), self.log.waiting())];
        for (id, node) in &self.nodes {
            let replica = node.replica.as_ref().map(|task| {
                (task.replica.shard().applied(), task.replica.is_home(), task.replica.serves(), task.replica.in_flight())
            });
            let edge = (node.edge.attends(), node.edge.unanswered());
            lines.push(format!(
                "node {id} alive {} replica (applied, home, serves, in flight) {replica:?} edge (attends, unanswered) {edge:?}",
                node.alive
            ));
        }
        for client in self.clients.iter().filter(|client| client.connected && !client.pending.is_empty()) {
            lines.push(format!("{} on {} waits for {:?}", client.label(), client.node, client.pending));
        }
        lines.join("\n")
    }

    /// Whether nothing is under way: everything is answered, every replica has everything.
    pub fn is_quiet(&self) -> bool {
        let last = self.log.last();
        let quiet = |node: &Node| {
            let has_all = node.replica.as_ref().is_none_or(|task| task.replica.shard().applied() == last);
            !node.alive || (node.edge.attends() && node.edge.unanswered() == 0 && has_all)
        };
        self.nodes.values().all(quiet) && self.log.waiting() == 0
    }
}

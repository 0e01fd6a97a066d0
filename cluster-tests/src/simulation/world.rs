//! Nodes, clients, the log and the network together.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use conclave_cluster::Incarnation;
use conclave_cluster::home::HomeSettings;
use conclave_cluster::request::{Ask, Request};
use conclave_muc::{Service, Session};
use conclave_xmpp::{BareJid, Element, FullJid, Stanza};

use super::client::Client;
use super::edge_task::{self, Bound, EdgeTask};
use super::log::Log;
use super::net::{Event, Net, NetSettings};
use super::oracle::Oracle;
use super::replica_task::{self, ReplicaTask};
use super::stanzas;
use super::store::Store;
use crate::history::{self, History, Line};

/// How a world is.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Nodes; the first three have replicas.
    pub nodes: u32,
    /// Milliseconds for which a detached session keeps its seat.
    pub grace_ms: u64,
}

impl Default for Settings {
    fn default() -> Settings {
        Settings { nodes: 3, grace_ms: 1500 }
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
    next_session: u64,
    /// What clients did and saw.
    pub history: History,
    frozen: BTreeMap<u64, (u32, Store)>,
    pub(crate) ends: Vec<Option<super::chaos::End>>,
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
            next_session: 1,
            history: History::default(),
            frozen: BTreeMap::new(),
            ends: Vec::new(),
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

    // --- time

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

    // --- the log

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

    // --- replicas

    /// The store of a replica takes in what has changed. All replicas must agree at the same entry.
    pub fn checkpoint(&mut self, id: u32) {
        let Some(node) = self.nodes.get_mut(&id).filter(|node| node.alive) else { return };
        let Some(task) = node.replica.as_mut() else { return };
        task.store.checkpoint(&mut task.replica);
        node.store = task.store.clone();
        let frozen = Store::frozen(&task.replica);
        compare(&node.store, &frozen, &format!("what node {id} stored step by step, against all of it"));
        let index = frozen.index.unwrap_or(0);
        match self.frozen.get(&index) {
            Some((other, there)) => compare(&frozen, there, &format!("node {id} against node {other} at entry {index}")),
            None => drop(self.frozen.insert(index, (id, frozen))),
        }
    }

    /// A replica that is behind gets the state of another. Whether it was behind.
    pub fn install(&mut self, to: u32, from: u32) -> bool {
        let applied = |node: &Node| node.replica.as_ref().map(|task| task.replica.shard().applied());
        let Some(newer) = self.nodes.get(&from).filter(|node| node.alive) else { return false };
        let behind = self.nodes.get(&to).is_some_and(|node| node.alive && applied(node) < applied(newer));
        let Some(store) = newer.replica.as_ref().filter(|_| behind).map(|task| Store::frozen(&task.replica)) else {
            return false;
        };
        if let Some(node) = self.nodes.get_mut(&to)
            && let Some(task) = node.replica.as_mut()
        {
            node.store = store.clone();
            task.install(store, &mut self.net);
        }
        true
    }

    /// A replica does not hear of new entries, or does again.
    pub fn lag(&mut self, id: u32, lags: bool) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.lags = lags;
        }
        self.net.after(0, Event::Apply(id));
    }

    /// A replica begins anew from all that it has, and has none of the frames.
    pub fn reload(&mut self, id: u32) {
        if let Some(task) = self.nodes.get_mut(&id).and_then(|node| node.replica.as_mut()) {
            let store = Store::frozen(&task.replica);
            task.install(store, &mut self.net);
        }
    }

    /// How many times replicas were compared.
    pub fn checkpoints(&self) -> usize {
        self.frozen.len()
    }

    /// Nothing passes from one node to another any more, or it does again.
    pub fn cut(&mut self, from: u32, to: u32, cut: bool) {
        self.net.cut(from, to, cut);
    }

    // --- nodes

    fn start(&mut self, id: u32, store: Store) {
        let replicas = self.replica_nodes();
        let skew = self.net.up_to(5000);
        let replica = replicas
            .contains(&id)
            .then(|| ReplicaTask::start(id, self.home, self.service.clone(), store.clone(), skew, self.net.now));
        let edge = EdgeTask::start(id, replicas);
        let heard = 0;
        let node = Node { replica, edge, alive: true, store, heard, registered: BTreeSet::new(), lags: false };
        self.nodes.insert(id, node);
        self.enrol(id);
        for _ in 0..self.register.len() {
            self.net.after(0, Event::Register(id));
        }
        self.net.after(0, Event::Apply(id));
        let delay = self.net.up_to(300);
        self.net.after(delay, Event::Leader(id));
    }

    /// A node dies, with all that is not on its disk.
    pub fn kill(&mut self, id: u32) {
        let Some(node) = self.nodes.get_mut(&id).filter(|node| node.alive) else { return };
        node.alive = false;
        self.net.break_all_of(id);
        for at in 0..self.clients.len() {
            if self.clients[at].node == id && self.clients[at].connected {
                self.cut_off(at);
            }
        }
        if self.log.leader() == Some(id) {
            self.lead(None);
            self.spread();
        }
    }

    /// A node that died begins anew from its disk.
    pub fn restart(&mut self, id: u32) {
        if self.nodes[&id].alive {
            return;
        }
        let store = self.nodes[&id].store.clone();
        self.start(id, store);
    }

    /// A node is taken for dead, whether it is or not.
    pub fn declare_dead(&mut self, id: u32) {
        let mut living = self.register.last().cloned().unwrap_or_default();
        if let Some((_, lives)) = living.get_mut(&id) {
            *lives = false;
        }
        self.publish(living);
    }

    fn enrol(&mut self, id: u32) {
        self.numbers += 1;
        let mut living = self.register.last().cloned().unwrap_or_default();
        living.insert(id, (self.numbers, true));
        if let Some(node) = self.nodes.get_mut(&id) {
            node.registered.insert(self.numbers);
        }
        self.publish(living);
    }

    fn publish(&mut self, living: Register) {
        self.register.push(living);
        for id in self.living() {
            let longest = if self.net.once_in(4) { 1500 } else { 100 };
            let delay = self.net.up_to(longest);
            self.net.after(delay, Event::Register(id));
        }
    }

    fn hear_register(&mut self, id: u32) {
        let World { net, log, nodes, register, .. } = self;
        let Some(node) = nodes.get_mut(&id).filter(|node| node.alive) else { return };
        let Some(living) = register.get(node.heard).cloned() else { return };
        node.heard += 1;
        let mine = living.get(&id).filter(|(number, _)| node.registered.contains(number)).copied();
        let me = mine.filter(|(_, lives)| *lives).map(|(number, _)| Incarnation { node: id, number });
        let former = node.edge.me;
        if former.number != 0 && mine == Some((former.number, false)) {
            let delay = 20 + net.up_to(800);
            net.after(delay, Event::RegisterAnew(id, former));
        }
        let me = me.filter(|me| me.number > former.number);
        let me_first = net.once_in(2);
        if let Some(task) = node.replica.as_mut() {
            if let Some(me) = me.filter(|_| me_first) {
                task.note_me(me, net, log);
            }
            let newest = living.into_iter().map(|(node, (number, lives))| (Incarnation { node, number }, lives));
            task.note_living(newest.collect(), net, log);
            if let Some(me) = me {
                task.note_me(me, net, log);
            }
        }
        if let Some(me) = me {
            node.edge.note_me(me, net);
        }
    }

    // --- clients

    /// A client connects to a node, as another session of an account. Returns its place among the clients.
    pub fn connect(&mut self, name: &str, node: u32) -> usize {
        self.connect_as(name, "r", node)
    }

    /// The same under a resource.
    pub fn connect_as(&mut self, name: &str, resource: &str, node: u32) -> usize {
        let account = BareJid::parse(&format!("{name}@example.org")).unwrap_or_else(|error| panic!("{error}"));
        let jid: FullJid = account.with_resource(resource).unwrap_or_else(|error| panic!("{error}"));
        let session = Session { jid, id: self.next_session };
        self.next_session += 1;
        let client = Client::new(name, node, session.clone());
        let bound = Bound { session: session.clone(), inbox: client.inbox.clone(), replaced: client.replaced.clone() };
        if let Some(node) = self.nodes.get_mut(&node) {
            assert!(node.alive, "a client connects to a node that is dead");
            node.edge.sessions.bound.insert(session.id, bound);
        }
        self.clients.push(client);
        self.clients.len() - 1
    }

    /// The connection of a client ends, and its node knows.
    pub fn disconnect(&mut self, client: usize) {
        self.ask(client, Ask::Gone(Vec::new()));
        let (node, id) = (self.clients[client].node, self.clients[client].session.id);
        if let Some(node) = self.nodes.get_mut(&node) {
            node.edge.sessions.bound.remove(&id);
        }
        self.cut_off(client);
    }

    fn cut_off(&mut self, at: usize) {
        let client = &mut self.clients[at];
        client.connected = false;
        client.pending.clear();
        let rooms: Vec<String> = std::mem::take(&mut client.stays).into_keys().collect();
        for send in std::mem::take(&mut client.sends) {
            self.record(at, stanzas::ROOM, history::Event::Unknown { send });
        }
        for room in rooms {
            self.record(at, &room, history::Event::Left { why: "cut off".to_owned() });
        }
    }

    /// A client sends a stanza to a room.
    pub fn send(&mut self, client: usize, stanza: Element) {
        let to = stanza.attribute("to").unwrap_or_default();
        let room = to.split('/').next().unwrap_or_default().to_owned();
        if stanza.name() == "message"
            && let Some(send) = stanza.attribute("id").map(str::to_owned)
        {
            self.clients[client].sends.insert(send.clone());
            self.record(client, &room, history::Event::Invoke { send });
        }
        let stanza = Stanza::from_element(stanza).unwrap_or_else(|error| panic!("{error:?}"));
        let room = BareJid::parse(&room).unwrap_or_else(|error| panic!("{error}"));
        self.ask(client, Ask::Room(room, stanza));
    }

    fn ask(&mut self, at: usize, ask: Ask) {
        let client = &mut self.clients[at];
        let number = client.next_number;
        client.next_number += 1;
        client.pending.insert(number);
        let (session, node) = (client.session.clone(), client.node);
        if let Some(node) = self.nodes.get_mut(&node).filter(|node| node.alive) {
            node.edge.ask(Request { session, number, floor: number, ask }, &mut self.net);
        }
    }

    /// The clients of a node read what they were sent.
    fn read(&mut self, id: u32) {
        let Some(node) = self.nodes.get_mut(&id) else { return };
        let answered = std::mem::take(&mut node.edge.answered);
        for at in 0..self.clients.len() {
            if self.clients[at].node != id || !self.clients[at].connected {
                continue;
            }
            let stanzas = std::mem::take(&mut *self.clients[at].inbox.borrow_mut());
            for bytes in stanzas {
                for (room, event) in self.clients[at].take(self.net.now, stanzas::parse(&bytes)) {
                    self.record(at, &room, event);
                }
            }
            for (session, number, _) in &answered {
                let client = &mut self.clients[at];
                if client.session.id == *session && !client.pending.remove(number) {
                    client.oddities.push(format!("request {number} is answered again"));
                }
            }
        }
    }

    fn record(&mut self, client: usize, room: &str, event: history::Event) {
        let client = &self.clients[client];
        // Lines have an order of their own.
        let at = self.history.lines.len() as u64;
        self.history.lines.push(Line { at, session: client.label(), node: client.node, room: room.to_owned(), event });
    }

    // --- what it comes to

    /// Who sees everything. All replicas have agreed with it wherever they were looked at.
    pub fn oracle(&self) -> Oracle {
        Oracle::of(&self.log, self.home, |replica| {
            let index = replica.shard().applied();
            if let Some((node, there)) = self.frozen.get(&index) {
                compare(
                    &Store::frozen(replica),
                    there,
                    &format!("a replica that read all of the log, and node {node}, at {index}"),
                );
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

fn compare(one: &Store, other: &Store, what: &str) {
    if one.records == other.records {
        return;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let keys: BTreeSet<&Vec<u8>> = one.records.keys().chain(other.records.keys()).collect();
    let differs = keys.into_iter().filter(|key| one.records.get(*key) != other.records.get(*key));
    let lines = differs.map(|key| {
        let value = |store: &Store| store.records.get(key).map(|value| text(value));
        format!("\n  {}: {:?} / {:?}", text(key), value(one), value(other))
    });
    panic!("{what} (entries {:?} and {:?}): the records differ:{}", one.index, other.index, lines.collect::<String>());
}

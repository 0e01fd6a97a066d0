//! What the server's task of a shard does, without its queues and futures.

use std::collections::VecDeque;
use std::sync::Arc;

use conclave_cluster::delivery::Delivery;
use conclave_cluster::delivery_codec::{Attend, ToEdge, ToHome};
use conclave_cluster::home::{HomeSettings, Output};
use conclave_cluster::replica::Attendance;
use conclave_cluster::request::Request;
use conclave_cluster::{Frame, Incarnation, Lives, Replica};
use conclave_muc::{Context, Service};
use conclave_xmpp::Timestamp;

use super::log::Log;
use super::net::{Event, Net};
use super::store::Store;

/// An office in which nothing is committed for so long is begun anew.
const STUCK_MAX: u64 = 6000;

/// Behind a barrier that was not passed.
const BARRIER_PAUSE: u64 = 50;

/// Between two looks at the clock.
pub const TICK: u64 = 100;

struct Subscriber {
    edge: Incarnation,
    link: u64,
    last: u64,
    at_home: bool,
}

/// A replica on a node.
pub struct ReplicaTask {
    node: u32,
    me: Incarnation,
    pub replica: Replica,
    /// What is on disk.
    pub store: Store,
    service: Arc<Service>,
    /// The term in which this node is the home, or is about to be.
    office: Option<u64>,
    /// Who leads in which term, by what is known here.
    pub leader: Option<(u32, u64)>,
    subscribers: Vec<Subscriber>,
    requests: VecDeque<(Incarnation, u64, Request)>,
    barrier: Option<u64>,
    barriers: u64,
    progress: u64,
    /// Since when anything is in flight.
    waits_since: Option<u64>,
    out: Vec<Output>,
    /// How far its clock is from the true one.
    skew: u64,
}

impl ReplicaTask {
    /// Begins from what is on disk.
    pub fn start(node: u32, home: HomeSettings, service: Arc<Service>, store: Store, skew: u64, now: u64) -> ReplicaTask {
        let mut replica = Replica::new(home);
        replica.restore(store.index, &store.pairs()).unwrap_or_else(|error| panic!("node {node} reads its store: {error}"));
        ReplicaTask {
            node,
            me: Incarnation { node, number: 0 },
            replica,
            store,
            service,
            office: None,
            leader: None,
            subscribers: Vec::new(),
            requests: VecDeque::new(),
            barrier: None,
            // Rounds of a process that died must not be taken for ours.
            barriers: now << 20,
            progress: 0,
            waits_since: None,
            out: Vec::new(),
            skew,
        }
    }

    /// Takes in the next entries, at most so many.
    pub fn apply(&mut self, many: u64, net: &mut Net, log: &mut Log) {
        for _ in 0..many {
            let index = self.replica.shard().applied() + 1;
            match log.get(index).cloned() {
                None => break,
                Some(None) => self.replica.pass(index),
                Some(Some(bytes)) => {
                    let folded = self.replica.committed(index, &bytes, net.now, &mut self.out);
                    folded.unwrap_or_else(|error| panic!("entry {index}: {error}"));
                    self.carry_out_outputs(net, log);
                }
            }
            self.progress = net.now;
            self.waits_since = self.waits_since.filter(|_| self.replica.in_flight() > 0);
        }
        self.carry_out(net, log);
    }

    /// A state is put in the place of this one's.
    pub fn install(&mut self, store: Store, net: &mut Net) {
        self.replica.restore(store.index, &store.pairs()).unwrap_or_else(|error| panic!("a state: {error}"));
        self.store = store;
        self.office = None;
        for subscriber in std::mem::take(&mut self.subscribers) {
            net.close_by_replica(subscriber.link);
        }
    }

    /// It is told who leads.
    pub fn note_leader(&mut self, net: &mut Net, log: &mut Log) {
        match self.leader {
            Some((node, term)) if node == self.node && self.office == Some(term) => {}
            Some((node, term)) if node == self.node => {
                self.resign(net);
                if self.me.number != 0 {
                    self.office = Some(term);
                    self.progress = net.now;
                    self.replica.begin(self.me, Timestamp(net.now + self.skew), &mut self.out);
                }
            }
            Some(_) => self.resign(net),
            None => {}
        }
        self.carry_out(net, log);
    }

    /// The log did not take a proposal.
    pub fn refused(&mut self, term: u64, net: &mut Net, log: &mut Log) {
        if self.office == Some(term) {
            self.resign(net);
            self.note_leader(net, log);
        }
    }

    /// This node is another incarnation now.
    pub fn note_me(&mut self, me: Incarnation, net: &mut Net, log: &mut Log) {
        if self.me != me {
            self.me = me;
            self.resign(net);
            self.note_leader(net, log);
        }
    }

    /// Who lives, by the register.
    pub fn note_living(&mut self, living: Lives, net: &mut Net, log: &mut Log) {
        self.replica.living(living, &mut self.out);
        self.carry_out(net, log);
    }

    fn resign(&mut self, net: &mut Net) {
        self.office = None;
        self.replica.end();
        // What the former office wanted is not the next one's to do.
        self.out.retain(|output| matches!(output, Output::Frame(_)));
        self.barrier = None;
        self.waits_since = None;
        self.requests.clear();
        let home = self.known_home();
        for subscriber in std::mem::take(&mut self.subscribers) {
            if subscriber.at_home {
                net.say_to_edge(subscriber.link, &ToEdge::NotHome { home });
                net.close_by_replica(subscriber.link);
            } else {
                self.subscribers.push(subscriber);
            }
        }
    }

    fn known_home(&self) -> Option<u32> {
        self.leader.map(|(node, _)| node)
    }

    /// A word of an edge; nothing is its end.
    pub fn hear(&mut self, link: u64, edge: Incarnation, word: Option<ToHome>, net: &mut Net, log: &mut Log) {
        match word {
            Some(ToHome::Attend(attend)) => self.attend(&attend, edge, link, net),
            Some(ToHome::Request(request)) => {
                if self.subscribers.iter().any(|subscriber| subscriber.link == link && subscriber.at_home) {
                    self.requests.push_back((edge, link, *request));
                }
            }
            Some(ToHome::Acknowledge(index)) => self.replica.acknowledged(edge.node, index),
            None => self.drop_subscribers(net, |subscriber| subscriber.link == link),
        }
        self.carry_out(net, log);
    }

    fn attend(&mut self, attend: &Attend, edge: Incarnation, link: u64, net: &mut Net) {
        let at_home = !attend.away_from_home;
        match self.replica.attend(edge, attend, &mut self.out) {
            Attendance::NotHome => self.send_off(link, self.known_home(), net),
            Attendance::Unknown => self.send_off(link, Some(self.node), net),
            Attendance::Missing => {
                net.say_to_edge(link, &ToEdge::Missing);
                net.close_by_replica(link);
            }
            Attendance::Joined { epoch, from, reset, frames } => {
                let mut subscriber = Subscriber { edge, link, last: from, at_home };
                let mut listens = net.say_to_edge(link, &ToEdge::Joined { epoch, from, reset });
                for frame in frames {
                    listens = listens && send(&mut subscriber, &frame, net);
                }
                self.drop_subscribers(net, |other| other.edge.node == edge.node && other.at_home == at_home);
                if listens {
                    self.subscribers.push(subscriber);
                } else {
                    net.close_by_replica(link);
                }
            }
        }
    }

    fn send_off(&self, link: u64, home: Option<u32>, net: &mut Net) {
        net.say_to_edge(link, &ToEdge::NotHome { home });
        net.close_by_replica(link);
    }

    fn drop_subscribers(&mut self, net: &mut Net, whom: impl Fn(&Subscriber) -> bool) {
        self.subscribers.retain(|subscriber| {
            let dropped = whom(subscriber);
            if dropped {
                net.close_by_replica(subscriber.link);
            }
            !dropped
        });
    }

    fn carry_out(&mut self, net: &mut Net, log: &mut Log) {
        loop {
            self.carry_out_outputs(net, log);
            if !self.replica.has_room() || self.requests.is_empty() {
                return;
            }
            let context = Context { now: Timestamp(net.now + self.skew), service: self.service.clone(), rooms_full: false };
            while self.replica.has_room()
                && let Some((from, link, request)) = self.requests.pop_front()
            {
                if self.subscribers.iter().any(|subscriber| subscriber.link == link) {
                    self.replica.request(from, &request, &context, &mut self.out);
                }
            }
        }
    }

    fn carry_out_outputs(&mut self, net: &mut Net, log: &mut Log) {
        if self.office.is_some() && !self.replica.is_home() {
            self.resign(net);
        }
        for output in std::mem::take(&mut self.out) {
            match (output, self.office) {
                (Output::Propose(entry), Some(term)) => self.propose(entry, term, net, log),
                (Output::Barrier, Some(term)) => {
                    self.barriers += 1;
                    self.barrier = Some(self.barriers);
                    let delay = net.up_to(20);
                    net.after(delay, Event::BarrierTest(self.node, self.barriers, term));
                }
                (Output::Frame(frame), _) => self.say(&frame, net),
                (Output::Propose(_) | Output::Barrier, None) => {}
            }
        }
    }

    fn propose(&mut self, entry: Vec<u8>, term: u64, net: &mut Net, log: &mut Log) {
        self.waits_since.get_or_insert(net.now);
        let delay = 1 + net.up_to(15);
        if log.propose(self.node, term, entry) {
            net.after(delay, Event::Commit);
        } else {
            net.after(delay, Event::Refused(self.node, term));
        }
    }

    /// A barrier is put to the test.
    pub fn test_barrier(&self, round: u64, term: u64, net: &mut Net, log: &Log) {
        let passed = log.leads(self.node, term) && !log.stalled;
        let delay = net.up_to(10) + if passed { 0 } else { BARRIER_PAUSE };
        net.after(delay, Event::BarrierEnd(self.node, round, passed));
    }

    /// A barrier's outcome is known.
    pub fn end_barrier(&mut self, round: u64, passed: bool, net: &mut Net, log: &mut Log) {
        if self.barrier == Some(round) {
            self.barrier = None;
            self.replica.barrier_ended(passed, &mut self.out);
            self.carry_out(net, log);
        }
    }

    fn say(&mut self, frame: &Frame, net: &mut Net) {
        self.subscribers.retain_mut(|subscriber| {
            let listens = !frame.concerns(subscriber.edge.node) || send(subscriber, frame, net);
            if !listens {
                net.close_by_replica(subscriber.link);
            }
            listens
        });
    }

    /// Time passes.
    pub fn tick(&mut self, net: &mut Net, log: &mut Log) {
        self.replica.tick(net.now, Timestamp(net.now + self.skew), &mut self.out);
        let applied = self.replica.shard().applied();
        self.subscribers.retain_mut(|subscriber| {
            let behind = subscriber.last < applied;
            subscriber.last = subscriber.last.max(applied);
            let listens = !behind || net.say_to_edge(subscriber.link, &ToEdge::Position(applied));
            if !listens {
                net.close_by_replica(subscriber.link);
            }
            listens
        });
        let since = self.waits_since.map(|since| since.max(self.progress));
        if self.office.is_some() && since.is_some_and(|since| net.now - since > STUCK_MAX) {
            self.resign(net);
            self.note_leader(net, log);
        }
        self.carry_out(net, log);
    }
}

fn send(subscriber: &mut Subscriber, frame: &Frame, net: &mut Net) -> bool {
    let previous = subscriber.last;
    match frame.index {
        Some(index) if index <= subscriber.last => return true,
        Some(index) => subscriber.last = index,
        None if !subscriber.at_home => return true,
        None => {}
    }
    net.say_to_edge(subscriber.link, &ToEdge::Frame { previous, delivery: Box::new(Delivery::of(frame)) })
}

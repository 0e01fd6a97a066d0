//! One task per replica of a shard on this node: it drives the pure replica with what the log commits, proposes what the home decides, and says
//! to edges what there is to say.

mod group;
mod replicas;
mod subscriber;

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use conclave_cluster::Incarnation;
use conclave_cluster::delivery::Delivery;
use conclave_cluster::delivery_codec::Attend;
use conclave_cluster::frame::Frame;
use conclave_cluster::home::Output;
use conclave_cluster::meta::Meta;
use conclave_cluster::replica::{Attendance, Replica};
use conclave_cluster::request::Request;
use conclave_muc::Context;
use conclave_raft::{Applied, Group, Leader, LeaderWatch, Leadership, Step};
use conclave_xmpp::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{error, info, warn};

use crate::delivery::{Prepared, Said};
use crate::home_terms::HomeTerms;
use crate::metrics::Metrics;
use crate::{ticks, vital};

use group::{barrier, propose};
pub use replicas::{Figures, Replicas};
pub use subscriber::Subscriber;

/// How often the task looks whose time is over, and tells edges how far it is.
const TICK: Duration = Duration::from_millis(100);

/// Steps that are taken at once before anything else has its turn.
const STEPS_AT_ONCE: usize = 256;

/// An office in which nothing of what was proposed is committed for so long is begun anew: whatever became of it, edges repeat what is unanswered.
const STUCK_MAX: Duration = Duration::from_secs(6);

/// What comes to a shard's task.
#[derive(Debug)]
pub enum ToShard {
    /// An edge wants to attend.
    Attend {
        /// How.
        attend: Attend,
        /// Where it is told things.
        subscriber: Subscriber,
    },
    /// An edge that attends asks something.
    Request {
        /// The edge.
        from: Incarnation,
        /// By which of its links.
        link: u64,
        /// What.
        request: Box<Request>,
    },
    /// An edge has everything up to here.
    Acknowledge {
        /// The edge's node.
        node: u32,
        /// The index.
        index: u64,
    },
    /// An edge attends no more.
    Left {
        /// By this link.
        link: u64,
    },
}

/// What all shards of this node share.
#[derive(Clone)]
pub struct Shared {
    /// Where edges find them.
    pub replicas: Arc<Replicas>,
    /// What this node is.
    pub me: watch::Receiver<Incarnation>,
    /// Who lives.
    pub meta: watch::Receiver<Arc<Meta>>,
    /// What homes go by.
    pub terms: watch::Receiver<HomeTerms>,
    /// Rooms of all shards that have a replica here.
    pub rooms: Arc<AtomicUsize>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// Starts the task of a replica. It ends when the group is stopped here.
pub fn start(shared: Shared, shard: u16, group: Group, applied: Applied) {
    // What comes in is bounded by what sessions may leave unanswered.
    let (inbox, receiver) = mpsc::unbounded_channel();
    shared.replicas.put(shard, inbox);
    let (proposals, refused) = propose(group.clone());
    let terms = shared.terms.borrow().clone();
    let task = ShardTask {
        replica: Replica::new(terms.home),
        terms,
        shared,
        shard,
        leader: group.leader().now(),
        group,
        office: None,
        proposals,
        subscribers: Vec::new(),
        early: Vec::new(),
        requests: VecDeque::new(),
        barrier: None,
        began: Instant::now(),
        progress: Instant::now(),
        proposed_at: VecDeque::new(),
        out: Vec::new(),
        rooms_counted: 0,
    };
    vital::spawn("a shard's replica", task.run(receiver, applied, refused));
}

type BarrierRound = Pin<Box<dyn Future<Output = bool> + Send>>;

struct ShardTask {
    shared: Shared,
    shard: u16,
    group: Group,
    replica: Replica,
    terms: HomeTerms,
    leader: Leader,
    /// In whose time we are the home, or are about to be.
    office: Option<Leadership>,
    proposals: mpsc::UnboundedSender<(Leadership, Bytes)>,
    subscribers: Vec<Subscriber>,
    /// Edges that came before this home serves, which is a matter of milliseconds.
    early: Vec<(Attend, Subscriber)>,
    /// Requests for which there was no room so far.
    requests: VecDeque<(Incarnation, u64, Box<Request>)>,
    barrier: Option<BarrierRound>,
    began: Instant,
    /// When something was last committed.
    progress: Instant,
    /// When the entries in flight were proposed.
    proposed_at: VecDeque<Instant>,
    out: Vec<Output>,
    rooms_counted: usize,
}

impl ShardTask {
    async fn run(
        mut self,
        mut inbox: mpsc::UnboundedReceiver<ToShard>,
        mut applied: Applied,
        mut refused: mpsc::UnboundedReceiver<Leadership>,
    ) {
        let (mut meta, mut me, mut terms) = (self.shared.meta.clone(), self.shared.me.clone(), self.shared.terms.clone());
        let mut leader: LeaderWatch = self.group.leader();
        let mut ticks = ticks::every(TICK);
        self.note_living();
        loop {
            tokio::select! {
                biased;
                step = applied.next() => match step {
                    Some(step) => self.follow(step, &mut applied),
                    None => break,
                },
                change = leader.changed() => match change {
                    Some(leader) => self.note_leader(leader),
                    None => break,
                },
                Some(office) = refused.recv() => {
                    // Who still leads then begins anew with the next tick: what refused this would refuse that.
                    if self.office == Some(office) {
                        info!(shard = self.shard, %office, "the log did not take what was proposed; this office is over");
                        self.resign();
                    }
                }
                passed = round(&mut self.barrier) => {
                    self.barrier = None;
                    self.replica.barrier_ended(passed, &mut self.out);
                }
                Ok(()) = meta.changed() => self.note_living(),
                Ok(()) = terms.changed() => self.note_terms(terms.borrow_and_update().clone()),
                Ok(()) = me.changed() => {
                    self.resign();
                    self.note_leader(leader.now());
                }
                word = inbox.recv() => match word {
                    Some(word) => self.hear(word),
                    None => break,
                },
                _ = ticks.tick() => self.tick(&leader),
            }
            self.carry_out();
        }
        self.shared.replicas.note(self.shard, None);
        self.count_rooms(0);
    }

    /// Takes this step and all others that there are by now, within reason.
    fn follow(&mut self, first: Step, applied: &mut Applied) {
        let mut next = Some(first);
        for _ in 0..STEPS_AT_ONCE {
            let Some(step) = next else { break };
            self.step(step);
            next = applied.try_next();
        }
        if let Some(step) = next {
            self.step(step);
        }
        self.progress = Instant::now();
        self.count_rooms(self.replica.shard().room_count());
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::State { index, pairs } => {
                self.replica.restore(index, &pairs).unwrap_or_else(|undecodable| self.stop(index.unwrap_or(0), &undecodable));
                self.office = None;
                self.subscribers.clear();
            }
            Step::Entry { index, proposal: None } => self.replica.pass(index),
            Step::Entry { index, proposal: Some(entry) } => {
                let now = self.now();
                let folded = self.replica.committed(index, &entry, now, &mut self.out);
                folded.unwrap_or_else(|undecodable| self.stop(index, &undecodable));
                self.count_commits();
                self.carry_out();
                self.let_in_the_early();
            }
            Step::Changes(answer) => {
                let changes = self.replica.changes().into_iter();
                answer.give(changes.map(|(key, value)| (key.into(), value.map(Into::into))).collect());
            }
            Step::Freeze(answer) => {
                let records = self.replica.freeze();
                answer.give(Box::new(records.map(|(key, value)| (key.into(), value.into()))));
            }
        }
    }

    /// To go on would be to skip a change that others have made.
    fn stop(&self, index: u64, undecodable: &dyn std::fmt::Display) -> ! {
        error!(shard = self.shard, index, "{undecodable}; this process ends");
        std::process::exit(1)
    }

    fn count_commits(&mut self) {
        let metrics = &self.shared.metrics;
        while self.proposed_at.len() > self.replica.in_flight() {
            let Some(at) = self.proposed_at.pop_front() else { break };
            metrics.commits.inc();
            metrics.commit_seconds.observe(at.elapsed());
        }
    }

    fn note_leader(&mut self, leader: Leader) {
        self.leader = leader;
        match leader {
            Leader::Us(office) if self.office == Some(office) => {}
            Leader::Us(office) => {
                let me = *self.shared.me.borrow();
                self.resign();
                if me.number != 0 {
                    info!(shard = self.shard, %office, "this node becomes the home");
                    self.office = Some(office);
                    self.progress = Instant::now();
                    self.replica.begin(me, wall_clock(), &mut self.out);
                }
            }
            Leader::Other(_) => self.resign(),
            // Nobody else was heard of. What is said goes through a barrier or the log, so an office that is over says nothing.
            Leader::Nobody => {}
        }
    }

    /// This node is not the home any more, or has to begin anew: edges look for the home, and repeat what is unanswered.
    fn resign(&mut self) {
        self.office = None;
        self.replica.end();
        // What the former office wanted is not the next one's to do.
        self.out.retain(|output| matches!(output, Output::Frame(_)));
        self.barrier = None;
        self.requests.clear();
        self.let_in_the_early();
        self.proposed_at.clear();
        self.send_away();
    }

    fn send_away(&mut self) {
        let home = self.known_home();
        self.subscribers.retain(|subscriber| {
            if subscriber.at_home {
                subscriber.say(Said::NotHome { home });
            }
            !subscriber.at_home
        });
    }

    fn known_home(&self) -> Option<u32> {
        match self.leader {
            Leader::Other(node) => u32::try_from(node.0).ok(),
            Leader::Us(_) => Some(self.shared.me.borrow().node),
            Leader::Nobody => None,
        }
    }

    fn note_living(&mut self) {
        let living = self.shared.meta.borrow_and_update().incarnations();
        self.replica.living(living, &mut self.out);
    }

    fn note_terms(&mut self, terms: HomeTerms) {
        self.replica.set(terms.home);
        self.terms = terms;
    }

    fn hear(&mut self, word: ToShard) {
        match word {
            ToShard::Attend { attend, subscriber } if self.is_about_to_serve() && !attend.away_from_home => {
                self.early.push((attend, subscriber));
            }
            ToShard::Attend { attend, subscriber } => self.attend(&attend, subscriber),
            ToShard::Request { from, link, request } => {
                if self.subscribers.iter().any(|subscriber| subscriber.link == link && subscriber.at_home) {
                    self.requests.push_back((from, link, request));
                }
            }
            ToShard::Acknowledge { node, index } => self.replica.acknowledged(node, index),
            ToShard::Left { link } => {
                self.subscribers.retain(|subscriber| subscriber.link != link);
                self.early.retain(|(_, subscriber)| subscriber.link != link);
            }
        }
    }

    fn is_about_to_serve(&self) -> bool {
        self.replica.is_home() && self.replica.serves().is_none()
    }

    fn let_in_the_early(&mut self) {
        if !self.is_about_to_serve() {
            for (attend, subscriber) in std::mem::take(&mut self.early) {
                self.attend(&attend, subscriber);
            }
        }
    }

    fn attend(&mut self, attend: &Attend, mut subscriber: Subscriber) {
        let at_home = !attend.away_from_home;
        match self.replica.attend(subscriber.edge, attend, &mut self.out) {
            Attendance::NotHome => {
                subscriber.say(Said::NotHome { home: self.known_home() });
            }
            // It will be known in a moment, and the edge asks again.
            Attendance::Unknown => {
                subscriber.say(Said::NotHome { home: Some(self.shared.me.borrow().node) });
            }
            Attendance::Missing => {
                subscriber.say(Said::Missing);
            }
            Attendance::Joined { epoch, from, reset, frames } => {
                subscriber.at_home = at_home;
                subscriber.last = from;
                let mut listens = subscriber.say(Said::Joined { epoch, from, reset });
                for frame in frames {
                    listens = listens && subscriber.send(frame.index, &Prepared::new(Delivery::of(&frame)));
                }
                self.subscribers.retain(|other| other.edge.node != subscriber.edge.node || other.at_home != at_home);
                // One that could not take all of it attends anew, behind what it took.
                if listens {
                    self.subscribers.push(subscriber);
                }
            }
        }
    }

    /// Takes the requests for which there is room, and does what follows from everything so far.
    fn carry_out(&mut self) {
        loop {
            self.carry_out_outputs();
            if !self.replica.has_room() || self.requests.is_empty() {
                return;
            }
            let context = self.context();
            while self.replica.has_room()
                && let Some((from, link, request)) = self.requests.pop_front()
            {
                if !self.subscribers.iter().any(|subscriber| subscriber.link == link) {
                    continue;
                }
                // What the session asks next decides: between two updates of its presence there must be nothing else.
                let mut later = self.requests.iter().map(|(_, _, later)| later);
                if request.may_be_superseded()
                    && let Some(next) = later.find(|later| later.session == request.session)
                    && next.supersedes(&request)
                {
                    self.replica.superseded(from, &request, &mut self.out);
                } else {
                    self.replica.request(from, &request, &context, &mut self.out);
                }
            }
        }
    }

    fn carry_out_outputs(&mut self) {
        if self.office.is_some() && !self.replica.is_home() {
            // Somebody else's time has begun.
            self.resign();
        }
        for output in std::mem::take(&mut self.out) {
            match (output, self.office) {
                (Output::Propose(entry), Some(office)) => {
                    // The task that takes them lives as long as this one.
                    let _ = self.proposals.send((office, entry.into()));
                    self.proposed_at.push_back(Instant::now());
                }
                (Output::Barrier, Some(_)) => self.barrier = Some(Box::pin(barrier(self.group.clone()))),
                (Output::Frame(frame), _) => self.say(&frame),
                (Output::Propose(_) | Output::Barrier, None) => {}
            }
        }
    }

    fn say(&mut self, frame: &Frame) {
        let mut prepared = None;
        self.subscribers.retain_mut(|subscriber| {
            if !frame.concerns(subscriber.edge.node) {
                return true;
            }
            let prepared = prepared.get_or_insert_with(|| Prepared::new(Delivery::of(frame)));
            subscriber.send(frame.index, prepared)
        });
    }

    fn tick(&mut self, leader: &LeaderWatch) {
        let now = self.now();
        self.replica.tick(now, wall_clock(), &mut self.out);
        let applied = self.replica.shard().applied();
        self.subscribers.retain_mut(|subscriber| {
            let behind = subscriber.last < applied;
            subscriber.last = subscriber.last.max(applied);
            !subscriber.said.is_closed() && (!behind || subscriber.say(Said::Position(applied)))
        });
        // What was proposed a moment ago, after a long silence, is not stuck.
        let waits = self.proposed_at.front().is_some_and(|at| at.elapsed() > STUCK_MAX);
        if self.office.is_some() && waits && self.progress.elapsed() > STUCK_MAX {
            warn!(shard = self.shard, "nothing was committed for {} s; this home begins anew", STUCK_MAX.as_secs());
            self.resign();
            self.note_leader(leader.now());
        }
        if self.office.is_none() && matches!(leader.now(), Leader::Us(_)) {
            // Whatever ended the office, nobody else leads.
            self.note_leader(leader.now());
        }
        let shard = self.replica.shard();
        let (rooms, occupants) = (shard.room_count(), shard.occupant_count());
        let serves = self.replica.serves().is_some();
        let figures = Figures { epoch: shard.epoch(), applied, serves, rooms, occupants };
        self.shared.replicas.note(self.shard, Some(figures));
        let at_home = self.shared.replicas.at_home();
        self.shared.metrics.rooms.set(at_home.rooms as i64);
        self.shared.metrics.occupants.set(at_home.occupants as i64);
    }

    fn context(&self) -> Context {
        Context {
            now: wall_clock(),
            service: self.terms.service.clone(),
            rooms_full: self.shared.rooms.load(Ordering::Relaxed) >= self.terms.rooms_max,
        }
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    fn count_rooms(&mut self, now: usize) {
        let rooms = &self.shared.rooms;
        if now > self.rooms_counted {
            rooms.fetch_add(now - self.rooms_counted, Ordering::Relaxed);
        } else {
            rooms.fetch_sub(self.rooms_counted - now, Ordering::Relaxed);
        }
        self.rooms_counted = now;
    }
}

async fn round(barrier: &mut Option<BarrierRound>) -> bool {
    match barrier {
        Some(round) => round.await,
        None => pending().await,
    }
}

/// The time by this machine, for what is stamped; nothing is decided by it.
pub fn wall_clock() -> Timestamp {
    let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    Timestamp(u64::try_from(millis).unwrap_or(0))
}

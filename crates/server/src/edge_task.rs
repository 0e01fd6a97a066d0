//! One task per shard on every node: it drives the pure edge, finds the shard's home, and attends it.

use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use conclave_cluster::delivery_codec::Attend;
use conclave_cluster::edge::{Bounce, Edge, Output};
use conclave_cluster::meta::Meta;
use conclave_cluster::request::Request;
use conclave_cluster::{Incarnation, answer::Verdict};
use conclave_raft::{Leader, LeaderWatch, Node};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};
use tracing::{debug, warn};

use crate::delivery::attending::Attending;
use crate::delivery::{Prepared, Said};
use crate::homes::Homes;
use crate::metrics::Metrics;
use crate::sessions::{Bound, SessionTable};
use crate::shard_task::{Replicas, wall_clock};
use crate::{ticks, vital};

/// How often the edge looks for requests that have waited too long.
const TICK: Duration = Duration::from_millis(250);

/// Between two tries to find the home.
const PAUSE: Duration = Duration::from_millis(25);

/// Behind tries that failed, at most.
const PAUSE_MAX: Duration = Duration::from_millis(200);

/// How long another replica may take to hand over what the home lacks.
const PULL_MAX: Duration = Duration::from_millis(300);

/// Without a home for so long, frames are taken from another replica, if one has any.
const AWAY_AFTER: Duration = Duration::from_millis(1500);

/// So long, and then the next one is tried: a replica that hears nothing itself cannot be told from one that has nothing to say. The node's own may
/// be behind the same broken wire as the home.
const AWAY_MAX: Duration = Duration::from_millis(1500);

/// A request, and who waits for its answer.
#[derive(Debug)]
pub struct Asked {
    /// What.
    pub request: Request,
    /// Released with the answer: a session leaves only so many unanswered.
    pub permit: Option<OwnedSemaphorePermit>,
    /// Told what became of it; nothing if that is not known.
    pub done: Option<oneshot::Sender<Option<Verdict>>>,
}

/// What all edges of this node share.
#[derive(Clone)]
pub struct Shared {
    /// The sessions that are reached from here.
    pub sessions: Arc<SessionTable>,
    /// Replicas of this node.
    pub replicas: Arc<Replicas>,
    /// Connections to other nodes.
    pub raft: Node,
    /// What this node is.
    pub me: watch::Receiver<Incarnation>,
    /// Every number that it has had.
    pub lives: Arc<Mutex<Vec<u32>>>,
    /// Where replicas are.
    pub meta: watch::Receiver<Arc<Meta>>,
    /// The homes that are attended.
    pub homes: Arc<Homes>,
    /// Shards of which this node has missed something for good: whether its sessions of there are still bound has to be asked.
    pub missed: watch::Sender<BTreeSet<u16>>,
    /// Where stanzas go that a session could not take: back to the sender.
    pub bounces: mpsc::Sender<Bounce>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

/// What a request holds until it is answered.
struct Waiting {
    _permit: Option<OwnedSemaphorePermit>,
    done: Option<oneshot::Sender<Option<Verdict>>>,
}

type Seeking = Pin<Box<dyn Future<Output = Result<Attending, tonic::Status>> + Send>>;

/// Starts the edge of a shard. It ends when nobody can ask it any more.
pub fn start(shared: Shared, shard: u16) -> mpsc::UnboundedSender<Asked> {
    // Bounded by the permits of the sessions.
    let (inbox, receiver) = mpsc::unbounded_channel();
    let node = shared.me.borrow().node;
    let task = EdgeTask {
        leader: leader_watch(&shared, shard),
        shared,
        shard,
        edge: Edge::new(node),
        waiting: BTreeMap::new(),
        home: None,
        seeking: None,
        hint: None,
        failed: 0,
        without_home_since: Instant::now(),
        retry_at: Instant::now(),
        away: None,
        seeking_away: None,
        away_next: 0,
        asked_others: 0,
        away_since: Instant::now(),
        began: Instant::now(),
        out: Vec::new(),
    };
    vital::spawn("a shard's edge", task.run(receiver));
    inbox
}

fn leader_watch(shared: &Shared, shard: u16) -> Option<LeaderWatch> {
    shared.raft.group(conclave_raft::GroupId(1 + u32::from(shard))).map(|group| group.leader())
}

struct EdgeTask {
    shared: Shared,
    shard: u16,
    edge: Edge<Arc<Bound>>,
    /// Who waits for the answer to which request.
    waiting: BTreeMap<(u64, u64), Waiting>,
    /// The home, attended or asked.
    home: Option<Attending>,
    /// A node is asked whether it is the home.
    seeking: Option<Seeking>,
    /// Who is said to be the home.
    hint: Option<u32>,
    /// Who leads, if there is a replica here.
    leader: Option<LeaderWatch>,
    /// Tries that failed one after the other.
    failed: u32,
    without_home_since: Instant,
    retry_at: Instant,
    /// Another replica, while no home is in reach.
    away: Option<Attending>,
    seeking_away: Option<Seeking>,
    away_next: usize,
    /// How many other replicas were asked for what the home lacks.
    asked_others: usize,
    /// Since when `away` is attended.
    away_since: Instant,
    began: Instant,
    out: Vec<Output>,
}

impl EdgeTask {
    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Asked>) {
        let mut me = self.shared.me.clone();
        let mut ticks = ticks::every(TICK);
        loop {
            tokio::select! {
                biased;
                said = next(&mut self.home) => self.hear_home(said),
                said = next(&mut self.away) => self.hear_away(said),
                asked = inbox.recv() => match asked {
                    Some(asked) => self.ask(asked),
                    None => return,
                },
                leader = changed(&mut self.leader) => self.note_leader(leader),
                Ok(()) = me.changed() => self.lose_home(None),
                found = seek(&mut self.seeking) => self.note_found(found),
                found = seek(&mut self.seeking_away) => {
                    self.seeking_away = None;
                    self.away = found.ok();
                }
                () = sleep_until(self.retry_at), if self.home.is_none() && self.seeking.is_none() => self.find_home(),
                _ = ticks.tick() => self.tick(),
            }
            self.carry_out();
        }
    }

    fn ask(&mut self, asked: Asked) {
        let Asked { request, permit, done } = asked;
        self.waiting.insert((request.session.id, request.number), Waiting { _permit: permit, done });
        self.edge.ask(request, self.now(), &mut self.out);
    }

    fn hear_home(&mut self, said: Option<Said>) {
        let sessions = self.shared.sessions.as_ref();
        match said {
            Some(Said::Frame { previous, frame }) => {
                match self.edge.deliver(previous, &frame.delivery, sessions, &mut self.out) {
                    Ok(()) => self.count(&frame),
                    Err(hole) => {
                        warn!(shard = self.shard, ?hole, "frames are missing; attending anew");
                        self.lose_home(self.hint);
                    }
                }
            }
            Some(Said::Joined { epoch, from, reset }) => {
                debug!(shard = self.shard, epoch, from, reset, "the home is found");
                let life = self.shared.me.borrow().number;
                self.edge.joined(epoch, from, reset, life, &mut self.out);
                if reset {
                    self.shared.missed.send_if_modified(|missed| missed.insert(self.shard));
                }
                (self.failed, self.asked_others) = (0, 0);
                (self.away, self.seeking_away) = (None, None);
                self.note_home(self.home.as_ref().map(Attending::node));
            }
            Some(Said::NotHome { home }) => self.lose_home(home),
            Some(Said::Position(index)) => self.edge.nothing_until(index, &mut self.out),
            Some(Said::Missing) => self.ask_others(),
            None => self.lose_home(None),
        }
    }

    /// How long what was decided took to get here, by the clocks of two machines.
    fn count(&self, frame: &Prepared) {
        if frame.delivery.index.is_some() {
            let age = wall_clock().0.saturating_sub(frame.delivery.time.0);
            self.shared.metrics.delivery_seconds.observe(Duration::from_millis(age));
        }
    }

    /// Only frames are of interest; those that the home sends again are known by their index.
    fn hear_away(&mut self, said: Option<Said>) {
        let sessions = self.shared.sessions.as_ref();
        match said {
            Some(Said::Frame { previous, frame }) => {
                if self.edge.deliver(previous, &frame.delivery, sessions, &mut self.out).is_err() {
                    self.away = None;
                }
            }
            // Whoever has missed too much is told by the home, once there is one.
            Some(Said::Joined { reset: true, .. } | Said::NotHome { .. } | Said::Missing) | None => self.away = None,
            Some(Said::Joined { .. }) => {}
            Some(Said::Position(index)) => self.edge.nothing_until(index, &mut self.out),
        }
    }

    /// The home lacks frames, as one that has just begun from a snapshot does. Each other replica is asked for them, and then the home is told to do without.
    fn ask_others(&mut self) {
        let home = self.home.as_ref().map(Attending::node);
        self.lose_home(home);
        let others: Vec<u32> = self.replica_nodes().into_iter().filter(|node| Some(*node) != home).collect();
        self.seeking_away = others.get(self.asked_others).map(|node| self.attend(*node, true));
        self.asked_others += 1;
        self.retry_at = Instant::now() + if self.seeking_away.is_some() { PULL_MAX } else { Duration::ZERO };
    }

    fn note_leader(&mut self, leader: Option<Leader>) {
        match leader {
            Some(Leader::Other(node)) => self.hint = u32::try_from(node.0).ok(),
            Some(Leader::Us(_)) => self.hint = Some(self.shared.me.borrow().node),
            Some(Leader::Nobody) => return,
            None => {
                self.leader = None;
                return;
            }
        }
        if self.home.as_ref().map(Attending::node) != self.hint {
            self.lose_home(self.hint);
            self.failed = 0;
            self.retry_at = Instant::now();
        }
    }

    /// The home is not there, or not the home; `hint` may know who is.
    fn lose_home(&mut self, hint: Option<u32>) {
        if self.edge.attends() {
            self.edge.left(self.shared.sessions.as_ref(), &mut self.out);
            self.without_home_since = Instant::now();
            self.failed = 0;
        }
        (self.home, self.seeking) = (None, None);
        self.hint = hint;
        let pause = PAUSE * 2_u32.saturating_pow(self.failed.min(8));
        self.retry_at = Instant::now() + if self.failed == 0 { Duration::ZERO } else { pause.min(PAUSE_MAX) };
        self.failed = self.failed.saturating_add(1);
        self.note_home(None);
    }

    fn find_home(&mut self) {
        let me = *self.shared.me.borrow();
        if self.leader.is_none() {
            self.leader = leader_watch(&self.shared, self.shard);
        }
        let node = self.hint.take().or_else(|| self.leader_here()).or_else(|| self.any_replica());
        match node.filter(|_| me.number != 0) {
            Some(node) => self.seeking = Some(self.attend(node, false)),
            None => self.lose_home(None),
        }
    }

    fn note_found(&mut self, found: Result<Attending, tonic::Status>) {
        self.seeking = None;
        match found {
            Ok(attending) => self.home = Some(attending),
            Err(status) => {
                debug!(shard = self.shard, %status, "no home there");
                self.lose_home(None);
            }
        }
    }

    fn attend(&self, node: u32, away_from_home: bool) -> Seeking {
        let me = *self.shared.me.borrow();
        let lives = self.shared.lives.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (after, asked_others) = (self.edge.have(), self.asked_others >= self.replica_nodes().len());
        let astray = self.edge.is_astray();
        let attend = Attend { shard: self.shard, incarnation: me.number, lives, after, away_from_home, asked_others, astray };
        let (raft, replicas, metrics) = (self.shared.raft.clone(), self.shared.replicas.clone(), self.shared.metrics.clone());
        Box::pin(async move { Attending::begin(node, me, attend, &raft, &replicas, &metrics).await })
    }

    fn leader_here(&self) -> Option<u32> {
        match self.leader.as_ref()?.now() {
            Leader::Us(_) => Some(self.shared.me.borrow().node),
            Leader::Other(node) if self.failed < 3 => u32::try_from(node.0).ok(),
            Leader::Other(_) | Leader::Nobody => None,
        }
    }

    /// One after the other; whoever is not the home may know it.
    fn any_replica(&self) -> Option<u32> {
        let replicas = self.replica_nodes();
        let at = (self.failed as usize).checked_rem(replicas.len())?;
        replicas.get(at).copied()
    }

    fn replica_nodes(&self) -> Vec<u32> {
        let meta = self.shared.meta.borrow();
        let Some(placement) = meta.placement(self.shard) else { return Vec::new() };
        if placement.voters.is_empty() { placement.target.clone() } else { placement.voters.clone() }
    }

    fn tick(&mut self) {
        let sessions = self.shared.sessions.as_ref();
        let now = self.now();
        self.edge.tick(now, sessions, &mut self.out);
        let alone = !self.edge.attends() && self.without_home_since.elapsed() > AWAY_AFTER;
        if !alone || self.edge.have().is_none() || self.seeking_away.is_some() {
            return;
        }
        if self.away.is_none() || self.away_since.elapsed() > AWAY_MAX {
            let replicas = self.replica_nodes();
            self.away_next += 1;
            if let Some(node) = self.away_next.checked_rem(replicas.len()).and_then(|at| replicas.get(at)) {
                self.away = None;
                self.away_since = Instant::now();
                self.seeking_away = Some(self.attend(*node, true));
            }
        }
    }

    fn carry_out(&mut self) {
        for output in std::mem::take(&mut self.out) {
            match output {
                Output::Ask(request) => {
                    if let Some(home) = &self.home {
                        home.ask(request);
                    }
                }
                Output::Acknowledge(index) => {
                    if let Some(home) = &self.home {
                        home.acknowledge(index);
                    }
                }
                Output::Answered { session, number, verdict } => {
                    if let Some(Waiting { done: Some(done), .. }) = self.waiting.remove(&(session, number)) {
                        // The connection may be gone already.
                        let _ = done.send(verdict);
                    }
                }
                Output::Bounce(bounce) => {
                    if self.shared.bounces.try_send(bounce).is_err() {
                        debug!(shard = self.shard, "so much goes back that this sender is not told");
                    }
                }
            }
        }
    }

    fn note_home(&self, home: Option<u32>) {
        self.shared.homes.note(self.shard, home);
    }

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

async fn next(attending: &mut Option<Attending>) -> Option<Said> {
    match attending {
        Some(attending) => attending.next().await,
        None => pending().await,
    }
}

async fn seek(seeking: &mut Option<Seeking>) -> Result<Attending, tonic::Status> {
    match seeking {
        Some(seeking) => seeking.await,
        None => pending().await,
    }
}

async fn changed(leader: &mut Option<LeaderWatch>) -> Option<Leader> {
    match leader {
        Some(leader) => leader.changed().await,
        None => pending().await,
    }
}

//! One task per replica of a shard on this node: it drives the pure replica with what the log commits, proposes what the home decides, and says
//! to edges what there is to say.

mod attending;
mod following;
mod group;
mod office;
mod replicas;
mod requests;
mod subscriber;

use std::collections::VecDeque;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use conclave_cluster::Incarnation;
use conclave_cluster::delivery_codec::Attend;
use conclave_cluster::home::Output;
use conclave_cluster::meta::Meta;
use conclave_cluster::replica::Replica;
use conclave_cluster::request::Request;
use conclave_raft::{Applied, Group, Leader, LeaderWatch, Leadership};
use conclave_xmpp::Timestamp;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;
use tracing::{info, warn};

use crate::delivery::Said;
use crate::home_terms::HomeTerms;
use crate::metrics::Metrics;
use crate::{ticks, vital};

use group::propose;
pub use replicas::{Figures, Replicas};
pub use subscriber::Subscriber;

/// How often the task looks whose time is over, and tells edges how far it is.
const TICK: Duration = Duration::from_millis(100);

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

    fn note_living(&mut self) {
        let living = self.shared.meta.borrow_and_update().incarnations();
        self.replica.living(living, &mut self.out);
    }

    fn note_terms(&mut self, terms: HomeTerms) {
        self.replica.set(terms.home);
        self.terms = terms;
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

    fn now(&self) -> u64 {
        u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX)
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

//! One task per shard at home here: it drives the pure shard, proposes what it decides, and delivers what is committed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use conclave_cluster::{Edge, Output, Shard};
use conclave_muc::{Context, Listing, Request, Service};
use conclave_xmpp::{BareJid, Timestamp};
use tokio::sync::{mpsc, oneshot};
use tracing::error;

use crate::log::{self, Committed, IN_FLIGHT_MAX, Proposer};
use crate::sessions::{Bound, SessionTable};

/// Requests that wait for a shard, at most; a connection that wants to add one waits, and does not read its client meanwhile.
const INBOX_MAX: usize = 1024;

/// What comes to a shard.
pub enum ToShard {
    /// A session asks something of a room.
    Request {
        /// Which room.
        room: BareJid,
        /// What.
        request: Box<Request>,
    },
    /// A session leaves every room of this shard; the answer comes when that is committed.
    LeaveAll {
        /// Who, with its parting words.
        request: Box<Request>,
        /// Told when it is done.
        done: oneshot::Sender<()>,
    },
    /// Somebody wants the public rooms.
    Listings(oneshot::Sender<Vec<Listing>>),
}

/// What all shards of this node share.
#[derive(Clone)]
pub struct Shared {
    /// The sessions that are reached from here.
    pub sessions: Arc<SessionTable>,
    /// The service's rules for rooms.
    pub service: Arc<Service>,
    /// Rooms of all shards.
    pub rooms: Arc<AtomicUsize>,
    /// Rooms that there may be.
    pub rooms_max: usize,
}

/// Starts a shard. It ends when nobody can ask it any more.
pub fn start(shared: Shared) -> mpsc::Sender<ToShard> {
    let (inbox, receiver) = mpsc::channel(INBOX_MAX);
    let (proposer, committed) = log::open();
    let task = ShardTask {
        shared,
        shard: Shard::default(),
        edge: Edge::default(),
        proposer,
        leaving: VecDeque::new(),
        out: Vec::new(),
        rooms_counted: 0,
    };
    tokio::spawn(task.run(receiver, committed));
    inbox
}

struct ShardTask {
    shared: Shared,
    shard: Shard,
    edge: Edge<Arc<Bound>>,
    proposer: Proposer,
    /// Who waits until so many proposals are committed.
    leaving: VecDeque<(u64, oneshot::Sender<()>)>,
    out: Vec<Output>,
    rooms_counted: usize,
}

impl ShardTask {
    async fn run(mut self, mut inbox: mpsc::Receiver<ToShard>, mut committed: Committed) {
        let mut waiting = VecDeque::new();
        let mut taken = Vec::new();
        loop {
            self.take(&mut waiting);
            tokio::select! {
                biased;
                entry = committed.next() => match entry {
                    Some(entry) => self.follow(entry, &mut committed),
                    None => return,
                },
                count = inbox.recv_many(&mut taken, INBOX_MAX), if waiting.is_empty() => {
                    if count == 0 {
                        return;
                    }
                    waiting.extend(taken.drain(..));
                }
            }
        }
    }

    /// Takes what there is room for in the log; a session that leaves may pass the bound by as many entries as it has rooms here.
    fn take(&mut self, waiting: &mut VecDeque<ToShard>) {
        let context = self.context();
        while self.shard.in_flight() < IN_FLIGHT_MAX {
            match waiting.pop_front() {
                None => break,
                Some(ToShard::Request { room, request }) => self.shard.request(&room, &request, &context, &mut self.out),
                Some(ToShard::LeaveAll { request, done }) => {
                    self.shard.leave_all(&request, &context, &mut self.out);
                    self.leaving.push_back((self.shard.proposed(), done));
                }
                // Whoever asked may be gone.
                Some(ToShard::Listings(answer)) => drop(answer.send(self.shard.listings())),
            }
        }
        self.carry_out();
    }

    /// Folds this entry and all others that are committed by now.
    fn follow(&mut self, first: (u64, Vec<u8>), committed: &mut Committed) {
        let mut next = Some(first);
        while let Some((index, entry)) = next {
            if let Err(undecodable) = self.shard.committed(index, &entry, &mut self.out) {
                // To go on would be to skip a change that others have made.
                error!(index, "{undecodable}; this process ends");
                std::process::exit(1);
            }
            next = committed.try_next();
        }
        self.count_rooms();
        self.carry_out();
    }

    fn carry_out(&mut self) {
        for output in self.out.drain(..) {
            match output {
                Output::Propose(entry) => self.proposer.propose(entry),
                Output::Deliver(frame) => self.edge.deliver(&frame, self.shared.sessions.as_ref()),
            }
        }
        while self.leaving.front().is_some_and(|(after, _)| *after <= self.shard.committed_count()) {
            if let Some((_, done)) = self.leaving.pop_front() {
                // The connection may be gone already.
                let _ = done.send(());
            }
        }
    }

    fn context(&self) -> Context {
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
        Context {
            now: Timestamp(u64::try_from(millis).unwrap_or(0)),
            service: self.shared.service.clone(),
            rooms_full: self.shared.rooms.load(Ordering::Relaxed) >= self.shared.rooms_max,
        }
    }

    fn count_rooms(&mut self) {
        let now = self.shard.room_count();
        let rooms = &self.shared.rooms;
        if now > self.rooms_counted {
            rooms.fetch_add(now - self.rooms_counted, Ordering::Relaxed);
        } else {
            rooms.fetch_sub(self.rooms_counted - now, Ordering::Relaxed);
        }
        self.rooms_counted = now;
    }
}

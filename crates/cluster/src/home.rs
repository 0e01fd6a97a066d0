//! A shard at home: requests in, proposals and frames out.
//!
//! Rules judge the shard with everything in flight folded in; what can be seen comes only from entries that are committed; and answers that
//! change nothing wait for what was proposed before them, and for a proof that this is still the home. So each room has one order.

mod absent;
mod asking;
mod lives;
mod overtaken;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use absent::Absent;
use conclave_muc::{Attachment, Change, Context, Effect, Origin, Room, Session};
use conclave_xmpp::{BareJid, Timestamp};
use lives::sits_in;

use crate::ahead::Ahead;
use crate::answer::{Answer, Verdict};
use crate::answered::Answered;
use crate::barrier::{Barrier, Soft};
use crate::bound_sessions;
use crate::codec;
use crate::entry::{ShardChange, ShardEntry};
use crate::frame::Frame;
use crate::grace::{self, Grace};
use crate::incarnation::Incarnation;
use crate::lives::Lives;
use crate::planted::{self, Bug};
use crate::questions::{Questions, Settled};
use crate::request::{Ask, Request};
use crate::room_pace::RoomPace;
use crate::shard::{Folded, Shard};

/// Bytes of an entry, at most; the log takes 512 KiB.
pub const ENTRY_BYTES_MAX: usize = 500 * 1024;

/// Entries that are proposed and not committed, at most; a home takes no more requests meanwhile.
pub const IN_FLIGHT_MAX: usize = 1024;

/// Bytes of them, at most.
pub const IN_FLIGHT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What the home wants done, in this order.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// An entry for the log; it comes back committed, or the office is lost.
    Propose(Vec<u8>),
    /// To know whether this is still the home.
    Barrier,
    /// A frame for the edges that it concerns.
    Frame(Arc<Frame>),
}

/// What a home goes by, of the service's settings.
#[derive(Clone, Copy, Debug)]
pub struct HomeSettings {
    /// Milliseconds for which a detached session keeps its seat.
    pub grace_ms: u64,
    /// Sessions that an account may have.
    pub sessions_per_account_max: usize,
}

/// One time in office.
#[derive(Debug)]
pub struct Home {
    me: Incarnation,
    office: u64,
    settings: HomeSettings,
    /// The index of our `Activate`, once it is committed; we serve from there on.
    epoch: Option<u64>,
    ahead: Ahead,
    barrier: Barrier,
    pace: RoomPace,
    questions: Questions,
    grace: Grace,
    time: Timestamp,
    /// Incarnations that live, by meta.
    living: Lives,
    /// Attachments whose end was proposed.
    ending: BTreeSet<Attachment>,
    /// Edges whose beginning anew is in flight.
    losing: BTreeSet<Incarnation>,
    /// Nodes that do not live, and for which frames are kept.
    absent: Absent,
    /// What each node has acknowledged.
    acknowledged: BTreeMap<u32, u64>,
    answered: Answered,
}

impl Home {
    /// Begins, by proposing that it does. `office` differs from that of every other time of this incarnation.
    pub fn begin(
        me: Incarnation,
        office: u64,
        settings: HomeSettings,
        shard: &Shard,
        now: Timestamp,
        out: &mut Vec<Output>,
    ) -> Home {
        let mut home = Home {
            me,
            office,
            settings,
            epoch: None,
            ahead: Ahead::default(),
            barrier: Barrier::default(),
            pace: RoomPace::default(),
            questions: Questions::default(),
            grace: Grace::default(),
            time: shard.time.max(now),
            living: Lives::default(),
            ending: BTreeSet::new(),
            losing: BTreeSet::new(),
            absent: Absent::default(),
            acknowledged: BTreeMap::new(),
            answered: Answered::default(),
        };
        home.propose(ShardChange::Activate { home: me, office }, None, out);
        home
    }

    /// From here on it goes by these.
    pub fn set(&mut self, settings: HomeSettings) {
        self.settings = settings;
    }

    /// The epoch, once it serves.
    pub fn epoch(&self) -> Option<u64> {
        self.epoch
    }

    /// Entries that are proposed and not committed.
    pub fn in_flight(&self) -> usize {
        self.ahead.len()
    }

    /// Whether there is room for another request.
    pub fn has_room(&self) -> bool {
        self.ahead.len() < IN_FLIGHT_MAX && self.ahead.bytes() < IN_FLIGHT_BYTES_MAX && self.barrier.len() < IN_FLIGHT_MAX
    }

    /// A session asks something, by way of an edge. One that has ended, by what is known here, is not heard.
    pub fn request(&mut self, shard: &Shard, from: Incarnation, request: &Request, context: &Context, out: &mut Vec<Output>) {
        if self.epoch.is_none() || !self.living.contains(from) {
            return;
        }
        let at = from.attachment();
        let (session, number) = (request.session.id, request.number);
        let is_answered = self.barrier.answers(session, number) || self.answered.has(from.node, session, number);
        // To leave is done again, behind what was repeated before it and judged afresh.
        let is_answered = is_answered && !matches!(request.ask, Ask::Gone(_));
        if self.ahead.has(session, number) || is_answered {
            return;
        }
        if shard.repeats.find(session, number).is_some() && !planted::is(Bug::DuplicateCheckOff) {
            // Its frame went before, or is on its way; the edge that asks resumes behind what it has.
            return self.done(request, at, out);
        }
        match &request.ask {
            Ask::Room(room, stanza) => self.ask_room(shard, room, stanza, request, at, context, out),
            Ask::Gone(presence) => self.leave_all(shard, presence, request, at, context, out),
            Ask::User(to, stanza) => self.ask_user(shard, to, stanza, request, at, context.now, out),
            Ask::Session(asked) => self.ask_session(shard, asked, request, at, context.now, out),
            Ask::EdgeEnds => self.edge_ends(shard, request, at, out),
            Ask::Unreadable => self.tell(request, at, Verdict::Unreadable, out),
            Ask::Listings => self.tell(request, at, Verdict::Listings(shard.listings()), out),
            Ask::Rooms(one) => self.tell(request, at, Verdict::Rooms(shard.room_lines(one.as_ref())), out),
        }
    }

    /// A request that need not be carried out, as a later one of the same session says as much.
    pub fn superseded(&mut self, from: Incarnation, request: &Request, out: &mut Vec<Output>) {
        if self.epoch.is_some() {
            self.done(request, from.attachment(), out);
        }
    }

    /// An entry is folded: what was waiting for it follows. Nothing if it ends this office.
    #[must_use]
    pub fn committed(
        &mut self,
        shard: &Shard,
        index: u64,
        entry: &ShardEntry,
        folded: &Folded,
        now: u64,
        out: &mut Vec<Output>,
    ) -> bool {
        let ours = match entry.change {
            ShardChange::Activate { home, office } if home == self.me && office == self.office => {
                self.epoch = Some(index);
                self.begin_graces(shard, shard.rooms.keys(), 0, now);
                true
            }
            // Somebody else's, later than ours: this office is over. One from before ours is of the past.
            ShardChange::Activate { .. } if self.epoch.is_some() => return false,
            ShardChange::Activate { .. } => false,
            // The log has refused one of ours before it. What was decided since stands on something that never was.
            _ if self.epoch == Some(entry.epoch) && folded.void => return false,
            _ => self.epoch == Some(entry.epoch),
        };
        if ours {
            self.ahead.land();
        }
        out.extend(folded.frame.clone().map(Output::Frame));
        if let ShardChange::Lost(attachment) = &entry.change {
            self.losing.remove(&Incarnation::of(*attachment));
        }
        if matches!(entry.change, ShardChange::Ended(_)) {
            self.begin_graces(shard, folded.rooms.iter(), index, now);
        }
        for room in &folded.rooms {
            let seats = || shard.rooms.get(room).into_iter().flat_map(Room::seats);
            let is_there = |asked: &Session| seats().any(|(_, seat)| seat.session == *asked && seat.detached.is_none());
            let settled = self.questions.changed(room, is_there);
            self.settle(settled, out);
        }
        self.release(shard, out);
        true
    }

    /// An edge attends, by a new connection: what was passed on to its sessions by the old one may be lost.
    pub fn attends(&mut self, shard: &Shard, node: u32, out: &mut Vec<Output>) {
        self.answered.attends(node);
        let node_of = |room: &BareJid, session: &Session| {
            let seat = shard.seating.get(room).and_then(|seats| seats.get(session));
            seat.map(|at| Incarnation::of(*at).node)
        };
        let settled = self.questions.reconnected(|room, session| node_of(room, session) == Some(node));
        self.settle(settled, out);
    }

    /// A node has everything up to an index.
    pub fn acknowledged(&mut self, node: u32, index: u64) {
        self.acknowledged.insert(node, index);
    }

    /// Seats whose grace is over are vacated. `now` is in milliseconds of the home's own clock, `time` is for the entries that nobody asks for.
    pub fn tick(&mut self, shard: &Shard, now: u64, time: Timestamp, out: &mut Vec<Output>) {
        self.time = self.time.max(time);
        self.absent.tick(now, self.settings.grace_ms);
        while self.has_room()
            && let Some(seat) = self.grace.over(now)
        {
            let still =
                |room: &Room| room.detached().any(|detached| detached.session == seat.session && detached.since == seat.since);
            if shard.rooms.get(&seat.room).is_some_and(still) || planted::is(Bug::ExpireStale) {
                let change = Change::Expire { session: seat.session, since: seat.since };
                self.change_room(shard, &seat.room, None, change, out);
            }
        }
    }

    /// The barrier that was asked for is passed, or not.
    pub fn barrier_ended(&mut self, shard: &Shard, passed: bool, out: &mut Vec<Output>) {
        self.barrier.ended(passed);
        self.release(shard, out);
    }

    /// The room to judge by: with everything in flight folded in.
    fn judged(&self, shard: &Shard, room: &BareJid) -> Room {
        let ahead = self.ahead.room(room).filter(|_| !planted::is(Bug::JudgedByCommitted));
        let judged = ahead.or_else(|| shard.rooms.get(room));
        // A clone shares everything.
        judged.cloned().unwrap_or_else(|| Room::absent(room.clone()))
    }

    /// Proposes a change of a room. Says whether it was: an entry that is too long is not.
    fn change_room(
        &mut self,
        shard: &Shard,
        room: &BareJid,
        origin: Option<Origin>,
        change: Change,
        out: &mut Vec<Output>,
    ) -> bool {
        let request = origin.as_ref().map(|origin| (origin.session.id, origin.number));
        let proposed = self.propose(ShardChange::Room { room: room.clone(), origin, change: change.clone() }, request, out);
        if proposed {
            self.ahead.change_room(shard, room, &change, self.time);
        }
        proposed
    }

    /// Proposes a change of all rooms and sessions of an attachment.
    fn change_all(&mut self, shard: &Shard, change: ShardChange, attachment: Attachment, out: &mut Vec<Output>) {
        self.propose(change.clone(), None, out);
        let mut rooms: BTreeSet<BareJid> = shard.rooms_of(attachment).into_iter().collect();
        rooms.extend(self.ahead.rooms().filter(|room| sits_in(room, attachment)).map(|room| room.jid().clone()));
        for jid in rooms {
            let room = self.judged(shard, &jid);
            for change in changes_of(&change, &room) {
                self.ahead.change_room(shard, &jid, &change, self.time);
            }
        }
        match change {
            ShardChange::Ended(attachment) => {
                self.ahead.change_sessions(shard, &bound_sessions::SessionChange::Ended { attachment });
            }
            ShardChange::Moved { from, to } => {
                for session in self.ahead.sessions(shard).of_attachment(from) {
                    self.ahead.change_sessions(shard, &bound_sessions::SessionChange::Moved { session, attachment: to });
                }
            }
            _ => {}
        }
    }

    fn propose(&mut self, change: ShardChange, request: Option<(u64, u64)>, out: &mut Vec<Output>) -> bool {
        let acknowledged = self.acknowledged_by_all();
        // The `Activate` is the first that an office proposes.
        let number = self.ahead.proposed();
        let entry = ShardEntry { time: self.time, epoch: self.epoch.unwrap_or(0), number, acknowledged, change };
        let bytes = codec::encode(&entry);
        if bytes.len() > ENTRY_BYTES_MAX {
            return false;
        }
        self.ahead.push(bytes.len(), request);
        out.push(Output::Propose(bytes));
        true
    }

    fn push_soft(
        &mut self,
        room: BareJid,
        effects: Vec<Effect>,
        answers: Vec<(Answer, Attachment)>,
        asker: Option<(Session, Attachment)>,
    ) {
        let soft = Soft { room: Some((room, effects)), direct: Vec::new(), answers, asker };
        self.barrier.push(soft, self.ahead.proposed());
    }

    /// Questions that have found their end: the askers' requests are answered. An edge passes on one answer to each.
    fn settle(&mut self, settled: impl IntoIterator<Item = Settled>, out: &mut Vec<Output>) {
        for Settled { asker, at, number, reply } in settled {
            let answer = Answer { session: asker.id, number, verdict: reply.map_or(Verdict::Done, Verdict::Reply) };
            let soft = Soft { room: None, direct: Vec::new(), answers: vec![(answer, at)], asker: None };
            self.barrier.push(soft, self.ahead.proposed());
        }
        self.begin_barrier(out);
    }

    /// For all that are detached by the entry of an index, or by a later one.
    fn begin_graces<'a>(&mut self, shard: &Shard, rooms: impl Iterator<Item = &'a BareJid>, from: u64, now: u64) {
        if planted::is(Bug::DetachEndless) {
            return;
        }
        let until = now + self.settings.grace_ms;
        for jid in rooms {
            let Some(room) = shard.rooms.get(jid) else { continue };
            for detached in room.detached().filter(|detached| detached.since >= from) {
                let at = shard.seating.get(jid).and_then(|seats| seats.get(&detached.session));
                at.into_iter().for_each(|at| self.absent.gone(Incarnation::of(*at).node));
                self.grace.begin(grace::Seat { until, room: jid.clone(), session: detached.session, since: detached.since });
            }
        }
    }

    fn begin_barrier(&mut self, out: &mut Vec<Output>) {
        if self.barrier.begin(self.ahead.proposed()) {
            out.push(Output::Barrier);
        }
    }

    fn release(&mut self, shard: &Shard, out: &mut Vec<Output>) {
        while let Some(soft) = self.barrier.pop(self.ahead.committed()) {
            for (answer, at) in &soft.answers {
                self.answered.note(Incarnation::of(*at).node, answer.session, answer.number);
            }
            let frame = soft_frame(shard, soft);
            if !frame.edges.is_empty() {
                out.push(Output::Frame(Arc::new(frame)));
            }
        }
        self.begin_barrier(out);
    }
}

/// What a change of the whole shard means for one room.
fn changes_of(change: &ShardChange, room: &Room) -> Vec<Change> {
    match change {
        ShardChange::Ended(attachment) => vec![Change::Detach { attachment: *attachment }],
        ShardChange::Lost(attachment) => vec![Change::Lost { attachment: *attachment }],
        ShardChange::Moved { from, to } => {
            let seats = room.seats().filter(|(_, seat)| seat.attachment == *from);
            seats.map(|(_, seat)| Change::Reattach { session: seat.session.clone(), attachment: *to }).collect()
        }
        ShardChange::Activate { .. } | ShardChange::Room { .. } | ShardChange::Session { .. } | ShardChange::User { .. } => {
            Vec::new()
        }
    }
}

/// Whom it concerns is judged by who sits in the room when it leaves.
fn soft_frame(shard: &Shard, soft: Soft) -> Frame {
    let mut frame = Frame::default();
    if let Some((room, effects)) = soft.room {
        let seats = shard.seating.get(&room);
        let asker = soft.asker.as_ref().map(|(session, at)| (session, *at));
        frame.add_soft(room, effects, seats, asker);
    }
    for (direct, attachment) in soft.direct {
        frame.concern(attachment);
        frame.direct.push(direct);
    }
    for (answer, attachment) in soft.answers {
        frame.answers.push(answer);
        frame.concern(attachment);
    }
    frame
}

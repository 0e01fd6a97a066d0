//! One shard as every replica has it: the fold of its log. Nothing is decided here.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use conclave_muc::{Attachment, Change, Effect, Entry, Listing, Origin, Room, SeatChange, Seats, Session};
use conclave_xmpp::{BareJid, FullJid, Timestamp};

use crate::answer::RoomLine;
use crate::bound_sessions::{BoundSessions, SessionChange};
use crate::entry::{ShardChange, ShardEntry};
use crate::frame::{Direct, Frame};
use crate::incarnation::Incarnation;
use crate::planted::{self, Bug};
use crate::repeats::Repeats;
use crate::ring::Ring;
use crate::stored::Dirty;

/// The rooms and the bound sessions of one shard, as committed.
#[derive(Debug, Default)]
pub struct Shard {
    pub(crate) rooms: BTreeMap<BareJid, Room>,
    pub(crate) seating: BTreeMap<BareJid, Seats<Attachment>>,
    /// In which rooms a session sits.
    pub(crate) seated: BTreeMap<FullJid, BTreeSet<BareJid>>,
    pub(crate) sessions: BoundSessions,
    pub(crate) repeats: Repeats,
    /// The index of the newest `Activate`; 0 before the first.
    pub(crate) epoch: u64,
    /// Of the newest entry of that epoch; 0 if there was none.
    pub(crate) number: u64,
    /// Of the newest entry: the time of a shard never goes back, whatever a clock does.
    pub(crate) time: Timestamp,
    pub(crate) applied: u64,
    pub(crate) ring: Ring,
    pub(crate) dirty: Dirty,
}

/// What an entry did.
#[derive(Debug)]
pub struct Folded {
    /// Its frame, if it concerns anybody.
    pub frame: Option<Arc<Frame>>,
    /// The rooms that it touched.
    pub rooms: Vec<BareJid>,
    /// Whether it was decided in another epoch, or behind one of its own that never came; then it did nothing.
    pub void: bool,
}

impl Shard {
    /// Index of the newest entry that is folded in.
    pub fn applied(&self) -> u64 {
        self.applied
    }

    /// The epoch in force.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }

    /// A room as committed.
    pub fn room(&self, jid: &BareJid) -> Option<&Room> {
        self.rooms.get(jid)
    }

    /// How many rooms there are.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// Nicks that are taken, over all rooms.
    pub fn occupant_count(&self) -> usize {
        self.rooms.values().map(Room::occupant_count).sum()
    }

    /// The public rooms, by address (XEP-0045 §6.3).
    pub fn listings(&self) -> Vec<Listing> {
        self.rooms.values().filter_map(Room::listing).collect()
    }

    /// One room, or all, as those who run the service see them.
    pub fn room_lines(&self, one: Option<&BareJid>) -> Vec<RoomLine> {
        match one {
            Some(jid) => self.rooms.get(jid).map(room_line).into_iter().collect(),
            None => self.rooms.values().map(room_line).collect(),
        }
    }

    /// An entry of Raft's own.
    pub fn pass(&mut self, index: u64) {
        self.applied = index;
    }

    /// Folds the next entry.
    pub fn fold(&mut self, index: u64, entry: &ShardEntry) -> Folded {
        self.applied = index;
        let follows = entry.epoch == self.epoch && entry.number == self.number + 1;
        let void = !matches!(entry.change, ShardChange::Activate { .. }) && !follows && !planted::is(Bug::EpochCheckOff);
        let mut folded = Folded { frame: None, rooms: Vec::new(), void };
        if void {
            return folded;
        }
        self.time = self.time.max(entry.time);
        self.number = entry.number;
        let mut frame = Frame::of_entry(index, self.time);
        match &entry.change {
            ShardChange::Activate { .. } => (self.epoch, self.number) = (index, 0),
            ShardChange::Room { room, origin, change } => {
                let entry = Entry { index, time: self.time, origin: origin.clone(), change: change.clone() };
                self.fold_room(room, &entry, &mut frame, &mut folded);
                self.answer(origin.as_ref(), index, &mut frame);
            }
            ShardChange::Ended(attachment) => {
                let change = Change::Detach { attachment: *attachment };
                self.fold_all(*attachment, index, &mut frame, &mut folded, |_| vec![change.clone()]);
                self.fold_session(&SessionChange::Ended { attachment: *attachment }, &mut frame);
            }
            ShardChange::Lost(attachment) => {
                let change = Change::Lost { attachment: *attachment };
                self.fold_all(*attachment, index, &mut frame, &mut folded, |_| vec![change.clone()]);
                // Also if nobody sits by way of it: it may believe so.
                frame.anew = Some(Incarnation::of(*attachment));
                frame.concern(*attachment);
            }
            ShardChange::Moved { from, to } => {
                let moved = |session: Session| Change::Reattach { session, attachment: *to };
                self.fold_all(*from, index, &mut frame, &mut folded, |sessions| sessions.into_iter().map(moved).collect());
                for session in self.sessions.of_attachment(*from) {
                    self.fold_session(&SessionChange::Moved { session, attachment: *to }, &mut frame);
                }
            }
            ShardChange::Session { origin, change } => {
                self.fold_session(change, &mut frame);
                self.answer(origin.as_ref(), index, &mut frame);
            }
            ShardChange::User { origin, to, stanza } => {
                for bound in to.iter().filter_map(|session| self.sessions.get(session)) {
                    frame.concern(bound.attachment);
                    let node = Incarnation::of(bound.attachment).node;
                    frame.direct.push(Direct::Stanza { session: bound.session.clone(), node, bytes: stanza.clone() });
                }
                self.answer(Some(origin), index, &mut frame);
            }
        }
        self.ring.trim(entry.acknowledged);
        if !frame.edges.is_empty() {
            let frame = Arc::new(frame);
            self.ring.push(frame.clone());
            folded.frame = Some(frame);
        }
        folded
    }

    /// Every attachment by which anybody sits or is bound here, but for seats that are detached already.
    pub fn attachments(&self) -> BTreeSet<Attachment> {
        let seats = self.rooms.values().flat_map(Room::seats).filter(|(_, seat)| seat.detached.is_none());
        let sessions = self.sessions.attachments().into_iter();
        seats.map(|(_, seat)| seat.attachment).chain(sessions).collect()
    }

    /// Whether anybody sits here by way of a node.
    fn has_seats_of(&self, node: u32) -> bool {
        let of_node = |attachment: Attachment| Incarnation::of(attachment).node == node;
        self.rooms.values().any(|room| room.seats().any(|(_, seat)| of_node(seat.attachment)))
    }

    /// Whether anybody sits or is bound here by way of a node.
    pub fn matters_to(&self, node: u32) -> bool {
        let is_bound = self.sessions.attachments().into_iter().any(|attachment| Incarnation::of(attachment).node == node);
        is_bound || self.has_seats_of(node)
    }

    fn fold_room(&mut self, jid: &BareJid, entry: &Entry, frame: &mut Frame, folded: &mut Folded) {
        let mut room = self.rooms.remove(jid).unwrap_or_else(|| Room::absent(jid.clone()));
        self.dirty.room(jid, &room);
        let effects = room.apply(entry);
        self.note_seats(jid, &effects);
        let asker = entry.origin.as_ref().map(|origin| (&origin.session, origin.attachment));
        let mut seats = self.seating.remove(jid).unwrap_or_default();
        frame.add(jid.clone(), effects, &mut seats, asker);
        if !seats.is_empty() {
            self.seating.insert(jid.clone(), seats);
        }
        if !room.is_absent() {
            self.rooms.insert(jid.clone(), room);
        }
        folded.rooms.push(jid.clone());
    }

    /// The same thing happens in every room in which somebody sits by way of an attachment.
    fn fold_all(
        &mut self,
        attachment: Attachment,
        index: u64,
        frame: &mut Frame,
        folded: &mut Folded,
        changes: impl Fn(Vec<Session>) -> Vec<Change>,
    ) {
        for jid in self.rooms_of(attachment) {
            let Some(room) = self.rooms.get(&jid) else { continue };
            let seats = room.seats().filter(|(_, seat)| seat.attachment == attachment);
            for change in changes(seats.map(|(_, seat)| seat.session.clone()).collect()) {
                let entry = Entry { index, time: self.time, origin: None, change };
                self.fold_room(&jid, &entry, frame, folded);
            }
        }
    }

    /// The rooms in which somebody sits by way of an attachment.
    pub(crate) fn rooms_of(&self, attachment: Attachment) -> Vec<BareJid> {
        let sits = |room: &&Room| room.seats().any(|(_, seat)| seat.attachment == attachment);
        self.rooms.values().filter(sits).map(|room| room.jid().clone()).collect()
    }

    /// The request behind an entry has its answer, and is known should it be repeated.
    fn answer(&mut self, origin: Option<&Origin>, index: u64, frame: &mut Frame) {
        if let Some(origin) = origin {
            self.repeats.note(origin, index);
            self.dirty.repeats.insert(origin.session.id);
            frame.answer_origin(origin);
        }
    }

    fn fold_session(&mut self, change: &SessionChange, frame: &mut Frame) {
        for replaced in self.sessions.apply(change) {
            frame.concern(replaced.attachment);
            frame.direct.push(Direct::Replaced(replaced.session));
        }
    }

    fn note_seats(&mut self, room: &BareJid, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Seat(SeatChange::Taken { session, .. }) => {
                    self.seated.entry(session.jid.clone()).or_default().insert(room.clone());
                }
                Effect::Seat(SeatChange::Left(session)) => {
                    self.unseat(room, session);
                }
                Effect::Seat(_) | Effect::Send { .. } => {}
            }
        }
    }

    fn unseat(&mut self, room: &BareJid, session: &FullJid) {
        if let Some(rooms) = self.seated.get_mut(session) {
            rooms.remove(room);
            if rooms.is_empty() {
                self.seated.remove(session);
            }
        }
    }

    /// Derives what is not stored: who sits where.
    pub(crate) fn seat_all(&mut self) {
        for (jid, room) in &self.rooms {
            let mut seats = Seats::default();
            for change in room.seating() {
                if let SeatChange::Taken { session, attachment, .. } = &change {
                    self.seated.entry(session.jid.clone()).or_default().insert(jid.clone());
                    seats.fold(&change, |_| Some(*attachment));
                } else {
                    seats.fold(&change, |_| None);
                }
            }
            if !seats.is_empty() {
                self.seating.insert(jid.clone(), seats);
            }
        }
    }
}

fn room_line(room: &Room) -> RoomLine {
    let line = room.summary();
    RoomLine {
        jid: room.jid().to_string(),
        occupants: room.occupant_count() as u64,
        detached: room.detached().count() as u64,
        persistent: line.persistent,
        traits: line.traits,
    }
}

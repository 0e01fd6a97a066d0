//! The rooms of one shard at home: requests in, proposals and frames out.
//!
//! Rules judge a room with everything in flight folded in; what can be seen comes only from entries that are committed; and answers that
//! change nothing wait for what was proposed before them. So each room has one order.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use conclave_muc::{Asked, Change, Context, Effect, Listing, Origin, Outcome, Request, Room, SeatChange, Session};
use conclave_xmpp::{BareJid, Element, FullJid, Stanza, StanzaError, Timestamp};

use crate::codec::{self, Logged, Undecodable};
use crate::frame::Frame;
use crate::questions::Questions;
use crate::room_pace::RoomPace;

/// What the shard wants done, in this order.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// An entry for the log; it comes back by [`Shard::committed`].
    Propose(Vec<u8>),
    /// A frame for the edges.
    Deliver(Frame),
}

/// One shard.
#[derive(Debug, Default)]
pub struct Shard {
    /// As committed.
    rooms: BTreeMap<BareJid, Room>,
    /// As they will be when all that is in flight is committed; only rooms with something in flight.
    ahead: BTreeMap<BareJid, Ahead>,
    /// In which rooms a session sits, or will.
    seated: BTreeMap<FullJid, BTreeSet<BareJid>>,
    proposed: u64,
    committed: u64,
    /// Frames that wait until so many proposals are committed.
    waiting: VecDeque<(u64, Frame)>,
    pace: RoomPace,
    questions: Questions,
    /// Of the newest entry: the time of a shard never goes back, whatever a clock does.
    time: Timestamp,
}

#[derive(Debug)]
struct Ahead {
    room: Room,
    in_flight: usize,
}

impl Shard {
    /// How many entries are proposed and not committed.
    pub fn in_flight(&self) -> u64 {
        self.proposed - self.committed
    }

    /// How many entries were proposed so far.
    pub fn proposed(&self) -> u64 {
        self.proposed
    }

    /// How many of them are committed.
    pub fn committed_count(&self) -> u64 {
        self.committed
    }

    /// How many rooms there are.
    pub fn room_count(&self) -> usize {
        self.rooms.len()
    }

    /// The public rooms, by address (XEP-0045 §6.3).
    pub fn listings(&self) -> Vec<Listing> {
        self.rooms.values().filter_map(Room::listing).collect()
    }

    /// A session asks something of a room.
    pub fn request(&mut self, room: &BareJid, request: &Request, context: &Context, out: &mut Vec<Output>) {
        let absent;
        let judged = match (self.ahead.get(room), self.rooms.get(room)) {
            (Some(ahead), _) => &ahead.room,
            (None, Some(committed)) => committed,
            (None, None) => {
                absent = Room::absent(room.clone());
                &absent
            }
        };
        let pace_now = context.now;
        let context = &Context { now: context.now.max(self.time), ..context.clone() };
        match judged.decide(request, context) {
            Ok(Outcome::Log(change)) => {
                match self.check_pace(room, &change, context.service.room_messages_per_second, pace_now) {
                    Ok(()) => self.propose(room, request, change, context, out),
                    Err(error) => self.refuse(room, request, &error, out),
                }
            }
            Ok(Outcome::Send(effects)) => self.answer(room, effects, out),
            Ok(Outcome::Ask(iq)) => {
                let asked = Effect::answer(&iq.asked, iq.stanza.clone());
                let given_up = self.questions.ask(room, *iq);
                self.answer(room, std::iter::once(asked).chain(given_up).collect(), out);
            }
            Ok(Outcome::Answered { asked, id, effects }) => {
                self.questions.answered(room, &asked, &id);
                self.answer(room, effects, out);
            }
            Ok(Outcome::Nothing) => {}
            Err(refusal) => self.refuse(room, request, &refusal.to_error(room), out),
        }
    }

    /// A session ended, or leaves all rooms at once: it leaves every room of this shard in which it sits.
    pub fn leave_all(&mut self, request: &Request, context: &Context, out: &mut Vec<Output>) {
        let rooms = self.seated.get(&request.session.jid).cloned().unwrap_or_default();
        for room in rooms {
            self.request(&room, request, context, out);
        }
    }

    /// An entry is committed: the room follows, and so does what was waiting for it.
    pub fn committed(&mut self, index: u64, bytes: &[u8], out: &mut Vec<Output>) -> Result<(), Undecodable> {
        let logged = codec::decode(bytes)?;
        let jid = logged.room.clone();
        self.time = self.time.max(logged.time);
        let room = self.rooms.entry(jid.clone()).or_insert_with(|| Room::absent(jid.clone()));
        let mut effects = room.apply(&logged.at(index));
        if room.is_absent() {
            self.rooms.remove(&jid);
        }
        let unanswered = self.unanswered(&jid, &effects);
        effects.extend(unanswered);
        self.committed += 1;
        self.land(&jid);
        out.push(Output::Deliver(Frame { room: jid, index: Some(index), effects }));
        self.release(out);
        Ok(())
    }

    fn propose(&mut self, jid: &BareJid, request: &Request, change: Change, context: &Context, out: &mut Vec<Output>) {
        let iq = match &request.what {
            Asked::Stanza(Stanza::Iq(iq)) => iq.head.id.clone(),
            Asked::Stanza(_) | Asked::Gone { .. } => None,
        };
        let origin = Origin { session: request.session.clone(), number: request.number, iq };
        let logged = Logged { room: jid.clone(), time: context.now, origin: Some(origin), change };
        out.push(Output::Propose(codec::encode(&logged)));
        self.proposed += 1;
        self.time = logged.time;
        let committed = self.rooms.get(jid);
        let ahead = self
            .ahead
            .entry(jid.clone())
            .or_insert_with(|| Ahead { room: committed.cloned().unwrap_or_else(|| Room::absent(jid.clone())), in_flight: 0 });
        ahead.in_flight += 1;
        // Which index it will get is not known yet; nothing that is decided from this copy depends on it.
        let effects = ahead.room.apply(&logged.at(0));
        self.note_seats(jid, &effects);
    }

    /// Whoever leaves answers no more.
    fn unanswered(&mut self, room: &BareJid, effects: &[Effect]) -> Vec<Effect> {
        let left = effects.iter().filter_map(|effect| match effect {
            Effect::Seat(SeatChange::Left(session)) => Some(session),
            Effect::Seat(_) | Effect::Send { .. } => None,
        });
        left.flat_map(|session| self.questions.left(room, session)).collect()
    }

    fn note_seats(&mut self, room: &BareJid, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Seat(SeatChange::Taken { session, .. }) => {
                    self.seated.entry(session.jid.clone()).or_default().insert(room.clone());
                }
                Effect::Seat(SeatChange::Left(session)) => {
                    if let Some(rooms) = self.seated.get_mut(session) {
                        rooms.remove(room);
                        if rooms.is_empty() {
                            self.seated.remove(session);
                        }
                    }
                }
                Effect::Seat(_) | Effect::Send { .. } => {}
            }
        }
    }

    /// One proposal fewer is in flight for a room; with none left, the committed room is the one to judge by.
    fn land(&mut self, room: &BareJid) {
        if let Some(ahead) = self.ahead.get_mut(room) {
            ahead.in_flight -= 1;
            if ahead.in_flight == 0 {
                self.ahead.remove(room);
            }
        }
    }

    /// Talk is charged; what keeps a room in order is not.
    fn check_pace(&mut self, room: &BareJid, change: &Change, per_second: u32, now: Timestamp) -> Result<(), StanzaError> {
        match change {
            Change::Message(_) | Change::Private(_) | Change::Subject { .. } => self.pace.count(room, per_second, now),
            _ => Ok(()),
        }
    }

    fn refuse(&mut self, room: &BareJid, request: &Request, error: &StanzaError, out: &mut Vec<Output>) {
        let Asked::Stanza(stanza) = &request.what else { return };
        if let Some(reply) = stanza.error_reply(error) {
            self.answer(room, vec![Effect::answer(&request.session, reply)], out);
        }
    }

    fn answer(&mut self, room: &BareJid, effects: Vec<Effect>, out: &mut Vec<Output>) {
        let frame = Frame { room: room.clone(), index: None, effects };
        self.waiting.push_back((self.proposed, frame));
        self.release(out);
    }

    fn release(&mut self, out: &mut Vec<Output>) {
        while self.waiting.front().is_some_and(|(after, _)| *after <= self.committed) {
            if let Some((_, frame)) = self.waiting.pop_front() {
                out.push(Output::Deliver(frame));
            }
        }
    }
}

/// The request by which a session leaves all rooms.
pub fn departure(session: Session, number: u64, presence: Vec<Element>) -> Request {
    let attachment = conclave_muc::Attachment::default();
    Request { session, attachment, number, floor: number, what: Asked::Gone { presence } }
}

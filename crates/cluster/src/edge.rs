//! One shard as seen by an edge: what its sessions ask is numbered and repeated until it is answered; what the home says is folded and sent on.

mod astray;

use std::collections::BTreeMap;

use astray::Astray;
use conclave_muc::{Audience, SeatChange, Seats, Session, View};
use conclave_xmpp::{BareJid, Condition, Encoded, StanzaError, StanzaName};

use crate::answer::{Answer, Verdict};
use crate::bound_sessions::SessionRequest;
use crate::delivery::{Delivery, Part, Views};
use crate::frame::Direct;
use crate::planted;
use crate::request::{Ask, Request};

/// Milliseconds after which a request that is not answered is answered by the edge itself: whether it was carried out is not known then.
pub const PATIENCE_MS: u64 = 4_500;

/// Frames after which an edge says what it has, so that replicas need not keep it.
const ACKNOWLEDGE_EVERY: u64 = 64;

/// The sessions of this node, as whoever owns their connections sees them.
pub trait Sessions {
    /// What is kept of a session to send to it.
    type Handle: Clone;

    /// This very session, if it still lives.
    fn find(&self, session: &Session) -> Option<Self::Handle>;

    /// Queues a stanza for a session. It never blocks: a session that does not read is its own problem.
    fn send(&self, to: &Self::Handle, stanza: &Encoded);

    /// Queues a stanza that has its `to` already. Whether there was room: nobody may end somebody else's session by sending it more than it can read.
    fn send_whole(&self, to: &Self::Handle, bytes: &[u8]) -> bool;

    /// Ends a session whose full JID has a new holder.
    fn replaced(&self, session: &Self::Handle);
}

/// What the edge wants done, in this order.
#[derive(Clone, PartialEq, Debug)]
pub enum Output {
    /// A request for the home that is attended.
    Ask(Request),
    /// The home is told that everything up to an index is here.
    Acknowledge(u64),
    /// A stanza from user to user goes back to its sender.
    Bounce(Bounce),
    /// What became of a request; nothing if that is not known, and nobody waits any longer.
    Answered {
        /// The session's id.
        session: u64,
        /// The request's number.
        number: u64,
        /// What became of it.
        verdict: Option<Verdict>,
    },
}

/// A stanza that a session could not take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Bounce {
    /// Whom it was for.
    pub session: Session,
    /// The stanza, as it would have been sent.
    pub stanza: Vec<u8>,
    /// Why.
    pub why: Undelivered,
}

/// Why a session did not take a stanza.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Undelivered {
    /// It does not read as fast as it is sent to.
    Crowded,
    /// It has ended.
    Gone,
}

/// The frames are not a chain: what is between is to be fetched by attending anew.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hole {
    /// What is here.
    pub have: u64,
    /// What should be.
    pub previous: u64,
}

/// The edge's side of one shard.
#[derive(Debug)]
pub struct Edge<H> {
    node: u32,
    rooms: BTreeMap<BareJid, Seats<H>>,
    /// While what it knew is worth nothing, and not all who sat here have been told.
    astray: Option<Astray<H>>,
    /// Everything up to here is folded; nothing if nothing ever was.
    have: Option<u64>,
    acknowledged: u64,
    /// Of the home that was attended last.
    epoch: u64,
    /// Whether a home is attended.
    attends: bool,
    /// Unanswered, in the order in which they came.
    waiting: BTreeMap<u64, Waiting>,
    next: u64,
    /// Places in that order, by session and number.
    places: BTreeMap<(u64, u64), u64>,
    /// Passed on by the home to somebody who has yet to answer.
    relayed: BTreeMap<(u64, u64), Request>,
}

#[derive(Debug)]
struct Waiting {
    request: Request,
    since: u64,
}

impl<H: Clone> Edge<H> {
    /// The edge of a node, which knows nothing.
    pub fn new(node: u32) -> Edge<H> {
        Edge {
            node,
            rooms: BTreeMap::new(),
            astray: None,
            have: None,
            acknowledged: 0,
            epoch: 0,
            attends: false,
            waiting: BTreeMap::new(),
            next: 0,
            places: BTreeMap::new(),
            relayed: BTreeMap::new(),
        }
    }

    /// The last frame that is folded, to attend behind it.
    pub fn have(&self) -> Option<u64> {
        self.have
    }

    /// Whether it was told to begin anew, and has not heard the entry by which it does.
    pub fn is_astray(&self) -> bool {
        self.astray.is_some()
    }

    /// Whether a home is attended.
    pub fn attends(&self) -> bool {
        self.attends
    }

    /// How many requests are unanswered.
    pub fn unanswered(&self) -> usize {
        self.waiting.len()
    }

    /// A session asks something. It is asked now, or as soon as there is a home. `now` is in milliseconds of this node's own clock.
    pub fn ask(&mut self, request: Request, now: u64, out: &mut Vec<Output>) {
        if let Ask::Session(SessionRequest::Unbind { session }) = &request.ask {
            self.forget_rebinding(session, out);
        }
        let key = (request.session.id, request.number);
        let place = self.next;
        self.next += 1;
        self.places.insert(key, place);
        self.waiting.insert(place, Waiting { request, since: now });
        if self.attends {
            self.send(place, out);
        }
    }

    /// A home, or another replica if `epoch` is nothing, lets this edge attend as an incarnation.
    pub fn joined(&mut self, epoch: Option<u64>, from: u64, reset: bool, life: u32, out: &mut Vec<Output>) {
        if reset {
            // One that knew nothing has nobody to tell.
            if self.have.is_some() {
                self.astray.get_or_insert_with(Astray::new).take(&mut self.rooms);
            }
            self.rooms.clear();
            // What came by way of another replica meanwhile is not to come again.
            self.have = self.have.max(Some(from));
        }
        if let Some(astray) = &mut self.astray {
            astray.attends(life);
        }
        self.have = self.have.or(Some(from));
        let Some(epoch) = epoch else { return };
        self.epoch = epoch;
        self.attends = true;
        let places: Vec<u64> = self.waiting.keys().copied().collect();
        places.into_iter().for_each(|place| self.send(place, out));
    }

    /// The home that was attended is out of reach, or none any more. What it has passed on may have been answered meanwhile, to nobody.
    pub fn left(&mut self, sessions: &impl Sessions<Handle = H>, out: &mut Vec<Output>) {
        self.attends = false;
        for request in std::mem::take(&mut self.relayed).into_values() {
            give_up(&request, &StanzaError::wait("the way to the room's server broke meanwhile; ask again"), sessions, out);
        }
    }

    /// Folds a frame into the seating, sends what it says in its order, and notes what it answers. `previous` is the entry of the frame before it.
    pub fn deliver(
        &mut self,
        previous: u64,
        delivery: &Delivery,
        sessions: &impl Sessions<Handle = H>,
        out: &mut Vec<Output>,
    ) -> Result<(), Hole> {
        if let Some(index) = delivery.index {
            let have = self.have.unwrap_or(previous);
            if index <= have {
                return Ok(());
            }
            if previous > have {
                return Err(Hole { have, previous });
            }
            self.have = Some(index);
            if planted::loses_frame() {
                return Ok(());
            }
        }
        let anew = self.hears_of_beginning_anew(delivery);
        for (room, parts) in &delivery.rooms {
            self.deliver_room(room, parts, delivery.index.is_some(), sessions);
        }
        if anew {
            self.begin_anew(sessions);
        }
        for direct in &delivery.direct {
            match direct {
                // A session that is elsewhere is another edge's to find.
                Direct::Stanza { node, .. } if *node != self.node => {}
                Direct::Stanza { session, bytes, .. } => {
                    let why = match sessions.find(session) {
                        Some(handle) if sessions.send_whole(&handle, bytes) => continue,
                        Some(_) => Undelivered::Crowded,
                        None => Undelivered::Gone,
                    };
                    out.push(Output::Bounce(Bounce { session: session.clone(), stanza: bytes.clone(), why }));
                }
                Direct::Replaced(session) => {
                    if let Some(handle) = sessions.find(session) {
                        sessions.replaced(&handle);
                    }
                }
            }
        }
        for answer in &delivery.answers {
            self.answered(answer, sessions, out);
        }
        self.acknowledge(out);
        Ok(())
    }

    /// Everything up to an index is known to be here, though nothing of it concerns this edge.
    pub fn nothing_until(&mut self, index: u64, out: &mut Vec<Output>) {
        if self.have < Some(index) {
            self.have = Some(index);
            self.acknowledge(out);
        }
    }

    /// Requests that nobody has answered in time are answered here.
    pub fn tick(&mut self, now: u64, sessions: &impl Sessions<Handle = H>, out: &mut Vec<Output>) {
        let late = |waiting: &Waiting| waiting.since + PATIENCE_MS <= now && !waiting.request.ask.is_final();
        let late: Vec<u64> = self.waiting.iter().filter(|(_, waiting)| late(waiting)).map(|(place, _)| *place).collect();
        for place in late {
            let Some(Waiting { request, .. }) = self.waiting.remove(&place) else { continue };
            self.places.remove(&(request.session.id, request.number));
            let text = "the room's servers cannot be reached at the moment; whether this was carried out is not known";
            give_up(&request, &StanzaError::wait(text), sessions, out);
        }
    }

    fn send(&mut self, place: u64, out: &mut Vec<Output>) {
        let Some(waiting) = self.waiting.get(&place) else { return };
        let mut request = waiting.request.clone();
        let session = request.session.id;
        let lowest = self.places.range((session, 0)..=(session, u64::MAX)).next();
        request.floor = lowest.map_or(request.number, |((_, number), _)| *number);
        out.push(Output::Ask(request));
    }

    fn deliver_room(&mut self, room: &BareJid, parts: &[Part], logged: bool, sessions: &impl Sessions<Handle = H>) {
        let mut seats = self.rooms.remove(room).unwrap_or_default();
        for part in parts {
            match part {
                // Nobody sits again who is to hear first that it is out.
                Part::Seat(SeatChange::Taken { session, .. }) if self.is_to_hear(room, session) => {}
                Part::Seat(change) => seats.fold(change, |session| sessions.find(session)),
                Part::Send { to, subject, views, .. } => {
                    if let Audience::Session(session) = to
                        && seats.get(session).is_none()
                    {
                        // Answers go to sessions that sit nowhere, too; and one that was removed because this edge lost track is told.
                        let found = sessions.find(session).zip(views.single());
                        let lacks = logged && self.is_to_hear(room, session);
                        if let Some((handle, stanza)) = found.filter(|(_, stanza)| !lacks || stanza.name == StanzaName::Iq) {
                            sessions.send(&handle, stanza);
                        }
                        continue;
                    }
                    seats.each(to, subject.as_ref(), |handle, view| send_to(Some(handle), views, view, sessions));
                }
            }
        }
        if !seats.is_empty() {
            self.rooms.insert(room.clone(), seats);
        }
    }

    fn is_to_hear(&self, room: &BareJid, session: &Session) -> bool {
        self.astray.as_ref().is_some_and(|astray| astray.believes(room, session))
    }

    /// Whether this is the entry by which all who sat here do not any more.
    fn hears_of_beginning_anew(&mut self, delivery: &Delivery) -> bool {
        let anew = delivery.anew.filter(|anew| anew.node == self.node);
        let heard = self.astray.as_mut().zip(anew).map(|(astray, anew)| astray.hears(delivery, anew.number));
        heard.unwrap_or(false)
    }

    /// Whoever was not told by the entry is told by this edge.
    fn begin_anew(&mut self, sessions: &impl Sessions<Handle = H>) {
        for (session, handle, farewell) in self.astray.take().into_iter().flat_map(Astray::untold) {
            // One that has ended needs to know nothing.
            if sessions.find(&session).is_some() {
                sessions.send(&handle, &farewell);
            }
        }
    }

    fn answered(&mut self, answer: &Answer, sessions: &impl Sessions<Handle = H>, out: &mut Vec<Output>) {
        let Answer { session, number, verdict } = answer.clone();
        let key = (session, number);
        let waiting = self.places.remove(&key).and_then(|place| self.waiting.remove(&place));
        let request = match (waiting, &verdict) {
            (Some(waiting), Verdict::Relayed) => {
                self.relayed.insert(key, waiting.request);
                None
            }
            // It was repeated before this was heard.
            (None, Verdict::Relayed) => return,
            (Some(waiting), _) => Some(waiting.request),
            (None, _) => match self.relayed.remove(&key) {
                Some(request) => Some(request),
                // It has its answer, if only that this is not known.
                None => return,
            },
        };
        match (&verdict, request) {
            (Verdict::Reply(reply), Some(request)) => {
                if let Some(handle) = sessions.find(&request.session) {
                    sessions.send(&handle, reply);
                }
            }
            (_, Some(request)) if matches!(request.ask, Ask::Gone(_)) => self.forget_before(&request, sessions, out),
            (Verdict::Unreadable, Some(request)) => {
                let error = StanzaError::new(Condition::InternalServerError).text("the servers do not understand each other");
                return give_up(&request, &error, sessions, out);
            }
            _ => {}
        }
        out.push(Output::Answered { session, number, verdict: Some(verdict) });
    }

    /// A session that is bound no more does not ask again to be: a repeat behind its end would bind it for good.
    fn forget_rebinding(&mut self, of: &Session, out: &mut Vec<Output>) {
        let is_rebinding = |ask: &Ask| matches!(ask, Ask::Session(SessionRequest::Rebind { .. }));
        for request in self.take_waiting(of.id, u64::MAX, is_rebinding) {
            out.push(Output::Answered { session: of.id, number: request.number, verdict: None });
        }
    }

    /// What a session asked before it left all rooms was decided before that. Where its answer was lost it must not be asked again.
    fn forget_before(&mut self, gone: &Request, sessions: &impl Sessions<Handle = H>, out: &mut Vec<Output>) {
        for request in self.take_waiting(gone.session.id, gone.number, |_| true) {
            let text = "the answer to this was lost before you left; whether it was carried out is not known";
            give_up(&request, &StanzaError::wait(text), sessions, out);
        }
    }

    /// Takes out what of these requests of a session waits, with numbers below this one.
    fn take_waiting(&mut self, session: u64, below: u64, which: impl Fn(&Ask) -> bool) -> Vec<Request> {
        let places: Vec<((u64, u64), u64)> =
            self.places.range((session, 0)..(session, below)).map(|(key, place)| (*key, *place)).collect();
        let mut taken = Vec::new();
        for (key, place) in places {
            if self.waiting.get(&place).is_some_and(|waiting| which(&waiting.request.ask)) {
                self.places.remove(&key);
                taken.extend(self.waiting.remove(&place).map(|waiting| waiting.request));
            }
        }
        taken
    }

    fn acknowledge(&mut self, out: &mut Vec<Output>) {
        let have = self.have.unwrap_or(0);
        if have >= self.acknowledged + ACKNOWLEDGE_EVERY {
            self.acknowledged = have;
            out.push(Output::Acknowledge(have));
        }
    }
}

fn send_to<H: Clone>(handle: Option<&H>, views: &Views, view: View, sessions: &impl Sessions<Handle = H>) {
    if let Some((handle, stanza)) = handle.zip(views.get(view)) {
        sessions.send(handle, stanza);
    }
}

fn give_up<H: Clone>(request: &Request, error: &StanzaError, sessions: &impl Sessions<Handle = H>, out: &mut Vec<Output>) {
    let reply = request.ask.stanza().and_then(|stanza| stanza.error_reply(error));
    if let Some((handle, reply)) = sessions.find(&request.session).zip(reply) {
        sessions.send(&handle, &reply);
    }
    out.push(Output::Answered { session: request.session.id, number: request.number, verdict: None });
}

//! Frames: what a home says to an edge.

use conclave_muc::{Attachment, Audience, Effect, Origin, SeatChange, Seats, Session, View, What};
use conclave_xmpp::{BareJid, Timestamp};

use crate::answer::{Answer, Verdict};
use crate::incarnation::Incarnation;
use crate::view_set::ViewSet;

/// What one entry, or one answer, means for those who are reached through some edges.
///
/// Frames of entries are kept for a while by every replica, as they are here: they refer to what they show. Only who sends one encodes it.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Frame {
    /// The entry's place in the log; nothing for answers and stanzas that are not logged.
    pub index: Option<u64>,
    /// When it was decided; zero for what is not logged.
    pub time: Timestamp,
    /// What happens in rooms, in the order of sending.
    pub sections: Vec<Section>,
    /// What goes to sessions without a room.
    pub direct: Vec<Direct>,
    /// Requests that it answers.
    pub answers: Vec<Answer>,
    /// The edge that begins anew with it: nobody sits any more who sat by way of this incarnation.
    pub anew: Option<Incarnation>,
    /// Nodes that it concerns, ascending.
    pub edges: Vec<u32>,
}

/// The session behind something, and where it is.
pub type Asker<'a> = (&'a Session, Attachment);

/// What happens in one room.
#[derive(Clone, PartialEq, Debug)]
pub struct Section {
    /// The room.
    pub room: BareJid,
    /// In the order of sending.
    pub effects: Vec<Routed>,
}

/// An effect, and what is known of its receivers from the moment it came about.
#[derive(Clone, PartialEq, Debug)]
pub struct Routed {
    /// What.
    pub effect: Effect,
    /// The views in which they see it.
    pub views: ViewSet,
    /// The node, if only one session receives it.
    pub only: Option<u32>,
}

/// Something to one session, outside of rooms.
#[derive(Clone, PartialEq, Debug)]
pub enum Direct {
    /// A finished stanza, `to` and all.
    Stanza {
        /// To whom.
        session: Session,
        /// The node where that one is.
        node: u32,
        /// Its bytes.
        bytes: Vec<u8>,
    },
    /// The session's full JID has a new holder (RFC 6120 §7.7.2.2).
    Replaced(Session),
}

impl Frame {
    /// A frame of an entry.
    pub fn of_entry(index: u64, time: Timestamp) -> Frame {
        Frame { index: Some(index), time, ..Frame::default() }
    }

    /// Adds what an entry does in a room, and folds it into the room's seating, which says whom it concerns. `asker` is the session behind it, should
    /// it sit nowhere.
    pub fn add(&mut self, room: BareJid, effects: Vec<Effect>, seats: &mut Seats<Attachment>, asker: Option<Asker<'_>>) {
        let routed = effects.into_iter().map(|effect| match &effect {
            Effect::Seat(change) => {
                self.fold(change, seats);
                Routed { effect, views: ViewSet::default(), only: None }
            }
            Effect::Send { .. } => self.route(effect, seats, asker),
        });
        let effects: Vec<Routed> = routed.collect();
        if !effects.is_empty() {
            self.sections.push(Section { room, effects });
        }
    }

    /// Adds stanzas in a room that are not logged, and change no seat.
    pub fn add_soft(&mut self, room: BareJid, effects: Vec<Effect>, seats: Option<&Seats<Attachment>>, asker: Option<Asker<'_>>) {
        let none = Seats::default();
        let seats = seats.unwrap_or(&none);
        let effects: Vec<Routed> = effects.into_iter().map(|effect| self.route(effect, seats, asker)).collect();
        if !effects.is_empty() {
            self.sections.push(Section { room, effects });
        }
    }

    fn route(&mut self, effect: Effect, seats: &Seats<Attachment>, asker: Option<Asker<'_>>) -> Routed {
        let (mut views, mut only) = (ViewSet::default(), None);
        if let Effect::Send { to, what } = &effect {
            let single = matches!(to, Audience::Session(_));
            let mut receive = |attachment: Attachment, view: View| {
                self.concern(attachment);
                views.insert(view);
                only = single.then_some(Incarnation::of(attachment).node);
            };
            seats.each(to, what.shown_nick(), |attachment, view| receive(*attachment, view));
            if let (Audience::Session(session), Some((asker, attachment))) = (to, asker)
                && asker == session
                && seats.get(session).is_none()
            {
                receive(attachment, View::Plain);
            }
            if !what.differs_by_view() {
                views = ViewSet::only(View::Plain);
            }
        }
        Routed { effect, views, only }
    }

    /// Notes that it answers a request.
    pub fn answer(&mut self, session: u64, number: u64, verdict: Verdict, attachment: Attachment) {
        self.answers.push(Answer { session, number, verdict });
        self.concern(attachment);
    }

    /// Notes that it answers the stanza behind an entry.
    pub fn answer_origin(&mut self, origin: &Origin) {
        self.answer(origin.session.id, origin.number, Verdict::Done, origin.attachment);
    }

    /// Notes that it concerns the node of an attachment.
    pub fn concern(&mut self, attachment: Attachment) {
        let node = Incarnation::of(attachment).node;
        if let Err(at) = self.edges.binary_search(&node) {
            self.edges.insert(at, node);
        }
    }

    /// Whether it concerns a node.
    pub fn concerns(&self, node: u32) -> bool {
        self.edges.binary_search(&node).is_ok()
    }

    /// Roughly the memory that it holds, in bytes. What it shares with the room is counted: the room may forget it first.
    pub fn weight(&self) -> usize {
        let effects = self.sections.iter().flat_map(|section| &section.effects);
        let effects: usize = effects.map(|routed| EFFECT_BYTES + said(&routed.effect)).sum();
        let direct = |direct: &Direct| match direct {
            Direct::Stanza { bytes, .. } => EFFECT_BYTES + bytes.len(),
            Direct::Replaced(_) => EFFECT_BYTES,
        };
        size_of::<Frame>() + effects + self.direct.iter().map(direct).sum::<usize>()
    }

    fn fold(&mut self, change: &SeatChange, seats: &mut Seats<Attachment>) {
        match change {
            SeatChange::Taken { attachment, .. } => {
                self.concern(*attachment);
                seats.fold(change, |_| Some(*attachment));
            }
            SeatChange::Left(jid) => {
                if let Some(attachment) = seats.find(jid) {
                    self.concern(*attachment);
                }
                seats.fold(change, |_| None);
            }
            SeatChange::Moderator(..) | SeatChange::RealJidsForAll(_) => {
                seats.each(&Audience::Everyone, None, |attachment, _| self.concern(*attachment));
                seats.fold(change, |_| None);
            }
        }
    }
}

/// Bytes of what clients said in an effect.
fn said(effect: &Effect) -> usize {
    match effect {
        Effect::Send { what: What::Message { message, .. }, .. } => message.content.as_str().len(),
        Effect::Send { what: What::Private { private, .. }, .. } => private.content.as_str().len(),
        Effect::Send { what: What::Presence(shown), .. } => shown.presence.as_str().len(),
        Effect::Send { what: What::Stanza(stanza), .. } => stanza.rest.len(),
        Effect::Send { .. } | Effect::Seat(_) => 0,
    }
}

/// What an effect weighs beside that.
const EFFECT_BYTES: usize = 512;

//! Effects: what must be sent, to whom, in which view. They refer to what they show and are encoded only when sent.

use std::sync::Arc;

use compact_str::CompactString;
use conclave_xmpp::{BareJid, Encoded, Fragment, FullJid, Nick, Timestamp};

use crate::affiliation::Affiliation;
use crate::change::{Actor, Destruction, Private};
use crate::occupant::{Attachment, Occupant, Seat, Session};
use crate::role::Role;
use crate::status::Status;

/// One thing that follows from an entry. The order of effects is the order of sending.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// Who sits where changes; whoever sends keeps count by [`crate::seats::Seats`].
    Seat(SeatChange),
    /// Something is sent.
    Send {
        /// Who gets it.
        to: Audience,
        /// What.
        what: What,
    },
}

/// A change of the seating.
#[derive(Clone, PartialEq, Debug)]
pub enum SeatChange {
    /// A session sits under a nick; it may have sat under another, or its connection may have been elsewhere.
    Taken {
        /// Which session.
        session: Session,
        /// Where its connection is.
        attachment: Attachment,
        /// Under which nick.
        nick: Nick,
        /// Whether it sees what moderators see.
        moderator: bool,
    },
    /// A session is gone. One that is only detached is not.
    Left(FullJid),
    /// All sessions of a nick see what moderators see, or no longer.
    Moderator(Nick, bool),
    /// Real JIDs are shown to everybody, or no longer.
    RealJidsForAll(bool),
}

/// Who receives. The seating at this place in the order of effects decides.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Audience {
    /// Every session in the room.
    Everyone,
    /// Every session but those of a nick.
    Others(Nick),
    /// The sessions of those who see real JIDs.
    RealJidViewers,
    /// The sessions of a nick.
    Occupant(Nick),
    /// This session, whether it sits or not.
    Session(Session),
}

/// In whose eyes something is shown.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum View {
    /// Of somebody who sees no real JIDs but its own.
    Plain,
    /// Of somebody who sees real JIDs: a moderator, or anybody in a non-anonymous room.
    RealJids,
    /// Of the occupant itself.
    Own,
}

/// What is sent.
#[derive(Clone, PartialEq, Debug)]
pub enum What {
    /// An occupant as it is, or as it leaves.
    Presence(Box<Shown>),
    /// An affiliate who is not in the room (presence broadcast `none`).
    Absent {
        /// The room.
        room: BareJid,
        /// Who.
        jid: BareJid,
        /// Its affiliation.
        affiliation: Affiliation,
        /// Its reserved nick.
        nick: Option<Nick>,
    },
    /// A groupchat message, at once or as history.
    Message {
        /// What was said.
        message: Arc<Message>,
        /// Whether it comes later than it was said.
        delayed: bool,
    },
    /// The subject, as newcomers get it.
    Subject {
        /// The room.
        room: BareJid,
        /// The message that set it, if one did.
        set: Option<Arc<Message>>,
    },
    /// A private message.
    Private {
        /// The room.
        room: BareJid,
        /// What was said.
        private: Box<Private>,
        /// XEP-0421 id of the sender.
        occupant_id: Arc<str>,
    },
    /// An affiliation changed of somebody who is not in the room.
    Notice {
        /// The room.
        room: BareJid,
        /// Whose.
        jid: BareJid,
        /// What it is now.
        affiliation: Affiliation,
        /// 301 or 321.
        status: Option<Status>,
        /// Why.
        reason: Option<String>,
    },
    /// Codes about the room itself, in a message to all.
    Codes {
        /// The room.
        room: BareJid,
        /// Which.
        codes: Vec<Status>,
    },
    /// The result of an IQ whose change is committed.
    Result {
        /// The room.
        room: BareJid,
        /// The id of the IQ.
        id: CompactString,
    },
    /// A stanza that is the same in every view: an answer, a relayed IQ.
    Stanza(Encoded),
}

/// An occupant in a presence.
#[derive(Clone, PartialEq, Debug)]
pub struct Shown {
    /// The room.
    pub room: BareJid,
    /// As it is, or as it was before it left.
    pub occupant: Arc<Occupant>,
    /// What it says of itself.
    pub presence: Fragment,
    /// Whether it leaves the nick.
    pub unavailable: bool,
    /// For the item.
    pub affiliation: Affiliation,
    /// For the item.
    pub role: Role,
    /// Codes that stand before the item, the same in every view.
    pub codes: Vec<Status>,
    /// Who did it.
    pub actor: Option<Actor>,
    /// Why.
    pub reason: Option<String>,
    /// The nick from now on (303).
    pub new_nick: Option<Nick>,
    /// The end of the room.
    pub destroyed: Option<Box<Destruction>>,
}

/// What was said to all, as it is kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// The room.
    pub room: BareJid,
    /// By whom; the nick of then.
    pub nick: Nick,
    /// XEP-0421 id of the sender.
    pub occupant_id: Arc<str>,
    /// The sender's id.
    pub id: Option<CompactString>,
    /// XEP-0359 id, by the room; derived from the place in the log.
    pub stanza_id: CompactString,
    /// `xml:lang`.
    pub lang: Option<CompactString>,
    /// The content.
    pub content: Fragment,
    /// When.
    pub time: Timestamp,
}

impl Effect {
    /// A seat of an occupant is taken.
    pub(crate) fn taken(occupant: &Occupant, seat: &Seat) -> Effect {
        Effect::Seat(SeatChange::Taken {
            session: seat.session.clone(),
            attachment: seat.attachment,
            nick: occupant.nick.clone(),
            moderator: occupant.role == Role::Moderator,
        })
    }

    /// Something to one session.
    pub fn to_session(session: &Session, what: What) -> Effect {
        Effect::Send { to: Audience::Session(session.clone()), what }
    }

    /// A finished stanza to one session.
    pub fn answer(session: &Session, stanza: Encoded) -> Effect {
        Effect::to_session(session, What::Stanza(stanza))
    }
}

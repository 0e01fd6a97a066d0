//! What an edge asks of a home.

use conclave_muc::{Asked, Session};
use conclave_xmpp::{BareJid, Element, Jid, Stanza};

use crate::bound_sessions::SessionRequest;

/// A numbered request of a session. The home recognises repeats by session and number.
#[derive(Clone, PartialEq, Debug)]
pub struct Request {
    /// Who asks.
    pub session: Session,
    /// From 1, one more for each request of the session, whatever shard it goes to.
    pub number: u64,
    /// The lowest number of the session at this shard that is not answered yet; this one if there is no other.
    pub floor: u64,
    /// What it asks.
    pub ask: Ask,
}

/// What can be asked.
#[derive(Clone, PartialEq, Debug)]
pub enum Ask {
    /// A stanza to a room or to one of its occupants.
    Room(BareJid, Stanza),
    /// To be taken out of every room of the shard: the session ended, or sent an unavailable presence to nobody in particular.
    Gone(Vec<Element>),
    /// A stanza to an account or one of its sessions.
    User(Jid, Stanza),
    /// To be bound, and the like.
    Session(SessionRequest),
    /// The public rooms.
    Listings,
    /// The room of this address, or all rooms, for those who run the service.
    Rooms(Option<BareJid>),
}

impl Ask {
    /// The stanza behind it, if its sender waits for an answer to one.
    pub fn stanza(&self) -> Option<&Stanza> {
        match self {
            Ask::Room(_, stanza) | Ask::User(_, stanza) => Some(stanza),
            Ask::Gone(_) | Ask::Session(_) | Ask::Listings | Ask::Rooms(_) => None,
        }
    }

    /// Whether it has to be carried out however long that takes: what ends must end, and who lives on must be reached.
    pub fn is_final(&self) -> bool {
        matches!(self, Ask::Gone(_) | Ask::Session(SessionRequest::Unbind { .. } | SessionRequest::Rebind { .. }))
    }
}

impl Request {
    /// As a room judges it.
    pub(crate) fn to_room(&self, attachment: conclave_muc::Attachment, stanza: Stanza) -> conclave_muc::Request {
        let Request { session, number, floor, .. } = self.clone();
        conclave_muc::Request { session, attachment, number, floor, what: Asked::Stanza(stanza) }
    }
}

//! What an edge asks of a home.

use conclave_muc::{Asked, Session};
use conclave_xmpp::{BareJid, Element, Jid, Presence, PresenceKind, Stanza, ns};

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
    /// For everybody who sits or is bound by way of the edge to be detached: it is about to end its streams, and its clients are to come back by way of others.
    EdgeEnds,
    /// Something that this version cannot read.
    Unreadable,
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
            Ask::Gone(_) | Ask::Session(_) | Ask::EdgeEnds | Ask::Unreadable | Ask::Listings | Ask::Rooms(_) => None,
        }
    }

    /// Whether it has to be carried out however long that takes: what ends must end, and who lives on must be reached.
    pub fn is_final(&self) -> bool {
        matches!(self, Ask::Gone(_) | Ask::Session(SessionRequest::Unbind { .. } | SessionRequest::Rebind { .. }))
    }
}

impl Request {
    /// Whether a later request may say as much: it says how available an occupant is.
    pub fn may_be_superseded(&self) -> bool {
        matches!(&self.ask, Ask::Room(_, Stanza::Presence(presence)) if is_update(presence))
    }

    /// Whether it says all that an earlier one of the same session said, and what the earlier one said need not be shown: both say how available an
    /// occupant is.
    pub fn supersedes(&self, earlier: &Request) -> bool {
        match (&self.ask, &earlier.ask) {
            (Ask::Room(room, Stanza::Presence(newer)), Ask::Room(other, Stanza::Presence(older))) => {
                self.session == earlier.session
                    && room == other
                    && newer.head.to == older.head.to
                    && [newer, older].into_iter().all(is_update)
            }
            _ => false,
        }
    }

    /// As a room judges it.
    pub(crate) fn to_room(&self, attachment: conclave_muc::Attachment, stanza: Stanza) -> conclave_muc::Request {
        let Request { session, number, floor, .. } = self.clone();
        conclave_muc::Request { session, attachment, number, floor, what: Asked::Stanza(stanza) }
    }
}

/// A presence that is neither the way in nor the way out.
fn is_update(presence: &Presence) -> bool {
    presence.kind == PresenceKind::Available && !presence.payloads.iter().any(|payload| payload.is("x", ns::MUC))
}

#[cfg(test)]
mod tests {
    use conclave_xmpp::FullJid;

    use super::*;

    fn request(id: u64, stanza: &str) -> Request {
        let session = Session { jid: FullJid::parse("ann@h/1").unwrap(), id };
        let stanza = Stanza::from_text(stanza.as_bytes()).unwrap();
        Request { session, number: 1, floor: 1, ask: Ask::Room(BareJid::parse("r@c").unwrap(), stanza) }
    }

    #[test]
    fn only_an_update_of_presence_supersedes_another() {
        let update = |show: &str| format!("<presence xmlns='jabber:client' to='r@c/Ann'><show>{show}</show></presence>");
        let (away, back) = (update("away"), update("chat"));
        let join = "<presence xmlns='jabber:client' to='r@c/Ann'><x xmlns='http://jabber.org/protocol/muc'/></presence>";
        let leave = "<presence xmlns='jabber:client' to='r@c/Ann' type='unavailable'/>";
        let rename = "<presence xmlns='jabber:client' to='r@c/Nan'/>";
        let message = "<message xmlns='jabber:client' to='r@c' type='groupchat'><body>hi</body></message>";
        assert!(request(1, &back).supersedes(&request(1, &away)));
        assert!(!request(2, &back).supersedes(&request(1, &away)), "another session");
        for other in [join, leave, rename, message] {
            assert!(!request(1, &back).supersedes(&request(1, other)), "{other}");
            assert!(!request(1, other).supersedes(&request(1, &away)), "{other}");
        }
    }
}

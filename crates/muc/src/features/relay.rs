//! IQs between occupants (§17.4), which are passed on and forgotten, and the self-ping (XEP-0410), which the room answers itself.

use conclave_xmpp::{Condition, Encoded, FullJid, Iq, Nick, Stanza, StanzaError, StanzaName, StanzaWriter, keyed_hash, ns};

use crate::occupant::{Occupant, Seat, Session};
use crate::refusal::Refusal;
use crate::request::{Context, Request};
use crate::room::{Open, Outcome, Room, answer};

/// Digits of the mark that leads an answer back to the session that asked.
const MARK_DIGITS: usize = 16;

pub(crate) fn decide(room: &Room, iq: &Iq, nick: &Nick, request: &Request, context: &Context) -> Result<Outcome, Refusal> {
    let is_ping = iq.payload().is_some_and(|payload| payload.is("ping", ns::PING));
    if is_ping && room.occupant_of(&request.session).is_none() {
        // XEP-0410 §3.2: of all errors this one says that the client is not joined; item-not-found would say that it is, under another nick.
        return Err(Refusal::not_an_occupant());
    }
    room.check_visible_to(&request.session, context)?;
    let (open, sender) = room.must_be_occupant(&request.session)?;
    if !iq.is_request() {
        return Ok(lead_back(room, open, sender, iq, nick, request));
    }
    if sender.nick == *nick && is_ping {
        return Ok(answer(request, iq.result(None)));
    }
    let target = open.occupants.get(nick).ok_or_else(|| Refusal::item_not_found("nobody of that nickname is in the room"))?;
    if iq.payload().is_some_and(|payload| matches!(payload.namespace(), ns::VCARD | ns::PUBSUB)) {
        // These are the account's to answer, not the client's; accounts keep neither yet.
        return Err(Refusal::new(Condition::ServiceUnavailable, "this account keeps no such thing"));
    }
    // It would not answer before its connection is back, if ever.
    let Some(seat) = target.seats.iter().rfind(|seat| seat.detached.is_none()) else {
        return Err(Refusal::new(Condition::RecipientUnavailable, "whom you ask is disconnected; try again later"));
    };
    let id = mark(open, &request.session.jid, &seat.session.jid) + iq.head.id.as_deref().unwrap_or_default();
    let asked = RelayedIq {
        asker: request.session.clone(),
        asked: seat.session.clone(),
        stanza: relayed(room, sender, iq, &id),
        id,
        unanswered: Stanza::Iq(iq.clone()).error_reply(&StanzaError::new(Condition::RecipientUnavailable)),
    };
    Ok(Outcome::Ask(Box::new(asked)))
}

/// An IQ that one session asks another through the room. It is not logged; whoever runs the room sees to it that it does not stay unanswered.
#[derive(Clone, PartialEq, Debug)]
pub struct RelayedIq {
    /// Who asks.
    pub asker: Session,
    /// Who is asked.
    pub asked: Session,
    /// The id under which the asked one sees it, and answers it.
    pub id: String,
    /// The request.
    pub stanza: Encoded,
    /// What the asker gets if the asked one leaves before it answers.
    pub unanswered: Option<Encoded>,
}

/// An answer goes to the one session whose mark its id bears, whatever nick either bears by now; any other is dropped.
fn lead_back(room: &Room, open: &Open, sender: &Occupant, iq: &Iq, asker: &Nick, request: &Request) -> Outcome {
    let marked = iq.head.id.as_deref().unwrap_or_default();
    let Some((led_by, id)) = marked.split_at_checked(MARK_DIGITS) else { return Outcome::Nothing };
    let is_meant = |seat: &&Seat| mark(open, &seat.session.jid, &request.session.jid) == led_by;
    let first = open.occupants.get(asker).into_iter();
    let seat = first.chain(open.occupants.values()).flat_map(|occupant| &occupant.seats).find(is_meant);
    match seat {
        Some(seat) => {
            let (asker, answer) = (seat.session.clone(), relayed(room, sender, iq, id));
            Outcome::Answered { asked: request.session.clone(), id: marked.to_owned(), asker, answer }
        }
        None => Outcome::Nothing,
    }
}

/// Tells the session that asked, without showing its real JID.
fn mark(open: &Open, asker: &FullJid, asked: &FullJid) -> String {
    let hash = keyed_hash(&open.occupant_key, &format!("iq {asker} {asked}"));
    hash.iter().take(MARK_DIGITS / 2).map(|byte| format!("{byte:02x}")).collect()
}

fn relayed(room: &Room, sender: &Occupant, iq: &Iq, id: &str) -> Encoded {
    let writer = StanzaWriter::new(StanzaName::Iq)
        .attribute("from", room.jid().with_nick(&sender.nick).as_str())
        .attribute("id", id)
        .attribute("type", iq.kind.as_str())
        .attribute_some("xml:lang", iq.head.lang.as_deref());
    iq.payloads.iter().fold(writer, |writer, payload| writer.element(payload)).finish()
}

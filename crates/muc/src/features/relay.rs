//! IQs between occupants (§17.4), which are passed on and forgotten, and the self-ping (XEP-0410), which the room answers itself.

use conclave_xmpp::{Condition, Encoded, FullJid, Iq, Nick, StanzaName, StanzaWriter, ns};

use crate::effect::Effect;
use crate::occupant::Occupant;
use crate::refusal::Refusal;
use crate::request::{Context, Request};
use crate::room::{Open, Outcome, Room, answer, keyed_hash};

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
        return Ok(lead_back(room, open, sender, iq, nick));
    }
    if sender.nick == *nick && is_ping {
        return Ok(answer(request, iq.result(None)));
    }
    let target = open.occupants.get(nick).ok_or_else(|| Refusal::item_not_found("nobody of that nickname is in the room"))?;
    if iq.payload().is_some_and(|payload| matches!(payload.namespace(), ns::VCARD | ns::PUBSUB)) {
        // These are the account's to answer, not the client's; accounts keep neither yet.
        return Err(Refusal::new(Condition::ServiceUnavailable, "this account keeps no such thing"));
    }
    let Some(seat) = target.seats.last() else { return Ok(Outcome::Nothing) };
    let id = format!("{}{}", mark(open, &request.session.jid, nick), iq.head.id.as_deref().unwrap_or_default());
    Ok(Outcome::Send(vec![Effect::answer(&seat.session, relayed(room, sender, iq, &id))]))
}

/// An answer goes to the one session of the asker whose mark its id bears; any other is dropped.
fn lead_back(room: &Room, open: &Open, sender: &Occupant, iq: &Iq, asker: &Nick) -> Outcome {
    let Some((marked, id)) = iq.head.id.as_deref().and_then(|id| id.split_at_checked(MARK_DIGITS)) else {
        return Outcome::Nothing;
    };
    let asker = open.occupants.get(asker);
    let seat = asker.and_then(|asker| asker.seats.iter().find(|seat| mark(open, &seat.session.jid, &sender.nick) == marked));
    match seat {
        Some(seat) => Outcome::Send(vec![Effect::answer(&seat.session, relayed(room, sender, iq, id))]),
        None => Outcome::Nothing,
    }
}

/// Tells the session that asked, and whom, without showing its real JID; nothing has to be remembered.
fn mark(open: &Open, asker: &FullJid, asked: &Nick) -> String {
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

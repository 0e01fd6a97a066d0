//! Presence probes (RFC 6121 §4.3) to occupants.

use conclave_xmpp::Presence;

use crate::effect::{Effect, Shown, What};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::room::{Outcome, Room, addressed_nick};

/// An occupant is shown as it is, an absent bearer of a reserved nick as absent; anything else is met with silence.
pub(crate) fn decide(room: &Room, stanza: &Presence, request: &Request) -> Result<Outcome, Refusal> {
    let (open, _) = room.must_be_occupant(&request.session)?;
    let Some(nick) = addressed_nick(stanza.head.to.as_ref())? else { return Ok(Outcome::Nothing) };
    let what = match (open.occupants.get(&nick), open.reserved.get(&nick)) {
        (Some(occupant), _) => What::Presence(Box::new(Shown::of(room.jid(), open, occupant))),
        (None, Some(jid)) => {
            let affiliation = open.affiliation(jid);
            What::Absent { room: room.jid().clone(), jid: jid.clone(), affiliation, nick: Some(nick) }
        }
        (None, None) => return Ok(Outcome::Nothing),
    };
    Ok(Outcome::Send(vec![Effect::to_session(&request.session, what)]))
}

//! §10.9, the end of a room.

use std::sync::Arc;

use conclave_xmpp::{BareJid, Condition, Element, ns};

use crate::affiliation::Affiliation;
use crate::change::{Change, Destruction};
use crate::effect::{Audience, Effect, SeatChange, Shown, What};
use crate::occupant::Occupant;
use crate::refusal::Refusal;
use crate::room::{Outcome, Room};

/// Characters of the reason, and of the password of the other room, at most.
const TEXT_CHARS_MAX: usize = 1000;

/// Only an owner gets here.
pub(crate) fn decide(element: &Element) -> Result<Outcome, Refusal> {
    let text = |name| bounded(element.child(name, ns::MUC_OWNER).map(Element::text).filter(|text| !text.is_empty()));
    let malformed = |e: conclave_xmpp::JidError| Refusal::new(Condition::JidMalformed, e.to_string());
    let alternate = element.attribute("jid").map(BareJid::parse).transpose().map_err(malformed)?;
    Ok(Outcome::Log(Change::Destroy(Destruction { alternate, password: text("password")?, reason: text("reason")? })))
}

/// Every occupant is told.
fn bounded(text: Option<String>) -> Result<Option<String>, Refusal> {
    match text {
        Some(text) if text.chars().count() > TEXT_CHARS_MAX => {
            Err(Refusal::bad_request(format!("a reason or a password has at most {TEXT_CHARS_MAX} characters")))
        }
        text => Ok(text),
    }
}

/// Everybody is told of its own leaving, and only of that.
pub(crate) fn apply(room: &mut Room, destruction: &Destruction) -> Vec<Effect> {
    let jid = room.jid().clone();
    let Some(open) = room.life.take() else { return Vec::new() };
    let farewell = |occupant: &Arc<Occupant>| {
        let destroyed = Some(Box::new(destruction.clone()));
        let shown = Shown { destroyed, affiliation: Affiliation::None, ..Shown::leaving(&jid, &open, occupant) };
        let to = Audience::Occupant(occupant.nick.clone());
        let left = occupant.jids().map(|jid| Effect::Seat(SeatChange::Left(jid.clone())));
        std::iter::once(Effect::Send { to, what: What::Presence(Box::new(shown)) }).chain(left).collect::<Vec<_>>()
    };
    open.occupants.values().flat_map(farewell).collect()
}

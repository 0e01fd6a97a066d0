//! §7.4, talking to all.

use std::sync::Arc;

use conclave_xmpp::{Condition, ErrorKind, Fragment, Message as MessageStanza, StanzaName, StanzaWriter, ns};

use crate::change::{Change, Entry, Said};
use crate::effect::{Audience, Effect, Message, What};
use crate::features::{history, subject};
use crate::occupant::{Occupant, Session};
use crate::refusal::Refusal;
use crate::render::{cleaned_message, occupant_id};
use crate::request::{Context, Request};
use crate::role::Role;
use crate::room::{Outcome, Room};

pub(crate) fn decide(room: &Room, stanza: &MessageStanza, request: &Request, context: &Context) -> Result<Outcome, Refusal> {
    let (open, occupant) = room.must_be_occupant(&request.session)?;
    let said = said(occupant, stanza);
    check_size(&said.content, context)?;
    if subject::is_subject(stanza) {
        return subject::decide(open, occupant, stanza, said);
    }
    if occupant.role < Role::Participant {
        return Err(Refusal::forbidden("§7.4: a visitor may not speak in a moderated room"));
    }
    if stanza.is_only_chat_state() {
        return Ok(Outcome::Send(vec![soft(room, occupant, &said)]));
    }
    Ok(Outcome::Log(Change::Message(said)))
}

/// What every occupant gets a copy of must be small enough for that.
pub(crate) fn check_size(content: &Fragment, context: &Context) -> Result<(), Refusal> {
    let max = context.service.groupchat_bytes_max;
    if content.as_str().len() > max {
        let text = format!("what goes to all in a room has at most {max} bytes");
        return Err(Refusal::new(Condition::PolicyViolation, text).kind(ErrorKind::Modify));
    }
    Ok(())
}

/// A message to the room that is not for all: invitations and requests for voice are not served yet, anything else is a mistake.
pub(crate) fn refuse_to_room(room: &Room, session: &Session) -> Refusal {
    match room.must_be_occupant(session) {
        Err(refusal) => refusal,
        Ok(_) => Refusal::new(
            Condition::FeatureNotImplemented,
            "invitations and requests for voice are not served yet; all else goes to a room as groupchat",
        ),
    }
}

/// What is said, without what only a room may say.
pub(crate) fn said(occupant: &Occupant, stanza: &MessageStanza) -> Said {
    Said {
        nick: occupant.nick.clone(),
        id: stanza.head.id.clone(),
        lang: stanza.head.lang.clone(),
        content: cleaned_message(stanza),
        historic: is_historic(stanza),
    }
}

/// Newcomers are shown what has a text, encrypted or not, or what its sender wants kept; never what it wants forgotten (XEP-0334).
fn is_historic(stanza: &MessageStanza) -> bool {
    let has = |name, namespace| stanza.payloads.iter().any(|payload| payload.is(name, namespace));
    let kept = has("body", ns::CLIENT)
        || has("encryption", ns::ENCRYPTION)
        || has("store", ns::HINTS)
        || stanza.payloads.iter().any(|payload| payload.namespace() == ns::CHAT_MARKERS);
    kept && !has("no-store", ns::HINTS) && !has("no-permanent-store", ns::HINTS)
}

fn soft(room: &Room, occupant: &Occupant, said: &Said) -> Effect {
    let stanza = StanzaWriter::new(StanzaName::Message)
        .attribute("from", room.jid().with_nick(&said.nick).as_str())
        .attribute_some("id", said.id.as_deref())
        .attribute("type", "groupchat")
        .attribute_some("xml:lang", said.lang.as_deref())
        .fragment(&said.content)
        .element(&occupant_id(&occupant.id))
        .finish();
    Effect::Send { to: Audience::Everyone, what: What::Stanza(stanza) }
}

pub(crate) fn apply(room: &mut Room, said: &Said, entry: &Entry) -> Vec<Effect> {
    let Some(message) = record(room, said, entry) else { return Vec::new() };
    if let Some(open) = room.life.as_deref_mut().filter(|_| said.historic) {
        history::keep(open, message.clone());
    }
    vec![Effect::Send { to: Audience::Everyone, what: What::Message { message, delayed: false } }]
}

/// The message as it is kept and sent; its id derives from its place in the log.
pub(crate) fn record(room: &Room, said: &Said, entry: &Entry) -> Option<Arc<Message>> {
    let occupant = room.life.as_deref()?.occupants.get(&said.nick)?;
    Some(Arc::new(Message {
        room: room.jid().clone(),
        nick: said.nick.clone(),
        occupant_id: occupant.id.clone(),
        id: said.id.clone(),
        stanza_id: format!("{:016x}", entry.index).into(),
        lang: said.lang.clone(),
        content: said.content.clone(),
        time: entry.time,
    }))
}

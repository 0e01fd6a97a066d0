//! §7.2.15, §7.3 and §8.1, the subject: every newcomer is told, even that there is none.

use conclave_xmpp::{BareJid, Message as MessageStanza, ns};

use crate::change::{Change, Entry, Said};
use crate::config::{ConfigField, show_boolean};
use crate::effect::{Audience, Effect, What};
use crate::features::message;
use crate::occupant::Occupant;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::room::{Open, Outcome, Room};
use crate::state::Subject;

const VAR: &str = "muc#roomconfig_changesubject";

pub(crate) const FIELD: ConfigField = ConfigField {
    var: VAR,
    show: |config| show_boolean(VAR, "Participants may change the subject", config.change_subject),
    set: |config, field, _| {
        config.change_subject = field.boolean()?;
        Ok(())
    },
};

/// §8.1: a subject without a body, and without a thread, is one; otherwise it is a message that happens to have a subject.
pub(crate) fn is_subject(stanza: &MessageStanza) -> bool {
    let has = |name| stanza.payloads.iter().any(|payload| payload.is(name, ns::CLIENT));
    has("subject") && !has("body") && !has("thread")
}

pub(crate) fn decide(open: &Open, occupant: &Occupant, stanza: &MessageStanza, said: Said) -> Result<Outcome, Refusal> {
    match occupant.role {
        Role::Moderator => {}
        Role::Participant if open.config.change_subject => {}
        _ => return Err(Refusal::forbidden("§8.1: you may not change the subject of this room")),
    }
    let said = Said { historic: false, ..said };
    let text = stanza.payloads.iter().find(|payload| payload.is("subject", ns::CLIENT)).map(|subject| subject.text());
    Ok(Outcome::Log(Change::Subject { said, text: text.unwrap_or_default() }))
}

pub(crate) fn apply(room: &mut Room, said: &Said, text: &str, entry: &Entry) -> Vec<Effect> {
    let Some(message) = message::record(room, said, entry) else { return Vec::new() };
    if let Some(open) = room.life.as_deref_mut() {
        open.subject = Some(Subject { message: message.clone(), text: text.into() });
    }
    vec![Effect::Send { to: Audience::Everyone, what: What::Message { message, delayed: false } }]
}

/// What ends every join.
pub(crate) fn current(room: &BareJid, open: &Open) -> What {
    What::Subject { room: room.clone(), set: open.subject.as_ref().map(|subject| subject.message.clone()) }
}

//! §7.5, talking to one occupant.

use conclave_xmpp::{Field, FieldKind, Message as MessageStanza, Nick, StanzaName, StanzaWriter, ns};

use crate::affiliation::Affiliation;
use crate::change::{Change, Private};
use crate::config::{AllowPm, ConfigField, unknown_choice};
use crate::effect::{Audience, Effect, What};
use crate::occupant::Occupant;
use crate::planted::{self, Bug};
use crate::refusal::Refusal;
use crate::render::cleaned_message;
use crate::request::Request;
use crate::role::Role;
use crate::room::{Open, Outcome, Room};

const VAR: &str = "muc#roomconfig_allowpm";
const CHOICES: [(&str, &str, AllowPm); 5] = [
    ("Anyone", "anyone", AllowPm::Anyone),
    ("Those with voice", "participants", AllowPm::Participants),
    ("Moderators", "moderators", AllowPm::Moderators),
    ("Members", "affiliated", AllowPm::Affiliated),
    ("Nobody", "none", AllowPm::Nobody),
];

pub(crate) const FIELD: ConfigField = ConfigField {
    var: VAR,
    show: |config| {
        let value = CHOICES.iter().find(|(_, _, choice)| *choice == config.allow_pm).map_or("anyone", |(_, value, _)| value);
        let field = Field::new(FieldKind::ListSingle, VAR, value).label("Who may send private messages");
        CHOICES.iter().fold(field, |field, (label, value, _)| field.option(label, value))
    },
    set: |config, field, _| {
        // Other servers name the roles in the singular.
        let value = match field.value()? {
            "visitor" => "anyone",
            "participant" => "participants",
            "moderator" => "moderators",
            value => value,
        };
        let choice = CHOICES.iter().find(|(_, name, _)| *name == value);
        let (_, _, choice) = choice.ok_or_else(|| unknown_choice(field, "anyone, participants, moderators, affiliated, none"))?;
        config.allow_pm = *choice;
        Ok(())
    },
};

pub(crate) fn decide(room: &Room, stanza: &MessageStanza, to: &Nick, request: &Request) -> Result<Outcome, Refusal> {
    let (open, sender) = room.must_be_occupant(&request.session)?;
    if !open.occupants.contains_key(to) {
        return Err(Refusal::item_not_found("§7.5: nobody of that nickname is in the room"));
    }
    if !may_send(open, sender) {
        return Err(Refusal::policy("private messages are not allowed here"));
    }
    Ok(Outcome::Log(Change::Private(Private {
        from: sender.nick.clone(),
        to: to.clone(),
        kind: stanza.kind,
        id: stanza.head.id.clone(),
        lang: stanza.head.lang.clone(),
        content: cleaned_message(stanza),
    })))
}

/// An answer to a private message that tells its sender what went wrong; passed on and forgotten.
pub(crate) fn relay_error(room: &Room, stanza: &MessageStanza, to: &Nick, request: &Request) -> Outcome {
    let Some((open, sender)) = room.occupant_of(&request.session) else { return Outcome::Nothing };
    let error = stanza.payloads.iter().find(|payload| payload.is("error", ns::CLIENT));
    let Some(error) = error.filter(|_| open.occupants.contains_key(to)) else { return Outcome::Nothing };
    let error = StanzaWriter::new(StanzaName::Message)
        .attribute("from", room.jid().with_nick(&sender.nick).as_str())
        .attribute_some("id", stanza.head.id.as_deref())
        .attribute("type", "error")
        .element(error)
        .finish();
    Outcome::Send(vec![Effect::Send { to: Audience::Occupant(to.clone()), what: What::Stanza(error) }])
}

/// Moderators may always, unless nobody may.
fn may_send(open: &Open, sender: &Occupant) -> bool {
    match open.config.allow_pm {
        AllowPm::Anyone => true,
        AllowPm::Participants => sender.role >= Role::Participant,
        AllowPm::Moderators => sender.role == Role::Moderator,
        AllowPm::Affiliated => sender.role == Role::Moderator || open.affiliation(&sender.jid) >= Affiliation::Member,
        AllowPm::Nobody => false,
    }
}

pub(crate) fn apply(room: &Room, private: &Private) -> Vec<Effect> {
    let sender = room.life.as_deref().and_then(|open| open.occupants.get(&private.from));
    let Some(sender) = sender else { return Vec::new() };
    let what = What::Private { room: room.jid().clone(), private: Box::new(private.clone()), occupant_id: sender.id.clone() };
    let to = if planted::is(Bug::WhisperAstray) { neighbour(room, &private.to) } else { private.to.clone() };
    vec![Effect::Send { to: Audience::Occupant(to), what }]
}

/// Who sits next to somebody.
fn neighbour(room: &Room, nick: &Nick) -> Nick {
    let nicks = || room.life.iter().flat_map(|open| open.occupants.keys());
    nicks().find(|other| *other > nick).or_else(|| nicks().next()).unwrap_or(nick).clone()
}

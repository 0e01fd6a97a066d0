//! §10.1.2-10.2, the namespace muc#owner: the configuration form, its submission, its cancellation.

use std::sync::Arc;

use conclave_xmpp::{DataForm, Element, Field, FieldKind, FormError, FormKind, Iq, IqKind, ns};

use crate::affiliation::Affiliation;
use crate::change::{Change, Configuration, Destruction, Entry};
use crate::config::{ConfigField, RoomConfig, show_boolean, text_of};
use crate::effect::{Audience, Effect, SeatChange, What};
use crate::features::{destroy, history, members_only, presence};
use crate::refusal::Refusal;
use crate::request::{Context, Request};
use crate::room::{Open, Outcome, Room, answer};
use crate::status::Status;

/// Characters of a room's name, at most: it is shown in lists.
const NAME_CHARS_MAX: usize = 100;
/// Characters of a description, at most.
const DESCRIPTION_CHARS_MAX: usize = 2000;
/// Characters of a language tag, at most (RFC 5646 §4.4.1 asks for 35 or more).
const LANG_CHARS_MAX: usize = 64;

const NAME_VAR: &str = "muc#roomconfig_roomname";
const DESCRIPTION_VAR: &str = "muc#roomconfig_roomdesc";
const LANG_VAR: &str = "muc#roomconfig_lang";
const PERSISTENT_VAR: &str = "muc#roomconfig_persistentroom";
const PUBLIC_VAR: &str = "muc#roomconfig_publicroom";
const MODERATED_VAR: &str = "muc#roomconfig_moderatedroom";
const ARCHIVING_VAR: &str = "muc#roomconfig_enablearchiving";
const LOGGING_VAR: &str = "muc#roomconfig_enablelogging";

pub(crate) const NAME: ConfigField = ConfigField {
    var: NAME_VAR,
    show: |config| Field::new(FieldKind::TextSingle, NAME_VAR, &config.name).label("Name"),
    set: |config, field, _| {
        config.name = text_of(field, NAME_CHARS_MAX)?;
        if config.name.chars().any(char::is_control) {
            return Err(FormError::new(NAME_VAR, "takes a single line"));
        }
        Ok(())
    },
};

pub(crate) const DESCRIPTION: ConfigField = ConfigField {
    var: DESCRIPTION_VAR,
    show: |config| Field::new(FieldKind::TextSingle, DESCRIPTION_VAR, &config.description).label("Description"),
    set: |config, field, _| {
        config.description = text_of(field, DESCRIPTION_CHARS_MAX)?;
        Ok(())
    },
};

pub(crate) const LANG: ConfigField = ConfigField {
    var: LANG_VAR,
    show: |config| Field::new(FieldKind::TextSingle, LANG_VAR, &config.lang).label("Language (a tag such as en or de-AT)"),
    set: |config, field, _| {
        config.lang = text_of(field, LANG_CHARS_MAX)?;
        Ok(())
    },
};

pub(crate) const PERSISTENT: ConfigField = ConfigField {
    var: PERSISTENT_VAR,
    show: |config| show_boolean(PERSISTENT_VAR, "The room stays when everybody has left", config.persistent),
    set: |config, field, _| {
        config.persistent = field.boolean()?;
        Ok(())
    },
};

pub(crate) const PUBLIC: ConfigField = ConfigField {
    var: PUBLIC_VAR,
    show: |config| show_boolean(PUBLIC_VAR, "The room is listed", config.public),
    set: |config, field, _| {
        config.public = field.boolean()?;
        Ok(())
    },
};

pub(crate) const MODERATED: ConfigField = ConfigField {
    var: MODERATED_VAR,
    show: |config| show_boolean(MODERATED_VAR, "Newcomers need to be given voice", config.moderated),
    set: |config, field, _| {
        config.moderated = field.boolean()?;
        Ok(())
    },
};

pub(crate) const ARCHIVING: ConfigField = ConfigField {
    var: ARCHIVING_VAR,
    show: |config| show_boolean(ARCHIVING_VAR, "What is said may be archived (there is no archive yet)", config.archiving),
    set: |config, field, _| {
        config.archiving = field.boolean()?;
        Ok(())
    },
};

/// Public logs are not offered; the field is known so that a form which repeats it is not refused.
pub(crate) const LOGGING: ConfigField = ConfigField {
    var: LOGGING_VAR,
    show: |_| show_boolean(LOGGING_VAR, "What is said is logged publicly", false),
    set: |_, field, _| match field.boolean()? {
        false => Ok(()),
        true => Err(FormError::new(LOGGING_VAR, "takes 0: public logs are not offered here")),
    },
};

pub(crate) fn decide(open: &Open, iq: &Iq, query: &Element, request: &Request, context: &Context) -> Result<Outcome, Refusal> {
    if open.affiliation(&request.session.jid.to_bare()) != Affiliation::Owner {
        return Err(Refusal::forbidden("§10: only owners may configure or destroy the room"));
    }
    if let Some(element) = query.child("destroy", ns::MUC_OWNER).filter(|_| iq.kind == IqKind::Set) {
        return destroy::decide(element);
    }
    if iq.kind == IqKind::Get {
        let form = open.config.form().to_element();
        return Ok(answer(request, iq.result(Some(&Element::new("query", ns::MUC_OWNER).with_child(form)))));
    }
    let x = query.child("x", ns::DATA).ok_or_else(|| Refusal::bad_request("§10.2: the form is missing"))?;
    let form = DataForm::submitted(x, ns::MUC_ROOMCONFIG)?;
    if form.kind == FormKind::Cancel {
        return Ok(cancelled(open, iq, request, context));
    }
    let config = open.config.with(&form, &context.service)?;
    let removed = members_only::strangers(open, &config);
    Ok(Outcome::Log(Change::Configure(Configuration { config: Box::new(config), removed })))
}

/// §10.1.3: who does not want to configure a room that is new does not want the room.
fn cancelled(open: &Open, iq: &Iq, request: &Request, context: &Context) -> Outcome {
    if open.is_locked(context) { Outcome::Log(Change::Destroy(Destruction::default())) } else { answer(request, iq.result(None)) }
}

/// Who leaves, who appears, then the result, then the codes for all.
pub(crate) fn apply(room: &mut Room, configuration: &Configuration, entry: &Entry) -> Vec<Effect> {
    let config = configuration.config.as_ref();
    let jid = room.jid().clone();
    let result = room.result(entry);
    let Some(open) = room.life.as_deref_mut() else { return Vec::new() };
    let old = std::mem::replace(&mut open.config, Arc::new(config.clone()));
    open.locked = None;
    history::trim(open);

    let mut effects = members_only::remove(&jid, open, &configuration.removed);
    if config.non_anonymous != old.non_anonymous {
        effects.push(Effect::Seat(SeatChange::RealJidsForAll(config.non_anonymous)));
    }
    effects.extend(presence::rebroadcast(&jid, open, &old.presence_broadcast));
    effects.extend(result);
    let codes = codes(&old, config);
    if !codes.is_empty() {
        effects.push(Effect::Send { to: Audience::Everyone, what: What::Codes { room: jid, codes } });
    }
    room.end_if_empty();
    effects
}

/// §10.2.1: what has a code of its own is not announced by 104 as well.
fn codes(old: &RoomConfig, new: &RoomConfig) -> Vec<Status> {
    let anonymity = match (old.non_anonymous, new.non_anonymous) {
        (false, true) => Some(Status::NonAnonymous),
        (true, false) => Some(Status::SemiAnonymous),
        _ => None,
    };
    let logging = match (old.archiving, new.archiving) {
        (false, true) => Some(Status::Logging),
        (true, false) => Some(Status::NoLogging),
        _ => None,
    };
    let others_same = RoomConfig { non_anonymous: new.non_anonymous, archiving: new.archiving, ..old.clone() } == *new;
    (!others_same).then_some(Status::Configured).into_iter().chain(logging).chain(anonymity).collect()
}

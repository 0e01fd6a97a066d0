//! §7.2.5, password-protected rooms. A secret alone protects the room.

use conclave_xmpp::{DataForm, Field, FieldKind, FormError, Presence, ns};

use crate::config::{ConfigField, RoomConfig, show_boolean, text_of};
use crate::refusal::Refusal;
use crate::room::Open;

/// Characters of a password, at most: it travels in every join.
const SECRET_CHARS_MAX: usize = 256;
const PROTECTED_VAR: &str = "muc#roomconfig_passwordprotectedroom";
const SECRET_VAR: &str = "muc#roomconfig_roomsecret";

pub(crate) const PROTECTED: ConfigField = ConfigField {
    var: PROTECTED_VAR,
    show: |config| show_boolean(PROTECTED_VAR, "A password is needed to enter", config.secret.is_some()),
    // It says something only together with the secret: see `settle`.
    set: |_, field, _| field.boolean().map(|_| ()),
};

pub(crate) const SECRET: ConfigField = ConfigField {
    var: SECRET_VAR,
    show: |config| {
        Field::new(FieldKind::TextPrivate, SECRET_VAR, config.secret.as_deref().unwrap_or_default()).label("The password")
    },
    set: |config, field, _| {
        config.secret = Some(text_of(field, SECRET_CHARS_MAX)?).filter(|secret| !secret.is_empty());
        Ok(())
    },
};

/// The two fields together: an explicit no wins over a secret that the form merely repeats, an explicit yes needs one.
pub(crate) fn settle(old: &RoomConfig, new: &mut RoomConfig, form: &DataForm) -> Result<(), FormError> {
    match form.get(PROTECTED_VAR).map(Field::boolean).transpose()? {
        Some(false) if new.secret == old.secret => new.secret = None,
        Some(true) if new.secret.is_none() => return Err(FormError::new(SECRET_VAR, "is needed if the room is to be protected")),
        _ => {}
    }
    Ok(())
}

/// The password in a join.
pub(crate) fn given(stanza: &Presence) -> Option<String> {
    let x = stanza.payloads.iter().find(|payload| payload.is("x", ns::MUC))?;
    Some(x.child("password", ns::MUC)?.text())
}

pub(crate) fn check(open: &Open, stanza: &Presence) -> Result<(), Refusal> {
    match &open.config.secret {
        Some(secret) if given(stanza).as_ref() != Some(secret) => {
            Err(Refusal::new(conclave_xmpp::Condition::NotAuthorized, "§7.2.5: the password is missing or wrong").at_the_door())
        }
        _ => Ok(()),
    }
}

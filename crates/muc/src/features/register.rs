//! §7.10, registering with a room: a nick is reserved, and whoever reserves it is a member.

use std::sync::Arc;

use conclave_xmpp::{BareJid, Condition, DataForm, Element, Field, FieldKind, FormError, FormKind, Iq, IqKind, Nick, ns};

use crate::affiliation::{Affiliate, Affiliation};
use crate::change::{Change, Moderation};
use crate::config::{ConfigField, show_boolean};
use crate::effect::{Effect, Shown};
use crate::features::{affiliation_change, nickname, presence};
use crate::refusal::Refusal;
use crate::request::Request;
use crate::room::{Open, Outcome, Room, answer};

const NICK_VAR: &str = "muc#register_roomnick";
const ENFORCE_VAR: &str = "muc#roomconfig_reservednick";

pub(crate) const ENFORCE: ConfigField = ConfigField {
    var: ENFORCE_VAR,
    show: |config| show_boolean(ENFORCE_VAR, "Those who have registered a nickname must use it", config.enforce_nick),
    set: |config, field, _| {
        config.enforce_nick = field.boolean()?;
        Ok(())
    },
};

pub(crate) fn decide(open: &Open, iq: &Iq, query: &Element, request: &Request) -> Result<Outcome, Refusal> {
    let jid = request.session.jid.to_bare();
    match open.affiliation(&jid) {
        Affiliation::Outcast => return Err(Refusal::forbidden("§7.10: you are banned from this room")),
        Affiliation::None => return Err(Refusal::registration_required("§7.10: only affiliated users may register here")),
        _ => {}
    }
    if iq.kind == IqKind::Get {
        return Ok(answer(request, iq.result(Some(&form(open, &jid)))));
    }
    if query.child("remove", ns::REGISTER).is_some() {
        return Ok(Outcome::Log(removal(open, jid)));
    }
    let Some(nick) = submitted_nick(query)? else { return Ok(answer(request, iq.result(None))) };
    if nickname::own_reserved(open, &jid) == Some(&nick) {
        return Ok(answer(request, iq.result(None)));
    }
    check_available(open, &jid, &nick)?;
    let affiliation = open.affiliation(&jid);
    Ok(Outcome::Log(Change::Register { jid, nick, affiliation }))
}

/// A member becomes nobody; admins and owners stay what they are and only give the nick back.
fn removal(open: &Open, jid: BareJid) -> Change {
    if open.affiliation(&jid) >= Affiliation::Admin {
        return Change::Unregister { jid };
    }
    let item = affiliation_change::resolved(open, jid, Affiliation::None, None, None);
    Change::Moderate(Moderation { actor: None, items: vec![item] })
}

fn form(open: &Open, jid: &BareJid) -> Element {
    let query = Element::new("query", ns::REGISTER);
    match nickname::own_reserved(open, jid) {
        Some(nick) => {
            let username = Element::new("username", ns::REGISTER).with_text(nick.as_str());
            query.with_child(Element::new("registered", ns::REGISTER)).with_child(username)
        }
        None => {
            let field = Field::multi(FieldKind::TextSingle, NICK_VAR, []).label("Nickname").required();
            query.with_child(DataForm::new(FormKind::Form, ns::MUC_REGISTER).field(field).to_element())
        }
    }
}

/// The nick that is asked for; nothing if the form is cancelled.
fn submitted_nick(query: &Element) -> Result<Option<Nick>, Refusal> {
    let x = query.child("x", ns::DATA).ok_or_else(|| Refusal::bad_request("§7.10: the form is missing"))?;
    let form = DataForm::submitted(x, ns::MUC_REGISTER)?;
    if form.kind == FormKind::Cancel {
        return Ok(None);
    }
    let field = form.get(NICK_VAR).ok_or_else(|| FormError::new(NICK_VAR, "is required"))?;
    match field.value()? {
        "" => Err(FormError::new(NICK_VAR, "is required").into()),
        nick => Nick::parse(nick).map(Some).map_err(nickname::refusal),
    }
}

/// Neither reserved for nor borne by somebody else.
fn check_available(open: &Open, jid: &BareJid, nick: &Nick) -> Result<(), Refusal> {
    let reserved = open.reserved.get(nick).is_some_and(|owner| owner != jid);
    let borne = open.occupants.get(nick).is_some_and(|occupant| occupant.jid != *jid);
    if reserved || borne {
        return Err(Refusal::new(Condition::Conflict, "§7.10: this nickname belongs to somebody else"));
    }
    Ok(())
}

pub(crate) fn apply(room: &mut Room, jid: &BareJid, nick: &Nick, affiliation: Affiliation) -> Vec<Effect> {
    let address = room.jid().clone();
    let Some(open) = room.life.as_deref_mut() else { return Vec::new() };
    let reason = open.affiliates.get(jid).and_then(|affiliate| affiliate.reason.clone());
    set_affiliate(open, jid, Affiliate { affiliation, nick: Some(nick.clone()), reason });
    let occupants = open.occupants_of(jid);
    occupants.iter().flat_map(|occupant| presence::announce(open, Shown::of(&address, open, occupant), occupant.role)).collect()
}

pub(crate) fn apply_removal(room: &mut Room, jid: &BareJid) -> Vec<Effect> {
    let Some(open) = room.life.as_deref_mut() else { return Vec::new() };
    if let Some(affiliate) = open.affiliates.get(jid).cloned() {
        set_affiliate(open, jid, Affiliate { nick: None, ..Affiliate::clone(&affiliate) });
    }
    Vec::new()
}

/// Files an affiliate and keeps the reserved nicks in step; `None` files nobody.
pub(crate) fn set_affiliate(open: &mut Open, jid: &BareJid, affiliate: Affiliate) {
    let former = open.affiliates.get(jid).and_then(|former| former.nick.clone());
    if let Some(nick) = former.filter(|nick| open.reserved.get(nick) == Some(jid)) {
        open.reserved.remove_mut(&nick);
    }
    if affiliate.affiliation == Affiliation::None {
        open.affiliates.remove_mut(jid);
        return;
    }
    if let Some(nick) = &affiliate.nick {
        open.reserved.insert_mut(nick.clone(), jid.clone());
    }
    open.affiliates.insert_mut(jid.clone(), Arc::new(affiliate));
}

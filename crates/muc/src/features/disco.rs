//! §6.4-6.6 and §7.12, what can be found out about a room without entering it.

use conclave_xmpp::{DataForm, Element, Field, FieldKind, FormKind, Iq, IqKind, ns};

use crate::config::AllowPm;
use crate::features::nickname;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::room::{Open, Outcome, Room, answer};

/// §7.12: the node that answers with one's own reserved nick.
const OWN_NICK: &str = "x-roomuser-item";

pub(crate) fn info(room: &Room, open: &Open, iq: &Iq, query: &Element, request: &Request) -> Result<Outcome, Refusal> {
    check_get(iq)?;
    let payload = match query.attribute("node") {
        None => of_room(room, open),
        Some(OWN_NICK) => own_nick(open, request),
        // §18.1.1: this very error means that all traffic may pass.
        Some(_) => return Err(Refusal::service_unavailable("a room has no such node")),
    };
    Ok(answer(request, iq.result(Some(&payload))))
}

/// §6.5: occupants are not listed to those who ask from outside.
pub(crate) fn items(iq: &Iq, query: &Element, request: &Request) -> Result<Outcome, Refusal> {
    check_get(iq)?;
    if query.attribute("node").is_some() {
        return Err(Refusal::service_unavailable("a room has no such node"));
    }
    Ok(answer(request, iq.result(Some(&Element::new("query", ns::DISCO_ITEMS)))))
}

fn check_get(iq: &Iq) -> Result<(), Refusal> {
    if iq.kind == IqKind::Get { Ok(()) } else { Err(Refusal::bad_request("discovery is asked for by a get")) }
}

/// Registered nicks count, not the one in use.
fn own_nick(open: &Open, request: &Request) -> Element {
    let identity = |name: &str| {
        Element::new("identity", ns::DISCO_INFO).with("category", "conference").with("name", name).with("type", "text")
    };
    let nick = nickname::own_reserved(open, &request.session.jid.to_bare());
    let query = Element::new("query", ns::DISCO_INFO).with("node", OWN_NICK);
    query.with_children(nick.map(|nick| identity(nick.as_str())))
}

fn of_room(room: &Room, open: &Open) -> Element {
    let identity = Element::new("identity", ns::DISCO_INFO)
        .with("category", "conference")
        .with("type", "text")
        .with("name", &room.name_of(open));
    let feature = |var: &str| Element::new("feature", ns::DISCO_INFO).with("var", var);
    Element::new("query", ns::DISCO_INFO)
        .with_child(identity)
        .with_children(SERVED.iter().chain(&kind_of_room(open)).map(|var| feature(var)))
        .with_child(room_info(open).to_element())
}

/// What every room does.
const SERVED: [&str; 9] = [
    ns::MUC,
    ns::DISCO_INFO,
    ns::DISCO_ITEMS,
    ns::MUC_STABLE_ID,
    ns::MUC_SELF_PING,
    ns::PING,
    ns::REGISTER,
    ns::OCCUPANT_ID,
    ns::STANZA_ID,
];

/// §16.3: one of each pair.
fn kind_of_room(open: &Open) -> [&'static str; 6] {
    let config = &open.config;
    let either = |is: bool, yes, no| if is { yes } else { no };
    [
        either(config.public, "muc_public", "muc_hidden"),
        either(config.persistent, "muc_persistent", "muc_temporary"),
        either(config.members_only, "muc_membersonly", "muc_open"),
        either(config.non_anonymous, "muc_nonanonymous", "muc_semianonymous"),
        either(config.moderated, "muc_moderated", "muc_unmoderated"),
        either(config.secret.is_some(), "muc_passwordprotected", "muc_unsecured"),
    ]
}

/// §16.5.4. The subject is shown only of rooms that are listed anyway.
fn room_info(open: &Open) -> DataForm {
    let config = &open.config;
    let text = |var, value: &str| Field::new(FieldKind::TextSingle, var, value);
    let yes_or_no = |var, value| Field::new(FieldKind::Boolean, var, if value { "1" } else { "0" });
    let form = DataForm::new(FormKind::Result, ns::MUC_ROOMINFO)
        .field(text("muc#roominfo_description", &config.description).label("Description"))
        .field(text("muc#roominfo_occupants", &open.occupants.size().to_string()).label("Number of occupants"))
        .field(text("muc#roomconfig_roomname", &config.name).label("Name"))
        .field(yes_or_no("muc#roomconfig_changesubject", config.change_subject).label("Participants may change the subject"))
        .field(yes_or_no("muc#roomconfig_allowinvites", config.allow_invites).label("Members may invite others"))
        .field(text("muc#roomconfig_allowpm", allow_pm(config.allow_pm)).label("Who may send private messages"));
    let form = if config.lang.is_empty() { form } else { form.field(text("muc#roominfo_lang", &config.lang).label("Language")) };
    match open.subject.as_ref().filter(|_| config.public) {
        Some(subject) => form.field(text("muc#roominfo_subject", &subject.text).label("Subject")),
        None => form,
    }
}

fn allow_pm(allowed: AllowPm) -> &'static str {
    match allowed {
        AllowPm::Anyone => "anyone",
        AllowPm::Participants => "participants",
        AllowPm::Moderators => "moderators",
        AllowPm::Affiliated => "affiliated",
        AllowPm::Nobody => "none",
    }
}

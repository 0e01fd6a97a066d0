//! Effects as stanzas, once per view.

use conclave_xmpp::delay::delay;
use conclave_xmpp::{
    BareJid, Element, Encoded, Fragment, FullJid, Jid, Message as MessageStanza, Nick, StanzaName, StanzaWriter, ns,
};

use crate::affiliation::Affiliation;
use crate::change::{Destruction, Private};
use crate::effect::{Message, Shown, View, What};
use crate::role::Role;
use crate::status::Status;

impl What {
    /// Whether it looks different to different eyes.
    pub fn differs_by_view(&self) -> bool {
        matches!(self, What::Presence(_) | What::Absent { .. })
    }

    /// The nick that is shown: its bearer sees itself.
    pub fn shown_nick(&self) -> Option<&Nick> {
        match self {
            What::Presence(shown) => Some(&shown.occupant.nick),
            _ => None,
        }
    }

    /// The stanza, but for its receiver.
    pub fn encode(&self, view: View) -> Encoded {
        match self {
            What::Presence(shown) => presence(shown, view),
            What::Absent { room, jid, affiliation, nick } => {
                let from = nick.as_ref().map_or_else(|| room.to_string(), |nick| room.with_nick(nick).to_string());
                let item = Element::new("item", ns::MUC_USER)
                    .with("affiliation", affiliation.as_str())
                    .with("role", Role::None.as_str())
                    .with_some("nick", nick.as_ref().map(|nick| nick.as_str()))
                    .with_some("jid", (view != View::Plain).then(|| jid.as_str()));
                writer(StanzaName::Presence, &from).attribute("type", "unavailable").element(&user().with_child(item)).finish()
            }
            What::Message { message, delayed } => groupchat(message, *delayed),
            What::Subject { room, set: None } => {
                let subject = Element::new("subject", ns::CLIENT);
                writer(StanzaName::Message, room.as_str()).attribute("type", "groupchat").element(&subject).finish()
            }
            What::Subject { set: Some(message), .. } => groupchat(message, true),
            What::Private { room, private, occupant_id } => private_message(room, private, occupant_id),
            What::Notice { room, jid, affiliation, status, reason } => {
                let item = Element::new("item", ns::MUC_USER)
                    .with("jid", jid.as_str())
                    .with("affiliation", affiliation.as_str())
                    .with_children(reason.as_deref().map(reason_element));
                let x = user().with_children(status.map(Status::to_element)).with_child(item);
                writer(StanzaName::Message, room.as_str()).element(&x).finish()
            }
            What::Codes { room, codes } => {
                let x = user().with_children(codes.iter().map(|code| code.to_element()));
                writer(StanzaName::Message, room.as_str()).attribute("type", "groupchat").element(&x).finish()
            }
            What::Result { room, id } => {
                writer(StanzaName::Iq, room.as_str()).attribute("id", id).attribute("type", "result").finish()
            }
            What::Stanza(stanza) => stanza.clone(),
        }
    }
}

/// What a session is sent that was removed for a technical problem and was not told then (§11.1), by whoever knows no more of it than its nick.
pub fn removed_untold(room: &BareJid, nick: &Nick) -> Encoded {
    let x = user()
        .with_child(Status::Failure.to_element())
        .with_child(
            Element::new("item", ns::MUC_USER).with("affiliation", Affiliation::None.as_str()).with("role", Role::None.as_str()),
        )
        .with_child(Status::Own.to_element());
    let from = room.with_nick(nick).to_string();
    writer(StanzaName::Presence, &from).attribute("type", "unavailable").element(&x).finish()
}

fn writer(name: StanzaName, from: &str) -> StanzaWriter {
    StanzaWriter::new(name).attribute("from", from)
}

fn user() -> Element {
    Element::new("x", ns::MUC_USER)
}

fn reason_element(reason: &str) -> Element {
    Element::new("reason", ns::MUC_USER).with_text(reason)
}

/// XEP-0421.
pub(crate) fn occupant_id(id: &str) -> Element {
    Element::new("occupant-id", ns::OCCUPANT_ID).with("id", id)
}

fn groupchat(message: &Message, delayed: bool) -> Encoded {
    let stanza_id = Element::new("stanza-id", ns::STANZA_ID).with("id", &message.stanza_id).with("by", message.room.as_str());
    let writer = writer(StanzaName::Message, message.room.with_nick(&message.nick).as_str())
        .attribute("id", message.id.as_deref().unwrap_or(&message.stanza_id))
        .attribute("type", "groupchat")
        .attribute_some("xml:lang", message.lang.as_deref())
        .fragment(&message.content)
        .element(&stanza_id)
        .element(&occupant_id(&message.occupant_id));
    if delayed { writer.element(&delay(message.room.as_str(), message.time)).finish() } else { writer.finish() }
}

/// §7.5: the empty `<x/>` tells a client, and carbons, that the sender is an occupant and no account.
fn private_message(room: &BareJid, private: &Private, id: &str) -> Encoded {
    writer(StanzaName::Message, room.with_nick(&private.from).as_str())
        .attribute_some("id", private.id.as_deref())
        .attribute_some("type", private.kind.as_str())
        .attribute_some("xml:lang", private.lang.as_deref())
        .fragment(&private.content)
        .element(&user())
        .element(&occupant_id(id))
        .finish()
}

fn presence(shown: &Shown, view: View) -> Encoded {
    let from = shown.room.with_nick(&shown.occupant.nick);
    let writer = writer(StanzaName::Presence, from.as_str());
    let writer = if shown.unavailable { writer.attribute("type", "unavailable") } else { writer };
    writer.fragment(&shown.presence).element(&user_element(shown, view)).element(&occupant_id(&shown.occupant.id)).finish()
}

/// `<x/>`: codes, the end of the room, items, and 110 as the last.
fn user_element(shown: &Shown, view: View) -> Element {
    let own = view == View::Own;
    user()
        .with_children(shown.codes.iter().map(|code| code.to_element()))
        .with_children(shown.destroyed.as_deref().map(destroy_element))
        .with_children(items(shown, view))
        .with_children(own.then(|| Status::Own.to_element()))
}

/// One item per session where real JIDs are shown, otherwise exactly one.
fn items(shown: &Shown, view: View) -> Vec<Element> {
    match view {
        View::Plain => vec![item(shown, None, view)],
        View::RealJids | View::Own => shown.occupant.jids().map(|jid| item(shown, Some(jid), view)).collect(),
    }
}

fn item(shown: &Shown, jid: Option<&FullJid>, view: View) -> Element {
    let affiliation: Affiliation = shown.affiliation;
    Element::new("item", ns::MUC_USER)
        .with("affiliation", affiliation.as_str())
        .with("role", shown.role.as_str())
        .with_some("jid", jid.map(|jid| jid.as_str()))
        .with_some("nick", shown.new_nick.as_ref().map(|nick| nick.as_str()))
        .with_children(actor(shown, view))
        .with_children(shown.reason.as_deref().map(reason_element))
}

/// Only those who see the others' JIDs see the actor's; the target itself never does.
fn actor(shown: &Shown, view: View) -> Option<Element> {
    let actor = shown.actor.as_ref()?;
    let jid = (view == View::RealJids).then(|| actor.jid.as_str());
    let nick = actor.nick.as_ref().map(|nick| nick.as_str());
    if nick.is_none() && jid.is_none() {
        return None;
    }
    Some(Element::new("actor", ns::MUC_USER).with_some("nick", nick).with_some("jid", jid))
}

fn destroy_element(end: &Destruction) -> Element {
    let password = end.password.as_deref().map(|password| Element::new("password", ns::MUC_USER).with_text(password));
    Element::new("destroy", ns::MUC_USER)
        .with_some("jid", end.alternate.as_ref().map(|jid| jid.as_str()))
        .with_children(password)
        .with_children(end.reason.as_deref().map(reason_element))
}

/// What a session says of itself, without what only a room says.
pub(crate) fn cleaned(payloads: &[Element]) -> Fragment {
    Fragment::of(payloads.iter().filter(|payload| !is_the_rooms_word(payload) && !is_stanza_id(payload)))
}

/// What a session says to a room or through it. Ids that others gave stay (XEP-0359 §4), those in the name of the room's own service go.
pub(crate) fn cleaned_message(stanza: &MessageStanza) -> Fragment {
    let service = stanza.head.to.as_ref().map(Jid::domain);
    let forged = |payload: &Element| {
        let by = payload.attribute("by").and_then(|by| Jid::parse(by.trim()).ok());
        is_stanza_id(payload) && by.is_none_or(|by| Some(by.domain()) == service)
    };
    Fragment::of(stanza.payloads.iter().filter(|payload| !is_the_rooms_word(payload) && !forged(payload)))
}

fn is_stanza_id(payload: &Element) -> bool {
    payload.is("stanza-id", ns::STANZA_ID)
}

/// What rooms, archives and servers say: statuses and items, stamps, copies. Nobody here can vouch for what a client says in their place.
fn is_the_rooms_word(payload: &Element) -> bool {
    match payload.namespace() {
        ns::MUC
        | ns::MUC_USER
        | ns::MUC_ADMIN
        | ns::MUC_OWNER
        | ns::OCCUPANT_ID
        | ns::HATS
        | ns::ADDRESS
        | ns::DELAY
        | ns::DELAY_OLD => true,
        ns::CLIENT => payload.name() == "error",
        namespace => namespace.starts_with("urn:xmpp:mam:") || namespace.starts_with("urn:xmpp:carbons:"),
    }
}

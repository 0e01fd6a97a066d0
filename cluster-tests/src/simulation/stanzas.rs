//! Stanzas that clients send, and what there is to read in those that they get.

use conclave_xmpp::stanza_text::element;
use conclave_xmpp::{Element, ns};

/// The room of most tests.
pub const ROOM: &str = "room@rooms.example.org";

/// Reads a stanza.
pub fn parse(bytes: &[u8]) -> Element {
    element(bytes).unwrap_or_else(|error| panic!("{}: {error:?}", String::from_utf8_lossy(bytes)))
}

/// Enters a room, with a password if one is given.
pub fn join(room: &str, nick: &str, password: Option<&str>) -> Element {
    let mut x = Element::new("x", ns::MUC);
    if let Some(password) = password {
        x = x.with_child(Element::new("password", ns::MUC).with_text(password));
    }
    Element::new("presence", ns::CLIENT).with("to", &format!("{room}/{nick}")).with("id", "join").with_child(x)
}

/// Leaves a room.
pub fn leave(room: &str, nick: &str) -> Element {
    Element::new("presence", ns::CLIENT).with("to", &format!("{room}/{nick}")).with("type", "unavailable")
}

/// Says something to all; the id is the text too.
pub fn say(room: &str, id: &str) -> Element {
    let body = Element::new("body", ns::CLIENT).with_text(id);
    Element::new("message", ns::CLIENT).with("to", room).with("type", "groupchat").with("id", id).with_child(body)
}

/// Says something to one user; the id is the text too.
pub fn whisper(id: &str) -> Element {
    let body = Element::new("body", ns::CLIENT).with_text(id);
    Element::new("message", ns::CLIENT).with("type", "chat").with("id", id).with_child(body)
}

/// As [`say`], with so many letters.
pub fn say_at_length(room: &str, id: &str, letters: usize) -> Element {
    let body = Element::new("body", ns::CLIENT).with_text(&"x".repeat(letters));
    Element::new("message", ns::CLIENT).with("to", room).with("type", "groupchat").with("id", id).with_child(body)
}

/// Says something to one occupant; the id is the text too.
pub fn whisper_in(room: &str, nick: &str, id: &str) -> Element {
    whisper(id).with("to", &format!("{room}/{nick}"))
}

/// XEP-0092: asks an occupant what it runs.
pub fn ask_version(room: &str, nick: &str, id: &str) -> Element {
    let query = Element::new("query", ns::VERSION);
    let to = format!("{room}/{nick}");
    Element::new("iq", ns::CLIENT).with("to", &to).with("type", "get").with("id", id).with_child(query)
}

/// The answer to that.
pub fn version(question: &Element) -> Option<Element> {
    let (to, id) = (question.attribute("from")?, question.attribute("id")?);
    let query = Element::new("query", ns::VERSION).with_child(Element::new("name", ns::VERSION).with_text("it"));
    Some(Element::new("iq", ns::CLIENT).with("to", to).with("type", "result").with("id", id).with_child(query))
}

/// Submits the configuration form.
pub fn configure(room: &str, id: &str, fields: &[(&str, &str)]) -> Element {
    let field = |name: &str, value: &str| {
        let value = Element::new("value", ns::DATA).with_text(value);
        Element::new("field", ns::DATA).with("var", name).with_child(value)
    };
    let form_type = field("FORM_TYPE", ns::MUC_ROOMCONFIG);
    let fields = fields.iter().map(|(name, value)| field(&format!("muc#roomconfig_{name}"), value));
    let form = Element::new("x", ns::DATA).with("type", "submit").with_child(form_type).with_children(fields);
    iq(room, id, Element::new("query", ns::MUC_OWNER).with_child(form))
}

/// Changes an affiliation.
pub fn affiliate(room: &str, id: &str, jid: &str, affiliation: &str) -> Element {
    let item = Element::new("item", ns::MUC_ADMIN).with("jid", jid).with("affiliation", affiliation);
    iq(room, id, Element::new("query", ns::MUC_ADMIN).with_child(item))
}

/// Removes an occupant.
pub fn kick(room: &str, id: &str, nick: &str) -> Element {
    let item = Element::new("item", ns::MUC_ADMIN).with("nick", nick).with("role", "none");
    iq(room, id, Element::new("query", ns::MUC_ADMIN).with_child(item))
}

fn iq(room: &str, id: &str, query: Element) -> Element {
    Element::new("iq", ns::CLIENT).with("to", room).with("type", "set").with("id", id).with_child(query)
}

/// XEP-0410: whether one is in the room.
pub fn self_ping(room: &str, nick: &str, id: &str) -> Element {
    let ping = Element::new("ping", ns::PING);
    Element::new("iq", ns::CLIENT).with("to", &format!("{room}/{nick}")).with("type", "get").with("id", id).with_child(ping)
}

/// The status codes of a presence.
pub fn codes(stanza: &Element) -> Vec<u16> {
    let x = stanza.child("x", ns::MUC_USER);
    let statuses = x.into_iter().flat_map(Element::children).filter(|child| child.is("status", ns::MUC_USER));
    statuses.filter_map(|status| status.attribute("code")?.parse().ok()).collect()
}

/// The nick that a stanza of a room is from.
pub fn nick(stanza: &Element) -> Option<&str> {
    stanza.attribute("from")?.split_once('/').map(|(_, nick)| nick)
}

/// The room that a stanza is from.
pub fn room(stanza: &Element) -> Option<&str> {
    stanza.attribute("from")?.split('/').next()
}

/// The defined condition of an error.
pub fn condition(stanza: &Element) -> Option<String> {
    let error = stanza.child("error", ns::CLIENT)?;
    let condition = error.children().find(|child| child.namespace() == ns::STANZA_ERRORS && child.name() != "text")?;
    Some(condition.name().to_owned())
}

/// The text of an error.
pub fn error_text(stanza: &Element) -> String {
    let error = stanza.child("error", ns::CLIENT);
    error.and_then(|error| error.child("text", ns::STANZA_ERRORS)).map(Element::text).unwrap_or_default()
}

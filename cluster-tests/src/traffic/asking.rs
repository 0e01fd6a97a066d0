//! What is asked of a room, as stanzas.

use std::collections::BTreeMap;

use conclave_xmpp::{Element, ns};

use super::payload::payload;
use crate::act::Act;

/// The roles whose lists together are all who are in a room.
pub(super) const ROLES: [&str; 3] = ["moderator", "participant", "visitor"];

/// Fields that take several values; in an act they are parted by commas.
const OF_SEVERAL_VALUES: [&str; 2] = ["presencebroadcast", "getmemberlist"];

/// Who asks, of which room, under which name.
pub(super) struct Asking<'a> {
    /// The name of the send, which is the id of its stanza.
    pub send: &'a str,
    /// Bare JID.
    pub room: &'a str,
    /// The nick of the one who asks, or under which it was there last.
    pub nick: &'a str,
}

impl Asking<'_> {
    /// The stanzas of an act, in the order in which they are sent. What is not answered when it succeeds has a ping behind it: a room answers in
    /// the order in which it was asked, so that the answer to the ping says that the other has been done.
    pub fn stanzas(&self, act: &Act) -> Vec<Element> {
        match act {
            Act::Say { body } => {
                let body = text("body", body.as_deref().unwrap_or(self.send));
                vec![self.groupchat().with_child(body).with_child(payload(self.send))]
            }
            Act::Subject { text: subject } => vec![self.groupchat().with_child(text("subject", subject))],
            Act::Whisper { to, body } => vec![self.whisper(to, body), self.fence()],
            Act::Enter { nick, password, history } => vec![self.enter(nick, password.as_deref(), *history)],
            Act::Leave => vec![self.presence(self.nick).with("type", "unavailable"), self.fence()],
            Act::Rename { nick } => vec![self.presence(nick)],
            Act::Presence { status } => vec![self.presence(self.nick).with_child(text("status", status))],
            Act::Role { nick, role } => vec![self.admin("set", item().with("nick", nick).with("role", role))],
            Act::Affiliation { jid, affiliation } => {
                vec![self.admin("set", item().with("jid", jid).with("affiliation", affiliation))]
            }
            Act::Affiliations { affiliation } => vec![self.admin("get", item().with("affiliation", affiliation))],
            Act::Configure { fields } => vec![self.owner("set", Some(configuration(fields)))],
            Act::Configuration => vec![self.owner("get", None)],
            Act::Destroy => vec![self.owner("set", Some(Element::new("destroy", ns::MUC_OWNER)))],
            Act::Register { nick } => vec![self.register("set", Some(registration(nick)))],
            Act::Unregister => vec![self.register("set", Some(Element::new("remove", ns::REGISTER)))],
            Act::Registration => vec![self.register("get", None)],
            Act::Occupants => ROLES.iter().map(|role| self.list_of(role)).collect(),
            Act::Ping => vec![self.ping(self.send)],
        }
    }

    fn groupchat(&self) -> Element {
        Element::new("message", ns::CLIENT).with("type", "groupchat").with("id", self.send).with("to", self.room)
    }

    fn whisper(&self, to: &str, body: &str) -> Element {
        let message = Element::new("message", ns::CLIENT).with("type", "chat").with("id", self.send).with("to", &self.seat(to));
        message.with_child(text("body", body)).with_child(Element::new("x", ns::MUC_USER))
    }

    fn presence(&self, nick: &str) -> Element {
        Element::new("presence", ns::CLIENT).with("id", self.send).with("to", &self.seat(nick))
    }

    fn enter(&self, nick: &str, password: Option<&str>, history: Option<usize>) -> Element {
        let history = history.map(|wanted| Element::new("history", ns::MUC).with("maxstanzas", &wanted.to_string()));
        let password = password.map(|password| Element::new("password", ns::MUC).with_text(password));
        self.presence(nick).with_child(Element::new("x", ns::MUC).with_children(password).with_children(history))
    }

    fn seat(&self, nick: &str) -> String {
        format!("{}/{nick}", self.room)
    }

    fn iq(&self, kind: &str, id: &str, to: &str) -> Element {
        Element::new("iq", ns::CLIENT).with("type", kind).with("id", id).with("to", to)
    }

    fn admin(&self, kind: &str, item: Element) -> Element {
        self.iq(kind, self.send, self.room).with_child(Element::new("query", ns::MUC_ADMIN).with_child(item))
    }

    /// §8.5 and §9.8; a room lists nobody to service discovery.
    fn list_of(&self, role: &str) -> Element {
        let query = Element::new("query", ns::MUC_ADMIN).with_child(item().with("role", role));
        self.iq("get", &part(self.send, role), self.room).with_child(query)
    }

    fn owner(&self, kind: &str, payload: Option<Element>) -> Element {
        self.iq(kind, self.send, self.room).with_child(Element::new("query", ns::MUC_OWNER).with_children(payload))
    }

    fn register(&self, kind: &str, payload: Option<Element>) -> Element {
        self.iq(kind, self.send, self.room).with_child(Element::new("query", ns::REGISTER).with_children(payload))
    }

    fn ping(&self, id: &str) -> Element {
        self.iq("get", id, &self.seat(self.nick)).with_child(Element::new("ping", ns::PING))
    }

    fn fence(&self) -> Element {
        self.ping(&part(self.send, ""))
    }
}

/// The id of a stanza that belongs to a send and is not the one that bears its name.
fn part(send: &str, name: &str) -> String {
    format!("{send}~{name}")
}

fn item() -> Element {
    Element::new("item", ns::MUC_ADMIN)
}

fn text(name: &str, text: &str) -> Element {
    Element::new(name, ns::CLIENT).with_text(text)
}

fn configuration(fields: &BTreeMap<String, String>) -> Element {
    let form = form(ns::MUC_ROOMCONFIG);
    let field = |(name, value): (&String, &String)| {
        let several = OF_SEVERAL_VALUES.contains(&name.as_str());
        let values: Vec<&str> = if several { value.split(',').filter(|v| !v.is_empty()).collect() } else { vec![value] };
        field(&format!("muc#roomconfig_{name}"), &values)
    };
    form.with_children(fields.iter().map(field))
}

fn registration(nick: &str) -> Element {
    form(ns::MUC_REGISTER).with_child(field("muc#register_roomnick", &[nick]))
}

fn form(form_type: &str) -> Element {
    Element::new("x", ns::DATA).with("type", "submit").with_child(field("FORM_TYPE", &[form_type]))
}

fn field(var: &str, values: &[&str]) -> Element {
    let value = |value: &&str| Element::new("value", ns::DATA).with_text(value);
    Element::new("field", ns::DATA).with("var", var).with_children(values.iter().map(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn sent(act: &Act) -> String {
        let asking = Asking { send: "s1", room: "r@s", nick: "Me" };
        asking.stanzas(act).iter().map(Element::to_string).collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn what_is_not_answered_has_a_ping_behind_it() {
        let whisper = sent(&Act::Whisper { to: "You".to_owned(), body: "psst".to_owned() });
        let (message, fence) = whisper.split_once('\n').expect("two stanzas");
        assert!(message.starts_with("<message ") && message.contains("r@s/You") && message.contains("psst"), "{message}");
        assert!(fence.starts_with("<iq ") && fence.contains("s1~") && fence.contains("r@s/Me"), "{fence}");
        assert_eq!(sent(&Act::Leave).lines().count(), 2);
        assert_eq!(sent(&Act::Ping).lines().count(), 1);
    }

    #[test]
    fn a_form_has_every_field_once_and_lists_in_parts() {
        let fields = [("roomsecret", "a,b"), ("presencebroadcast", "moderator,none")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let form = sent(&Act::Configure { fields });
        assert!(form.contains("<value>a,b</value>"), "{form}");
        assert!(form.contains("<value>moderator</value><value>none</value>"), "{form}");
    }

    #[test]
    fn who_enters_says_how_much_history_it_wants() {
        let enter = sent(&Act::Enter { nick: "Nick".to_owned(), password: Some("<secret>".to_owned()), history: Some(5) });
        assert!(enter.contains("r@s/Nick") && enter.contains("maxstanzas='5'") && enter.contains("&lt;secret"), "{enter}");
    }
}

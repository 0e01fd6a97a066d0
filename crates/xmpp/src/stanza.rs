//! Stanzas (RFC 6120 §8): a typed head, and the payload as it came.

use compact_str::CompactString;

use crate::element::Element;
use crate::encoded::{Encoded, StanzaName, StanzaWriter};
use crate::jid::{FullJid, Jid};
use crate::ns;
use crate::stanza_error::{Condition, StanzaError};

/// Bytes of an id, at most: rooms repeat it to all and keep it with the history. XEP-0359 and clients use UUIDs and hashes.
pub const ID_BYTES_MAX: usize = 1024;

/// Bytes of `xml:lang`, at most (RFC 5646 §4.4.1 asks for 35 or more).
pub const LANG_BYTES_MAX: usize = 64;

/// The attributes that all stanzas share (RFC 6120 §8.1).
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Head {
    /// The addressee; none means the sender's own account.
    pub to: Option<Jid>,
    /// The sender as it wrote itself; the server checks it and puts the truth in its place.
    pub from: Option<Jid>,
    /// The sender's mark.
    pub id: Option<CompactString>,
    /// `xml:lang`.
    pub lang: Option<CompactString>,
}

/// `<message/>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Message {
    /// Addresses and id.
    pub head: Head,
    /// `type`.
    pub kind: MessageKind,
    /// The child elements.
    pub payloads: Vec<Element>,
}

/// The types of a message (RFC 6121 §5.2.2). An unknown one means `normal`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub enum MessageKind {
    #[default]
    Normal,
    Chat,
    Groupchat,
    Headline,
    Error,
}

impl MessageKind {
    /// The value of `type`; nothing for `normal`, its default.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            MessageKind::Normal => None,
            MessageKind::Chat => Some("chat"),
            MessageKind::Groupchat => Some("groupchat"),
            MessageKind::Headline => Some("headline"),
            MessageKind::Error => Some("error"),
        }
    }
}

/// `<presence/>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Presence {
    /// Addresses and id.
    pub head: Head,
    /// `type`.
    pub kind: PresenceKind,
    /// The child elements.
    pub payloads: Vec<Element>,
}

/// The types of a presence (RFC 6121 §4.7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs)]
pub enum PresenceKind {
    /// No `type`.
    #[default]
    Available,
    Unavailable,
    Probe,
    Subscribe,
    Subscribed,
    Unsubscribe,
    Unsubscribed,
    Error,
}

impl PresenceKind {
    /// The value of `type`; nothing for available.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            PresenceKind::Available => None,
            PresenceKind::Unavailable => Some("unavailable"),
            PresenceKind::Probe => Some("probe"),
            PresenceKind::Subscribe => Some("subscribe"),
            PresenceKind::Subscribed => Some("subscribed"),
            PresenceKind::Unsubscribe => Some("unsubscribe"),
            PresenceKind::Unsubscribed => Some("unsubscribed"),
            PresenceKind::Error => Some("error"),
        }
    }
}

/// `<iq/>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Iq {
    /// Addresses and id; an IQ always has an id.
    pub head: Head,
    /// `type`.
    pub kind: IqKind,
    /// The child elements: exactly one in a request.
    pub payloads: Vec<Element>,
}

/// The types of an IQ (RFC 6120 §8.2.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum IqKind {
    Get,
    Set,
    Result,
    Error,
}

impl IqKind {
    /// The value of `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            IqKind::Get => "get",
            IqKind::Set => "set",
            IqKind::Result => "result",
            IqKind::Error => "error",
        }
    }
}

impl Iq {
    /// Whether it asks for an answer.
    pub fn is_request(&self) -> bool {
        matches!(self.kind, IqKind::Get | IqKind::Set)
    }

    /// What a request asks.
    pub fn payload(&self) -> Option<&Element> {
        self.payloads.first()
    }
}

/// Any of the three.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Stanza {
    Message(Message),
    Presence(Presence),
    Iq(Iq),
}

/// An element that came where a stanza belongs and is none that can be handled.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum StanzaFault {
    /// No stanza at all: the stream ends with `unsupported-stanza-type` (RFC 6120 §4.9.3.24).
    Unsupported,
    /// A stanza with a fault. The answer is ready to be sent to its sender; errors and results get none.
    Faulty(Option<Encoded>),
}

impl Stanza {
    /// Reads an element of a client's stream. `id` takes the place of a missing one only where the standard lets it be missing.
    pub fn from_element(element: Element) -> Result<Stanza, StanzaFault> {
        let Some(name) = stanza_name(&element) else {
            return Err(StanzaFault::Unsupported);
        };
        match Stanza::read(name, &element) {
            Ok(build) => Ok(build.with_payloads(element.into_children().collect())),
            Err(error) => Err(StanzaFault::Faulty(faulty_reply(name, &element, error))),
        }
    }

    fn read(name: StanzaName, element: &Element) -> Result<Stanza, StanzaError> {
        let head = Head {
            to: read_jid(element, "to")?,
            from: read_jid(element, "from")?,
            id: bounded("id", element.attribute("id"), ID_BYTES_MAX)?,
            lang: bounded("xml:lang", element.lang(), LANG_BYTES_MAX)?,
        };
        let kind = element.attribute("type");
        Ok(match name {
            StanzaName::Message => Stanza::Message(Message { head, kind: message_kind(kind), payloads: Vec::new() }),
            StanzaName::Presence => Stanza::Presence(Presence { head, kind: presence_kind(kind)?, payloads: Vec::new() }),
            StanzaName::Iq => Stanza::Iq(Iq { kind: iq_kind(kind, &head, element)?, head, payloads: Vec::new() }),
        })
    }

    fn with_payloads(mut self, elements: Vec<Element>) -> Stanza {
        match &mut self {
            Stanza::Message(Message { payloads, .. })
            | Stanza::Presence(Presence { payloads, .. })
            | Stanza::Iq(Iq { payloads, .. }) => *payloads = elements,
        }
        self
    }

    /// Which of the three it is.
    pub fn name(&self) -> StanzaName {
        match self {
            Stanza::Message(_) => StanzaName::Message,
            Stanza::Presence(_) => StanzaName::Presence,
            Stanza::Iq(_) => StanzaName::Iq,
        }
    }

    /// Addresses and id.
    pub fn head(&self) -> &Head {
        match self {
            Stanza::Message(Message { head, .. }) | Stanza::Presence(Presence { head, .. }) | Stanza::Iq(Iq { head, .. }) => head,
        }
    }

    /// The child elements.
    pub fn payloads(&self) -> &[Element] {
        match self {
            Stanza::Message(Message { payloads, .. })
            | Stanza::Presence(Presence { payloads, .. })
            | Stanza::Iq(Iq { payloads, .. }) => payloads,
        }
    }

    /// The value of `type`.
    pub fn kind(&self) -> Option<&'static str> {
        match self {
            Stanza::Message(message) => message.kind.as_str(),
            Stanza::Presence(presence) => presence.kind.as_str(),
            Stanza::Iq(iq) => Some(iq.kind.as_str()),
        }
    }

    /// Whether an error may be sent in answer (RFC 6120 §8.3.1: never to an error; a result wants none either).
    pub fn may_be_answered(&self) -> bool {
        match self {
            Stanza::Message(message) => message.kind != MessageKind::Error,
            Stanza::Presence(presence) => presence.kind != PresenceKind::Error,
            Stanza::Iq(iq) => iq.is_request(),
        }
    }

    /// The error that goes back to the sender of this stanza, or nothing where none may.
    pub fn error_reply(&self, error: &StanzaError) -> Option<Encoded> {
        if !self.may_be_answered() {
            return None;
        }
        let from = self.head().to.as_ref().map(Jid::as_str);
        Some(error_stanza(self.name(), from, self.head().id.as_deref(), self.payloads(), error))
    }

    /// This stanza as its addressee gets it, from `sender`.
    pub fn relayed(&self, sender: &FullJid) -> Encoded {
        let head = self.head();
        let writer = StanzaWriter::new(self.name())
            .attribute("from", sender.as_str())
            .attribute_some("id", head.id.as_deref())
            .attribute_some("type", self.kind())
            .attribute_some("xml:lang", head.lang.as_deref());
        self.payloads().iter().fold(writer, |writer, payload| writer.element(payload)).finish()
    }
}

impl Iq {
    /// The result of this request, from its addressee.
    pub fn result(&self, payload: Option<&Element>) -> Encoded {
        let writer = StanzaWriter::new(StanzaName::Iq)
            .attribute_some("from", self.head.to.as_ref().map(Jid::as_str))
            .attribute_some("id", self.head.id.as_deref())
            .attribute("type", "result");
        match payload {
            Some(payload) => writer.element(payload).finish(),
            None => writer.finish(),
        }
    }
}

fn stanza_name(element: &Element) -> Option<StanzaName> {
    if element.namespace() != ns::CLIENT {
        return None;
    }
    match element.name() {
        "message" => Some(StanzaName::Message),
        "presence" => Some(StanzaName::Presence),
        "iq" => Some(StanzaName::Iq),
        _ => None,
    }
}

fn read_jid(element: &Element, attribute: &str) -> Result<Option<Jid>, StanzaError> {
    let malformed = |e: crate::JidError| StanzaError::new(Condition::JidMalformed).text(format!("{attribute}: {e}"));
    element.attribute(attribute).map(Jid::parse).transpose().map_err(malformed)
}

fn bounded(name: &str, value: Option<&str>, max: usize) -> Result<Option<CompactString>, StanzaError> {
    match value {
        Some(value) if value.len() > max => Err(bad_request(format!("{name} has at most {max} bytes"))),
        value => Ok(value.map(Into::into)),
    }
}

fn message_kind(kind: Option<&str>) -> MessageKind {
    match kind {
        Some("chat") => MessageKind::Chat,
        Some("groupchat") => MessageKind::Groupchat,
        Some("headline") => MessageKind::Headline,
        Some("error") => MessageKind::Error,
        _ => MessageKind::Normal,
    }
}

fn presence_kind(kind: Option<&str>) -> Result<PresenceKind, StanzaError> {
    Ok(match kind {
        None => PresenceKind::Available,
        Some("unavailable") => PresenceKind::Unavailable,
        Some("probe") => PresenceKind::Probe,
        Some("subscribe") => PresenceKind::Subscribe,
        Some("subscribed") => PresenceKind::Subscribed,
        Some("unsubscribe") => PresenceKind::Unsubscribe,
        Some("unsubscribed") => PresenceKind::Unsubscribed,
        Some("error") => PresenceKind::Error,
        Some(other) => return Err(bad_request(format!("\"{other}\" is no type of presence"))),
    })
}

fn iq_kind(kind: Option<&str>, head: &Head, element: &Element) -> Result<IqKind, StanzaError> {
    if head.id.is_none() {
        return Err(bad_request("an IQ needs an id"));
    }
    let kind = match kind {
        Some("get") => IqKind::Get,
        Some("set") => IqKind::Set,
        Some("result") => IqKind::Result,
        Some("error") => IqKind::Error,
        _ => return Err(bad_request("an IQ is of type get, set, result or error")),
    };
    match kind {
        IqKind::Get | IqKind::Set if element.children().count() != 1 => {
            Err(bad_request("an IQ request has exactly one child element"))
        }
        _ => Ok(kind),
    }
}

fn bad_request(text: impl Into<String>) -> StanzaError {
    StanzaError::new(Condition::BadRequest).text(text)
}

fn faulty_reply(name: StanzaName, element: &Element, error: StanzaError) -> Option<Encoded> {
    let kind = element.attribute("type");
    if kind == Some("error") || (name == StanzaName::Iq && kind == Some("result")) {
        return None;
    }
    let children: Vec<Element> = element.children().cloned().collect();
    let bare = element.attribute("to").and_then(|to| Jid::parse(to.split('/').next().unwrap_or(to)).ok());
    let error = match bare {
        Some(bare) => error.by(bare.as_str()),
        None => error,
    };
    let id = element.attribute("id").filter(|id| id.len() <= ID_BYTES_MAX);
    Some(error_stanza(name, element.attribute("to"), id, &children, &error))
}

/// Clients recognise the answer to a join by the empty `<x/>` that XEP-0045's examples repeat.
fn error_stanza(name: StanzaName, from: Option<&str>, id: Option<&str>, payloads: &[Element], error: &StanzaError) -> Encoded {
    let writer = StanzaWriter::new(name).attribute_some("from", from).attribute_some("id", id).attribute("type", "error");
    let joins = name == StanzaName::Presence && payloads.iter().any(|payload| payload.is("x", ns::MUC));
    let writer = if joins { writer.element(&Element::new("x", ns::MUC)) } else { writer };
    writer.element(&error.to_element()).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn iq() -> Element {
        Element::new("iq", ns::CLIENT)
            .with("id", "1")
            .with("type", "get")
            .with("to", "a@b/c")
            .with_child(Element::new("ping", ns::PING))
    }

    fn reply_to(element: Element) -> String {
        match Stanza::from_element(element) {
            Err(StanzaFault::Faulty(Some(reply))) => format!("{reply:?}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn heads_are_typed() {
        let Ok(Stanza::Iq(iq)) = Stanza::from_element(iq()) else { panic!("it is an IQ") };
        assert_eq!(iq.head.to, Some(Jid::parse("a@b/c").unwrap()));
        assert!(iq.is_request());
        assert_eq!(format!("{:?}", iq.result(None)), "<iq to='TO' from='a@b/c' id='1' type='result'/>");
    }

    #[test]
    fn faults_are_answered_with_the_right_condition() {
        for (element, condition) in [
            (iq().with("type", "take"), "bad-request"),
            (iq().with_child(Element::new("second", "urn:example")), "bad-request"),
            (iq().with("to", "a@@b"), "jid-malformed"),
            (iq().with("id", &"'".repeat(ID_BYTES_MAX + 1)), "bad-request"),
            (Element::new("iq", ns::CLIENT).with("type", "get"), "bad-request"),
            (Element::new("presence", ns::CLIENT).with("type", "away"), "bad-request"),
            (Element::new("message", ns::CLIENT).with("to", "a@b/"), "jid-malformed"),
        ] {
            assert!(reply_to(element).contains(&format!("<{condition} ")), "{condition}");
        }
    }

    #[test]
    fn errors_and_results_are_never_answered() {
        for kind in ["result", "error"] {
            let faulty = iq().with("type", kind).with("to", "@");
            assert_eq!(Stanza::from_element(faulty), Err(StanzaFault::Faulty(None)));
        }
    }

    #[test]
    fn what_is_no_stanza_is_said_to_be_none() {
        assert_eq!(Stanza::from_element(Element::new("query", ns::CLIENT)), Err(StanzaFault::Unsupported));
        assert_eq!(Stanza::from_element(Element::new("iq", "urn:example")), Err(StanzaFault::Unsupported));
    }

    #[test]
    fn a_refused_join_repeats_the_x_and_names_the_room() {
        let join = Element::new("presence", ns::CLIENT).with("to", "r@c/\u{1f600}").with_child(Element::new("x", ns::MUC));
        let reply = reply_to(join);
        assert!(
            reply.starts_with("<presence to='TO' from='r@c/\u{1f600}' type='error'><x xmlns='http://jabber.org/protocol/muc'/>")
        );
        assert!(reply.contains("<error type='modify' by='r@c'><jid-malformed "), "{reply}");
    }
}

//! What the server answers for an account (RFC 6120 §10.3, RFC 6121 §8.5): its own requests, and stanzas that others send to it.

use std::sync::Arc;

use bytes::Bytes;
use conclave_xmpp::{
    BareJid, Condition, Element, Encoded, Iq, IqKind, Jid, Message, MessageKind, Presence, PresenceKind, Stanza, StanzaError, ns,
};

use crate::outbound::Outgoing;
use crate::sessions::{Bound, SessionTable};

/// A session's request to its own account. There is no roster yet, so it is empty; everything else is not offered.
pub fn own(iq: &Iq) -> Result<Option<Element>, StanzaError> {
    let query = iq.payload().ok_or_else(|| StanzaError::new(Condition::BadRequest))?;
    match (iq.kind, query.name(), query.namespace()) {
        (IqKind::Get, "query", ns::ROSTER) => Ok(Some(Element::new("query", ns::ROSTER))),
        (IqKind::Get, "query", ns::DISCO_INFO) if query.attribute("node").is_none() => Ok(Some(info())),
        (IqKind::Get, "query", ns::DISCO_ITEMS) if query.attribute("node").is_none() => {
            Ok(Some(Element::new("query", ns::DISCO_ITEMS)))
        }
        (IqKind::Get, "ping", ns::PING) => Ok(None),
        // RFC 3921 §3: sessions are established by binding; clients of that time still ask.
        (IqKind::Set, "session", ns::SESSION) => Ok(None),
        _ => Err(StanzaError::new(Condition::ServiceUnavailable)),
    }
}

fn info() -> Element {
    let identity = Element::new("identity", ns::DISCO_INFO).with("category", "account").with("type", "registered");
    let features = [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING];
    let feature = |var| Element::new("feature", ns::DISCO_INFO).with("var", var);
    Element::new("query", ns::DISCO_INFO).with_child(identity).with_children(features.map(feature))
}

/// A session's own presence, to nobody in particular: whether messages to the account may go to it.
pub fn note_presence(bound: &Bound, presence: &Presence) {
    match presence.kind {
        PresenceKind::Available => {
            let priority = presence.payloads.iter().find(|payload| payload.is("priority", ns::CLIENT));
            let priority = priority.and_then(|priority| priority.text().trim().parse().ok()).unwrap_or(0);
            bound.set_priority(Some(priority));
        }
        PresenceKind::Unavailable => bound.set_priority(None),
        _ => {}
    }
}

/// A stanza from `sender` to an account or one of its sessions. Returns what goes back to the sender.
pub fn deliver(sessions: &SessionTable, sender: &Bound, to: &Jid, stanza: &Stanza) -> Option<Encoded> {
    let stanza = &without_servers_words(stanza);
    let receivers = receivers(sessions, to, stanza);
    if receivers.is_empty() {
        return match stanza {
            Stanza::Presence(_) | Stanza::Message(Message { kind: MessageKind::Headline, .. }) => None,
            _ => stanza.error_reply(&StanzaError::new(Condition::ServiceUnavailable)),
        };
    }
    if receivers.iter().all(|receiver| receiver.outbound().is_crowded()) {
        // Nobody may end somebody else's session by sending it more than it can read.
        return stanza.error_reply(&StanzaError::wait("the receiver is behind with reading; try again later"));
    }
    let bytes = Bytes::from(stanza.relayed(&sender.session.jid).for_receiver(to.as_str()));
    for receiver in receivers.iter().filter(|receiver| !receiver.outbound().is_crowded()) {
        receiver.push(Outgoing::Whole(bytes.clone()));
    }
    None
}

/// Copies of messages and pages of an archive come from servers only; a client that believed them from others could be told anything.
fn without_servers_words(stanza: &Stanza) -> Stanza {
    let mut stanza = stanza.clone();
    if let Stanza::Message(message) = &mut stanza {
        message.payloads.retain(|payload| {
            let (name, namespace) = (payload.name(), payload.namespace());
            !(namespace.starts_with("urn:xmpp:mam:") || (namespace.starts_with("urn:xmpp:carbons:") && name != "private"))
        });
    }
    stanza
}

/// RFC 6121 §8.5: a full JID means one session; the account means those that take messages.
fn receivers(sessions: &SessionTable, to: &Jid, stanza: &Stanza) -> Vec<Arc<Bound>> {
    if let Some(holder) = to.to_full().and_then(|full| sessions.holder(&full)) {
        return vec![holder];
    }
    let account: BareJid = to.to_bare();
    match stanza {
        // §8.5.3.2.1: a message to a session that is gone goes to the others; anything else does not.
        Stanza::Message(message) if takes_the_place(message, to) => {
            sessions.of(&account).into_iter().filter(|bound| bound.takes_messages()).collect()
        }
        Stanza::Presence(Presence { kind: PresenceKind::Available | PresenceKind::Unavailable, .. })
            if to.resource().is_none() =>
        {
            sessions.of(&account).into_iter().filter(|bound| bound.takes_messages()).collect()
        }
        _ => Vec::new(),
    }
}

fn takes_the_place(message: &Message, to: &Jid) -> bool {
    match message.kind {
        MessageKind::Chat | MessageKind::Normal => true,
        MessageKind::Headline => to.resource().is_none(),
        MessageKind::Groupchat | MessageKind::Error => false,
    }
}

//! What the server answers for an account to its own sessions (RFC 6120 §10.3).

use conclave_xmpp::{Condition, Element, Iq, IqKind, Presence, PresenceKind, StanzaError, ns};

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

/// What a session's own presence, to nobody in particular, says of where messages to the account go; nothing if it says nothing of it.
pub fn priority(presence: &Presence) -> Option<Option<i8>> {
    match presence.kind {
        PresenceKind::Available => {
            let priority = presence.payloads.iter().find(|payload| payload.is("priority", ns::CLIENT));
            Some(Some(priority.and_then(|priority| priority.text().trim().parse().ok()).unwrap_or(0)))
        }
        PresenceKind::Unavailable => Some(None),
        _ => None,
    }
}

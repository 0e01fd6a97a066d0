//! The server's own domain: discovery (XEP-0030), ping (XEP-0199), version (XEP-0092), time (XEP-0202).

use conclave_xmpp::{BareJid, Condition, Element, Encoded, Iq, IqKind, Stanza, StanzaError, Timestamp, ns};

/// The answer to a stanza that is addressed to the server itself. Only IQs are answered: messages and presence mean nothing to it.
pub fn answer(stanza: &Stanza, service_domain: &BareJid, now: Timestamp) -> Option<Encoded> {
    let Stanza::Iq(iq) = stanza else {
        return match stanza {
            Stanza::Message(_) => stanza.error_reply(&StanzaError::new(Condition::ServiceUnavailable)),
            _ => None,
        };
    };
    if !iq.is_request() {
        return None;
    }
    match payload(iq, service_domain, now) {
        Ok(payload) => Some(iq.result(payload.as_ref())),
        Err(condition) => stanza.error_reply(&StanzaError::new(condition)),
    }
}

fn payload(iq: &Iq, service_domain: &BareJid, now: Timestamp) -> Result<Option<Element>, Condition> {
    let query = iq.payload().ok_or(Condition::BadRequest)?;
    match (iq.kind, query.name(), query.namespace()) {
        (IqKind::Get, "query", ns::DISCO_INFO | ns::DISCO_ITEMS) if query.attribute("node").is_some() => {
            Err(Condition::ItemNotFound)
        }
        (IqKind::Get, "query", ns::DISCO_INFO) => Ok(Some(info())),
        (IqKind::Get, "query", ns::DISCO_ITEMS) => Ok(Some(items(service_domain))),
        (IqKind::Get, "ping", ns::PING) => Ok(None),
        (IqKind::Get, "query", ns::VERSION) => Ok(Some(version())),
        (IqKind::Get, "time", ns::TIME) => Ok(Some(time(now))),
        _ => Err(Condition::ServiceUnavailable),
    }
}

fn info() -> Element {
    let identity =
        Element::new("identity", ns::DISCO_INFO).with("category", "server").with("type", "im").with("name", "Conclave");
    let features = [ns::DISCO_INFO, ns::DISCO_ITEMS, ns::PING, ns::VERSION, ns::TIME];
    let feature = |var| Element::new("feature", ns::DISCO_INFO).with("var", var);
    Element::new("query", ns::DISCO_INFO).with_child(identity).with_children(features.map(feature))
}

fn items(service_domain: &BareJid) -> Element {
    let item = Element::new("item", ns::DISCO_ITEMS).with("jid", service_domain.as_str()).with("name", "Rooms");
    Element::new("query", ns::DISCO_ITEMS).with_child(item)
}

fn version() -> Element {
    let text = |name, text| Element::new(name, ns::VERSION).with_text(text);
    Element::new("query", ns::VERSION).with_child(text("name", "Conclave")).with_child(text("version", env!("CARGO_PKG_VERSION")))
}

fn time(now: Timestamp) -> Element {
    let text = |name, text| Element::new(name, ns::TIME).with_text(text);
    Element::new("time", ns::TIME).with_child(text("tzo", "+00:00")).with_child(text("utc", &now.to_string()))
}

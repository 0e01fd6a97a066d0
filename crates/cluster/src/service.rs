//! The service's own domain (XEP-0045 §6.1-6.3): what it is, and the rooms it lists.

use conclave_muc::Listing;
use conclave_xmpp::{
    Condition, Element, Encoded, Iq, IqKind, Message, MessageKind, Presence, PresenceKind, Stanza, StanzaError, ns,
};

use crate::result_set;

/// Rooms on one page of the list, at most: a page is one stanza.
pub const PAGE_ROOMS_MAX: usize = 100;

/// Whether the answer needs the list of public rooms.
pub fn needs_rooms(stanza: &Stanza) -> bool {
    match stanza {
        Stanza::Iq(Iq { kind: IqKind::Get, payloads, .. }) => {
            payloads.first().is_some_and(|query| query.is("query", ns::DISCO_ITEMS) && query.attribute("node").is_none())
        }
        Stanza::Iq(_) | Stanza::Message(_) | Stanza::Presence(_) => false,
    }
}

/// The answer to a stanza that is addressed to the service. `rooms` is sorted by address, and empty unless [`needs_rooms`].
pub fn answer(stanza: &Stanza, rooms: &[Listing]) -> Option<Encoded> {
    match stanza {
        Stanza::Iq(iq) if iq.is_request() => Some(match payload(iq, rooms) {
            Ok(payload) => iq.result(payload.as_ref()),
            Err(error) => return stanza.error_reply(&error),
        }),
        Stanza::Presence(Presence { kind: PresenceKind::Available, payloads, .. })
            if payloads.iter().any(|x| x.is("x", ns::MUC)) =>
        {
            stanza.error_reply(&StanzaError::new(Condition::JidMalformed).text("a room has a localpart: room@service/nick"))
        }
        Stanza::Message(Message { kind: MessageKind::Error, .. }) | Stanza::Iq(_) | Stanza::Presence(_) => None,
        Stanza::Message(_) => stanza.error_reply(&StanzaError::new(Condition::ServiceUnavailable).text("messages go to rooms")),
    }
}

fn payload(iq: &Iq, rooms: &[Listing]) -> Result<Option<Element>, StanzaError> {
    let unavailable = || StanzaError::new(Condition::ServiceUnavailable);
    let query = iq.payload().ok_or_else(unavailable)?;
    match (iq.kind, query.name(), query.namespace()) {
        (IqKind::Get, "query", ns::DISCO_INFO) if query.attribute("node").is_none() => Ok(Some(info())),
        (IqKind::Get, "query", ns::DISCO_ITEMS) if query.attribute("node").is_none() => items(query, rooms).map(Some),
        (IqKind::Get, "query", ns::DISCO_INFO | ns::DISCO_ITEMS) => {
            Err(StanzaError::new(Condition::ItemNotFound).text("the service has no such node"))
        }
        (IqKind::Get, "ping", ns::PING) => Ok(None),
        _ => Err(unavailable()),
    }
}

fn info() -> Element {
    let identity =
        Element::new("identity", ns::DISCO_INFO).with("category", "conference").with("type", "text").with("name", "Rooms");
    let features = [ns::MUC, ns::DISCO_INFO, ns::DISCO_ITEMS, ns::MUC_STABLE_ID, ns::RSM, ns::PING, ns::OCCUPANT_ID];
    let feature = |var| Element::new("feature", ns::DISCO_INFO).with("var", var);
    Element::new("query", ns::DISCO_INFO).with_child(identity).with_children(features.map(feature))
}

fn items(query: &Element, rooms: &[Listing]) -> Result<Element, StanzaError> {
    let page = result_set::page(rooms, |room| room.jid.as_str(), query.child("set", ns::RSM), PAGE_ROOMS_MAX)?;
    let item = |room: &Listing| Element::new("item", ns::DISCO_ITEMS).with("jid", room.jid.as_str()).with("name", &room.name);
    Ok(Element::new("query", ns::DISCO_ITEMS).with_children(page.items.iter().map(item)).with_children(page.set))
}

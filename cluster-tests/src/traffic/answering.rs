//! What a room answers, as it is recorded.

use std::collections::BTreeMap;

use conclave_xmpp::{Element, ns};

use crate::act::{Act, Answer};
use crate::client::{codes, error_of, is_error};

/// What an IQ says to a question, or about something that was to be done; nothing if it refuses.
pub(super) fn answer(act: &Act, iq: &Element) -> Option<Answer> {
    if matches!(act, Act::Ping) {
        return ping(iq);
    }
    if is_error(iq) {
        return None;
    }
    Some(match act {
        Act::Affiliations { .. } => Answer::Jids { jids: sorted(items(iq, "jid")) },
        Act::Configuration => Answer::Fields { fields: fields(iq) },
        Act::Registration => Answer::Nicks { nicks: registered(iq) },
        _ => Answer::Done,
    })
}

/// The presence with 110.
pub(super) fn inside(presence: &Element) -> Answer {
    let item = presence.child("x", ns::MUC_USER).and_then(|x| x.child("item", ns::MUC_USER));
    let attribute = |name| item.and_then(|item| item.attribute(name)).unwrap_or("none").to_owned();
    Answer::Inside {
        nick: nick(presence).unwrap_or_default(),
        created: codes(presence).contains(&"201"),
        affiliation: attribute("affiliation"),
        role: attribute("role"),
    }
}

/// The nick that a stanza comes from, if it comes from one.
pub(super) fn nick(stanza: &Element) -> Option<String> {
    Some(stanza.attribute("from")?.split_once('/')?.1.to_owned())
}

/// What the items of a list have of one kind.
pub(super) fn items(iq: &Element, attribute: &str) -> Vec<String> {
    let items = iq.child("query", ns::MUC_ADMIN).into_iter().flat_map(Element::children);
    items.filter_map(|item| item.attribute(attribute).map(str::to_owned)).collect()
}

/// XEP-0410 §3.2: which errors say that one is in, and which that one is not. Any other says nothing.
fn ping(iq: &Element) -> Option<Answer> {
    let joined = match (is_error(iq), error_of(iq).split_once(' ').map_or("", |(_, condition)| condition)) {
        (false, _) => true,
        (true, "not-acceptable") => false,
        (true, "service-unavailable" | "feature-not-implemented" | "item-not-found") => true,
        (true, _) => return None,
    };
    Some(Answer::Joined { joined })
}

/// §7.10: the nick that one has.
fn registered(iq: &Element) -> Vec<String> {
    let query = iq.child("query", ns::REGISTER);
    let has = query.filter(|query| query.child("registered", ns::REGISTER).is_some());
    has.and_then(|query| query.child("username", ns::REGISTER)).map(Element::text).into_iter().collect()
}

fn fields(iq: &Element) -> BTreeMap<String, String> {
    let form = iq.child("query", ns::MUC_OWNER).and_then(|query| query.child("x", ns::DATA));
    let fields = form.into_iter().flat_map(Element::children).filter(|field| field.is("field", ns::DATA));
    let field = |field: &Element| {
        let name = field.attribute("var")?;
        let values = field.children().filter(|value| value.is("value", ns::DATA)).map(Element::text);
        let name = name.strip_prefix("muc#roomconfig_").unwrap_or(name).to_owned();
        Some((name, values.collect::<Vec<_>>().join(",")))
    };
    fields.filter_map(field).filter(|(name, _)| name != "FORM_TYPE").collect()
}

fn sorted(mut texts: Vec<String>) -> Vec<String> {
    texts.sort();
    texts
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::stanza;

    #[test]
    fn lists_and_forms_are_read() {
        let list = "<iq type='result' from='r@s'><query xmlns='http://jabber.org/protocol/muc#admin'>\
                    <item affiliation='member' jid='b@s'/><item affiliation='member' jid='a@s' nick='N'/></query></iq>";
        let asked = Act::Affiliations { affiliation: "member".to_owned() };
        let jids = vec!["a@s".to_owned(), "b@s".to_owned()];
        assert_eq!(answer(&asked, &stanza(list)), Some(Answer::Jids { jids }));

        let form = "<iq type='result' from='r@s'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data'>\
                    <field var='FORM_TYPE'><value>f</value></field><field var='muc#roomconfig_roomname'><value>Hall</value></field>\
                    <field var='muc#roomconfig_presencebroadcast'><value>moderator</value><value>visitor</value></field>\
                    </x></query></iq>";
        let fields = [("presencebroadcast", "moderator,visitor"), ("roomname", "Hall")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(answer(&Act::Configuration, &stanza(form)), Some(Answer::Fields { fields }));
    }

    #[test]
    fn a_registration_is_at_most_one_nick() {
        let query = |inside: &str| stanza(&format!("<iq type='result'><query xmlns='jabber:iq:register'>{inside}</query></iq>"));
        let nicks = |iq: &Element| match answer(&Act::Registration, iq) {
            Some(Answer::Nicks { nicks }) => nicks,
            other => panic!("{other:?}"),
        };
        assert_eq!(nicks(&query("<registered/><username>N</username>")), ["N"]);
        assert_eq!(nicks(&query("<x xmlns='jabber:x:data'/>")), [""; 0]);
    }

    #[test]
    fn an_error_to_a_ping_may_say_that_one_is_in() {
        let error = |condition: &str| {
            let condition = format!("<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>");
            stanza(&format!("<iq type='error' from='r@s/N'><error type='cancel'>{condition}</error></iq>"))
        };
        let joined = |joined| Some(Answer::Joined { joined });
        assert_eq!(answer(&Act::Ping, &stanza("<iq type='result' from='r@s/N'/>")), joined(true));
        assert_eq!(answer(&Act::Ping, &error("not-acceptable")), joined(false));
        assert_eq!(answer(&Act::Ping, &error("item-not-found")), joined(true));
        assert_eq!(answer(&Act::Ping, &error("internal-server-error")), None);
        assert_eq!(answer(&Act::Configuration, &error("forbidden")), None);
    }
}

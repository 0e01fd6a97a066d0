//! Stanzas as a session was shown them: what of them matters to the checkers.

use conclave_scansion::stream::{Incoming, IncomingStream};
use conclave_xmpp::{Element, ns};

/// What a session was shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Sight {
    /// Of an occupant, or of somebody who could be one.
    Presence(Presence),
    /// A private message from an occupant.
    Whisper {
        /// Its nick.
        from: String,
        /// The sender's id.
        send: Option<String>,
    },
    /// What the talk is about.
    Subject {
        /// As the last thing that whoever enters is shown (§7.2.15); else somebody has just set it.
        at_the_door: bool,
        /// The sender's id.
        send: Option<String>,
    },
    /// A message of the room itself: the codes of §10.2.1.
    Codes(Vec<u16>),
    /// §9: the affiliation of somebody who is not there changed; by its JID.
    Notice(Vec<String>),
    /// Something else, such as an error.
    Other,
}

/// What a presence says.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct Presence {
    /// None if the room itself speaks of somebody.
    pub nick: Option<String>,
    pub unavailable: bool,
    pub codes: Vec<u16>,
    /// Real JIDs that it shows, also of whoever did it.
    pub jids: Vec<String>,
    pub affiliation: String,
    pub role: String,
    /// With the end of the room.
    pub destroyed: bool,
}

impl Presence {
    /// §7.2.3: of the session that it is shown to.
    pub fn is_own(&self) -> bool {
        self.codes.contains(&110)
    }

    /// §7.6: a nick goes, and its bearer stays.
    pub fn is_rename(&self) -> bool {
        self.codes.contains(&303)
    }

    /// §16.6: removed for a technical problem, as one who has missed something.
    pub fn is_failure(&self) -> bool {
        self.codes.contains(&333)
    }

    /// Whether it says that the session itself is no longer in the room.
    pub fn is_farewell(&self) -> bool {
        self.unavailable && self.is_own() && !self.is_rename()
    }
}

/// Reads stanzas from the lines of a history.
pub(crate) struct Reader {
    stream: IncomingStream,
}

impl Default for Reader {
    fn default() -> Reader {
        Reader { stream: IncomingStream::of_script() }
    }
}

impl Reader {
    /// What a stanza is to somebody in this room; a text that is none is something else.
    pub fn read(&mut self, stanza: &str, room: &str) -> Sight {
        // Most of what is seen can be told from its beginning.
        if !stanza.starts_with("<presence") && !stanza.starts_with("<message") {
            return Sight::Other;
        }
        self.element(stanza).map_or(Sight::Other, |element| sight(&element, room))
    }

    fn element(&mut self, text: &str) -> Option<Element> {
        self.stream.push(text.as_bytes());
        loop {
            match self.stream.read() {
                Ok(Some(Incoming::Stanza(element))) => return Some(element),
                Ok(Some(Incoming::Opened)) => {}
                // Half of a stanza would spoil the next one.
                Ok(_) | Err(_) => {
                    *self = Reader::default();
                    return None;
                }
            }
        }
    }
}

fn sight(element: &Element, room: &str) -> Sight {
    let Some(rest) = element.attribute("from").and_then(|from| from.strip_prefix(room)) else { return Sight::Other };
    if !rest.is_empty() && !rest.starts_with('/') {
        return Sight::Other;
    }
    let nick = rest.strip_prefix('/').map(str::to_owned);
    let kind = element.attribute("type");
    if kind == Some("error") {
        return Sight::Other;
    }
    match (element.name(), kind, nick) {
        ("presence", _, nick) => Sight::Presence(presence(element, nick)),
        ("message", Some("groupchat"), nick) if element.child("subject", ns::CLIENT).is_some() => {
            let at_the_door = nick.is_none() || element.child("delay", ns::DELAY).is_some();
            Sight::Subject { at_the_door, send: id(element) }
        }
        ("message", Some("groupchat"), None) => Sight::Codes(codes(element)),
        ("message", _, None) => Sight::Notice(jids(element)),
        ("message", kind, Some(from)) if kind != Some("groupchat") => Sight::Whisper { from, send: id(element) },
        _ => Sight::Other,
    }
}

fn id(element: &Element) -> Option<String> {
    element.attribute("id").map(str::to_owned)
}

fn presence(element: &Element, nick: Option<String>) -> Presence {
    let x = element.child("x", ns::MUC_USER);
    let items = items(element);
    let of_item = |name| items.first().and_then(|item| item.attribute(name)).unwrap_or_default().to_owned();
    Presence {
        nick,
        unavailable: element.attribute("type") == Some("unavailable"),
        codes: codes(element),
        jids: jids(element),
        affiliation: of_item("affiliation"),
        role: of_item("role"),
        destroyed: x.is_some_and(|x| x.child("destroy", ns::MUC_USER).is_some()),
    }
}

fn items(element: &Element) -> Vec<&Element> {
    let x = element.child("x", ns::MUC_USER).into_iter();
    x.flat_map(Element::children).filter(|child| child.name() == "item").collect()
}

/// Of whom it speaks, and of whoever did it to them.
fn jids(element: &Element) -> Vec<String> {
    let items = items(element);
    let actors = items.iter().flat_map(|item| item.children()).filter(|child| child.name() == "actor");
    let all = items.iter().copied().chain(actors);
    all.filter_map(|element| element.attribute("jid")).map(str::to_owned).collect()
}

fn codes(element: &Element) -> Vec<u16> {
    crate::client::codes(element).into_iter().filter_map(|code| code.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: &str = "<presence xmlns='jabber:client' from='r@s/ada' type='unavailable'>\
                       <x xmlns='http://jabber.org/protocol/muc#user'><status code='307'/>\
                       <item affiliation='none' role='none' jid='a@b/c'/><status code='110'/></x></presence>";

    #[test]
    fn a_presence_is_read() {
        let Sight::Presence(presence) = Reader::default().read(OWN, "r@s") else { panic!("it is none") };
        assert!(presence.is_farewell() && !presence.is_rename() && !presence.destroyed);
        assert_eq!((presence.nick.as_deref(), presence.codes.as_slice()), (Some("ada"), [307, 110].as_slice()));
        assert_eq!((presence.jids.as_slice(), presence.role.as_str()), (["a@b/c".to_owned()].as_slice(), "none"));
    }

    #[test]
    fn what_is_none_spoils_nothing_that_follows() {
        let mut reader = Reader::default();
        assert_eq!(reader.read("<presence from='r@s/ada", "r@s"), Sight::Other);
        assert_eq!(
            reader.read("<message from='r@s/ada' type='chat' id='w1'><body>x</body></message>", "r@s"),
            Sight::Whisper { from: "ada".to_owned(), send: Some("w1".to_owned()) }
        );
        assert_eq!(
            reader.read("<message from='r@s' type='groupchat'><subject/></message>", "r@s"),
            Sight::Subject { at_the_door: true, send: None }
        );
        assert_eq!(reader.read("<presence from='other@s/ada'/>", "r@s"), Sight::Other);
        assert_eq!(reader.read("<presence from='r@s/ada' type='error'/>", "r@s"), Sight::Other);
    }
}

//! A session's place in a room, as far as it has been told.

use std::collections::BTreeMap;

use conclave_xmpp::{Element, ns};
use tokio::time::Instant;

use super::answering::nick;
use crate::client::{codes, is_error, is_subject, is_unavailable};

/// Where a session is, and whom it sees.
#[derive(Clone, Debug)]
pub(super) struct Seat {
    /// Whether it is in.
    pub place: Place,
    /// The nick that it has, or under which it was there last, or will ask to be let in.
    pub nick: String,
    /// What it is in the room.
    pub affiliation: String,
    /// And for now.
    pub role: String,
    /// The others, by their nicks.
    pub others: BTreeMap<String, Other>,
    /// When it may ask to be let in.
    pub not_before: Instant,
}

/// Whether a session is in a room.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Place {
    /// No.
    Outside,
    /// It has asked.
    Asking,
    /// It was told that it is, and is being shown what was said before.
    Arriving,
    /// Yes.
    Inside,
}

/// Somebody else in the room.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(super) struct Other {
    /// What it may do.
    pub role: String,
    /// The bare JID, where it is shown.
    pub jid: Option<String>,
}

/// What changed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Turn {
    /// All was shown that was there before.
    Joined,
    /// It is out, and why.
    Left(String),
}

impl Seat {
    /// Outside, with the nick that it will have.
    pub fn outside(nick: &str) -> Seat {
        let none = || "none".to_owned();
        let others = BTreeMap::new();
        Seat {
            place: Place::Outside,
            nick: nick.to_owned(),
            affiliation: none(),
            role: none(),
            others,
            not_before: Instant::now(),
        }
    }

    /// Takes a stanza of the room.
    pub fn take(&mut self, stanza: &Element) -> Option<Turn> {
        if stanza.name() == "presence" && !is_error(stanza) {
            return self.take_presence(stanza);
        }
        if self.place == Place::Arriving && is_subject(stanza) {
            self.place = Place::Inside;
            return Some(Turn::Joined);
        }
        None
    }

    /// It is out from now on.
    pub fn go_out(&mut self) {
        self.place = Place::Outside;
        self.others.clear();
    }

    fn take_presence(&mut self, stanza: &Element) -> Option<Turn> {
        let (nick, codes) = (nick(stanza)?, codes(stanza));
        let own = codes.contains(&"110");
        match (own, is_unavailable(stanza)) {
            (true, true) if codes.contains(&"303") => None,
            (true, true) => self.take_end(stanza, &codes),
            (true, false) => {
                self.take_own(nick, item(stanza));
                None
            }
            (false, true) => {
                self.others.remove(&nick);
                None
            }
            (false, false) => {
                let (_, role, jid) = item(stanza);
                self.others.insert(nick, Other { role, jid });
                None
            }
        }
    }

    fn take_own(&mut self, nick: String, (affiliation, role, _): (String, String, Option<String>)) {
        if self.place < Place::Arriving {
            self.place = Place::Arriving;
        }
        self.others.remove(&nick);
        (self.nick, self.affiliation, self.role) = (nick, affiliation, role);
    }

    fn take_end(&mut self, stanza: &Element, codes: &[&str]) -> Option<Turn> {
        // An earlier stay of the same address may end while this one asks.
        if self.place < Place::Arriving {
            return None;
        }
        self.go_out();
        let x = stanza.child("x", ns::MUC_USER);
        let destroyed = x.is_some_and(|x| x.child("destroy", ns::MUC_USER).is_some());
        let codes: Vec<&str> = codes.iter().copied().filter(|code| *code != "110").collect();
        Some(Turn::Left(match (destroyed, codes.is_empty()) {
            (true, _) => "removed: the room is destroyed".to_owned(),
            (false, true) => "left".to_owned(),
            (false, false) => format!("removed {}", codes.join(" ")),
        }))
    }
}

/// Affiliation, role and bare JID of the last item: of several sessions under one nick all are the same person's.
fn item(presence: &Element) -> (String, String, Option<String>) {
    let items = presence.child("x", ns::MUC_USER).into_iter().flat_map(Element::children);
    let item = items.filter(|item| item.name() == "item").last();
    let attribute = |name| item.and_then(|item| item.attribute(name));
    let text = |name| attribute(name).unwrap_or("none").to_owned();
    let bare = |jid: &str| jid.split_once('/').map_or(jid, |(bare, _)| bare).to_owned();
    (text("affiliation"), text("role"), attribute("jid").map(bare))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::stanza;

    fn take(seat: &mut Seat, nick: &str, kind: &str, inside: &str) -> Option<Turn> {
        let text = format!(
            "<presence from='r@s/{nick}' type='{kind}'><x xmlns='http://jabber.org/protocol/muc#user'>{inside}</x></presence>"
        );
        seat.take(&stanza(&text.replace(" type=''", "")))
    }

    const ITEM: &str = "<item affiliation='owner' role='moderator' jid='a@s/x'/>";
    const OWN: &str = "<item affiliation='member' role='participant'/><status code='110'/>";

    fn inside() -> Seat {
        let mut seat = Seat::outside("Me");
        assert_eq!(take(&mut seat, "A", "", ITEM), None);
        assert_eq!(take(&mut seat, "Me", "", OWN), None);
        let subject = stanza("<message type='groupchat' from='r@s'><subject/></message>");
        assert_eq!(seat.take(&subject), Some(Turn::Joined));
        assert_eq!(seat.take(&subject), None);
        seat
    }

    #[test]
    fn a_stay_begins_with_the_subject() {
        let seat = inside();
        assert_eq!((seat.place, seat.affiliation.as_str()), (Place::Inside, "member"));
        let other = Other { role: "moderator".to_owned(), jid: Some("a@s".to_owned()) };
        assert_eq!(seat.others, [("A".to_owned(), other)].into());
    }

    #[test]
    fn a_stay_ends_with_the_reason() {
        let why = |inside_x: &str| take(&mut inside(), "Me", "unavailable", inside_x);
        assert_eq!(why("<status code='110'/>"), Some(Turn::Left("left".to_owned())));
        assert_eq!(why("<status code='307'/><status code='110'/>"), Some(Turn::Left("removed 307".to_owned())));
        let destroyed = Some(Turn::Left("removed: the room is destroyed".to_owned()));
        assert_eq!(why("<destroy/><status code='110'/>"), destroyed);
        assert_eq!(why("<status code='303'/><status code='110'/>"), None);
    }

    #[test]
    fn the_end_of_an_earlier_stay_is_not_this_ones() {
        let mut seat = Seat::outside("Me");
        seat.place = Place::Asking;
        assert_eq!(take(&mut seat, "Me", "unavailable", "<status code='110'/>"), None);
        assert_eq!(seat.place, Place::Asking);
    }

    #[test]
    fn others_come_and_go() {
        let mut seat = inside();
        take(&mut seat, "A", "unavailable", "<item affiliation='owner' role='none'/><status code='303'/>");
        assert!(seat.others.is_empty());
    }
}

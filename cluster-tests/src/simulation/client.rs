//! A client of the simulation: one session, what it was sent, and what it makes of it.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use conclave_muc::Session;
use conclave_xmpp::{Element, ns};

use super::stanzas::{self, codes};
use crate::history::Event;

/// One session of one account.
pub struct Client {
    /// The account's localpart.
    pub name: String,
    /// The node that it is connected to.
    pub node: u32,
    /// Its full JID and id.
    pub session: Session,
    /// Whether its connection is there.
    pub connected: bool,
    /// Everything that it was sent, with the time.
    pub seen: Vec<(u64, Element)>,
    /// The rooms that it believes to be in, or to be about to be in.
    pub stays: BTreeMap<String, Stay>,
    /// What went wrong in its eyes.
    pub oddities: Vec<String>,
    pub(crate) inbox: Rc<RefCell<Vec<Vec<u8>>>>,
    pub(crate) replaced: Rc<RefCell<bool>>,
    pub(crate) next_number: u64,
    /// Numbers of requests that are not answered.
    pub pending: BTreeSet<u64>,
    /// Those among them that were passed on to somebody who has yet to answer.
    pub(crate) relayed: BTreeSet<u64>,
    /// Requests that were dealt with, in the order in which it learnt of it.
    pub(crate) answers: Vec<u64>,
    /// Requests to hold its full JID again.
    pub(crate) rebinds: BTreeSet<u64>,
    /// Whether it has asked to hold its full JID.
    pub bound: bool,
    /// Messages that it has not seen again.
    pub(crate) sends: BTreeSet<String>,
}

/// One time in a room.
#[derive(Clone, Default, Debug)]
pub struct Stay {
    /// Under which nick.
    pub nick: String,
    /// Whether it was shown all that was there before.
    pub joined: bool,
    /// Who is there, by what it was shown.
    pub roster: BTreeSet<String>,
}

impl Client {
    pub(crate) fn new(name: &str, node: u32, session: Session) -> Client {
        Client {
            name: name.to_owned(),
            node,
            session,
            connected: true,
            seen: Vec::new(),
            stays: BTreeMap::new(),
            oddities: Vec::new(),
            inbox: Rc::default(),
            replaced: Rc::default(),
            next_number: 1,
            pending: BTreeSet::new(),
            relayed: BTreeSet::new(),
            answers: Vec::new(),
            rebinds: BTreeSet::new(),
            bound: false,
            sends: BTreeSet::new(),
        }
    }

    /// Whether its full JID has a newer holder, and it was told.
    pub fn is_replaced(&self) -> bool {
        *self.replaced.borrow()
    }

    /// By which a history knows it.
    pub fn label(&self) -> String {
        format!("{}#{}", self.name, self.session.id)
    }

    /// Whether it is in a room, in its own eyes.
    pub fn is_in(&self, room: &str) -> bool {
        self.connected && self.stays.get(room).is_some_and(|stay| stay.joined)
    }

    /// Stanzas that it was sent and that are like this.
    pub fn count(&self, like: impl Fn(&Element) -> bool) -> usize {
        self.seen.iter().filter(|(_, stanza)| like(stanza)).count()
    }

    /// The condition of the error that its last attempt to enter got.
    pub fn refusal(&self) -> Option<String> {
        let error = |stanza: &Element| stanza.is("presence", ns::CLIENT) && stanza.attribute("type") == Some("error");
        self.seen.iter().rev().find(|(_, stanza)| error(stanza)).and_then(|(_, stanza)| stanzas::condition(stanza))
    }

    /// Takes in a stanza; returns what a recorder notes of it.
    pub(crate) fn take(&mut self, now: u64, stanza: Element) -> Vec<(String, Event)> {
        let Some(room) = stanzas::room(&stanza).map(str::to_owned) else { return Vec::new() };
        let events = match stanza.name() {
            "presence" => self.take_presence(&room, &stanza),
            "message" if stanza.attribute("type") == Some("groupchat") || stanza.attribute("type") == Some("error") => {
                self.take_message(&room, &stanza)
            }
            _ => Vec::new(),
        };
        self.seen.push((now, stanza));
        events.into_iter().map(|event| (room.clone(), event)).collect()
    }

    fn take_presence(&mut self, room: &str, stanza: &Element) -> Vec<Event> {
        let Some(nick) = stanzas::nick(stanza).map(str::to_owned) else { return Vec::new() };
        let own = codes(stanza).contains(&110);
        match stanza.attribute("type") {
            None => {
                let stay = self.stays.entry(room.to_owned()).or_default();
                stay.roster.insert(nick.clone());
                if own {
                    stay.nick = nick;
                }
                Vec::new()
            }
            Some("unavailable") if own => {
                let stay = self.stays.remove(room);
                if stay.is_none() {
                    self.oddities.push(format!("is told to be out of {room} without having been in: {stanza}"));
                }
                vec![Event::Left { why: format!("removed {:?}", codes(stanza)) }]
            }
            Some("unavailable") => {
                let there = self.stays.get_mut(room).is_some_and(|stay| stay.roster.remove(&nick));
                if !there {
                    self.oddities.push(format!("is told that {nick} leaves {room}, who is not there: {stanza}"));
                }
                Vec::new()
            }
            Some(_) => Vec::new(),
        }
    }

    fn take_message(&mut self, room: &str, stanza: &Element) -> Vec<Event> {
        let send = stanza.attribute("id").map(str::to_owned);
        if stanza.attribute("type") == Some("error") {
            let Some(send) = send.filter(|send| self.sends.remove(send)) else { return Vec::new() };
            let unknown = stanzas::error_text(stanza).contains("not known");
            let error = stanzas::condition(stanza).unwrap_or_default();
            return vec![if unknown { Event::Unknown { send } } else { Event::Refused { send, error } }];
        }
        if stanza.child("body", ns::CLIENT).is_some() {
            let id = stanza.child("stanza-id", ns::STANZA_ID).and_then(|id| id.attribute("id")).unwrap_or("none");
            let (stanza_id, delayed) = (id.to_owned(), stanza.child("delay", ns::DELAY).is_some());
            if !delayed && !self.stays.get(room).is_some_and(|stay| stay.joined) {
                self.oddities.push(format!("hears {send:?} in {room} without being in"));
            }
            // Whoever was not answered in time and asked again enters twice, and is shown the history twice.
            let again = self.stays.get_mut(room).is_some_and(|stay| delayed && std::mem::replace(&mut stay.joined, false));
            let left = again.then(|| Event::Left { why: "enters again".to_owned() });
            let mut events: Vec<Event> = left.into_iter().collect();
            events.push(Event::received(stanza_id.clone(), send.clone(), delayed));
            events.extend(send.filter(|send| self.sends.remove(send)).map(|send| Event::said(&send, &stanza_id)));
            return events;
        }
        if stanza.child("subject", ns::CLIENT).is_some() {
            let stay = self.stays.entry(room.to_owned()).or_default();
            if !std::mem::replace(&mut stay.joined, true) {
                return vec![Event::Joined];
            }
        }
        Vec::new()
    }
}

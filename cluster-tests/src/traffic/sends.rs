//! The sends of one connection that have not come to an end, and what settles them.

use std::collections::{BTreeMap, BTreeSet};

use conclave_xmpp::{Element, ns};
use tokio::time::{Duration, Instant};

use super::answering;
use super::asking::ROLES;
use crate::act::{Act, Answer};
use crate::client::{codes, error_of, is_error, is_groupchat, is_unavailable};
use crate::history::Event;

/// All that is under way.
#[derive(Default)]
pub(super) struct Sends(BTreeMap<String, Sent>);

/// One send.
struct Sent {
    room: usize,
    act: Act,
    at: Instant,
    /// The how manieth it is of its connection.
    number: usize,
    /// What has come so far of an answer in several parts, and how many parts.
    nicks: (BTreeSet<String>, usize),
}

/// A send that has come to its end.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Settled {
    /// In which room.
    pub room: usize,
    /// What was asked for.
    pub act: Act,
    /// Ok, refused or unknown.
    pub event: Event,
}

impl Sends {
    /// Something is asked for from now on.
    pub fn begin(&mut self, send: &str, room: usize, act: Act) {
        let number = self.0.values().map(|sent| sent.number + 1).max().unwrap_or(0);
        self.0.insert(send.to_owned(), Sent { room, act, at: Instant::now(), number, nicks: Default::default() });
    }

    /// What is under way in a room.
    pub fn in_room(&self, room: usize) -> impl Iterator<Item = &Act> {
        self.0.values().filter(move |sent| sent.room == room).map(|sent| &sent.act)
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Whether nothing is under way but what is said to all.
    pub fn are_words(&self) -> bool {
        self.0.values().all(|sent| matches!(sent.act, Act::Say { .. }))
    }

    /// The room of one that has not come to its end.
    pub fn room(&self, send: &str) -> Option<usize> {
        self.0.get(send).map(|sent| sent.room)
    }

    /// What is older than the limit will not be waited for.
    pub fn expired(&mut self, limit: Duration) -> Vec<Settled> {
        let late: Vec<String> =
            self.0.iter().filter(|(_, sent)| sent.at.elapsed() > limit).map(|(send, _)| send.clone()).collect();
        late.iter().filter_map(|send| self.unknown(send)).collect()
    }

    /// The connection is gone.
    pub fn abandoned(&mut self) -> Vec<Settled> {
        let all: Vec<String> = self.0.keys().cloned().collect();
        all.iter().filter_map(|send| self.unknown(send)).collect()
    }

    /// What a stanza of a room says about them.
    pub fn take(&mut self, room: usize, stanza: &Element) -> Vec<Settled> {
        let settled = match stanza.name() {
            "iq" => self.take_iq(stanza),
            "presence" if !is_error(stanza) => return self.take_presence(room, stanza),
            "message" if is_groupchat(stanza) => self.take_message(stanza),
            _ if is_error(stanza) => stanza.attribute("id").and_then(|id| self.refuse(id, stanza)),
            _ => None,
        };
        settled.into_iter().collect()
    }

    /// A reflection. What was said before is shown to whoever enters, and is no acknowledgement.
    fn take_message(&mut self, stanza: &Element) -> Option<Settled> {
        let send = stanza.attribute("id")?;
        let has = |name| stanza.child(name, ns::CLIENT).is_some();
        let reflects = match self.0.get(send)?.act {
            Act::Say { .. } => has("body"),
            Act::Subject { .. } => has("subject") && !has("body"),
            _ => false,
        };
        if !reflects || stanza.child("delay", ns::DELAY).is_some() {
            return None;
        }
        let stanza_id = stanza.child("stanza-id", ns::STANZA_ID).and_then(|id| id.attribute("id")).unwrap_or("none").to_owned();
        self.ok(send, Answer::Reflected { stanza_id })
    }

    /// One's own presence: one is in, out, has another nick, or is seen otherwise.
    fn take_presence(&mut self, room: usize, stanza: &Element) -> Vec<Settled> {
        let codes = codes(stanza);
        if !codes.contains(&"110") || codes.contains(&"303") {
            return Vec::new();
        }
        let status = stanza.child("status", ns::CLIENT).map(Element::text);
        let nick = answering::nick(stanza).unwrap_or_default();
        let of_room = self.0.values().filter(|sent| sent.room == room);
        let shown = of_room.filter(|sent| match &sent.act {
            Act::Presence { status: own } => Some(own) == status.as_ref(),
            // What was asked behind the way out and comes behind the way in says nothing that this does not.
            Act::Enter { .. } => true,
            _ => false,
        });
        let shown = shown.map(|sent| sent.number).max();
        let fits = |sent: &Sent| match &sent.act {
            _ if sent.room != room => false,
            Act::Leave => is_unavailable(stanza),
            _ if is_unavailable(stanza) => false,
            Act::Enter { .. } => true,
            Act::Rename { nick: wished } => *wished == nick,
            // Of several in a row the last one may stand for all (a newer state takes the place of an older one).
            Act::Presence { .. } => shown.is_some_and(|number| sent.number <= number),
            _ => false,
        };
        let settled: Vec<String> = self.0.iter().filter(|(_, sent)| fits(sent)).map(|(send, _)| send.clone()).collect();
        settled.iter().filter_map(|send| self.ok_of_presence(send, stanza)).collect()
    }

    fn ok_of_presence(&mut self, send: &str, stanza: &Element) -> Option<Settled> {
        let enters = matches!(self.0.get(send)?.act, Act::Enter { .. });
        self.ok(send, if enters { answering::inside(stanza) } else { Answer::Done })
    }

    fn take_iq(&mut self, stanza: &Element) -> Option<Settled> {
        let id = stanza.attribute("id")?;
        match id.split_once('~') {
            Some((send, "")) => self.take_fence(send, stanza),
            Some((send, role)) => self.take_list(send, role, stanza),
            None => self.take_answer(id, stanza),
        }
    }

    /// All that was asked before has been decided, unless nobody decides at the moment.
    fn take_fence(&mut self, send: &str, stanza: &Element) -> Option<Settled> {
        let undecided = is_error(stanza) && error_of(stanza).starts_with("wait ");
        if undecided { self.unknown(send) } else { self.ok(send, Answer::Done) }
    }

    fn take_list(&mut self, send: &str, role: &str, stanza: &Element) -> Option<Settled> {
        if is_error(stanza) || !ROLES.contains(&role) {
            return self.refuse(send, stanza);
        }
        let sent = self.0.get_mut(send)?;
        sent.nicks.0.extend(answering::items(stanza, "nick"));
        sent.nicks.1 += 1;
        if sent.nicks.1 < ROLES.len() {
            return None;
        }
        let nicks = sent.nicks.0.iter().cloned().collect();
        self.ok(send, Answer::Nicks { nicks })
    }

    fn take_answer(&mut self, send: &str, stanza: &Element) -> Option<Settled> {
        let act = &self.0.get(send)?.act;
        match answering::answer(act, stanza) {
            Some(answer) => self.ok(send, answer),
            None => self.refuse(send, stanza),
        }
    }

    fn ok(&mut self, send: &str, answer: Answer) -> Option<Settled> {
        self.settle(send, Event::Ok { send: send.to_owned(), answer })
    }

    fn refuse(&mut self, send: &str, stanza: &Element) -> Option<Settled> {
        let send = send.split_once('~').map_or(send, |(send, _)| send);
        self.settle(send, Event::Refused { send: send.to_owned(), error: error_of(stanza) })
    }

    fn unknown(&mut self, send: &str) -> Option<Settled> {
        self.settle(send, Event::Unknown { send: send.to_owned() })
    }

    fn settle(&mut self, send: &str, event: Event) -> Option<Settled> {
        self.0.remove(send).map(|sent| Settled { room: sent.room, act: sent.act, event })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client::stanza;

    const OWN: &str = "<x xmlns='http://jabber.org/protocol/muc#user'><item affiliation='none' role='participant'/>\
                       <status code='110'/></x>";

    fn say() -> Act {
        Act::Say { body: None }
    }

    fn of(acts: &[(&str, Act)]) -> Sends {
        let mut sends = Sends::default();
        acts.iter().for_each(|(send, act)| sends.begin(send, 0, act.clone()));
        sends
    }

    fn events(sends: &mut Sends, text: &str) -> Vec<Event> {
        sends.take(0, &stanza(text)).into_iter().map(|settled| settled.event).collect()
    }

    #[test]
    fn a_message_is_settled_by_its_reflection_and_not_by_the_history() {
        let mut sends = of(&[("s1", say())]);
        let reflection = |inside: &str| {
            format!(
                "<message type='groupchat' id='s1' from='r@s/N'><body>s1</body><stanza-id xmlns='urn:xmpp:sid:0' id='7'/>{inside}</message>"
            )
        };
        assert_eq!(events(&mut sends, &reflection("<delay xmlns='urn:xmpp:delay'/>")), []);
        assert_eq!(events(&mut sends, &reflection("")), [Event::said("s1", "7")]);
        assert_eq!(events(&mut sends, &reflection("")), []);
    }

    #[test]
    fn an_error_refuses() {
        let mut sends = of(&[("s1", say()), ("s2", Act::Rename { nick: "N".to_owned() })]);
        let error = "<error type='auth'><forbidden xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
        let refused = |send: &str| Event::Refused { send: send.to_owned(), error: "auth forbidden".to_owned() };
        let message = format!("<message type='error' id='s1' from='r@s'>{error}</message>");
        assert_eq!(events(&mut sends, &message), [refused("s1")]);
        let presence = format!("<presence type='error' id='s2' from='r@s/N'>{error}</presence>");
        assert_eq!(events(&mut sends, &presence), [refused("s2")]);
        assert_eq!(sends.count(), 0);
    }

    #[test]
    fn a_later_presence_stands_for_the_earlier_ones() {
        let seen = |status: &str| Act::Presence { status: status.to_owned() };
        let mut sends = of(&[("a", seen("a")), ("b", seen("b")), ("c", seen("c"))]);
        let shown = format!("<presence from='r@s/N'><status>b</status>{OWN}</presence>");
        assert_eq!(events(&mut sends, &shown).len(), 2);
        assert_eq!((sends.room("c"), sends.room("a")), (Some(0), None));
    }

    #[test]
    fn a_whisper_is_done_when_the_ping_behind_it_is_answered() {
        let whisper = Act::Whisper { to: "N".to_owned(), body: String::new() };
        let mut sends = of(&[("w1", whisper.clone()), ("w2", whisper)]);
        let done = Event::Ok { send: "w1".to_owned(), answer: Answer::Done };
        assert_eq!(events(&mut sends, "<iq type='result' id='w1~' from='r@s/N'/>"), [done]);
        let nobody = "<iq type='error' id='w2~' from='r@s/N'><error type='wait'><resource-constraint \
                      xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></iq>";
        assert_eq!(events(&mut sends, nobody), [Event::Unknown { send: "w2".to_owned() }]);
    }

    #[test]
    fn occupants_are_those_of_three_lists() {
        let mut sends = of(&[("o", Act::Occupants)]);
        let list = |role: &str, nick: &str| {
            format!(
                "<iq type='result' id='o~{role}' from='r@s'><query xmlns='http://jabber.org/protocol/muc#admin'>\
                 <item nick='{nick}' role='{role}' affiliation='none'/></query></iq>"
            )
        };
        assert_eq!(events(&mut sends, &list("visitor", "B")), []);
        assert_eq!(events(&mut sends, &list("moderator", "A")), []);
        let nicks = ["A", "B", "C"].map(str::to_owned).to_vec();
        let all = Event::Ok { send: "o".to_owned(), answer: Answer::Nicks { nicks } };
        assert_eq!(events(&mut sends, &list("participant", "C")), [all]);
    }

    #[test]
    fn what_is_under_way_when_the_connection_goes_is_unknown() {
        let mut sends = of(&[("s1", say()), ("s2", say())]);
        let unknown = |send: &str| Event::Unknown { send: send.to_owned() };
        assert_eq!(sends.expired(Duration::from_secs(60)), []);
        let events: Vec<Event> = sends.abandoned().into_iter().map(|settled| settled.event).collect();
        assert_eq!(events, [unknown("s1"), unknown("s2")]);
        assert_eq!(sends.count(), 0);
    }

    #[test]
    fn who_is_shown_to_enter_is_seen_as_it_said_before() {
        let enter = Act::Enter { nick: "N".to_owned(), password: None, history: None };
        let presence = |status: &str| Act::Presence { status: status.to_owned() };
        let mut sends = of(&[("p1", presence("away")), ("e", enter), ("p2", presence("back"))]);
        let settled = events(&mut sends, &format!("<presence from='r@s/N'>{OWN}</presence>"));
        assert_eq!(settled.len(), 2, "{settled:?}");
        assert!(settled.contains(&Event::Ok { send: "p1".to_owned(), answer: Answer::Done }));
        assert_eq!(sends.count(), 1, "what is said behind it is shown behind it");
    }

    #[test]
    fn whoever_enters_is_told_what_it_is() {
        let mut sends = of(&[("e", Act::Enter { nick: "N".to_owned(), password: None, history: None })]);
        let answer = Answer::Inside {
            nick: "N".to_owned(),
            created: false,
            affiliation: "none".to_owned(),
            role: "participant".to_owned(),
        };
        let shown = format!("<presence from='r@s/N'>{OWN}</presence>");
        assert_eq!(events(&mut sends, &shown), [Event::Ok { send: "e".to_owned(), answer }]);
    }
}

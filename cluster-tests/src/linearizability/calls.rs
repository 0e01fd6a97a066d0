//! The calls of a history: what was asked for, when, and what came of it.

use std::collections::{BTreeMap, BTreeSet};

use conclave_xmpp::{ns, stanza_text};

use crate::act::{Act, Answer};
use crate::history::{Event, History, Line};

/// Conditions of a refusal by which nothing has happened (RFC 6120 §8.3.3). All others leave it open.
const WITHOUT_EFFECT: [&str; 12] = [
    "bad-request",
    "conflict",
    "feature-not-implemented",
    "forbidden",
    "gone",
    "item-not-found",
    "jid-malformed",
    "not-acceptable",
    "not-allowed",
    "not-authorized",
    "policy-violation",
    "registration-required",
];

/// One thing that one session asked of one room.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    /// The number of the line with which it began, from 0. Lines are in the order of time. Who asks to be let in again, without knowing what became of
    /// the time before, may be let in by that: it began then.
    pub invoked: usize,
    /// That line.
    pub asked: &'a Line,
    /// What for.
    pub act: &'a Act,
    /// The number of the line with which it ended, and the line; none if it is open for ever.
    pub ended: Option<(usize, &'a Line)>,
    /// What came of it.
    pub outcome: Outcome<'a>,
    /// Whether the session was in the room when it asked, as far as it knew.
    pub inside: bool,
    /// If it asked to be let in: the subject that it was shown (§7.2.15).
    pub subject: Option<String>,
}

/// What came of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome<'a> {
    /// It is done.
    Answered(&'a Answer),
    /// A rule said no: nothing happened.
    Refused(&'a str),
    /// It may have happened, may happen still, or never.
    Unknown,
}

/// All calls about one room, in the order in which they began.
pub fn calls<'a>(history: &'a History, room: &str) -> Vec<Call<'a>> {
    let mut calls: Vec<Call<'a>> = Vec::new();
    let mut by_send: BTreeMap<(&str, &str), usize> = BTreeMap::new();
    let mut inside: BTreeSet<&str> = BTreeSet::new();
    let mut entering: BTreeMap<&str, usize> = BTreeMap::new();
    let mut in_doubt: BTreeMap<&str, usize> = BTreeMap::new();
    for (number, line) in history.lines.iter().enumerate().filter(|(_, line)| line.room == room) {
        let session = line.session.as_str();
        match &line.event {
            Event::Joined => drop(inside.insert(session)),
            // One that is told to wait has not been inside, as far as it knows.
            Event::Left { .. } if inside.remove(session) => drop(in_doubt.remove(session)),
            Event::Invoke { send, act } => {
                by_send.insert((session, send), calls.len());
                let enters = matches!(act, Act::Enter { .. });
                if enters {
                    entering.insert(session, calls.len());
                }
                let before = in_doubt.get(session).filter(|_| enters);
                calls.push(Call::begun(before.copied().unwrap_or(number), line, act, inside.contains(session)));
            }
            Event::Ok { send, .. } | Event::Refused { send, .. } | Event::Unknown { send } => {
                if let Some(call) = by_send.get(&(session, send)).and_then(|at| calls.get_mut(*at)) {
                    call.end(number, line);
                    if call.outcome == Outcome::Unknown && matches!(call.act, Act::Enter { .. }) {
                        in_doubt.entry(session).or_insert(call.invoked);
                    }
                }
            }
            Event::Seen { stanza } if entering.contains_key(session) => {
                let Some(subject) = subject(stanza) else { continue };
                let call = entering.remove(session).and_then(|at| calls.get_mut(at));
                call.into_iter().for_each(|call| call.subject = Some(subject.clone()));
            }
            _ => {}
        }
    }
    calls
}

/// The text of the subject that a message sets (§8.1), if it is such a message.
fn subject(stanza: &str) -> Option<String> {
    let message = stanza.contains("<subject").then(|| stanza_text::element(stanza.as_bytes()).ok())??;
    let is_subject = message.name() == "message" && message.child("body", ns::CLIENT).is_none();
    message.child("subject", ns::CLIENT).filter(|_| is_subject).map(|subject| subject.text())
}

/// All rooms of a history.
pub fn rooms(history: &History) -> BTreeSet<&str> {
    let asked = history.lines.iter().filter(|line| matches!(line.event, Event::Invoke { .. }));
    asked.map(|line| line.room.as_str()).filter(|room| !room.is_empty()).collect()
}

/// The full JID of a session, which is called `full-jid#life`.
pub fn full_jid(session: &str) -> &str {
    session.rsplit_once('#').map_or(session, |(jid, _)| jid)
}

/// The bare JID of a full one.
pub fn bare_jid(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

impl<'a> Call<'a> {
    fn begun(invoked: usize, asked: &'a Line, act: &'a Act, inside: bool) -> Call<'a> {
        Call { invoked, asked, act, ended: None, outcome: Outcome::Unknown, inside, subject: None }
    }

    /// The full JID of who asked.
    pub fn by(&self) -> &'a str {
        full_jid(&self.asked.session)
    }

    /// The bare JID of who asked.
    pub fn bare(&self) -> &'a str {
        bare_jid(self.by())
    }

    /// The answer, if there was one.
    pub fn answer(&self) -> Option<&'a Answer> {
        match self.outcome {
            Outcome::Answered(answer) => Some(answer),
            _ => None,
        }
    }

    /// Whether it may have changed something.
    pub fn may_have_happened(&self) -> bool {
        !matches!(self.outcome, Outcome::Refused(_))
    }

    /// When it was answered; none if it never was, for whatever is open may happen at any later time.
    pub fn returned(&self) -> Option<usize> {
        self.ended.filter(|_| self.outcome != Outcome::Unknown).map(|(number, _)| number)
    }

    /// The lines that prove it.
    pub fn lines(&self) -> Vec<&'a Line> {
        std::iter::once(self.asked).chain(self.ended.map(|(_, line)| line)).collect()
    }

    fn end(&mut self, number: usize, line: &'a Line) {
        self.ended = Some((number, line));
        self.outcome = match &line.event {
            Event::Ok { answer, .. } => Outcome::Answered(answer),
            Event::Refused { error, .. } if is_without_effect(error) => Outcome::Refused(error),
            _ => Outcome::Unknown,
        };
    }
}

/// Whoever is told to wait may have been told by somebody who does not know what became of it.
fn is_without_effect(error: &str) -> bool {
    let words = || error.split(|c: char| !c.is_ascii_alphanumeric() && c != '-');
    words().any(|word| WITHOUT_EFFECT.contains(&word)) && !words().any(|word| word == "wait")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{ROOM, history};

    #[test]
    fn a_call_begins_and_ends() {
        let history = history("A invoke s1\nA joined\nB invoke t1\nA ok s1 7\nA invoke s2\nB refused t1 cancel:conflict");
        let calls = calls(&history, ROOM);
        let spans: Vec<_> = calls.iter().map(|call| (call.by(), call.invoked, call.returned(), call.inside)).collect();
        assert_eq!(spans, [("A", 0, Some(3), false), ("B", 2, Some(5), false), ("A", 4, None, true)]);
        assert_eq!(calls[0].answer(), Some(&Answer::Reflected { stanza_id: "7".to_owned() }));
        assert_eq!(calls[1].outcome, Outcome::Refused("cancel:conflict"));
        assert!(!calls[1].may_have_happened() && calls[2].may_have_happened());
        assert_eq!(calls[0].lines(), [&history.lines[0], &history.lines[3]]);
    }

    #[test]
    fn who_is_let_in_may_have_asked_before() {
        let text = "A invoke s1\nA refused s1 wait:resource-constraint\nA left waits\nA invoke s2\nA ok s2 7\nA joined\nA left left\nA invoke s3\nA ok s3 8";
        let mut history = history(text);
        for line in &mut history.lines {
            if let Event::Invoke { act, .. } = &mut line.event {
                *act = Act::Enter { nick: "a".to_owned(), password: None, history: None };
            }
        }
        let began: Vec<usize> = calls(&history, ROOM).iter().map(|call| call.invoked).collect();
        assert_eq!(began, [0, 0, 7]);
    }

    #[test]
    fn who_enters_is_shown_the_subject() {
        let mut history = history("A invoke s1\nA ok s1 7\nA seen x\nA seen y\nA seen z");
        history.lines[0].event =
            Event::Invoke { send: "s1".to_owned(), act: Act::Enter { nick: "a".to_owned(), password: None, history: None } };
        let stanzas =
            ["<presence><status>a</status></presence>", "<message type='groupchat'><subject>tea &amp; cake</subject></message>"];
        let stanzas = stanzas.iter().chain([&"<message type='groupchat'><subject>later</subject></message>"]);
        for (line, stanza) in history.lines[2..].iter_mut().zip(stanzas) {
            line.event = Event::Seen { stanza: (*stanza).to_owned() };
        }
        assert_eq!(calls(&history, ROOM)[0].subject.as_deref(), Some("tea & cake"));
        assert_eq!(subject("<message><subject>x</subject><body>y</body></message>"), None);
    }

    #[test]
    fn who_is_told_to_wait_does_not_know() {
        for (error, open) in [
            ("cancel/conflict", false),
            ("auth forbidden", false),
            ("wait/resource-constraint", true),
            ("wait/conflict", true),
            ("cancel/internal-server-error", true),
            ("modify/not-acceptable", false),
            ("cancel/remote-server-timeout", true),
        ] {
            assert_eq!(is_without_effect(error), !open, "{error}");
        }
    }

    #[test]
    fn a_session_is_one_life_of_a_full_jid() {
        assert_eq!(full_jid("user@localhost/talk#2"), "user@localhost/talk");
        assert_eq!(bare_jid(full_jid("user@localhost/a#b#2")), "user@localhost");
        assert_eq!(bare_jid("A"), "A");
    }
}

//! What clients did and saw, as JSON lines in the order of time.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::act::{Act, Answer};

/// One thing that one session did or saw.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Line {
    /// Microseconds since the run began, by a clock that never goes back.
    pub at: u64,
    /// Who: one connection's life. Whoever connects again is another session, also under the same JID.
    pub session: String,
    /// The node that the session is connected to.
    pub node: u32,
    /// The room's bare JID.
    pub room: String,
    /// What.
    #[serde(flatten)]
    pub event: Event,
}

/// What a session did or saw, or what was done to the nodes. A send is known by a name that no other send of the run has; where it is a stanza that has
/// an id, that id is the name.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// It is in the room, and has been shown all that was there before.
    Joined,
    /// It is no longer, or has no connection any more.
    Left {
        /// By its own will, removed, or cut off.
        why: String,
    },
    /// It begins to ask for something.
    Invoke {
        /// The send.
        send: String,
        /// What is asked for.
        #[serde(flatten)]
        act: Act,
    },
    /// What it asked for is done: a message by its reflection, else by the answer.
    Ok {
        /// The send.
        send: String,
        /// What the answer says.
        #[serde(flatten)]
        answer: Answer,
    },
    /// It came back as an error.
    Refused {
        /// The send.
        send: String,
        /// The error's type and condition.
        error: String,
    },
    /// It will not learn what became of it.
    Unknown {
        /// The send.
        send: String,
    },
    /// It was shown a groupchat message.
    Received {
        /// What the room calls the message.
        stanza_id: String,
        /// The send that the message names; none if it names none.
        send: Option<String>,
        /// Whether it was said before the session came (XEP-0203).
        delayed: bool,
        /// The nick of who said it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nick: Option<String>,
        /// What was said.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
        /// All of it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        stanza: Option<String>,
    },
    /// It was shown any other stanza, of this room or of none.
    Seen {
        /// The stanza.
        stanza: String,
    },
    /// It has not read for a while, as people with bad connections do; of no room.
    Slept {
        /// Since then, in microseconds of the run.
        since: u64,
    },
    /// Everything on this machine was late, or the disk. The session is the machine.
    Stalled {
        /// Since then, in microseconds of the run.
        since: u64,
    },
    /// The run enters a phase. The session is the runner.
    Phase {
        /// Which.
        phase: Phase,
    },
    /// Something is done to the nodes, their disks or the wires. The session is the injector, and the node the one that it is done to, if it is one.
    Fault(FaultLine),
}

/// The parts of a run, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// All is whole; rooms are made and entered.
    Setting,
    /// Faults come and go, and nothing that is promised may be broken.
    Safety,
    /// The last faults are taken back.
    Heal,
    /// All is whole: everything must work again, within limits.
    Liveness,
    /// Nobody asks for anything any more. Rooms are looked at through every node.
    Looking,
    /// All is over.
    Over,
}

/// One fault, or its end.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FaultLine {
    /// Its number in the run, from 1; its lines share it.
    pub fault: u32,
    /// The class, for counting: `kill`, `one_way_cut`, `disk_full`.
    pub class: String,
    /// Whether it begins, had an effect, or ends.
    pub stage: Stage,
    /// For people: to whom, how much, and what shows its effect.
    pub detail: String,
}

/// How far a fault is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// From now on.
    Begun,
    /// It has been seen to work: a process is gone, bytes were held back, a write failed. A fault without this line never was one.
    Felt,
    /// It is taken back; a node that was killed serves again.
    Ended,
}

impl Event {
    /// A message to all begins.
    pub fn say(send: &str) -> Event {
        Event::Invoke { send: send.to_owned(), act: Act::default() }
    }

    /// Somebody asks to be let in.
    pub fn asks_to_enter(&self) -> bool {
        matches!(self, Event::Invoke { act: Act::Enter { .. }, .. })
    }

    /// It was shown a message of which its place and its send are enough.
    pub fn received(stanza_id: String, send: Option<String>, delayed: bool) -> Event {
        Event::Received { stanza_id, send, delayed, nick: None, body: None, stanza: None }
    }

    /// A message to all is acknowledged.
    pub fn said(send: &str, stanza_id: &str) -> Event {
        Event::Ok { send: send.to_owned(), answer: Answer::Reflected { stanza_id: stanza_id.to_owned() } }
    }
}

/// What a recorder kept of one run.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct History {
    /// In the order of time.
    pub lines: Vec<Line>,
}

/// A line that is none of a history.
#[derive(Debug)]
pub struct HistoryError {
    /// Its number, from 1.
    pub number: usize,
    /// What is wrong with it.
    pub cause: serde_json::Error,
}

impl History {
    /// Reads JSON lines.
    pub fn parse(text: &str) -> Result<History, HistoryError> {
        let line = |(index, line)| serde_json::from_str(line).map_err(|cause| HistoryError { number: index + 1, cause });
        Ok(History { lines: text.lines().enumerate().map(line).collect::<Result<_, _>>()? })
    }

    /// The lines of one room.
    pub fn of_room(&self, room: &str) -> Vec<&Line> {
        self.lines.iter().filter(|line| line.room == room).collect()
    }
}

/// The sessions that did or saw something, each with its lines, in the order of their first ones.
pub fn by_session<'a>(lines: &[&'a Line]) -> Vec<(&'a str, Vec<&'a Line>)> {
    let mut sessions: Vec<(&str, Vec<&Line>)> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines {
        let place = *places.entry(&line.session).or_insert(sessions.len());
        match sessions.get_mut(place) {
            Some((_, lines)) => lines.push(line),
            None => sessions.push((&line.session, vec![line])),
        }
    }
    sessions
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

impl fmt::Display for History {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| writeln!(f, "{line}"))
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} is none of a history: {}", self.number, self.cause)
    }
}

impl std::error::Error for HistoryError {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::history;

    #[test]
    fn a_history_is_written_and_read_line_by_line() {
        let history = history("A joined\nA invoke s1\nA received 1 s1\nA ok s1 1\nA seen <x/>\nA left cut");
        let text = history.to_string();
        assert_eq!(text.lines().count(), 6);
        assert_eq!(History::parse(&text).expect("it was written so"), history);
        let line = r#"{"at":1,"session":"A","node":1,"room":"r@s","event":"invoke","send":"s1","act":"say"}"#;
        assert_eq!(text.lines().nth(1), Some(line));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error =
            History::parse("{\"at\":0,\"session\":\"A\",\"node\":1,\"room\":\"r\",\"event\":\"joined\"}\n{}").expect_err("two");
        assert!(error.to_string().starts_with("line 2 is none of a history: missing field"), "{error}");
    }
}

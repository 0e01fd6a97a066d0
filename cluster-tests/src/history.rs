//! What clients did and saw, as JSON lines in the order of time.

use std::fmt;

use serde::{Deserialize, Serialize};

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

/// What a session did or saw. A send is known by the id of its stanza, which no other send of the run has.
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
    /// It begins to send a groupchat message.
    Invoke {
        /// The send.
        send: String,
    },
    /// It saw the reflection of its message.
    Ok {
        /// The send.
        send: String,
        /// What the room calls the message.
        stanza_id: String,
    },
    /// Its message came back as an error.
    Refused {
        /// The send.
        send: String,
        /// The error's type and condition.
        error: String,
    },
    /// It will not learn what became of its message.
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
    },
    /// It was shown any other stanza of the room.
    Seen {
        /// The stanza.
        stanza: String,
    },
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

    /// The sessions that did or saw something in a room, each with its lines.
    pub fn sessions(&self, room: &str) -> Vec<(&str, Vec<&Line>)> {
        let mut sessions: Vec<(&str, Vec<&Line>)> = Vec::new();
        for line in self.lines.iter().filter(|line| line.room == room) {
            match sessions.iter_mut().find(|(session, _)| *session == line.session) {
                Some((_, lines)) => lines.push(line),
                None => sessions.push((&line.session, vec![line])),
            }
        }
        sessions
    }
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
        let line = r#"{"at":1,"session":"A","node":1,"room":"r@s","event":"invoke","send":"s1"}"#;
        assert_eq!(text.lines().nth(1), Some(line));
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        let error =
            History::parse("{\"at\":0,\"session\":\"A\",\"node\":1,\"room\":\"r\",\"event\":\"joined\"}\n{}").expect_err("two");
        assert!(error.to_string().starts_with("line 2 is none of a history: missing field"), "{error}");
    }
}

//! Small histories by hand: `SESSION EVENT ARGUMENTS`, one a line; the line's number is its time.

use crate::committed::{Committed, Message};
use crate::history::{Event, History, Line};

/// The room of all of them.
pub const ROOM: &str = "r@s";

/// Reads a sketch.
pub fn history(text: &str) -> History {
    let line = |(at, text): (usize, &str)| {
        let words: Vec<&str> = text.split_whitespace().collect();
        Line { at: at as u64, session: words[0].to_owned(), node: 1, room: ROOM.to_owned(), event: event(&words[1..]) }
    };
    History { lines: text.lines().enumerate().map(line).collect() }
}

/// The committed sequence from `ID:SEND` words.
pub fn committed(words: &str) -> Committed {
    let message = |word: &str| {
        let (stanza_id, send) = word.split_once(':').expect("ID:SEND");
        Message { stanza_id: stanza_id.to_owned(), send: Some(send.to_owned()) }
    };
    Committed { room: ROOM.to_owned(), messages: words.split_whitespace().map(message).collect() }
}

fn event(words: &[&str]) -> Event {
    let word = |at: usize| words.get(at).map(|word| (*word).to_owned());
    let must = |at: usize| word(at).expect("an argument");
    match words[0] {
        "joined" => Event::Joined,
        "left" => Event::Left { why: must(1) },
        "invoke" => Event::say(&must(1)),
        "ok" => Event::said(&must(1), &must(2)),
        "refused" => Event::Refused { send: must(1), error: must(2) },
        "unknown" => Event::Unknown { send: must(1) },
        "shown" => received(must(1), word(2), true),
        "received" => received(must(1), word(2), false),
        "seen" => Event::Seen { stanza: must(1) },
        other => panic!("{other} is no event"),
    }
}

fn received(stanza_id: String, send: Option<String>, delayed: bool) -> Event {
    Event::Received { stanza_id, send, delayed, nick: None, body: None }
}

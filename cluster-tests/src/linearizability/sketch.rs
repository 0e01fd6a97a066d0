//! Small runs by hand. History: `SESSION asks SEND ACT..`, `SESSION told SEND ANSWER..`, and what [`crate::sketch`] knows. Journal:
//! `INDEX BY DEED..`, and `left FULL-JID,..` behind it for whose seats end with it. Full JIDs are `a/x`.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::act::{Act, Answer};
use crate::history::{Event, History, Line};
use crate::journal::Entry;
use crate::run_dir::{Plan, Run};
use crate::sketch::ROOM;

/// Reads both.
pub fn run(history: &str, journal: &str) -> Run {
    let plan = json!({"seed": 7, "traffic": "sketch", "faults": [], "promises": [], "nodes": 3, "safety_ms": 1, "liveness_ms": 1, "grace_ms": 1,
        "program": "none"});
    let plan: Plan = serde_json::from_value(plan).expect("a plan");
    Run {
        plan,
        history: lines(history),
        journal: entries(journal),
        replicas: Vec::new(),
        samples: Vec::new(),
        findings: Vec::new(),
    }
}

/// Reads a history.
pub fn lines(text: &str) -> History {
    let line = |(at, text): (usize, &str)| {
        let words: Vec<&str> = text.split_whitespace().collect();
        let event = match words[1] {
            "asks" => Event::Invoke { send: words[2].to_owned(), act: act(&words[3..]) },
            "told" => Event::Ok { send: words[2].to_owned(), answer: answer(&words[3..]) },
            _ => crate::sketch::history(text).lines.remove(0).event,
        };
        Line { at: at as u64, session: words[0].to_owned(), node: 1, room: ROOM.to_owned(), event }
    };
    History { lines: text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate().map(line).collect() }
}

/// Reads a journal.
pub fn entries(text: &str) -> Vec<Entry> {
    text.lines().map(str::trim).filter(|line| !line.is_empty()).map(entry).collect()
}

fn act(words: &[&str]) -> Act {
    let word = |at: usize| words[at].to_owned();
    match words[0] {
        "say" => Act::default(),
        "enter" => Act::Enter { nick: word(1), password: None, history: None },
        "rename" => Act::Rename { nick: word(1) },
        "subject" => Act::Subject { text: word(1) },
        "affiliation" => Act::Affiliation { jid: word(1), affiliation: word(2) },
        "affiliations" => Act::Affiliations { affiliation: word(1) },
        "configure" => Act::Configure { fields: fields(&words[1..]) },
        "configuration" => Act::Configuration,
        "register" => Act::Register { nick: word(1) },
        "unregister" => Act::Unregister,
        "registration" => Act::Registration,
        "destroy" => Act::Destroy,
        other => panic!("{other} is no act"),
    }
}

fn answer(words: &[&str]) -> Answer {
    let word = |at: usize| words[at].to_owned();
    let list = |at: usize| words.get(at).iter().flat_map(|words| words.split(',')).map(str::to_owned).collect();
    match words[0] {
        "reflected" => Answer::Reflected { stanza_id: word(1) },
        "created" => inside(word(1), true, "owner"),
        "inside" => inside(word(1), false, words[2]),
        "done" => Answer::Done,
        "jids" => Answer::Jids { jids: list(1) },
        "nicks" => Answer::Nicks { nicks: list(1) },
        "fields" => Answer::Fields { fields: fields(&words[1..]) },
        other => panic!("{other} is no answer"),
    }
}

fn inside(nick: String, created: bool, affiliation: &str) -> Answer {
    Answer::Inside { nick, created, affiliation: affiliation.to_owned(), role: "participant".to_owned() }
}

fn fields(words: &[&str]) -> BTreeMap<String, String> {
    words.iter().filter_map(|word| word.split_once('=')).map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

fn entry(line: &str) -> Entry {
    let words: Vec<&str> = line.split_whitespace().collect();
    let left = words.iter().position(|word| *word == "left");
    let seats: Vec<Value> = left.iter().flat_map(|at| words[at + 1].split(',')).map(|jid| json!([ROOM, jid])).collect();
    let rest = &words[2..left.unwrap_or(words.len())];
    let mut entry = json!({"shard": 1, "index": words[0].parse::<u64>().expect("an index"), "epoch": 1, "void": false, "time": 0, "room": ROOM,
        "left": seats});
    if words[1] != "-" {
        entry["by"] = json!(words[1]);
    }
    for (name, value) in deed(words[1], rest).as_object().expect("a deed") {
        entry[name] = value.clone();
    }
    serde_json::from_value(entry).expect("an entry")
}

fn deed(by: &str, words: &[&str]) -> Value {
    let bare = by.split('/').next().unwrap_or(by);
    match words[0] {
        "creates" => json!({"deed": "join", "jid": by, "nick": words[1], "creates": true}),
        "join" => json!({"deed": "join", "jid": by, "nick": words[1], "creates": false, "replaces": words.get(2)}),
        "leave" => json!({"deed": "leave", "jid": by, "expired": false}),
        "rename" => json!({"deed": "rename", "jid": by, "from": words[1], "to": words[2]}),
        "message" => json!({"deed": "message", "stanza_id": words[1], "send": words.get(2), "nick": "n", "body": "b"}),
        "subject" => {
            json!({"deed": "message", "stanza_id": words[1], "send": null, "nick": "n", "body": null, "subject": words[2]})
        }
        "affiliation" => json!({"deed": "moderate", "items": [{"of": "affiliation", "jid": words[1], "affiliation": words[2],
            "nick": words.get(3), "removed": []}]}),
        "configure" => json!({"deed": "configure", "removed": [], "fields": fields(&words[1..])}),
        "register" => json!({"deed": "register", "jid": bare, "nick": words[1]}),
        "unregister" => json!({"deed": "unregister", "jid": bare}),
        "destroy" => json!({"deed": "destroy"}),
        other => panic!("{other} is no deed"),
    }
}

//! Small runs by hand.
//!
//! [`history`] reads `SESSION EVENT ARGUMENTS`, one a line; the line's number is its time in microseconds. [`run`] reads the same, and with it
//!
//! ```text
//! = DEED ARGUMENTS          an entry of the journal; its index is its number among them
//! @ SECONDS                 from here on it is that late
//! - phase PHASE             as the runner writes it
//! - fault N CLASS STAGE NODE  as the injector does
//! ```

use std::collections::BTreeMap;

use crate::act::{Act, Answer};
use crate::committed::{Committed, Message};
use crate::history::{Event, FaultLine, History, Line};
use crate::journal::{Deed, Entry, Standing};
use crate::run_dir::{Plan, Run};

/// The room of all of them.
pub const ROOM: &str = "r@s";

/// Reads a sketch.
pub fn history(text: &str) -> History {
    let line = |(at, text): (usize, &str)| line(at as u64, &words(text));
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

/// Reads a sketch of a whole run: of a grace of 30 s, without anything that was to be tested.
pub fn run(text: &str) -> Run {
    let mut run = Run {
        plan: plan(),
        history: History::default(),
        journal: Vec::new(),
        replicas: Vec::new(),
        samples: Vec::new(),
        findings: Vec::new(),
    };
    let mut at = 0;
    for words in text.lines().map(words).filter(|words| !words.is_empty()) {
        at += 1;
        match words[0] {
            "=" => run.journal.push(entry(run.journal.len() as u64 + 1, at, &words[1..])),
            "@" => at = (words[1].parse::<f64>().expect("seconds") * 1e6) as u64,
            "-" => run.history.lines.push(world(at, &words[1..])),
            _ => run.history.lines.push(line(at, &words)),
        }
    }
    run
}

/// What was to happen in a sketch.
pub fn plan() -> Plan {
    Plan {
        seed: 1,
        traffic: "sketch".to_owned(),
        faults: Vec::new(),
        promises: Vec::new(),
        nodes: 3,
        safety_ms: 0,
        liveness_ms: 0,
        grace_ms: 30_000,
        planted: None,
        program: "none".to_owned(),
    }
}

fn words(text: &str) -> Vec<&str> {
    text.split_whitespace().collect()
}

fn line(at: u64, words: &[&str]) -> Line {
    Line { at, session: words[0].to_owned(), node: 1, room: ROOM.to_owned(), event: event(&words[1..]) }
}

fn event(words: &[&str]) -> Event {
    let word = |at: usize| words.get(at).map(|word| (*word).to_owned());
    let must = |at: usize| word(at).expect("an argument");
    let done = |answer: Answer| Event::Ok { send: must(1), answer };
    match words[0] {
        "joined" => Event::Joined,
        "left" => Event::Left { why: must(1) },
        "invoke" => Event::say(&must(1)),
        "ok" => Event::said(&must(1), &must(2)),
        "done" => done(Answer::Done),
        "inside" => done(Answer::Inside { nick: must(2), created: false, affiliation: "none".to_owned(), role: must(3) }),
        "made" => {
            done(Answer::Inside { nick: must(2), created: true, affiliation: "owner".to_owned(), role: "moderator".to_owned() })
        }
        "nicks" => done(Answer::Nicks { nicks: words[2..].iter().map(|nick| (*nick).to_owned()).collect() }),
        "pong" => done(Answer::Joined { joined: must(2) == "true" }),
        "count" => {
            let number = |at| must(at).parse().expect("a number");
            done(Answer::Count { occupants: number(2), detached: number(3) })
        }
        "refused" => Event::Refused { send: must(1), error: words[2..].join(" ") },
        "unknown" => Event::Unknown { send: must(1) },
        "shown" => Event::received(must(1), word(2), true),
        "received" => Event::received(must(1), word(2), false),
        "slept" => Event::Slept { since: must(1).parse::<u64>().expect("seconds") * 1_000_000 },
        "stalled" => Event::Stalled { since: must(1).parse::<u64>().expect("seconds") * 1_000_000 },
        "seen" => Event::Seen { stanza: must(1) },
        "sees" => seen("", &words[1..]),
        "misses" => seen(" type='unavailable'", &words[1..]),
        "topic" => {
            // Of somebody who sets it, by the name of the send; else at the door.
            let by = word(1).map(|send| format!("/N' id='{send}")).unwrap_or_default();
            Event::Seen { stanza: format!("<message from='{ROOM}{by}' type='groupchat'><subject/></message>") }
        }
        "whispered" => Event::Seen {
            stanza: format!("<message from='{ROOM}/{}' type='chat' id='{}'><body>x</body></message>", must(1), must(2)),
        },
        act => Event::Invoke { send: must(1), act: asked(act, &words[2..]) },
    }
}

/// `ACT SEND ARGUMENTS`.
fn asked(act: &str, words: &[&str]) -> Act {
    let must = |at: usize| (*words.get(at).expect("an argument")).to_owned();
    match act {
        "say" => Act::Say { body: Some(must(0)) },
        "enter" => {
            let option = |at: usize| words.get(at).copied().filter(|word| *word != "-");
            let history = option(2).map(|wanted| wanted.parse().expect("a number"));
            Act::Enter { nick: must(0), password: option(1).map(str::to_owned), history }
        }
        "leave" => Act::Leave,
        "rename" => Act::Rename { nick: must(0) },
        "whisper" => Act::Whisper { to: must(0), body: must(1) },
        "subject" => Act::Subject { text: must(0) },
        "role" => Act::Role { nick: must(0), role: must(1) },
        "affiliation" => Act::Affiliation { jid: must(0), affiliation: must(1) },
        "configure" => Act::Configure { fields: fields(words) },
        "occupants" => Act::Occupants,
        "ping" => Act::Ping,
        "destroy" => Act::Destroy,
        other => panic!("{other} is no event"),
    }
}

/// `NICK [ROLE [CODE,CODE [JID]]]`, with `-` for nothing.
fn seen(kind: &str, words: &[&str]) -> Event {
    let word = |at: usize| words.get(at).copied().filter(|word| *word != "-");
    let codes: String =
        word(2).into_iter().flat_map(|codes| codes.split(',')).map(|code| format!("<status code='{code}'/>")).collect();
    let jid = word(3).map(|jid| format!(" jid='{jid}'")).unwrap_or_default();
    let role = word(1).unwrap_or("participant");
    let item = format!("<item affiliation='none' role='{role}'{jid}/>");
    let x = format!("<x xmlns='http://jabber.org/protocol/muc#user'>{codes}{item}</x>");
    Event::Seen { stanza: format!("<presence from='{ROOM}/{}'{kind}>{x}</presence>", words[0]) }
}

fn world(at: u64, words: &[&str]) -> Line {
    let (node, event) = match words[0] {
        "phase" => (0, Event::Phase { phase: json(words[1]) }),
        "fault" => {
            let fault = FaultLine {
                fault: words[1].parse().expect("a number"),
                class: words[2].to_owned(),
                stage: json(words[3]),
                detail: words[4..].join(" "),
            };
            (words[4].parse().expect("a node"), Event::Fault(fault))
        }
        other => panic!("{other} is nothing that happens to a cluster"),
    };
    Line { at, session: "runner".to_owned(), node, room: String::new(), event }
}

fn json<T: serde::de::DeserializeOwned>(word: &str) -> T {
    serde_json::from_value(serde_json::Value::from(word)).expect("one of its words")
}

/// `[void] [via=NODE] [by=JID] DEED ARGUMENTS`.
fn entry(index: u64, at: u64, words: &[&str]) -> Entry {
    let options: Vec<&str> = words.iter().copied().take_while(|word| *word == "void" || word.contains('=')).collect();
    let words = &words[options.len()..];
    let option = |name: &str| options.iter().find_map(|option| option.strip_prefix(name)?.strip_prefix('='));
    let (by, deed) = deed(words);
    let is_of_node = matches!(deed, Deed::Detach { .. } | Deed::Lost { .. } | Deed::Moved { .. } | Deed::Activate { .. });
    Entry {
        shard: 1,
        index,
        epoch: 1,
        void: options.contains(&"void"),
        time: at / 1000,
        left: Vec::new(),
        room: (!is_of_node).then(|| ROOM.to_owned()),
        by: option("by").map(str::to_owned).or(by),
        origin: None,
        via: Some((option("via").map_or(1, |node| node.parse().expect("a node")), 1)),
        deed,
    }
}

/// The deed, and by whom unless it is said otherwise.
fn deed(words: &[&str]) -> (Option<String>, Deed) {
    let word = |at: usize| words.get(at).map(|word| (*word).to_owned());
    let must = |at: usize| word(at).expect("an argument");
    let rest = |at: usize| words[at..].iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let node = |at: usize| must(at).parse().expect("a node");
    let participant = || word(3).unwrap_or("participant".to_owned());
    match words[0] {
        "activate" => (None, Deed::Activate { node: node(1), incarnation: 1 }),
        "create" => {
            let (jid, nick, role) = (must(1), must(2), "moderator".to_owned());
            (word(1), Deed::Join { jid, nick, role, creates: true, replaces: None })
        }
        "join" => (word(1), Deed::Join { jid: must(1), nick: must(2), role: participant(), creates: false, replaces: None }),
        "return" => {
            let replaces = word(3).or(word(1));
            (word(1), Deed::Join { jid: must(1), nick: must(2), role: "participant".to_owned(), creates: false, replaces })
        }
        "leave" => (word(1), Deed::Leave { jid: must(1), expired: false, since: None }),
        "expire" => {
            (None, Deed::Leave { jid: must(1), expired: true, since: word(2).map(|since| since.parse().expect("an index")) })
        }
        "rename" => (word(1), Deed::Rename { jid: must(1), from: must(2), to: must(3) }),
        "say" => {
            let body = word(5).or(word(2));
            (word(4), Deed::Message { stanza_id: must(1), send: word(2), nick: must(3), body, subject: None })
        }
        "subject" => {
            let (stanza_id, send, nick, subject) = (must(1), word(2), must(3), word(5));
            (word(4), Deed::Message { stanza_id, send, nick, body: None, subject })
        }
        "whisper" => (word(4), Deed::Whisper { send: word(1), from: must(2), to: must(3), body: Some(must(5)) }),
        "role" => (None, Deed::Moderate { items: vec![Standing::Role { nick: must(1), role: must(2) }] }),
        "affiliation" => {
            let item =
                Standing::Affiliation { jid: must(1), affiliation: must(2), nick: None, removed: rest(3), roles: Vec::new() };
            (None, Deed::Moderate { items: vec![item] })
        }
        "configure" => {
            let fields = fields(&words[1..]);
            (None, Deed::Configure { removed: rest(1 + fields.len()), fields })
        }
        "destroy" => (None, Deed::Destroy),
        "detach" => (None, Deed::Detach { node: node(1), incarnation: 1 }),
        "lost" => (None, Deed::Lost { node: node(1), incarnation: 1 }),
        other => panic!("{other} is no deed"),
    }
}

/// `NAME:VALUE` words, up to the first that is none.
fn fields(words: &[&str]) -> BTreeMap<String, String> {
    let fields = words.iter().map_while(|word| word.split_once(':'));
    fields.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

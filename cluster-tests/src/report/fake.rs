//! Runs that never were, to see what their pages look like.

use serde_json::{Value, json};

use crate::dice::Dice;
use crate::history::{Event, FaultLine, History, Line, Phase, Stage};
use crate::journal::{Deed, Entry};
use crate::judge::{Judgement, Outcome};
use crate::run_dir::{Plan, Run, Sample};
use crate::runner::{Order, Row};
use crate::sums::Sums;
use crate::verdict::{Breach, Verdict};

/// Microseconds in a second.
const S: u64 = 1_000_000;
/// What the time of day was when the run began, in milliseconds.
const DAY: u64 = 1_790_000_000_000;
const ROOM: &str = "hall@rooms.localhost";
const SPEAKERS: u32 = 12;

fn plan(seed: u64) -> Plan {
    let plan = json!({"seed": seed, "traffic": "mixed", "faults": ["kill", "one_way_cut", "freeze"], "promises": ["I1", "I2", "I3", "I9"],
        "nodes": 3, "safety_ms": 40_000, "liveness_ms": 12_000, "grace_ms": 5000, "program": "conclave 0.1.0"});
    serde_json::from_value(plan).expect("a plan")
}

/// Nothing but a plan.
pub fn nothing() -> Run {
    Run {
        plan: plan(0),
        history: History::default(),
        journal: Vec::new(),
        replicas: Vec::new(),
        samples: Vec::new(),
        findings: Vec::new(),
    }
}

/// A minute of talk, with three faults.
pub fn run(seed: u64) -> Run {
    let mut fake = Fake { dice: Dice::new(seed), lines: Vec::new(), entries: Vec::new() };
    fake.phases();
    fake.faults();
    fake.talk();
    fake.homes();
    fake.lines.sort_by_key(|line| line.at);
    let samples = (0..62)
        .flat_map(|second| (1..=3).map(move |node| (second, node)))
        .filter(|(second, node)| *node != 1 || !(12..15).contains(second));
    let sample = |(second, node): (u64, u32)| Sample {
        at: second * S,
        node,
        rss_bytes: (38 << 20) + second * (u64::from(node) << 17) + (((second * 7919) % 5) << 19),
        disk_bytes: 1 << 20,
        files: 40,
    };
    let samples = samples.map(sample).collect();
    Run { samples, history: History { lines: fake.lines }, journal: fake.entries, ..Run { plan: plan(seed), ..nothing() } }
}

struct Fake {
    dice: Dice,
    lines: Vec<Line>,
    entries: Vec<Entry>,
}

impl Fake {
    fn line(&mut self, at: u64, session: &str, node: u32, room: &str, event: Event) {
        self.lines.push(Line { at, session: session.to_owned(), node, room: room.to_owned(), event });
    }

    fn entry(&mut self, at: u64, shard: u16, room: Option<&str>, deed: Value) {
        let mut entry = json!({"shard": shard, "index": self.entries.len() + 1, "epoch": 1, "void": false, "time": DAY + at / 1000, "room": room});
        deed.as_object().expect("a deed").iter().for_each(|(name, value)| entry[name] = value.clone());
        self.entries.push(serde_json::from_value(entry).expect("an entry"));
    }

    fn phases(&mut self) {
        let phases = [
            (0, Phase::Setting),
            (4, Phase::Safety),
            (44, Phase::Heal),
            (47, Phase::Liveness),
            (59, Phase::Looking),
            (61, Phase::Over),
        ];
        for (second, phase) in phases {
            self.line(second * S, "runner", 0, "", Event::Phase { phase });
        }
    }

    fn faults(&mut self) {
        let faults = [
            (1, "kill", 1, 12.0, Some(12.02), Some(14.8), "SIGKILL, the home of 2 shards"),
            (2, "one_way_cut", 2, 20.5, Some(20.9), Some(28.0), "2 → 3, nothing arrives"),
            (3, "freeze", 3, 24.0, None, Some(26.5), "SIGSTOP for 2.5 s <evil>"),
            (4, "one_way_cut", 0, 33.0, Some(33.4), Some(37.0), "everyone → 2"),
            (5, "freeze", 2, 34.0, Some(34.1), Some(36.0), "SIGSTOP"),
        ];
        for (fault, class, node, begun, felt, ended, detail) in faults {
            for (stage, at) in [(Stage::Begun, Some(begun)), (Stage::Felt, felt), (Stage::Ended, ended)] {
                let Some(at) = at else { continue };
                let line = FaultLine { fault, class: class.to_owned(), stage, detail: detail.to_owned() };
                self.line((at * 1e6) as u64, "injector", node, "", Event::Fault(line));
            }
        }
    }

    fn talk(&mut self) {
        for speaker in 0..SPEAKERS {
            let name = name(speaker);
            self.line(S + u64::from(speaker) * 90_000, &name, speaker % 3 + 1, ROOM, Event::Joined);
        }
        let mut at = 4 * S;
        for number in 0.. {
            at += 20_000 + self.dice.below(30_000) as u64;
            // While the home is dead nobody is answered.
            if (12 * S..12 * S + 1_300_000).contains(&at) || (24 * S..24 * S + 700_000).contains(&at) {
                at += 1_300_000;
            }
            if at > 59 * S {
                break;
            }
            self.say(number, at);
        }
    }

    fn say(&mut self, number: u64, at: u64) {
        let speaker = self.dice.below(SPEAKERS as usize) as u32;
        let (send, name, node) = (format!("s{number}"), name(speaker), speaker % 3 + 1);
        let late = self.dice.below(25_000) as u64;
        self.line(at - 9000, &name, node, ROOM, Event::say(&send));
        match self.dice.below(40) {
            0 => {
                return self.line(
                    at + late,
                    &name,
                    node,
                    ROOM,
                    Event::Refused { send, error: "wait resource-constraint".to_owned() },
                );
            }
            1 if at > 12 * S && at < 40 * S => return self.line(at + S, &name, node, ROOM, Event::Unknown { send }),
            _ => {}
        }
        let stanza_id = format!("{:016x}", self.entries.len() + 1);
        self.entry(at, 1, Some(ROOM), json!({"deed": "message", "stanza_id": stanza_id, "send": send, "nick": "n", "body": "b"}));
        for hearer in 0..SPEAKERS {
            let received = Event::received(stanza_id.clone(), Some(send.clone()), false);
            self.line(at + 2000, &self::name(hearer), hearer % 3 + 1, ROOM, received);
        }
        self.line(at + 2500, &name, node, ROOM, Event::said(&send, &stanza_id));
    }

    fn homes(&mut self) {
        for (at, shard, node) in [(S, 1, 1), (S, 2, 2), (S, 3, 3), (S, 4, 1), (13_100_000, 1, 2), (13_300_000, 4, 3)] {
            self.entry(at, shard, None, json!({"deed": "activate", "node": node, "incarnation": 1}));
        }
    }
}

fn name(speaker: u32) -> String {
    format!("speaker{speaker}@localhost/talk#1")
}

/// What a judge might have said.
pub fn judgement() -> Judgement {
    let run = run(7);
    let proof = run.history.lines.iter().filter(|line| matches!(line.event, Event::Received { .. })).take(2).cloned().collect();
    let what = "speaker3@localhost/talk#1 is not shown 2 messages of its stay, <evil> to 0000000000000042".to_owned();
    let breach = Breach { what, proof, entries: run.journal.iter().rev().take(1).cloned().collect(), records: Vec::new() };
    let mut judgement = good();
    judgement.outcome = Outcome::Fail;
    judgement.missing = vec!["fault 3, freeze, was never felt: <evil>".to_owned()];
    judgement.verdicts[1].2 = Verdict::Fail(vec![breach.clone(), breach]);
    judgement.verdicts[3].2 = Verdict::Inconclusive("nobody asked for what a room keeps".to_owned());
    judgement
}

/// The same of a run in which all went well.
pub fn good() -> Judgement {
    let verdicts = vec![
        ("I1", "order", Verdict::Pass { checked: 15_342 }),
        ("I2", "gap-free, once", Verdict::Pass { checked: 15_300 }),
        ("I3", "acknowledged is durable", Verdict::Pass { checked: 1401 }),
        ("I9", "affiliations, settings", Verdict::Pass { checked: 87 }),
        ("I11", "nicks", Verdict::Untested("nobody wanted a nick".to_owned())),
    ];
    let totals = Sums {
        operations: 1512,
        sent: 1512,
        acknowledged: 1447,
        delivered: 17_364,
        lost: Some(0),
        out_of_order: Some(0),
        ..Sums::default()
    };
    Judgement { outcome: Outcome::Pass, missing: Vec::new(), findings: Vec::new(), verdicts, totals }
}

/// Breaks three promises: so many messages are lost, doubled, and out of order.
pub fn spoil(run: &mut Run) -> (usize, usize, usize) {
    let said = |entry: &&mut Entry| matches!(entry.deed, Deed::Message { .. });
    let mut messages: Vec<&mut Entry> = run.journal.iter_mut().filter(said).collect();
    messages[5].void = true;
    let received = |line: &Line| matches!(&line.event, Event::Received { .. }) && line.session == name(3);
    let places: Vec<usize> = (0..run.history.lines.len()).filter(|at| received(&run.history.lines[*at])).collect();
    run.history.lines.swap(places[20], places[21]);
    let again = run.history.lines[places[30]].clone();
    run.history.lines.insert(places[30] + 1, again);
    (1, 1, 1)
}

/// One of many runs: the fourth fails, and the fifth is inconclusive.
pub fn row(seed: u64) -> Row {
    let outcome = match seed {
        3 => Outcome::Fail,
        4 => Outcome::Inconclusive,
        _ => Outcome::Pass,
    };
    let classes = ["kill", "one_way_cut freeze", "drain"][seed as usize % 3];
    let faults = classes.split(' ').map(str::to_owned).collect();
    let red = if outcome == Outcome::Pass { vec![] } else { vec!["I2: <evil>".to_owned(), "there is no journal".to_owned()] };
    let row = Row::without_a_run(&Order::of(seed), String::new());
    Row {
        faults,
        outcome: outcome.word().to_owned(),
        red,
        operations: 1000,
        sent: 700,
        acknowledged: 690,
        delivered: 9000,
        ..row
    }
}

//! A run laid out for the checkers: rooms with their entries, sessions with their stays, sends with what became of them. It is made once, and
//! every checker reads it.

mod goodbyes;
mod kept;
mod naps;
mod order;
mod ranks;
mod reach;
mod seating;
mod sight;
mod stalls;
mod stay;
mod trouble;
mod whois;

use std::collections::{BTreeMap, BTreeSet};

use crate::act::{Act, Answer};
use crate::committed::{Committed, Message};
use crate::history::{Event, FaultLine, Line, Phase};
use crate::journal::{Deed, Entry};
use crate::run_dir::Run;
use crate::verdict::Findings;

pub(crate) use goodbyes::goodbyes;
pub(crate) use kept::Kept;
pub(crate) use naps::Naps;
pub(crate) use order::Order;
pub(crate) use ranks::Ranks;
pub(crate) use seating::{Departure, Gone, Seat, Seating};
pub(crate) use sight::{Presence, Reader, Sight};
pub(crate) use stalls::Stalls;
pub(crate) use stay::{Session, Stay};
pub(crate) use trouble::Trouble;
pub(crate) use whois::Whois;

/// All that a run tells.
pub(crate) struct Evidence<'a> {
    pub run: &'a Run,
    /// By their JIDs.
    pub rooms: BTreeMap<&'a str, Room<'a>>,
    /// What was asked for, by the names of the sends.
    pub asked: BTreeMap<&'a str, Asked<'a>>,
    /// What is known of the times of each shard's entries.
    pub orders: BTreeMap<u16, Order>,
    /// When each phase began.
    pub phases: BTreeMap<Phase, u64>,
    /// What was done to the nodes, in the order of time.
    pub faults: Vec<(&'a Line, &'a FaultLine)>,
    /// The same, by fault.
    pub troubles: Vec<Trouble<'a>>,
    /// When clients did not read.
    pub naps: Naps<'a>,
    /// When the machine was late.
    pub stalls: Stalls,
}

/// Something that a session asked for.
pub(crate) struct Asked<'a> {
    pub line: &'a Line,
    pub act: &'a Act,
    /// Ok, Refused or Unknown; none if the session did not say.
    pub end: Option<&'a Line>,
}

/// One room: all of its lives, one behind the other.
pub(crate) struct Room<'a> {
    pub jid: &'a str,
    /// Of the log that it is in; none if the journal does not know it.
    pub shard: Option<u16>,
    /// Of the history.
    pub lines: Vec<&'a Line>,
    /// Those that are in force, and with them those of its shard that are about nodes.
    pub entries: Vec<&'a Entry>,
    /// M(r): the messages with a text, of all lives.
    pub committed: Committed,
    /// Where in M(r) each of them stands, by what the room calls it.
    pub positions: BTreeMap<String, usize>,
    /// At which position of M(r) each life begins.
    pub lives: Vec<usize>,
    pub seating: Seating<'a>,
    pub sessions: Vec<Session<'a>>,
}

impl<'a> Evidence<'a> {
    /// Reads all of a run.
    pub fn of(run: &'a Run) -> Evidence<'a> {
        let asked = asked(run);
        let mut rooms = rooms(run);
        if !lacking(run).is_empty() {
            // What is nowhere in a journal that is not whole may have been where it is not.
            rooms.retain(|_, room| room.shard.is_some());
        }
        let (orders, phases) = (Order::of_shards(run, &asked, &rooms), phases(run));
        let whole = phases.get(&Phase::Liveness).copied();
        for room in rooms.values_mut() {
            if let Some(order) = room.shard.and_then(|shard| orders.get(&shard)) {
                stay::locate(room, order);
                reach::extend(room, order, whole);
            }
        }
        let faults = faults(run);
        let troubles = trouble::troubles(&faults);
        Evidence { run, rooms, asked, orders, phases, faults, troubles, naps: Naps::of(run), stalls: Stalls::of(run) }
    }

    /// When a phase began; none if the run never got there.
    pub fn began(&self, phase: Phase) -> Option<u64> {
        self.phases.get(&phase).copied()
    }

    /// Of a room's shard.
    pub fn order(&self, room: &Room<'_>) -> Option<&Order> {
        self.orders.get(&room.shard?)
    }
}

impl<'a> Room<'a> {
    /// All stays of all sessions.
    pub fn stays(&self) -> impl Iterator<Item = (&Session<'a>, &Stay<'a>)> {
        self.sessions.iter().flat_map(|session| session.stays.iter().map(move |stay| (session, stay)))
    }

    /// Whether everybody in the room is shown to everybody: the configuration can hide roles, or show who is not there.
    pub fn shows_all(&self) -> bool {
        let mut all = self.entries.iter().filter_map(|entry| match &entry.deed {
            Deed::Configure { fields, .. } => fields.get("presencebroadcast"),
            _ => None,
        });
        all.all(|shown| {
            let roles: BTreeSet<&str> = shown.split(',').collect();
            roles == ["moderator", "participant", "visitor"].into()
        })
    }

    /// Adds to each breach the entries of the messages that its lines are about.
    pub fn cite(&self, mut findings: Findings) -> Findings {
        for breach in &mut findings.breaches {
            let named = breach.proof.iter().filter_map(|line| match &line.event {
                Event::Received { stanza_id, .. } | Event::Ok { answer: Answer::Reflected { stanza_id }, .. } => Some(stanza_id),
                _ => None,
            });
            for entry in named.filter_map(|stanza_id| self.message(stanza_id)) {
                if !breach.entries.contains(entry) {
                    breach.entries.push(entry.clone());
                }
            }
        }
        findings
    }

    /// The committed message that the room calls so.
    pub fn message(&self, stanza_id: &str) -> Option<&'a Entry> {
        let index = self.seating.spoken.get(stanza_id)?;
        Some(self.entries[*index])
    }
}

/// The bare JID of a full one, or of itself.
pub(crate) fn bare(jid: &str) -> &str {
    jid.split_once('/').map_or(jid, |(bare, _)| bare)
}

/// The full JID of a session's name, `jid#life`.
pub(crate) fn full(session: &str) -> &str {
    session.rsplit_once('#').map_or(session, |(jid, _)| jid)
}

fn asked(run: &Run) -> BTreeMap<&str, Asked<'_>> {
    let mut asked: BTreeMap<&str, Asked<'_>> = BTreeMap::new();
    for line in &run.history.lines {
        match &line.event {
            Event::Invoke { send, act } => drop(asked.entry(send).or_insert(Asked { line, act, end: None })),
            Event::Ok { send, .. } | Event::Refused { send, .. } | Event::Unknown { send } => {
                if let Some(asked) = asked.get_mut(send.as_str()) {
                    asked.end.get_or_insert(line);
                }
            }
            _ => {}
        }
    }
    asked
}

impl Asked<'_> {
    /// What it was told, if it was told that it is done.
    pub fn answer(&self) -> Option<&Answer> {
        match &self.end?.event {
            Event::Ok { answer, .. } => Some(answer),
            _ => None,
        }
    }
}

fn phases(run: &Run) -> BTreeMap<Phase, u64> {
    let phase = |line: &Line| match line.event {
        Event::Phase { phase } => Some((phase, line.at)),
        _ => None,
    };
    run.history.lines.iter().filter_map(phase).collect()
}

fn faults(run: &Run) -> Vec<(&Line, &FaultLine)> {
    let faults = run.history.lines.iter().filter_map(|line| match &line.event {
        Event::Fault(fault) => Some((line, fault)),
        _ => None,
    });
    faults.collect()
}

/// The shards that have replicas, and no entry in the journal: even one that nobody uses has a home, which is an entry.
pub(crate) fn lacking(run: &Run) -> BTreeSet<u16> {
    let there: BTreeSet<u16> = run.journal.iter().map(|entry| entry.shard).collect();
    run.replicas.iter().filter_map(|replica| replica.shard).filter(|shard| !there.contains(shard)).collect()
}

/// Rooms are what sessions ask in or are in, or what the journal knows.
fn rooms(run: &Run) -> BTreeMap<&str, Room<'_>> {
    let mut lines: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for line in &run.history.lines {
        if !line.room.is_empty() && !matches!(line.event, Event::Phase { .. } | Event::Fault(_)) {
            lines.entry(&line.room).or_default().push(line);
        }
    }
    let mut entries = entries(run);
    let names: Vec<&str> = lines.keys().chain(entries.keys()).copied().collect();
    let mut reader = Reader::default();
    let mut rooms = BTreeMap::new();
    for jid in names {
        let (lines, entries) = (lines.remove(jid).unwrap_or_default(), entries.remove(jid).unwrap_or_default());
        rooms.entry(jid).or_insert_with(|| room(jid, lines, entries, &mut reader));
    }
    rooms
}

fn room<'a>(jid: &'a str, lines: Vec<&'a Line>, entries: Vec<&'a Entry>, reader: &mut Reader) -> Room<'a> {
    let (committed, lives) = committed(jid, &entries);
    let sessions = stay::sessions(jid, &lines, reader);
    let shard = entries.first().map(|entry| entry.shard);
    let positions = committed.positions().into_iter().map(|(name, position)| (name.to_owned(), position)).collect();
    Room { jid, shard, lines, seating: Seating::of(&entries), entries, committed, positions, lives, sessions }
}

/// For each room what is in force of its shard's log from its first entry on.
fn entries(run: &Run) -> BTreeMap<&str, Vec<&Entry>> {
    let mut rooms: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    let mut of_shard: BTreeMap<u16, Vec<&str>> = BTreeMap::new();
    for entry in run.journal.iter().filter(|entry| !entry.void) {
        match (&entry.room, &entry.deed) {
            (Some(room), _) => {
                let entries = rooms.entry(room).or_default();
                if entries.is_empty() {
                    of_shard.entry(entry.shard).or_default().push(room);
                }
                entries.push(entry);
            }
            (None, Deed::Detach { .. } | Deed::Reattach { .. } | Deed::Moved { .. } | Deed::Lost { .. }) => {
                for room in of_shard.get(&entry.shard).into_iter().flatten() {
                    rooms.entry(room).or_default().push(entry);
                }
            }
            (None, _) => {}
        }
    }
    rooms
}

fn committed(room: &str, entries: &[&Entry]) -> (Committed, Vec<usize>) {
    let (mut messages, mut lives) = (Vec::new(), Vec::new());
    for entry in entries {
        match &entry.deed {
            Deed::Join { creates: true, .. } => lives.push(messages.len()),
            Deed::Message { stanza_id, send, body: Some(_), .. } => {
                messages.push(Message { stanza_id: stanza_id.clone(), send: send.clone() });
            }
            _ => {}
        }
    }
    (Committed { room: room.to_owned(), messages }, lives)
}

//! Who is seen to go, against who went. What a session is shown of a room comes in the order of the log, so the messages around a farewell say
//! between which entries it must stand.

use std::collections::{BTreeMap, BTreeSet};

use super::{Departure, Gone, Presence, Room, Session, Stay, bare};
use crate::history::{Event, Line};
use crate::journal::Entry;

/// What one stay was shown of others who go.
#[derive(Default)]
pub(crate) struct Goodbyes<'r, 'a> {
    /// Each farewell with the departure that it is of.
    pub matched: Vec<(&'a Line, &'r Departure<'a>)>,
    /// Farewells of nobody who went.
    pub unfounded: Vec<Unfounded<'a>>,
    /// Departures that it must have been shown, and was not.
    pub missed: Vec<&'r Departure<'a>>,
    /// Entries by which somebody came whom it must have been shown, and was not; with the nick.
    pub unseen: Vec<(&'a Entry, &'a str)>,
    /// Presences of nicks that were nobody's then.
    pub phantoms: Vec<(&'a Line, String)>,
}

/// A farewell that stands where nobody of that nick went.
pub(crate) struct Unfounded<'a> {
    pub line: &'a Line,
    pub nick: String,
    /// The farewell of the same nick before it, if the nick was not seen to come again since.
    pub repeats: Option<&'a Line>,
}

/// What is known while a stay is gone through.
struct Walk<'r, 'a> {
    departures: BTreeMap<&'a str, Vec<&'r Departure<'a>>>,
    /// How many departures of a nick are behind.
    behind: BTreeMap<&'a str, usize>,
    /// Of each nick the stretches of the log in which it was shown.
    shown: BTreeMap<String, Vec<(u64, u64)>>,
    /// From one index to another each nick is somebody's.
    taken: &'r BTreeMap<&'a str, Vec<(u64, u64)>>,
    /// Of the nicks that were seen to go, and not to come again since.
    gone: BTreeMap<String, &'a Line>,
    /// What comes from here on has this index at least.
    floor: u64,
    found: Goodbyes<'r, 'a>,
}

/// Goes through a stay. Nothing can be said of one if it is not known by which entry it began.
pub(crate) fn goodbyes<'r, 'a>(room: &'r Room<'a>, session: &Session<'a>, stay: &Stay<'a>) -> Goodbyes<'r, 'a> {
    let Some(first) = stay.entered() else { return Goodbyes::default() };
    let own = room.seating.seats.iter().filter(|seat| seat.jid == session.jid);
    let own: BTreeSet<(u64, &str)> = own.filter_map(|seat| Some((seat.until?.0.index, seat.nick))).collect();
    // That it goes itself, or is called something else, it is told in another way; and the end of a room is the end of all of them.
    let of_others =
        |departure: &&Departure<'_>| departure.how != Gone::Destroyed && !own.contains(&(departure.entry.index, departure.nick));
    let mut departures: BTreeMap<&str, Vec<&Departure<'_>>> = BTreeMap::new();
    for departure in room.seating.departures.iter().filter(of_others) {
        departures.entry(departure.nick).or_default().push(departure);
    }
    let mut walk = Walk {
        shown: BTreeMap::new(),
        taken: &room.seating.taken,
        departures,
        behind: BTreeMap::new(),
        gone: BTreeMap::new(),
        floor: first + 1,
        found: Goodbyes::default(),
    };
    let ceilings = ceilings(room, stay);
    for ((line, sight), ceiling) in stay.lines.iter().zip(ceilings) {
        match (&line.event, sight) {
            (Event::Received { stanza_id, delayed: false, .. }, _) => {
                walk.floor = walk.floor.max(room.message(stanza_id).map_or(0, |entry| entry.index + 1));
            }
            (_, Some(super::Sight::Presence(presence))) if !presence.is_own() => walk.see(line, presence, ceiling),
            _ => {}
        }
    }
    let arrivals = room
        .seating
        .arrivals
        .iter()
        .filter(|arrival| arrival.2 != bare(session.jid) && arrival.0.index > first && arrival.0.index < stay.seen);
    let is_shown = |(entry, nick, _): &(&Entry, &str, &str)| {
        let spans = walk.shown.get(*nick).map_or(&[][..], Vec::as_slice);
        spans.iter().any(|(from, to)| *from <= entry.index && entry.index < *to)
    };
    walk.found.unseen = arrivals.filter(|arrival| !is_shown(arrival)).map(|(entry, nick, _)| (*entry, *nick)).collect();
    walk.end(bare(session.jid), first, stay.seen)
}

/// For each line the index of the next message that is shown behind it.
pub(super) fn ceilings(room: &Room<'_>, stay: &Stay<'_>) -> Vec<u64> {
    let mut next = u64::MAX;
    let ceiling = |(line, _): &(&Line, _)| {
        if let Event::Received { stanza_id, delayed: false, .. } = &line.event {
            next = room.message(stanza_id).map_or(next, |entry| entry.index);
        }
        next
    };
    let mut ceilings: Vec<u64> = stay.lines.iter().rev().map(ceiling).collect();
    ceilings.reverse();
    ceilings
}

impl<'r, 'a> Walk<'r, 'a> {
    fn see(&mut self, line: &'a Line, presence: &Presence, ceiling: u64) {
        let Some(nick) = presence.nick.as_deref() else { return };
        if !presence.unavailable {
            self.gone.remove(nick);
            self.shown.entry(nick.to_owned()).or_default().push((self.floor, ceiling));
            let spans = self.taken.get(nick).map_or(&[][..], Vec::as_slice);
            if !spans.iter().any(|(from, to)| *from < ceiling && *to >= self.floor) {
                self.found.phantoms.push((line, nick.to_owned()));
            }
            return;
        }
        let repeats = self.gone.insert(nick.to_owned(), line);
        let Some((nick, all)) = self.departures.get_key_value(nick) else {
            self.found.unfounded.push(Unfounded { line, nick: nick.to_owned(), repeats });
            return;
        };
        let behind = self.behind.entry(nick).or_default();
        let next = (*behind..all.len()).find(|at| all[*at].entry.index >= self.floor);
        match next.filter(|at| all[*at].entry.index < ceiling) {
            Some(at) => {
                *behind = at + 1;
                self.floor = self.floor.max(all[at].entry.index);
                self.found.matched.push((line, all[at]));
            }
            None => self.found.unfounded.push(Unfounded { line, nick: (*nick).to_owned(), repeats }),
        }
    }

    /// Those of its own account it is not always shown: they may be itself.
    fn end(mut self, own: &str, from: u64, to: u64) -> Goodbyes<'r, 'a> {
        let seen: BTreeSet<(u64, &str)> =
            self.found.matched.iter().map(|(_, departure)| (departure.entry.index, departure.nick)).collect();
        let due =
            |departure: &&&Departure<'_>| departure.bare != own && departure.entry.index > from && departure.entry.index < to;
        let missed = self.departures.values().flatten().filter(due);
        self.found.missed =
            missed.filter(|departure| !seen.contains(&(departure.entry.index, departure.nick))).copied().collect();
        self.found
    }
}

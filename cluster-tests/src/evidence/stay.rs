//! Sessions in a room, and each time that they were in it.

use std::collections::BTreeMap;

use super::{Order, Presence, Reader, Room, Sight, full};
use crate::act::Act;
use crate::history::{Event, Line};
use crate::journal::Deed;

/// One session in one room.
pub(crate) struct Session<'a> {
    /// `jid#life`.
    pub name: &'a str,
    /// Full JID.
    pub jid: &'a str,
    pub stays: Vec<Stay<'a>>,
    /// Its requests to be let in that may still be granted.
    pending: Vec<Plea<'a>>,
}

/// A request to be let in.
struct Plea<'a> {
    send: &'a str,
    at: u64,
    /// How many messages of the history it is to be shown, at most.
    wanted: Option<usize>,
}

/// One time that a session was in the room, or tried to be: from the line behind its last leaving to its next one. Whoever enters again while inside
/// is shown all anew, and begins another.
#[derive(Default)]
pub(crate) struct Stay<'a> {
    /// All of it, with what was seen.
    pub lines: Vec<(&'a Line, Option<Sight>)>,
    pub joined: Option<&'a Line>,
    /// When it asked for that. A node that could not say so in time may have told it to wait.
    pub asked: u64,
    /// How many messages of the history it asked for: one of these, if it asked more than once; none where it did not say.
    pub wanted: Vec<Option<usize>>,
    pub left: Option<&'a Line>,
    /// The presence that told it that it is no longer in the room, and what it says.
    pub told: Option<(&'a Line, Presence)>,
    /// It was shown all anew, so that another stay follows without its having left.
    pub renewed: bool,
    /// It asked to leave.
    pub wishes: Option<&'a Line>,
    /// The entry by which it is in the room: the first and the last that it may have been.
    pub entry: Option<(u64, u64)>,
    /// The last entry of which it is known to have been shown something, to have been in its order, or to have to have been by then.
    pub seen: u64,
}

/// All sessions of a room, in the order in which they first did something.
pub(super) fn sessions<'a>(room: &str, lines: &[&'a Line], reader: &mut Reader) -> Vec<Session<'a>> {
    let mut sessions: Vec<Session<'a>> = Vec::new();
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines {
        let place = *places.entry(&line.session).or_insert(sessions.len());
        if place == sessions.len() {
            let stays = vec![Stay::default()];
            sessions.push(Session { name: &line.session, jid: full(&line.session), stays, pending: Vec::new() });
        }
        sessions[place].take(line, room, reader);
    }
    sessions
}

impl<'a> Session<'a> {
    fn take(&mut self, line: &'a Line, room: &str, reader: &mut Reader) {
        let last = self.stays.len() - 1;
        let stay = &mut self.stays[last];
        let sight = match &line.event {
            Event::Seen { stanza } => Some(reader.read(stanza, room)),
            _ => None,
        };
        match (&line.event, &sight) {
            (Event::Invoke { send, act: Act::Enter { history, .. } }, _) => {
                self.pending.push(Plea { send, at: line.at, wanted: *history });
            }
            (Event::Refused { send, error }, _) if !error.starts_with("wait") => self.pending.retain(|plea| plea.send != send),
            (Event::Joined, _) if stay.joined.is_none() => {
                stay.let_in(line, &mut self.pending);
            }
            (_, Some(Sight::Subject { at_the_door: true, .. })) if stay.joined.is_some() => {
                return self.renew(line, sight);
            }
            (Event::Invoke { act: Act::Leave, .. }, _) => stay.wishes = Some(line),
            // One that comes before it is in is of the stay before.
            (_, Some(Sight::Presence(presence))) if presence.is_farewell() && stay.joined.is_some() => {
                stay.told = Some((line, presence.clone()));
            }
            _ => {}
        }
        let is_end = matches!(line.event, Event::Left { .. });
        stay.left = is_end.then_some(line);
        stay.lines.push((line, sight));
        if is_end {
            self.stays.push(Stay::default());
        }
    }
}

impl<'a> Session<'a> {
    /// All that stood at the door in a row with this line is the beginning of another stay.
    fn renew(&mut self, line: &'a Line, sight: Option<Sight>) {
        let Some(stay) = self.stays.last_mut() else { return };
        let mut is_own = false;
        let mut at_the_door = |(line, sight): &(&Line, Option<Sight>)| match (&line.event, sight) {
            (Event::Received { delayed, .. }, _) => *delayed && !is_own,
            (_, Some(Sight::Presence(presence))) if presence.unavailable => false,
            (_, Some(Sight::Presence(presence))) if presence.is_own() => !std::mem::replace(&mut is_own, true),
            (_, Some(Sight::Presence(_))) => is_own,
            // What it does itself, and what becomes of it, may come in between.
            (Event::Seen { .. } | Event::Joined, _) => false,
            _ => true,
        };
        let door = stay.lines.iter().rev().take_while(|line| at_the_door(line)).count();
        let mut lines = stay.lines.split_off(stay.lines.len() - door);
        lines.push((line, sight));
        stay.renewed = true;
        let mut next = Stay { lines, ..Stay::default() };
        next.let_in(line, &mut self.pending);
        self.stays.push(next);
    }
}

impl<'a> Stay<'a> {
    /// All has been shown to it. A room answers in the order in which it is asked, but what it was asked first may never have come to it.
    fn let_in(&mut self, line: &'a Line, pending: &mut Vec<Plea<'a>>) {
        let first = self.lines.first().map_or(line.at, |(line, _)| line.at);
        (self.joined, self.asked) = (Some(line), pending.first().map_or(first, |plea| plea.at));
        self.wanted = pending.iter().map(|plea| plea.wanted).collect();
        pending.drain(..pending.len().min(1));
    }

    /// The entry by which it began, where only one can be that.
    pub fn entered(&self) -> Option<u64> {
        self.entry.filter(|(first, last)| first == last).map(|(entry, _)| entry)
    }

    /// The line with which it is over, as far as the session knows: the room says that it is out, it is shown all anew, or its connection ends.
    pub fn end(&self) -> Option<&'a Line> {
        let renewed = self.lines.last().filter(|_| self.renewed).map(|(line, _)| *line);
        let told = self.told.as_ref().map(|(line, _)| *line);
        [told, self.left, renewed].into_iter().flatten().min_by_key(|line| line.at)
    }

    /// What it was shown of messages to all: the line, what the room calls it, and whether it was history.
    pub fn shown(&self) -> impl Iterator<Item = (&'a Line, &'a str, bool)> {
        self.lines.iter().filter_map(|(line, _)| match &line.event {
            Event::Received { stanza_id, delayed, .. } => Some((*line, stanza_id.as_str(), *delayed)),
            _ => None,
        })
    }

    /// What it was shown of presences.
    pub fn presences(&self) -> impl Iterator<Item = (&'a Line, &Presence)> {
        self.lines.iter().filter_map(|(line, sight)| match sight {
            Some(Sight::Presence(presence)) => Some((*line, presence)),
            _ => None,
        })
    }

    /// The nick under which it was let in.
    fn nick(&self) -> Option<&str> {
        self.presences().find(|(_, presence)| presence.is_own() && !presence.unavailable)?.1.nick.as_deref()
    }

    /// The last message that it was shown.
    pub fn last_shown(&self) -> Option<&'a Line> {
        self.lines.iter().rev().map(|(line, _)| *line).find(|line| matches!(line.event, Event::Received { .. }))
    }
}

/// Finds the entries by which stays began. Those of one full JID come in one order in both, but a request to enter may have been granted and
/// never answered.
pub(super) fn locate(room: &mut Room<'_>, order: &Order) {
    let index = |stanza_id: &str| room.seating.spoken.get(stanza_id).map(|place| room.entries[*place].index);
    let sittings = sittings(room);
    let mut stays: Vec<(&str, &mut Stay<'_>)> = Vec::new();
    for session in &mut room.sessions {
        let jid = session.jid;
        stays.extend(session.stays.iter_mut().filter(|stay| stay.joined.is_some()).map(|stay| (jid, stay)));
    }
    stays.sort_by_key(|(_, stay)| stay.joined.map_or(u64::MAX, |line| line.at));
    let mut before: BTreeMap<&str, u64> = BTreeMap::new();
    for (jid, stay) in stays {
        let Some(joined) = stay.joined else { continue };
        let history = stay.shown().filter(|shown| shown.2).filter_map(|shown| index(shown.1)).max().unwrap_or(0);
        let live = stay.shown().filter(|shown| !shown.2).filter_map(|shown| index(shown.1));
        let (first, seen) = live.fold((u64::MAX, history), |(first, seen), index| (first.min(index), seen.max(index)));
        let floor = history.max(before.get(jid).copied().unwrap_or(0));
        let (asked, nick) = (stay.asked, stay.nick());
        let may_be = |sitting: &&Sitting<'_>| {
            let in_order = sitting.from > floor && sitting.from < first;
            let in_time = order.decided(sitting.from) <= joined.at && order.done(sitting.from) >= asked;
            in_order && in_time && nick.is_none_or(|nick| nick == sitting.nick)
        };
        let mut candidates: Vec<&Sitting<'_>> = sittings.get(jid).into_iter().flatten().filter(may_be).collect();
        // Whoever is shown something behind the end of its seat was not told of that: then all others are out of the question as well.
        if candidates.iter().any(|sitting| sitting.to > seen) {
            candidates.retain(|sitting| sitting.to > seen);
        }
        if let (Some(first), Some(last)) = (candidates.first(), candidates.last()) {
            before.insert(jid, first.from);
            stay.entry = Some((first.from, last.from));
        }
        stay.seen = seen.max(stay.entry.map_or(0, |entry| entry.0));
    }
}

/// From one entry to another a session sits in the room, under whatever nicks.
struct Sitting<'a> {
    from: u64,
    to: u64,
    /// The first.
    nick: &'a str,
}

fn sittings<'a>(room: &Room<'a>) -> BTreeMap<&'a str, Vec<Sitting<'a>>> {
    let mut sittings: BTreeMap<&str, Vec<Sitting<'_>>> = BTreeMap::new();
    for seat in &room.seating.seats {
        let of_jid = sittings.entry(seat.jid).or_default();
        let to = seat.until.map_or(u64::MAX, |(entry, _)| entry.index);
        match of_jid.last_mut() {
            Some(last) if matches!(seat.taken.deed, Deed::Rename { .. }) => last.to = to,
            _ => of_jid.push(Sitting { from: seat.taken.index, to, nick: seat.nick }),
        }
    }
    sittings
}

//! The fold of a room's entries, written anew from what entries mean, and not as the program does it.

use std::collections::BTreeMap;

use super::{Departure, Gone, Seat, Seating, Standing};
use crate::evidence::bare;
use crate::journal::{Deed, Entry, Standing as Item};

/// A room while its entries are folded.
#[derive(Default)]
struct Room<'a> {
    found: Seating<'a>,
    occupants: BTreeMap<&'a str, Occupant<'a>>,
    /// The nicks of those who sit, by full JID.
    nicks: BTreeMap<&'a str, &'a str>,
}

struct Occupant<'a> {
    bare: &'a str,
    role: &'a str,
    sessions: Vec<Sitting<'a>>,
}

/// A session that sits.
struct Sitting<'a> {
    jid: &'a str,
    /// The server's id of it.
    session: Option<u64>,
    via: Option<(u32, u32)>,
    detached: Option<u64>,
    /// Its place in the list of seats.
    seat: usize,
}

pub(super) fn fold<'a>(entries: &[&'a Entry]) -> Seating<'a> {
    let mut room = Room::default();
    for (at, entry) in entries.iter().enumerate() {
        if let Deed::Message { stanza_id, .. } = &entry.deed {
            room.found.spoken.entry(stanza_id).or_insert(at);
        }
        room.entry(entry);
        if !matches!(entry.deed, Deed::Message { .. } | Deed::Whisper { .. } | Deed::Presence { .. }) {
            room.found.crowd.push((entry.index, room.occupants.len(), room.detached()));
        }
    }
    for (index, nick, comes) in &room.found.turns {
        let spans = room.found.taken.entry(nick).or_default();
        match spans.last_mut() {
            Some(span) if !comes => span.1 = *index,
            _ => spans.push((*index, u64::MAX)),
        }
    }
    room.found
}

impl<'a> Room<'a> {
    fn entry(&mut self, entry: &'a Entry) {
        match &entry.deed {
            Deed::Join { .. } => self.join(entry),
            Deed::Leave { jid, expired, since } => self.leave(entry, jid, *expired, *since),
            Deed::Rename { jid, from, to } => self.rename(entry, jid, from, to),
            Deed::Message { nick, .. } => self.speaks(entry, nick),
            Deed::Whisper { from, .. } => self.speaks(entry, from),
            Deed::Moderate { items } => items.iter().for_each(|item| self.moderate(entry, item)),
            Deed::Configure { removed, .. } => removed.iter().for_each(|nick| self.remove(entry, nick, Gone::Closed)),
            Deed::Destroy => self.end(entry),
            Deed::Detach { node, incarnation } => self.detach(entry, (*node, *incarnation)),
            Deed::Reattach { session, node, incarnation } => self.reattach(*session, (*node, *incarnation)),
            Deed::Moved { from, to } => self.moved(*from, *to),
            Deed::Lost { node, incarnation } => self.lose(entry, (*node, *incarnation)),
            Deed::Activate { .. }
            | Deed::Presence { .. }
            | Deed::Register { .. }
            | Deed::Unregister { .. }
            | Deed::Other { .. } => {}
        }
    }

    fn join(&mut self, entry: &'a Entry) {
        let Deed::Join { jid, nick, role, creates, replaces } = &entry.deed else { return };
        if *creates {
            self.clear(entry);
            self.found.made.push(entry.index);
        }
        // A JID that was bound anew may still sit under another nick.
        if let Some(other) = self.nick_of(jid).filter(|other| other != nick) {
            self.vacate(entry, other, jid, Gone::Left);
        }
        let replaced = replaces.as_deref();
        for gone in replaced.into_iter().chain([jid.as_str()]) {
            self.take_out(entry, nick, gone, Gone::Replaced);
        }
        if !self.occupants.contains_key(nick.as_str()) {
            self.arrives(entry, nick, bare(jid));
        }
        let role = if *creates && role.is_empty() { "moderator" } else { role };
        let seat = self.take(entry, jid, nick, role);
        let session = entry.origin.map(|(session, _)| session);
        let sitting = Sitting { jid, session, via: entry.via, detached: None, seat };
        let occupant = self.occupants.entry(nick).or_insert_with(|| Occupant { bare: bare(jid), role, sessions: Vec::new() });
        occupant.sessions.push(sitting);
        self.found.vague |= entry.via.is_none();
    }

    /// Whoever the journal has not seen to go does not sit in the next life of the room.
    fn clear(&mut self, entry: &'a Entry) {
        for (nick, occupant) in &self.occupants {
            self.found.turns.push((entry.index, nick, false));
            for sitting in &occupant.sessions {
                self.found.seats[sitting.seat].until = Some((entry, Gone::Destroyed));
            }
        }
        (self.occupants, self.nicks) = Default::default();
    }

    /// Whoever comes to a nick that somebody bears has the role that goes with it.
    fn take(&mut self, entry: &'a Entry, jid: &'a str, nick: &'a str, role: &'a str) -> usize {
        self.nicks.insert(jid, nick);
        let roles = vec![(entry.index, self.occupants.get(nick).map_or(role, |occupant| occupant.role))];
        self.found.seats.push(Seat {
            jid,
            nick,
            taken: entry,
            until: None,
            roles,
            detached: Vec::new(),
            via: None,
            missed: None,
        });
        self.found.seats.len() - 1
    }

    fn leave(&mut self, entry: &'a Entry, jid: &'a str, expired: bool, since: Option<u64>) {
        let Some(nick) = self.nick_of(jid) else { return };
        let detached = self.sitting(nick, jid).and_then(|sitting| sitting.detached);
        let is_void = expired && (detached.is_none() || (since.is_some() && since != detached));
        if !is_void {
            self.vacate(entry, nick, jid, if expired { Gone::Expired } else { Gone::Left });
        }
    }

    fn rename(&mut self, entry: &'a Entry, jid: &'a str, from: &'a str, to: &'a str) {
        let Some(occupant) = self.occupants.get_mut(from) else { return };
        let Some(at) = occupant.sessions.iter().position(|sitting| sitting.jid == jid) else { return };
        let (mut sitting, role, bare) = (occupant.sessions.remove(at), occupant.role, occupant.bare);
        self.found.seats[sitting.seat].until = Some((entry, Gone::Renamed));
        if self.occupants.get(from).is_some_and(|occupant| occupant.sessions.is_empty()) {
            self.occupants.remove(from);
            self.departs(Departure { entry, nick: from, bare, how: Gone::Renamed });
        }
        if !self.occupants.contains_key(to) {
            self.arrives(entry, to, bare);
        }
        sitting.seat = self.take(entry, jid, to, role);
        self.occupants.entry(to).or_insert_with(|| Occupant { bare, role, sessions: Vec::new() }).sessions.push(sitting);
    }

    fn speaks(&mut self, entry: &'a Entry, nick: &'a str) {
        let sits = entry.by.as_deref().and_then(|jid| self.nick_of(jid));
        let role = self.occupants.get(nick).map_or("", |occupant| occupant.role);
        self.found.standing.insert(entry.index, Standing { nick: sits, role });
    }

    fn moderate(&mut self, entry: &'a Entry, item: &'a Item) {
        match item {
            Item::Role { nick, role } if role == "none" => self.remove(entry, nick, Gone::Kicked),
            Item::Role { nick, role } => self.set_role(entry, nick, role),
            Item::Affiliation { removed, roles, .. } => {
                removed.iter().for_each(|nick| self.remove(entry, nick, Gone::Disaffiliated));
                roles.iter().for_each(|(nick, role)| self.set_role(entry, nick, role));
            }
        }
    }

    fn set_role(&mut self, entry: &'a Entry, nick: &str, role: &'a str) {
        let Some(occupant) = self.occupants.get_mut(nick) else { return };
        occupant.role = role;
        for sitting in &occupant.sessions {
            self.found.seats[sitting.seat].roles.push((entry.index, role));
        }
    }

    fn end(&mut self, entry: &'a Entry) {
        self.found.destroyed.push(entry.index);
        for nick in self.occupants.keys().copied().collect::<Vec<_>>() {
            self.remove(entry, nick, Gone::Destroyed);
        }
    }

    fn detach(&mut self, entry: &'a Entry, place: (u32, u32)) {
        let (occupants, seats) = (&mut self.occupants, &mut self.found.seats);
        for sitting in occupants.values_mut().flat_map(|occupant| &mut occupant.sessions) {
            if sitting.via == Some(place) && sitting.detached.is_none() {
                sitting.detached = Some(entry.index);
                seats[sitting.seat].detached.push(entry);
            }
        }
    }

    fn reattach(&mut self, session: u64, place: (u32, u32)) {
        for sitting in self.occupants.values_mut().flat_map(|occupant| &mut occupant.sessions) {
            if sitting.session == Some(session) {
                (sitting.via, sitting.detached) = (Some(place), None);
            }
        }
    }

    fn moved(&mut self, from: (u32, u32), to: (u32, u32)) {
        for sitting in self.occupants.values_mut().flat_map(|occupant| &mut occupant.sessions) {
            if sitting.via == Some(from) {
                (sitting.via, sitting.detached) = (Some(to), None);
            }
        }
    }

    fn lose(&mut self, entry: &'a Entry, place: (u32, u32)) {
        // A node that was taken for dead goes on with its sessions as another life.
        let went = |seat: &&mut Seat<'_>| seat.via.is_some_and(|(node, life)| node == place.0 && life <= place.1);
        for seat in self.found.seats.iter_mut().filter(went) {
            seat.missed.get_or_insert(entry);
        }
        let there = self.occupants.iter().flat_map(|(nick, occupant)| {
            occupant.sessions.iter().filter(|sitting| sitting.via == Some(place)).map(|sitting| (*nick, sitting.jid))
        });
        for (nick, jid) in there.collect::<Vec<_>>() {
            self.vacate(entry, nick, jid, Gone::Lost);
        }
    }

    /// All sessions of a nick go.
    fn remove(&mut self, entry: &'a Entry, nick: &str, how: Gone) {
        let sessions = self.occupants.get(nick).map(|occupant| occupant.sessions.iter().map(|sitting| sitting.jid).collect());
        let Some((nick, _)) = self.occupants.get_key_value(nick) else { return };
        let nick = *nick;
        let sessions: Vec<&str> = sessions.unwrap_or_default();
        sessions.into_iter().for_each(|jid| self.vacate(entry, nick, jid, how));
    }

    /// One session goes, and its nick with the last one.
    fn vacate(&mut self, entry: &'a Entry, nick: &'a str, jid: &str, how: Gone) {
        self.take_out(entry, nick, jid, how);
        let Some(occupant) = self.occupants.get(nick).filter(|occupant| occupant.sessions.is_empty()) else { return };
        let departure = Departure { entry, nick, bare: occupant.bare, how };
        self.occupants.remove(nick);
        self.departs(departure);
    }

    fn arrives(&mut self, entry: &'a Entry, nick: &'a str, bare: &'a str) {
        self.found.turns.push((entry.index, nick, true));
        self.found.arrivals.push((entry, nick, bare));
    }

    fn departs(&mut self, departure: Departure<'a>) {
        self.found.turns.push((departure.entry.index, departure.nick, false));
        self.found.departures.push(departure);
    }

    fn take_out(&mut self, entry: &'a Entry, nick: &str, jid: &str, how: Gone) {
        let Some(occupant) = self.occupants.get_mut(nick) else { return };
        let Some(at) = occupant.sessions.iter().position(|sitting| sitting.jid == jid) else { return };
        let sitting = occupant.sessions.remove(at);
        self.nicks.remove(jid);
        let seat = &mut self.found.seats[sitting.seat];
        (seat.until, seat.via) = (Some((entry, how)), sitting.via);
    }

    fn nick_of(&self, jid: &str) -> Option<&'a str> {
        self.nicks.get(jid).copied()
    }

    fn sitting(&self, nick: &str, jid: &str) -> Option<&Sitting<'a>> {
        self.occupants.get(nick)?.sessions.iter().find(|sitting| sitting.jid == jid)
    }

    fn detached(&self) -> usize {
        let sessions = self.occupants.values().flat_map(|occupant| &occupant.sessions);
        sessions.filter(|sitting| sitting.detached.is_some()).count()
    }
}

//! The shard as it will be when everything in flight is committed. Rules judge by this; it is thrown away with the office.

use std::collections::{BTreeMap, VecDeque};

use conclave_muc::{Change, Entry, Room};
use conclave_xmpp::{BareJid, Timestamp};

use crate::bound_sessions::{BoundSessions, SessionChange};
use crate::shard::Shard;

/// Entries in flight, and what they will have changed.
#[derive(Debug, Default)]
pub struct Ahead {
    /// Only rooms with something in flight, and the number of the last proposal that touches them.
    rooms: BTreeMap<BareJid, (Room, u64)>,
    sessions: Option<(BoundSessions, u64)>,
    in_flight: VecDeque<InFlight>,
    proposed: u64,
    bytes: usize,
}

#[derive(Debug)]
struct InFlight {
    bytes: usize,
    /// The session and the number of the request behind it.
    request: Option<(u64, u64)>,
}

impl Ahead {
    /// How many entries were proposed in this office.
    pub fn proposed(&self) -> u64 {
        self.proposed
    }

    /// How many of them are committed.
    pub fn committed(&self) -> u64 {
        self.proposed - self.in_flight.len() as u64
    }

    /// Bytes in flight.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// Entries in flight.
    pub fn len(&self) -> usize {
        self.in_flight.len()
    }

    /// Whether a request has led to something that is in flight.
    pub fn has(&self, session: u64, number: u64) -> bool {
        self.in_flight.iter().any(|entry| entry.request == Some((session, number)))
    }

    /// Whether a later request of the session has.
    pub fn has_later(&self, session: u64, number: u64) -> bool {
        self.in_flight.iter().any(|entry| entry.request.is_some_and(|(of, later)| of == session && later > number))
    }

    /// A room as it will be; nothing if it is as it is.
    pub fn room(&self, jid: &BareJid) -> Option<&Room> {
        self.rooms.get(jid).map(|(room, _)| room)
    }

    /// Rooms that will be different.
    pub fn rooms(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values().map(|(room, _)| room)
    }

    /// The bound sessions as they will be.
    pub fn sessions<'a>(&'a self, shard: &'a Shard) -> &'a BoundSessions {
        self.sessions.as_ref().map_or(&shard.sessions, |(sessions, _)| sessions)
    }

    /// An entry goes to the log.
    pub fn push(&mut self, bytes: usize, request: Option<(u64, u64)>) {
        self.in_flight.push_back(InFlight { bytes, request });
        self.bytes += bytes;
        self.proposed += 1;
    }

    /// The entry that was just pushed changes a room.
    pub fn change_room(&mut self, shard: &Shard, jid: &BareJid, change: &Change, time: Timestamp) {
        let absent = || Room::absent(jid.clone());
        let committed = || (shard.rooms.get(jid).cloned().unwrap_or_else(absent), 0);
        let (room, last) = self.rooms.entry(jid.clone()).or_insert_with(committed);
        *last = self.proposed;
        // Which index it will get is not known yet; nothing that is decided from this copy depends on it, nor on who asked.
        let change = since_then(room, change);
        room.apply(&Entry { index: 0, time, origin: None, change });
    }

    /// The entry that was just pushed changes the bound sessions.
    pub fn change_sessions(&mut self, shard: &Shard, change: &SessionChange) {
        let (sessions, last) = self.sessions.get_or_insert_with(|| (shard.sessions.clone(), 0));
        *last = self.proposed;
        sessions.apply(change);
    }

    /// The oldest entry in flight is committed. With none left that touches a thing, what is committed is the one to judge by.
    pub fn land(&mut self) {
        let Some(entry) = self.in_flight.pop_front() else { return };
        self.bytes -= entry.bytes;
        let committed = self.committed();
        self.rooms.retain(|_, (_, last)| *last > committed);
        if self.sessions.as_ref().is_some_and(|(_, last)| *last <= committed) {
            self.sessions = None;
        }
    }
}

/// In a room in which the entry that detached a session is in flight or was, its seat does not know the index of that entry.
fn since_then(room: &Room, change: &Change) -> Change {
    match change {
        Change::Expire { session, .. } => {
            let detached = room.detached().find(|detached| detached.session == *session);
            detached.map_or_else(|| change.clone(), |detached| Change::Expire { session: session.clone(), since: detached.since })
        }
        _ => change.clone(),
    }
}

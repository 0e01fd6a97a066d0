//! Who sees the whole log at once.

use std::collections::{BTreeMap, BTreeSet};

use conclave_cluster::Replica;
use conclave_cluster::codec;
use conclave_cluster::entry::{ShardChange, ShardEntry};
use conclave_cluster::home::{HomeSettings, Output};
use conclave_muc::{Change, Effect, SeatChange, What};

use super::log::Log;
use crate::committed::{Committed, Message};

/// What the log comes to.
pub struct Oracle {
    /// A replica that has everything.
    pub replica: Replica,
    /// Entries that are not void.
    pub entries: Vec<(u64, ShardEntry)>,
    /// Messages to all: room, and what is known of each.
    messages: Vec<(String, u64, Message)>,
    /// Who sits where: room, full JID, and id and nick.
    pub seats: BTreeMap<String, BTreeMap<String, (u64, String)>>,
}

impl Oracle {
    /// Reads a log; `look` is shown the replica behind each entry.
    pub(crate) fn of(log: &Log, home: HomeSettings, mut look: impl FnMut(&Replica)) -> Oracle {
        let mut oracle =
            Oracle { replica: Replica::new(home), entries: Vec::new(), messages: Vec::new(), seats: BTreeMap::new() };
        for index in 1..=log.last() {
            match log.get(index) {
                Some(Some(bytes)) => oracle.take(index, bytes),
                _ => oracle.replica.pass(index),
            }
            look(&oracle.replica);
        }
        oracle
    }

    fn take(&mut self, index: u64, bytes: &[u8]) {
        let entry = codec::decode(bytes).unwrap_or_else(|error| panic!("entry {index}: {error}"));
        let epoch = self.replica.shard().epoch();
        let mut out = Vec::new();
        self.replica.committed(index, bytes, 0, &mut out).unwrap_or_else(|error| panic!("entry {index}: {error}"));
        if matches!(entry.change, ShardChange::Activate { .. }) || entry.epoch == epoch {
            self.entries.push((index, entry));
        }
        for output in out {
            let Output::Frame(frame) = output else { continue };
            for section in &frame.sections {
                for routed in &section.effects {
                    if let Effect::Seat(change) = &routed.effect {
                        self.note_seat(section.room.to_string(), change);
                    }
                    if let Effect::Send { what: What::Message { message, delayed: false }, .. } = &routed.effect {
                        let send = message.id.as_ref().map(ToString::to_string);
                        let message = Message { stanza_id: message.stanza_id.to_string(), send };
                        self.messages.push((section.room.to_string(), index, message));
                    }
                }
            }
        }
    }

    fn note_seat(&mut self, room: String, change: &SeatChange) {
        let seats = self.seats.entry(room).or_default();
        match change {
            SeatChange::Taken { session, nick, .. } => {
                seats.insert(session.jid.to_string(), (session.id, nick.to_string()));
            }
            SeatChange::Left(jid) => {
                seats.remove(jid.as_str());
            }
            SeatChange::Moderator(..) | SeatChange::RealJidsForAll(_) => {}
        }
    }

    /// The nicks of a room.
    pub fn nicks(&self, room: &str) -> BTreeSet<String> {
        self.seats.get(room).into_iter().flat_map(|seats| seats.values().map(|(_, nick)| nick.clone())).collect()
    }

    /// The sequence of a room.
    pub fn committed(&self, room: &str) -> Committed {
        let messages = self.messages.iter().filter(|(of, _, _)| of == room).map(|(_, _, message)| message.clone());
        Committed { room: room.to_owned(), messages: messages.collect() }
    }

    /// At which index a message was committed, by what the room calls it.
    pub fn indexes(&self) -> BTreeMap<String, u64> {
        self.messages.iter().map(|(_, index, message)| (message.stanza_id.clone(), *index)).collect()
    }

    /// Requests of a session that are in the log, and were answered behind one that came later. (What is in no log may well be: its answer is lost with
    /// a stream, and a later entry proves it and leaves before it.)
    pub fn overtaken(&self, session: u64, answers: &[u64]) -> Vec<u64> {
        let of_session = |(_, entry): &(u64, ShardEntry)| match &entry.change {
            ShardChange::Room { origin: Some(origin), .. }
            | ShardChange::Session { origin: Some(origin), .. }
            | ShardChange::User { origin, .. } => (origin.session.id == session).then_some(origin.number),
            _ => None,
        };
        let logged: BTreeSet<u64> = self.entries.iter().filter_map(of_session).collect();
        let mut newest = 0;
        let late = answers.iter().copied().filter(|number| {
            newest = newest.max(*number);
            logged.contains(number) && *number < newest
        });
        late.collect()
    }

    /// Changes of rooms, with their indexes.
    pub fn changes(&self) -> impl Iterator<Item = (u64, &Change)> {
        self.entries.iter().filter_map(|(index, entry)| match &entry.change {
            ShardChange::Room { change, .. } => Some((*index, change)),
            _ => None,
        })
    }
}

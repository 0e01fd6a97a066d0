//! A shard in the state store: as records, whole or only what changed since the last checkpoint, and back.

use std::collections::{BTreeMap, BTreeSet};

use conclave_muc::Room;
use conclave_xmpp::BareJid;

use crate::bound_sessions::BoundSessions;
use crate::codec::Undecodable;
use crate::planted::{self, Bug};
use crate::ring::Ring;
use crate::shard::Shard;
use crate::{shard_codec, stored_room};

/// A record of the store.
pub type Record = (Vec<u8>, Vec<u8>);

/// What became of a record; nothing means that it is gone.
pub type RecordChange = (Vec<u8>, Option<Vec<u8>>);

/// Where the shard's own figures are.
const HEAD: &[u8] = b"head";

/// Before the id of a session whose logged requests are remembered.
const REPEATS: &[u8] = b"repeat/";

/// What has changed since the last checkpoint.
#[derive(Debug, Default)]
pub struct Dirty {
    /// Rooms as they were then.
    rooms: BTreeMap<BareJid, Option<Room>>,
    /// The sessions as they were then.
    sessions: BoundSessions,
    /// Sessions that logged something since.
    pub(crate) repeats: BTreeSet<u64>,
}

impl Dirty {
    /// A room is about to change.
    pub(crate) fn room(&mut self, jid: &BareJid, room: &Room) {
        self.rooms.entry(jid.clone()).or_insert_with(|| (!room.is_absent()).then(|| room.clone()));
    }
}

impl Shard {
    /// What changed since this was last asked.
    pub fn changes(&mut self) -> Vec<RecordChange> {
        let mut changes = vec![(HEAD.to_vec(), Some(shard_codec::encode_head(self.epoch, self.number, self.time)))];
        for (jid, before) in std::mem::take(&mut self.dirty.rooms) {
            changes.extend(stored_room::changes(before.as_ref(), self.rooms.get(&jid)));
        }
        changes.extend(BoundSessions::changes(&self.dirty.sessions, &self.sessions));
        self.dirty.sessions = self.sessions.clone();
        changes.extend(self.repeats.take_forgotten().into_iter().map(|session| (repeat_key(session), None)));
        for session in std::mem::take(&mut self.dirty.repeats) {
            changes.push((repeat_key(session), self.repeats.get(session).map(shard_codec::encode_repeats)));
        }
        changes
    }

    /// All of it as it is now. Cheap: what is slow happens when the records are taken.
    pub fn freeze(&self) -> impl Iterator<Item = Record> + Send + 'static {
        let head = (HEAD.to_vec(), shard_codec::encode_head(self.epoch, self.number, self.time));
        let rooms: Vec<Room> = self.rooms.values().cloned().collect();
        let (sessions, repeats) = (self.sessions.clone(), self.repeats.frozen());
        let repeats = if planted::is(Bug::SnapshotWithoutRepeats) { Vec::new() } else { repeats };
        let repeats = repeats.into_iter().map(|(session, logged)| (repeat_key(session), shard_codec::encode_repeats(&logged)));
        std::iter::once(head)
            .chain(rooms.into_iter().flat_map(|room| stored_room::records(&room)))
            .chain(sessions.records())
            .chain(repeats)
    }

    /// The shard that was stored, with this entry as its newest.
    pub fn read(index: Option<u64>, records: &[(impl AsRef<[u8]>, impl AsRef<[u8]>)]) -> Result<Shard, Undecodable> {
        let records = || records.iter().map(|(key, value)| (key.as_ref(), value.as_ref()));
        let mut shard = Shard { applied: index.unwrap_or(0), ring: Ring::behind(index.unwrap_or(0)), ..Shard::default() };
        shard.rooms = stored_room::read(records())?;
        shard.sessions = BoundSessions::read(records())?;
        shard.dirty.sessions = shard.sessions.clone();
        for (key, value) in records() {
            if key == HEAD {
                (shard.epoch, shard.number, shard.time) = shard_codec::decode_head(value)?;
            } else if let Some(session) = key.strip_prefix(REPEATS) {
                let session = session.try_into().map_err(|_| Undecodable::lacks("the eight bytes of a session's id"))?;
                shard.repeats.put(u64::from_be_bytes(session), shard_codec::decode_repeats(value)?);
            }
        }
        shard.seat_all();
        Ok(shard)
    }
}

fn repeat_key(session: u64) -> Vec<u8> {
    [REPEATS, &session.to_be_bytes()].concat()
}

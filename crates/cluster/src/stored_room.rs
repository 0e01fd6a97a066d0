//! Rooms in the state store: a record for each part, all of them or only those that differ between two versions, and back
//! (`proto/room.proto` says what the keys are).

mod codec;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use conclave_muc::effect::Message;
use conclave_muc::{Affiliate, Occupant, Room, RoomState, Subject};
use conclave_xmpp::{BareJid, Nick};
use sha2::{Digest, Sha256};

use crate::codec::Undecodable;
use crate::planted::{self, Bug};

const ROOM: &[u8] = b"room/";
const HEAD: &str = "head";
const SUBJECT: &str = "subject";
const AFFILIATE: &str = "affiliate/";
const OCCUPANT: &str = "occupant/";
const HISTORY: &str = "history/";

/// Bytes of a JID or a nick in a key, at most: a key names up to two of them, and the store takes keys of 1024 bytes.
const NAME_BYTES_MAX: usize = 480;

/// The records that differ between two versions of one room; nothing stands for a room, or a record, that is not there. Parts that the
/// versions share are passed over.
pub fn changes(before: Option<&Room>, after: Option<&Room>) -> Vec<(Vec<u8>, Option<Vec<u8>>)> {
    let (before, after) = (before.and_then(Room::state), after.and_then(Room::state));
    let Some(jid) = before.as_ref().or(after.as_ref()).map(|state| &state.jid) else { return Vec::new() };
    let mut difference = Difference { prefix: prefix(jid), changes: Vec::new() };
    difference.of_heads(before.as_ref(), after.as_ref());
    difference.of_subjects(before.as_ref(), after.as_ref());
    difference.of_affiliates(before.as_ref(), after.as_ref());
    difference.of_occupants(before.as_ref(), after.as_ref());
    difference.of_histories(before.as_ref(), after.as_ref());
    difference.changes
}

/// All records of a room.
pub fn records(room: &Room) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut records: Vec<_> = changes(None, Some(room)).into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
    records.retain(|(key, _)| !(planted::is(Bug::SnapshotWithoutOccupancy) && is_of_occupant(key)));
    records
}

/// All rooms of a shard, from its records in any order; those that belong to no room are passed over.
pub fn read<'a>(records: impl Iterator<Item = (&'a [u8], &'a [u8])>) -> Result<BTreeMap<BareJid, Room>, Undecodable> {
    let mut rooms: BTreeMap<&[u8], Parts> = BTreeMap::new();
    for (key, value) in records {
        let Some(rest) = key.strip_prefix(ROOM) else { continue };
        let (room, part) = split(rest).ok_or_else(|| Undecodable::lacks("the end of a room's address in a key"))?;
        rooms.entry(room).or_default().take(part, value)?;
    }
    rooms.into_values().map(Parts::room).collect()
}

struct Difference {
    prefix: Vec<u8>,
    changes: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Difference {
    fn put(&mut self, part: &str, name: &str, value: Option<Vec<u8>>) {
        let key = [&self.prefix, part.as_bytes(), named(name).as_bytes()].concat();
        self.changes.push((key, value));
    }

    fn of_heads(&mut self, before: Option<&RoomState>, after: Option<&RoomState>) {
        let same = |before: &RoomState, after: &RoomState| {
            Arc::ptr_eq(&before.config, &after.config)
                && before.locked == after.locked
                && before.occupant_key == after.occupant_key
        };
        if !before.zip(after).is_some_and(|(before, after)| same(before, after)) {
            self.put(HEAD, "", after.map(codec::encode_head));
        }
    }

    fn of_subjects(&mut self, before: Option<&RoomState>, after: Option<&RoomState>) {
        let subject = |state: Option<&RoomState>| state.and_then(|state| state.subject.clone());
        let message = |subject: &Option<Subject>| subject.as_ref().map(|subject| Arc::as_ptr(&subject.message));
        let (before, after) = (subject(before), subject(after));
        if message(&before) != message(&after) {
            self.put(SUBJECT, "", after.as_ref().map(codec::encode_subject));
        }
    }

    fn of_affiliates(&mut self, before: Option<&RoomState>, after: Option<&RoomState>) {
        if before.zip(after).is_some_and(|(before, after)| before.affiliates.ptr_eq(&after.affiliates)) {
            return;
        }
        let all = |state: Option<&RoomState>| state.map(|state| state.affiliates.clone()).unwrap_or_default();
        let (before, after) = (all(before), all(after));
        for (jid, affiliate) in differing(before.iter(), after.iter()) {
            self.put(AFFILIATE, jid.as_str(), affiliate.map(|affiliate| codec::encode_affiliate(jid, affiliate)));
        }
    }

    fn of_occupants(&mut self, before: Option<&RoomState>, after: Option<&RoomState>) {
        if before.zip(after).is_some_and(|(before, after)| before.occupants.ptr_eq(&after.occupants)) {
            return;
        }
        let all = |state: Option<&RoomState>| state.map(|state| state.occupants.clone()).unwrap_or_default();
        let (before, after) = (all(before), all(after));
        for (nick, occupant) in differing(before.iter(), after.iter()) {
            self.put(OCCUPANT, nick.as_str(), occupant.map(|occupant| codec::encode_occupant(occupant)));
        }
    }

    /// Stanza ids are places in the log, of one length: what was said later has the greater one.
    fn of_histories(&mut self, before: Option<&RoomState>, after: Option<&RoomState>) {
        let all = |state: Option<&RoomState>| state.map(|state| state.history.clone()).unwrap_or_default();
        let (before, after) = (all(before), all(after));
        let id = |message: &Arc<Message>| message.stanza_id.clone();
        let before = before.iter().map(|message| (id(message), message));
        for (id, message) in differing(before, after.iter().map(|message| (id(message), message))) {
            self.put(HISTORY, &id, message.map(|message| codec::encode_message(message)));
        }
    }
}

/// What two lists do not share, both in the order of their keys; with nothing where the second has nothing.
fn differing<'a, K: Ord, V: 'a>(
    before: impl Iterator<Item = (K, &'a Arc<V>)>,
    after: impl Iterator<Item = (K, &'a Arc<V>)>,
) -> Vec<(K, Option<&'a Arc<V>>)> {
    let (mut before, mut after) = (before.peekable(), after.peekable());
    let mut out = Vec::new();
    loop {
        let order = match (before.peek(), after.peek()) {
            (None, None) => return out,
            (Some(_), None) => Ordering::Less,
            (None, Some(_)) => Ordering::Greater,
            (Some((before, _)), Some((after, _))) => before.cmp(after),
        };
        let former = if order.is_le() { before.next() } else { None };
        let latter = if order.is_ge() { after.next() } else { None };
        match (former, latter) {
            (Some((_, former)), Some((_, latter))) if Arc::ptr_eq(former, latter) => {}
            (_, Some((key, latter))) => out.push((key, Some(latter))),
            (Some((key, _)), None) => out.push((key, None)),
            (None, None) => {}
        }
    }
}

fn prefix(room: &BareJid) -> Vec<u8> {
    [ROOM, named(room.as_str()).as_bytes(), b"\0"].concat()
}

/// A JID or nick as it stands in a key. None has a zero byte in it (RFC 3920, appendices A.5 and B.5), so what stands for a long one is like no other.
fn named(name: &str) -> Cow<'_, str> {
    if name.len() <= NAME_BYTES_MAX {
        return Cow::Borrowed(name);
    }
    let digits: String = Sha256::digest(name.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    Cow::Owned(format!("\0{digits}"))
}

fn is_of_occupant(key: &[u8]) -> bool {
    let part = key.strip_prefix(ROOM).and_then(split).map(|(_, part)| part);
    part.is_some_and(|part| part.starts_with(OCCUPANT.as_bytes()))
}

/// The room of a key, and the part.
fn split(rest: &[u8]) -> Option<(&[u8], &[u8])> {
    // The zero byte that stands first belongs to a name.
    let end = rest.iter().skip(1).position(|byte| *byte == 0)? + 1;
    Some((&rest[..end], &rest[end + 1..]))
}

/// What was read of a room so far.
#[derive(Default)]
struct Parts<'a> {
    head: Option<&'a [u8]>,
    subject: Option<&'a [u8]>,
    affiliates: Vec<(BareJid, Arc<Affiliate>)>,
    occupants: Vec<(Nick, Arc<Occupant>)>,
    /// By stanza id.
    history: BTreeMap<&'a [u8], &'a [u8]>,
}

impl<'a> Parts<'a> {
    fn take(&mut self, part: &'a [u8], value: &'a [u8]) -> Result<(), Undecodable> {
        if part == HEAD.as_bytes() {
            self.head = Some(value);
        } else if part == SUBJECT.as_bytes() {
            self.subject = Some(value);
        } else if part.starts_with(AFFILIATE.as_bytes()) {
            let (jid, affiliate) = codec::decode_affiliate(value)?;
            self.affiliates.push((jid, affiliate.into()));
        } else if part.starts_with(OCCUPANT.as_bytes()) {
            let occupant = codec::decode_occupant(value)?;
            self.occupants.push((occupant.nick.clone(), occupant.into()));
        } else if let Some(id) = part.strip_prefix(HISTORY.as_bytes()) {
            self.history.insert(id, value);
        } else {
            return Err(Undecodable::lacks("a part of a room that is known"));
        }
        Ok(())
    }

    fn room(self) -> Result<(BareJid, Room), Undecodable> {
        let head = codec::decode_head(self.head.ok_or_else(|| Undecodable::lacks("the head of a room"))?)?;
        let jid = head.jid;
        let message = |bytes: &[u8]| codec::decode_message(bytes, &jid).map(Arc::new);
        let state = RoomState {
            config: Arc::new(head.config),
            locked: head.locked,
            occupant_key: head.occupant_key,
            affiliates: self.affiliates.into_iter().collect(),
            occupants: self.occupants.into_iter().collect(),
            subject: self.subject.map(|bytes| codec::decode_subject(bytes, &jid)).transpose()?,
            history: self.history.into_values().map(message).collect::<Result<_, _>>()?,
            jid: jid.clone(),
        };
        Ok((jid, Room::from(state)))
    }
}

//! Whole stores and files, from outside.

mod damage;
mod damaged_snapshot;
mod history;
mod queue;
mod records;
mod round_trip;
mod transfer;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use bytes::Bytes;

use super::*;

const GROUP: u32 = 7;

/// Far more than a checkpoint of a test takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

type Pairs = BTreeMap<Bytes, Bytes>;

fn open(dir: &Path) -> StateStore {
    StateStore::open(dir).unwrap()
}

fn note(index: u64) -> Bytes {
    Bytes::from(format!("at {index}"))
}

/// Saves, and waits until the disk has it.
fn save(store: &StateStore, group: u32, index: u64, changes: Vec<Change>) -> StateHash {
    let (done, told) = mpsc::channel();
    store.save(group, index, note(index), changes, Box::new(move |hash| done.send(hash).unwrap())).unwrap();
    told.recv_timeout(PATIENCE).unwrap()
}

fn replace(store: &StateStore, group: u32, index: u64, pairs: &Pairs) -> StateHash {
    store.replace(group, index, note(index), pairs.clone().into_iter().map(Ok)).unwrap()
}

fn set(key: &str, value: impl Into<Bytes>) -> Change {
    (Bytes::from(key.to_owned()), Some(value.into()))
}

fn remove(key: &str) -> Change {
    (Bytes::from(key.to_owned()), None)
}

/// Bytes that differ from place to place, so that chunks in the wrong order are seen.
fn value(length: usize, seed: usize) -> Bytes {
    (0..length).map(|place| (place / 251 + place * 7 + seed) as u8).collect()
}

fn some_pairs(count: usize, value_bytes: usize) -> Pairs {
    (0..count).map(|n| (Bytes::from(format!("key {n}")), value(value_bytes, n))).collect()
}

fn as_map(stored: &Stored) -> Pairs {
    let map: Pairs = stored.pairs.iter().cloned().collect();
    assert_eq!(map.len(), stored.pairs.len());
    map
}

fn hash_of(pairs: &Pairs) -> StateHash {
    let mut hash = StateHash::default();
    pairs.iter().for_each(|(key, value)| hash.add(StateHash::of_pair(key, value)));
    hash
}

/// What is stored of the group is this, with this index, note, count and hash.
fn assert_stored(store: &StateStore, group: u32, index: u64, pairs: &Pairs) {
    let stored = store.load(group).unwrap().unwrap();
    assert_eq!((stored.index, &stored.note), (index, &note(index)));
    assert_eq!(&as_map(&stored), pairs);
    assert_eq!(stored.hash, hash_of(pairs));
    assert_eq!(store.summary(group), Some((index, stored.hash)));
}

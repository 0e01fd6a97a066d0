//! The state of one group: a map, folded from its entries.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use conclave_raft::{Applied, Change, Step};
use sha2::{Digest as _, Sha256};
use tokio::sync::watch;

/// One entry.
pub enum Operation<'a> {
    /// The value of the key.
    Put(&'a str, &'a str),
    /// The value becomes what it was, a comma, and the item: an entry that is applied twice shows.
    Append(&'a str, &'a str),
    /// Bytes that change nothing but the log.
    Fill(&'a str, &'a [u8]),
}

impl Operation<'_> {
    pub fn encode(&self) -> Bytes {
        let (tag, key, value) = match self {
            Operation::Put(key, value) => ("put", key, value.as_bytes()),
            Operation::Append(key, item) => ("append", key, item.as_bytes()),
            Operation::Fill(key, value) => ("fill", key, *value),
        };
        let mut bytes = format!("{tag} {key} ").into_bytes();
        bytes.extend_from_slice(value);
        bytes.into()
    }
}

/// The map and the index up to which it is folded.
#[derive(Default)]
pub struct Map {
    pub pairs: BTreeMap<Bytes, Bytes>,
    pub applied: Option<u64>,
    dirty: BTreeSet<Bytes>,
}

impl Map {
    fn fold(&mut self, entry: &[u8]) {
        let mut parts = entry.splitn(3, |byte| *byte == b' ');
        let (Some(tag), Some(key), Some(value)) = (parts.next(), parts.next(), parts.next()) else {
            panic!("an entry that this program did not propose");
        };
        let key = Bytes::copy_from_slice(key);
        let value = match tag {
            b"put" | b"fill" => Bytes::copy_from_slice(value),
            b"append" => match self.pairs.get(&key) {
                Some(old) => [old, b",".as_slice(), value].concat().into(),
                None => Bytes::copy_from_slice(value),
            },
            _ => panic!("an entry that this program did not propose"),
        };
        self.pairs.insert(key.clone(), value);
        self.dirty.insert(key);
    }

    fn changes(&mut self) -> Vec<Change> {
        std::mem::take(&mut self.dirty).into_iter().map(|key| (key.clone(), self.pairs.get(&key).cloned())).collect()
    }

    /// Of all pairs, in order.
    pub fn hash(&self) -> String {
        let mut hash = Sha256::new();
        for (key, value) in &self.pairs {
            for part in [key, value] {
                hash.update((part.len() as u64).to_be_bytes());
                hash.update(part);
            }
        }
        hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

/// The map of a running replica, and how far it is.
#[derive(Clone)]
pub struct Shared {
    map: Arc<Mutex<Map>>,
    /// One more than the last index.
    applied: watch::Receiver<u64>,
}

impl Shared {
    /// Takes the steps of a group until it is stopped.
    pub fn follow(mut steps: Applied) -> Self {
        let (moved, applied) = watch::channel(0);
        let map = Arc::new(Mutex::new(Map::default()));
        let shared = Self { map: map.clone(), applied };
        tokio::spawn(async move {
            while let Some(step) = steps.next().await {
                let mut map = map.lock().unwrap_or_else(PoisonError::into_inner);
                take(&mut map, step);
                moved.send_replace(map.applied.map_or(0, |index| index + 1));
            }
        });
        shared
    }

    pub fn map(&self) -> MutexGuard<'_, Map> {
        self.map.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until everything up to `index` is folded in.
    pub async fn reached(&self, index: u64) {
        let _ = self.applied.clone().wait_for(|next| *next > index).await;
    }
}

fn take(map: &mut Map, step: Step) {
    match step {
        Step::State { index, pairs } => *map = Map { pairs: pairs.into_iter().collect(), applied: index, dirty: BTreeSet::new() },
        Step::Entry { index, proposal } => {
            assert!(map.applied.is_none_or(|applied| applied + 1 == index), "entry {index} after {:?}", map.applied);
            if let Some(entry) = proposal {
                map.fold(&entry);
            }
            map.applied = Some(index);
        }
        Step::Changes(answer) => answer.give(map.changes()),
        // The whole map is copied here, though its bytes are shared: a map that is cheap to clone would be better, and rooms have one.
        Step::Freeze(answer) => answer.give(Box::new(map.pairs.clone().into_iter())),
    }
}

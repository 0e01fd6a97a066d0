//! The state store of one replica: records, as of an entry.

use std::collections::BTreeMap;

use conclave_cluster::Replica;

/// What is on disk.
#[derive(Clone, Debug, Default)]
pub struct Store {
    /// The entry that it is as of; nothing if nothing was stored.
    pub index: Option<u64>,
    /// The records.
    pub records: BTreeMap<Vec<u8>, Vec<u8>>,
}

impl Store {
    /// Takes in what has changed.
    pub fn checkpoint(&mut self, replica: &mut Replica) {
        for (key, value) in replica.changes() {
            match value {
                Some(value) => self.records.insert(key, value),
                None => self.records.remove(&key),
            };
        }
        self.index = Some(replica.shard().applied());
    }

    /// All of a replica.
    pub fn frozen(replica: &Replica) -> Store {
        Store { index: Some(replica.shard().applied()), records: replica.freeze().collect() }
    }

    /// As a replica reads it.
    pub fn pairs(&self) -> Vec<(&[u8], &[u8])> {
        self.records.iter().map(|(key, value)| (key.as_slice(), value.as_slice())).collect()
    }
}

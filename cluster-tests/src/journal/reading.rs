//! From the directories of nodes that have ended to the journal.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use conclave_raft::{Inspected, InspectedEntry, inspect};

use super::folding::Folding;
use super::{Entry, Replica};

/// What the logs of a cluster hold.
pub struct Logs {
    /// The committed entries of all shards, by shard and index.
    pub journal: Vec<Entry>,
    /// How every replica ended.
    pub replicas: Vec<Replica>,
    /// Why the journal is not all that it should be; sentences.
    pub lacking: Vec<String>,
}

/// Reads the data directories of these nodes. None of them may run.
pub fn read(nodes: &BTreeMap<u32, PathBuf>) -> Logs {
    let mut logs = Logs { journal: Vec::new(), replicas: Vec::new(), lacking: Vec::new() };
    let mut shards: BTreeMap<u16, Vec<Inspected>> = BTreeMap::new();
    for (node, dir) in nodes {
        match inspected(dir) {
            Ok(groups) => {
                for group in groups {
                    let shard = group.group.0.checked_sub(1).and_then(|shard| u16::try_from(shard).ok());
                    logs.replicas.push(replica(*node, shard, &group));
                    shard.into_iter().for_each(|shard| shards.entry(shard).or_default().push(group.clone()));
                }
            }
            Err(why) => logs.lacking.push(format!("node {node}: {why}")),
        }
    }
    for (shard, replicas) in shards {
        match entries(shard, &replicas) {
            Ok(entries) => logs.journal.extend(entries),
            Err(why) => logs.lacking.push(format!("shard {shard}: {why}")),
        }
    }
    logs
}

fn inspected(dir: &Path) -> Result<Vec<Inspected>, String> {
    inspect(&conclave_server::cluster::raft_dir(dir)).map(|(_, groups)| groups).map_err(|error| error.to_string())
}

fn replica(node: u32, shard: Option<u16>, group: &Inspected) -> Replica {
    let (applied, hash) = group.checkpoint.map_or_else(Default::default, |(applied, hash)| (applied, hash.to_string()));
    let entries = group.entries.first().zip(group.entries.last()).map(|(first, last)| (first.index, last.index));
    Replica { node, shard, applied, hash, entries, digests: group.entries.iter().map(digest).collect() }
}

fn digest(entry: &InspectedEntry) -> u64 {
    let mut hasher = DefaultHasher::new();
    (entry.term, &entry.proposal).hash(&mut hasher);
    hasher.finish()
}

/// What any replica has up to the furthest checkpoint, which only ever stands for committed entries.
fn entries(shard: u16, replicas: &[Inspected]) -> Result<Vec<Entry>, String> {
    let committed = replicas.iter().filter_map(|replica| replica.checkpoint).map(|(index, _)| index).max().unwrap_or(0);
    let all = replicas.iter().flat_map(|replica| &replica.entries).filter(|entry| entry.index <= committed);
    let all: BTreeMap<u64, Option<&Bytes>> = all.map(|entry| (entry.index, entry.proposal.as_ref())).collect();
    let mut folding = Folding::new(shard);
    let mut journal = Vec::new();
    for index in 0..=committed {
        // Raft's first entry, which makes the group, is nothing to a shard.
        let Some(bytes) = all.get(&index) else { return Err(format!("entry {index} of {committed} is in no log any more")) };
        let line = folding.take(index, bytes.map(|bytes| bytes.as_ref())).map_err(|error| format!("entry {index}: {error}"))?;
        journal.extend(line);
    }
    Ok(journal)
}

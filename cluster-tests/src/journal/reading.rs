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

/// What any replica has, as far as it is committed.
fn entries(shard: u16, replicas: &[Inspected]) -> Result<Vec<Entry>, String> {
    let committed = committed(replicas);
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

/// How far the entries of a shard are committed: a checkpoint only ever stands for such, and nodes that end in order write one. Those that were killed
/// leave more behind their last: what clients were told of it a majority has, in the same words and of the same term.
fn committed(replicas: &[Inspected]) -> u64 {
    let stood_for = replicas.iter().filter_map(|replica| replica.checkpoint).map(|(index, _)| index).max().unwrap_or(0);
    let mut holders: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    for entry in replicas.iter().flat_map(|replica| &replica.entries) {
        // Two entries of the same place and term are the same.
        *holders.entry((entry.index, entry.term)).or_default() += 1;
    }
    let of_most = |index: u64| holders.range((index, 0)..=(index, u64::MAX)).any(|(_, count)| *count > replicas.len() / 2);
    (stood_for + 1..).take_while(|index| of_most(*index)).last().unwrap_or(stood_for)
}

#[cfg(test)]
mod tests {
    use conclave_raft::GroupId;

    use super::*;

    /// A replica without a checkpoint, with entries of these terms from the first on.
    fn replica(terms: &[u64]) -> Inspected {
        let entry = |(at, term): (usize, &u64)| InspectedEntry { index: at as u64 + 1, term: *term, proposal: None };
        Inspected { group: GroupId(1), checkpoint: None, entries: terms.iter().enumerate().map(entry).collect() }
    }

    #[test]
    fn what_a_majority_has_of_one_term_is_committed() {
        assert_eq!(committed(&[]), 0);
        assert_eq!(committed(&[replica(&[1, 1, 1])]), 3);
        assert_eq!(committed(&[replica(&[1, 1, 1]), replica(&[1, 1]), replica(&[])]), 2);
        // Two leaders wrote to the same place, each for itself.
        assert_eq!(committed(&[replica(&[1, 1, 2]), replica(&[1, 1, 3]), replica(&[1])]), 2);
        assert_eq!(committed(&[replica(&[1, 1, 2]), replica(&[1, 1, 3]), replica(&[1, 1, 3])]), 3);
    }
}

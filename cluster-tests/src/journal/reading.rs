//! From the directories of nodes that have ended to the journal.

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};

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
    let unread = logs.lacking.len();
    for (shard, replicas) in shards {
        match entries(shard, &replicas, unread) {
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

/// What the replicas have, as far as it is committed; so many more could not be read, and may have been of this shard.
fn entries(shard: u16, replicas: &[Inspected], unread: usize) -> Result<Vec<Entry>, String> {
    let all = committed(replicas, unread);
    let last = all.last_key_value().map_or(0, |(index, _)| *index);
    let mut folding = Folding::new(shard);
    let mut journal = Vec::new();
    for index in 0..=last {
        // Raft's first entry, which makes the group, is nothing to a shard.
        let Some(entry) = all.get(&index) else { return Err(format!("entry {index} of {last} is in no log any more")) };
        let line = folding.take(index, entry.proposal.as_deref()).map_err(|error| format!("entry {index}: {error}"))?;
        journal.extend(line);
    }
    Ok(journal)
}

/// The committed entries by index. A checkpoint only ever stands for such. What is behind the last one of a cluster that was ended at once is committed if
/// a majority has it, of the same term; all that clients were told of is. Beside it there may be what a leader wrote in vain.
fn committed(replicas: &[Inspected], unread: usize) -> BTreeMap<u64, &InspectedEntry> {
    let mut committed = BTreeMap::new();
    for replica in replicas {
        let Some((stood_for, _)) = replica.checkpoint else { continue };
        let of_it = replica.entries.iter().take_while(|entry| entry.index <= stood_for);
        committed.extend(of_it.map(|entry| (entry.index, entry)));
    }
    let stood_for = replicas.iter().filter_map(|replica| replica.checkpoint).map(|(index, _)| index).max();
    let mut holders: BTreeMap<(u64, u64), (usize, &InspectedEntry)> = BTreeMap::new();
    for entry in replicas.iter().flat_map(|replica| &replica.entries) {
        // Two entries of the same place and term are the same.
        holders.entry((entry.index, entry.term)).or_insert((0, entry)).0 += 1;
    }
    let most = (replicas.len() + unread) / 2 + 1;
    let of_most = |index: u64| holders.range((index, 0)..=(index, u64::MAX)).find(|(_, (count, _))| *count >= most);
    let behind = (stood_for.map_or(0, |index| index + 1)..).map_while(|index| Some((index, of_most(index)?.1.1)));
    committed.extend(behind);
    committed
}

#[cfg(test)]
mod tests {
    use conclave_raft::{GroupId, StateHash};

    use super::*;

    /// A replica with entries of these terms from the first on, and a checkpoint that stands for so many.
    fn replica(checkpoint: u64, terms: &[u64]) -> Inspected {
        let entry = |(at, term): (usize, &u64)| InspectedEntry { index: at as u64, term: *term, proposal: None };
        let checkpoint = (checkpoint > 0).then(|| (checkpoint - 1, StateHash::default()));
        Inspected { group: GroupId(1), checkpoint, entries: terms.iter().enumerate().map(entry).collect() }
    }

    #[track_caller]
    fn terms(replicas: &[Inspected], expected: &[u64]) {
        let terms: Vec<u64> = committed(replicas, 0).values().map(|entry| entry.term).collect();
        assert_eq!(terms, expected);
    }

    #[test]
    fn what_a_majority_has_of_one_term_is_committed() {
        terms(&[], &[]);
        terms(&[replica(0, &[1, 1, 1])], &[1, 1, 1]);
        terms(&[replica(0, &[1, 1, 1]), replica(0, &[1, 1]), replica(0, &[])], &[1, 1]);
        // Two leaders wrote to the same place, each for itself.
        terms(&[replica(0, &[1, 1, 2]), replica(0, &[1, 1, 3]), replica(0, &[1])], &[1, 1]);
        terms(&[replica(0, &[1, 1, 3]), replica(0, &[1, 1, 3]), replica(0, &[1, 1, 2])], &[1, 1, 3]);
    }

    #[test]
    fn who_cannot_be_read_has_nothing() {
        assert!(committed(&[replica(0, &[1, 1])], 2).is_empty());
        assert_eq!(committed(&[replica(0, &[1, 1]), replica(1, &[1])], 1).len(), 1);
    }

    #[test]
    fn what_a_checkpoint_stands_for_is_committed_whatever_others_have() {
        terms(&[replica(0, &[1, 2]), replica(2, &[1, 3]), replica(0, &[1, 2])], &[1, 3]);
        terms(&[replica(2, &[1, 3, 3]), replica(1, &[1, 2, 2]), replica(0, &[1, 3, 3])], &[1, 3, 3]);
    }
}

//! Whether all replicas have the same, and whether it is what clients were told.

use std::collections::{BTreeMap, BTreeSet};

use super::{Cluster, seen_within};
use crate::record::{Key, Lists, Record, check, items};

/// Violations that are printed of a test that fails.
const SHOWN_MAX: usize = 20;

impl Cluster {
    /// Compares what clients saw with what each answering node has. No client may write meanwhile.
    pub fn verify(&self, record: &Record) {
        self.try_verify(record).unwrap_or_else(|problems| panic!("{} of {}:\n{problems}", "violations", record.summary()));
    }

    /// The same, where something may be wrong. The answer says what.
    pub fn try_verify(&self, record: &Record) -> Result<(), String> {
        let mut keys: BTreeMap<u32, BTreeSet<&str>> = (1..=self.groups).map(|group| (group, BTreeSet::new())).collect();
        for (group, key) in record.appends.iter().map(|append| &append.key) {
            keys.entry(*group).or_default().insert(key);
        }
        let mut lists = Lists::new();
        for (group, keys) in keys {
            lists.extend(self.read_group(group, &keys)?);
        }
        let violations = check(record, &lists);
        if violations.is_empty() {
            return Ok(());
        }
        let shown = violations.iter().take(SHOWN_MAX).map(|violation| format!("{violation}\n")).collect::<String>();
        Err(format!("{shown}{} in all", violations.len()))
    }

    /// The lists of a group as its leader has them, when all its replicas have the same.
    fn read_group(&self, group: u32, keys: &BTreeSet<&str>) -> Result<Lists, String> {
        self.fence(group)?;
        let (index, lists) = self.read_leader(group, keys)?;
        let members = self.members(group);
        for id in &members {
            let reached = self.try_ask(*id, &format!("hash {group} {index}"));
            reached
                .filter(|answer| answer.starts_with("hash "))
                .ok_or(format!("node {id} does not reach {index} of group {group}"))?;
            for ((group, key), list) in &lists {
                let there = value_items(&self.try_ask(*id, &format!("peek {group} {key}")).unwrap_or_default());
                if there.as_ref() != Some(list) {
                    return Err(format!("node {id} has something else at {key} of group {group}: {there:?} instead of {list:?}"));
                }
            }
        }
        self.same_hashes(group, index, &members)?;
        Ok(lists)
    }

    /// What a client gave up waiting for may still be on its way to the disks: it is in the log before this, or never.
    fn fence(&self, group: u32) -> Result<(), String> {
        let committed = |answer: &String| answer.starts_with("committed ");
        let put = || self.try_ask(self.leader_now(group)?, &format!("put {group} fence x")).filter(committed);
        seen_within(self.patience, put).map(drop).ok_or(format!("nothing more is committed in group {group}"))
    }

    fn read_leader(&self, group: u32, keys: &BTreeSet<&str>) -> Result<(u64, Lists), String> {
        let mut lists = Lists::new();
        let mut index = self.read(group, "")?.0;
        for key in keys {
            let (at, list) = self.read(group, key)?;
            index = index.max(at);
            let key: Key = (group, (*key).to_owned());
            lists.insert(key, list);
        }
        Ok((index, lists))
    }

    /// Behind a barrier, wherever one can be had.
    fn read(&self, group: u32, key: &str) -> Result<(u64, Vec<String>), String> {
        let key = if key.is_empty() { "nothing" } else { key };
        let mut last = String::new();
        let read = seen_within(self.patience, || {
            let answer = self.try_ask(self.leader_now(group)?, &format!("get {group} {key}"))?;
            last.clone_from(&answer);
            let index = answer.split(' ').nth(1)?.parse().ok()?;
            Some((index, value_items(&answer)?))
        });
        read.ok_or(format!("{key} of group {group} cannot be read: \"{last}\""))
    }

    /// Answering nodes that are voters or learners of the group.
    fn members(&self, group: u32) -> Vec<u64> {
        let Some(leader) = self.leader_now(group) else { return self.answering() };
        let of = |key: &str| self.status(leader, group, key).split(',').filter_map(|id| id.parse().ok()).collect::<Vec<u64>>();
        let members = [of("voters"), of("learners")].concat();
        self.answering().into_iter().filter(|id| members.contains(id)).collect()
    }

    fn same_hashes(&self, group: u32, index: u64, members: &[u64]) -> Result<(), String> {
        let mut by_index: BTreeMap<u64, String> = BTreeMap::new();
        let mut differing = None;
        let agreed = seen_within(self.patience, || {
            let mut indexes = BTreeSet::new();
            for id in members {
                let answer = self.try_ask(*id, &format!("hash {group} {index}"))?;
                let (at, hash) = answer.strip_prefix("hash ")?.split_once(' ')?;
                let at = at.parse().ok()?;
                indexes.insert(at);
                let known = by_index.entry(at).or_insert_with(|| hash.to_owned());
                if known != hash {
                    differing = Some(format!("node {id} has another state of group {group} at {at} than a node before it"));
                    return Some(());
                }
            }
            (indexes.len() == 1).then_some(())
        });
        match (differing, agreed) {
            (Some(differing), _) => Err(differing),
            (None, Some(())) => Ok(()),
            (None, None) => Err(format!("the replicas of group {group} do not come to one index")),
        }
    }
}

/// The items of a `value INDEX VALUE` or `none INDEX`.
fn value_items(answer: &str) -> Option<Vec<String>> {
    let mut words = answer.splitn(3, ' ');
    match (words.next()?, words.next()?, words.next()) {
        ("none", _, None) => Some(Vec::new()),
        ("value", _, Some(value)) => Some(items(value)),
        _ => None,
    }
}

//! What replicas store, and that they agree.

use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use conclave_xmpp::BareJid;

use super::super::net::Event;
use super::super::store::Store;
use super::{Node, World};
use crate::journal::{self, folding::Folding};

impl World {
    /// The store of a replica takes in what has changed. All replicas must agree at the same entry.
    pub fn checkpoint(&mut self, id: u32) {
        let Some(node) = self.nodes.get_mut(&id).filter(|node| node.alive) else { return };
        let Some(task) = node.replica.as_mut() else { return };
        task.store.checkpoint(&mut task.replica);
        node.store = task.store.clone();
        let frozen = Store::frozen(&task.replica);
        let mut differences =
            vec![difference(&node.store, &frozen, &format!("what node {id} stored step by step, against all of it"))];
        let index = frozen.index.unwrap_or(0);
        match self.frozen.get(&index) {
            Some((other, there)) => {
                differences.push(difference(&frozen, there, &format!("node {id} against node {other} at entry {index}")));
            }
            None => drop(self.frozen.insert(index, (id, frozen))),
        }
        for difference in differences.into_iter().flatten() {
            assert!(self.settings.judged, "{difference}");
            self.disagreements.push(difference);
        }
    }

    /// Where replicas did not agree, and the play went on.
    pub fn disagreements(&self) -> &[String] {
        &self.disagreements
    }

    /// A replica that is behind gets the state of another. Whether it was behind.
    pub fn install(&mut self, to: u32, from: u32) -> bool {
        let applied = |node: &Node| node.replica.as_ref().map(|task| task.replica.shard().applied());
        let Some(newer) = self.nodes.get(&from).filter(|node| node.alive) else { return false };
        let behind = self.nodes.get(&to).is_some_and(|node| node.alive && applied(node) < applied(newer));
        let Some(store) = newer.replica.as_ref().filter(|_| behind).map(|task| Store::frozen(&task.replica)) else {
            return false;
        };
        if let Some(node) = self.nodes.get_mut(&to)
            && let Some(task) = node.replica.as_mut()
        {
            node.store = store.clone();
            task.install(store, &mut self.net);
        }
        true
    }

    /// A replica does not hear of new entries, or does again.
    pub fn lag(&mut self, id: u32, lags: bool) {
        if let Some(node) = self.nodes.get_mut(&id) {
            node.lags = lags;
        }
        self.net.after(0, Event::Apply(id));
    }

    /// A replica begins anew from all that it has, and has none of the frames.
    pub fn reload(&mut self, id: u32) {
        if let Some(task) = self.nodes.get_mut(&id).and_then(|node| node.replica.as_mut()) {
            let store = Store::frozen(&task.replica);
            task.install(store, &mut self.net);
        }
    }

    /// All that is committed, in words. The times are those of the commits: the clocks of nodes differ.
    pub fn journal(&self) -> Vec<journal::Entry> {
        let mut folding = Folding::new(0);
        let entry = |index| {
            let bytes = self.log.get(index).and_then(Option::as_deref);
            let entry = folding.take(index, bytes).unwrap_or_else(|error| panic!("entry {index}: {error}"));
            entry.map(|entry| journal::Entry { time: self.log.time(index).unwrap_or(entry.time), ..entry })
        };
        (1..=self.log.last()).filter_map(entry).collect()
    }

    /// How every replica is.
    pub fn ends_of_replicas(&self) -> Vec<journal::Replica> {
        let end = |(id, node): (&u32, &Node)| {
            let replica = &node.replica.as_ref()?.replica;
            let store = Store::frozen(replica);
            let mut hasher = DefaultHasher::new();
            store.records.hash(&mut hasher);
            let (applied, hash) = (replica.shard().applied(), format!("{:016x}", hasher.finish()));
            Some(journal::Replica { node: *id, shard: Some(0), applied, hash, entries: Some((1, applied)), digests: Vec::new() })
        };
        self.nodes.iter().filter_map(end).collect()
    }

    /// How many are in a room, and how many of them are detached, as a node with a replica knows.
    pub fn count(&self, node: u32, room: &str) -> Option<(usize, usize)> {
        let task = self.nodes.get(&node).filter(|node| node.alive)?.replica.as_ref()?;
        let room = BareJid::parse(room).ok()?;
        let lines = task.replica.room_lines(Some(&room));
        let line = lines.first();
        Some(line.map_or((0, 0), |line| (line.occupants as usize, line.detached as usize)))
    }

    /// How many times replicas were compared.
    pub fn checkpoints(&self) -> usize {
        self.frozen.len()
    }

    /// Nothing passes from one node to another any more, or it does again.
    pub fn cut(&mut self, from: u32, to: u32, cut: bool) {
        self.net.cut(from, to, cut);
    }
}

/// They must be the same; where not, a sentence that says so.
pub(super) fn difference(one: &Store, other: &Store, what: &str) -> Option<String> {
    if one.records == other.records {
        return None;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let keys: BTreeSet<&Vec<u8>> = one.records.keys().chain(other.records.keys()).collect();
    let differs = keys.into_iter().filter(|key| one.records.get(*key) != other.records.get(*key));
    let lines = differs.map(|key| {
        let value = |store: &Store| store.records.get(key).map(|value| text(value));
        format!("\n  {}: {:?} / {:?}", text(key), value(one), value(other))
    });
    let lines = lines.collect::<String>();
    Some(format!("I21: {what} (entries {:?} and {:?}): the records differ:{lines}", one.index, other.index))
}

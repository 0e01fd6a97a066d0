//! What replicas store, and that they agree.

use std::collections::BTreeSet;

use super::super::net::Event;
use super::super::store::Store;
use super::{Node, World};

impl World {
    /// The store of a replica takes in what has changed. All replicas must agree at the same entry.
    pub fn checkpoint(&mut self, id: u32) {
        let Some(node) = self.nodes.get_mut(&id).filter(|node| node.alive) else { return };
        let Some(task) = node.replica.as_mut() else { return };
        task.store.checkpoint(&mut task.replica);
        node.store = task.store.clone();
        let frozen = Store::frozen(&task.replica);
        compare(&node.store, &frozen, &format!("what node {id} stored step by step, against all of it"));
        let index = frozen.index.unwrap_or(0);
        match self.frozen.get(&index) {
            Some((other, there)) => compare(&frozen, there, &format!("node {id} against node {other} at entry {index}")),
            None => drop(self.frozen.insert(index, (id, frozen))),
        }
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

    /// How many times replicas were compared.
    pub fn checkpoints(&self) -> usize {
        self.frozen.len()
    }

    /// Nothing passes from one node to another any more, or it does again.
    pub fn cut(&mut self, from: u32, to: u32, cut: bool) {
        self.net.cut(from, to, cut);
    }
}

/// They must be the same.
pub(super) fn compare(one: &Store, other: &Store, what: &str) {
    if one.records == other.records {
        return;
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let keys: BTreeSet<&Vec<u8>> = one.records.keys().chain(other.records.keys()).collect();
    let differs = keys.into_iter().filter(|key| one.records.get(*key) != other.records.get(*key));
    let lines = differs.map(|key| {
        let value = |store: &Store| store.records.get(key).map(|value| text(value));
        format!("\n  {}: {:?} / {:?}", text(key), value(one), value(other))
    });
    panic!("I21: {what} (entries {:?} and {:?}): the records differ:{}", one.index, other.index, lines.collect::<String>());
}

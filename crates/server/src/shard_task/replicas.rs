//! The replicas of this node, and how they are.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError, RwLock};

use tokio::sync::mpsc;

use super::ToShard;

/// The replicas of this node, for those who attend them.
#[derive(Debug, Default)]
pub struct Replicas {
    inboxes: RwLock<BTreeMap<u16, mpsc::UnboundedSender<ToShard>>>,
    figures: Mutex<BTreeMap<u16, Figures>>,
}

/// How a replica is, for metrics.
#[derive(Clone, Copy, Debug, Default)]
pub struct Figures {
    /// The epoch in force.
    pub epoch: u64,
    /// The last entry that is folded in.
    pub applied: u64,
    /// Whether this node is the home, and serves.
    pub serves: bool,
    /// Rooms.
    pub rooms: usize,
    /// Nicks that are taken in them.
    pub occupants: usize,
}

impl Replicas {
    /// The inbox of a shard that has a replica here.
    pub fn get(&self, shard: u16) -> Option<mpsc::UnboundedSender<ToShard>> {
        let inboxes = self.inboxes.read().unwrap_or_else(PoisonError::into_inner);
        inboxes.get(&shard).filter(|inbox| !inbox.is_closed()).cloned()
    }

    /// How all of them are.
    pub fn figures(&self) -> BTreeMap<u16, Figures> {
        self.figures.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Rooms and occupants of the shards that have their home here.
    pub(super) fn at_home(&self) -> Figures {
        let figures = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        figures.values().filter(|one| one.serves).fold(Figures::default(), |sum, one| Figures {
            rooms: sum.rooms + one.rooms,
            occupants: sum.occupants + one.occupants,
            ..sum
        })
    }

    pub(super) fn put(&self, shard: u16, inbox: mpsc::UnboundedSender<ToShard>) {
        self.inboxes.write().unwrap_or_else(PoisonError::into_inner).insert(shard, inbox);
    }

    pub(super) fn note(&self, shard: u16, figures: Option<Figures>) {
        let mut all = self.figures.lock().unwrap_or_else(PoisonError::into_inner);
        match figures {
            Some(figures) => all.insert(shard, figures),
            None => all.remove(&shard),
        };
    }
}

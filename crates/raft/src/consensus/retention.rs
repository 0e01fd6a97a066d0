//! How far the log may be purged while a replica is being brought up.
//!
//! A snapshot stands for one entry, and the replica needs all entries behind it. If the leader went on purging behind each checkpoint while the
//! snapshot is sent and installed, those would be gone when the replica asks for them, and another snapshot would have to follow, under load without end.

use std::collections::BTreeMap;
use std::sync::{Mutex, OnceLock};

use openraft::async_runtime::watch::WatchReceiver as _;

use super::snapshot::LastOutgoing;
use super::types::{SnapshotMeta, Types};
use crate::node::held;

type Metrics = openraft::alias::WatchReceiverOf<Types, openraft::RaftMetrics<Types>>;

/// A replica that is further behind than this is not waited for: the log would grow without bound.
const CATCH_UP_ENTRIES_MAX: u64 = 200_000;

/// What openraft is told of checkpoints: it purges behind what it was told.
pub(crate) struct Retention {
    pub keep_entries: u64,
    pub outgoing: LastOutgoing,
    /// Known once the group runs.
    pub metrics: OnceLock<Metrics>,
    told: Mutex<Told>,
}

#[derive(Default)]
struct Told {
    checkpoint: SnapshotMeta,
    /// How far each replica was then.
    matched: BTreeMap<u64, Option<u64>>,
}

impl Retention {
    pub fn new(keep_entries: u64, outgoing: LastOutgoing) -> Self {
        Self { keep_entries, outgoing, metrics: OnceLock::new(), told: Mutex::default() }
    }

    /// A checkpoint is on disk. The one behind which may be purged: it, or the one before if a replica needs what lies between.
    pub fn tell(&self, checkpoint: &SnapshotMeta) -> SnapshotMeta {
        let mut told = held(&self.told);
        let matched = self.matched();
        let index = |meta: &SnapshotMeta| meta.last_log_id.as_ref().map_or(0, |id| id.index);
        let catching_up = |(node, at): (&u64, &Option<u64>)| {
            let behind = index(checkpoint).saturating_sub(at.unwrap_or(0)) > self.keep_entries;
            behind && told.matched.get(node).is_some_and(|before| at > before)
        };
        let needed = self.outgoing.is_being_sent() || matched.iter().any(catching_up);
        let kept = index(checkpoint).saturating_sub(index(&told.checkpoint));
        if needed && kept < CATCH_UP_ENTRIES_MAX {
            told.matched = matched;
        } else {
            *told = Told { checkpoint: checkpoint.clone(), matched };
        }
        told.checkpoint.clone()
    }

    /// On the leader: the last entry that each replica has.
    fn matched(&self) -> BTreeMap<u64, Option<u64>> {
        let Some(metrics) = self.metrics.get() else { return BTreeMap::new() };
        let metrics = metrics.borrow_watched();
        metrics.replication.iter().flatten().map(|(node, id)| (*node, id.as_ref().map(|id| id.index))).collect()
    }
}

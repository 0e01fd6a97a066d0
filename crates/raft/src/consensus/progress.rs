//! How far one replica is: what it applied, and what of that is in a checkpoint on disk.

use tokio::sync::{Notify, watch};

use super::types::SnapshotMeta;

/// Shared between the machine, which moves it, and those who wait for it.
pub(crate) struct Progress {
    /// The next index to be applied.
    applied: watch::Sender<u64>,
    /// The next index behind the last synced checkpoint.
    saved: watch::Sender<u64>,
    /// Something was applied and is in no checkpoint.
    pub dirty: Notify,
    /// More than a checkpoint's worth of entries is in no checkpoint.
    pub full: Notify,
}

impl Progress {
    pub fn new(position: &SnapshotMeta) -> Self {
        let next = next_index(position);
        Self { applied: watch::Sender::new(next), saved: watch::Sender::new(next), dirty: Notify::new(), full: Notify::new() }
    }

    pub fn applied_to(&self, position: &SnapshotMeta, entries_max: u64) {
        let next = next_index(position);
        self.applied.send_replace(next);
        self.dirty.notify_one();
        if next.saturating_sub(*self.saved.borrow()) >= entries_max {
            self.full.notify_one();
        }
    }

    pub fn saved_to(&self, position: &SnapshotMeta) {
        let next = next_index(position);
        self.saved.send_if_modified(|saved| {
            let newer = next > *saved;
            *saved = (*saved).max(next);
            newer
        });
    }

    /// One more than the last index that was handed to the user.
    pub fn applied(&self) -> u64 {
        *self.applied.borrow()
    }

    /// One more than the last index that a checkpoint on disk holds.
    pub fn saved(&self) -> u64 {
        *self.saved.borrow()
    }

    pub async fn saved_at_least(&self, next: u64) {
        let mut saved = self.saved.subscribe();
        // The sender lives as long as `self`, so this cannot fail.
        let _ = saved.wait_for(|saved| *saved >= next).await;
    }
}

fn next_index(position: &SnapshotMeta) -> u64 {
    position.last_log_id.as_ref().map_or(0, |id| id.index + 1)
}

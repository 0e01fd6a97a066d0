//! Checkpoints: a queue with at most one of each group, and the one thread that writes them, all that wait with one sync.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;

use super::store::Shared;
use super::writer::Writer;
use super::{Change, StateError, StateHash};
use crate::fatal;

/// Told the hash of the state once the disk has the checkpoint.
pub(crate) type Done = Box<dyn FnOnce(StateHash) + Send>;

/// One that waits.
pub(super) struct Checkpoint {
    pub(super) index: u64,
    pub(super) note: Bytes,
    pub(super) changes: Vec<Change>,
    pub(super) done: Done,
}

/// At most one of each group.
#[derive(Default)]
pub(super) struct Queue {
    waiting: Mutex<Waiting>,
    changed: Condvar,
}

#[derive(Default)]
struct Waiting {
    checkpoints: BTreeMap<u32, Checkpoint>,
    closed: bool,
}

impl Queue {
    pub(super) fn put(&self, group: u32, checkpoint: Checkpoint) -> Result<(), StateError> {
        let mut waiting = self.lock();
        if waiting.closed {
            return Err(StateError::Closed);
        }
        if waiting.checkpoints.contains_key(&group) {
            return Err(StateError::Busy { group });
        }
        waiting.checkpoints.insert(group, checkpoint);
        self.changed.notify_one();
        Ok(())
    }

    /// Drops what waits of a group.
    pub(super) fn drop_group(&self, group: u32) {
        self.lock().checkpoints.remove(&group);
    }

    /// Nothing is taken from now on; what waits is still written.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn take(&self) -> BTreeMap<u32, Checkpoint> {
        std::mem::take(&mut self.lock().checkpoints)
    }

    /// Waits until there is one; false if there never will be.
    fn wait(&self) -> bool {
        let waiting = self.changed.wait_while(self.lock(), |waiting| waiting.checkpoints.is_empty() && !waiting.closed);
        !waiting.unwrap_or_else(PoisonError::into_inner).checkpoints.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread. It ends when the queue is closed and empty; a panic in it ends the process, since nobody would miss its checkpoints.
pub(super) fn run(shared: &Shared) {
    let worked = catch_unwind(AssertUnwindSafe(|| {
        while shared.queue.wait() {
            save_waiting(shared);
        }
    }));
    if worked.is_err() {
        fatal::stop(&shared.path, "save checkpoints to", &"the thread panicked");
    }
}

/// Saves everything that waits. What waits is taken under the writer's lock, so that a replacement can drop what it makes obsolete.
fn save_waiting(shared: &Shared) {
    // Out here: if they cannot be saved, nobody hears of it before the process ends, not even that `done` is gone.
    let mut taken = BTreeMap::new();
    let saved = shared.live("save a checkpoint to", |writer| {
        taken = shared.queue.take();
        taken.retain(|group, checkpoint| !leads_back(writer, *group, checkpoint));
        for (group, checkpoint) in &mut taken {
            writer.save(*group, checkpoint.index, checkpoint.note.clone(), std::mem::take(&mut checkpoint.changes))?;
        }
        writer.sync()?;
        let heads = taken.keys().filter_map(|group| Some((*group, writer.head(*group)?)));
        let saved: BTreeMap<u32, (u64, StateHash)> = heads.map(|(group, head)| (group, (head.index, head.hash))).collect();
        shared.summaries().extend(&saved);
        Ok(saved)
    });
    let Ok(saved) = saved else {
        // The database was closed; then nobody waits for its checkpoints.
        drop(shared.queue.take());
        return;
    };
    for (group, checkpoint) in taken {
        if let Some((_, hash)) = saved.get(&group) {
            (checkpoint.done)(*hash);
        }
    }
}

fn leads_back(writer: &Writer, group: u32, checkpoint: &Checkpoint) -> bool {
    let Some(stored) = writer.head(group).map(|head| head.index).filter(|stored| checkpoint.index < *stored) else {
        return false;
    };
    tracing::error!(group, index = checkpoint.index, stored, "a checkpoint leads back; it is dropped");
    true
}

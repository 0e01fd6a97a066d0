//! The store of all groups of a node: its face, and who may write when.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;

use super::checkpoint::{self, Checkpoint, Done, Queue};
use super::database::{Database, guarded};
use super::head;
pub(crate) use super::loading::Stored;
use super::saves::{self, Saves};
use super::writer::Writer;
use super::{Change, NOTE_BYTES_MAX, Pair, StateError, StateHash, check_length, check_lengths, loading, replacement};
use crate::fatal;

/// Where the database is, in the node's directory.
pub(super) const DIRECTORY: &str = "state";

/// The state of all groups of a node, on disk. Clones are the same store; it is closed with [`StateStore::close`] or with the last of them.
#[derive(Clone)]
pub(crate) struct StateStore {
    pub(super) shared: Arc<Shared>,
    /// Ends the thread with the last clone.
    thread: Arc<Thread>,
}

impl StateStore {
    /// Opens the database in `dir/state` and reads what groups it has; creates it when it is absent.
    ///
    /// # Errors
    /// [`StateError::Damaged`] if it does not open, is behind what was saved, or is gone though there was one; nothing is removed then.
    pub fn open(dir: &Path) -> Result<StateStore, StateError> {
        let path = dir.join(DIRECTORY);
        let writer = guarded(&path, || open_writer(dir, &path))?;
        let summaries = writer.heads().iter().map(|(group, head)| (*group, (head.index, head.hash))).collect();
        let (writer, queue, summaries) = (Mutex::new(Some(writer)), Queue::default(), Mutex::new(summaries));
        let shared = Arc::new(Shared { path, writer, queue, summaries });
        let work = shared.clone();
        let thread = std::thread::Builder::new().name("state".to_owned()).spawn(move || checkpoint::run(&work));
        let thread = thread.map_err(StateError::io(dir, "start a thread for the state in"))?;
        let thread = Arc::new(Thread { shared: shared.clone(), handle: Mutex::new(Some(thread)) });
        Ok(StateStore { shared, thread })
    }

    /// What is stored of a group, every record verified; none if nothing is. Blocks, and checkpoints with it.
    pub fn load(&self, group: u32) -> Result<Option<Stored>, StateError> {
        guarded(&self.shared.path, || {
            let writer = self.shared.writer();
            loading::load(writer.as_ref().ok_or(StateError::Closed)?, group)
        })
    }

    /// Queues a checkpoint: all changes since the last, and the index they lead to. `done` is called with the new hash when the disk has it;
    /// it must not block. It is never called if [`StateStore::replace`] or [`StateStore::forget`] comes first, nor after a fault: that ends
    /// the process.
    ///
    /// # Errors
    /// One checkpoint of each group can wait, which bounds the queue: [`StateError::Busy`]. Keys, values and notes have limits:
    /// [`StateError::TooLong`]. An index before the stored one: [`StateError::Backwards`].
    pub fn save(&self, group: u32, index: u64, note: Bytes, changes: Vec<Change>, done: Done) -> Result<(), StateError> {
        check_length("note", note.len(), NOTE_BYTES_MAX)?;
        changes.iter().try_for_each(|(key, value)| check_lengths(key, value.as_deref()))?;
        match self.summary(group) {
            Some((stored, _)) if index < stored => Err(StateError::Backwards { group, index, stored }),
            _ => self.shared.queue.put(group, Checkpoint { index, note, changes, done }),
        }
    }

    /// Replaces all of a group's state, and drops the checkpoint of it that may wait. Blocks until the disk has it. A crash leaves all of the
    /// old or all of the new.
    ///
    /// # Errors
    /// Those of `pairs`, and what cannot be kept. The old state is still there then.
    pub fn replace(
        &self,
        group: u32,
        index: u64,
        note: Bytes,
        pairs: impl Iterator<Item = Result<Pair, StateError>>,
    ) -> Result<StateHash, StateError> {
        check_length("note", note.len(), NOTE_BYTES_MAX)?;
        replacement::replace(&self.shared, group, (index, note), pairs)
    }

    /// Removes all of a group's state. Blocks until the disk has that.
    pub fn forget(&self, group: u32) -> Result<(), StateError> {
        replacement::forget(&self.shared, group)
    }

    /// Index and hash of the last synced checkpoint.
    pub fn summary(&self, group: u32) -> Option<(u64, StateHash)> {
        self.shared.summaries().get(&group).copied()
    }

    /// Writes what waits, and closes the database, for all clones. Not to be called from a `done`.
    pub fn close(self) {
        self.thread.end();
        *self.shared.writer() = None;
    }
}

/// What the callers and the thread of checkpoints share. Who takes both locks takes the writer first, then the queue's.
pub(super) struct Shared {
    pub(super) path: PathBuf,
    /// None once it is closed.
    writer: Mutex<Option<Writer>>,
    pub(super) queue: Queue,
    summaries: Mutex<BTreeMap<u32, (u64, StateHash)>>,
}

impl Shared {
    pub(super) fn writer(&self) -> MutexGuard<'_, Option<Writer>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn summaries(&self) -> MutexGuard<'_, BTreeMap<u32, (u64, StateHash)>> {
        self.summaries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does something with the live database. If that fails, or sled panics, the process ends; only a refusal comes back.
    pub(super) fn live<T>(&self, what: &str, work: impl FnOnce(&mut Writer) -> Result<T, StateError>) -> Result<T, StateError> {
        let mut writer = self.writer();
        let writer = writer.as_mut().ok_or(StateError::Closed)?;
        match guarded(&self.path, || work(writer)) {
            Err(error @ (StateError::Damaged { .. } | StateError::Io { .. })) => fatal::stop(&self.path, what, &error),
            done => done,
        }
    }
}

/// The thread of checkpoints.
struct Thread {
    shared: Arc<Shared>,
    handle: Mutex<Option<JoinHandle<()>>>,
}

impl Thread {
    fn end(&self) {
        self.shared.queue.close();
        let handle = self.handle.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The last clone may be in a `done`, and then this is that thread.
        if let Some(handle) = handle.filter(|handle| handle.thread().id() != std::thread::current().id()) {
            let _ = handle.join();
        }
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.end();
    }
}

fn open_writer(dir: &Path, path: &Path) -> Result<Writer, StateError> {
    let saves = Saves::open(dir)?;
    let saved = saves.as_ref().map(|(_, count)| *count);
    if saved.is_some_and(|count| count > 0) && !path.join("db").exists() {
        return Err(StateError::damaged(path, "the database is gone"));
    }
    let database = Database::open(path)?;
    let found = head::parse_saves(path, database.get(head::saves_key())?.as_deref())?;
    let saves = match saves {
        Some((_, saved)) if found < saved => {
            return Err(StateError::damaged(path, format!("it was written {saved} times, and what is there ends at {found}")));
        }
        Some((saves, _)) => saves,
        None if found == 0 => Saves::create(dir)?,
        None => return Err(StateError::damaged(&saves::path(dir), "it is gone, so that nobody knows if the state is all there")),
    };
    Writer::new(database, saves, found)
}

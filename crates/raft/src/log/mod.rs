//! The log of a node: numbered records of many groups, and small values under numbers, in one sequence of files.
//!
//! What a group's records mean is not known here. A record is an *entry*, the numbers are its *index* and its *group*, the small values are *slots*.
//! What callers change is seen by readers at once; one thread writes it, all that waits in one frame with one sync, and tells the callers afterwards
//! in the order in which they came. When the disk fails the process ends, and nobody is told anything.
//!
//! `segment` and `frame` say what the files look like, `recovery` what is refused and what is repaired when they are opened.

mod cleaning;
mod error;
mod frame;
mod group;
mod index;
mod loss;
mod op;
mod output;
mod reading;
mod recovery;
mod replay;
mod segment;
mod shared;
mod span;
#[cfg(test)]
mod tests;
mod writer;

use std::ops::Range;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use bytes::Bytes;

use op::Op;
use recovery::Recovered;
use shared::Shared;

pub(crate) use error::LogError;
#[cfg(test)]
use loss::Report;
pub(crate) use loss::accept_loss;

/// Bytes of an entry, at most: it is held in memory, written and sent whole. One MiB for what users put into it, and what goes around that.
pub(crate) const ENTRY_BYTES_MAX: usize = 1024 * 1024 + 64 * 1024;

/// Bytes of a slot's value or of a purge's note, at most: every segment begins with all of them.
pub(crate) const SLOT_BYTES_MAX: usize = 4096;

/// Bytes of a frame, about: whoever waits for a sync waits for what is written before it. Also at most a quarter of a segment, so that no more
/// than that is left unused at its end; but one entry always fits.
const FRAME_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Runs on the writer's thread after the sync, so it must be short. It is dropped without being run if the write is not taken.
pub(crate) type Done = Option<Box<dyn FnOnce() + Send>>;

/// Where a log is, and how much it may take.
#[derive(Debug, Clone)]
pub(crate) struct LogSettings {
    pub dir: PathBuf,
    /// Random, made with the data directory. It is in every file and in every checksum.
    pub storage: [u8; 16],
    /// Of a new segment. One is larger when it has to be. From 4 KiB to 1 GiB.
    pub segment_bytes: u64,
    /// Memory for entries of all groups, beside those that wait to be written.
    pub tail_bytes_max: usize,
    /// Bytes that may wait for the writer before [`Log::room`] waits.
    pub queue_bytes_max: usize,
}

/// What a group has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    /// The last index that was purged, and the note left for it.
    pub purged: Option<(u64, Bytes)>,
    /// The index of the first entry, or of the one that must come first; 0 if that may be any.
    pub first: u64,
    pub last: Option<u64>,
}

/// Figures for metrics. The last three count from the start of the process.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogStats {
    /// Of all segments.
    pub disk_bytes: u64,
    /// Files of the log.
    pub segments: u64,
    /// Of entries that are in memory, with what holds them.
    pub tail_bytes: usize,
    /// Waiting for the writer.
    pub queue_bytes: usize,
    /// Calls of fdatasync: one for each batch.
    pub syncs: u64,
    /// Frames written.
    pub frames: u64,
    /// Entries written.
    pub entries: u64,
}

/// An open log. Cheap to clone. Closed with the last clone, or before.
#[derive(Clone)]
pub(crate) struct Log {
    open: Arc<Open>,
}

struct Open {
    shared: Arc<Shared>,
    writer: Mutex<Option<JoinHandle<()>>>,
}

impl Log {
    /// Makes an empty one. The directory may exist, but has no log.
    pub fn create(settings: LogSettings) -> Result<Self, LogError> {
        let settings = settings.within_limits();
        let recovered = recovery::create(&settings)?;
        Self::start(settings, recovered)
    }

    /// Opens one that exists, and verifies every byte of it.
    pub fn open(settings: LogSettings) -> Result<Self, LogError> {
        let settings = settings.within_limits();
        let recovered = recovery::open(&settings)?;
        Self::start(settings, recovered)
    }

    fn start(settings: LogSettings, recovered: Recovered) -> Result<Self, LogError> {
        let Recovered { index, output } = recovered;
        let shared = Arc::new(Shared::new(settings, index, output.synced()));
        let writer = writer::start(shared.clone(), output)?;
        Ok(Self { open: Arc::new(Open { shared, writer: Mutex::new(Some(writer)) }) })
    }

    fn shared(&self) -> &Shared {
        &self.open.shared
    }

    /// The groups that have ever been written to, unless they were forgotten.
    pub fn groups(&self) -> Vec<u32> {
        self.shared().lock().groups.keys().copied().collect()
    }

    pub fn extent(&self, group: u32) -> Extent {
        let state = self.shared().lock();
        let span = state.groups.get(&group).map(|group| group.span.clone()).unwrap_or_default();
        Extent { last: span.last(), first: span.first, purged: span.purged }
    }

    pub fn slot(&self, group: u32, slot: u64) -> Option<Bytes> {
        self.shared().lock().groups.get(&group)?.slots.get(&slot).cloned()
    }

    #[cfg(test)]
    pub fn slots(&self, group: u32) -> Vec<(u64, Bytes)> {
        let state = self.shared().lock();
        let slots = state.groups.get(&group).into_iter().flat_map(|group| &group.slots);
        slots.map(|(slot, value)| (*slot, value.clone())).collect()
    }

    /// The entries of a range as far as they are there, in order. Stops in front of the one that would exceed `bytes_max`, but gives at least one.
    /// Those that are no longer in memory are read from their files, and verified: this blocks.
    pub fn read(&self, group: u32, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, LogError> {
        reading::read(self.shared(), group, range, bytes_max)
    }

    /// Waits while too much waits for the writer. To be awaited before each write.
    pub async fn room(&self) {
        self.shared().room().await;
    }

    /// Adds entries behind the last one. A group that is empty and was never purged may begin anywhere.
    pub fn append(&self, group: u32, entries: Vec<(u64, Bytes)>, done: Done) -> Result<(), LogError> {
        for (_, entry) in &entries {
            check_length("an entry", entry, ENTRY_BYTES_MAX)?;
        }
        let Some(first) = entries.first().map(|(index, _)| *index) else {
            return self.shared().pass(done);
        };
        if let Some(((index, _), expected)) = entries.iter().zip(first..).find(|((index, _), expected)| index != expected) {
            return Err(LogError::Hole { group, index: *index, expected });
        }
        self.shared().append(group, first, entries.into_iter().map(|(_, entry)| entry).collect(), done)
    }

    /// Drops the entries from this index on.
    pub fn truncate(&self, group: u32, from: u64, done: Done) -> Result<(), LogError> {
        self.shared().change(Op::Truncate { group, from }, done)
    }

    /// Drops the entries up to and with this index, which may lie behind the last one: then the group is empty and goes on behind it.
    /// It never goes back: a lower index than the last time changes nothing. What callers need to know of the last purged entry is the note.
    pub fn purge(&self, group: u32, upto: u64, note: Bytes, done: Done) -> Result<(), LogError> {
        check_length("a note", &note, SLOT_BYTES_MAX)?;
        self.shared().change(Op::Purge { group, upto, note }, done)
    }

    /// Sets a slot.
    pub fn set(&self, group: u32, slot: u64, value: Bytes, done: Done) -> Result<(), LogError> {
        check_length("the value of a slot", &value, SLOT_BYTES_MAX)?;
        self.shared().change(Op::Set { group, slot, value }, done)
    }

    /// Drops a group with all it has, as if it had never been. On a log that is closed this does nothing.
    pub fn forget(&self, group: u32, done: Done) {
        let _ = self.shared().change(Op::Forget { group }, done);
    }

    /// The number of the last frame that is known to be on disk. Higher after every sync that a caller was told of, also over restarts.
    pub fn synced(&self) -> u64 {
        self.shared().synced()
    }

    pub fn stats(&self) -> LogStats {
        self.shared().lock().stats()
    }

    /// Takes no more writes, waits until all that were taken are on disk, and seals the log. Blocks. Reading goes on.
    pub fn close(&self) {
        self.open.close();
    }
}

impl Open {
    fn close(&self) {
        self.shared.close();
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        // The last clone may be in the hands of the writer itself, in something that it was to run.
        if let Some(writer) = writer.filter(|writer| writer.thread().id() != std::thread::current().id()) {
            let _ = writer.join();
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.close();
    }
}

impl LogSettings {
    /// Smaller segments hold little beside their own first frame; in larger ones an offset takes more than four bytes.
    fn within_limits(mut self) -> Self {
        self.segment_bytes = self.segment_bytes.clamp(4 * 1024, 1024 * 1024 * 1024).next_multiple_of(frame::ALIGN_BYTES as u64);
        self
    }

    fn frame_bytes_max(&self) -> usize {
        FRAME_BYTES_MAX.min(self.segment_bytes as usize / 4)
    }
}

fn check_length(what: &'static str, bytes: &Bytes, max: usize) -> Result<(), LogError> {
    if bytes.len() > max { Err(LogError::TooLong { what, bytes: bytes.len(), max }) } else { Ok(()) }
}

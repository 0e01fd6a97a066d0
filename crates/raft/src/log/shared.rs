//! What callers and the writer share.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use tokio::sync::Notify;

use super::group::Group;
use super::index::Index;
use super::op::{ENTRY_HEAD_BYTES, Op};
use super::span::Gap;
use super::{Done, LogError, LogSettings, LogStats};

/// The log between its callers and its writer.
pub(super) struct Shared {
    pub settings: LogSettings,
    state: Mutex<State>,
    /// Something is in the queue, or the log is closing.
    work: Condvar,
    room: Notify,
    synced: AtomicU64,
}

/// Never locked during input or output.
pub(super) struct State {
    /// With what is in the queue.
    pub groups: BTreeMap<u32, Group>,
    /// Without it.
    pub index: Index,
    queue: VecDeque<Job>,
    /// Of the queue, and of what the writer took out of it and has not settled.
    queue_bytes: usize,
    /// The number of the last one.
    jobs: u64,
    tail_bytes: usize,
    closing: bool,
    counts: LogStats,
}

/// What the writer has to do, and whom it tells then.
pub(super) struct Job {
    pub number: u64,
    /// None if nothing changes: then it only has its turn.
    pub op: Option<Op>,
    pub bytes: usize,
    pub done: Done,
}

/// What a job takes in the queue beside its bytes.
const JOB_BYTES: usize = size_of::<Job>();

impl Shared {
    pub fn new(settings: LogSettings, index: Index, synced: u64) -> Self {
        let seen =
            |(group, stored): (&u32, &super::index::Stored)| (*group, Group::new(stored.span.clone(), stored.slots.clone()));
        let state = State {
            groups: index.groups.iter().map(seen).collect(),
            index,
            queue: VecDeque::new(),
            queue_bytes: 0,
            jobs: 0,
            tail_bytes: 0,
            closing: false,
            counts: LogStats::default(),
        };
        Self { settings, state: Mutex::new(state), work: Condvar::new(), room: Notify::new(), synced: AtomicU64::new(synced) }
    }

    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn synced(&self) -> u64 {
        self.synced.load(Ordering::Acquire)
    }

    pub async fn room(&self) {
        loop {
            // Made before the look, so that no notice is missed.
            let notice = self.room.notified();
            let has_room = {
                let state = self.lock();
                state.closing || state.queue_bytes <= self.settings.queue_bytes_max
            };
            if has_room {
                return;
            }
            notice.await;
        }
    }

    pub fn append(&self, group: u32, first: u64, entries: Vec<Bytes>, done: Done) -> Result<(), LogError> {
        let mut state = self.open()?;
        let mut span = state.groups.get(&group).map(|group| group.span.clone()).unwrap_or_default();
        span.append(first, entries.len() as u64).map_err(hole(group))?;
        let (mut first, mut done) = (first, done);
        let mut parts = parts(entries, self.settings.frame_bytes_max()).into_iter().peekable();
        while let Some(entries) = parts.next() {
            let next = first + entries.len() as u64;
            let done = if parts.peek().is_none() { done.take() } else { None };
            state.push(Op::Append { group, first, entries }, done).map_err(hole(group))?;
            first = next;
        }
        self.work.notify_one();
        Ok(())
    }

    pub fn change(&self, op: Op, done: Done) -> Result<(), LogError> {
        let mut state = self.open()?;
        let group = op.group();
        state.push(op, done).map_err(hole(group))?;
        self.work.notify_one();
        Ok(())
    }

    /// Queues what changes nothing, for its turn.
    pub fn pass(&self, done: Done) -> Result<(), LogError> {
        let mut state = self.open()?;
        state.queue_job(None, done);
        self.work.notify_one();
        Ok(())
    }

    pub fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
        self.room.notify_waiters();
    }

    /// Waits for jobs. As many as fit into a frame, but at least one; none when the log is closed and nothing is left.
    pub fn take(&self) -> Option<Vec<Job>> {
        let mut state = self.lock();
        while state.queue.is_empty() {
            if state.closing {
                return None;
            }
            state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        Some(state.take(self.settings.frame_bytes_max()))
    }

    /// Accounts for what is on disk now.
    pub fn settle(&self, jobs: &[Job], account: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        account(&mut state);
        state.queue_bytes -= jobs.iter().map(|job| job.bytes).sum::<usize>();
        if let Some(last) = jobs.last() {
            state.evict(last.number, self.settings.tail_bytes_max);
        }
        drop(state);
        self.room.notify_waiters();
    }

    pub fn set_synced(&self, frame: u64) {
        self.synced.store(frame, Ordering::Release);
    }

    fn open(&self) -> Result<MutexGuard<'_, State>, LogError> {
        let state = self.lock();
        if state.closing { Err(LogError::Closed) } else { Ok(state) }
    }
}

impl State {
    pub fn stats(&self) -> LogStats {
        LogStats {
            disk_bytes: self.index.disk_bytes(),
            segments: self.index.segments.len() as u64,
            tail_bytes: self.tail_bytes,
            queue_bytes: self.queue_bytes,
            ..self.counts
        }
    }

    pub fn count_frame(&mut self, entries: usize) {
        self.counts.frames += 1;
        self.counts.syncs += 1;
        self.counts.entries += entries as u64;
    }

    /// Makes the change in memory and queues it. On an error nothing has changed.
    fn push(&mut self, op: Op, done: Done) -> Result<(), Gap> {
        let changes = self.see(&op)?;
        self.queue_job(changes.then_some(op), done);
        Ok(())
    }

    /// Says whether anything changed.
    fn see(&mut self, op: &Op) -> Result<bool, Gap> {
        match op {
            Op::Append { group, first, entries } => {
                self.tail_bytes += self.groups.entry(*group).or_default().append(self.jobs + 1, *first, entries)?;
            }
            Op::Truncate { group, from } => {
                let freed = self.groups.get_mut(group).and_then(|group| group.truncate(*from));
                self.tail_bytes -= freed.unwrap_or(0);
                return Ok(freed.is_some());
            }
            Op::Purge { group, upto, note } => {
                let freed = self.groups.entry(*group).or_default().purge(*upto, note.clone())?;
                self.tail_bytes -= freed.unwrap_or(0);
                return Ok(freed.is_some());
            }
            Op::Set { group, slot, value } => {
                self.groups.entry(*group).or_default().slots.insert(*slot, value.clone());
            }
            Op::Forget { group } => {
                let forgotten = self.groups.remove(group);
                self.tail_bytes -= forgotten.as_ref().map_or(0, Group::tail_bytes);
                return Ok(forgotten.is_some());
            }
            // These are the writer's own.
            Op::Copy { .. } | Op::Span { .. } => return Ok(false),
        }
        Ok(true)
    }

    fn queue_job(&mut self, op: Option<Op>, done: Done) {
        self.jobs += 1;
        let bytes = JOB_BYTES + op.as_ref().map_or(0, Op::len);
        self.queue_bytes += bytes;
        self.queue.push_back(Job { number: self.jobs, op, bytes, done });
    }

    fn take(&mut self, bytes_max: usize) -> Vec<Job> {
        let mut bytes = 0;
        let fits = |job: &&Job| {
            bytes += job.bytes;
            bytes <= bytes_max
        };
        let count = self.queue.iter().take_while(fits).count().max(1);
        self.queue.drain(..count.min(self.queue.len())).collect()
    }

    /// Drops the oldest entries from memory until the rest is within the limit, but none that a job behind `written` has to write.
    fn evict(&mut self, written: u64, bytes_max: usize) {
        while self.tail_bytes > bytes_max {
            let oldest = self.groups.values_mut().filter_map(|group| Some((group.oldest()?, group)));
            match oldest.min_by_key(|(job, _)| *job) {
                Some((job, group)) if job <= written => self.tail_bytes -= group.evict(job),
                _ => return,
            }
        }
    }
}

fn hole(group: u32) -> impl FnOnce(Gap) -> LogError {
    move |gap| LogError::Hole { group, index: gap.index, expected: gap.expected }
}

/// Cuts a long append, so that each part fits into a frame.
fn parts(entries: Vec<Bytes>, bytes_max: usize) -> Vec<Vec<Bytes>> {
    let mut parts: Vec<Vec<Bytes>> = Vec::new();
    let mut bytes = 0_usize;
    for entry in entries {
        let length = entry.len() + ENTRY_HEAD_BYTES as usize;
        bytes = bytes.saturating_add(length);
        match parts.last_mut() {
            Some(part) if bytes <= bytes_max => part.push(entry),
            _ => {
                bytes = length;
                parts.push(vec![entry]);
            }
        }
    }
    parts
}

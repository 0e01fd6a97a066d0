//! One group's part of the node's log, as openraft wants to see it.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, RangeBounds};

use bytes::Bytes;
use futures_util::{Stream, stream};
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use tokio::sync::oneshot;

use super::codec;
use super::types::{Entry, LogId, Payload, Proposal, Types, Vote};
use crate::log::Log;
use crate::{GroupId, InspectedEntry};

/// The slot of a group that holds its vote.
const VOTE: u64 = 1;

/// Where the votes of forgotten groups are kept; the slot is the group. A replica that comes back must not vote twice in one term.
const FORGOTTEN: u32 = GroupId::RESERVED + 1;

/// Where the positions of their last entries are kept. A replica that comes back empty must not vote for somebody who lacks what it once acknowledged: who
/// missed that it was taken out still counts its vote.
const FORGOTTEN_LAST: u32 = GroupId::RESERVED + 2;

/// Entries that go into one message to a peer, in bytes: below the limit of a call with room for what is around them.
const MESSAGE_BYTES_MAX: usize = 2 * 1024 * 1024;

/// Entries that are read at once while they are applied, in bytes: what a group that catches up holds in memory.
const APPLY_BYTES_MAX: usize = 1024 * 1024;

/// The log and vote of one group.
#[derive(Clone)]
pub(crate) struct GroupLog {
    log: Log,
    group: u32,
}

impl GroupLog {
    pub fn new(log: Log, group: u32) -> Self {
        Self { log, group }
    }

    /// Deletes everything but the vote and the position of the last entry. If the latter cannot be read, everything stays.
    pub async fn forget(&self) -> io::Result<()> {
        if let Some(vote) = self.log.slot(self.group, VOTE) {
            self.set(FORGOTTEN, u64::from(self.group), vote).await;
        }
        // It may be forgotten again before it had as much as the first time.
        if let Some(last) = self.last()?.max(self.forgotten_last()?) {
            self.set(FORGOTTEN_LAST, u64::from(self.group), codec::encode_log_id(&last)).await;
        }
        let (synced, done) = oneshot::channel();
        self.log.forget(
            self.group,
            Some(Box::new(move || {
                let _ = synced.send(());
            })),
        );
        let _ = done.await;
        Ok(())
    }

    /// The last entry that an earlier replica of this group had here, if it was forgotten.
    pub fn forgotten_last(&self) -> io::Result<Option<LogId>> {
        Ok(self.log.slot(FORGOTTEN_LAST, u64::from(self.group)).map(codec::decode_log_id).transpose()?)
    }

    /// The last entry, whether it is there still or purged.
    fn last(&self) -> io::Result<Option<LogId>> {
        match self.log.extent(self.group).last {
            Some(last) => Ok(self.read(last, last + 1, usize::MAX)?.pop().map(|entry| entry.log_id)),
            None => self.purged(),
        }
    }

    /// Drops the entries from this index on, and waits until that is on disk: what is installed or appended next may rely on it.
    async fn truncate(&self, from: u64) -> io::Result<()> {
        let (synced, done) = oneshot::channel();
        let then = Box::new(move || {
            let _ = synced.send(());
        });
        self.log.truncate(self.group, from, Some(then)).map_err(io::Error::other)?;
        done.await.map_err(|_| io::Error::other("the log has been closed"))
    }

    /// Waits until everything that was written before is on disk.
    pub async fn on_disk(&self) -> io::Result<()> {
        self.truncate(u64::MAX).await
    }

    /// Makes the log agree with a state that came from a peer. If another entry stands where the state ends, it and all behind it were never committed,
    /// and those before it are in the state.
    pub async fn agree_with(&self, state: &LogId) -> io::Result<()> {
        let extent = self.log.extent(self.group);
        if extent.last.is_none_or(|last| last < state.index) || state.index < extent.first {
            return Ok(());
        }
        let there = self.read(state.index, state.index + 1, usize::MAX)?.pop();
        if there.is_some_and(|entry| entry.log_id == *state) { Ok(()) } else { self.truncate(extent.first).await }
    }

    /// Whether there is a vote.
    pub fn has_voted(&self) -> bool {
        self.log.slot(self.group, VOTE).is_some()
    }

    /// Takes up the vote of an earlier time in this group, if there was one.
    pub async fn remember(&self) {
        if let (None, Some(vote)) = (self.log.slot(self.group, VOTE), self.log.slot(FORGOTTEN, u64::from(self.group))) {
            self.set(self.group, VOTE, vote).await;
        }
    }

    /// Writes a slot, and waits until it is on disk. False when the log has been closed.
    async fn set(&self, group: u32, slot: u64, value: Bytes) -> bool {
        let (synced, done) = oneshot::channel();
        self.log.room().await;
        let then = Box::new(move || {
            let _ = synced.send(());
        });
        self.log.set(group, slot, value, Some(then)).is_ok() && done.await.is_ok()
    }

    /// The position up to which entries are gone.
    pub fn purged(&self) -> io::Result<Option<LogId>> {
        let note = self.log.extent(self.group).purged.map(|(_, note)| note);
        Ok(note.map(codec::decode_log_id).transpose()?)
    }

    fn read(&self, from: u64, to: u64, bytes_max: usize) -> io::Result<Vec<Entry>> {
        let entries = self.log.read(self.group, from..to, bytes_max).map_err(io::Error::other)?;
        entries.into_iter().map(|(_, bytes)| codec::decode_entry(bytes).map_err(Into::into)).collect()
    }

    fn vote(&self) -> io::Result<Option<Vote>> {
        Ok(self.log.slot(self.group, VOTE).map(codec::decode_vote).transpose()?)
    }
}

/// All entries of a group, for inspection.
pub(crate) fn entries(log: &Log, group: u32) -> io::Result<Vec<InspectedEntry>> {
    let entries = GroupLog::new(log.clone(), group).read(0, u64::MAX, usize::MAX)?;
    let inspected = entries.into_iter().map(|entry| InspectedEntry {
        index: entry.log_id.index,
        term: entry.log_id.leader_id.term,
        proposal: match entry.payload {
            Payload::Normal(Proposal(bytes)) => Some(bytes),
            Payload::Blank | Payload::Membership(_) => None,
        },
    });
    Ok(inspected.collect())
}

fn bounds(range: &impl RangeBounds<u64>) -> (u64, u64) {
    let from = match range.start_bound() {
        Bound::Included(from) => *from,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let to = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(to) => *to,
        Bound::Unbounded => u64::MAX,
    };
    (from, to)
}

impl RaftLogReader<Types> for GroupLog {
    async fn try_get_log_entries<R>(&mut self, range: R) -> io::Result<Vec<Entry>>
    where
        R: RangeBounds<u64> + Clone + Debug + Send,
    {
        let (from, to) = bounds(&range);
        self.read(from, to, usize::MAX)
    }

    async fn limited_get_log_entries(&mut self, from: u64, to: u64) -> io::Result<Vec<Entry>> {
        self.read(from, to, MESSAGE_BYTES_MAX)
    }

    async fn entries_stream<R>(&mut self, range: R) -> impl Stream<Item = io::Result<Entry>> + Send
    where
        R: RangeBounds<u64> + Clone + Debug + Send,
    {
        let (from, to) = bounds(&range);
        let log = self.clone();
        let pieces = stream::unfold(Some(from), move |from| {
            let log = log.clone();
            async move {
                let from = from.filter(|from| *from < to)?;
                match log.read(from, to, APPLY_BYTES_MAX) {
                    Ok(entries) if entries.is_empty() => None,
                    Ok(entries) if entries[0].log_id.index != from => {
                        let gap =
                            format!("entry {from} is not in the log any more, which goes on at {}", entries[0].log_id.index);
                        Some((vec![Err(io::Error::new(io::ErrorKind::NotFound, gap))], None))
                    }
                    Ok(entries) => {
                        let next = from + entries.len() as u64;
                        Some((entries.into_iter().map(Ok).collect::<Vec<_>>(), Some(next)))
                    }
                    Err(error) => Some((vec![Err(error)], None)),
                }
            }
        });
        Box::pin(futures_util::StreamExt::flat_map(pieces, stream::iter))
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        self.vote()
    }
}

impl RaftLogStorage<Types> for GroupLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> io::Result<LogState<Types>> {
        Ok(LogState { last_purged_log_id: self.purged()?, last_log_id: self.last()? })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let synced = self.set(self.group, VOTE, codec::encode_vote(vote)).await;
        if synced { Ok(()) } else { Err(io::Error::other("the log has been closed")) }
    }

    async fn append<I>(&mut self, entries: I, flushed: IOFlushed<Types>) -> io::Result<()>
    where
        I: IntoIterator<Item = Entry> + Send,
        I::IntoIter: Send,
    {
        let entries = entries.into_iter().map(|entry| (entry.log_id.index, codec::encode_entry(&entry))).collect();
        self.log.room().await;
        // There is no other outcome than success: the process ends when the disk fails.
        let done = Box::new(move || flushed.io_completed(Ok(())));
        self.log.append(self.group, entries, Some(done)).map_err(io::Error::other)
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.truncate(last.map_or(0, |last| last.index + 1)).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        self.log.purge(self.group, upto.index, codec::encode_log_id(&upto), None).map_err(io::Error::other)
    }
}

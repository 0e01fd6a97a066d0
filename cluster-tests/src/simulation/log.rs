//! The log of the shard: one sequence of entries, and whoever leads may add to it.

use std::collections::VecDeque;

use conclave_cluster::codec;
use conclave_cluster::entry::ShardChange;

/// The log, as if one saw all of Raft's at once.
#[derive(Debug, Default)]
pub struct Log {
    /// From index 1; nothing stands for an entry of Raft's own.
    entries: Vec<Option<Vec<u8>>>,
    /// When each was committed, in milliseconds of the simulation.
    times: Vec<u64>,
    /// What time it is.
    pub now: u64,
    /// Who leads, and in which term.
    leader: Option<u32>,
    term: u64,
    /// Proposed in this term, and not committed.
    queue: VecDeque<Vec<u8>>,
    /// Of former terms. Raft lets none turn up later; that the epoch is a fence shows only if some do. An office never begins late.
    late: VecDeque<Vec<u8>>,
    /// Nothing is committed meanwhile.
    pub stalled: bool,
}

impl Log {
    /// The index of the newest entry.
    pub fn last(&self) -> u64 {
        self.entries.len() as u64
    }

    /// An entry.
    pub fn get(&self, index: u64) -> Option<&Option<Vec<u8>>> {
        self.entries.get(index.checked_sub(1)? as usize)
    }

    /// When an entry was committed.
    pub fn time(&self, index: u64) -> Option<u64> {
        self.times.get(index.checked_sub(1)? as usize).copied()
    }

    /// Who leads.
    pub fn leader(&self) -> Option<u32> {
        self.leader
    }

    /// In which term.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// Whether a node leads in a term.
    pub fn leads(&self, node: u32, term: u64) -> bool {
        self.leader == Some(node) && self.term == term
    }

    /// Takes a proposal, if it comes from who leads.
    pub fn propose(&mut self, node: u32, term: u64, entry: Vec<u8>) -> bool {
        let leads = self.leads(node, term);
        if leads {
            self.queue.push_back(entry);
        }
        leads
    }

    /// How many proposals wait.
    pub fn waiting(&self) -> usize {
        self.queue.len()
    }

    /// Commits the oldest proposal. Whether there was one.
    pub fn commit(&mut self) -> bool {
        let entry = self.queue.pop_front();
        let some = entry.is_some();
        if let Some(entry) = entry {
            self.push(Some(entry));
        }
        some
    }

    /// Commits a proposal of a former term, if one has turned up.
    pub fn commit_late(&mut self) {
        if let Some(entry) = self.late.pop_front() {
            self.push(Some(entry));
        }
    }

    fn push(&mut self, entry: Option<Vec<u8>>) {
        self.entries.push(entry);
        self.times.push(self.now);
    }

    /// Leadership changes: so many of the waiting proposals are committed on the way, the next so many turn up late, the rest is lost.
    pub fn elect(&mut self, leader: Option<u32>, survive: usize, late: usize) {
        for _ in 0..survive.min(self.queue.len()) {
            self.commit();
        }
        let late = self.queue.drain(..).take(late);
        self.late.extend(late.filter(|entry| !begins_an_office(entry)));
        self.leader = leader;
        self.term += 1;
        if leader.is_some() {
            self.push(None);
        }
    }
}

fn begins_an_office(entry: &[u8]) -> bool {
    codec::decode(entry).is_ok_and(|entry| matches!(entry.change, ShardChange::Activate { .. }))
}

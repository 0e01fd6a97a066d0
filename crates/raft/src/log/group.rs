//! One group as its callers see it: with what is still to be written.

use std::collections::{BTreeMap, VecDeque};

use bytes::Bytes;

use super::span::{Gap, Span};

/// The index of its entries, its slots, and its newest entries.
#[derive(Debug, Default)]
pub(super) struct Group {
    pub span: Span,
    pub slots: BTreeMap<u64, Bytes>,
    /// The last entries of the span, at least those that are not on disk yet.
    tail: VecDeque<Recent>,
}

/// An entry in memory, and the number of the job that writes it.
#[derive(Debug)]
struct Recent {
    job: u64,
    entry: Bytes,
}

/// What an entry in memory costs beside its bytes: its place in the tail and the allocation.
const RECENT_BYTES: usize = size_of::<Recent>() + 16;

impl Group {
    pub fn new(span: Span, slots: BTreeMap<u64, Bytes>) -> Self {
        Self { span, slots, tail: VecDeque::new() }
    }

    /// Gives the bytes that are in memory now and were not before; so do the others, of those that are no longer.
    pub fn append(&mut self, job: u64, first: u64, entries: &[Bytes]) -> Result<usize, Gap> {
        self.span.append(first, entries.len() as u64)?;
        self.tail.extend(entries.iter().map(|entry| Recent { job, entry: entry.clone() }));
        Ok(entries.iter().map(cost).sum())
    }

    /// None if there was nothing to drop.
    pub fn truncate(&mut self, from: u64) -> Option<usize> {
        let tail_first = self.tail_first();
        self.span.truncate(from).then(|| {
            let kept = self.span.next.saturating_sub(tail_first).min(self.tail.len() as u64);
            self.tail.split_off(kept as usize).iter().map(Recent::cost).sum()
        })
    }

    /// None if the purge point is there already or further.
    pub fn purge(&mut self, upto: u64, note: Bytes) -> Result<Option<usize>, Gap> {
        if !self.span.purge(upto, note)? {
            return Ok(None);
        }
        let excess = (self.tail.len() as u64).saturating_sub(self.span.len());
        Ok(Some(self.tail.drain(..excess as usize).map(|recent| recent.cost()).sum()))
    }

    /// The entry at this index, if it is in memory.
    pub fn recent(&self, index: u64) -> Option<&Bytes> {
        let at = index.checked_sub(self.tail_first())?;
        self.tail.get(at as usize).map(|recent| &recent.entry)
    }

    /// The job that wrote its oldest entry in memory.
    pub fn oldest(&self) -> Option<u64> {
        self.tail.front().map(|recent| recent.job)
    }

    /// Drops the entries of this job and of those before it from memory.
    pub fn evict(&mut self, job: u64) -> usize {
        let count = self.tail.iter().take_while(|recent| recent.job <= job).count();
        self.tail.drain(..count).map(|recent| recent.cost()).sum()
    }

    pub fn tail_bytes(&self) -> usize {
        self.tail.iter().map(Recent::cost).sum()
    }

    fn tail_first(&self) -> u64 {
        self.span.next - self.tail.len() as u64
    }
}

impl Recent {
    fn cost(&self) -> usize {
        cost(&self.entry)
    }
}

fn cost(entry: &Bytes) -> usize {
    entry.len() + RECENT_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    #[test]
    fn only_what_is_written_is_evicted_and_the_count_comes_out() {
        let mut group = Group::default();
        let mut bytes = group.append(1, 0, &[entry("a"), entry("b")]).unwrap();
        bytes += group.append(2, 2, &[entry("c")]).unwrap();
        bytes -= group.truncate(1).unwrap();
        bytes += group.append(4, 1, &[entry("new b"), entry("new c")]).unwrap();
        assert_eq!(group.oldest(), Some(1));
        bytes -= group.evict(2);
        assert_eq!(group.recent(0), None);
        assert_eq!(group.recent(1), Some(&entry("new b")));
        bytes -= group.purge(1, Bytes::new()).unwrap().unwrap();
        assert_eq!(group.recent(1), None);
        assert_eq!(group.recent(2), Some(&entry("new c")));
        assert_eq!(group.tail_bytes(), bytes);
        bytes -= group.purge(9, Bytes::new()).unwrap().unwrap();
        assert_eq!((bytes, group.tail_bytes(), group.span.next), (0, 0, 10));
    }
}

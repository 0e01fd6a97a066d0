//! What is on disk, and where.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;

use super::op::{ENTRIES_AT, ENTRY_HEAD_BYTES, Op};
use super::segment::Segment;
use super::span::{Gap, Span};

/// Follows the frames that are synced: the writer changes it after each, recovery with each that it reads.
#[derive(Debug, Default)]
pub(super) struct Index {
    pub groups: BTreeMap<u32, Stored>,
    pub segments: BTreeMap<u64, Held>,
}

/// What is on disk of one group.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub span: Span,
    pub slots: BTreeMap<u64, Bytes>,
    /// One for each index of the span.
    pub places: VecDeque<Place>,
}

/// Where an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub segment: u64,
    /// Of its head, in the segment.
    pub offset: u32,
    /// Of the entry alone.
    pub length: u32,
}

/// A segment, and what of it is in use.
#[derive(Debug)]
pub(super) struct Held {
    pub segment: Arc<Segment>,
    pub entries: u64,
    pub bytes: u64,
}

impl Place {
    /// In a segment older than the first that is there. Recovery meets these; none is left when the log is open.
    pub const GONE: Self = Self { segment: 0, offset: 0, length: 0 };

    /// From the first byte of its head to the last of the entry.
    pub fn whole(&self) -> u32 {
        ENTRY_HEAD_BYTES + self.length
    }

    /// Whether `next` is the entry right behind it in the same file.
    pub fn joins(&self, next: &Self) -> bool {
        self.segment == next.segment && self.offset + self.whole() == next.offset
    }
}

impl Held {
    fn take(&mut self, place: &Place) {
        self.entries += 1;
        self.bytes += u64::from(place.whole());
    }

    fn drop(&mut self, place: &Place) {
        self.entries -= 1;
        self.bytes -= u64::from(place.whole());
    }
}

impl Index {
    pub fn add_segment(&mut self, segment: Arc<Segment>) {
        self.segments.insert(segment.number, Held { segment, entries: 0, bytes: 0 });
    }

    /// Makes the change that stands at `offset` of a segment. Fails if it does not fit to what was before it.
    pub fn apply(&mut self, op: &Op, segment: u64, offset: u32) -> Result<(), Gap> {
        match op {
            Op::Append { group, first, entries } => self.append(*group, *first, places(entries, segment, offset)),
            Op::Copy { group, first, entries } => self.copy(*group, *first, places(entries, segment, offset)),
            Op::Truncate { group, from } => {
                let stored = self.groups.entry(*group).or_default();
                stored.span.truncate(*from);
                let dropped = stored.places.split_off(stored.span.len() as usize);
                self.release(dropped);
                Ok(())
            }
            Op::Purge { group, upto, note } => self.purge(*group, *upto, note.clone()),
            Op::Set { group, slot, value } => {
                self.groups.entry(*group).or_default().slots.insert(*slot, value.clone());
                Ok(())
            }
            Op::Forget { group } => {
                let dropped = self.groups.remove(group).unwrap_or_default();
                self.release(dropped.places);
                Ok(())
            }
            Op::Span { group, span } => {
                let places = vec![Place::GONE; span.len() as usize].into();
                self.groups.insert(*group, Stored { span: span.clone(), slots: BTreeMap::new(), places });
                Ok(())
            }
        }
    }

    /// What the first frame of a segment has to say at this point.
    pub fn start(&self) -> Vec<Op> {
        let spans = self.groups.iter().map(|(group, stored)| Op::Span { group: *group, span: stored.span.clone() });
        let slots = |(group, stored): (&u32, &Stored)| {
            let group = *group;
            stored.slots.iter().map(move |(slot, value)| Op::Set { group, slot: *slot, value: value.clone() }).collect::<Vec<_>>()
        };
        spans.chain(self.groups.iter().flat_map(slots)).collect()
    }

    pub fn place(&self, group: u32, index: u64) -> Option<Place> {
        let stored = self.groups.get(&group)?;
        stored.places.get(index.checked_sub(stored.span.first)? as usize).copied()
    }

    /// The first entry of any group whose place is not known.
    pub fn first_gone(&self) -> Option<(u32, u64)> {
        self.groups.iter().find_map(|(group, stored)| {
            let at = stored.places.iter().position(|place| *place == Place::GONE)?;
            Some((*group, stored.span.first + at as u64))
        })
    }

    pub fn disk_bytes(&self) -> u64 {
        self.segments.values().map(|held| held.segment.size).sum()
    }

    fn append(&mut self, group: u32, first: u64, places: Vec<Place>) -> Result<(), Gap> {
        let stored = self.groups.entry(group).or_default();
        stored.span.append(first, places.len() as u64)?;
        if let Some(held) = places.first().and_then(|place| self.segments.get_mut(&place.segment)) {
            places.iter().for_each(|place| held.take(place));
        }
        stored.places.extend(places);
        Ok(())
    }

    fn copy(&mut self, group: u32, first: u64, places: Vec<Place>) -> Result<(), Gap> {
        let stored = self.groups.entry(group).or_default();
        let mut moved = Vec::with_capacity(places.len());
        for (index, place) in (first..).zip(places) {
            let at = index.checked_sub(stored.span.first).and_then(|at| stored.places.get_mut(at as usize));
            let at = at.ok_or(Gap { index, expected: stored.span.first })?;
            moved.push(std::mem::replace(at, place));
            if let Some(held) = self.segments.get_mut(&place.segment) {
                held.take(&place);
            }
        }
        self.release(moved);
        Ok(())
    }

    fn purge(&mut self, group: u32, upto: u64, note: Bytes) -> Result<(), Gap> {
        let stored = self.groups.entry(group).or_default();
        let before = stored.span.first;
        if stored.span.purge(upto, note)? {
            let count = (stored.span.first - before).min(stored.places.len() as u64) as usize;
            let dropped: Vec<_> = stored.places.drain(..count).collect();
            self.release(dropped);
        }
        Ok(())
    }

    fn release(&mut self, places: impl IntoIterator<Item = Place>) {
        for place in places {
            if let Some(held) = self.segments.get_mut(&place.segment) {
                held.drop(&place);
            }
        }
    }
}

/// The places of the entries of an op that begins at `offset`.
fn places(entries: &[Bytes], segment: u64, offset: u32) -> Vec<Place> {
    let mut offset = offset + ENTRIES_AT;
    let place = |entry: &Bytes| {
        let place = Place { segment, offset, length: entry.len() as u32 };
        offset += place.whole();
        place
    };
    entries.iter().map(place).collect()
}

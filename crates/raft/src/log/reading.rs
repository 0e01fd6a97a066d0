//! Reading entries: from memory, or from their files.

use std::ops::Range;
use std::sync::Arc;

use bytes::Bytes;

use super::error::LogError;
use super::index::{Index, Place};
use super::op::read_entry;
use super::segment::Segment;
use super::shared::{Shared, State};

/// Entries of a group that follow each other, also in the file: one read gets them all.
pub(super) struct Run {
    pub group: u32,
    pub first: u64,
    segment: Arc<Segment>,
    places: Vec<Place>,
}

/// Where the next entries are.
enum Part {
    Memory(u64, Bytes),
    File(Run),
}

/// As [`Log::read`](super::Log::read).
pub(super) fn read(shared: &Shared, group: u32, range: Range<u64>, bytes_max: usize) -> Result<Vec<(u64, Bytes)>, LogError> {
    let parts = find(&shared.lock(), group, range, bytes_max)?;
    let mut entries = Vec::new();
    for part in parts {
        match part {
            Part::Memory(index, entry) => entries.push((index, entry)),
            Part::File(run) => entries.extend((run.first..).zip(run.read()?)),
        }
    }
    Ok(entries)
}

impl Run {
    pub fn new(segment: Arc<Segment>, group: u32, first: u64, place: Place) -> Self {
        Self { group, first, segment, places: vec![place] }
    }

    /// Takes one more entry, if it is the next one.
    pub fn extend(&mut self, group: u32, index: u64, place: Place) -> bool {
        let is_next = group == self.group
            && index == self.first + self.places.len() as u64
            && self.places.last().is_some_and(|last| last.joins(&place));
        if is_next {
            self.places.push(place);
        }
        is_next
    }

    /// Of its entries, with their heads.
    pub fn bytes(&self) -> usize {
        self.places.iter().map(|place| place.whole() as usize).sum()
    }

    /// Reads its entries, and verifies each.
    pub fn read(&self) -> Result<Vec<Bytes>, LogError> {
        let offset = self.places.first().map_or(0, |place| u64::from(place.offset));
        let mut bytes = Bytes::from(self.segment.read(offset, self.bytes())?);
        (self.first..).zip(&self.places).map(|(index, place)| self.entry(index, place, &mut bytes)).collect()
    }

    fn entry(&self, index: u64, place: &Place, bytes: &mut Bytes) -> Result<Bytes, LogError> {
        let mut whole = bytes.split_to(place.whole() as usize);
        read_entry(self.group, index, &mut whole).filter(|_| whole.is_empty()).ok_or_else(|| {
            let reason = format!("the checksum of entry {index} of group {} is wrong", self.group);
            LogError::damaged(&self.segment.path, place.offset.into(), reason)
        })
    }
}

impl Index {
    /// The entries whose place is wanted, of all groups, in runs of at most about so many bytes.
    pub fn runs(&self, bytes_max: usize, wanted: impl Fn(&Place) -> bool) -> Vec<Run> {
        let (mut runs, mut bytes) = (Vec::<Run>::new(), 0);
        for (group, stored) in &self.groups {
            for (index, place) in (stored.span.first..).zip(&stored.places).filter(|(_, place)| wanted(place)) {
                let Some(held) = self.segments.get(&place.segment) else { continue };
                bytes += place.whole() as usize;
                if bytes > bytes_max || !runs.last_mut().is_some_and(|run| run.extend(*group, index, *place)) {
                    bytes = place.whole() as usize;
                    runs.push(Run::new(held.segment.clone(), *group, index, *place));
                }
            }
        }
        runs
    }
}

fn find(state: &State, group: u32, range: Range<u64>, bytes_max: usize) -> Result<Vec<Part>, LogError> {
    let Some(seen) = state.groups.get(&group) else { return Ok(Vec::new()) };
    let (mut parts, mut bytes) = (Vec::new(), 0_usize);
    for index in range.start.max(seen.span.first)..range.end.min(seen.span.next) {
        let found = match seen.recent(index) {
            Some(entry) => Ok(entry),
            // What is not in memory is on disk.
            None => Err(state.index.place(group, index).ok_or(LogError::Hole { group, index, expected: seen.span.first })?),
        };
        bytes = bytes.saturating_add(found.map_or_else(|place| place.length as usize, Bytes::len));
        if bytes > bytes_max && !parts.is_empty() {
            break;
        }
        match found {
            Ok(entry) => parts.push(Part::Memory(index, entry.clone())),
            Err(place) => add(&mut parts, state, group, index, place)?,
        }
    }
    Ok(parts)
}

fn add(parts: &mut Vec<Part>, state: &State, group: u32, index: u64, place: Place) -> Result<(), LogError> {
    if let Some(Part::File(run)) = parts.last_mut()
        && run.extend(group, index, place)
    {
        return Ok(());
    }
    let held = state.index.segments.get(&place.segment).ok_or(LogError::Hole { group, index, expected: index })?;
    parts.push(Part::File(Run::new(held.segment.clone(), group, index, place)));
    Ok(())
}

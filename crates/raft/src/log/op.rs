//! One change of the log, and its bytes.

use bytes::{Buf, Bytes};

use super::span::Span;

/// What can be written. A frame is a sequence of these.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Op {
    /// Entries behind the last one.
    Append {
        group: u32,
        first: u64,
        entries: Vec<Bytes>,
    },
    /// Entries that the group has already: from here on this is their place, so that an old segment can go.
    Copy {
        group: u32,
        first: u64,
        entries: Vec<Bytes>,
    },
    Truncate {
        group: u32,
        from: u64,
    },
    Purge {
        group: u32,
        upto: u64,
        note: Bytes,
    },
    Set {
        group: u32,
        slot: u64,
        value: Bytes,
    },
    Forget {
        group: u32,
    },
    /// At the start of a segment, of each group: what it has. Its slots follow.
    Span {
        group: u32,
        span: Span,
    },
}

/// From the first byte of an [`Op::Append`] or [`Op::Copy`] to its first entry.
pub(super) const ENTRIES_AT: u32 = 1 + 4 + 8 + 4;

/// In front of each entry: its length and its checksum.
pub(super) const ENTRY_HEAD_BYTES: u32 = 8;

const APPEND: u8 = 1;
const COPY: u8 = 2;
const TRUNCATE: u8 = 3;
const PURGE: u8 = 4;
const SET: u8 = 5;
const FORGET: u8 = 6;
const SPAN: u8 = 7;
const SPAN_PURGED: u8 = 8;

impl Op {
    pub fn group(&self) -> u32 {
        match self {
            Self::Append { group, .. } | Self::Copy { group, .. } | Self::Truncate { group, .. } | Self::Purge { group, .. } => {
                *group
            }
            Self::Set { group, .. } | Self::Forget { group } | Self::Span { group, .. } => *group,
        }
    }

    /// How many entries it holds.
    pub fn entries(&self) -> usize {
        match self {
            Self::Append { entries, .. } | Self::Copy { entries, .. } => entries.len(),
            _ => 0,
        }
    }

    /// Bytes that it takes in a frame.
    pub fn len(&self) -> usize {
        match self {
            Self::Append { entries, .. } | Self::Copy { entries, .. } => {
                ENTRIES_AT as usize + entries.iter().map(|entry| entry.len() + ENTRY_HEAD_BYTES as usize).sum::<usize>()
            }
            Self::Truncate { .. } => 13,
            Self::Purge { note, .. } => 17 + note.len(),
            Self::Set { value, .. } => 17 + value.len(),
            Self::Forget { .. } => 5,
            Self::Span { span, .. } => 21 + span.purged.as_ref().map_or(0, |(_, note)| 12 + note.len()),
        }
    }

    pub fn write(&self, to: &mut Vec<u8>) {
        match self {
            Self::Append { group, first, entries } => write_entries(APPEND, *group, *first, entries, to),
            Self::Copy { group, first, entries } => write_entries(COPY, *group, *first, entries, to),
            Self::Truncate { group, from } => write_head(TRUNCATE, *group, *from, to),
            Self::Purge { group, upto, note } => {
                write_head(PURGE, *group, *upto, to);
                write_bytes(note, to);
            }
            Self::Set { group, slot, value } => {
                write_head(SET, *group, *slot, to);
                write_bytes(value, to);
            }
            Self::Forget { group } => {
                to.push(FORGET);
                to.extend_from_slice(&group.to_le_bytes());
            }
            Self::Span { group, span } => write_span(*group, span, to),
        }
    }

    /// Takes one from the front. None if it is not one: then it was never written by this version.
    pub fn read(from: &mut Bytes) -> Option<Self> {
        let kind = from.try_get_u8().ok()?;
        let group = from.try_get_u32_le().ok()?;
        if kind == FORGET {
            return Some(Self::Forget { group });
        }
        let number = from.try_get_u64_le().ok()?;
        Some(match kind {
            APPEND => Self::Append { group, first: number, entries: read_entries(group, number, from)? },
            COPY => Self::Copy { group, first: number, entries: read_entries(group, number, from)? },
            TRUNCATE => Self::Truncate { group, from: number },
            PURGE => Self::Purge { group, upto: number, note: read_bytes(from)? },
            SET => Self::Set { group, slot: number, value: read_bytes(from)? },
            SPAN | SPAN_PURGED => Self::Span { group, span: read_span(number, kind == SPAN_PURGED, from)? },
            _ => return None,
        })
    }
}

/// Checksum of an entry: with its group and index, so that no other entry can stand in its place.
pub(super) fn entry_sum(group: u32, index: u64, entry: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    let mut of = [0; 12];
    of[..4].copy_from_slice(&group.to_le_bytes());
    of[4..].copy_from_slice(&index.to_le_bytes());
    sum.update(&of);
    sum.update(entry);
    sum.finalize()
}

/// Takes an entry with its head from the front, if it is the one that is meant.
pub(super) fn read_entry(group: u32, index: u64, from: &mut Bytes) -> Option<Bytes> {
    let length = from.try_get_u32_le().ok()? as usize;
    let sum = from.try_get_u32_le().ok()?;
    let entry = (from.len() >= length).then(|| from.split_to(length))?;
    (entry_sum(group, index, &entry) == sum).then_some(entry)
}

fn write_head(kind: u8, group: u32, number: u64, to: &mut Vec<u8>) {
    to.push(kind);
    to.extend_from_slice(&group.to_le_bytes());
    to.extend_from_slice(&number.to_le_bytes());
}

/// The limits keep every length far below four bytes.
fn write_length(length: usize, to: &mut Vec<u8>) {
    to.extend_from_slice(&(length as u32).to_le_bytes());
}

fn write_bytes(bytes: &[u8], to: &mut Vec<u8>) {
    write_length(bytes.len(), to);
    to.extend_from_slice(bytes);
}

/// A copy, since it is kept: as a part of the segment it would keep all of that in memory.
fn read_bytes(from: &mut Bytes) -> Option<Bytes> {
    let length = from.try_get_u32_le().ok()? as usize;
    (from.len() >= length).then(|| Bytes::copy_from_slice(&from.split_to(length)))
}

fn write_entries(kind: u8, group: u32, first: u64, entries: &[Bytes], to: &mut Vec<u8>) {
    write_head(kind, group, first, to);
    write_length(entries.len(), to);
    for (index, entry) in (first..).zip(entries) {
        write_length(entry.len(), to);
        to.extend_from_slice(&entry_sum(group, index, entry).to_le_bytes());
        to.extend_from_slice(entry);
    }
}

fn read_entries(group: u32, first: u64, from: &mut Bytes) -> Option<Vec<Bytes>> {
    let count = from.try_get_u32_le().ok()?;
    (0..u64::from(count)).map(|n| read_entry(group, first.checked_add(n)?, from)).collect()
}

fn write_span(group: u32, span: &Span, to: &mut Vec<u8>) {
    write_head(if span.purged.is_some() { SPAN_PURGED } else { SPAN }, group, span.first, to);
    to.extend_from_slice(&span.next.to_le_bytes());
    if let Some((index, note)) = &span.purged {
        to.extend_from_slice(&index.to_le_bytes());
        write_bytes(note, to);
    }
}

fn read_span(first: u64, is_purged: bool, from: &mut Bytes) -> Option<Span> {
    let next = from.try_get_u64_le().ok()?;
    let purged = match is_purged {
        true => Some((from.try_get_u64_le().ok()?, read_bytes(from)?)),
        false => None,
    };
    (first <= next).then_some(Span { purged, first, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_read_as_it_was_written() {
        let note = Bytes::from_static(b"note");
        let entries = vec![Bytes::from_static(b"one"), Bytes::new(), Bytes::from_static(b"three")];
        let ops = [
            Op::Append { group: 1, first: 2, entries: entries.clone() },
            Op::Copy { group: u32::MAX, first: u64::MAX - 5, entries },
            Op::Truncate { group: 3, from: 4 },
            Op::Purge { group: 5, upto: 6, note: note.clone() },
            Op::Set { group: 7, slot: 8, value: note.clone() },
            Op::Forget { group: 9 },
            Op::Span { group: 10, span: Span { purged: None, first: 11, next: 12 } },
            Op::Span { group: 13, span: Span { purged: Some((13, note)), first: 14, next: 15 } },
        ];
        for op in ops {
            let mut written = Vec::new();
            op.write(&mut written);
            assert_eq!(written.len(), op.len());
            let mut bytes = Bytes::from(written);
            for cut in 0..bytes.len() {
                assert_eq!(Op::read(&mut bytes.slice(..cut)), None, "{op:?} cut at {cut}");
            }
            assert_eq!(Op::read(&mut bytes), Some(op));
            assert!(bytes.is_empty());
        }
    }

    #[test]
    fn an_entry_serves_for_no_other() {
        let mut written = Vec::new();
        write_entries(APPEND, 1, 5, &[Bytes::from_static(b"entry")], &mut written);
        let at = Bytes::from(written).slice(ENTRIES_AT as usize..);
        assert_eq!(read_entry(1, 5, &mut at.clone()), Some(Bytes::from_static(b"entry")));
        assert_eq!(read_entry(2, 5, &mut at.clone()), None);
        assert_eq!(read_entry(1, 6, &mut at.clone()), None);
    }
}

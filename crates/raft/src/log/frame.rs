//! A frame: what is written and synced at once.
//!
//! ```text
//! length u32 | checksum u32 | number u64 | kind u32 | zero u32 | body | zeros up to 8 bytes
//! ```
//! The length is that of the body. The checksum is over the storage id, the number of the segment and everything but itself, so that a frame is
//! valid in its place alone, and nobody who does not know the storage id can make an entry that looks like one.

use std::ops::{Range, RangeInclusive};

/// Bytes in front of the body.
pub(super) const HEAD_BYTES: usize = 24;

/// Frames begin at multiples of this.
pub(super) const ALIGN_BYTES: usize = 8;

/// What a frame is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The first one of a segment: all that is known without its entries, so that older segments can go.
    Start = 1,
    Changes = 2,
    /// The last one of a segment: another segment follows.
    Last = 3,
    /// Everything before it was synced. The next frame takes its place and its number.
    Seal = 4,
}

/// What the checksums of one segment begin with.
#[derive(Debug, Clone)]
pub(super) struct Binding(crc32fast::Hasher);

/// A valid frame.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub number: u64,
    pub kind: Kind,
    /// Where its body is in the segment.
    pub body: Range<usize>,
    /// Where the next one begins.
    pub end: usize,
}

impl Binding {
    pub fn new(storage: &[u8; 16], segment: u64) -> Self {
        let mut sum = crc32fast::Hasher::new();
        sum.update(storage);
        sum.update(&segment.to_le_bytes());
        Self(sum)
    }

    fn sum(&self, frame: &[u8]) -> u32 {
        let mut sum = self.0.clone();
        sum.update(&frame[..4]);
        sum.update(&frame[8..]);
        sum.finalize()
    }
}

/// Makes room for the head. The body is pushed next, then comes [`finish`].
pub(super) fn begin(buffer: &mut Vec<u8>) {
    buffer.clear();
    buffer.resize(HEAD_BYTES, 0);
}

pub(super) fn finish(buffer: &mut Vec<u8>, kind: Kind, number: u64, binding: &Binding) {
    // A frame is not longer than a segment, whose offsets are four bytes.
    let length = (buffer.len() - HEAD_BYTES) as u32;
    buffer.resize(padded(buffer.len()), 0);
    buffer[..4].copy_from_slice(&length.to_le_bytes());
    buffer[8..16].copy_from_slice(&number.to_le_bytes());
    buffer[16..20].copy_from_slice(&(kind as u32).to_le_bytes());
    let sum = binding.sum(buffer);
    buffer[4..8].copy_from_slice(&sum.to_le_bytes());
}

/// A frame without a body.
pub(super) fn bare(kind: Kind, number: u64, binding: &Binding) -> Vec<u8> {
    let mut buffer = Vec::with_capacity(HEAD_BYTES);
    begin(&mut buffer);
    finish(&mut buffer, kind, number, binding);
    buffer
}

/// The frame that begins at `offset`, if there is a valid one.
pub(super) fn read(segment: &[u8], offset: usize, binding: &Binding) -> Option<Frame> {
    let head = segment.get(offset..offset.checked_add(HEAD_BYTES)?)?;
    let kind = kind(word(head, 16))?;
    let body = offset + HEAD_BYTES..(offset + HEAD_BYTES).checked_add(word(head, 0) as usize)?;
    let end = offset + padded(body.end - offset);
    let whole = segment.get(offset..end)?;
    (binding.sum(whole) == word(head, 4)).then(|| Frame { number: number(head), kind, body, end })
}

/// The first valid frame in `from..` with one of these numbers.
pub(super) fn find(segment: &[u8], from: usize, numbers: RangeInclusive<u64>, binding: &Binding) -> Option<(usize, Frame)> {
    let plausible =
        |offset: &usize| segment.get(*offset..*offset + HEAD_BYTES).is_some_and(|head| numbers.contains(&number(head)));
    (from.next_multiple_of(ALIGN_BYTES)..segment.len())
        .step_by(ALIGN_BYTES)
        .filter(plausible)
        .find_map(|offset| read(segment, offset, binding).map(|frame| (offset, frame)))
}

/// Where the last byte that is not zero ends.
pub(super) fn content_end(segment: &[u8]) -> usize {
    const BLOCK: [u8; 4096] = [0; 4096];
    let mut end = segment.len();
    while end > 0 {
        let begin = end.saturating_sub(BLOCK.len());
        let block = &segment[begin..end];
        // Compared as a block first: most of a segment may be zeros.
        if block != &BLOCK[..block.len()] {
            return begin + block.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        }
        end = begin;
    }
    0
}

pub(super) fn padded(length: usize) -> usize {
    length.next_multiple_of(ALIGN_BYTES)
}

fn kind(number: u32) -> Option<Kind> {
    [Kind::Start, Kind::Changes, Kind::Last, Kind::Seal].into_iter().find(|kind| *kind as u32 == number)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn number(head: &[u8]) -> u64 {
    u64::from(word(head, 8)) | u64::from(word(head, 12)) << 32
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(body: &[u8], number: u64) -> (Vec<u8>, Binding) {
        let binding = Binding::new(&[1; 16], 2);
        let mut buffer = Vec::new();
        begin(&mut buffer);
        buffer.extend_from_slice(body);
        finish(&mut buffer, Kind::Changes, number, &binding);
        (buffer, binding)
    }

    #[test]
    fn a_flipped_bit_anywhere_makes_it_invalid() {
        let (written, binding) = frame(b"body", 5);
        assert_eq!(written.len(), 32);
        assert_eq!(read(&written, 0, &binding), Some(Frame { number: 5, kind: Kind::Changes, body: 24..28, end: 32 }));
        for bit in 0..written.len() * 8 {
            let mut flipped = written.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(read(&flipped, 0, &binding), None, "bit {bit}");
        }
    }

    #[test]
    fn it_is_valid_in_its_own_segment_alone() {
        let (written, _) = frame(b"body", 5);
        assert_eq!(read(&written, 0, &Binding::new(&[1; 16], 3)), None);
        assert_eq!(read(&written, 0, &Binding::new(&[2; 16], 2)), None);
    }

    #[test]
    fn one_behind_rubbish_is_found() {
        let (written, binding) = frame(b"body", 5);
        let segment = [vec![0xff; 40], written, vec![0; 16]].concat();
        assert_eq!(find(&segment, 0, 5..=9, &binding).map(|(offset, frame)| (offset, frame.number)), Some((40, 5)));
        assert_eq!(find(&segment, 48, 5..=9, &binding), None);
        assert_eq!(find(&segment, 0, 6..=9, &binding), None);
    }

    #[test]
    fn the_end_of_what_is_not_zero() {
        assert_eq!(content_end(&[]), 0);
        assert_eq!(content_end(&[0; 10_000]), 0);
        let mut bytes = vec![0; 10_000];
        bytes[77] = 1;
        assert_eq!(content_end(&bytes), 78);
        bytes[9_000] = 1;
        assert_eq!(content_end(&bytes), 9_001);
    }
}

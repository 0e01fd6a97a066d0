//! The newest frames of a shard, kept by every replica for edges that have missed some.

use std::collections::VecDeque;
use std::sync::Arc;

use crate::frame::Frame;
use crate::planted::{self, Bug};

/// Frames that are kept, at most: at 200 messages a second some minute and a half.
const FRAMES_MAX: usize = 16_384;

/// What they may weigh together.
const WEIGHT_MAX: usize = 8 * 1024 * 1024;

/// Frames that are kept though everybody has acknowledged them: an acknowledgement may be of a connection whose end is not known yet.
const FRAMES_MIN: usize = 256;

/// Frames in the order of their entries, without gaps behind `floor`.
#[derive(Debug, Default)]
pub struct Ring {
    frames: VecDeque<Arc<Frame>>,
    weight: usize,
    /// Every frame of a later entry is here.
    floor: u64,
}

impl Ring {
    /// An empty one, for what follows this index.
    pub fn behind(floor: u64) -> Ring {
        Ring { floor, ..Ring::default() }
    }

    /// Takes the next frame.
    pub fn push(&mut self, frame: Arc<Frame>) {
        self.weight += frame.weight();
        self.frames.push_back(frame);
        let frames_max = if planted::is(Bug::RingTooShort) { 4 } else { FRAMES_MAX };
        while self.frames.len() > frames_max || (self.weight > WEIGHT_MAX && self.frames.len() > 1) {
            self.drop_first();
        }
    }

    /// Everybody has everything up to this index.
    pub fn trim(&mut self, acknowledged: u64) {
        while self.frames.len() > FRAMES_MIN && self.frames.front().is_some_and(|frame| frame.index <= Some(acknowledged)) {
            self.drop_first();
        }
    }

    /// The frames behind an index that concern a node; nothing if some are gone.
    pub fn since(&self, index: u64, node: u32) -> Option<impl Iterator<Item = &Arc<Frame>>> {
        if index < self.floor && !planted::is(Bug::RingTooShort) {
            return None;
        }
        let start = self.frames.partition_point(|frame| frame.index <= Some(index));
        Some(self.frames.range(start..).filter(move |frame| frame.concerns(node)))
    }

    /// All frames that concern a node, and the index behind which they are all.
    pub fn all_of(&self, node: u32) -> (u64, Vec<Arc<Frame>>) {
        (self.floor, self.frames.iter().filter(|frame| frame.concerns(node)).cloned().collect())
    }

    fn drop_first(&mut self) {
        if let Some(frame) = self.frames.pop_front() {
            self.weight = self.weight.saturating_sub(frame.weight());
            self.floor = frame.index.unwrap_or(self.floor);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(index: u64) -> Arc<Frame> {
        Arc::new(Frame { edges: vec![1 + (index % 2) as u32], ..Frame::of_entry(index, Default::default()) })
    }

    fn indexes(ring: &Ring, after: u64, node: u32) -> Option<Vec<u64>> {
        Some(ring.since(after, node)?.filter_map(|frame| frame.index).collect())
    }

    #[test]
    fn an_edge_gets_its_frames_or_is_told_that_some_are_gone() {
        let mut ring = Ring::behind(9);
        (10..20).for_each(|index| ring.push(frame(index)));
        assert_eq!(indexes(&ring, 9, 1).unwrap(), [10, 12, 14, 16, 18]);
        assert_eq!(indexes(&ring, 13, 2).unwrap(), [15, 17, 19]);
        assert_eq!(indexes(&ring, 13, 3).unwrap(), []);
        assert_eq!(indexes(&ring, 30, 1).unwrap(), []);
        assert_eq!(indexes(&ring, 8, 1), None);
    }

    #[test]
    fn it_is_bounded_and_what_all_have_goes_first() {
        let mut ring = Ring::behind(0);
        (1..=FRAMES_MAX as u64 + 10).for_each(|index| ring.push(frame(index)));
        assert_eq!(indexes(&ring, 9, 1), None);
        assert!(indexes(&ring, 10, 1).is_some());
        ring.trim(1000);
        assert_eq!(indexes(&ring, 999, 1), None);
        assert!(indexes(&ring, 1000, 1).is_some());
        ring.trim(u64::MAX);
        assert_eq!(ring.frames.len(), FRAMES_MIN);

        let heavy = |index| {
            let session = conclave_muc::Session { jid: conclave_xmpp::FullJid::parse("a@b/c").unwrap(), id: 1 };
            let direct = vec![crate::frame::Direct::Stanza { session, node: 1, bytes: vec![0; WEIGHT_MAX / 4] }];
            Arc::new(Frame { direct, ..Frame::of_entry(index, Default::default()) })
        };
        let mut ring = Ring::behind(0);
        (1..=10).for_each(|index| ring.push(heavy(index)));
        assert_eq!(ring.frames.len(), 3);
    }
}

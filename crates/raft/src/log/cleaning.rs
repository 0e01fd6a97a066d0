//! Keeping the log short: segments without use are removed, and what little is in use in an old one is written again.

use super::index::Index;
use super::op::Op;
use super::reading::Run;
use super::writer::{Writer, or_stop};

/// So many segments a quiet group may hold back with a few entries. With one more, they are written again at the end.
const SEGMENTS_HELD_MAX: usize = 4;

impl Writer {
    /// One step of it, so that nobody waits long.
    pub fn clean(&mut self) {
        self.remove_unused();
        if !self.crowded {
            return;
        }
        let bytes_max = self.shared.settings.frame_bytes_max();
        let runs = self.shared.lock().index.worth_moving(bytes_max);
        self.crowded = !runs.is_empty();
        if runs.is_empty() {
            return;
        }
        let ops: Vec<Op> = runs.iter().map(copy).collect();
        self.write_own(&ops);
        self.remove_unused();
    }
}

fn copy(run: &Run) -> Op {
    Op::Copy { group: run.group, first: run.first, entries: or_stop(run.read()) }
}

impl Index {
    /// Forgets the oldest segment if it has no entry that is in use.
    pub fn take_unused(&mut self, current: u64) -> Option<u64> {
        let oldest = self.segments.first_entry().filter(|oldest| *oldest.key() != current && oldest.get().entries == 0)?;
        Some(oldest.remove().segment.number)
    }

    /// What is in use in the oldest segment, if there are many and most of what they hold is not. About as many bytes as a frame takes.
    ///
    /// As long as half of the log is in use, nothing is moved: that much more is written than callers ask for, at most, and no more than twice
    /// what is in use, or five segments, is ever held.
    fn worth_moving(&self, bytes_max: usize) -> Vec<Run> {
        let used: u64 = self.segments.values().map(|held| held.bytes).sum();
        match self.segments.values().next() {
            Some(oldest) if self.segments.len() > SEGMENTS_HELD_MAX && used * 2 < self.disk_bytes() => {
                let oldest = oldest.segment.number;
                let mut bytes = 0;
                let mut fits = |run: &Run| {
                    let is_first = bytes == 0;
                    bytes += run.bytes();
                    is_first || bytes <= bytes_max
                };
                self.runs(bytes_max, |place| place.segment == oldest).into_iter().take_while(|run| fits(run)).collect()
            }
            _ => Vec::new(),
        }
    }
}

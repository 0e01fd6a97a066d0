//! When the machine was late, as whoever only sleeps and writes a byte has noted: nodes were as late then.

use crate::history::Event;
use crate::run_dir::Run;

/// From when until when, in the order of time; no two at once.
#[derive(Default)]
pub(crate) struct Stalls(Vec<(u64, u64)>);

impl Stalls {
    pub fn of(run: &Run) -> Stalls {
        let stalled = run.history.lines.iter().filter_map(|line| match line.event {
            Event::Stalled { since } => Some((since, line.at)),
            _ => None,
        });
        Stalls(stalled.collect())
    }

    /// How much of a time it was late.
    pub fn within(&self, from: u64, to: u64) -> u64 {
        self.0.iter().map(|(begun, over)| (*over).min(to).saturating_sub((*begun).max(from))).sum()
    }
}

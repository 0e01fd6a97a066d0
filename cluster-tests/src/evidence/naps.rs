//! When clients did not read: what they were answered then they saw later, and that says nothing of the cluster.

use std::collections::BTreeMap;

use super::Asked;
use crate::history::Event;
use crate::run_dir::Run;

/// By session, from when until when.
#[derive(Default)]
pub(crate) struct Naps<'a>(BTreeMap<&'a str, Vec<(u64, u64)>>);

impl<'a> Naps<'a> {
    /// As the clients themselves say.
    pub fn of(run: &'a Run) -> Naps<'a> {
        let mut naps = Naps::default();
        for line in &run.history.lines {
            if let Event::Slept { since } = line.event {
                naps.0.entry(&line.session).or_default().push((since, line.at));
            }
        }
        naps
    }

    /// Whether whoever asked slept at any time before so many microseconds had gone by.
    pub fn are_in(&self, asked: &Asked<'_>, within: u64) -> bool {
        let (from, to) = (asked.line.at, asked.line.at + within);
        let naps = self.0.get(asked.line.session.as_str()).into_iter().flatten();
        naps.into_iter().any(|(begun, over)| *begun <= to && *over >= from)
    }
}

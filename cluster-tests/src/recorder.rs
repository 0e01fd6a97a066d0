//! Keeps a history while it happens: in memory, and on disk for whoever has to find out why a run failed.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::history::{Event, History, Line};

/// Shared by all clients of a run.
#[derive(Clone)]
pub struct Recorder {
    start: Instant,
    path: PathBuf,
    kept: Arc<Mutex<Kept>>,
}

struct Kept {
    history: History,
    file: File,
}

impl Recorder {
    /// Begins a run whose lines are also appended to this file, which is made anew.
    pub fn to(path: &Path) -> std::io::Result<Recorder> {
        let kept = Kept { history: History::default(), file: File::create(path)? };
        Ok(Recorder { start: Instant::now(), path: path.to_owned(), kept: Arc::new(Mutex::new(kept)) })
    }

    /// When the run began: the moment from which all times count.
    pub fn start(&self) -> Instant {
        self.start
    }

    /// Where the lines are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Keeps a line. Its time is taken with the place of the line, so that both have one order.
    pub fn record(&self, session: &str, node: u32, room: &str, event: Event) {
        // Whoever panicked while recording has failed the test already.
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let at = u64::try_from(self.start.elapsed().as_micros()).unwrap_or(u64::MAX);
        let line = Line { at, session: session.to_owned(), node, room: room.to_owned(), event };
        writeln!(kept.file, "{line}").unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        kept.history.lines.push(line);
    }

    /// All lines so far.
    pub fn history(&self) -> History {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).history.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_on_disk_as_it_is_in_memory() {
        let directory = tempfile::tempdir().expect("a directory");
        let recorder = Recorder::to(&directory.path().join("run.jsonl")).expect("a file");
        recorder.record("A", 1, "r@s", Event::Joined);
        recorder.clone().record("B", 2, "r@s", Event::Left { why: "cut".to_owned() });
        let text = std::fs::read_to_string(recorder.path()).expect("it is there");
        assert_eq!(History::parse(&text).expect("a history"), recorder.history());
        assert_eq!(recorder.history().lines.len(), 2);
        assert!(recorder.history().lines[0].at <= recorder.history().lines[1].at);
    }
}

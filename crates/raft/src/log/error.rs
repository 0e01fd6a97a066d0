//! What can go wrong with the log.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why the log cannot be opened or read, or why a write was not taken.
#[derive(Debug, Error)]
pub(crate) enum LogError {
    /// What is on disk is not what was written. Nothing was changed.
    #[error("{} is damaged at byte {offset}: {reason}", file.display())]
    Damaged { file: PathBuf, offset: u64, reason: String },
    /// The file could not be read or prepared.
    #[error("could not {what} {}: {source}", file.display())]
    Io { file: PathBuf, what: &'static str, source: io::Error },
    /// An append that does not follow the last entry, or a purge that would leave a gap in front of the first one.
    #[error("group {group}: entry {index} does not follow; the next one is {expected}")]
    Hole { group: u32, index: u64, expected: u64 },
    /// Longer than the log takes.
    #[error("{what} of {bytes} bytes is too long for the log; the limit is {max}")]
    TooLong { what: &'static str, bytes: usize, max: usize },
    /// After [`close`](super::Log::close).
    #[error("the log is closed")]
    Closed,
}

impl LogError {
    pub(super) fn damaged(file: &Path, offset: u64, reason: impl Into<String>) -> Self {
        Self::Damaged { file: file.to_owned(), offset, reason: reason.into() }
    }

    pub(super) fn io(file: &Path, what: &'static str) -> impl FnOnce(io::Error) -> Self {
        let file = file.to_owned();
        move |source| Self::Io { file, what, source }
    }
}

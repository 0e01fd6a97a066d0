//! What can go wrong with the state, sorted by who can do something about it.

use std::io;
use std::path::{Path, PathBuf};

/// Why state cannot be read, kept or taken.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StateError {
    /// What is there is not what was written. For the database: set it aside and rebuild it. For a snapshot: have it sent anew.
    #[error("{} is damaged: {reason}", path.display())]
    Damaged {
        /// The directory or file.
        path: PathBuf,
        /// What does not hold.
        reason: String,
    },
    /// A newer version of this program wrote it; it may be quite whole.
    #[error("{} has format {found}, and this version knows {known}; was a newer one here?", path.display())]
    Format {
        /// The directory or file.
        path: PathBuf,
        /// Its format.
        found: u32,
        /// The only one that we can read.
        known: u32,
    },
    /// The world failed.
    #[error("could not {what} {}: {source}", path.display())]
    Io {
        /// The directory or file.
        path: PathBuf,
        /// The call, in the infinitive.
        what: &'static str,
        /// Its error.
        source: io::Error,
    },
    /// Another process has the database open.
    #[error("{} is held by another process; does a node with this directory run already?", path.display())]
    Held {
        /// The directory.
        path: PathBuf,
    },
    /// Our own user asks for more than can be kept.
    #[error("a {what} of {bytes} bytes is longer than can be kept, {max}")]
    TooLong {
        /// Key, value or note.
        what: &'static str,
        /// Its length.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// A checkpoint of this group waits already: wait for its `done` before the next.
    #[error("a checkpoint of group {group} waits already")]
    Busy {
        /// The group.
        group: u32,
    },
    /// A checkpoint that leads back.
    #[error("a checkpoint of group {group} at {index}, where {stored} is stored already")]
    Backwards {
        /// The group.
        group: u32,
        /// Its index.
        index: u64,
        /// The later one that is stored.
        stored: u64,
    },
    /// The store was closed.
    #[error("the state is closed")]
    Closed,
    /// A peer sends what cannot be a snapshot of ours.
    #[error("a snapshot is refused: {reason}")]
    Refused {
        /// Why.
        reason: String,
    },
}

impl StateError {
    pub(super) fn damaged(path: &Path, reason: impl Into<String>) -> StateError {
        StateError::Damaged { path: path.to_owned(), reason: reason.into() }
    }

    pub(super) fn refused(reason: impl Into<String>) -> StateError {
        StateError::Refused { reason: reason.into() }
    }

    /// To be given to `map_err`.
    pub(super) fn io(path: &Path, what: &'static str) -> impl FnOnce(io::Error) -> StateError {
        move |source| StateError::Io { path: path.to_owned(), what, source }
    }
}

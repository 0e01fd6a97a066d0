//! What a node keeps of the state of its groups, on disk: checkpoints in one sled database, and snapshots as files of their own.
//!
//! The state of a group is a set of pairs of opaque bytes. Its user holds it in memory; a [`StateStore`] has what it was at the last
//! checkpoint, so that the log before that can go. A fault of it therefore costs a rebuild, from the log or from a peer, and never a change;
//! but it must be seen. Hence a checksum on every record, a count and a hash over each group, and, beside the database, how often it was written.

mod alarm;
mod block;
mod checkpoint;
mod database;
mod error;
mod hash;
mod head;
mod incoming;
mod loading;
mod pairs;
mod pending;
mod record;
mod replacement;
mod saves;
mod set_aside;
mod snapshot;
mod store;
#[cfg(test)]
mod tests;
mod writer;

use bytes::Bytes;

pub use hash::StateHash;

pub(crate) use {
    error::StateError, incoming::Incoming, pending::pending, set_aside::set_aside, snapshot::SnapshotFile, store::StateStore,
    store::Stored,
};

/// A key and its value.
pub(crate) type Pair = (Bytes, Bytes);

/// A key and its new value; none removes it.
pub(crate) type Change = (Bytes, Option<Bytes>);

/// Bytes of a key, at most: the longest that users make are a few JID parts of 255 bytes.
pub(crate) const KEY_BYTES_MAX: usize = 1024;

/// Bytes of a value, at most: it is held in memory whole, on both sides of a transfer, and some hundred times what a room needs.
pub(crate) const VALUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of a note, at most: it has to fit, with the rest of a head, into what sled keeps in its pages. Some forty nodes and their addresses.
pub(crate) const NOTE_BYTES_MAX: usize = 3 * 1024;

/// Refuses what is longer than can be kept.
fn check_lengths(key: &[u8], value: Option<&[u8]>) -> Result<(), StateError> {
    check_length("key", key.len(), KEY_BYTES_MAX)?;
    check_length("value", value.map_or(0, <[u8]>::len), VALUE_BYTES_MAX)
}

fn check_length(what: &'static str, bytes: usize, max: usize) -> Result<(), StateError> {
    if bytes > max { Err(StateError::TooLong { what, bytes, max }) } else { Ok(()) }
}

//! Another state in place of a group's: the new one is written beside the old as a generation of its own, the head is switched in one batch, and
//! the old records are removed. Checkpoints of other groups go on in between.

use std::collections::HashMap;

use bytes::Bytes;

use super::head::Head;
use super::store::Shared;
use super::{Pair, StateError, StateHash, check_lengths};

/// Bytes in one batch, about; a value more at most.
const PIECE_BYTES: usize = 1024 * 1024;

/// See [`super::StateStore::replace`].
pub(super) fn replace(
    shared: &Shared,
    group: u32,
    (index, note): (u64, Bytes),
    pairs: impl Iterator<Item = Result<Pair, StateError>>,
) -> Result<StateHash, StateError> {
    let generation = shared.live("begin a generation in", |writer| {
        shared.queue.drop_group(group);
        writer.begin(group)
    })?;
    let mut head = Head { index, note, ..Head::empty(generation) };
    if let Err(error) = fill(shared, group, &mut head, pairs) {
        sweep(shared, group, generation)?;
        return Err(error);
    }
    let hash = head.hash;
    let old = shared.live("replace a group's state in", |writer| {
        shared.queue.drop_group(group);
        // The records have to be there before the head says so.
        writer.sync()?;
        let old = writer.switch(group, head)?;
        writer.sync()?;
        shared.summaries().insert(group, (index, hash));
        Ok(old)
    })?;
    old.map_or(Ok(()), |old| sweep(shared, group, old))?;
    Ok(hash)
}

/// See [`super::StateStore::forget`].
pub(super) fn forget(shared: &Shared, group: u32) -> Result<(), StateError> {
    let old = shared.live("forget a group in", |writer| {
        shared.queue.drop_group(group);
        let old = writer.forget(group)?;
        writer.sync()?;
        shared.summaries().remove(&group);
        Ok(old)
    })?;
    old.map_or(Ok(()), |old| sweep(shared, group, old))
}

fn fill(
    shared: &Shared,
    group: u32,
    head: &mut Head,
    pairs: impl Iterator<Item = Result<Pair, StateError>>,
) -> Result<(), StateError> {
    let mut piece = HashMap::new();
    let mut bytes = 0;
    for pair in pairs {
        let (key, value) = pair?;
        check_lengths(&key, Some(&value))?;
        bytes += key.len() + value.len();
        if piece.insert(key, value).is_some() {
            return Err(StateError::refused("it has a key twice"));
        }
        if bytes >= PIECE_BYTES {
            shared.live("write a group's state to", |writer| writer.fill(group, head, &piece))?;
            piece.clear();
            bytes = 0;
        }
    }
    shared.live("write a group's state to", |writer| writer.fill(group, head, &piece))
}

fn sweep(shared: &Shared, group: u32, generation: u32) -> Result<(), StateError> {
    while shared.live("remove old state from", |writer| writer.sweep(group, generation))? {}
    Ok(())
}

//! Reading all of a group's state, and believing none of it unchecked.

use bytes::Bytes;

use super::head::Head;
use super::record::{Assembly, generation_of, generation_prefix, group_prefix};
use super::writer::Writer;
use super::{Pair, StateError, StateHash};

/// A group's state as its last checkpoint left it. Everything in it was verified.
#[derive(Debug)]
pub(crate) struct Stored {
    /// Of the last entry in it.
    pub(crate) index: u64,
    /// What its user wrote beside it.
    pub(crate) note: Bytes,
    /// Of the pairs.
    pub(crate) hash: StateHash,
    /// In no order that means anything. Key and value of a pair share their memory.
    pub(crate) pairs: Vec<Pair>,
}

/// None if there was never a checkpoint of this group.
pub(super) fn load(writer: &Writer, group: u32) -> Result<Option<Stored>, StateError> {
    let path = writer.database.path();
    let head = writer.head(group);
    check_strays(writer, group, head)?;
    let Some(head) = head else { return Ok(None) };
    let damaged = |reason: String| StateError::damaged(path, format!("group {group}: {reason}"));
    let mut pairs = Vec::new();
    let mut hash = StateHash::default();
    let mut assembly = Assembly::default();
    for record in writer.database.scan(&generation_prefix(group, head.generation))? {
        let (key, chunk) = record?;
        if let Some((pair, digest)) = assembly.take(&key, &chunk).map_err(damaged)? {
            hash.add(digest);
            pairs.push(pair);
        }
    }
    assembly.end().map_err(damaged)?;
    if pairs.len() as u64 != head.count {
        return Err(damaged(format!("its head counts {} pairs, and {} are there", head.count, pairs.len())));
    }
    if hash != head.hash {
        return Err(damaged(format!("its head has the hash {}, and its pairs have {hash}", head.hash)));
    }
    Ok(Some(Stored { index: head.index, note: head.note.clone(), hash, pairs }))
}

/// Records that belong to no head are left of a head that is gone: one that is not yet or no longer meant has a mark, and went at the start.
fn check_strays(writer: &Writer, group: u32, head: Option<&Head>) -> Result<(), StateError> {
    let database = &writer.database;
    for record in database.scan(&group_prefix(group))? {
        let (key, _) = record?;
        if generation_of(&key) != head.map(|head| head.generation) {
            return Err(StateError::damaged(database.path(), format!("group {group}: there are records that no head knows")));
        }
    }
    Ok(())
}

//! What is stored beside the records: a head for each group, marks of generations that have to go, and how often anything was saved.

use std::path::Path;

use bytes::Bytes;

use super::record::{seal, unseal};
use super::{StateError, StateHash};

/// The format of heads and records.
const FORMAT: u32 = 1;

pub(super) const HEAD_TAG: &[u8] = b"h";
pub(super) const SWEEP_TAG: &[u8] = b"w";
const SAVES_KEY: &[u8] = b"n";

/// What a group's last checkpoint was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// Which records are the group's: all others are on their way out, or not yet in.
    pub(super) generation: u32,
    pub(super) index: u64,
    pub(super) note: Bytes,
    /// Pairs.
    pub(super) count: u64,
    pub(super) hash: StateHash,
}

impl Head {
    /// Before the first checkpoint.
    pub(super) fn empty(generation: u32) -> Head {
        Head { generation, index: 0, note: Bytes::new(), count: 0, hash: StateHash::default() }
    }

    pub(super) fn key(group: u32) -> Vec<u8> {
        [HEAD_TAG, &group.to_be_bytes()].concat()
    }

    pub(super) fn encode(&self, group: u32) -> Vec<u8> {
        let bytes = [
            FORMAT.to_be_bytes().as_slice(),
            &self.generation.to_be_bytes(),
            &self.index.to_be_bytes(),
            &self.count.to_be_bytes(),
            &self.hash.to_bytes(),
            &self.note,
        ]
        .concat();
        seal(&Head::key(group), &bytes)
    }

    /// With the group, from key and value. `path` is for the error.
    pub(super) fn parse(path: &Path, key: &[u8], sealed: &[u8]) -> Result<(u32, Head), StateError> {
        let damaged = |reason: &str| StateError::damaged(path, format!("a head: {reason}"));
        let group = key.strip_prefix(HEAD_TAG).and_then(|group| group.try_into().ok()).map(u32::from_be_bytes);
        let group = group.ok_or_else(|| damaged("its key is no group"))?;
        let mut bytes = unseal(key, sealed).map_err(|reason| damaged(&reason))?;
        let bytes = &mut bytes;
        let short = || damaged("it is too short");
        let found = u32::from_be_bytes(take(bytes).ok_or_else(short)?);
        if found != FORMAT {
            return Err(StateError::Format { path: path.to_owned(), found, known: FORMAT });
        }
        let head = Head {
            generation: u32::from_be_bytes(take(bytes).ok_or_else(short)?),
            index: u64::from_be_bytes(take(bytes).ok_or_else(short)?),
            count: u64::from_be_bytes(take(bytes).ok_or_else(short)?),
            hash: StateHash::from_bytes(take(bytes).ok_or_else(short)?),
            note: Bytes::copy_from_slice(bytes),
        };
        Ok((group, head))
    }
}

/// The next `N` bytes, which are gone from `bytes` then.
pub(super) fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (taken, rest) = bytes.split_first_chunk::<N>()?;
    *bytes = rest;
    Some(*taken)
}

/// The mark of a generation of records that is not the group's: not yet, or no longer. What stands there is removed at the next start.
pub(super) fn sweep_key(group: u32, generation: u32) -> Vec<u8> {
    [SWEEP_TAG, &group.to_be_bytes(), &generation.to_be_bytes()].concat()
}

/// Group and generation of a mark.
pub(super) fn parse_sweep(path: &Path, key: &[u8], sealed: &[u8]) -> Result<(u32, u32), StateError> {
    let parse = || {
        unseal(key, sealed)?;
        let mut rest = key.strip_prefix(SWEEP_TAG).ok_or("its key is none")?;
        let group = take(&mut rest).ok_or("its key is too short")?;
        let generation = take(&mut rest).ok_or("its key is too short")?;
        Ok((u32::from_be_bytes(group), u32::from_be_bytes(generation)))
    };
    parse().map_err(|reason: String| StateError::damaged(path, format!("a mark: {reason}")))
}

/// How often the database was written: key and value.
pub(super) fn encode_saves(saves: u64) -> (&'static [u8], Vec<u8>) {
    (SAVES_KEY, seal(SAVES_KEY, &saves.to_be_bytes()))
}

/// The key for [`parse_saves`].
pub(super) fn saves_key() -> &'static [u8] {
    SAVES_KEY
}

/// The reverse of [`encode_saves`]; a new database has none.
pub(super) fn parse_saves(path: &Path, sealed: Option<&[u8]>) -> Result<u64, StateError> {
    let Some(sealed) = sealed else { return Ok(0) };
    let bytes = unseal(SAVES_KEY, sealed).ok().and_then(|bytes| bytes.try_into().ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| StateError::damaged(path, "the count of saves is wrong"))
}

//! What is on the disk of a node that does not run, for whoever has to find out what happened.

use std::path::Path;

use bytes::Bytes;

use crate::consensus;
use crate::data_dir::DataDir;
use crate::disk;
use crate::log::Log;
use crate::open_error::advice;
use crate::settings::Sizes;
use crate::state::StateHash;
use crate::{GroupId, NodeId, OpenError};

/// What a node's disk has of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspected {
    /// Which.
    pub group: GroupId,
    /// Of the last checkpoint: the index of its last entry, and the hash of the state.
    pub checkpoint: Option<(u64, StateHash)>,
    /// The entries that the log still has, in order. The last ones may not be committed.
    pub entries: Vec<InspectedEntry>,
}

/// One entry of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InspectedEntry {
    /// Its place.
    pub index: u64,
    /// In whose term it was written.
    pub term: u64,
    /// What was proposed; nothing where consensus wrote for itself.
    pub proposal: Option<Bytes>,
}

/// Reads the directory of a node that does not run. Whatever a start would repair, such as a torn last frame, is repaired; the start is not counted.
///
/// # Errors
/// As [`crate::Node::open`], if the directory is in use, damaged, or none of a node.
pub fn inspect(dir: &Path) -> Result<(NodeId, Vec<Inspected>), OpenError> {
    let data_dir = DataDir::inspect(dir)?;
    let log = Log::open(disk::log_settings(Sizes::default(), &data_dir));
    let log = log.map_err(|error| disk::log_error(error, &advice(data_dir.record.alone, "")))?;
    let (state, _) = disk::read_state(dir, &log).map_err(|error| disk::unreadable(dir, error.to_string()))?;
    let groups = log.groups().into_iter().filter(|group| *group < GroupId::RESERVED);
    let inspected = groups.map(|group| {
        let entries = consensus::entries(&log, group).map_err(|error| disk::unreadable(dir, error.to_string()))?;
        Ok(Inspected { group: GroupId(group), checkpoint: state.summary(group), entries })
    });
    let inspected = inspected.collect::<Result<_, OpenError>>();
    state.close();
    log.close();
    Ok((data_dir.record.node, inspected?))
}

//! Opening a log: all of it is read first, then what an interrupted writer left is repaired.
//!
//! Refused, and left as it was: whatever an interrupted writer cannot have left. Repaired: a frame behind all others that was not finished, which
//! nobody was told of; a segment that was made and not used yet; a temporary file.

use super::error::LogError;
use super::index::Index;
use super::output::Output;
use super::replay::{Replay, Tail};
use super::{LogSettings, segment};
use crate::directory;

/// A log that is ready to be written to.
pub(super) struct Recovered {
    pub index: Index,
    pub output: Output,
}

pub(super) fn create(settings: &LogSettings) -> Result<Recovered, LogError> {
    let dir = &settings.dir;
    directory::make(dir).map_err(LogError::io(dir, "create"))?;
    if let Some(first) = segment::list(dir)?.first() {
        return Err(LogError::damaged(
            &segment::path(dir, *first),
            0,
            "there is a log in this directory, so none can be made in it",
        ));
    }
    let output = Output::first(settings)?;
    let mut index = Index::default();
    index.add_segment(output.segment().clone());
    output.seal()?;
    Ok(Recovered { index, output })
}

pub(super) fn open(settings: &LogSettings) -> Result<Recovered, LogError> {
    let mut replay = Replay::new(settings);
    let tail = replay.all()?;
    let index = replay.index;
    check_complete(settings, &index)?;
    segment::remove_temporary(&settings.dir)?;
    if let Some(unused) = tail.unused {
        segment::remove(&settings.dir, unused)?;
    }
    drop_rubbish(&tail)?;
    // The process that wrote this may have ended in front of a sync: what can be read is not on disk for that.
    index.segments.values().try_for_each(|held| held.segment.sync())?;
    segment::sync_dir(&settings.dir)?;
    let output = Output::new(settings, tail.segment, tail.end, tail.next_frame);
    output.seal()?;
    Ok(Recovered { index, output })
}

/// Refuses a log with entries in use that were in segments older than all that are there.
pub(super) fn check_complete(settings: &LogSettings, index: &Index) -> Result<(), LogError> {
    let Some((group, entry)) = index.first_gone() else { return Ok(()) };
    let oldest = index.segments.keys().next().map_or(0, |oldest| oldest.saturating_sub(1));
    let reason = format!("this segment or one before it is missing: entry {entry} of group {group} was there");
    Err(LogError::damaged(&segment::path(&settings.dir, oldest), 0, reason))
}

/// Overwrites what is left of an unfinished frame, so that it can never be taken for anything behind a shorter one.
fn drop_rubbish(tail: &Tail) -> Result<(), LogError> {
    let length = tail.rubbish_end - tail.end;
    if length > 0 { tail.segment.write(&vec![0; length as usize], tail.end) } else { Ok(()) }
}

//! Going on with less, when a person has decided so.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs::{self, File};
use std::path::Path;

use super::error::LogError;
use super::frame::{self, Binding, Kind};
use super::index::{Index, Place};
use super::op::Op;
use super::output::Plan;
use super::replay::{Loaded, Replay, read_file};
use super::segment::{BadHeader, HEADER_BYTES, Header, Segment};
use super::{FRAME_BYTES_MAX, LogSettings, recovery, segment};

/// What was given up.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// One sentence each; none if nothing was damaged, and then nothing was changed.
    pub lost: Vec<String>,
}

/// What can still be read behind the damage.
#[derive(Default)]
struct Behind {
    frames: u64,
    last_frame: u64,
    /// Behind the last entry that a group is known to have had.
    next: BTreeMap<u32, u64>,
    forgotten: BTreeSet<u32>,
}

/// Makes a damaged log one that can be opened, with everything in front of the damage, of every group up to the first entry that is lost.
///
/// What stands behind the damage serves for two things: values of slots are taken from there, and what was purged there is purged; neither was ever
/// undone by what is lost. The files are copied into `keep_copy_in` first. The log must not be open.
pub(crate) fn accept_loss(settings: LogSettings, keep_copy_in: &Path) -> Result<Report, LogError> {
    let settings = settings.within_limits();
    let mut replay = Replay::new(&settings);
    let read = replay.all().map(drop).and_then(|()| recovery::check_complete(&settings, &replay.index));
    let damage = match read {
        Ok(()) => return Ok(Report::default()),
        Err(damage @ LogError::Damaged { .. }) => damage,
        Err(other) => return Err(other),
    };
    refuse_foreign(&settings)?;
    copy(&settings.dir, keep_copy_in)?;
    let mut report = Report { lost: vec![format!("The log: {damage}.")] };
    let (next_frame, mut index) = (replay.next_frame.unwrap_or(1), replay.index);
    let behind = look_behind(&settings, &mut index, next_frame)?;
    report.frames(behind.frames);
    cut(&mut index, &behind, &mut report);
    rewrite(&settings, &index, next_frame.max(behind.last_frame + 1))?;
    Ok(report)
}

impl Report {
    fn frames(&mut self, frames: u64) {
        if frames > 0 {
            self.lost.push(format!(
                "The log: {frames} frames behind that could be read, but cannot be used without what was in front of them."
            ));
        }
    }

    fn entries(&mut self, group: u32, first: u64, next: u64) {
        self.lost.push(format!("Group {group}: the entries from {first} to {}.", next - 1));
    }
}

impl fmt::Display for Report {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.lost.join("\n"))
    }
}

/// A whole log of another data directory is not a damaged one of ours.
fn refuse_foreign(settings: &LogSettings) -> Result<(), LogError> {
    for number in segment::list(&settings.dir)? {
        let path = segment::path(&settings.dir, number);
        if Header::read(&read_file(&path)?.1, number, &settings.storage) == Err(BadHeader::Foreign) {
            return Err(LogError::damaged(&path, 0, segment::FOREIGN));
        }
    }
    Ok(())
}

fn copy(from: &Path, to: &Path) -> Result<(), LogError> {
    fs::create_dir_all(to).map_err(LogError::io(to, "create"))?;
    for entry in fs::read_dir(from).map_err(LogError::io(from, "list"))? {
        let path = entry.map_err(LogError::io(from, "list"))?.path();
        if let Some(name) = path.file_name().filter(|_| path.is_file()) {
            let copy = to.join(name);
            let copied = fs::copy(&path, &copy).and_then(|_| File::open(&copy)?.sync_all());
            copied.map_err(LogError::io(&copy, "copy a damaged file to"))?;
        }
    }
    segment::sync_dir(to)
}

/// Finds all valid frames that were not replayed, wherever they are.
fn look_behind(settings: &LogSettings, index: &mut Index, next_frame: u64) -> Result<Behind, LogError> {
    let mut behind = Behind::default();
    for number in segment::list(&settings.dir)? {
        let path = segment::path(&settings.dir, number);
        let (file, bytes) = read_file(&path)?;
        let (binding, mut at) = (Binding::new(&settings.storage, number), HEADER_BYTES);
        let segment = Segment { number, size: bytes.len() as u64, path, file };
        let loaded = Loaded::new(settings, segment, bytes);
        while let Some((offset, frame)) = frame::find(&loaded.bytes, at, next_frame..=u64::MAX, &binding) {
            at = offset + frame::HEAD_BYTES;
            if frame.kind != Kind::Seal {
                at = frame.end;
                behind.last_frame = behind.last_frame.max(frame.number);
                behind.frames += u64::from(frame.kind == Kind::Changes);
                loaded.ops(&frame).unwrap_or_default().iter().for_each(|(_, op)| behind.note(op, index));
            }
        }
    }
    Ok(behind)
}

impl Behind {
    fn note(&mut self, op: &Op, index: &mut Index) {
        match op {
            Op::Append { group, first, entries } => self.had(*group, first.saturating_add(entries.len() as u64)),
            Op::Purge { group, upto, note } => purge(index, *group, *upto, note.clone()),
            Op::Span { group, span } => {
                self.had(*group, span.next);
                if let Some((upto, note)) = &span.purged {
                    purge(index, *group, *upto, note.clone());
                }
            }
            Op::Set { .. } => drop(index.apply(op, 0, 0)),
            Op::Forget { group } => {
                self.next.remove(group);
                self.forgotten.insert(*group);
                drop(index.apply(op, 0, 0));
            }
            Op::Truncate { .. } | Op::Copy { .. } => {}
        }
    }

    fn had(&mut self, group: u32, next: u64) {
        let known = self.next.entry(group).or_default();
        *known = next.max(*known);
    }
}

/// A group of which only later entries are known begins behind its purge point.
fn purge(index: &mut Index, group: u32, upto: u64, note: bytes::Bytes) {
    drop(index.apply(&Op::Purge { group, upto, note }, 0, 0));
}

/// Drops from each group what is not there or has a gap in front of it, and says so.
fn cut(index: &mut Index, behind: &Behind, report: &mut Report) {
    let groups: Vec<u32> = index.groups.keys().chain(behind.next.keys()).copied().collect::<BTreeSet<_>>().into_iter().collect();
    for group in groups {
        let stored = index.groups.entry(group).or_default();
        let had = stored.span.next.max(behind.next.get(&group).copied().unwrap_or(0));
        let gone = stored.places.iter().position(|place| *place == Place::GONE).map(|at| stored.span.first + at as u64);
        let next = gone.unwrap_or(stored.span.next);
        if let Some(from) = gone {
            drop(index.apply(&Op::Truncate { group, from }, 0, 0));
        }
        if next < had {
            report.entries(group, next, had);
        }
    }
}

/// Writes all that is left into one new segment behind all others, then removes those. If that is interrupted, the log is refused as before, and the
/// copy has what was there.
fn rewrite(settings: &LogSettings, index: &Index, first_frame: u64) -> Result<(), LogError> {
    let old = segment::list(&settings.dir)?;
    let number = old.last().map_or(1, |last| last + 1);
    let binding = Binding::new(&settings.storage, number);
    let plan = Plan { number, first_frame, start: index.start(), room: 0 };
    let frames = copies(index, first_frame + 1, &binding)?;
    segment::remove_temporary(&settings.dir)?;
    plan.make_with(settings, frames)?;
    old.into_iter().rev().try_for_each(|old| segment::remove(&settings.dir, old))
}

/// Frames with all entries of all groups.
fn copies(index: &Index, first_frame: u64, binding: &Binding) -> Result<Vec<u8>, LogError> {
    let (mut frames, mut number) = (Vec::new(), first_frame);
    for run in index.runs(FRAME_BYTES_MAX, |_| true) {
        let mut buffer = Vec::new();
        frame::begin(&mut buffer);
        Op::Copy { group: run.group, first: run.first, entries: run.read()? }.write(&mut buffer);
        frame::finish(&mut buffer, Kind::Changes, number, binding);
        frames.extend(buffer);
        number += 1;
    }
    Ok(frames)
}

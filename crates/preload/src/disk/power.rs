//! What is left on the disk when the power goes.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};

use super::journal::{Event, Record};
use crate::chance::Chance;

/// Disks write this much at once, or nothing of it.
const SECTOR: usize = 512;

/// How much went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lost {
    /// Writes, and changes of length.
    pub changes: usize,
    /// Names made, removed or changed.
    pub names: usize,
}

/// Plays back what was not synced; with a whim (a seed), some of it stays.
pub fn lose(dir: &Path, aside: &Path, records: &[Record], whim: Option<u64>) -> io::Result<Lost> {
    let mut dice = whim.map(Chance::new);
    let synced = synced(records);
    let mut lost = Lost::default();
    let mut places = BTreeMap::new();
    find_files(dir, &mut places)?;
    find_files(aside, &mut places)?;
    for (inode, changes) in unsynced_changes(records, &synced) {
        lost.changes += changes.len();
        if let Some(path) = places.get(&inode) {
            forget_changes(path, &changes, dice.as_mut())?;
        }
    }
    let mut names = unsynced_names(records, &synced);
    if let Some(dice) = &mut dice {
        // A file system keeps its names in a journal of its own: the first so many stay.
        names.drain(..dice.below(names.len() as u64 + 1) as usize);
    }
    lost.names = names.len();
    names.into_iter().rev().try_for_each(forget_name)?;
    Ok(lost)
}

/// Up to where each file and directory is on the disk.
fn synced(records: &[Record]) -> BTreeMap<u64, u64> {
    let mut synced = BTreeMap::new();
    for record in records {
        if let Event::Synced { inode, upto } = record.event {
            let known = synced.entry(inode).or_default();
            *known = upto.max(*known);
        }
    }
    synced
}

fn unsynced_changes<'a>(records: &'a [Record], synced: &BTreeMap<u64, u64>) -> BTreeMap<u64, Vec<&'a Event>> {
    let mut changes: BTreeMap<u64, Vec<&Event>> = BTreeMap::new();
    for Record { at, event } in records {
        match event {
            // The number is free again when a file is gone, so a new file may have it.
            Event::Created { inode, linked: false, .. } => drop(changes.remove(inode)),
            Event::Changed { inode, .. } if synced.get(inode).is_none_or(|upto| at >= upto) => {
                changes.entry(*inode).or_default().push(event)
            }
            _ => (),
        }
    }
    changes
}

fn unsynced_names<'a>(records: &'a [Record], synced: &BTreeMap<u64, u64>) -> Vec<&'a Event> {
    let is_lost = |record: &&Record| {
        let lost_in = |parent: &u64| synced.get(parent).is_none_or(|upto| record.at >= *upto);
        match &record.event {
            Event::Created { parent, .. } | Event::Removed { parent, .. } => lost_in(parent),
            Event::Renamed { parents, .. } => parents.iter().any(lost_in),
            Event::Changed { .. } | Event::Synced { .. } => false,
        }
    };
    records.iter().filter(is_lost).map(|record| &record.event).collect()
}

fn find_files(dir: &Path, places: &mut BTreeMap<u64, PathBuf>) -> io::Result<()> {
    let Ok(entries) = fs::read_dir(dir) else { return Ok(()) };
    for entry in entries {
        let path = entry?.path();
        let meta = fs::symlink_metadata(&path)?;
        if meta.is_dir() {
            find_files(&path, places)?;
        } else if meta.is_file() {
            places.insert(meta.ino(), path);
        }
    }
    Ok(())
}

fn forget_changes(path: &Path, changes: &[&Event], dice: Option<&mut Chance>) -> io::Result<()> {
    let last = fs::read(path)?;
    let file = OpenOptions::new().write(true).open(path)?;
    for change in changes.iter().rev() {
        let Event::Changed { offset, old, old_size, .. } = change else { continue };
        file.set_len(*old_size)?;
        file.write_all_at(old, *offset)?;
    }
    if let Some(dice) = dice {
        let kept = keep_some(&fs::read(path)?, &last, dice);
        fs::write(path, kept)?;
    }
    Ok(())
}

/// Something between what is on the disk for certain and what was written last.
fn keep_some(synced: &[u8], last: &[u8], dice: &mut Chance) -> Vec<u8> {
    let mut kept = synced.to_vec();
    if last.len() < kept.len() && dice.below(2) == 0 {
        kept.truncate(last.len());
    }
    // Of eight sectors, so many reach the disk: a file that is nearly whole is as likely as one that is nearly old.
    let share = [0, 1, 4, 7, 8][dice.below(5) as usize];
    for (number, sector) in last.chunks(SECTOR).enumerate() {
        let start = number * SECTOR;
        if synced.get(start..start + sector.len()) != Some(sector) && dice.below(8) < share {
            let end = start + sector.len();
            kept.resize(end.max(kept.len()), 0);
            kept[start..end].copy_from_slice(sector);
        }
    }
    if kept.len() < last.len() && dice.below(2) == 0 {
        kept.resize(last.len(), 0);
    }
    kept
}

fn forget_name(name: &Event) -> io::Result<()> {
    match name {
        // What is in it was lost, or is in the way.
        Event::Created { path, directory: true, .. } => drop(fs::remove_dir_all(path)),
        Event::Created { path, inode, .. } if inode_of(path) == Some(*inode) => fs::remove_file(path)?,
        Event::Removed { path, directory: true, .. } => drop(fs::create_dir(path)),
        Event::Removed { path, aside, .. } if inode_of(path).is_none() => fs::hard_link(aside, path)?,
        Event::Renamed { inode, from, to, replaced, .. } if inode_of(to) == Some(*inode) => {
            fs::rename(to, from)?;
            if let Some(aside) = replaced {
                fs::hard_link(aside, to)?;
            }
        }
        _ => (),
    }
    Ok(())
}

fn inode_of(path: &Path) -> Option<u64> {
    fs::symlink_metadata(path).ok().map(|meta| meta.ino())
}

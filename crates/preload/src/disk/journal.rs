//! Reading what the library wrote down. The record is `struct record` of `c/journal.h`.

use std::fs::{self, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};

const MAGIC: u32 = 0x4f47_5246;
const HEADER: usize = 80;
const ZEROS: u32 = 1;
const DIRECTORY: u32 = 2;
const REPLACED: u32 = 4;
const LINKED: u32 = 8;

/// Something that happened to the disk, in order.
#[derive(Debug)]
pub struct Record {
    /// Its place in the journal.
    pub at: u64,
    /// What.
    pub event: Event,
}

/// What it was.
#[derive(Debug)]
pub enum Event {
    /// Bytes were replaced, or the length changed. What was there before:
    Changed { inode: u64, offset: u64, old: Vec<u8>, old_size: u64 },
    /// A name came to be.
    Created { inode: u64, parent: u64, path: PathBuf, directory: bool, linked: bool },
    /// A name went; a file is kept aside.
    Removed { parent: u64, path: PathBuf, aside: PathBuf, directory: bool },
    /// A name changed; what had the new name before is kept aside.
    Renamed { inode: u64, parents: [u64; 2], from: PathBuf, to: PathBuf, replaced: Option<PathBuf> },
    /// All of the file or directory that is older than this is on the disk.
    Synced { inode: u64, upto: u64 },
}

/// All whole records.
pub fn read(journal: &Path) -> io::Result<Vec<Record>> {
    // Without a journal nothing has happened.
    Ok(parse(&fs::read(journal).unwrap_or_default())?.0)
}

/// The process may have died while it wrote: that record stands for something that did not happen.
pub fn cut_torn_tail(journal: &Path) -> io::Result<()> {
    let Ok(bytes) = fs::read(journal) else { return Ok(()) };
    let (_, whole) = parse(&bytes)?;
    if whole < bytes.len() {
        OpenOptions::new().write(true).open(journal)?.set_len(whole as u64)?;
    }
    Ok(())
}

/// The records, and the bytes that they take.
fn parse(bytes: &[u8]) -> io::Result<(Vec<Record>, usize)> {
    let mut records = Vec::new();
    let mut replaced = None;
    let mut at = 0;
    while let Some(header) = bytes.get(at..at + HEADER) {
        let head = Head::read(header)?;
        let Some(rest) = bytes.get(at + HEADER..at + head.whole()) else { break };
        let (old, names) = rest.split_at(head.bytes);
        let (path, other) = names.split_at(head.path);
        let (path, other) = (name(path)?, name(other)?);
        let directory = head.flags & DIRECTORY != 0;
        let [offset, old_size] = [head.offset, head.old_size];
        let (inode, parent) = (head.inode, head.parent);
        let event = match head.kind {
            1 if head.flags & ZEROS != 0 => Event::Changed { inode, offset, old: vec![0; head.length], old_size },
            1 => Event::Changed { inode, offset, old: old.to_vec(), old_size },
            2 => Event::Created { inode, parent, path, directory, linked: head.flags & LINKED != 0 },
            3 if head.flags & REPLACED != 0 => {
                replaced = Some(other).filter(|_| !directory);
                at += head.whole();
                continue;
            }
            3 => Event::Removed { parent, path, aside: other, directory },
            4 => Event::Renamed { inode, parents: [parent, head.other_parent], from: path, to: other, replaced: replaced.take() },
            5 => Event::Synced { inode, upto: head.upto },
            kind => return Err(io::Error::other(format!("the journal has a record of kind {kind} at {at}"))),
        };
        records.push(Record { at: at as u64, event });
        at += head.whole();
    }
    Ok((records, at))
}

fn name(bytes: &[u8]) -> io::Result<PathBuf> {
    std::str::from_utf8(bytes).map(PathBuf::from).map_err(io::Error::other)
}

struct Head {
    kind: u32,
    inode: u64,
    parent: u64,
    other_parent: u64,
    offset: u64,
    length: usize,
    old_size: u64,
    upto: u64,
    bytes: usize,
    path: usize,
    other: usize,
    flags: u32,
}

impl Head {
    /// Of [`HEADER`] bytes.
    fn read(bytes: &[u8]) -> io::Result<Self> {
        let short = |at: usize| u32::from_ne_bytes(bytes[at..at + 4].try_into().expect("four bytes"));
        let long = |at: usize| u64::from_ne_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        if short(0) != MAGIC {
            return Err(io::Error::other("this is no journal"));
        }
        let [inode, parent, other_parent, offset, length, old_size, upto] = [8, 16, 24, 32, 40, 48, 56].map(long);
        let [byte_count, path, other] = [64, 68, 72].map(|at| short(at) as usize);
        let length = usize::try_from(length).map_err(io::Error::other)?;
        Ok(Self {
            kind: short(4),
            inode,
            parent,
            other_parent,
            offset,
            length,
            old_size,
            upto,
            bytes: byte_count,
            path,
            other,
            flags: short(76),
        })
    }

    fn whole(&self) -> usize {
        HEADER + self.bytes + self.path + self.other
    }
}

//! One file of the log.
//!
//! It has its full size from the beginning, since to grow a file with every sync costs a third more. In front of its frames:
//!
//! ```text
//! magic 8 | version u32 | checksum u32 | number u64 | first frame's number u64 | size u64 | storage id 16 | zeros 8
//! ```

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use rustix::fs::FallocateFlags;
use rustix::io::Errno;

use super::error::LogError;
use crate::planted::{self, Bug};

/// Bytes in front of the first frame.
pub(super) const HEADER_BYTES: usize = 64;

const MAGIC: &[u8; 8] = b"conclave";

/// Of this format. Another one is refused.
const VERSION: u32 = 1;

/// A segment that is being made. It is nothing until it is renamed.
const TEMPORARY: &str = "next.temporary";

const EXTENSION: &str = "segment";

/// Why a [`BadHeader::Foreign`] is refused.
pub(super) const FOREIGN: &str = "the file belongs to another data directory: its storage id is not ours";

/// An open one.
#[derive(Debug)]
pub(super) struct Segment {
    pub number: u64,
    pub size: u64,
    pub path: PathBuf,
    pub file: File,
}

/// What stands at the front of one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Header {
    pub number: u64,
    pub first_frame: u64,
    pub size: u64,
    pub storage: [u8; 16],
}

/// Why a header is no good.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum BadHeader {
    Damaged(&'static str),
    /// It is whole, and belongs to another data directory.
    Foreign,
}

impl Segment {
    /// Makes one with its first frame. When this returns it is on disk, under its name.
    pub fn create(dir: &Path, header: &Header, frames: &[u8]) -> Result<Self, LogError> {
        let temporary = dir.join(TEMPORARY);
        let file = open_new(&temporary).map_err(LogError::io(&temporary, "create"))?;
        allocate(&file, header.size).map_err(LogError::io(&temporary, "allocate"))?;
        let content = [&header.write()[..], frames].concat();
        file.write_all_at(&content, 0).map_err(LogError::io(&temporary, "write"))?;
        file.sync_all().map_err(LogError::io(&temporary, "sync"))?;
        let path = path(dir, header.number);
        fs::rename(&temporary, &path).map_err(LogError::io(&temporary, "rename"))?;
        sync_dir(dir)?;
        Ok(Self { number: header.number, size: header.size, path, file })
    }

    pub fn write(&self, bytes: &[u8], offset: u64) -> Result<(), LogError> {
        self.file.write_all_at(bytes, offset).map_err(LogError::io(&self.path, "write to"))
    }

    pub fn sync(&self) -> Result<(), LogError> {
        if planted::is(Bug::SyncSkipped) {
            return Ok(());
        }
        self.file.sync_data().map_err(LogError::io(&self.path, "sync"))
    }

    pub fn read(&self, offset: u64, length: usize) -> Result<Vec<u8>, LogError> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).map_err(LogError::io(&self.path, "read"))?;
        Ok(bytes)
    }
}

impl Header {
    pub fn write(&self) -> [u8; HEADER_BYTES] {
        let mut bytes = [0; HEADER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..32].copy_from_slice(&self.first_frame.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.size.to_le_bytes());
        bytes[40..56].copy_from_slice(&self.storage);
        let sum = header_sum(&bytes);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the one of the file that has this number in its name and this content.
    pub fn read(file: &[u8], number: u64, storage: &[u8; 16]) -> Result<Self, BadHeader> {
        let bytes = file.first_chunk::<HEADER_BYTES>().ok_or(BadHeader::Damaged("the file is shorter than a header"))?;
        if &bytes[..8] != MAGIC || bytes[12..16] != header_sum(bytes).to_le_bytes() {
            return Err(BadHeader::Damaged("the header's checksum is wrong"));
        }
        if bytes[8..12] != VERSION.to_le_bytes() {
            return Err(BadHeader::Damaged("the header names a version that this program does not know"));
        }
        let header = Self { number: long(bytes, 16), first_frame: long(bytes, 24), size: long(bytes, 32), storage: id(bytes) };
        if header.storage != *storage {
            return Err(BadHeader::Foreign);
        }
        if header.number != number {
            return Err(BadHeader::Damaged("the header has another number than the file's name"));
        }
        if header.size != file.len() as u64 {
            return Err(BadHeader::Damaged("the file has another length than its header says"));
        }
        Ok(header)
    }
}

pub(super) fn path(dir: &Path, number: u64) -> PathBuf {
    dir.join(format!("{number:016}.{EXTENSION}"))
}

/// The numbers of the segments in a directory, in order. Files with other names are not ours.
pub(super) fn list(dir: &Path) -> Result<Vec<u64>, LogError> {
    let failed = || LogError::io(dir, "list");
    let mut numbers = Vec::new();
    for entry in fs::read_dir(dir).map_err(failed())? {
        let path = entry.map_err(failed())?.path();
        let number = path.file_stem().and_then(|stem| stem.to_str()).and_then(|stem| stem.parse().ok());
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            numbers.push(number.ok_or_else(|| LogError::damaged(&path, 0, "the file's name is not the number of a segment"))?);
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes one, and waits until that is on disk, so that none is ever missing between two others.
pub(super) fn remove(dir: &Path, number: u64) -> Result<(), LogError> {
    let path = path(dir, number);
    fs::remove_file(&path).map_err(LogError::io(&path, "remove"))?;
    sync_dir(dir)
}

/// Removes what was left of a segment that did not come to be.
pub(super) fn remove_temporary(dir: &Path) -> Result<(), LogError> {
    let path = dir.join(TEMPORARY);
    match fs::remove_file(&path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(LogError::io(&path, "remove")(error)),
        _ => Ok(()),
    }
}

pub(super) fn sync_dir(dir: &Path) -> Result<(), LogError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(LogError::io(dir, "sync"))
}

fn open_new(path: &Path) -> io::Result<File> {
    File::options().read(true).write(true).create(true).truncate(true).open(path)
}

/// Where the file system cannot allocate, the file is at least as long as it will be.
fn allocate(file: &File, size: u64) -> io::Result<()> {
    match rustix::fs::fallocate(file, FallocateFlags::empty(), 0, size) {
        Err(Errno::OPNOTSUPP | Errno::NOSYS) => file.set_len(size),
        done => Ok(done?),
    }
}

fn header_sum(bytes: &[u8; HEADER_BYTES]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&bytes[..12]);
    sum.update(&bytes[16..]);
    sum.finalize()
}

fn long(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    let mut long = [0; 8];
    long.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(long)
}

fn id(bytes: &[u8; HEADER_BYTES]) -> [u8; 16] {
    let mut id = [0; 16];
    id.copy_from_slice(&bytes[40..56]);
    id
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flipped_bit_anywhere_in_a_header_is_seen() {
        let header = Header { number: 3, first_frame: 70, size: 64, storage: [9; 16] };
        let written = header.write();
        assert_eq!(Header::read(&written, 3, &[9; 16]), Ok(header));
        for bit in 0..written.len() * 8 {
            let mut flipped = written;
            flipped[bit / 8] ^= 1 << (bit % 8);
            let reason = BadHeader::Damaged("the header's checksum is wrong");
            assert_eq!(Header::read(&flipped, 3, &[9; 16]), Err(reason), "bit {bit}");
        }
    }

    #[test]
    fn a_header_is_good_for_one_file_alone() {
        let written = Header { number: 3, first_frame: 70, size: 64, storage: [9; 16] }.write();
        assert_eq!(Header::read(&written, 3, &[8; 16]), Err(BadHeader::Foreign));
        assert!(Header::read(&written, 4, &[9; 16]).is_err());
        assert!(Header::read(&[&written[..], &[0]].concat(), 3, &[9; 16]).is_err());
        assert!(Header::read(&written[..60], 3, &[9; 16]).is_err());
    }
}

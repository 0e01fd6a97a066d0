//! A snapshot: all of a group's state at one index, in one file that can be sent.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::{Bytes, BytesMut};

use super::block::{self, Subject, Whole};
use super::pairs::Pairs;
use super::{Pair, StateError, StateHash};

/// Where the files are, in the node's directory.
const DIRECTORY: &str = "snapshots";

/// Endings: made here to be sent; being received; received and whole, to be installed.
pub(super) const OUT: &str = "out";
pub(super) const PART: &str = "part";
pub(super) const INSTALL: &str = "install";

/// A whole snapshot file. It is deleted with its last clone: whoever keeps the newest of a group deletes the one before by that, but not under a
/// transfer; and one that was received goes when it is installed, or was given up. A crash before that leaves it, for [`super::pending`].
#[derive(Clone, Debug)]
pub(crate) struct SnapshotFile {
    pub(crate) path: PathBuf,
    pub(crate) group: u32,
    /// Of the last entry in it.
    pub(crate) index: u64,
    /// What its user wrote beside it.
    pub(crate) note: Bytes,
    /// Bytes in the file.
    pub(crate) size: u64,
    /// Pairs.
    pub(crate) count: u64,
    pub(crate) hash: StateHash,
    name: String,
    kept: Arc<Kept>,
}

impl SnapshotFile {
    /// Writes one to `dir/snapshots`. It is not synced: after a crash of this node it would be written anew, under another name, and the receiver
    /// checks what it gets. Holds one block in memory, 64 KiB or the longest value.
    ///
    /// # Errors
    /// Those of the file system, and `InvalidInput` for a pair or note that is too long.
    pub fn write(dir: &Path, group: u32, index: u64, note: Bytes, pairs: impl Iterator<Item = Pair>) -> io::Result<SnapshotFile> {
        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|error| io::Error::other(error.to_string()))?;
        let name = Name { group, index, random: u64::from_be_bytes(random) }.to_string();
        let path = create_directory(dir)?.join(&name).with_extension(OUT);
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(&path)?;
        let subject = Subject { group, index, note };
        let written = block::write(&file, &subject, pairs);
        let whole = written.inspect_err(|_| drop(std::fs::remove_file(&path)))?;
        Ok(SnapshotFile::of(path, Arc::new(file), subject, whole))
    }

    /// Opens a received file, and reads all of it to see that it is whole. From then on it is deleted as any other.
    pub fn open(path: &Path) -> Result<SnapshotFile, StateError> {
        let file = File::open(path).map_err(StateError::io(path, "open"))?;
        let file = Arc::new(file);
        let (subject, whole) = verify(path, &file)?;
        Ok(SnapshotFile::of(path.to_owned(), file, subject, whole))
    }

    /// One that is whole.
    pub(super) fn of(path: PathBuf, file: Arc<File>, subject: Subject, whole: Whole) -> SnapshotFile {
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let (Subject { group, index, note }, Whole { count, hash, size }) = (subject, whole);
        let kept = Arc::new(Kept { file, path: path.clone() });
        SnapshotFile { path, group, index, note, size, count, hash, name, kept }
    }

    /// Tells it from all others, for a transfer that is resumed: group, index, and 16 random hexadecimal digits.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Some of its bytes; fewer than asked at its end, and none behind.
    pub fn chunk(&self, offset: u64, bytes_max: usize) -> io::Result<Bytes> {
        let bytes = self.size.saturating_sub(offset).min(bytes_max as u64) as usize;
        let mut chunk = BytesMut::zeroed(bytes);
        self.kept.file.read_exact_at(&mut chunk, offset)?;
        Ok(chunk.freeze())
    }

    /// All pairs. Checked again while they are read: the last item is an error unless the whole file is as it was.
    pub fn pairs(&self) -> impl Iterator<Item = Result<Pair, StateError>> + use<> {
        let (pairs, error) = match Pairs::open(&self.path, &self.kept.file) {
            Ok((_, pairs)) => (Some(pairs), None),
            Err(error) => (None, Some(Err(error))),
        };
        pairs.into_iter().flatten().chain(error)
    }
}

/// Reads all of a file. The path is for the error.
pub(super) fn verify(path: &Path, file: &Arc<File>) -> Result<(Subject, Whole), StateError> {
    let (subject, mut pairs) = Pairs::open(path, file)?;
    pairs.by_ref().try_for_each(|pair| pair.map(drop))?;
    let whole = pairs.whole.ok_or_else(|| StateError::damaged(path, "it has no end"))?;
    Ok((subject, whole))
}

/// The open file of a snapshot: whoever reads it does so even when it has no name any more.
#[derive(Debug)]
struct Kept {
    file: Arc<File>,
    path: PathBuf,
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "could not delete a snapshot that is no longer needed");
        }
    }
}

/// The name of a snapshot.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name {
    pub(super) group: u32,
    pub(super) index: u64,
    random: u64,
}

impl Name {
    /// None for everything that [`Name`] does not write itself.
    pub(super) fn parse(text: &str) -> Option<Name> {
        let mut parts = text.splitn(3, '-');
        let (group, index, random) = (parts.next()?, parts.next()?, parts.next()?);
        let random = u64::from_str_radix(random, 16).ok()?;
        let name = Name { group: group.parse().ok()?, index: index.parse().ok()?, random };
        (name.to_string() == text).then_some(name)
    }
}

impl std::fmt::Display for Name {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}-{}-{:016x}", self.group, self.index, self.random)
    }
}

/// Where the files are.
pub(super) fn directory(dir: &Path) -> PathBuf {
    dir.join(DIRECTORY)
}

pub(super) fn create_directory(dir: &Path) -> io::Result<PathBuf> {
    let path = directory(dir);
    crate::directory::make(&path)?;
    Ok(path)
}

//! A snapshot that a peer is sending.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::block::{Subject, Whole};
use super::snapshot::{self, INSTALL, Name, PART, create_directory};
use super::{SnapshotFile, StateError};

/// Bytes of a snapshot, at most. The state is held in memory on both sides; no group's comes near this.
pub(crate) const SNAPSHOT_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;

/// A transfer under way. Dropped, it can be resumed under the same name, even after a restart.
#[derive(Debug)]
pub(crate) struct Incoming {
    directory: PathBuf,
    path: PathBuf,
    file: Arc<File>,
    name: Name,
    size: u64,
    received: u64,
}

impl Incoming {
    /// Begins a transfer, or resumes the one of this name. What there is of other transfers of the group is deleted.
    ///
    /// # Errors
    /// [`StateError::Refused`] if it is too large, or its name is not one that [`SnapshotFile::write`] gives to a snapshot of this group: it comes
    /// from a peer and becomes part of a path.
    pub fn begin(dir: &Path, group: u32, name: &str, size: u64) -> Result<Incoming, StateError> {
        let name = Name::parse(name).filter(|name| name.group == group);
        let name = name.ok_or_else(|| StateError::refused(format!("its name is not one of a snapshot of group {group}")))?;
        if size > SNAPSHOT_BYTES_MAX {
            return Err(StateError::refused(format!("it has {size} bytes, and {SNAPSHOT_BYTES_MAX} are the most")));
        }
        let directory = create_directory(dir).map_err(StateError::io(dir, "create a directory for snapshots in"))?;
        let path = directory.join(name.to_string()).with_extension(PART);
        delete_others(&directory, group, &path).map_err(StateError::io(&directory, "clear"))?;
        let (file, received) = open(&path, size).map_err(StateError::io(&path, "open"))?;
        let file = Arc::new(file);
        Ok(Incoming { directory, path, file, name, size, received })
    }

    /// Bytes that are here: where the next have to begin.
    pub fn received(&self) -> u64 {
        self.received
    }

    /// Takes bytes that begin where [`Incoming::received`] says, and gives what it says then; others change nothing.
    ///
    /// # Errors
    /// [`StateError::Refused`] for more than was announced. Of another error the transfer can be resumed.
    pub fn write(&mut self, offset: u64, bytes: &[u8]) -> Result<u64, StateError> {
        if offset != self.received {
            return Ok(self.received);
        }
        if bytes.len() as u64 > self.size - self.received {
            return Err(StateError::refused(format!("it has more than the {} bytes that were announced", self.size)));
        }
        self.file.write_all_at(bytes, offset).map_err(StateError::io(&self.path, "write"))?;
        self.received += bytes.len() as u64;
        Ok(self.received)
    }

    /// Checks that all is there and whole, and makes it a snapshot to install; the disk has it when this returns.
    ///
    /// # Errors
    /// [`StateError::Refused`] if it is not all there, and the transfer can go on. [`StateError::Damaged`] if it is not whole, or not what its
    /// name says: it is deleted, and has to be sent anew.
    pub fn finish(self) -> Result<SnapshotFile, StateError> {
        if self.received < self.size {
            return Err(StateError::refused(format!("{} of its {} bytes are here", self.received, self.size)));
        }
        let whole = self.verify().inspect_err(|error| {
            if !matches!(error, StateError::Io { .. }) {
                let _ = std::fs::remove_file(&self.path);
            }
        });
        let (subject, whole) = whole?;
        let install = self.path.with_extension(INSTALL);
        let placed = self.file.sync_all().and_then(|()| std::fs::rename(&self.path, &install));
        placed.and_then(|()| File::open(&self.directory)?.sync_all()).map_err(StateError::io(&install, "write"))?;
        Ok(SnapshotFile::of(install, self.file, subject, whole))
    }

    fn verify(&self) -> Result<(Subject, Whole), StateError> {
        let (subject, whole) = snapshot::verify(&self.path, &self.file)?;
        if (subject.group, subject.index) != (self.name.group, self.name.index) {
            let reason = format!("it is of group {} at {}, which is not what its name says", subject.group, subject.index);
            return Err(StateError::damaged(&self.path, reason));
        }
        Ok((subject, whole))
    }
}

fn open(path: &Path, size: u64) -> io::Result<(File, u64)> {
    let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).mode(0o600).open(path)?;
    let received = file.metadata()?.len();
    if received > size {
        file.set_len(0)?;
        return Ok((file, 0));
    }
    Ok((file, received))
}

fn delete_others(directory: &Path, group: u32, path: &Path) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let other = entry?.path();
        let name = other.file_stem().and_then(|name| Name::parse(name.to_str()?));
        if other.extension().is_some_and(|ending| ending == PART) && name.is_some_and(|name| name.group == group) && other != path
        {
            std::fs::remove_file(other)?;
        }
    }
    Ok(())
}

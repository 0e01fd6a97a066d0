//! What earlier lives of the node left of snapshots.

use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::snapshot::{INSTALL, OUT, directory};
use super::{SnapshotFile, StateError, StateHash, StateStore};

impl StateStore {
    /// Makes a received snapshot the group's state, and deletes the file. Blocks until the disk has it.
    pub fn install(&self, file: &SnapshotFile) -> Result<StateHash, StateError> {
        let hash = self.replace(file.group, file.index, file.note.clone(), file.pairs())?;
        file.delete()?;
        Ok(hash)
    }
}

/// The received snapshots that are newer than what is stored: a crash came before they were installed, so they have to be, before anything else
/// is done with their groups. To be called once, at the start: it deletes the older ones, and those that were to be sent. What there is of a
/// transfer stays, so that it can be resumed.
///
/// One that is damaged is renamed, and told in the log: nothing was built on it yet, and whoever sent it has another.
pub(crate) fn pending(dir: &Path, store: &StateStore) -> Result<Vec<SnapshotFile>, StateError> {
    let directory = directory(dir);
    let entries = match std::fs::read_dir(&directory) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StateError::io(&directory, "list"))?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(StateError::io(&directory, "list"))?.path();
        match path.extension().and_then(OsStr::to_str) {
            Some(OUT) => std::fs::remove_file(&path).map_err(StateError::io(&path, "delete"))?,
            Some(INSTALL) => files.extend(look_at(&path, store)?),
            _ => {}
        }
    }
    Ok(files)
}

fn look_at(path: &Path, store: &StateStore) -> Result<Option<SnapshotFile>, StateError> {
    let file = match SnapshotFile::open(path) {
        Err(error @ StateError::Damaged { .. }) => {
            tracing::error!(%error, "a snapshot that was received and not installed is renamed; it will be sent anew");
            std::fs::rename(path, path.with_extension("damaged")).map_err(StateError::io(path, "rename"))?;
            return Ok(None);
        }
        file => file?,
    };
    if store.summary(file.group).is_some_and(|(stored, _)| file.index <= stored) {
        file.delete()?;
        return Ok(None);
    }
    Ok(Some(file))
}

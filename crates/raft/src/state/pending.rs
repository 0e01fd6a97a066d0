//! What earlier lives of the node left of snapshots.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io;
use std::path::Path;

use super::snapshot::{INSTALL, OUT, directory};
use super::{SnapshotFile, StateError};

/// Received snapshots, the newest of each group: a crash came before they were installed, or just after. Those that are newer than what is stored
/// have to be installed before anything else is done with their groups; to drop one deletes it. To be called once, at the start: it deletes
/// those that were to be sent. What there is of a transfer stays, so that it can be resumed.
///
/// One that is damaged is renamed, and told in the log: nothing was built on it yet, and whoever sent it has another.
pub(crate) fn pending(dir: &Path) -> Result<Vec<SnapshotFile>, StateError> {
    let directory = directory(dir);
    let entries = match std::fs::read_dir(&directory) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(StateError::io(&directory, "list"))?,
    };
    let mut newest: BTreeMap<u32, SnapshotFile> = BTreeMap::new();
    for entry in entries {
        let path = entry.map_err(StateError::io(&directory, "list"))?.path();
        match path.extension().and_then(OsStr::to_str) {
            Some(OUT) => std::fs::remove_file(&path).map_err(StateError::io(&path, "delete"))?,
            Some(INSTALL) => {
                let file = open(&path)?.filter(|file| newest.get(&file.group).is_none_or(|other| other.index < file.index));
                newest.extend(file.map(|file| (file.group, file)));
            }
            _ => {}
        }
    }
    Ok(newest.into_values().collect())
}

fn open(path: &Path) -> Result<Option<SnapshotFile>, StateError> {
    match SnapshotFile::open(path) {
        Err(error @ StateError::Damaged { .. }) => {
            tracing::error!(%error, "a snapshot that was received and not installed is renamed; it will be sent anew");
            std::fs::rename(path, path.with_extension("damaged")).map_err(StateError::io(path, "rename"))?;
            Ok(None)
        }
        file => file.map(Some),
    }
}

//! A database that is damaged makes room for a new one, and is kept for whoever wants to know why.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use super::saves;
use super::store::DIRECTORY;

/// Moves `dir/state`, and the count of its saves with it, to `dir/state.damaged-<n>`, with the first `n` that is free, and gives that path.
/// The store must not be open. Nothing is deleted. A crash in between leaves a store that is damaged still, and is set aside once more.
pub(crate) fn set_aside(dir: &Path) -> io::Result<PathBuf> {
    let aside = (1..).map(|n| dir.join(format!("{DIRECTORY}.damaged-{n}")));
    let aside = aside.into_iter().find(|path| path.symlink_metadata().is_err()).ok_or(io::ErrorKind::AlreadyExists)?;
    // The directory first: while the count stays, what is missing is missed.
    match std::fs::rename(dir.join(DIRECTORY), &aside) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => DirBuilder::new().mode(0o700).create(&aside)?,
        moved => moved?,
    }
    File::open(dir)?.sync_all()?;
    let count = saves::path(dir);
    match std::fs::rename(&count, aside.join(count.file_name().unwrap_or_default())) {
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {}
        moved => moved?,
    }
    File::open(&aside)?.sync_all()?;
    File::open(dir)?.sync_all()?;
    Ok(aside)
}

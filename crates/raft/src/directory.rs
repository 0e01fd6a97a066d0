//! Directories whose names outlive a power loss: what is synced inside one is gone with it if its own name never reached the disk.

use std::fs::{DirBuilder, File};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

/// Makes a directory, readable by its owner alone, and those above it that are missing; one that is there stays as it is. When this returns, the disk
/// has their names.
pub fn make(path: &Path) -> io::Result<()> {
    let parents: Vec<PathBuf> = path.ancestors().skip(1).map(named).collect();
    let missing = parents.iter().take_while(|parent| !parent.is_dir()).count();
    DirBuilder::new().recursive(true).mode(0o700).create(path)?;
    // Also if it is there already: whoever made it may not have come so far.
    parents.iter().take(missing + 1).try_for_each(|parent| File::open(parent)?.sync_all())
}

fn named(path: &Path) -> PathBuf {
    if path.as_os_str().is_empty() { PathBuf::from(".") } else { path.to_owned() }
}

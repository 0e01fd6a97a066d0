//! How many changes the disk had, written beside the database.
//!
//! A sled database that is damaged opens all the same, without what came behind the damage: perhaps with nothing at all. This number
//! tells such a one from a new one.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;

const NAME: &str = "changes";

/// The number that was written last; 0 if there is none.
pub(super) fn read(directory: &Path) -> io::Result<u64> {
    match std::fs::read_to_string(directory.join(NAME)) {
        Ok(text) => text.trim().parse().map_err(|_| io::Error::other(format!("{NAME} holds no number"))),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(cause) => Err(cause),
    }
}

/// Replaces the number; when this returns, the disk has it.
pub(super) fn write(directory: &Path, changes: u64) -> io::Result<()> {
    let new = directory.join(format!("{NAME}.new"));
    let mut file = File::create(&new)?;
    writeln!(file, "{changes}")?;
    file.sync_all()?;
    std::fs::rename(&new, directory.join(NAME))?;
    File::open(directory)?.sync_all()
}

//! How often the database was written, in a small file beside it.
//!
//! A sled database that is damaged opens all the same, without what came behind the damage: perhaps with nothing at all. Its own count is then
//! lower than this one. The database is written and synced first and this file after it, so that no crash makes it ahead.
//!
//! Two slots are written in turn, each with its checksum, so that a write that is torn leaves the other.

use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::StateError;
use super::record::{seal, unseal};

const NAME: &str = "state.saves";

const MAGIC: &[u8; 8] = b"cnclsvs1";
const SLOT_BYTES: usize = 20;
/// The slots are so far apart that no write of one touches the sectors of the other.
const SLOT_DISTANCE: u64 = 4096;

/// The open file.
pub(super) struct Saves {
    path: PathBuf,
    file: File,
}

/// Where the file is.
pub(super) fn path(dir: &Path) -> PathBuf {
    dir.join(NAME)
}

impl Saves {
    /// The file and its count; none if it is not there.
    pub(super) fn open(dir: &Path) -> Result<Option<(Saves, u64)>, StateError> {
        let path = path(dir);
        let file = match OpenOptions::new().read(true).write(true).open(&path) {
            Ok(file) => file,
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(cause) => return Err(StateError::io(&path, "open")(cause)),
        };
        let slots = [read_slot(&file, 0), read_slot(&file, 1)];
        let [even, odd] = slots.map(|slot| slot.map_err(StateError::io(&path, "read")));
        let count = even?.max(odd?).ok_or_else(|| StateError::damaged(&path, "no count in it has its checksum"))?;
        Ok(Some((Saves { path, file }, count)))
    }

    /// A new one, with a count of 0. It has its name only when it is whole.
    pub(super) fn create(dir: &Path) -> Result<Saves, StateError> {
        let path = path(dir);
        create(dir, &path).map_err(StateError::io(&path, "create"))
    }

    /// When this returns, the disk has the count.
    pub(super) fn write(&self, count: u64) -> Result<(), StateError> {
        self.file.write_all_at(&slot(count), offset(count % 2)).map_err(StateError::io(&self.path, "write"))?;
        self.file.sync_data().map_err(StateError::io(&self.path, "sync"))
    }
}

fn create(dir: &Path, path: &Path) -> io::Result<Saves> {
    let new = path.with_extension("saves.new");
    let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(true).mode(0o600).open(&new)?;
    file.write_all(&slot(0))?;
    file.set_len(2 * SLOT_DISTANCE)?;
    file.sync_all()?;
    std::fs::rename(&new, path)?;
    File::open(dir)?.sync_all()?;
    Ok(Saves { path: path.to_owned(), file })
}

fn offset(number: u64) -> u64 {
    number * SLOT_DISTANCE
}

fn slot(count: u64) -> Vec<u8> {
    let place = [MAGIC.as_slice(), &(count % 2).to_be_bytes()].concat();
    [MAGIC.as_slice(), &seal(&place, &count.to_be_bytes())].concat()
}

/// None if nothing readable is in it.
fn read_slot(file: &File, number: u64) -> io::Result<Option<u64>> {
    let mut bytes = [0; SLOT_BYTES];
    match file.read_exact_at(&mut bytes, offset(number)) {
        Err(cause) if cause.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        read => read?,
    }
    let place = [MAGIC.as_slice(), &number.to_be_bytes()].concat();
    let count = bytes.strip_prefix(MAGIC).and_then(|sealed| unseal(&place, sealed).ok());
    Ok(count.and_then(|bytes| bytes.try_into().ok()).map(u64::from_be_bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_count_is_found_and_a_torn_one_is_not_missed() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Saves::open(dir.path()).unwrap().is_none());
        let saves = Saves::create(dir.path()).unwrap();
        assert_eq!(Saves::open(dir.path()).unwrap().unwrap().1, 0);
        for count in 1..6 {
            saves.write(count).unwrap();
            assert_eq!(Saves::open(dir.path()).unwrap().unwrap().1, count);
        }
        // The next would be in slot 0, where 4 is: half of it arrives.
        saves.file.write_all_at(&slot(6)[..14], 0).unwrap();
        assert_eq!(Saves::open(dir.path()).unwrap().unwrap().1, 5);
    }

    #[test]
    fn a_file_without_a_count_is_damaged() {
        let dir = tempfile::tempdir().unwrap();
        for content in [b"".as_slice(), b"cnclsvs1", &[0; 9000]] {
            std::fs::write(path(dir.path()), content).unwrap();
            assert!(matches!(Saves::open(dir.path()), Err(StateError::Damaged { .. })));
        }
    }
}

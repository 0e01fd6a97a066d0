//! The disk of one process, made forgetful and faulty: `c/disk.c` says how.
//!
//! A process is started with the library in front; it is killed; then [`Disk::lose_power`] takes back what it had not synced.

mod journal;
mod power;

use std::ffi::CStr;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

pub use power::Lost;

/// Of a text in the control file, with the 0 behind it.
const TEXT_BYTES: usize = 512;

/// Places in the control file: `struct control` of `c/faults.h`.
const TOLD_AT: u64 = 0;
const SLOW_SYNC_AT: u64 = 8;
const SLOW_FAIL_AT: u64 = 16;
const SLOWED_AT: u64 = 24;
const FAILED_AT: u64 = 32;
const FAIL_AT: u64 = 40;
const LIE_AT: u64 = FAIL_AT + TEXT_BYTES as u64;
const CONTROL_BYTES: u64 = LIE_AT + TEXT_BYTES as u64;

/// What the library is told. The grammar stands at the head of `c/disk.c`.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// `call[@part]:nth:ERROR[:once]`
    pub fail: Option<String>,
    /// `call[@part]`
    pub lie: Option<String>,
    /// Milliseconds before each sync.
    pub slow_sync_ms: Option<u64>,
    /// Milliseconds until a call that fails says so.
    pub slow_fail_ms: Option<u64>,
}

impl Orders {
    /// Calls that fail.
    pub fn fail(order: &str) -> Self {
        Self { fail: Some(order.to_owned()), ..Self::default() }
    }

    /// Syncs that lie.
    pub fn lie(order: &str) -> Self {
        Self { lie: Some(order.to_owned()), ..Self::default() }
    }

    /// Syncs that take so long, in milliseconds.
    pub fn slow_sync(ms: u64) -> Self {
        Self { slow_sync_ms: Some(ms), ..Self::default() }
    }
}

/// A directory whose files forget, and the journal that remembers for them.
#[derive(Debug, Clone)]
pub struct Disk {
    dir: PathBuf,
    journal: PathBuf,
}

impl Disk {
    /// `dir` must exist; `journal` lies elsewhere, on the same file system.
    ///
    /// # Errors
    ///
    /// If there is no such directory, or the journal would journal itself.
    pub fn new(dir: &Path, journal: &Path) -> io::Result<Self> {
        let dir = dir.canonicalize()?;
        if journal.starts_with(&dir) {
            return Err(io::Error::other(format!("{} would journal itself", journal.display())));
        }
        Ok(Self { dir, journal: journal.to_owned() })
    }

    /// Has `command` run on this disk. Whatever an earlier process left unsynced stays so.
    ///
    /// # Errors
    ///
    /// If the journal, or what lies beside it, cannot be written.
    pub fn preload(&self, command: &mut Command, orders: &Orders) -> io::Result<()> {
        journal::cut_torn_tail(&self.journal)?;
        OpenOptions::new().write(true).create(true).truncate(false).open(self.control())?.set_len(CONTROL_BYTES)?;
        self.order(orders)?;
        super::put_before(command, "disk.so");
        command.env("FORGETFUL_DIR", &self.dir).env("FORGETFUL_JOURNAL", &self.journal);
        command.env("FORGETFUL_CONTROL", self.control());
        Ok(())
    }

    /// From now on, in place of what was ordered before, also if the process runs already.
    ///
    /// # Errors
    ///
    /// If the order is too long, or no command was ever told to run on this disk.
    pub fn order(&self, orders: &Orders) -> io::Result<()> {
        let _ = fs::remove_file(self.hit_file());
        let control = OpenOptions::new().read(true).write(true).open(self.control())?;
        for (ms, at) in [(orders.slow_sync_ms, SLOW_SYNC_AT), (orders.slow_fail_ms, SLOW_FAIL_AT)] {
            let ms = i64::try_from(ms.unwrap_or(0)).unwrap_or(i64::MAX);
            control.write_all_at(&ms.to_ne_bytes(), at)?;
        }
        for (text, at) in [(&orders.fail, FAIL_AT), (&orders.lie, LIE_AT)] {
            control.write_all_at(&padded(text.as_deref().unwrap_or_default())?, at)?;
        }
        // Last: whoever sees it reads the rest.
        control.write_all_at(&(word(&control, TOLD_AT)? + 1).to_ne_bytes(), TOLD_AT)
    }

    /// How many syncs were made slow so far.
    ///
    /// # Errors
    ///
    /// If no command was ever told to run on this disk.
    pub fn slowed(&self) -> io::Result<u64> {
        word(&File::open(self.control())?, SLOWED_AT)
    }

    /// How many calls were made to fail so far.
    ///
    /// # Errors
    ///
    /// If no command was ever told to run on this disk.
    pub fn failed(&self) -> io::Result<u64> {
        word(&File::open(self.control())?, FAILED_AT)
    }

    /// The first call that was made to fail: its name, which one it was, and the path below the directory.
    pub fn hit(&self) -> Option<String> {
        fs::read_to_string(self.hit_file()).ok().map(|line| line.trim_end().to_owned())
    }

    /// The power goes. The process must be dead.
    ///
    /// Without a whim everything that was not synced is lost. With one (a seed), some of it stays, sector by sector, as disks do that write in
    /// an order of their own.
    ///
    /// # Errors
    ///
    /// If the files cannot be made what they were: then they are of no use any more.
    pub fn lose_power(&self, whim: Option<u64>) -> io::Result<Lost> {
        let lost = power::lose(&self.dir, &self.aside(), &journal::read(&self.journal)?, whim)?;
        let _ = fs::remove_file(&self.journal);
        let _ = fs::remove_dir_all(self.aside());
        Ok(lost)
    }

    /// All counts as synced, whatever was. The process must be dead.
    ///
    /// # Errors
    ///
    /// If the journal is there and cannot be removed.
    pub fn forgive(&self) -> io::Result<()> {
        let _ = fs::remove_dir_all(self.aside());
        match fs::remove_file(&self.journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn control(&self) -> PathBuf {
        self.beside(".control")
    }

    fn aside(&self) -> PathBuf {
        self.beside(".aside")
    }

    fn hit_file(&self) -> PathBuf {
        self.beside(".hit")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.journal.clone().into_os_string();
        name.push(ending);
        name.into()
    }
}

fn word(file: &File, at: u64) -> io::Result<u64> {
    let mut word = [0; 8];
    file.read_exact_at(&mut word, at)?;
    Ok(u64::from_ne_bytes(word))
}

fn padded(text: &str) -> io::Result<[u8; TEXT_BYTES]> {
    let mut bytes = [0; TEXT_BYTES];
    let fits = bytes.get_mut(..text.len()).filter(|_| text.len() < TEXT_BYTES);
    fits.ok_or_else(|| io::Error::other(format!("an order is too long: {text}")))?.copy_from_slice(text.as_bytes());
    Ok(match CStr::from_bytes_until_nul(&bytes) {
        Ok(read) if read.to_bytes() == text.as_bytes() => bytes,
        _ => return Err(io::Error::other(format!("an order has a 0 in it: {text:?}"))),
    })
}

//! The sled database: how it is opened, written and synced so that what it says can be believed.

use std::fs::File;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::StateError;
use super::alarm::Alarm;
use crate::directory;

/// Memory for pages: values are read at the start only; later what is needed are the leaves that are written. With this, those of a thousand
/// pairs that change again and again stay in memory; less of it doubles the time of their checkpoint, and more hardly helps.
const CACHE_BYTES: u64 = 16 * 1024 * 1024;

/// How long a node that is just ending may hold the database, before we say that it is held.
const HELD_MAX: Duration = Duration::from_secs(3);

/// An open database. No other process can open it meanwhile.
pub(super) struct Database {
    path: PathBuf,
    /// Always there, but when it is being dropped.
    sled: Option<sled::Db>,
    /// The same file that sled writes: its flush leaves to the operating system when the disk has it.
    file: File,
    /// Until sled has closed.
    _alarm: Alarm,
}

impl Database {
    /// Opens the database in this directory, and creates it when it is absent.
    pub(super) fn open(path: &Path) -> Result<Database, StateError> {
        directory::make(path).map_err(StateError::io(path, "create"))?;
        // Every write is flushed here, so nothing needs to be flushed behind our back.
        let settings = sled::Config::new().path(path).cache_capacity(CACHE_BYTES).flush_every_ms(None).use_compression(false);
        let alarm = Alarm::raise(path, settings.clone())?;
        let sled = open_sled(path, &settings)?;
        let file = path.join("db");
        let file = File::open(&file).map_err(StateError::io(&file, "open"))?;
        let database = Database { path: path.to_owned(), sled: Some(sled), file, _alarm: alarm };
        database.sync()?;
        database.sync_names()?;
        Ok(database)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    fn sled(&self) -> Result<&sled::Db, StateError> {
        self.sled.as_ref().ok_or(StateError::Closed)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<sled::IVec>, StateError> {
        self.sled()?.get(key).map_err(|cause| self.error("read", cause))
    }

    /// All keys with this prefix, in order, with their values.
    pub(super) fn scan(
        &self,
        prefix: &[u8],
    ) -> Result<impl Iterator<Item = Result<(sled::IVec, sled::IVec), StateError>> + '_, StateError> {
        Ok(self.sled()?.scan_prefix(prefix).map(|pair| pair.map_err(|cause| self.error("read", cause))))
    }

    /// Writes all of it or, if the process dies before the next sync, perhaps none of it.
    pub(super) fn write(&self, batch: sled::Batch) -> Result<(), StateError> {
        self.sled()?.apply_batch(batch).map_err(|cause| self.error("write", cause))
    }

    /// When this returns, the disk has everything that was written.
    pub(super) fn sync(&self) -> Result<(), StateError> {
        self.sled()?.flush().map_err(|cause| self.error("flush", cause))?;
        // On Linux sled's flush only starts the writing out (sync_file_range), which no power loss respects.
        self.file.sync_data().map_err(StateError::io(&self.path.join("db"), "sync"))?;
        self.check_blobs()
    }

    /// Sled writes what is too long for a page to files of their own, and does not sync them. Nothing of ours is so long.
    fn check_blobs(&self) -> Result<(), StateError> {
        let blobs = self.path.join("blobs");
        match std::fs::read_dir(&blobs).map(|mut files| files.next().is_some()) {
            Ok(true) => Err(StateError::damaged(&blobs, "there are files in it, which may never have reached the disk")),
            Ok(false) => Ok(()),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(StateError::io(&blobs, "list")(cause)),
        }
    }

    /// What sled leaves unsynced when it creates: its parameters, and the names of all files.
    fn sync_names(&self) -> Result<(), StateError> {
        let around = self.path.parent().filter(|parent| !parent.as_os_str().is_empty());
        for path in [&self.path.join("conf"), &self.path].into_iter().map(PathBuf::as_path).chain(around) {
            File::open(path).and_then(|file| file.sync_all()).map_err(StateError::io(path, "sync"))?;
        }
        Ok(())
    }

    fn error(&self, what: &'static str, cause: sled::Error) -> StateError {
        error(&self.path, what, cause)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Sled writes when it is dropped, so it may panic then as well; whoever opened a damaged database wants the error, not that.
        let sled = self.sled.take();
        if catch_unwind(AssertUnwindSafe(|| drop(sled))).is_err() {
            tracing::warn!(path = %self.path.display(), "sled panicked while it closed the state");
        }
    }
}

/// Turns a panic into an error. Some damage is not an error to sled but an assertion that fails; only the panic's end at this place, and
/// no later use of what panicked, makes that bearable. Release builds of the node unwind, so this holds there as well.
pub(super) fn guarded<T>(path: &Path, work: impl FnOnce() -> Result<T, StateError>) -> Result<T, StateError> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().map(String::as_str).or_else(|| panic.downcast_ref::<&str>().copied());
        Err(StateError::damaged(path, format!("sled panicked on it: {}", text.unwrap_or("without a word"))))
    })
}

fn open_sled(path: &Path, settings: &sled::Config) -> Result<sled::Db, StateError> {
    let started = Instant::now();
    loop {
        match try_open(path, settings) {
            Err(StateError::Held { .. }) if started.elapsed() < HELD_MAX => std::thread::sleep(Duration::from_millis(20)),
            opened => return opened,
        }
    }
}

fn try_open(path: &Path, settings: &sled::Config) -> Result<sled::Db, StateError> {
    match guarded(path, || Ok(settings.open()))? {
        Ok(sled) => Ok(sled),
        Err(sled::Error::Io(cause)) if cause.to_string().contains("could not acquire lock") => {
            Err(StateError::Held { path: path.to_owned() })
        }
        Err(cause) => Err(error(path, "open", cause)),
    }
}

/// Sled's reads behind the end of a file that was cut are no fault of the disk.
fn error(path: &Path, what: &'static str, cause: sled::Error) -> StateError {
    use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};
    match cause {
        sled::Error::Io(cause) if !matches!(cause.kind(), InvalidData | InvalidInput | UnexpectedEof) => {
            StateError::io(path, what)(cause)
        }
        cause => StateError::damaged(path, format!("sled says: {cause}")),
    }
}

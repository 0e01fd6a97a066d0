//! The accounts on the disk: one sled database. It is read once, at the start, and written with every change.

use std::fmt;
use std::fs::{DirBuilder, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use conclave_cluster::accounts::{AccountChange, Accounts};
use conclave_cluster::accounts_codec::{self as codec, UndecodableAccount};
use conclave_xmpp::BareJid;

use super::seal;

/// Where the form of the records is written down, and which one this is.
const FORM_KEY: &[u8] = b"form";
const FORM: &[u8] = b"1";

/// Where the number of changes is, as eight bytes, the highest first.
const CHANGES_KEY: &[u8] = b"changes";

/// Where the service's secret is.
const SECRET_KEY: &[u8] = b"secret";

/// What comes before the JID of an account.
const ACCOUNT_PREFIX: &[u8] = b"account/";

/// Bytes of a record, at most: longer ones sled would write to files that it does not sync.
const RECORD_BYTES_MAX: usize = 4096;

/// Memory for pages: everything is in our own memory already.
const CACHE_BYTES: u64 = 8 * 1024 * 1024;

/// How long a node that is just ending may hold the database, before we say that it is held.
const HELD_MAX: Duration = Duration::from_secs(1);

/// An open database. No other process can open it meanwhile.
pub(super) struct Store {
    directory: PathBuf,
    pub(super) database: sled::Db,
    /// The same file that sled writes: its flush leaves to the operating system when the disk has it.
    file: File,
    /// Changes that were written so far.
    changes: AtomicU64,
}

/// Why the accounts cannot be read or written. Each names the directory.
#[derive(Debug)]
pub enum StoreError {
    /// The directory cannot be made or looked into.
    Directory(PathBuf, std::io::Error),
    /// Another process has it open.
    Held(PathBuf),
    /// The database does not open.
    Unopenable(PathBuf, String),
    /// There are files that were never synced.
    Blobs(PathBuf),
    /// The records have a form that this version does not know.
    Form(PathBuf),
    /// Changes are missing that were acknowledged.
    Lost {
        /// Of the database.
        directory: PathBuf,
        /// Changes that were acknowledged.
        written: u64,
        /// Changes that the database has.
        found: u64,
    },
    /// A record is damaged.
    Record(PathBuf, UndecodableAccount),
    /// A record would be too long.
    TooLong(PathBuf),
    /// A change did not reach the disk.
    Unwritable(PathBuf, String),
}

impl Store {
    /// Opens and reads everything.
    pub(super) fn open(directory: &Path) -> Result<(Store, Accounts), StoreError> {
        let failed = |cause| StoreError::Directory(directory.to_owned(), cause);
        DirBuilder::new().recursive(true).mode(0o700).create(directory).map_err(failed)?;
        let database = open_database(directory)?;
        check_blobs(directory)?;
        let file = File::open(directory.join("db")).map_err(failed)?;
        let store = Store { directory: directory.to_owned(), database, file, changes: AtomicU64::new(0) };
        let accounts = store.read()?;
        store.check_changes()?;
        store.sync().map_err(|cause| StoreError::Unopenable(directory.to_owned(), cause))?;
        sync_directories(directory).map_err(failed)?;
        Ok((store, accounts))
    }

    /// Writes a committed change; when this returns, the disk has it.
    pub(super) fn write(&self, change: &AccountChange) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        let changes = self.changes.fetch_add(1, Ordering::Relaxed) + 1;
        batch.insert(FORM_KEY, FORM);
        batch.insert(CHANGES_KEY, &changes.to_be_bytes());
        match change {
            AccountChange::Begin(secret) => batch.insert(SECRET_KEY, &secret.0),
            AccountChange::Put(jid, credentials) => {
                let record = codec::encode_credentials(credentials);
                if record.len() > RECORD_BYTES_MAX {
                    return Err(StoreError::TooLong(self.directory.clone()));
                }
                batch.insert(key(jid), record);
            }
            AccountChange::Delete(jid) => batch.remove(key(jid)),
        }
        let applied = self.database.apply_batch(batch).map_err(|cause| cause.to_string());
        let synced = applied.and_then(|()| self.sync());
        let sealed = synced.and_then(|()| seal::write(&self.directory, changes).map_err(|cause| cause.to_string()));
        sealed.map_err(|cause| StoreError::Unwritable(self.directory.clone(), cause))
    }

    fn sync(&self) -> Result<(), String> {
        self.database.flush().map_err(|cause| cause.to_string())?;
        self.file.sync_data().map_err(|cause| cause.to_string())
    }

    /// The number beside the database is written after it, so it may be behind, and is never ahead.
    fn check_changes(&self) -> Result<(), StoreError> {
        let directory = || self.directory.clone();
        let found = self.database.get(CHANGES_KEY).map_err(|cause| StoreError::Unopenable(directory(), cause.to_string()))?;
        let found = found.and_then(|bytes| bytes.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes);
        let written = seal::read(&self.directory).map_err(|cause| StoreError::Directory(directory(), cause))?;
        if found < written {
            return Err(StoreError::Lost { directory: directory(), written, found });
        }
        self.changes.store(found, Ordering::Relaxed);
        Ok(())
    }

    fn read(&self) -> Result<Accounts, StoreError> {
        let unreadable = |cause: sled::Error| StoreError::Unopenable(self.directory.clone(), cause.to_string());
        let damaged = |cause| StoreError::Record(self.directory.clone(), cause);
        let mut accounts = Accounts::default();
        match self.database.get(FORM_KEY).map_err(unreadable)? {
            Some(form) if form != FORM => return Err(StoreError::Form(self.directory.clone())),
            _ => {}
        }
        if let Some(secret) = self.database.get(SECRET_KEY).map_err(unreadable)? {
            accounts.apply(&AccountChange::Begin(codec::decode_secret(&secret).map_err(damaged)?));
        }
        for record in self.database.scan_prefix(ACCOUNT_PREFIX) {
            let (key, record) = record.map_err(unreadable)?;
            let jid = BareJid::from_stored(&String::from_utf8_lossy(&key[ACCOUNT_PREFIX.len()..]));
            accounts.apply(&AccountChange::Put(jid, codec::decode_credentials(&record).map_err(damaged)?));
        }
        Ok(accounts)
    }
}

fn key(jid: &BareJid) -> Vec<u8> {
    [ACCOUNT_PREFIX, jid.as_str().as_bytes()].concat()
}

fn open_database(directory: &Path) -> Result<sled::Db, StoreError> {
    let started = Instant::now();
    loop {
        match try_open(directory) {
            Err(StoreError::Held(_)) if started.elapsed() < HELD_MAX => std::thread::sleep(Duration::from_millis(20)),
            opened => return opened,
        }
    }
}

fn try_open(directory: &Path) -> Result<sled::Db, StoreError> {
    // Every write is flushed here, so nothing needs to be flushed behind our back. Some damage is not an error to sled but a panic.
    let opened =
        std::panic::catch_unwind(|| sled::Config::new().path(directory).cache_capacity(CACHE_BYTES).flush_every_ms(None).open());
    match opened {
        Ok(Ok(database)) => Ok(database),
        Ok(Err(sled::Error::Io(cause))) if cause.to_string().contains("could not acquire lock") => {
            Err(StoreError::Held(directory.to_owned()))
        }
        Ok(Err(cause)) => Err(StoreError::Unopenable(directory.to_owned(), cause.to_string())),
        Err(_) => Err(StoreError::Unopenable(directory.to_owned(), "sled panicked on it".to_owned())),
    }
}

/// Sled writes what is too long for a page to files of their own, and does not sync them. Nothing of ours is so long.
fn check_blobs(directory: &Path) -> Result<(), StoreError> {
    match std::fs::read_dir(directory.join("blobs")).map(|mut files| files.next().is_some()) {
        Ok(true) => Err(StoreError::Blobs(directory.to_owned())),
        Ok(false) => Ok(()),
        Err(cause) if cause.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(cause) => Err(StoreError::Directory(directory.to_owned(), cause)),
    }
}

/// The names of new files are in their directories, which have to be synced as well.
fn sync_directories(directory: &Path) -> std::io::Result<()> {
    directory
        .ancestors()
        .take(2)
        .filter(|directory| !directory.as_os_str().is_empty())
        .try_for_each(|it| File::open(it)?.sync_all())
}

const WAYS_OUT: &str = "put a copy of the directory in its place, or move it away to begin with no accounts";

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StoreError::Directory(path, cause) => write!(f, "the accounts in {} cannot be opened: {cause}", path.display()),
            StoreError::Held(path) => write!(
                f,
                "the accounts in {} are held by another process; does a node with this directory run already?",
                path.display()
            ),
            StoreError::Unopenable(path, cause) => {
                write!(f, "the accounts in {} cannot be opened: {cause}. If the database is damaged, {WAYS_OUT}", path.display())
            }
            StoreError::Blobs(path) => write!(
                f,
                "the accounts in {} cannot be trusted: {} is not empty, and what is in there may never have reached the disk; {WAYS_OUT}",
                path.display(),
                path.join("blobs").display()
            ),
            StoreError::Form(path) => {
                write!(f, "the accounts in {} have a form that this version does not know; was a newer one here?", path.display())
            }
            StoreError::Lost { directory, written, found } => write!(
                f,
                "the accounts in {} are damaged: {written} changes were written and {found} are there; {WAYS_OUT}",
                directory.display()
            ),
            StoreError::Record(path, cause) => write!(f, "the accounts in {}: {cause}", path.display()),
            StoreError::TooLong(path) => {
                write!(f, "a record for the accounts in {} is longer than {RECORD_BYTES_MAX} bytes", path.display())
            }
            StoreError::Unwritable(path, cause) => {
                write!(f, "a change of the accounts in {} did not reach the disk: {cause}", path.display())
            }
        }
    }
}

impl std::error::Error for StoreError {}

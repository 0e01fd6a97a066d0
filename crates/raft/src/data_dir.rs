//! The data directory: whose it is, how often it was started, and that only one process uses it.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::open_error::advice;
use crate::{NodeId, OpenError, directory};

/// Name of the file that says whose the directory is.
const IDENTITY: &str = "identity";

/// First line of that file; another number there means another version of this program.
const FORMAT: &str = "conclave data directory, format 1";

/// A directory that this process has for itself.
pub(crate) struct DataDir {
    pub path: PathBuf,
    pub record: Record,
    /// Holds the lock for as long as it is open; none when the directory was given back.
    lock: Option<File>,
}

/// What stands in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub cluster: String,
    pub node: NodeId,
    /// Random: tells this directory from one that was made anew, or of another node.
    pub storage: [u8; 16],
    /// Starts so far, this one included.
    pub incarnation: u64,
    /// Log and state have been made; before that there is nothing that could be lost.
    pub complete: bool,
    /// It has never had a peer: nobody else has what is lost here.
    pub alone: bool,
}

impl DataDir {
    /// Takes the directory and counts the start. Makes it when there is nothing in it.
    pub fn open(path: &Path, cluster: &str, node: NodeId, accept_loss: &str) -> Result<Self, OpenError> {
        let io = |what: &'static str| move |source| OpenError::Io { what, path: path.to_owned(), source };
        directory::make(path).map_err(io("make the directory"))?;
        let lock = lock(path)?;
        let record = match read(path, accept_loss)? {
            Some(record) if record.cluster != cluster || record.node != node => {
                return Err(OpenError::OtherNode { dir: path.to_owned(), cluster: record.cluster, node: record.node });
            }
            Some(record) => Record { incarnation: record.incarnation + 1, ..record },
            None => fresh(path, cluster, node, accept_loss)?,
        };
        write(path, &record)?;
        Ok(Self { path: path.to_owned(), record, lock: Some(lock) })
    }

    /// Takes a directory as it is, for repair; the start is not counted.
    pub fn inspect(path: &Path) -> Result<Self, OpenError> {
        let lock = lock(path)?;
        let missing = || OpenError::Damaged {
            file: path.join(IDENTITY),
            offset: None,
            reason: "it is missing".to_owned(),
            advice: "Without it nobody knows whose data these are: is it the right directory?".to_owned(),
        };
        Ok(Self { path: path.to_owned(), record: read(path, "")?.ok_or_else(missing)?, lock: Some(lock) })
    }

    /// Notes that log and state are there: from now on it is damage if they are not.
    pub fn set_complete(&mut self) -> Result<(), OpenError> {
        self.record.complete = true;
        self.write()
    }

    /// Notes that there are peers.
    pub fn set_not_alone(&mut self) -> Result<(), OpenError> {
        self.record.alone = false;
        self.write()
    }

    /// Lets others open the directory: everything in it is closed, and nothing is written any more.
    pub fn give_back(&mut self) {
        self.lock = None;
    }

    /// A directory that was given back may be somebody else's by now.
    fn write(&self) -> Result<(), OpenError> {
        if self.lock.is_some() { write(&self.path, &self.record) } else { Ok(()) }
    }

    pub fn log(&self) -> PathBuf {
        self.path.join("log")
    }
}

fn lock(path: &Path) -> Result<File, OpenError> {
    let file = path.join("lock");
    let io = |source| OpenError::Io { what: "lock", path: file.clone(), source };
    let lock = File::options().create(true).truncate(false).write(true).open(&file).map_err(io)?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => Err(OpenError::InUse { dir: path.to_owned() }),
        Err(error) => Err(io(error.into())),
    }
}

/// A directory without identity must have nothing else of ours either.
fn fresh(path: &Path, cluster: &str, node: NodeId, accept_loss: &str) -> Result<Record, OpenError> {
    if path.join("log").exists() || path.join("state").exists() {
        let reason = "it is missing, but there are a log or a state beside it".to_owned();
        return Err(OpenError::Damaged { file: path.join(IDENTITY), offset: None, reason, advice: advice(false, accept_loss) });
    }
    let mut storage = [0; 16];
    getrandom::fill(&mut storage).map_err(|error| OpenError::Io {
        what: "draw a random id for",
        path: path.to_owned(),
        source: io::Error::other(error.to_string()),
    })?;
    Ok(Record { cluster: cluster.to_owned(), node, storage, incarnation: 1, complete: false, alone: true })
}

fn render(record: &Record) -> String {
    let storage: String = record.storage.iter().map(|byte| format!("{byte:02x}")).collect();
    let Record { cluster, node, incarnation, complete, alone, .. } = record;
    let body = format!(
        "{FORMAT}\ncluster = {cluster}\nnode = {node}\nstorage = {storage}\nincarnation = {incarnation}\ncomplete = {complete}\nalone = {alone}\n"
    );
    let checksum = crc32fast::hash(body.as_bytes());
    format!("{body}checksum = {checksum:08x}\n")
}

fn parse(text: &str) -> Option<Record> {
    let (body, checksum) = text.strip_suffix('\n')?.rsplit_once("checksum = ")?;
    if format!("{:08x}", crc32fast::hash(body.as_bytes())) != checksum {
        return None;
    }
    let mut lines = body.lines();
    if lines.next()? != FORMAT {
        return None;
    }
    let mut value = |key: &str| lines.next()?.strip_prefix(key)?.strip_prefix(" = ").map(str::to_owned);
    let (cluster, node, storage) = (value("cluster")?, value("node")?.parse().ok()?, value("storage")?);
    let (incarnation, complete) = (value("incarnation")?.parse().ok()?, value("complete")?.parse().ok()?);
    let alone = value("alone")?.parse().ok()?;
    let bytes: Option<Vec<u8>> = (0..16).map(|n| u8::from_str_radix(storage.get(2 * n..2 * n + 2)?, 16).ok()).collect();
    Some(Record { cluster, node: NodeId(node), storage: bytes?.try_into().ok()?, incarnation, complete, alone })
}

fn read(dir: &Path, accept_loss: &str) -> Result<Option<Record>, OpenError> {
    let file = dir.join(IDENTITY);
    match fs::read(&file) {
        Ok(bytes) => {
            let record = std::str::from_utf8(&bytes).ok().and_then(parse);
            let reason = "it is not what this program wrote, or not this version of it".to_owned();
            record.map(Some).ok_or(OpenError::Damaged { file, offset: None, reason, advice: advice(false, accept_loss) })
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(OpenError::Io { what: "read", path: file, source }),
    }
}

/// Replaces the file in one step.
fn write(dir: &Path, record: &Record) -> Result<(), OpenError> {
    let temporary = dir.join("identity.new");
    let failed = |what, path: &Path| {
        let path = path.to_owned();
        move |source| OpenError::Io { what, path, source }
    };
    let mut file = File::create(&temporary).map_err(failed("create", &temporary))?;
    file.write_all(render(record).as_bytes()).map_err(failed("write", &temporary))?;
    file.sync_all().map_err(failed("sync", &temporary))?;
    fs::rename(&temporary, dir.join(IDENTITY)).map_err(failed("rename", &temporary))?;
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(failed("sync", dir))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on has failed

    use super::*;

    #[test]
    fn starts_are_counted_and_the_directory_stays_whose_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path(), "c", NodeId(1), "repair").unwrap().record;
        assert_eq!(first.incarnation, 1);
        let second = DataDir::open(dir.path(), "c", NodeId(1), "repair").unwrap().record;
        assert_eq!((second.incarnation, second.storage), (2, first.storage));
        assert!(matches!(DataDir::open(dir.path(), "c", NodeId(2), "repair"), Err(OpenError::OtherNode { .. })));
        assert!(matches!(DataDir::open(dir.path(), "d", NodeId(1), "repair"), Err(OpenError::OtherNode { .. })));
    }

    #[test]
    fn one_process_at_a_time() {
        let dir = tempfile::tempdir().unwrap();
        let held = DataDir::open(dir.path(), "c", NodeId(1), "repair").unwrap();
        assert!(matches!(DataDir::open(dir.path(), "c", NodeId(1), "repair"), Err(OpenError::InUse { .. })));
        drop(held);
        let mut held = DataDir::open(dir.path(), "c", NodeId(1), "repair").unwrap();
        held.give_back();
        let next = DataDir::open(dir.path(), "c", NodeId(1), "repair").unwrap();
        held.set_not_alone().unwrap();
        assert_eq!(read(dir.path(), "repair").unwrap(), Some(next.record), "who has given it back leaves it alone");
    }

    #[test]
    fn every_flipped_byte_and_every_cut_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::open(dir.path(), "c", NodeId(1), "repair").unwrap());
        let file = dir.path().join(IDENTITY);
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut bytes = whole.clone();
            bytes[at] ^= 1;
            fs::write(&file, &bytes).unwrap();
            assert!(matches!(read(dir.path(), "repair"), Err(OpenError::Damaged { .. })), "byte {at}");
            fs::write(&file, &whole[..at]).unwrap();
            assert!(matches!(read(dir.path(), "repair"), Err(OpenError::Damaged { .. })), "cut at {at}");
        }
        fs::write(&file, &whole).unwrap();
        assert!(read(dir.path(), "repair").unwrap().is_some());
    }

    #[test]
    fn a_log_without_an_identity_is_damage() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("log")).unwrap();
        assert!(matches!(DataDir::open(dir.path(), "c", NodeId(1), "repair"), Err(OpenError::Damaged { .. })));
    }
}

//! Everything of a node that is on disk, opened and checked.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

use crate::data_dir::DataDir;
use crate::fatal;
use crate::log::{Log, LogError, LogSettings};
use crate::node::held;
use crate::open_error::advice;
use crate::state::{self, SnapshotFile, StateError, StateStore, Stored};
use crate::transport::Life;
use crate::{GroupId, OpenError, Settings, Sizes};

/// Bytes that may wait for the log's writer, over all groups. Whoever would exceed them waits.
const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Log, state, and who we are.
pub(crate) struct Disk {
    pub life: Life,
    pub log: Log,
    pub state: StateStore,
    /// What was read while everything was checked, until its group starts.
    stored: Mutex<BTreeMap<u32, Stored>>,
    /// Keeps the directory ours.
    dir: Mutex<DataDir>,
}

impl Disk {
    pub fn open(settings: &Settings) -> Result<Self, OpenError> {
        let dir = &settings.dir;
        let mut data_dir = DataDir::open(dir, &settings.identity.cluster, settings.identity.node, &settings.accept_loss)?;
        if !data_dir.record.complete {
            remove_beginnings(&data_dir)?;
        }
        let log_settings = log_settings(settings.sizes, &data_dir);
        let log = if data_dir.record.complete { Log::open(log_settings) } else { Log::create(log_settings) };
        let log = log.map_err(|error| log_error(error, &advice(data_dir.record.alone, &settings.accept_loss)))?;
        let (state, stored) = open_state(dir, &log)?;
        drop_pending(dir)?;
        if !data_dir.record.complete {
            data_dir.set_complete()?;
        }
        let life = life(&data_dir)?;
        Ok(Self { life, log, state, stored: Mutex::new(stored), dir: Mutex::new(data_dir) })
    }

    pub fn groups(&self) -> Vec<GroupId> {
        self.log.groups().into_iter().filter(|group| *group < GroupId::RESERVED).map(GroupId).collect()
    }

    /// What is stored of a group. The first call has it at hand from when the node was opened.
    pub fn stored(&self, group: GroupId) -> Result<Option<Stored>, StateError> {
        match held(&self.stored).remove(&group.0) {
            Some(stored) => Ok(Some(stored)),
            None => self.state.load(group.0),
        }
    }

    /// Whether this node has never had a peer.
    pub fn alone(&self) -> bool {
        held(&self.dir).record.alone
    }

    /// Notes that there are peers, once.
    pub fn set_not_alone(&self) {
        let mut dir = held(&self.dir);
        if dir.record.alone
            && let Err(error) = dir.set_not_alone()
        {
            fatal::stop(&dir.path, "write the identity into", &error);
        }
    }

    pub async fn forget_state(&self, group: GroupId) {
        held(&self.stored).remove(&group.0);
        let state = self.state.clone();
        let forgotten = tokio::task::spawn_blocking(move || state.forget(group.0)).await;
        if let Ok(Err(error)) = forgotten {
            tracing::error!(%group, %error, "could not remove the state of a group");
        }
    }

    /// Closes everything and lets go of the directory, whoever still has a clone of the node.
    pub async fn close(&self) {
        let (log, state) = (self.log.clone(), self.state.clone());
        let closed = tokio::task::spawn_blocking(move || {
            state.close();
            log.close();
        })
        .await;
        if closed.is_ok() {
            held(&self.dir).give_back();
        }
    }
}

pub(crate) fn log_settings(sizes: Sizes, data_dir: &DataDir) -> LogSettings {
    LogSettings {
        dir: data_dir.log(),
        storage: data_dir.record.storage,
        segment_bytes: sizes.segment_bytes,
        tail_bytes_max: sizes.tail_bytes,
        queue_bytes_max: QUEUE_BYTES_MAX,
    }
}

/// A first start that did not get to its end: nothing was acknowledged, so it begins again.
fn remove_beginnings(data_dir: &DataDir) -> Result<(), OpenError> {
    for part in [data_dir.log(), data_dir.path.join("state"), data_dir.path.join("state.saves")] {
        let removed = if part.is_dir() {
            std::fs::remove_dir_all(&part)
        } else if part.exists() {
            std::fs::remove_file(&part)
        } else {
            Ok(())
        };
        removed.map_err(|source| OpenError::Io { what: "remove the beginnings of", path: part, source })?;
    }
    Ok(())
}

/// Opens the database and reads all of it. If it cannot be trusted it is moved aside, and each group finds what it needs in the log or at a peer.
fn open_state(dir: &Path, log: &Log) -> Result<(StateStore, BTreeMap<u32, Stored>), OpenError> {
    match read_state(dir, log) {
        Ok(opened) => Ok(opened),
        Err(StateError::Damaged { path, reason }) => {
            let aside =
                state::set_aside(dir).map_err(|source| OpenError::Io { what: "move aside", path: path.clone(), source })?;
            tracing::error!(path = %path.display(), reason, aside = %aside.display(), "the state database cannot be trusted; it was moved aside");
            StateStore::open(dir).map(|state| (state, BTreeMap::new())).map_err(|error| unreadable(dir, error.to_string()))
        }
        Err(error) => Err(unreadable(dir, error.to_string())),
    }
}

pub(crate) fn read_state(dir: &Path, log: &Log) -> Result<(StateStore, BTreeMap<u32, Stored>), StateError> {
    let state = StateStore::open(dir)?;
    let mut stored = BTreeMap::new();
    for group in log.groups().into_iter().filter(|group| *group < GroupId::RESERVED) {
        if let Some(found) = state.load(group)? {
            tracing::debug!(group, index = found.index, hash = %found.hash, "the state is as it was written");
            stored.insert(group, found);
        }
    }
    Ok((state, stored))
}

/// Snapshots that had come, but were in no use yet when the process ended, are deleted: the leader sends another. To install one now could contradict
/// entries in the log that were to be truncated first.
fn drop_pending(dir: &Path) -> Result<(), OpenError> {
    state::pending(dir).map(drop).map_err(|error| unreadable(dir, error.to_string()))
}

/// Puts a snapshot in the place of a group's state.
pub(crate) fn install(state: &StateStore, file: SnapshotFile) -> Result<(), StateError> {
    let SnapshotFile { group, index, count, hash, .. } = &file;
    tracing::info!(group, index, count, %hash, "a snapshot takes the place of the state");
    state.replace(file.group, file.index, file.note.clone(), file.pairs())?;
    Ok(())
}

fn life(data_dir: &DataDir) -> Result<Life, OpenError> {
    let mut life = [0; 16];
    getrandom::fill(&mut life).map_err(|error| unreadable(&data_dir.path, error.to_string()))?;
    Ok(Life { storage: data_dir.record.storage, incarnation: data_dir.record.incarnation, life })
}

pub(crate) fn log_error(error: LogError, advice: &str) -> OpenError {
    match error {
        LogError::Damaged { file, offset, reason } => {
            OpenError::Damaged { file, offset: Some(offset), reason, advice: advice.to_owned() }
        }
        LogError::Io { file, what, source } => OpenError::Io { what, path: file, source },
        other => unreadable(Path::new("the log"), other.to_string()),
    }
}

pub(crate) fn unreadable(dir: &Path, reason: String) -> OpenError {
    OpenError::Io { what: "open what is in", path: dir.to_owned(), source: std::io::Error::other(reason) }
}

//! openraft's own tests of a log and a state machine, run on ours: with everything in memory, and with so little memory and so small segments
//! that nearly everything is read from files.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use openraft::testing::log::{StoreBuilder, Suite};
use tempfile::TempDir;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;

use super::log_store::GroupLog;
use super::machine::Machine;
use super::progress::Progress;
use super::retention::Retention;
use super::snapshot::LastOutgoing;
use super::types::{SnapshotMeta, Types};
use crate::applied::{Applied, Step};
use crate::log::{Log, LogSettings};
use crate::state::StateStore;

type Storage = openraft::StorageError<Types>;

/// Makes a log and a machine in a directory of their own.
struct Builder {
    segment_bytes: u64,
    tail_bytes_max: usize,
}

/// Keeps the directory, and another group's entries between those of the tested one.
struct Guard {
    _dir: TempDir,
    _log: Log,
}

impl StoreBuilder<Types, GroupLog, Machine, Guard> for Builder {
    async fn build(&self) -> Result<(Guard, GroupLog, Machine), Storage> {
        let dir = tempfile::tempdir().unwrap();
        let (segment_bytes, tail_bytes_max) = (self.segment_bytes, self.tail_bytes_max);
        let settings = LogSettings {
            dir: dir.path().join("log"),
            storage: [7; 16],
            segment_bytes,
            tail_bytes_max,
            queue_bytes_max: 1 << 20,
        };
        let log = Log::create(settings).unwrap();
        let group = GroupLog::new(log.clone(), 3);
        let (steps, applied) = Applied::new();
        tokio::spawn(follow(applied));
        let position = SnapshotMeta::default();
        let machine = Machine {
            group: 3,
            steps,
            progress: Arc::new(Progress::new(&position)),
            position,
            log: group.clone(),
            store: StateStore::open(dir.path()).unwrap(),
            snapshots: dir.path().to_owned(),
            outgoing: LastOutgoing::default(),
            retention: Arc::new(Retention::new(10, LastOutgoing::default())),
            stop: CancellationToken::new(),
            saving: Arc::new(Mutex::new(())),
            checkpoint_entries: 10,
            started: Arc::new(AtomicBool::new(true)),
        };
        Ok((Guard { _dir: dir, _log: log }, group, machine))
    }
}

/// A user that keeps the last entry.
async fn follow(mut applied: Applied) {
    let mut pairs = BTreeMap::new();
    while let Some(step) = applied.next().await {
        match step {
            Step::State { pairs: all, .. } => pairs = all.into_iter().collect(),
            Step::Entry { index, .. } => {
                pairs.insert("last".into(), index.to_string().into());
            }
            Step::Changes(answer) => answer.give(pairs.iter().map(|(key, value)| (key.clone(), Some(value.clone()))).collect()),
            Step::Freeze(answer) => answer.give(Box::new(pairs.clone().into_iter())),
        }
    }
}

#[tokio::test]
async fn openrafts_suite_passes_with_the_tail_in_memory() {
    Suite::test_all(Builder { segment_bytes: 1 << 20, tail_bytes_max: 1 << 20 }).await.unwrap();
}

#[tokio::test]
async fn openrafts_suite_passes_with_everything_read_from_small_files() {
    Suite::test_all(Builder { segment_bytes: 4096, tail_bytes_max: 0 }).await.unwrap();
}

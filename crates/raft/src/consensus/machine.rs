//! The state machine: passes entries on to the user of the group, and asks for what belongs into checkpoints and snapshots.
//!
//! openraft's "snapshot" is two things here. To be rid of old entries it needs to hear that the state up to some entry is safe: that is a checkpoint in
//! the state store. To bring a replica up that is behind the log, it needs the state itself: that is a file made from memory, on demand.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use futures_util::{Stream, StreamExt as _};
use openraft::storage::{EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use tokio::sync::{Mutex, OwnedMutexGuard, mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::codec;
use super::log_store::GroupLog;
use super::progress::Progress;
use super::retention::Retention;
use super::snapshot::{LastOutgoing, Outgoing, Snapshot};
use super::types::{LogId, Payload, SnapshotMeta, StoredMembership, Types};
use crate::applied::{Answer, Change, Pair, Step};
use crate::state::{SnapshotFile, StateStore};

type RaftSnapshot = openraft::alias::SnapshotOf<Types, Snapshot>;

/// One replica's machine.
pub(crate) struct Machine {
    pub group: u32,
    pub steps: mpsc::Sender<Step>,
    /// The last entry that was passed on, and the last membership among them.
    pub position: SnapshotMeta,
    pub progress: Arc<Progress>,
    pub log: GroupLog,
    pub store: StateStore,
    /// Where files for other replicas are made.
    pub snapshots: PathBuf,
    pub outgoing: LastOutgoing,
    /// Held while a checkpoint is on its way, so that no older one lands in the state that a snapshot brought.
    pub saving: Arc<Mutex<()>>,
    pub retention: Arc<Retention>,
    /// The group is being stopped: nothing more is passed on or written.
    pub stop: CancellationToken,
    /// Entries after which a checkpoint is due.
    pub checkpoint_entries: u64,
    /// False while openraft reads what is there: it asks for a snapshot then, but nobody wants the state itself.
    pub started: Arc<std::sync::atomic::AtomicBool>,
}

fn stopped() -> io::Error {
    io::Error::new(io::ErrorKind::BrokenPipe, "the user of the group takes no more steps")
}

impl Machine {
    async fn step(&self, step: Step) -> io::Result<()> {
        let sent = self.stop.run_until_cancelled(self.steps.send(step)).await;
        sent.ok_or_else(stopped)?.map_err(|_| stopped())
    }

    /// Asks for the state as it is now, and has it written to a file beside the group's work.
    async fn freeze(&self) -> io::Result<Outgoing> {
        let (answer, frozen) = Answer::new();
        self.step(Step::Freeze(answer)).await?;
        let frozen = async move { frozen.await.ok() };
        let outgoing = Outgoing::write(self.snapshots.clone(), self.group, self.position.clone(), frozen, &self.outgoing);
        self.outgoing.put(outgoing.clone());
        Ok(outgoing)
    }

    /// Puts a file in the place of all state.
    async fn install(&mut self, file: SnapshotFile, meta: &SnapshotMeta) -> io::Result<()> {
        let _alone = self.saving.clone().lock_owned().await;
        if self.stop.is_cancelled() {
            return Err(stopped());
        }
        let store = self.store.clone();
        let installed = tokio::task::spawn_blocking(move || {
            crate::disk::install(&store, file.clone())?;
            file.pairs().collect::<Result<Vec<Pair>, _>>()
        });
        let pairs = installed.await.map_err(io::Error::other)?.map_err(io::Error::other)?;
        self.position = meta.clone();
        self.outgoing.clear();
        self.step(Step::State { index: meta.last_log_id.as_ref().map(|id| id.index), pairs }).await?;
        self.progress.applied_to(&self.position, u64::MAX);
        self.progress.saved_to(&self.position);
        Ok(())
    }
}

impl RaftStateMachine<Types> for Machine {
    type SnapshotData = Snapshot;
    type SnapshotBuilder = Checkpoint;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        Ok((self.position.last_log_id, self.position.last_membership.clone()))
    }

    async fn apply<S>(&mut self, mut entries: S) -> io::Result<()>
    where
        S: Stream<Item = io::Result<EntryResponder<Types>>> + Unpin + Send,
    {
        while let Some(next) = entries.next().await {
            let (entry, responder) = next?;
            let proposal = match entry.payload {
                Payload::Blank => None,
                Payload::Normal(proposal) => Some(proposal.0),
                Payload::Membership(membership) => {
                    self.position.last_membership = StoredMembership::new(Some(entry.log_id), membership);
                    None
                }
            };
            self.step(Step::Entry { index: entry.log_id.index, proposal }).await?;
            self.position.last_log_id = Some(entry.log_id);
            if let Some(responder) = responder {
                responder.send(());
            }
        }
        self.progress.applied_to(&self.position, self.checkpoint_entries);
        Ok(())
    }

    async fn get_snapshot_builder(&mut self) -> Checkpoint {
        let alone = self.saving.clone().lock_owned().await;
        let (answer, changes) = Answer::new();
        // When the user is gone nobody answers, and the builder says so.
        let _ = self.step(Step::Changes(answer)).await;
        Checkpoint {
            group: self.group,
            position: self.position.clone(),
            changes: Some(changes),
            store: self.store.clone(),
            progress: self.progress.clone(),
            retention: self.retention.clone(),
            stop: self.stop.clone(),
            _alone: alone,
        }
    }

    async fn install_snapshot(&mut self, meta: &SnapshotMeta, snapshot: Snapshot) -> io::Result<()> {
        let file = match snapshot {
            // Where the machine stands already; openraft only hands back what it was given when it started.
            Snapshot::Checkpoint => return Ok(()),
            Snapshot::Outgoing(outgoing) => outgoing.file().await.ok_or_else(stopped)?,
            Snapshot::Received(file) => file,
        };
        self.install(file, meta).await
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<RaftSnapshot>> {
        if self.position.last_log_id.is_none() {
            return Ok(None);
        }
        if !self.started.load(std::sync::atomic::Ordering::Acquire) {
            return Ok(Some(RaftSnapshot { meta: self.position.clone(), snapshot: Snapshot::Checkpoint }));
        }
        // An older one serves as well, as long as the log goes on from where it ends.
        let purged = self.log.purged()?.map(|id| id.index);
        let outgoing = match self.outgoing.at_least(purged) {
            Some(outgoing) => outgoing,
            None => self.freeze().await?,
        };
        Ok(Some(RaftSnapshot { meta: outgoing.meta.clone(), snapshot: Snapshot::Outgoing(outgoing) }))
    }
}

/// One checkpoint: what changed, on its way to the state store.
pub(crate) struct Checkpoint {
    group: u32,
    position: SnapshotMeta,
    changes: Option<oneshot::Receiver<Vec<Change>>>,
    store: StateStore,
    progress: Arc<Progress>,
    retention: Arc<Retention>,
    stop: CancellationToken,
    _alone: OwnedMutexGuard<()>,
}

impl RaftSnapshotBuilder<Types> for Checkpoint {
    type SnapshotData = Snapshot;

    async fn build_snapshot(&mut self) -> io::Result<RaftSnapshot> {
        let changes = self.changes.take().ok_or_else(stopped)?;
        let changes = self.stop.run_until_cancelled(changes).await.ok_or_else(stopped)?.map_err(|_| stopped())?;
        let Some(id) = &self.position.last_log_id else {
            return Ok(RaftSnapshot { meta: self.position.clone(), snapshot: Snapshot::Checkpoint });
        };
        let (synced, done) = oneshot::channel();
        let note = codec::encode_applied(&self.position);
        let then = Box::new(move |_| {
            let _ = synced.send(());
        });
        self.store.save(self.group, id.index, note, changes, then).map_err(io::Error::other)?;
        done.await.map_err(|_| stopped())?;
        self.progress.saved_to(&self.position);
        Ok(RaftSnapshot { meta: self.retention.tell(&self.position), snapshot: Snapshot::Checkpoint })
    }
}

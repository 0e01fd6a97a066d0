//! From what is on disk to a replica that runs.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::{InitializeError, RaftError};
use openraft::{Config, SnapshotPolicy};
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::barrier::Barrier;
use super::codec;
use super::log_store::GroupLog;
use super::machine::Machine;
use super::membership::finish_changes;
use super::network::Network;
use super::progress::Progress;
use super::proposal::IN_FLIGHT_BYTES_MAX;
use super::replica::Replica;
use super::retention::Retention;
use super::snapshot::LastOutgoing;
use super::turn::Mine;
use super::types::{Raft, SnapshotMeta};
use crate::applied::Pair;
use crate::node::Inner;
use crate::open_error::advice;
use crate::state::Stored;
use crate::{Applied, GroupId, NodeId, Settings, StartError, Step, recovery};

/// Starts the replica of a group and lets the peers find it.
pub(crate) async fn start(node: &Arc<Inner>, group: GroupId, mine: &Mine) -> Result<(Arc<Replica>, Applied), StartError> {
    if node.replicas.get(group).is_some() {
        return Err(StartError::Running(group));
    }
    let failed = |reason: String| StartError::Failed { group, reason };
    let log = GroupLog::new(node.disk.log.clone(), group.0);
    log.remember().await;
    let waiting = mine.interrupted.run_until_cancelled(state(node, group, &log));
    let (position, pairs) = waiting.await.ok_or_else(|| failed("it was stopped while it started".to_owned()))??;
    let (steps, applied) = Applied::new();
    let index = position.last_log_id.as_ref().map(|id| id.index);
    // Nothing is in the channel yet, and its other end is in our hands.
    let _ = steps.send(Step::State { index, pairs }).await;
    let progress = Arc::new(Progress::new(&position));
    let (outgoing, started) = (LastOutgoing::default(), Arc::new(AtomicBool::new(false)));
    let (stop, saving) = (CancellationToken::new(), Arc::new(Mutex::new(())));
    let retention = Arc::new(Retention::new(node.settings.sizes.keep_entries, outgoing.clone()));
    let voted_before = log.has_voted().then(Instant::now);
    let forgotten_last = log.forgotten_last().map_err(|error| failed(error.to_string()))?;
    let machine = Machine {
        group: group.0,
        steps,
        position,
        progress: progress.clone(),
        log: log.clone(),
        store: node.disk.state.clone(),
        snapshots: node.settings.dir.clone(),
        outgoing: outgoing.clone(),
        saving: saving.clone(),
        retention: retention.clone(),
        stop: stop.clone(),
        checkpoint_entries: node.settings.sizes.checkpoint_entries,
        started: started.clone(),
    };
    let network = Network { transport: node.transport.clone(), node: node.id, group: group.0 };
    let config = config(&node.settings).map_err(failed)?;
    let raft = Raft::build(node.id.0, config, network, log.clone(), machine).await.map_err(|fatal| failed(fatal.to_string()))?;
    let _ = retention.metrics.set(raft.metrics());
    started.store(true, Ordering::Release);
    let replica = Arc::new(Replica {
        node: node.id,
        group,
        barrier: Barrier::start(raft.clone()),
        raft,
        timing: node.settings.timing,
        transport: node.transport.clone(),
        log,
        store: node.disk.state.clone(),
        progress,
        outgoing,
        in_flight: Arc::new(Semaphore::new(IN_FLIGHT_BYTES_MAX)),
        leaving: AtomicUsize::new(0),
        leaving_changed: Notify::new(),
        saving,
        voted_before,
        forgotten_last,
        incoming: Mutex::new(None),
        membership: Mutex::new(()),
        stop,
    });
    node.replicas.insert(replica.clone());
    replica.raft.run();
    tokio::spawn(replica.clone().checkpoints(node.settings.sizes.checkpoint_interval));
    tokio::spawn(finish_changes(replica.clone()));
    tokio::spawn(watch_failure(node.failure.clone(), replica.clone()));
    if replica.voters() == [node.id] {
        // Nobody else could be leader, so there is nothing to wait for.
        let _ = replica.raft.trigger().elect(false).await;
    }
    Ok((replica, applied))
}

/// Makes a new group of these voters.
pub(crate) async fn create(replica: &Replica, voters: &[NodeId]) -> Result<(), StartError> {
    let voters: BTreeSet<u64> = voters.iter().map(|voter| voter.0).collect();
    match replica.raft.initialize(voters).await {
        // openraft does not wait for the disk here.
        Ok(()) => {
            replica.log.on_disk().await.map_err(|error| StartError::Failed { group: replica.group, reason: error.to_string() })
        }
        Err(RaftError::APIError(InitializeError::NotAllowed(_))) => Err(StartError::Exists(replica.group)),
        Err(error) => Err(StartError::Failed { group: replica.group, reason: error.to_string() }),
    }
}

/// Deletes what is on disk of a group that does not run.
pub(crate) async fn forget(node: &Inner, group: GroupId) {
    match GroupLog::new(node.disk.log.clone(), group.0).forget().await {
        Ok(()) => node.disk.forget_state(group).await,
        Err(error) => tracing::warn!(%group, %error, "what is here of this group stays: its last entry cannot be read"),
    }
}

/// What the replica begins with: its last checkpoint, or a peer's state if that is lost.
async fn state(node: &Arc<Inner>, group: GroupId, log: &GroupLog) -> Result<(SnapshotMeta, Vec<Pair>), StartError> {
    let failed = |reason: String| StartError::Failed { group, reason };
    let purged = log.purged().map_err(|error| failed(error.to_string()))?;
    let mut stored = load(node, group).await?;
    if let Some(purged) = purged.filter(|purged| stored.as_ref().is_none_or(|stored| stored.index < purged.index)) {
        if node.transport.peers().is_empty() {
            let advice = advice(node.disk.alone(), &node.settings.accept_loss);
            return Err(StartError::StateLost { group, purged: purged.index, advice });
        }
        let fetched = recovery::fetch(&node.transport, &node.settings.dir, group, purged.index).await;
        let file = fetched.ok_or_else(|| StartError::StateLost {
            group,
            purged: purged.index,
            advice: advice(node.disk.alone(), &node.settings.accept_loss),
        })?;
        let state = node.disk.state.clone();
        let installed = tokio::task::spawn_blocking(move || crate::disk::install(&state, file)).await;
        installed.map_err(|panic| failed(panic.to_string()))?.map_err(|error| failed(error.to_string()))?;
        stored = load(node, group).await?;
    }
    if let Some(position) = stored
        .as_ref()
        .map(|stored| codec::decode_applied(stored.note.clone()))
        .transpose()
        .map_err(|error| failed(error.to_string()))?
        && let Some(last) = &position.last_log_id
    {
        log.agree_with(last).await.map_err(|error| failed(error.to_string()))?;
    }
    match stored {
        None => Ok((SnapshotMeta::default(), Vec::new())),
        Some(stored) => {
            let position = codec::decode_applied(stored.note.clone()).map_err(|error| failed(error.to_string()))?;
            Ok((position, stored.pairs))
        }
    }
}

async fn load(node: &Arc<Inner>, group: GroupId) -> Result<Option<Stored>, StartError> {
    let node = node.clone();
    let loaded = tokio::task::spawn_blocking(move || node.disk.stored(group)).await;
    let failed = |reason: String| StartError::Failed { group, reason };
    loaded.map_err(|panic| failed(panic.to_string()))?.map_err(|error| failed(error.to_string()))
}

fn config(settings: &Settings) -> Result<Arc<Config>, String> {
    let millis = |duration: std::time::Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let config = Config {
        cluster_name: settings.identity.cluster.clone(),
        heartbeat_interval: millis(settings.timing.heartbeat),
        election_timeout_min: millis(settings.timing.election_min),
        election_timeout_max: millis(settings.timing.election_max),
        // A node that was cut off must not take leadership away from one that works when it comes back.
        enable_pre_vote: Some(true),
        // A leader that comes back within its term would be a second life under the same name.
        enable_leader_restore: Some(false),
        // Checkpoints are asked for by the replica itself, which also knows of time.
        snapshot_policy: SnapshotPolicy::Never,
        max_in_snapshot_log_to_keep: settings.sizes.keep_entries,
        // Each purge is a record of its own; one for each entry would be as much work as the entries.
        purge_batch_size: (settings.sizes.keep_entries / 4).clamp(1, 256),
        // Waiting is bounded by bytes before entries get here; this is only the queue's own bound.
        api_channel_size: Some(4096),
        ..Config::default()
    };
    config.validate().map(Arc::new).map_err(|error| error.to_string())
}

/// Reports a replica that has failed, unless it was stopped.
async fn watch_failure(failure: tokio::sync::watch::Sender<Option<String>>, replica: Arc<Replica>) {
    let mut metrics = replica.raft.metrics();
    while metrics.borrow_watched().running_state.is_ok() {
        tokio::select! {
            changed = metrics.changed() => if changed.is_err() { break },
            () = replica.stop.cancelled() => return,
        }
    }
    if !replica.stop.is_cancelled() {
        let reason = replica.failure().unwrap_or_else(|| "its core ended".to_owned());
        failure.send_replace(Some(format!("group {}: {reason}", replica.group)));
    }
}

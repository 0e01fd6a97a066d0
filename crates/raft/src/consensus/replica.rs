//! One group on this node: openraft's handle and what we keep beside it.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use openraft::async_runtime::watch::WatchReceiver as _;
use tokio::sync::{Mutex, Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use super::barrier::Barrier;
use super::log_store::GroupLog;
use super::progress::Progress;
use super::snapshot::LastOutgoing;
use super::types::{LogId, Raft, Vote};
use crate::settings::Timing;
use crate::state::{Incoming, StateStore};
use crate::transport::Transport;
use crate::{GroupId, NodeId};

/// Everything about one replica.
pub(crate) struct Replica {
    pub node: NodeId,
    pub group: GroupId,
    pub raft: Raft,
    pub timing: Timing,
    pub transport: Arc<Transport>,
    pub log: GroupLog,
    pub store: StateStore,
    pub progress: Arc<Progress>,
    pub outgoing: LastOutgoing,
    pub barrier: Barrier,
    /// Bytes that may be proposed and not answered.
    pub in_flight: Arc<Semaphore>,
    /// Attempts under way to hand leadership over: from the first on this node is not to be called leader.
    pub leaving: AtomicUsize,
    pub leaving_changed: Notify,
    /// Held by whatever writes the state.
    pub saving: Arc<Mutex<()>>,
    /// When the replica started with a vote of an earlier life: whom it had heard then, and promised to wait for, it does not know any more.
    pub voted_before: Option<Instant>,
    /// The last entry that an earlier replica had here.
    pub forgotten_last: Option<LogId>,
    /// The snapshot that the leader is sending.
    pub incoming: Mutex<Option<(String, Incoming)>>,
    /// One change of the membership at a time, from this node.
    pub membership: Mutex<()>,
    /// Ends the tasks of the group.
    pub stop: CancellationToken,
}

impl Replica {
    /// The leader by what was heard last; it may be this node.
    pub fn heard_leader(&self) -> Option<NodeId> {
        self.raft.server_metrics().borrow_watched().current_leader.map(NodeId)
    }

    /// The last vote that is on disk.
    pub fn vote(&self) -> Vote {
        self.raft.server_metrics().borrow_watched().vote
    }

    /// The last entry in the log.
    pub fn last(&self) -> Option<LogId> {
        self.raft.data_metrics().borrow_watched().last_log
    }

    /// Why the replica does no more work, if so.
    pub fn failure(&self) -> Option<String> {
        self.raft.metrics().borrow_watched().running_state.as_ref().err().map(ToString::to_string)
    }

    /// Those who vote now.
    pub fn voters(&self) -> Vec<NodeId> {
        let metrics = self.raft.server_metrics();
        let metrics = metrics.borrow_watched();
        let mut voters: Vec<_> = metrics.membership_config.voter_ids().map(NodeId).collect();
        voters.sort();
        voters.dedup();
        voters
    }

    /// Whether an earlier life may have promised a leader to wait for it, so recently that the promise holds.
    pub fn may_have_promised(&self) -> bool {
        self.voted_before.is_some_and(|started| started.elapsed() < self.timing.election_max)
    }

    /// Whether a candidate whose last entry this is lacks something that an earlier replica of this node may have acknowledged. It would be refused by that.
    pub fn forgot_more_than(&self, last: Option<LogId>) -> bool {
        self.forgotten_last > last
    }

    /// Whether leadership is being handed over.
    pub fn is_leaving(&self) -> bool {
        self.leaving.load(Ordering::Acquire) > 0
    }

    /// Writes checkpoints: when enough entries are in none, and otherwise a moment after the first.
    pub async fn checkpoints(self: Arc<Self>, interval: Duration) {
        while self.stop.run_until_cancelled(self.next_checkpoint(interval)).await == Some(true) {}
    }

    async fn next_checkpoint(&self, interval: Duration) -> bool {
        self.progress.dirty.notified().await;
        let _ = tokio::time::timeout(interval, self.progress.full.notified()).await;
        let applied = self.progress.applied();
        self.progress.saved() >= applied || self.checkpoint().await.is_some()
    }

    /// Has everything applied so far written to disk. The index up to which that is so; `None` when the group was stopped.
    pub async fn checkpoint(&self) -> Option<u64> {
        let applied = self.progress.applied();
        while self.progress.saved() < applied {
            self.raft.trigger().snapshot().await.ok()?;
            // One that was under way already may end below: then another is asked for.
            let saved = self.progress.saved_at_least(applied);
            let _ = tokio::time::timeout(Duration::from_millis(200), saved).await;
            if self.failure().is_some() {
                return None;
            }
        }
        applied.checked_sub(1)
    }

    /// Ends the group on this node; its data stay. When this returns nothing of it writes any more.
    pub async fn shutdown(&self) {
        self.stop.cancel();
        let _ = self.raft.shutdown().await;
        // A checkpoint or an installation that is under way; none begins after the stop.
        drop(self.saving.lock().await);
    }
}

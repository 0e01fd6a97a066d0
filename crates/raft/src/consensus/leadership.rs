//! The watch of who leads. It names this node only while that is sure.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::{Instant as _, ServerState, TokioInstant};

use super::replica::Replica;
use super::types::Types;
use crate::{Leader, Leadership, NodeId};

type Changes = openraft::alias::WatchReceiverOf<Types, openraft::metrics::RaftServerMetrics<Types>>;

/// Who leads a group, now and whenever that changes.
pub struct LeaderWatch {
    replica: Arc<Replica>,
    changes: Changes,
    last: Option<Leader>,
}

/// What is so now, and until when if nothing is heard.
struct View {
    leader: Leader,
    until: Option<TokioInstant>,
}

impl LeaderWatch {
    pub(crate) fn new(replica: Arc<Replica>) -> Self {
        let changes = replica.raft.server_metrics();
        Self { replica, changes, last: None }
    }

    /// Who leads at this moment. Never `Us` when another can have been elected: see [`Leader::Us`].
    pub fn now(&self) -> Leader {
        view(&self.replica).leader
    }

    /// Waits until it is not who it was at the last call; the first call answers at once. `None` when the group was stopped.
    pub async fn changed(&mut self) -> Option<Leader> {
        loop {
            // Taken before looking, so that no change falls between.
            let leaving = self.replica.leaving_changed.notified();
            let View { leader, until } = view(&self.replica);
            if self.last != Some(leader) {
                self.last = Some(leader);
                return Some(leader);
            }
            let wait = until.map_or(Duration::from_secs(3600), |until| until.saturating_duration_since(TokioInstant::now()));
            tokio::select! {
                changed = self.changes.changed() => changed.ok()?,
                () = leaving => {}
                () = tokio::time::sleep(wait) => {}
                () = self.replica.stop.cancelled() => return None,
            }
        }
    }
}

impl std::fmt::Debug for LeaderWatch {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LeaderWatch").field("group", &self.replica.group).field("last", &self.last).finish()
    }
}

/// This node counts as leader for as long as the followers that confirmed it will vote for nobody else, less a margin for clocks that differ.
///
/// They keep still for the longest election timeout after they heard of it; the time of the confirmation is that of the question.
fn view(replica: &Replica) -> View {
    let metrics = replica.raft.metrics();
    let metrics = metrics.borrow_watched();
    if metrics.running_state.is_err() {
        return View { leader: Leader::Nobody, until: None };
    }
    let us = replica.node;
    let leads = metrics.state == ServerState::Leader && metrics.vote.is_committed() && metrics.vote.leader_id().node_id == us.0;
    if !leads {
        let other = metrics.current_leader.map(NodeId).filter(|leader| *leader != us);
        return View { leader: other.map_or(Leader::Nobody, Leader::Other), until: None };
    }
    if replica.leaving.load(Ordering::Acquire) {
        return View { leader: Leader::Nobody, until: None };
    }
    let leader = Leader::Us(Leadership { term: metrics.vote.leader_id().term, node: us });
    // Alone, nobody else can be elected.
    if metrics.membership_config.voter_ids().all(|voter| voter == us.0) {
        return View { leader, until: None };
    }
    let confirmed = metrics.last_quorum_acked.map(|acked| *acked + replica.timing.lease());
    match confirmed {
        Some(until) if until > TokioInstant::now() => View { leader, until: Some(until) },
        // A confirmation does not wake the watch; look again soon.
        _ => View { leader: Leader::Nobody, until: Some(TokioInstant::now() + replica.timing.heartbeat) },
    }
}

//! The watch of who leads. It names this node only while that is sure.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::{Instant as _, ServerState, TokioInstant};

use super::replica::Replica;
use super::types::Types;
use crate::{Leader, Leadership, NodeId};

/// The longest that the watch relies on being woken.
const LOOK_AGAIN: Duration = Duration::from_secs(1);

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
            let wait = until.map_or(LOOK_AGAIN, |until| until.saturating_duration_since(TokioInstant::now()));
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
    let us = replica.node;
    let server = replica.raft.server_metrics();
    let server = server.borrow_watched();
    let leads = server.state == ServerState::Leader && server.vote.is_committed() && server.vote.leader_id().node_id == us.0;
    if !leads {
        let other = server.current_leader.map(NodeId).filter(|leader| *leader != us);
        return View { leader: other.map_or(Leader::Nobody, Leader::Other), until: None };
    }
    if replica.is_leaving() {
        return View { leader: Leader::Nobody, until: None };
    }
    let leader = Leader::Us(Leadership { term: server.vote.leader_id().term, node: us });
    let metrics = replica.raft.metrics();
    let metrics = metrics.borrow_watched();
    // It does not wake the watch when one of these is over; look again soon.
    let nobody_yet = View { leader: Leader::Nobody, until: Some(TokioInstant::now() + replica.timing.heartbeat / 4) };
    if metrics.running_state.is_err() {
        return View { leader: Leader::Nobody, until: None };
    }
    // These are published a moment after those: what is said there of an earlier time in office does not count.
    if metrics.vote != server.vote {
        return nobody_yet;
    }
    // Alone, nobody else can be elected.
    if server.membership_config.voter_ids().all(|voter| voter == us.0) {
        return View { leader, until: None };
    }
    match metrics.last_quorum_acked.map(|acked| *acked + replica.timing.lease()) {
        Some(until) if until > TokioInstant::now() => View { leader, until: Some(until) },
        _ => nobody_yet,
    }
}

//! Handing leadership over, with a limit: openraft waits for ever for a target that does not take it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::raft::VoteRequest;

use super::replica::Replica;
use super::types::{LeaderId, LogId, Vote};
use crate::{NodeId, Refusal};

/// A target that does not lead by then is given up for the next one. A healthy one takes 8 to 64 ms.
const TARGET_MAX: Duration = Duration::from_millis(500);

/// Hands over to `to`, or to whoever is furthest when it is `None` or does not take it. Who leads now. Goes on to its end when nobody waits for it.
pub(crate) async fn transfer(replica: &Arc<Replica>, to: Option<NodeId>) -> Result<NodeId, Refusal> {
    let task = tokio::spawn(hand_over(replica.clone(), to));
    task.await.unwrap_or_else(|_| Err(Refusal::Stopped("it was stopped".to_owned())))
}

async fn hand_over(replica: Arc<Replica>, to: Option<NodeId>) -> Result<NodeId, Refusal> {
    let heard = replica.heard_leader();
    if heard != Some(replica.node) {
        return Err(Refusal::NotLeader { leader: heard });
    }
    let office = replica.vote();
    let _guard = Leaving::begin(&replica);
    for target in targets(&replica, to) {
        if replica.raft.trigger().transfer_leader(target.0).await.is_err() {
            return Err(Refusal::Stopped(replica.failure().unwrap_or_default()));
        }
        if let Ok(leader) = tokio::time::timeout(TARGET_MAX, other_leads(&replica)).await {
            return Ok(leader);
        }
        tracing::warn!(group = %replica.group, %target, "leadership was not taken within {} ms; trying another node", TARGET_MAX.as_millis());
    }
    resign(&replica, office).await;
    Err(Refusal::Membership("no other node took the leadership: they are out of reach or too far behind".to_owned()))
}

/// Nobody took it, and openraft's core would refuse writes and send no sign of life until somebody does. So it is told of another's vote in the next
/// term, which ends its time in office, and stands for election again. Of a vote of its own it would not follow: it would lead on under a vote that is
/// not that of its office. So would the other under a vote that it has not cast: the term is the one behind the office that began to hand over, in which
/// the other can have stood for nobody but itself; and nothing is done if that office is over.
async fn resign(replica: &Replica, vote: Vote) {
    if replica.vote() != vote {
        return;
    }
    let Some(other) = targets(replica, None).first().map(|node| node.0) else { return };
    // The core compares the candidate's last entry with its own. There is no candidate, so there is none behind; a real one would be asked for its own.
    let last = LogId::new(LeaderId { term: vote.leader_id.term, node_id: replica.node.0 }, u64::MAX);
    let mut request = VoteRequest::new(Vote::new(vote.leader_id.term + 1, other), Some(last));
    request.leadership_transfer = true;
    let _ = replica.raft.vote(request).await;
    let _ = replica.raft.trigger().elect(false).await;
    let _ = tokio::time::timeout(TARGET_MAX, async {
        let mut changes = replica.raft.server_metrics();
        while changes.borrow_watched().vote == vote && changes.changed().await.is_ok() {}
    })
    .await;
}

/// The wish first, then the others by how far they are. Whoever is out of reach comes last.
fn targets(replica: &Replica, wish: Option<NodeId>) -> Vec<NodeId> {
    let metrics = replica.raft.metrics();
    let metrics = metrics.borrow_watched();
    let reached = |node: NodeId| {
        let id = metrics.replication.as_ref().and_then(|replication| replication.get(&node.0).cloned().flatten());
        id.map_or(0, |id| id.index + 1)
    };
    let mut voters: Vec<_> = metrics.membership_config.voter_ids().map(NodeId).filter(|node| *node != replica.node).collect();
    voters.sort_by_key(|node| (Some(*node) != wish, replica.transport.is_dead(*node), std::cmp::Reverse(reached(*node))));
    voters.dedup();
    voters
}

async fn other_leads(replica: &Replica) -> NodeId {
    let mut changes = replica.raft.server_metrics();
    loop {
        let leader = changes.borrow_watched().current_leader.map(NodeId);
        if let Some(leader) = leader.filter(|leader| *leader != replica.node) {
            return leader;
        }
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// From the first attempt on another can be elected at any moment, so this node is not to be called leader until that is settled.
struct Leaving<'a>(&'a Replica);

impl<'a> Leaving<'a> {
    fn begin(replica: &'a Replica) -> Self {
        replica.leaving.fetch_add(1, Ordering::AcqRel);
        replica.leaving_changed.notify_waiters();
        Self(replica)
    }
}

impl Drop for Leaving<'_> {
    fn drop(&mut self) {
        self.0.leaving.fetch_sub(1, Ordering::AcqRel);
        self.0.leaving_changed.notify_waiters();
    }
}

//! One replica at one moment, out of openraft's metrics and our own counts.

use openraft::Instant as _;
use openraft::async_runtime::watch::WatchReceiver as _;

use super::replica::Replica;
use crate::NodeId;
use crate::group::Status;

pub(crate) fn status(replica: &Replica) -> Status {
    let metrics = replica.raft.metrics();
    let metrics = metrics.borrow_watched();
    let membership = metrics.membership_config.membership();
    let matched =
        metrics.replication.iter().flatten().map(|(node, id)| (NodeId(*node), id.as_ref().map(|id| id.index))).collect();
    let heard = metrics.heartbeat.iter().flatten();
    let silent_for = heard.filter_map(|(node, at)| Some((NodeId(*node), at.as_ref()?.elapsed()))).collect();
    let mut voters: Vec<_> = membership.voter_ids().map(NodeId).collect();
    voters.sort();
    voters.dedup();
    Status {
        term: metrics.current_term,
        leader: metrics.current_leader.map(NodeId),
        last: metrics.last_log_index,
        committed: metrics.cluster_committed.as_ref().map(|id| id.index),
        applied: replica.progress.applied().checked_sub(1),
        checkpoint: replica.store.summary(replica.group.0),
        purged: metrics.purged.as_ref().map(|id| id.index),
        voters,
        learners: membership.learner_ids().map(NodeId).collect(),
        matched,
        silent_for,
        unconfirmed_for: metrics.last_quorum_acked.map(|acked| (*acked).elapsed()),
        failure: metrics.running_state.as_ref().err().map(ToString::to_string),
    }
}

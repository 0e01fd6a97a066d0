//! Who belongs to a group: one change at a time, each by a committed entry, never leaving it without a majority that has the log.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver as _;
use openraft::errors::RaftError;
use openraft::raft::Precondition;
use openraft::{ChangeMembers, EmptyNode, ServerState};
use tokio::sync::MutexGuard;

use super::proposal::not_committed;
use super::replica::Replica;
use super::transfer;
use crate::{NodeId, NotCommitted, Refusal};

type Change = ChangeMembers<u64, EmptyNode>;

/// A learner that lacks more entries than this may not vote: until it has them, it would only count against the majority.
const LAG_MAX: u64 = 1000;

/// How long a promotion waits for a learner that is further behind.
const CATCH_UP_MAX: Duration = Duration::from_secs(60);

/// A change that is not done by then has an unknown outcome.
const CHANGE_MAX: Duration = Duration::from_secs(30);

/// A learner gets all entries and has no vote.
pub(crate) async fn add_learner(replica: &Arc<Replica>, node: NodeId) -> Result<(), NotCommitted> {
    let _alone = begin(replica).await?;
    if members(replica).1.contains(&node) {
        return Ok(());
    }
    change(replica, Change::AddNodes(BTreeMap::from([(node.0, EmptyNode::new())])), true).await
}

/// A learner that has caught up becomes a voter.
pub(crate) async fn promote(replica: &Arc<Replica>, node: NodeId) -> Result<(), NotCommitted> {
    let _alone = begin(replica).await?;
    let (voters, nodes) = members(replica);
    if voters.contains(&node) {
        return Ok(());
    }
    if !nodes.contains(&node) {
        return Err(Refusal::Membership(format!("node {node} is no learner of this group: add it as one first")).into());
    }
    caught_up(replica, node).await?;
    change(replica, Change::AddVoterIds(BTreeSet::from([node.0])), true).await
}

/// A voter goes and a learner that has caught up takes its place, in one change.
pub(crate) async fn replace(replica: &Arc<Replica>, old: NodeId, new: NodeId) -> Result<(), NotCommitted> {
    hand_over_if_us(replica, old).await?;
    let _alone = begin(replica).await?;
    let (mut voters, nodes) = members(replica);
    if !voters.contains(&old) {
        return Err(Refusal::Membership(format!("node {old} is no voter of this group")).into());
    }
    if voters.contains(&new) {
        return Err(Refusal::Membership(format!("node {new} votes in this group already: remove node {old} instead")).into());
    }
    if !nodes.contains(&new) {
        return Err(Refusal::Membership(format!("node {new} is no learner of this group: add it as one first")).into());
    }
    caught_up(replica, new).await?;
    voters.remove(&old);
    voters.insert(new);
    change(replica, Change::ReplaceAllVoters(voters.iter().map(|node| node.0).collect()), false).await
}

/// A voter or learner goes. A leader that is to go hands over first, and then refuses, naming the new one.
pub(crate) async fn remove(replica: &Arc<Replica>, node: NodeId) -> Result<(), NotCommitted> {
    hand_over_if_us(replica, node).await?;
    let _alone = begin(replica).await?;
    let (voters, nodes) = members(replica);
    if voters.contains(&node) {
        if voters.len() == 1 {
            return Err(Refusal::Membership(format!("node {node} is the last voter of this group")).into());
        }
        change(replica, Change::RemoveVoters(BTreeSet::from([node.0])), false).await
    } else if nodes.contains(&node) {
        change(replica, Change::RemoveNodes(BTreeSet::from([node.0])), false).await
    } else {
        Ok(())
    }
}

/// One change at a time, and none on top of one that a former leader left half done: whoever asks has seen the voters of before and of after as one set, and may
/// want what leaves no majority of those that are left in the end.
async fn begin(replica: &Arc<Replica>) -> Result<MutexGuard<'_, ()>, NotCommitted> {
    let alone = replica.membership.lock().await;
    if finish(replica).await? {
        let why = "a change that a former leader left half done was ended first: see who belongs to the group now, and ask again";
        return Err(Refusal::Membership(why.to_owned()).into());
    }
    Ok(alone)
}

/// Voters, and all.
fn members(replica: &Replica) -> (BTreeSet<NodeId>, BTreeSet<NodeId>) {
    let metrics = replica.raft.server_metrics();
    let metrics = metrics.borrow_watched();
    let voters = metrics.membership_config.voter_ids().map(NodeId).collect();
    let nodes = metrics.membership_config.nodes().map(|(node, _)| NodeId(*node)).collect();
    (voters, nodes)
}

/// A leader cannot go while it leads: nobody would be left to say that it has gone.
async fn hand_over_if_us(replica: &Arc<Replica>, leaving: NodeId) -> Result<(), NotCommitted> {
    if leaving != replica.node || replica.heard_leader() != Some(replica.node) || members(replica).0.len() == 1 {
        return Ok(());
    }
    let leader = transfer::transfer(replica, None).await?;
    Err(Refusal::NotLeader { leader: Some(leader) }.into())
}

async fn caught_up(replica: &Arc<Replica>, node: NodeId) -> Result<(), NotCommitted> {
    let lag = |metrics: &openraft::RaftMetrics<super::types::Types>| {
        let last = metrics.last_log_index.map_or(0, |index| index + 1);
        let has = metrics.replication.as_ref().and_then(|replication| replication.get(&node.0).cloned().flatten());
        last.saturating_sub(has.map_or(0, |id| id.index + 1))
    };
    let mut metrics = replica.raft.metrics();
    let waited = tokio::time::timeout(CATCH_UP_MAX, async {
        loop {
            {
                let metrics = metrics.borrow_watched();
                if metrics.replication.is_none() {
                    return Err(Refusal::NotLeader { leader: metrics.current_leader.map(NodeId) });
                }
                if lag(&metrics) <= LAG_MAX {
                    return Ok(());
                }
            }
            if metrics.changed().await.is_err() {
                return Err(Refusal::Stopped("it was stopped".to_owned()));
            }
        }
    })
    .await;
    match waited {
        Ok(outcome) => Ok(outcome?),
        Err(_) => {
            let behind = lag(&replica.raft.metrics().borrow_watched());
            let why =
                format!("node {node} is {behind} entries behind and does not catch up: see whether it runs and can be reached");
            Err(Refusal::Membership(why).into())
        }
    }
}

/// Ends changes that their leader left half done: the voters of before and after are both asked until somebody says that it is over.
pub(crate) async fn finish_changes(replica: Arc<Replica>) {
    let mut changes = replica.raft.server_metrics();
    loop {
        let leads_joint = {
            let metrics = changes.borrow_watched();
            metrics.state == ServerState::Leader && metrics.membership_config.get_joint_config().len() > 1
        };
        if leads_joint {
            // A change of our own that is under way ends by itself, and holds this lock until then.
            let _alone = replica.membership.lock().await;
            let _ = finish(&replica).await;
        }
        tokio::select! {
            changed = changes.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(Duration::from_secs(1)), if leads_joint => {}
            () = replica.stop.cancelled() => return,
        }
    }
}

/// Whether there was one to end.
async fn finish(replica: &Arc<Replica>) -> Result<bool, NotCommitted> {
    let Some(voters) = voters_in_the_end(replica) else { return Ok(false) };
    if !voters.contains(&replica.node.0) {
        hand_over_if_us(replica, replica.node).await?;
    }
    change(replica, Change::AddVoterIds(BTreeSet::new()), false).await?;
    Ok(true)
}

async fn change(replica: &Replica, change: Change, retain: bool) -> Result<(), NotCommitted> {
    let said_by = || *replica.raft.server_metrics().borrow_watched().membership_config.log_id();
    let before = said_by();
    // One that was elected while it was taken out leads for a moment after that is committed, and openraft ends a core that changes members then.
    if !members(replica).1.contains(&replica.node) {
        return Err(Refusal::Membership("this node is no member any more: try again with the next leader".to_owned()).into());
    }
    let still = [
        // Its vote for itself is on its disk as a leader's.
        Precondition::CommittedLeaderId { committed_leader_id: replica.vote().leader_id },
        Precondition::LastMembershipLogId { last_membership_log_id: before },
    ];
    match tokio::time::timeout(CHANGE_MAX, replica.raft.change_membership_if(change, retain, still)).await {
        Ok(Ok(_)) => Ok(()),
        // The first of two entries is in the log, and whoever leads next may write the second.
        Ok(Err(RaftError::APIError(_))) if said_by() != before => {
            Err(NotCommitted::Unknown("the change is half done; whoever leads will finish it".to_owned()))
        }
        Ok(Err(RaftError::APIError(error))) => Err(not_committed(error)),
        Ok(Err(RaftError::Fatal(fatal))) => Err(NotCommitted::Unknown(fatal.to_string())),
        Err(_) => Err(NotCommitted::Unknown(format!("the change is not committed after {} s", CHANGE_MAX.as_secs()))),
    }
}

/// The voters of after a change, while those of before are asked as well, by all that this node has heard.
fn voters_in_the_end(replica: &Replica) -> Option<BTreeSet<u64>> {
    let metrics = replica.raft.server_metrics();
    let metrics = metrics.borrow_watched();
    let both = metrics.membership_config.get_joint_config();
    if both.len() > 1 { both.last().cloned() } else { None }
}

//! Which replicas of shards run on this node: those that the placement names. One that it names no more is deleted, but only when the group's leader says that
//! the group has let go of it: a voter that forgot would be a vote that is cast twice.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use conclave_raft::{Applied, Group, GroupId, Leader, NodeId, StartError};
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::service::{self, wire};
use super::{Inner, META, governing, group_of, raft_id};

/// How long a leader has to say who belongs to its group.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Starts and stops replicas whenever the placement changes; what has to wait is looked at again soon.
pub(super) async fn follow(inner: Arc<Inner>) {
    let mut meta = inner.meta.clone();
    loop {
        meta.borrow_and_update();
        let wanted = wanted(&inner);
        for shard in &wanted {
            if let Err(error) = start(&inner, *shard).await {
                return inner.fail(error.to_string());
            }
        }
        let unwanted = unwanted(&inner, &wanted);
        for group in &unwanted {
            leave(&inner, *group).await;
        }
        tokio::select! {
            changed = meta.changed() => if changed.is_err() { return },
            () = sleep(inner.settings.timing.look_again), if !unwanted.is_empty() => {}
        }
    }
}

fn wanted(inner: &Inner) -> BTreeSet<u16> {
    let meta = inner.meta();
    let here = |shard: &u16| {
        meta.placement(*shard)
            .is_some_and(|placement| placement.target.contains(&inner.node) || placement.voters.contains(&inner.node))
    };
    (0..meta.shards()).filter(here).collect()
}

fn unwanted(inner: &Inner, wanted: &BTreeSet<u16>) -> Vec<GroupId> {
    let stored = inner.raft.stored_groups().into_iter().filter(|group| *group != META);
    stored.filter(|group| !wanted.iter().any(|shard| group_of(*shard) == *group)).collect()
}

async fn start(inner: &Arc<Inner>, shard: u16) -> Result<(), StartError> {
    if inner.raft.group(group_of(shard)).is_some() {
        return Ok(());
    }
    let (group, applied) = made_or_started(inner, shard).await?;
    info!(shard, "a replica of this shard runs here");
    inner.spawn(governing::govern(inner.clone(), group.clone(), Some(shard)));
    (inner.on_replica)(shard, group, applied);
    Ok(())
}

/// A shard's group is made by one node that the register names; the others are found by it.
async fn made_or_started(inner: &Inner, shard: u16) -> Result<(Group, Applied), StartError> {
    let meta = inner.meta();
    let group = group_of(shard);
    if let Some(placement) =
        meta.placement(shard).filter(|placement| placement.maker == Some(inner.node) && placement.voters.is_empty())
    {
        let voters: Vec<NodeId> = placement.target.iter().map(|node| raft_id(*node)).collect();
        match inner.raft.create(group, &voters).await {
            // This node made it in an earlier life.
            Err(StartError::Exists(_)) => {}
            made => return made,
        }
    }
    inner.raft.start(group).await
}

/// Stops a replica and deletes what it has, if the group has let go of it.
async fn leave(inner: &Inner, group: GroupId) {
    if !let_go(inner, group).await {
        return;
    }
    inner.raft.stop(group).await;
    // From here on nothing can be written to it; what happened in the meantime is looked at once more.
    if let_go(inner, group).await {
        inner.raft.forget(group).await;
        info!(%group, "the replica of this group moved to another node; what was here is deleted");
    }
}

/// Whether the leader of a group says that this node does not belong to it.
async fn let_go(inner: &Inner, group: GroupId) -> bool {
    let named = inner.raft.group(group).and_then(|group| match group.leader().now() {
        Leader::Other(node) => Some(node),
        Leader::Us(_) | Leader::Nobody => None,
    });
    let shard = group.0.checked_sub(1).and_then(|shard| u16::try_from(shard).ok());
    let meta = inner.meta();
    let placement = shard.and_then(|shard| meta.placement(shard));
    let voters = placement.iter().flat_map(|placement| &placement.voters).map(|node| raft_id(*node));
    for node in named.into_iter().chain(voters).filter(|node| *node != inner.raft.id()) {
        let Some(mut client) = service::client(&inner.raft, node) else { continue };
        let answer = timeout(ANSWER_MAX, client.members(wire::MembersRequest { group: group.0 })).await;
        let Ok(Ok(reply)) = answer else { continue };
        let reply = reply.into_inner();
        if reply.leads {
            return !reply.nodes.contains(&inner.raft.id().0);
        }
    }
    warn!(%group, "this node should not have a replica of this group any more, but its leader cannot be asked; trying again");
    false
}

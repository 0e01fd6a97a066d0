//! Who leads: the node that the register prefers, if that lives and has everything; never one that is drained.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use conclave_cluster::meta::{Meta, NodeState};
use conclave_raft::{Group, Leader, Status};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::{debug, info};

use super::governing::{caught_up, reached};
use super::{Inner, META, group_of, raft_id};

/// A replica that has acknowledged nothing for so long, some heartbeats, is not handed anything.
const SILENT_MAX: Duration = Duration::from_secs(1);

/// Since when another node has been the better leader of a group.
#[derive(Debug, Default)]
pub(super) struct Calm(Option<(u32, Instant)>);

impl Calm {
    /// Hands over if somebody else has been the better leader for a while; a node that is drained hands over at once.
    pub async fn consider(&mut self, inner: &Inner, group: &Group, shard: Option<u16>) {
        let meta = inner.meta();
        if is_draining(&meta, inner.node) {
            if let Some(to) = successor(inner, &meta, group, shard) {
                transfer(inner, group, to).await;
            }
            return;
        }
        let preferred = shard.and_then(|shard| meta.preferred_home(shard)).filter(|node| *node != inner.node);
        let Some(preferred) = preferred.filter(|node| able(inner, &meta, group).contains(node)) else {
            self.0 = None;
            return;
        };
        match self.0 {
            Some((node, since)) if node == preferred => {
                if since.elapsed() >= inner.settings.timing.calm {
                    self.0 = None;
                    transfer(inner, group, preferred).await;
                }
            }
            Some(_) | None => self.0 = Some((preferred, Instant::now())),
        }
    }
}

/// Hands over everything that this node leads, all at once.
pub(super) async fn hand_over(inner: &Arc<Inner>) {
    let meta = inner.meta();
    let groups = (0..meta.shards()).map(|shard| (group_of(shard), Some(shard))).chain([(META, None)]);
    let mut transfers = JoinSet::new();
    for (group, shard) in groups.filter_map(|(group, shard)| Some((inner.raft.group(group)?, shard))) {
        let (Leader::Us(_), Some(to)) = (group.leader().now(), successor(inner, &meta, &group, shard)) else { continue };
        transfers.spawn(async move { group.transfer(Some(raft_id(to))).await });
    }
    while let Some(transferred) = transfers.join_next().await {
        if let Ok(Err(error)) = transferred {
            info!(%error, "a group was not handed over");
        }
    }
}

async fn transfer(inner: &Inner, group: &Group, to: u32) {
    // It is never closed.
    let Ok(_turn) = inner.transfers.acquire().await else { return };
    if !matches!(group.leader().now(), Leader::Us(_)) {
        return;
    }
    match group.transfer(Some(raft_id(to))).await {
        Ok(leader) => info!(group = %group.id(), %leader, "leadership was handed over"),
        Err(error) => debug!(group = %group.id(), %error, "leadership was not handed over"),
    }
}

/// Who should lead after this node: whom the register prefers, or whoever is furthest.
fn successor(inner: &Inner, meta: &Meta, group: &Group, shard: Option<u16>) -> Option<u32> {
    let able = able(inner, meta, group);
    let preferred = shard.and_then(|shard| meta.preferred_home(shard)).filter(|node| able.contains(node));
    let matched = group.status().matched;
    preferred.or_else(|| able.into_iter().max_by_key(|node| matched.get(&raft_id(*node)).copied().flatten()))
}

/// Other voters that live, are reached, have everything and are not drained.
fn able(inner: &Inner, meta: &Meta, group: &Group) -> BTreeSet<u32> {
    let status = group.status();
    let (reached, caught_up, awake) = (reached(inner), caught_up(inner, &status), awake(&status));
    let voters = status.voters.iter().filter_map(|node| super::number_of(*node)).filter(|node| *node != inner.node);
    voters
        .filter(|node| reached.contains(node) && caught_up.contains(node) && awake.contains(node) && may_lead(meta, *node))
        .collect()
}

/// Those that answer now: a node that is frozen keeps its connection for seconds.
fn awake(status: &Status) -> BTreeSet<u32> {
    let awake = status.silent_for.iter().filter(|(_, silent)| **silent < SILENT_MAX);
    awake.filter_map(|(node, _)| super::number_of(*node)).collect()
}

fn may_lead(meta: &Meta, node: u32) -> bool {
    meta.nodes().get(&node).is_some_and(|entry| entry.state == NodeState::Member && entry.lives && !entry.draining)
}

fn is_draining(meta: &Meta, node: u32) -> bool {
    meta.nodes().get(&node).is_some_and(|entry| entry.draining || entry.state == NodeState::Leaving)
}

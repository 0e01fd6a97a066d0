//! What those who watch a node are told.

use std::sync::Arc;
use std::time::Duration;

use crate::cluster::Cluster;
use crate::http::Answers;
use crate::metrics::{Metrics, ShardFigures};
use crate::run::Node;
use crate::shard_task::Replicas;

/// How long a shard may have no home until this node is better left alone: homes that move or die are replaced sooner.
pub const PAUSE_MAX: Duration = Duration::from_secs(3);

/// Has the figures of shards and log asked for when somebody reads.
pub fn count(metrics: &Metrics, cluster: &Cluster, replicas: &Arc<Replicas>) {
    let (of_shards, replicas) = (cluster.clone(), replicas.clone());
    metrics.register_shards(Box::new(move || {
        let (figures, shards) = (replicas.figures(), of_shards.meta().borrow().shards());
        let shards = (0..shards).map(|shard| shard_figures(&of_shards, shard, figures.get(&shard)));
        std::iter::once(meta_figures(&of_shards)).chain(shards).collect()
    }));
    let raft = cluster.raft().clone();
    metrics.register_log(Box::new(move || raft.log_stats()));
}

/// The group of the register and the accounts is nobody's home, but led and replicated as the others are.
fn meta_figures(cluster: &Cluster) -> ShardFigures {
    let status = cluster.meta_group().map(|group| group.status());
    let leader = status.as_ref().and_then(|status| u32::try_from(status.leader?.0).ok());
    ShardFigures {
        shard: None,
        leader,
        is_home: leader == Some(cluster.me().borrow().node),
        applied: status.as_ref().and_then(|status| status.applied),
        committed: status.and_then(|status| status.committed),
        ..ShardFigures::default()
    }
}

fn shard_figures(cluster: &Cluster, shard: u16, figures: Option<&crate::shard_task::Figures>) -> ShardFigures {
    let status = cluster.group(shard).map(|group| group.status());
    ShardFigures {
        shard: Some(shard),
        leader: status.as_ref().and_then(|status| u32::try_from(status.leader?.0).ok()),
        is_home: figures.is_some_and(|figures| figures.serves),
        epoch: figures.map(|figures| figures.epoch).filter(|epoch| *epoch != 0),
        applied: figures.map(|figures| figures.applied),
        committed: status.and_then(|status| status.committed),
        rooms: figures.map_or(0, |figures| figures.rooms as u64),
        occupants: figures.map_or(0, |figures| figures.occupants as u64),
    }
}

/// What the HTTP listener says.
pub fn answers(node: &Arc<Node>) -> Answers {
    let (alive, ready) = (node.clone(), node.clone());
    Answers {
        metrics: node.metrics.clone(),
        healthy: Box::new(move || alive.cluster.failure().map_or(Ok(()), Err)),
        ready: Box::new(move || is_ready(&ready)),
    }
}

fn is_ready(node: &Node) -> Result<(), String> {
    if node.shutdown.is_cancelled() {
        return Err("this node stops, or is drained".to_owned());
    }
    let homeless = node.hub.homeless_for(PAUSE_MAX);
    match homeless.first() {
        None => Ok(()),
        Some(shard) => Err(format!("{} shards have no home that is known here, shard {shard} among them", homeless.len())),
    }
}

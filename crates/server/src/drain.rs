//! A node that is drained: others lead, and its clients are told to go elsewhere. It stays a replica until it is stopped.

use std::sync::Arc;
use std::time::Duration;

use conclave_cluster::meta::{EndReason, MetaRequest};
use tokio::time::sleep;
use tracing::{info, warn};

use crate::run::Node;

/// How long leadership may take to be handed over before the streams end.
const HAND_OVER_MAX: Duration = Duration::from_secs(2);

/// Between two tries to tell the cluster that this node has no clients any more.
const AGAIN_AFTER: Duration = Duration::from_secs(1);

/// Waits until this node is to be drained, and does it.
pub async fn follow(node: Arc<Node>) {
    let mut meta = node.cluster.meta();
    let me = node.cluster.me();
    loop {
        let draining = meta.borrow_and_update().nodes().get(&me.borrow().node).is_some_and(|entry| entry.draining);
        if draining {
            break;
        }
        tokio::select! {
            changed = meta.changed() => if changed.is_err() { return },
            () = node.shutdown.cancelled() => return,
        }
    }
    info!("this node is drained: others take over, and clients are told to connect elsewhere");
    node.cluster.hand_over(HAND_OVER_MAX).await;
    node.end_streams().await;
    // Those who sat in rooms by way of it have the grace to come back through another node.
    let incarnation = *me.borrow();
    while let Err(error) = node.cluster.ask(MetaRequest::End { incarnation, why: EndReason::Drained }).await {
        warn!(%error, "the cluster could not be told that this node has no clients any more; trying again");
        tokio::select! {
            () = sleep(AGAIN_AFTER) => {}
            () = node.ended.cancelled() => return,
        }
    }
}

//! What a shard's task asks of its Raft group.

use std::time::Duration;

use bytes::Bytes;
use conclave_raft::{Group, Leadership, NotCommitted};
use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use tokio::sync::mpsc;
use tracing::debug;

use crate::vital;

/// After a barrier that could not be passed.
const BARRIER_PAUSE: Duration = Duration::from_millis(50);

/// Proposals go to the log in the order in which they are made. One that it refuses ends the office, since those behind it were decided as if it were
/// there; it may refuse one and stay with the same leader: one that has not heard of a majority for a while, or that is about to hand over.
pub(super) fn propose(group: Group) -> (mpsc::UnboundedSender<(Leadership, Bytes)>, mpsc::UnboundedReceiver<Leadership>) {
    // A home leaves no more in flight than it may.
    let (proposals, mut receiver) = mpsc::unbounded_channel::<(Leadership, Bytes)>();
    let (refusals, refused) = mpsc::unbounded_channel();
    vital::spawn("the way into a shard's log", async move {
        let mut under_way = FuturesUnordered::new();
        loop {
            let refused = tokio::select! {
                biased;
                Some((office, outcome)) = under_way.next() => Result::<u64, NotCommitted>::err(outcome).map(|why| (office, why)),
                proposal = receiver.recv() => {
                    let Some((office, entry)) = proposal else { return };
                    match group.submit(office, entry).await {
                        Ok(proposed) => {
                            under_way.push(async move { (office, proposed.settled().await) });
                            None
                        }
                        Err(refusal) => Some((office, refusal.into())),
                    }
                }
            };
            if let Some((office, why)) = refused {
                debug!(group = %group.id().0, %why, "a proposal was not taken");
                let _ = refusals.send(office);
            }
        }
    });
    (proposals, refused)
}

/// Whether this node is the home for certain, at some moment after the call.
pub(super) async fn barrier(group: Group) -> bool {
    // What it says is applied is: a home has applied its own Activate, and what it proposed since is counted by itself.
    let passed = group.read_barrier().await.is_ok();
    if !passed {
        tokio::time::sleep(BARRIER_PAUSE).await;
    }
    passed
}

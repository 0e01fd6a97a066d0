//! What a shard's task asks of its Raft group.

use std::time::Duration;

use bytes::Bytes;
use conclave_raft::{Group, Leadership};
use tokio::sync::mpsc;
use tracing::warn;

use crate::vital;

/// After a barrier that could not be passed.
const BARRIER_PAUSE: Duration = Duration::from_millis(50);

/// Proposals go to the log in the order in which they are made; what it refuses ends the office.
pub(super) fn propose(group: Group) -> (mpsc::UnboundedSender<(Leadership, Bytes)>, mpsc::UnboundedReceiver<Leadership>) {
    // A home leaves no more in flight than it may.
    let (proposals, mut receiver) = mpsc::unbounded_channel::<(Leadership, Bytes)>();
    let (refusals, refused) = mpsc::unbounded_channel();
    vital::spawn("the way into a shard's log", async move {
        while let Some((office, entry)) = receiver.recv().await {
            // The outcome comes as an entry, or leadership is lost.
            if let Err(refusal) = group.submit(office, entry).await {
                warn!(group = %group.id().0, %refusal, "a proposal is refused");
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

//! Invitations run out: the leader of meta withdraws what it has seen open for an hour.

use std::sync::Arc;
use std::time::Duration;

use conclave_cluster::meta::{MetaRequest, OpenInvitations};
use conclave_raft::Leader;
use tracing::{debug, info};

use super::Inner;
use super::deciding::{Outcome, decide};
use crate::ticks;

/// How often the leader looks.
const LOOK: Duration = Duration::from_secs(1);

/// Withdraws invitations, while this node leads meta.
pub(super) async fn withdraw(inner: Arc<Inner>) {
    let mut seen = OpenInvitations::default();
    let mut ticks = ticks::every(LOOK);
    loop {
        ticks.tick().await;
        let Leader::Us(leadership) = inner.meta_group.leader().now() else { continue };
        let (open, max) = (inner.meta().open_invitations(), inner.settings.timing.invitation_max);
        for node in seen.look(leadership.term(), inner.now(), &open, max) {
            match decide(&inner, &MetaRequest::Withdraw { node }).await {
                // It may have come while this waited for its turn.
                Outcome::Judged { .. } if inner.meta().nodes().contains_key(&node) => {}
                Outcome::Judged { .. } => info!(node, "it was invited and has not come: its invitation is withdrawn"),
                // Whoever leads next counts anew; otherwise the next look tries again.
                other => debug!(node, ?other, "an invitation could not be withdrawn"),
            }
        }
    }
}

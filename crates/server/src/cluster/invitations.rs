//! Invitations run out: the leader of meta withdraws what it has seen open for an hour. It counts by a clock that nobody can set: what a node's calendar says
//! when it invites, and what the leader's says later, may be hours apart.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use conclave_cluster::meta::MetaRequest;
use conclave_raft::{Leader, Leadership};
use tokio::time::Instant;
use tracing::{debug, info};

use super::Inner;
use super::deciding::{Outcome, decide};
use crate::ticks;

/// How often the leader looks.
const LOOK: Duration = Duration::from_secs(1);

/// What the leader of meta has seen open, and since when.
#[derive(Debug, Default)]
struct Open {
    leadership: Option<Leadership>,
    since: BTreeMap<u32, Instant>,
}

impl Open {
    /// Which of those that are open have been so for too long.
    fn look(&mut self, leadership: Leadership, open: &BTreeSet<u32>, max: Duration) -> Vec<u32> {
        let now = Instant::now();
        if self.leadership != Some(leadership) {
            *self = Open { leadership: Some(leadership), since: BTreeMap::new() };
        }
        self.since.retain(|node, _| open.contains(node));
        let over = |node: &u32| now - *self.since.entry(*node).or_insert(now) >= max;
        open.iter().copied().filter(over).collect()
    }
}

/// Withdraws invitations, while this node leads meta.
pub(super) async fn withdraw(inner: Arc<Inner>) {
    let mut seen = Open::default();
    let mut ticks = ticks::every(LOOK);
    loop {
        ticks.tick().await;
        let Leader::Us(leadership) = inner.meta_group.leader().now() else { continue };
        for node in seen.look(leadership, &inner.meta().open_invitations(), inner.settings.timing.invitation_max) {
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

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    const HOUR: Duration = Duration::from_secs(3600);

    fn office(term: u64) -> Leadership {
        format!("{term}.1").parse().unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn an_invitation_runs_out_an_hour_after_the_leader_saw_it_first() {
        let (mut seen, both) = (Open::default(), BTreeSet::from([4, 5]));
        assert!(seen.look(office(1), &BTreeSet::from([4]), HOUR).is_empty());
        advance(Duration::from_secs(1800)).await;
        assert!(seen.look(office(1), &both, HOUR).is_empty());
        advance(Duration::from_secs(1800)).await;
        assert_eq!(seen.look(office(1), &both, HOUR), [4]);
        // Until it is withdrawn.
        assert_eq!(seen.look(office(1), &both, HOUR), [4]);
        assert!(seen.look(office(1), &BTreeSet::from([5]), HOUR).is_empty());
        advance(Duration::from_secs(1800)).await;
        assert_eq!(seen.look(office(1), &both, HOUR), [5], "node 4 is another invitation");
    }

    #[tokio::test(start_paused = true)]
    async fn a_new_leader_begins_to_count() {
        let (mut seen, open) = (Open::default(), BTreeSet::from([4]));
        assert!(seen.look(office(1), &open, HOUR).is_empty());
        advance(HOUR).await;
        assert!(seen.look(office(2), &open, HOUR).is_empty());
        advance(HOUR).await;
        assert_eq!(seen.look(office(2), &open, HOUR), [4]);
    }
}

//! When a peer is proven dead: elections at once, instead of when its silence has lasted long enough.
//!
//! A follower neither votes nor stands for election while it must assume that the leader lives, and that takes a second or more. A refused
//! reconnect proves that the process is gone. Then one survivor stands at once, and a voter that has the same proof of its own may vote for it.

use std::sync::Arc;
use std::time::Duration;

use super::replica::Replica;
use crate::NodeId;

/// The next survivor in line waits this long for the one before.
const NEXT_IN_LINE: Duration = Duration::from_millis(150);

/// A voter whose connection to the leader has just broken waits this long for its own proof before it answers a candidate.
pub(crate) const OWN_PROOF_MAX: Duration = Duration::from_millis(50);

/// Rounds in which each survivor stands once; if nobody has won by then the timeouts decide.
const ROUNDS: u32 = 4;

/// `dead` is gone: if it led this group, sees to it that somebody else does.
pub(crate) async fn on_death(replica: Arc<Replica>, dead: NodeId) {
    if replica.heard_leader() != Some(dead) {
        return;
    }
    let Some((place, survivors)) = place_in_line(&replica) else { return };
    let mut wait = NEXT_IN_LINE * place;
    for _ in 0..ROUNDS {
        tokio::time::sleep(wait).await;
        // Somebody before us may lead by now, or the dead one may be back.
        let led = replica.heard_leader().is_some_and(|leader| leader != dead);
        if led || !replica.transport.is_dead(dead) || replica.stop.is_cancelled() {
            return;
        }
        tracing::info!(group = %replica.group, %dead, "the leader is gone for certain; standing for election");
        let _ = replica.raft.trigger().elect(false).await;
        wait = NEXT_IN_LINE * survivors;
    }
}

/// Which of the survivors we are, counted from one that depends on the group, so that not one node gets all groups of the dead one; and
/// how many they are.
fn place_in_line(replica: &Replica) -> Option<(u32, u32)> {
    let survivors: Vec<NodeId> = replica.voters().into_iter().filter(|voter| !replica.transport.is_dead(*voter)).collect();
    let count = u32::try_from(survivors.len()).ok().filter(|count| *count > 0)?;
    let ours = u32::try_from(survivors.iter().position(|survivor| *survivor == replica.node)?).ok()?;
    Some(((ours + count - replica.group.0 % count) % count, count))
}

/// Whether we know ourselves that the leader of this group is dead; waits a moment if that is about to be found out.
pub(crate) async fn leader_is_dead(replica: &Replica, candidate: NodeId) -> bool {
    let Some(leader) = replica.heard_leader() else { return false };
    if leader == candidate || leader == replica.node {
        return false;
    }
    // While this waited another may have been heard, and that one lives.
    replica.transport.dies(leader, OWN_PROOF_MAX).await && replica.heard_leader() == Some(leader)
}

//! When a peer is proven dead: elections at once, instead of when its silence has lasted long enough.
//!
//! A follower neither votes nor stands for election while it must assume that the leader lives, and that takes a second or more. A refused
//! reconnect proves that the process is gone. Then one survivor stands at once, and a voter that has the same proof of its own may vote for it.

use std::sync::Arc;
use std::time::Duration;

use openraft::raft::VoteRequest;

use super::codec;
use super::replica::Replica;
use super::types::{LogId, Vote};
use crate::NodeId;

/// Whoever was to stand has this long to win before the survivors look again who it should be.
const ROUND: Duration = Duration::from_millis(150);

/// After so many rounds the timeouts decide.
const ROUNDS: usize = 5;

/// A survivor has this long to say how far its log is.
const ANSWER_MAX: Duration = Duration::from_millis(50);

/// A voter whose connection to the leader has just broken waits this long for its own proof before it answers a candidate.
pub(crate) const OWN_PROOF_MAX: Duration = Duration::from_millis(50);

/// `dead` is gone: if it led this group, sees to it that somebody else does.
pub(crate) async fn on_death(replica: Arc<Replica>, dead: NodeId) {
    if replica.heard_leader() != Some(dead) || !replica.voters().contains(&replica.node) {
        return;
    }
    for round in 0..ROUNDS {
        let first = first_in_line(&replica, round).await;
        // Somebody may lead by now, or the dead one may be back.
        let led = replica.heard_leader().is_some_and(|leader| leader != dead);
        if led || !replica.transport.is_dead(dead) || replica.stop.is_cancelled() {
            return;
        }
        if first == replica.node {
            tracing::info!(group = %replica.group, %dead, "the leader is gone for certain; standing for election");
            let _ = replica.raft.trigger().elect(false).await;
        }
        tokio::time::sleep(ROUND).await;
    }
}

/// The survivor who should stand: one with the longest log, since nobody else could win and a second candidate would only be in its way. Among equals it
/// depends on the group, so that not one node gets all groups of the dead one. Where one does not answer in time they take turns: if each took itself for the
/// only one, two would stand against each other again and again.
async fn first_in_line(replica: &Replica, round: usize) -> NodeId {
    let survivors: Vec<NodeId> = replica.voters().into_iter().filter(|voter| !replica.transport.is_dead(*voter)).collect();
    let turn = (replica.group.0 as usize + round) % survivors.len().max(1);
    let asked = survivors.iter().enumerate().map(|(at, survivor)| async move {
        let last = if *survivor == replica.node { Some(replica.last()) } else { ask(replica, *survivor).await };
        last.map(|last| (last, at == turn, *survivor))
    });
    let answers = futures_util::future::join_all(asked).await;
    if answers.iter().any(Option::is_none) {
        return survivors.get(turn).copied().unwrap_or(replica.node);
    }
    answers.into_iter().flatten().max().map_or(replica.node, |(_, _, first)| first)
}

/// The last entry of another survivor: what it says to a candidate that will not stand.
async fn ask(replica: &Replica, survivor: NodeId) -> Option<Option<LogId>> {
    let mut client = replica.transport.client(survivor)?;
    let vote = replica.vote();
    let request = VoteRequest::new(Vote::new(vote.leader_id.term + 1, replica.node.0), replica.last());
    let request = codec::write_vote_request(replica.group.0, &request);
    let reply = tokio::time::timeout(ANSWER_MAX, client.pre_vote(request)).await.ok()?.ok()?.into_inner();
    let answers = !reply.unknown_group && reply.failed.is_empty();
    answers.then(|| reply.last.as_ref().map(codec::read_log_id))
}

/// Whether we know ourselves that the leader of this group is dead; waits a moment if that is about to be found out.
pub(crate) async fn leader_is_dead(replica: &Replica, candidate: NodeId) -> bool {
    let heard = replica.heard_leader();
    if !replica.timing.elect_on_death {
        return false;
    }
    if heard.is_some_and(|leader| leader == candidate || leader == replica.node) {
        return false;
    }
    // Behind a restart we may not have heard of the leader yet: it can be any of the others, so all of them must be dead.
    let others = || replica.voters().into_iter().filter(|voter| *voter != candidate && *voter != replica.node);
    let suspects: Vec<NodeId> = heard.map_or_else(|| others().collect(), |leader| vec![leader]);
    let proofs = suspects.iter().map(|suspect| replica.transport.dies(*suspect, OWN_PROOF_MAX));
    let proven = futures_util::future::join_all(proofs).await;
    // While this waited another may have been heard, and that one lives.
    !proven.is_empty() && proven.into_iter().all(|dead| dead) && replica.heard_leader() == heard
}

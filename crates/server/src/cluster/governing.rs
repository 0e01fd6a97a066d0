//! What the leader of a group sees to: that the group consists of the nodes that it should, that the register knows it, and that the right node leads.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use conclave_cluster::membership::{Leaving, Step, View};
use conclave_cluster::meta::{Meta, MetaRequest};
use conclave_raft::{Group, Leader, NotCommitted, PeerState, Refusal, Status};
use tokio::time::sleep;
use tracing::{debug, info, warn};

use super::balance::Calm;
use super::{ASK_MAX, Inner, asking, number_of, raft_id};

/// A learner that lacks no more than this is as good as there.
pub(super) const LAG_MAX: u64 = 100;

/// How long a node that was removed goes on learning meta, so that it hears of it; less than its connections last.
const LINGER: Duration = Duration::from_secs(2);

/// Sees to a group as long as it runs here; `shard` is `None` for meta's.
pub(super) async fn govern(inner: Arc<Inner>, group: Group, shard: Option<u16>) {
    let mut leader = group.leader();
    let mut meta = inner.meta.clone();
    let mut calm = Calm::default();
    let mut leaving = Leaving::default();
    loop {
        if matches!(leader.now(), Leader::Us(_)) {
            if !improve(&inner, &group, shard, &mut leaving).await {
                calm.consider(&inner, &group, shard).await;
            }
        } else {
            calm = Calm::default();
        }
        tokio::select! {
            changed = leader.changed() => if changed.is_none() { return },
            changed = meta.changed() => if changed.is_err() { return },
            () = sleep(inner.settings.timing.look_again), if matches!(leader.now(), Leader::Us(_)) => {}
        }
    }
}

/// Takes all steps that can be taken now. Whether the group is still not what it should be.
async fn improve(inner: &Inner, group: &Group, shard: Option<u16>, leaving: &mut Leaving) -> bool {
    loop {
        let (meta, status) = (inner.meta(), group.status());
        let Some(mut view) = view(inner, &meta, shard, &status) else { return false };
        if shard.is_none() {
            leaving.linger(&mut view, inner.now(), LINGER);
        }
        let Some(step) = view.next_step() else {
            report(inner, &meta, shard, &view.voters).await;
            return view.voters != view.wanted_voters;
        };
        match take(group, step).await {
            Ok(()) => info!(group = %group.id(), ?step, "the group changes"),
            // Another leads now, and goes on.
            Err(NotCommitted::Refused(Refusal::NotLeader { .. })) => return true,
            Err(error) => {
                warn!(group = %group.id(), ?step, %error, "the group could not be changed; trying again");
                return true;
            }
        }
    }
}

async fn take(group: &Group, step: Step) -> Result<(), NotCommitted> {
    match step {
        Step::AddLearner(node) => group.add_learner(raft_id(node)).await,
        Step::Promote(node) => group.promote(raft_id(node)).await,
        Step::Replace { old, new } => group.replace(raft_id(old), raft_id(new)).await,
        Step::Remove(node) => group.remove(raft_id(node)).await,
    }
}

/// `None`: the register does not say anything of the group so far.
fn view(inner: &Inner, meta: &Meta, shard: Option<u16>, status: &Status) -> Option<View> {
    let (wanted_voters, wanted_learners) = match shard {
        Some(shard) => (meta.placement(shard)?.target.iter().copied().collect(), BTreeSet::new()),
        None => wanted_of_meta(meta),
    };
    let numbers = |nodes: &[conclave_raft::NodeId]| nodes.iter().filter_map(|node| number_of(*node)).collect();
    Some(View {
        me: inner.node,
        voters: numbers(&status.voters),
        learners: numbers(&status.learners),
        wanted_voters,
        wanted_learners,
        reached: reached(inner),
        caught_up: caught_up(inner, status),
    })
}

/// Meta is replicated to every node that was ever here, so that each can read it; few vote.
fn wanted_of_meta(meta: &Meta) -> (BTreeSet<u32>, BTreeSet<u32>) {
    let voters: BTreeSet<u32> = meta.meta_voters().into_iter().collect();
    let here = meta.nodes().iter().filter(|(_, entry)| entry.incarnation != 0).map(|(node, _)| *node);
    let learners = here.filter(|node| !voters.contains(node)).collect();
    (voters, learners)
}

/// This node, and those to which there is a connection.
pub(super) fn reached(inner: &Inner) -> BTreeSet<u32> {
    let peers = inner.raft.peers().into_iter().filter(|peer| peer.state == PeerState::Connected);
    peers.filter_map(|peer| number_of(peer.node)).chain([inner.node]).collect()
}

pub(super) fn caught_up(inner: &Inner, status: &Status) -> BTreeSet<u32> {
    let last = status.last.map_or(0, |last| last + 1);
    let has_all = status.matched.iter().filter(|(_, matched)| matched.map_or(0, |index| index + 1) + LAG_MAX >= last);
    has_all.filter_map(|(node, _)| number_of(*node)).chain([inner.node]).collect()
}

/// Tells the register who votes in the group.
async fn report(inner: &Inner, meta: &Meta, shard: Option<u16>, voters: &BTreeSet<u32>) {
    let Some((shard, placement)) = shard.and_then(|shard| Some((shard, meta.placement(shard)?))) else { return };
    if placement.voters.iter().copied().collect::<BTreeSet<u32>>() == *voters {
        return;
    }
    let request = MetaRequest::Made { shard, voters: voters.iter().copied().collect() };
    if let Err(error) = asking::ask(inner, &request, ASK_MAX).await {
        debug!(shard, %error, "the register was not told who votes; trying again");
    }
}

//! What the leader of meta does with a request: decides it on what is committed, proposes, and waits until it is applied here. One at a time, so that each is
//! decided on the outcome of the one before.

use std::time::Duration;

use conclave_cluster::meta::{MetaDone, MetaRefusal, MetaRequest, codec};
use conclave_raft::{Leader, Leadership, NodeId, NotCommitted, Refusal};
use tokio::time::timeout;

use super::Inner;

/// How long a node waits for its own replica to apply what is committed already.
const APPLY_MAX: Duration = Duration::from_secs(5);

/// What came of a request at one node.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It was judged; what came of it is among this many entries that are applied at the leader.
    Judged { applied: u64, outcome: Result<MetaDone, MetaRefusal> },
    /// That node does not lead; who does, by what it has heard. Nothing has happened.
    NotLeader(Option<NodeId>),
    /// It may happen or not.
    Unknown(String),
}

/// Decides here, if this node leads meta.
pub(super) async fn decide(inner: &Inner, request: &MetaRequest) -> Outcome {
    let mut settled = inner.settled.lock().await;
    let leadership = match inner.meta_group.leader().now() {
        Leader::Us(leadership) => leadership,
        Leader::Other(node) => return Outcome::NotLeader(Some(node)),
        Leader::Nobody => return Outcome::NotLeader(None),
    };
    if let Err(outcome) = settle(inner, &mut settled, leadership).await {
        return outcome;
    }
    // From here on an entry may be under way of which `meta` does not know, until this has come to its end.
    *settled = None;
    let outcome = propose(inner, leadership, request).await;
    if matches!(outcome, Outcome::Judged { .. }) {
        *settled = Some(leadership);
    }
    outcome
}

/// Waits until everything that was ever proposed is applied here, or will never be.
async fn settle(inner: &Inner, settled: &mut Option<Leadership>, leadership: Leadership) -> Result<(), Outcome> {
    if *settled == Some(leadership) {
        return Ok(());
    }
    inner.meta_group.read_barrier().await.map_err(refused)?;
    // A leader's log has all there is. Counted from 0, as `applied` is.
    let logged = inner.meta_group.status().last.map_or(0, |last| last + 1);
    applied(inner, logged).await?;
    *settled = Some(leadership);
    Ok(())
}

async fn propose(inner: &Inner, leadership: Leadership, request: &MetaRequest) -> Outcome {
    let meta = inner.meta();
    // Others may ask while the first node still begins.
    if !meta.has_begun() && !matches!(request, MetaRequest::Begin { .. }) {
        return Outcome::Unknown("the cluster is about to begin".to_owned());
    }
    let (changes, done) = match meta.decide(request) {
        Ok((changes, done)) if changes.is_empty() => return as_it_is(inner, Ok(done)).await,
        Ok(decided) => decided,
        Err(refusal) => return as_it_is(inner, Err(refusal)).await,
    };
    match inner.meta_group.propose(leadership, codec::encode_entry(&changes).into()).await {
        Ok(index) => match applied(inner, index + 1).await {
            Ok(()) => Outcome::Judged { applied: index + 1, outcome: Ok(done) },
            Err(outcome) => outcome,
        },
        Err(NotCommitted::Refused(refusal)) => refused(refusal),
        Err(NotCommitted::Unknown(why)) => Outcome::Unknown(why),
    }
}

/// Nothing is to be committed. Whoever was deposed without knowing it must not answer.
async fn as_it_is(inner: &Inner, outcome: Result<MetaDone, MetaRefusal>) -> Outcome {
    match inner.meta_group.read_barrier().await {
        Ok(_) => Outcome::Judged { applied: *inner.applied.borrow(), outcome },
        Err(refusal) => refused(refusal),
    }
}

fn refused(refusal: Refusal) -> Outcome {
    match refusal {
        Refusal::NotLeader { leader } => Outcome::NotLeader(leader),
        other => Outcome::Unknown(other.to_string()),
    }
}

/// Waits until so many entries are applied here.
async fn applied(inner: &Inner, count: u64) -> Result<(), Outcome> {
    let mut applied = inner.applied.clone();
    match timeout(APPLY_MAX, applied.wait_for(|applied| *applied >= count)).await {
        Ok(Ok(_)) => Ok(()),
        Ok(Err(_)) => Err(Outcome::Unknown("the leader is being stopped".to_owned())),
        Err(_) => Err(Outcome::Unknown(format!("the leader does not apply entry {count} of the register"))),
    }
}

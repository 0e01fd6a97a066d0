//! The way of a request to the leader of meta, wherever it is.

use std::collections::BTreeSet;
use std::time::Duration;

use conclave_cluster::meta::{MetaDone, MetaRequest, codec};
use conclave_raft::{Leader, NodeId};
use tokio::time::{Instant, sleep, timeout, timeout_at};

use super::deciding::{Outcome, decide};
use super::service::wire;
use super::{Inner, MetaError};

/// Between two attempts: most are over with an election, which takes some 20 ms at best.
const PAUSE: Duration = Duration::from_millis(20);

/// One node has this long to answer; another is asked then.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Returns when it is applied here.
pub(super) async fn ask(inner: &Inner, request: &MetaRequest, limit: Duration) -> Result<MetaDone, MetaError> {
    let deadline = Instant::now() + limit;
    let (count, done) = decided(inner, request, limit).await?;
    let mut applied = inner.applied.clone();
    match timeout_at(deadline, applied.wait_for(|applied| *applied >= count)).await {
        Ok(Ok(_)) => Ok(done),
        Ok(Err(_)) => Err(MetaError::Stopped),
        Err(_) => Err(MetaError::Late { limit, why: "it is done, but this node has not heard of it".to_owned() }),
    }
}

/// Returns when it is committed, with the number of entries among which it is.
pub(super) async fn decided(inner: &Inner, request: &MetaRequest, limit: Duration) -> Result<(u64, MetaDone), MetaError> {
    let deadline = Instant::now() + limit;
    let mut way = Way::default();
    let mut why = "no leader is known".to_owned();
    loop {
        let asked = way.next(inner);
        match timeout_at(deadline, attempt(inner, request, asked)).await {
            Ok(Outcome::Judged { applied, outcome }) => {
                return outcome.map(|done| (applied, done)).map_err(MetaError::Refused);
            }
            Ok(Outcome::NotLeader(leader)) => {
                if leader.is_some_and(|leader| inner.raft.channel(leader).is_none()) {
                    inner.named.send_replace(leader);
                }
                way.hint = leader.filter(|leader| Some(*leader) != asked);
            }
            Ok(Outcome::Unknown(text)) => {
                way.avoided.extend(asked);
                why = text;
            }
            Err(_) => {}
        }
        if Instant::now() + PAUSE >= deadline {
            let why = why.trim_end_matches('.').to_owned();
            return Err(MetaError::Late { limit, why });
        }
        sleep(PAUSE).await;
    }
}

/// Whom to ask next.
#[derive(Default)]
struct Way {
    /// Whom the last answer named.
    hint: Option<NodeId>,
    /// Who did not answer since all were avoided.
    avoided: BTreeSet<NodeId>,
}

impl Way {
    /// Who is named as the leader; otherwise one after another, since what is known here may be old.
    fn next(&mut self, inner: &Inner) -> Option<NodeId> {
        let heard = match inner.meta_group.leader().now() {
            Leader::Us(_) => return Some(inner.raft.id()),
            Leader::Other(node) => Some(node),
            Leader::Nobody => None,
        };
        let peers = inner.raft.peers().into_iter().map(|peer| peer.node);
        let candidates = self.hint.take().into_iter().chain(heard).chain(peers);
        let next = candidates.into_iter().find(|node| !self.avoided.contains(node));
        match next {
            // It is asked once, and if it is not the leader either it names him.
            Some(node) if heard != Some(node) => drop(self.avoided.insert(node)),
            Some(_) => {}
            None => self.avoided.clear(),
        }
        next
    }
}

async fn attempt(inner: &Inner, request: &MetaRequest, asked: Option<NodeId>) -> Outcome {
    match asked {
        None => Outcome::NotLeader(None),
        Some(node) if node == inner.raft.id() => decide(inner, request).await,
        Some(node) => match timeout(ANSWER_MAX, call(inner, request, node)).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Unknown(format!("node {node} does not answer")),
        },
    }
}

async fn call(inner: &Inner, request: &MetaRequest, node: NodeId) -> Outcome {
    let Some(mut client) = super::service::client(&inner.raft, node) else {
        return Outcome::Unknown(format!("node {node} is no peer"));
    };
    match client.ask(wire::AskRequest { request: codec::encode_request(request) }).await {
        Ok(reply) => read(reply.into_inner()),
        Err(status) => Outcome::Unknown(status.message().to_owned()),
    }
}

fn read(reply: wire::AskReply) -> Outcome {
    use wire::ask_reply::Outcome::{Judged, NotLeader, Unknown};
    match reply.outcome {
        Some(Judged(wire::Judged { applied, outcome })) => match codec::decode_outcome(&outcome) {
            Ok(outcome) => Outcome::Judged { applied, outcome },
            Err(cause) => Outcome::Unknown(cause.to_string()),
        },
        Some(NotLeader(wire::NotLeader { leader })) => Outcome::NotLeader((leader != 0).then_some(NodeId(leader))),
        Some(Unknown(text)) => Outcome::Unknown(text),
        None => Outcome::NotLeader(None),
    }
}

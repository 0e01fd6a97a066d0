//! Proposing: into the queue in the order of the calls, and the outcome when there is one.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::errors::{ClientWriteError, ForwardToLeader};
use openraft::impls::ProgressResponder;
use openraft::raft::ClientWriteResult;
use tokio::sync::OwnedSemaphorePermit;

use super::replica::Replica;
use super::types::{LeaderId, Proposal, Types};
use crate::{Leadership, NodeId, NotCommitted, Refusal};

/// The longest proposal, in bytes: four of them and what is around fit into one call to a peer.
pub const PROPOSAL_BYTES_MAX: usize = 512 * 1024;

/// Bytes that may be proposed to one group and not yet answered. Whoever would exceed them waits.
pub(crate) const IN_FLIGHT_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What an entry weighs beside its bytes, so that many small ones are bounded as well.
const ENTRY_BYTES: usize = 256;

/// Without an outcome after this time it is unknown: a majority is out of reach and may or may not have the entry.
const OUTCOME_MAX: Duration = Duration::from_secs(5);

type Receiver = openraft::alias::OneshotReceiverOf<Types, ClientWriteResult<Types>>;

/// A proposal in the queue. To drop it is to give up hearing of it, not to take it back.
#[must_use = "the outcome is not known until it is awaited"]
pub struct Proposed {
    outcome: Receiver,
    _weight: OwnedSemaphorePermit,
}

impl std::fmt::Debug for Proposed {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Proposed")
    }
}

impl Proposed {
    /// The index at which it is committed, and handed to the user of this replica.
    pub async fn outcome(self) -> Result<u64, NotCommitted> {
        let unknown = || NotCommitted::Unknown(format!("no majority has confirmed it for {} s", OUTCOME_MAX.as_secs()));
        tokio::time::timeout(OUTCOME_MAX, self.settled()).await.unwrap_or_else(|_| Err(unknown()))
    }

    /// The same, however long that takes: for who follows the group and sees for itself that nothing is committed.
    pub async fn settled(self) -> Result<u64, NotCommitted> {
        match self.outcome.await {
            Ok(Ok(written)) => Ok(written.log_id.index),
            Ok(Err(error)) => Err(not_committed(error)),
            Err(_) => Err(NotCommitted::Unknown("the group was stopped".to_owned())),
        }
    }
}

/// Queues `bytes`, to be taken only by the leader of that time.
pub(crate) async fn submit(replica: &Replica, expected: Leadership, bytes: Bytes) -> Result<Proposed, Refusal> {
    if bytes.len() > PROPOSAL_BYTES_MAX {
        return Err(Refusal::TooLong { bytes: bytes.len(), max: PROPOSAL_BYTES_MAX });
    }
    let stopped = || Refusal::Stopped("it was stopped".to_owned());
    let weight = u32::try_from(bytes.len() + ENTRY_BYTES).unwrap_or(u32::MAX);
    let weight = Arc::clone(&replica.in_flight).acquire_many_owned(weight).await.map_err(|_| stopped())?;
    let (responder, outcome) = ProgressResponder::complete_only();
    let leader = LeaderId { term: expected.term, node_id: expected.node.0 };
    let written = replica.raft.write(Proposal(bytes)).with_leader(leader).responder(responder).await;
    written.map_err(|fatal| Refusal::Stopped(fatal.to_string()))?;
    Ok(Proposed { outcome, _weight: weight })
}

pub(crate) fn not_committed(error: ClientWriteError<Types>) -> NotCommitted {
    match error {
        // openraft says so only of what it did not append.
        ClientWriteError::ForwardToLeader(to) => not_leader(&to).into(),
        ClientWriteError::LogEntryDiscarded(_) => {
            NotCommitted::Unknown("another leader took over while the entry was under way; its log decides".to_owned())
        }
        ClientWriteError::ChangeMembershipError(error) => Refusal::Membership(error.to_string()).into(),
        ClientWriteError::PreconditionFailed(error) => Refusal::Membership(error.to_string()).into(),
    }
}

fn not_leader(to: &ForwardToLeader<Types>) -> Refusal {
    Refusal::NotLeader { leader: to.leader_id.map(NodeId) }
}

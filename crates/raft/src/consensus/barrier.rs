//! Read barriers: one round of heartbeats answers all that wait for one.

use std::time::Duration;

use openraft::ReadPolicy;
use openraft::errors::{LinearizableReadError, RaftError};
use tokio::sync::{mpsc, oneshot};

use super::types::{Raft, Types};
use crate::{NodeId, Refusal};

/// Barriers that may wait; who comes later waits to be let in.
const WAITING_MAX: usize = 4096;

/// A barrier that no majority confirms within this time is refused.
const ROUND_MAX: Duration = Duration::from_secs(5);

type Asked = oneshot::Sender<Result<u64, Refusal>>;

/// The door to the task that runs the rounds.
pub(crate) struct Barrier(mpsc::Sender<Asked>);

impl Barrier {
    /// Starts the task; it ends with the last handle.
    pub fn start(raft: Raft) -> Self {
        let (asked, mut waiting) = mpsc::channel::<Asked>(WAITING_MAX);
        tokio::spawn(async move {
            let mut batch = Vec::new();
            // A round confirms only those who asked before it began.
            while waiting.recv_many(&mut batch, WAITING_MAX).await > 0 {
                let outcome = round(&raft).await;
                for asked in batch.drain(..) {
                    let _ = asked.send(outcome.clone());
                }
            }
        });
        Self(asked)
    }

    /// Waits for a round that began after this call. The index up to which all is applied here.
    pub async fn pass(&self) -> Result<u64, Refusal> {
        let stopped = || Refusal::Stopped("it was stopped".to_owned());
        let (asked, outcome) = oneshot::channel();
        self.0.send(asked).await.map_err(|_| stopped())?;
        outcome.await.map_err(|_| stopped())?
    }
}

async fn round(raft: &Raft) -> Result<u64, Refusal> {
    match tokio::time::timeout(ROUND_MAX, raft.ensure_linearizable(ReadPolicy::ReadIndex)).await {
        Ok(Ok(read)) => Ok(read.index()),
        Ok(Err(error)) => Err(refusal(error)),
        Err(_) => Err(Refusal::NoMajority),
    }
}

fn refusal(error: RaftError<Types, LinearizableReadError<Types>>) -> Refusal {
    match error {
        RaftError::APIError(LinearizableReadError::ForwardToLeader(to)) => {
            Refusal::NotLeader { leader: to.leader_id.map(NodeId) }
        }
        RaftError::APIError(LinearizableReadError::QuorumNotEnough(_)) => Refusal::NoMajority,
        RaftError::Fatal(fatal) => Refusal::Stopped(fatal.to_string()),
    }
}

//! The face of one group on one node.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::consensus::{self, Proposed, Replica};
use crate::{GroupId, LeaderWatch, Leadership, NodeId, NotCommitted, Refusal, StateHash};

/// A replica of a group. Cheap to clone. All calls may be made on any replica; those that only the leader can do are refused elsewhere.
#[derive(Clone)]
pub struct Group(pub(crate) Arc<Replica>);

impl Group {
    /// Which group.
    pub fn id(&self) -> GroupId {
        self.0.group
    }

    /// Proposes `bytes`, to be taken only by `expected`, and waits. The index at which they are committed: then they are on disk on a majority, and have been
    /// handed to this node's [`crate::Applied`].
    pub async fn propose(&self, expected: Leadership, bytes: Bytes) -> Result<u64, NotCommitted> {
        self.submit(expected, bytes).await?.outcome().await
    }

    /// The first half of [`Group::propose`]: entries stand in the log in the order in which these calls were made. Waits while too much is in flight.
    pub async fn submit(&self, expected: Leadership, bytes: Bytes) -> Result<Proposed, Refusal> {
        consensus::submit(&self.0, expected, bytes).await
    }

    /// Asks a majority whether this node still leads. The index up to which everything that was acknowledged before the call is in this
    /// node's [`crate::Applied`]: answer from the state only when you are there. Calls at the same time share one round.
    pub async fn read_barrier(&self) -> Result<u64, Refusal> {
        self.0.barrier.pass().await
    }

    /// Who leads.
    pub fn leader(&self) -> LeaderWatch {
        LeaderWatch::new(self.0.clone())
    }

    /// Hands leadership to `to`, or to the replica that is furthest. A target that does not take it within half a second is given up for the next. Who
    /// leads now.
    pub async fn transfer(&self, to: Option<NodeId>) -> Result<NodeId, Refusal> {
        consensus::transfer(&self.0, to).await
    }

    /// Has `node` learn without a vote. It must have been started there.
    pub async fn add_learner(&self, node: NodeId) -> Result<(), NotCommitted> {
        consensus::add_learner(&self.0, node).await
    }

    /// Gives a learner a vote, once it has caught up.
    pub async fn promote(&self, node: NodeId) -> Result<(), NotCommitted> {
        consensus::promote(&self.0, node).await
    }

    /// Puts the learner `new` in the place of the voter `old`, once it has caught up.
    pub async fn replace(&self, old: NodeId, new: NodeId) -> Result<(), NotCommitted> {
        consensus::replace(&self.0, old, new).await
    }

    /// Takes a voter or learner out. A leader that is to take itself out hands over, and refuses with the name of the new one.
    pub async fn remove(&self, node: NodeId) -> Result<(), NotCommitted> {
        consensus::remove(&self.0, node).await
    }

    /// Writes a checkpoint now. The index it holds; `None` when there is none, or the group was stopped. Whoever takes the steps out of
    /// [`crate::Applied`] must not wait for this, nor for a proposal: both need the steps to be taken.
    pub async fn checkpoint(&self) -> Option<u64> {
        self.0.checkpoint().await
    }

    /// How the replica is.
    pub fn status(&self) -> Status {
        consensus::status(&self.0)
    }
}

impl std::fmt::Debug for Group {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Group").field("id", &self.0.group).field("node", &self.0.node).finish()
    }
}

/// One replica at one moment. Indexes are of the last entry of which it holds; `None` when there is none.
#[derive(Debug, Clone)]
pub struct Status {
    /// Raft's term.
    pub term: u64,
    /// Who leads, by what was heard last; no proof, see [`Group::leader`].
    pub leader: Option<NodeId>,
    /// In the log.
    pub last: Option<u64>,
    /// On a majority.
    pub committed: Option<u64>,
    /// Handed to [`crate::Applied`].
    pub applied: Option<u64>,
    /// In a checkpoint on disk, with the hash of the state at it.
    pub checkpoint: Option<(u64, StateHash)>,
    /// No longer in the log.
    pub purged: Option<u64>,
    /// Nodes with a vote.
    pub voters: Vec<NodeId>,
    /// Nodes without.
    pub learners: Vec<NodeId>,
    /// On the leader: the last entry that each other replica has on disk.
    pub matched: BTreeMap<NodeId, Option<u64>>,
    /// On the leader: for how long each other replica has acknowledged nothing; a missing one never did.
    pub silent_for: BTreeMap<NodeId, Duration>,
    /// On the leader: since when no majority has confirmed it.
    pub unconfirmed_for: Option<Duration>,
    /// Why the replica does no more work, if so.
    pub failure: Option<String>,
}

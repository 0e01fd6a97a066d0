//! What comes out of a group, on every replica alike and in one order: its state to begin with, then entry after entry.

use bytes::Bytes;
use tokio::sync::{mpsc, oneshot};

/// Steps that may wait for the user of a group. Behind them the group stops applying, and behind that, proposing: nothing is dropped.
pub(crate) const STEPS_MAX: usize = 1024;

/// A piece of a group's state: key and value, both opaque. Keys up to 1 KiB, values up to 16 MiB.
pub type Pair = (Bytes, Bytes);

/// What became of a key since the last checkpoint: its new value, or `None` when it is gone.
pub type Change = (Bytes, Option<Bytes>);

/// The pairs of a state that no longer changes, in any order.
pub type Frozen = Box<dyn Iterator<Item = Pair> + Send>;

/// One thing that the user of a group has to do, in order.
#[derive(Debug)]
pub enum Step {
    /// Forget what you have: this is the state now. Always the first step, and again whenever a snapshot from the leader takes the place of
    /// entries that it no longer has.
    State {
        /// The last entry that is folded into it; `None` when the group is new.
        index: Option<u64>,
        /// All of it.
        pairs: Vec<Pair>,
    },
    /// Fold this entry in. The index is one more than that of the step before.
    Entry {
        /// Its place in the log.
        index: u64,
        /// What was proposed; `None` for an entry of Raft's own, which has an index and nothing else.
        proposal: Option<Bytes>,
    },
    /// Say what changed since the last such step or the last `State`. It goes to disk as a checkpoint.
    Changes(Answer<Vec<Change>>),
    /// Give the whole state as it is now, for a replica that is too far behind. Must be cheap to make: what is slow belongs into the iterator, which
    /// runs on another thread.
    Freeze(Answer<Frozen>),
}

/// Where an answer goes. Dropping it ends the group on this node.
pub struct Answer<T>(oneshot::Sender<T>);

impl<T> Answer<T> {
    pub(crate) fn new() -> (Self, oneshot::Receiver<T>) {
        let (sender, receiver) = oneshot::channel();
        (Self(sender), receiver)
    }

    /// Gives it.
    pub fn give(self, answer: T) {
        // Nobody waits any more when the group is being stopped.
        let _ = self.0.send(answer);
    }
}

impl<T> std::fmt::Debug for Answer<T> {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("Answer")
    }
}

/// The stream of a group's steps on this node. Dropping it ends the group on this node.
#[derive(Debug)]
pub struct Applied(mpsc::Receiver<Step>);

impl Applied {
    pub(crate) fn new() -> (mpsc::Sender<Step>, Self) {
        let (sender, receiver) = mpsc::channel(STEPS_MAX);
        (sender, Self(receiver))
    }

    /// The next step; `None` when the group was stopped.
    pub async fn next(&mut self) -> Option<Step> {
        self.0.recv().await
    }

    /// The next step if there is one already.
    pub fn try_next(&mut self) -> Option<Step> {
        self.0.try_recv().ok()
    }
}

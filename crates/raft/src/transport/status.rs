//! How a peer is reached, for people and metrics.

use crate::NodeId;

/// A peer, as this node sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PeerStatus {
    /// Which one.
    pub node: NodeId,
    /// Where it is looked for, `host:port`.
    pub address: String,
    /// Whether it is reached.
    pub state: PeerState,
    /// Its latest start that was let in. None: it was not met since this node started.
    pub incarnation: Option<u64>,
}

/// Whether a peer is reached, by the connection that this node makes to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PeerState {
    /// It is.
    Connected,
    /// A connection is being made, for the first time or because one has just broken.
    Connecting,
    /// One of the two does not want to talk to the other; the sentence says which, why, and what to do.
    Refused(String),
    /// Not at present, for this reason. It may live.
    Unreachable(String),
    /// Its process is gone for certain.
    Dead,
}

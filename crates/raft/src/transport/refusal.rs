//! Why a node does not talk to another: a sentence for the logs of both.

use crate::NodeId;

/// What is wrong with who greets. Each text names the node, says what is wrong, and what a person can do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Refusal {
    #[error("a greeting that cannot be read: {0}. Whoever speaks there is no node, or one of a version that does not fit.")]
    Malformed(String),
    #[error(
        "node {node} speaks version {theirs} of the protocol between nodes, and this one speaks {ours}: run versions of the program that fit on both"
    )]
    Protocol { node: NodeId, theirs: u32, ours: u32 },
    #[error(
        "node {node} belongs to cluster {theirs:?}, and this is a node of {ours:?}: correct the address or the cluster's name in the settings"
    )]
    Cluster { node: NodeId, theirs: String, ours: String },
    #[error("node {node} looks for node {to}, but node {us} is here: correct the address of node {to}")]
    NotUs { node: NodeId, to: NodeId, us: NodeId },
    #[error("node {node} answers where node {dialled} should be: correct the address of node {dialled}")]
    OtherNode { node: NodeId, dialled: NodeId },
    #[error("who claims to be node {node} shows a certificate that does not say {name}: give it the certificate of that node")]
    Certificate { node: NodeId, name: String },
    #[error("node {0} is not known here so far: if it was invited, it is let in as soon as this node hears of it")]
    NotAMember(NodeId),
    #[error(
        "node {0} was removed from this cluster, or its invitation has run out: it may be switched off, and its directory deleted. It comes back under a new id."
    )]
    Removed(NodeId),
    #[error(
        "node {node} came back with an empty or different data directory (storage {theirs} instead of {ours}); its vote is lost with it. Start it as a new node \
         under a new id; if it has just joined, its token was used for another directory before."
    )]
    Storage { node: NodeId, theirs: String, ours: String },
    #[error(
        "node {node} came back with an old copy of its data directory (start number {theirs}, but {ours} was seen already); what it voted for since is lost. Start \
         it as a new node under a new id."
    )]
    Incarnation { node: NodeId, theirs: u64, ours: u64 },
    #[error(
        "node {node} runs from a copy of its data directory (two lives with start number {incarnation} were seen). Keep the one that is right, and start the \
         other as a new node under a new id."
    )]
    Life { node: NodeId, incarnation: u64 },
    #[error(
        "node {node} came back with less in its log than it had (frame {theirs} is the last on its disk, but {ours} was acknowledged): an old copy was restored, \
         or the disk forgot. Start it as a new node under a new id."
    )]
    Synced { node: NodeId, theirs: u64, ours: u64 },
    #[error("node {0} is stopping")]
    Stopping(NodeId),
}

impl Refusal {
    /// Whether the refused one is never let in again as it is: it lost something that it needs to be itself, or its membership.
    pub fn unfit(&self) -> bool {
        matches!(
            self,
            Self::Removed(_) | Self::Storage { .. } | Self::Incarnation { .. } | Self::Life { .. } | Self::Synced { .. }
        )
    }
}

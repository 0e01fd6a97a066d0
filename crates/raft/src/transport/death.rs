//! A death that is proven.

use crate::NodeId;

/// The process of a peer is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Death {
    pub node: NodeId,
    /// Which start of it.
    pub incarnation: u64,
}

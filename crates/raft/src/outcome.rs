//! What became of what was asked of a group.

use crate::NodeId;

/// Why something is not known to be committed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotCommitted {
    /// It is not in the log and will not be. Ask again elsewhere, or otherwise.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// It may be in the log, now or later. Only what is applied in the end can tell.
    #[error("unknown: {0}")]
    Unknown(String),
}

/// Why a group did not take something.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// This node does not lead the group, or not in the time that was named.
    #[error("{}", match .leader { Some(node) => format!("leader {node}"), None => "no leader is known".to_owned() })]
    NotLeader {
        /// Who does, by what was heard last.
        leader: Option<NodeId>,
    },
    /// No majority answers at the moment.
    #[error("no majority of the group answers: try again, or look at the other nodes")]
    NoMajority,
    /// A proposal may not be this long.
    #[error("{bytes} bytes are too many: a proposal may have {max}")]
    TooLong {
        /// Its length.
        bytes: usize,
        /// The most there may be.
        max: usize,
    },
    /// The membership does not allow it; the text says why.
    #[error("{0}")]
    Membership(String),
    /// The group has been stopped on this node, or has failed; the text says why.
    #[error("the group does not run here: {0}")]
    Stopped(String),
}

impl From<Refusal> for NotCommitted {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(refusal)
    }
}

//! Who leads a group, as far as this node may say so.

use std::fmt;

use crate::NodeId;

/// One leader's time in office. Whoever proposes says in whose: a proposal that was meant for another one is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Leadership {
    pub(crate) term: u64,
    pub(crate) node: NodeId,
}

impl Leadership {
    /// Raft's term. Grows with every leader, but two leaders in succession can share one.
    pub fn term(&self) -> u64 {
        self.term
    }

    /// The leader.
    pub fn node(&self) -> NodeId {
        self.node
    }
}

impl fmt::Display for Leadership {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.term, self.node)
    }
}

impl std::str::FromStr for Leadership {
    type Err = NotALeadership;

    /// What [`fmt::Display`] writes.
    fn from_str(text: &str) -> Result<Self, NotALeadership> {
        let (term, node) = text.split_once('.').ok_or(NotALeadership)?;
        let node = NodeId(node.parse().map_err(|_| NotALeadership)?);
        Ok(Self { term: term.parse().map_err(|_| NotALeadership)?, node })
    }
}

/// The text is not a leadership's: expected two numbers with a full stop between.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected TERM.NODE")]
pub struct NotALeadership;

/// Who leads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leader {
    /// This node: a majority has confirmed it so recently that no other can have been elected.
    Us(Leadership),
    /// That node, by what was heard last. It may have been replaced already.
    Other(NodeId),
    /// Nobody that is known of, or this node but without a fresh confirmation.
    Nobody,
}

//! Which of a node's groups.

use std::fmt;

/// The number of a Raft group, the same on all its replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GroupId(pub u32);

impl GroupId {
    /// Numbers from here on are for the node's own records and cannot be groups.
    pub(crate) const RESERVED: u32 = u32::MAX - 15;
}

impl fmt::Display for GroupId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(formatter)
    }
}

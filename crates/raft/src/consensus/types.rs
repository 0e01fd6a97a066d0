//! What openraft is made of here: which types it uses, under short names.

use std::fmt;

use bytes::Bytes;
use openraft::alias;

use super::machine::Machine;

openraft::declare_raft_types!(
    /// Terms and nodes are numbers, proposals are bytes, and an answer says nothing but that it was applied.
    pub(crate) Types:
        D = Proposal,
        R = (),
        Node = openraft::EmptyNode,
);

/// What a user proposes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Proposal(pub Bytes);

impl fmt::Display for Proposal {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.0.len())
    }
}

pub(crate) type Raft = openraft::Raft<Types, Machine>;
pub(crate) type Entry = alias::EntryOf<Types>;
pub(crate) type LogId = alias::LogIdOf<Types>;
pub(crate) type LeaderId = alias::LeaderIdOf<Types>;
pub(crate) type Vote = alias::VoteOf<Types>;
pub(crate) type Membership = openraft::Membership<u64, openraft::EmptyNode>;
pub(crate) type StoredMembership = alias::StoredMembershipOf<Types>;
pub(crate) type SnapshotMeta = alias::SnapshotMetaOf<Types>;
pub(crate) type Payload = openraft::EntryPayload<Proposal, u64, openraft::EmptyNode>;

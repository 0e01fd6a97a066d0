//! Our records into openraft's types and back. The only file that knows both.

use std::collections::{BTreeMap, BTreeSet};
use std::io;

use bytes::Bytes;
use openraft::EmptyNode;
use openraft::raft::{AppendEntriesRequest, AppendEntriesResponse, TransferLeaderRequest, VoteRequest, VoteResponse};
use prost::Message as _;

use super::types::{Entry, LeaderId, LogId, Membership, Payload, Proposal, SnapshotMeta, StoredMembership, Types, Vote};
use crate::wire;

/// A record that is not what it should be: from a peer that speaks otherwise, or from a disk.
#[derive(Debug, thiserror::Error)]
#[error("{record}: {reason}")]
pub(crate) struct Malformed {
    record: &'static str,
    reason: String,
}

impl Malformed {
    fn new(record: &'static str, reason: impl ToString) -> Self {
        Self { record, reason: reason.to_string() }
    }
}

impl From<Malformed> for io::Error {
    fn from(malformed: Malformed) -> Self {
        io::Error::new(io::ErrorKind::InvalidData, malformed)
    }
}

// ---- positions ----

pub(crate) fn write_log_id(id: &LogId) -> wire::LogId {
    wire::LogId { term: id.leader_id.term, node: id.leader_id.node_id, index: id.index }
}

pub(crate) fn read_log_id(id: &wire::LogId) -> LogId {
    LogId::new(LeaderId { term: id.term, node_id: id.node }, id.index)
}

pub(crate) fn write_vote(vote: &Vote) -> wire::Vote {
    wire::Vote { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
}

pub(crate) fn read_vote(vote: Option<&wire::Vote>) -> Result<Vote, Malformed> {
    let vote = vote.ok_or_else(|| Malformed::new("vote", "is missing"))?;
    Ok(if vote.committed { Vote::new_committed(vote.term, vote.node) } else { Vote::new(vote.term, vote.node) })
}

// ---- memberships ----

fn write_membership(membership: &Membership) -> wire::Membership {
    wire::Membership {
        voters: membership.get_joint_config().iter().map(|set| wire::NodeSet { nodes: set.iter().copied().collect() }).collect(),
        nodes: membership.nodes().map(|(node, _)| *node).collect(),
    }
}

fn read_membership(membership: &wire::Membership) -> Result<Membership, Malformed> {
    let voters: Vec<BTreeSet<u64>> = membership.voters.iter().map(|set| set.nodes.iter().copied().collect()).collect();
    let nodes: BTreeMap<u64, EmptyNode> = membership.nodes.iter().map(|node| (*node, EmptyNode::new())).collect();
    if voters.is_empty() && nodes.is_empty() {
        return Ok(Membership::default());
    }
    Membership::new(voters, nodes).map_err(|error| Malformed::new("membership", error))
}

pub(crate) fn write_stored_membership(stored: &StoredMembership) -> wire::StoredMembership {
    wire::StoredMembership {
        id: stored.log_id().as_ref().map(write_log_id),
        membership: Some(write_membership(stored.membership())),
    }
}

fn read_stored_membership(stored: Option<&wire::StoredMembership>) -> Result<StoredMembership, Malformed> {
    let Some(stored) = stored else { return Ok(StoredMembership::default()) };
    let membership = stored.membership.as_ref().map(read_membership).transpose()?.unwrap_or_default();
    Ok(StoredMembership::new(stored.id.as_ref().map(read_log_id), membership))
}

// ---- the log ----

/// One entry as it stands in the log.
pub(crate) fn encode_entry(entry: &Entry) -> Bytes {
    write_entry(entry).encode_to_vec().into()
}

pub(crate) fn decode_entry(bytes: Bytes) -> Result<Entry, Malformed> {
    read_entry(wire::Entry::decode(bytes).map_err(|error| Malformed::new("entry", error))?)
}

fn write_entry(entry: &Entry) -> wire::Entry {
    let payload = match &entry.payload {
        Payload::Blank => None,
        Payload::Normal(proposal) => Some(wire::entry::Payload::Proposal(proposal.0.clone())),
        Payload::Membership(membership) => Some(wire::entry::Payload::Membership(write_membership(membership))),
    };
    wire::Entry { id: Some(write_log_id(&entry.log_id)), payload }
}

fn read_entry(entry: wire::Entry) -> Result<Entry, Malformed> {
    let id = entry.id.as_ref().ok_or_else(|| Malformed::new("entry", "has no position"))?;
    let payload = match entry.payload {
        None => Payload::Blank,
        Some(wire::entry::Payload::Proposal(bytes)) => Payload::Normal(Proposal(bytes)),
        Some(wire::entry::Payload::Membership(membership)) => Payload::Membership(read_membership(&membership)?),
    };
    Ok(Entry { log_id: read_log_id(id), payload })
}

/// A position as the note that a purge leaves.
pub(crate) fn encode_log_id(id: &LogId) -> Bytes {
    write_log_id(id).encode_to_vec().into()
}

pub(crate) fn decode_log_id(bytes: Bytes) -> Result<LogId, Malformed> {
    Ok(read_log_id(&wire::LogId::decode(bytes).map_err(|error| Malformed::new("position", error))?))
}

pub(crate) fn encode_vote(vote: &Vote) -> Bytes {
    write_vote(vote).encode_to_vec().into()
}

pub(crate) fn decode_vote(bytes: Bytes) -> Result<Vote, Malformed> {
    read_vote(Some(&wire::Vote::decode(bytes).map_err(|error| Malformed::new("vote", error))?))
}

/// What a checkpoint or a snapshot stands for, as its note.
pub(crate) fn encode_applied(meta: &SnapshotMeta) -> Bytes {
    let id = meta.last_log_id.as_ref().map(write_log_id);
    wire::Applied { id, membership: Some(write_stored_membership(&meta.last_membership)) }.encode_to_vec().into()
}

pub(crate) fn decode_applied(bytes: Bytes) -> Result<SnapshotMeta, Malformed> {
    let applied = wire::Applied::decode(bytes).map_err(|error| Malformed::new("applied position", error))?;
    Ok(SnapshotMeta {
        last_log_id: applied.id.as_ref().map(read_log_id),
        last_membership: read_stored_membership(applied.membership.as_ref())?,
    })
}

/// The note of a state that begins behind a purge, in a group whose only voter is `node`.
pub(crate) fn alone_at(purged: Bytes, node: crate::NodeId) -> Result<Bytes, Malformed> {
    let id = decode_log_id(purged)?;
    let membership = Membership::new_with_defaults(vec![BTreeSet::from([node.0])], []);
    let last_membership = StoredMembership::new(Some(id), membership);
    Ok(encode_applied(&SnapshotMeta { last_log_id: Some(id), last_membership }))
}

// ---- calls ----

pub(crate) fn write_append(group: u32, request: &AppendEntriesRequest<Types>) -> wire::AppendRequest {
    wire::AppendRequest {
        group,
        vote: Some(write_vote(&request.vote)),
        previous: request.prev_log_id.as_ref().map(write_log_id),
        entries: request.entries.iter().map(write_entry).collect(),
        committed: request.leader_commit.as_ref().map(write_log_id),
    }
}

pub(crate) fn read_append(request: wire::AppendRequest) -> Result<AppendEntriesRequest<Types>, Malformed> {
    Ok(AppendEntriesRequest {
        vote: read_vote(request.vote.as_ref())?,
        prev_log_id: request.previous.as_ref().map(read_log_id),
        entries: request.entries.into_iter().map(read_entry).collect::<Result<_, _>>()?,
        leader_commit: request.committed.as_ref().map(read_log_id),
    })
}

/// The outcome of an append. A partial success that got nowhere is a conflict with nothing said, so it is sent as one.
pub(crate) fn write_append_reply(response: &AppendEntriesResponse<Types>) -> wire::append_reply::Outcome {
    use wire::append_reply::Outcome;
    match response {
        AppendEntriesResponse::Success => Outcome::Done(wire::Done {}),
        AppendEntriesResponse::PartialSuccess(Some(id)) => Outcome::Partial(write_log_id(id)),
        AppendEntriesResponse::PartialSuccess(None) | AppendEntriesResponse::Conflict => Outcome::Conflict(wire::Done {}),
        AppendEntriesResponse::HigherVote(vote) => Outcome::Higher(write_vote(vote)),
    }
}

pub(crate) fn write_vote_request(group: u32, request: &VoteRequest<Types>) -> wire::VoteRequest {
    wire::VoteRequest {
        group,
        vote: Some(write_vote(&request.vote)),
        last: request.last_log_id.as_ref().map(write_log_id),
        transfer: request.leadership_transfer,
    }
}

pub(crate) fn read_vote_request(request: &wire::VoteRequest) -> Result<VoteRequest<Types>, Malformed> {
    let mut read = VoteRequest::new(read_vote(request.vote.as_ref())?, request.last.as_ref().map(read_log_id));
    read.leadership_transfer = request.transfer;
    Ok(read)
}

pub(crate) fn write_vote_reply(response: &VoteResponse<Types>, synced: u64) -> wire::VoteReply {
    wire::VoteReply {
        vote: Some(write_vote(&response.vote)),
        granted: response.vote_granted,
        last: response.last_log_id.as_ref().map(write_log_id),
        synced,
        ..Default::default()
    }
}

pub(crate) fn read_vote_reply(reply: &wire::VoteReply) -> Result<VoteResponse<Types>, Malformed> {
    Ok(VoteResponse::new(read_vote(reply.vote.as_ref())?, reply.last.as_ref().map(read_log_id), reply.granted))
}

pub(crate) fn write_transfer(group: u32, request: &TransferLeaderRequest<Types>) -> wire::TransferRequest {
    wire::TransferRequest {
        group,
        from: Some(write_vote(request.from_leader())),
        to: *request.to_node_id(),
        last: request.last_log_id().map(write_log_id),
    }
}

pub(crate) fn read_transfer(request: &wire::TransferRequest) -> Result<TransferLeaderRequest<Types>, Malformed> {
    Ok(TransferLeaderRequest::new(read_vote(request.from.as_ref())?, request.to, request.last.as_ref().map(read_log_id)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)] // a test that cannot go on has failed

    use proptest::prelude::*;

    use super::*;

    fn log_ids() -> impl Strategy<Value = LogId> {
        (any::<u64>(), any::<u64>(), any::<u64>())
            .prop_map(|(term, node_id, index)| LogId::new(LeaderId { term, node_id }, index))
    }

    fn memberships() -> impl Strategy<Value = Membership> {
        let sets = prop::collection::vec(prop::collection::btree_set(1..9_u64, 1..5), 1..3);
        (sets, prop::collection::btree_set(1..20_u64, 0..4))
            .prop_map(|(sets, learners)| Membership::new_with_defaults(sets, learners))
    }

    fn entries() -> impl Strategy<Value = Entry> {
        let payload = prop_oneof![
            Just(Payload::Blank),
            prop::collection::vec(any::<u8>(), 0..50).prop_map(|bytes| Payload::Normal(Proposal(bytes.into()))),
            memberships().prop_map(Payload::Membership),
        ];
        (log_ids(), payload).prop_map(|(log_id, payload)| Entry { log_id, payload })
    }

    proptest! {
        #[test]
        fn entries_come_back_as_they_were(entry in entries()) {
            prop_assert_eq!(decode_entry(encode_entry(&entry)).unwrap(), entry);
        }

        #[test]
        fn what_a_snapshot_stands_for_comes_back(last in prop::option::of(log_ids()), id in log_ids(), membership in memberships()) {
            let meta = SnapshotMeta { last_log_id: last, last_membership: StoredMembership::new(Some(id), membership) };
            prop_assert_eq!(decode_applied(encode_applied(&meta)).unwrap(), meta);
        }

        #[test]
        fn votes_come_back(term in any::<u64>(), node in any::<u64>(), committed in any::<bool>()) {
            let vote = if committed { Vote::new_committed(term, node) } else { Vote::new(term, node) };
            prop_assert_eq!(decode_vote(encode_vote(&vote)).unwrap(), vote);
        }

        #[test]
        fn an_append_comes_back(
            entries in prop::collection::vec(entries(), 0..4), previous in prop::option::of(log_ids()), committed in prop::option::of(log_ids()),
        ) {
            let request = AppendEntriesRequest { vote: Vote::new_committed(3, 1), prev_log_id: previous, entries, leader_commit: committed };
            let read = read_append(write_append(7, &request)).unwrap();
            prop_assert_eq!(read.vote, request.vote);
            prop_assert_eq!((read.prev_log_id, read.entries, read.leader_commit), (previous, request.entries, committed));
        }

        #[test]
        fn bytes_from_anywhere_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            let bytes = Bytes::from(bytes);
            let _ = (decode_entry(bytes.clone()), decode_applied(bytes.clone()), decode_vote(bytes));
        }
    }

    #[test]
    fn an_entry_without_a_position_and_a_membership_without_its_voters_are_refused() {
        assert!(decode_entry(Bytes::new()).is_err());
        let voters = vec![wire::NodeSet { nodes: vec![1, 2] }];
        let membership = wire::entry::Payload::Membership(wire::Membership { voters, nodes: vec![1] });
        let entry = wire::Entry { id: Some(wire::LogId::default()), payload: Some(membership) };
        assert!(read_entry(entry).is_err());
    }
}

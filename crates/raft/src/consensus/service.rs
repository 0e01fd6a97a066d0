//! The server side of Raft's calls: finds the group, and lets it answer.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, PoisonError, RwLock};

use tonic::{Request, Response, Status};

use super::codec;
use super::failover;
use super::network::CHUNK_BYTES;
use super::replica::Replica;
use super::snapshot::Snapshot;
use super::types::{SnapshotMeta, Types, Vote};
use crate::GroupId;
use crate::log::Log;
use crate::recovery::NOT_HERE;
use crate::state::{Incoming, SnapshotFile};
use crate::transport::Caller;
use crate::wire;

type SnapshotOf = openraft::alias::SnapshotOf<Types, Snapshot>;

/// The replicas that run on this node.
#[derive(Clone, Default)]
pub(crate) struct Replicas(Arc<RwLock<BTreeMap<GroupId, Arc<Replica>>>>);

impl Replicas {
    pub fn get(&self, group: GroupId) -> Option<Arc<Replica>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).get(&group).cloned()
    }

    pub fn all(&self) -> Vec<Arc<Replica>> {
        self.0.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    pub fn insert(&self, replica: Arc<Replica>) {
        self.0.write().unwrap_or_else(PoisonError::into_inner).insert(replica.group, replica);
    }

    pub fn remove(&self, group: GroupId) -> Option<Arc<Replica>> {
        self.0.write().unwrap_or_else(PoisonError::into_inner).remove(&group)
    }
}

/// Answers the peers.
#[derive(Clone)]
pub(crate) struct Service {
    pub replicas: Replicas,
    pub log: Log,
    /// Where snapshots that come are put together.
    pub dir: PathBuf,
}

fn caller<T>(request: &Request<T>) -> Result<Caller, Status> {
    // The listener puts it there for every connection; without it somebody else answered the door.
    request.extensions().get::<Caller>().cloned().ok_or_else(|| Status::unauthenticated("the connection has no peer's name"))
}

fn malformed(error: codec::Malformed) -> Status {
    Status::invalid_argument(error.to_string())
}

/// A vote or an entry under another name than the caller's own: no node of ours does that.
fn claims(vote: Option<&wire::Vote>, caller: &Caller) -> Result<(), Status> {
    match vote {
        Some(vote) if vote.node != caller.node.0 => {
            Err(Status::permission_denied(format!("node {} may not speak for node {}", caller.node, vote.node)))
        }
        _ => Ok(()),
    }
}

#[tonic::async_trait]
impl wire::raft_server::Raft for Service {
    async fn append(&self, request: Request<wire::AppendRequest>) -> Result<Response<wire::AppendReply>, Status> {
        use wire::append_reply::Outcome;
        let caller = caller(&request)?;
        let request = request.into_inner();
        claims(request.vote.as_ref(), &caller)?;
        let outcome = match self.replicas.get(GroupId(request.group)) {
            None => Outcome::UnknownGroup(wire::Done {}),
            Some(replica) => match replica.raft.append_entries(codec::read_append(request).map_err(malformed)?).await {
                Ok(response) => codec::write_append_reply(&response),
                Err(error) => Outcome::Failed(error.to_string()),
            },
        };
        Ok(Response::new(wire::AppendReply { outcome: Some(outcome), synced: self.log.synced() }))
    }

    async fn vote(&self, request: Request<wire::VoteRequest>) -> Result<Response<wire::VoteReply>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        claims(request.vote.as_ref(), &caller)?;
        let Some(replica) = self.replicas.get(GroupId(request.group)) else {
            return Ok(Response::new(wire::VoteReply { unknown_group: true, ..Default::default() }));
        };
        let mut vote = codec::read_vote_request(&request).map_err(malformed)?;
        // Whether the leader may be voted down although it was heard a moment ago is for the voter to know. A candidate's word that the leader
        // is dead is no proof; that the leader itself asked for the election is.
        vote.leadership_transfer = vote.leadership_transfer || failover::leader_is_dead(&replica, caller.node).await;
        if replica.forgot_more_than(vote.last_log_id) || !vote.leadership_transfer && replica.may_have_promised() {
            return Ok(Response::new(self.not_granted(&replica)));
        }
        let reply = match replica.raft.vote(vote).await {
            Ok(response) => codec::write_vote_reply(&response, self.log.synced()),
            Err(error) => wire::VoteReply { failed: error.to_string(), ..Default::default() },
        };
        Ok(Response::new(reply))
    }

    async fn pre_vote(&self, request: Request<wire::VoteRequest>) -> Result<Response<wire::VoteReply>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        claims(request.vote.as_ref(), &caller)?;
        let Some(replica) = self.replicas.get(GroupId(request.group)) else {
            return Ok(Response::new(wire::VoteReply { unknown_group: true, ..Default::default() }));
        };
        let vote = codec::read_vote_request(&request).map_err(malformed)?;
        if replica.forgot_more_than(vote.last_log_id) || replica.may_have_promised() {
            return Ok(Response::new(self.not_granted(&replica)));
        }
        let reply = match replica.raft.pre_vote(vote).await {
            Ok(response) => codec::write_vote_reply(&response, self.log.synced()),
            Err(error) => wire::VoteReply { failed: error.to_string(), ..Default::default() },
        };
        Ok(Response::new(reply))
    }

    async fn transfer(&self, request: Request<wire::TransferRequest>) -> Result<Response<wire::TransferReply>, Status> {
        let caller = caller(&request)?;
        let request = request.into_inner();
        claims(request.from.as_ref(), &caller)?;
        let refusal = match self.replicas.get(GroupId(request.group)) {
            None => "this node does not run the group".to_owned(),
            Some(replica) => {
                match replica.raft.handle_transfer_leader(codec::read_transfer(&request).map_err(malformed)?).await {
                    Ok(Ok(())) => String::new(),
                    Ok(Err(error)) => error.to_string(),
                    Err(error) => error.to_string(),
                }
            }
        };
        Ok(Response::new(wire::TransferReply { refusal }))
    }

    async fn send_snapshot(&self, request: Request<wire::SnapshotChunk>) -> Result<Response<wire::SnapshotReply>, Status> {
        let caller = caller(&request)?;
        let chunk = request.into_inner();
        claims(chunk.vote.as_ref(), &caller)?;
        let Some(replica) = self.replicas.get(GroupId(chunk.group)) else {
            return Ok(Response::new(wire::SnapshotReply { unknown_group: true, ..Default::default() }));
        };
        let vote = codec::read_vote(chunk.vote.as_ref()).map_err(malformed)?;
        let reply = self.take(&replica, vote, chunk).await;
        Ok(Response::new(reply.unwrap_or_else(|failed| wire::SnapshotReply { failed, ..Default::default() })))
    }

    async fn fetch_snapshot(&self, request: Request<wire::FetchRequest>) -> Result<Response<wire::FetchReply>, Status> {
        caller(&request)?;
        let request = request.into_inner();
        let reply = match self.replicas.get(GroupId(request.group)) {
            None => Err(NOT_HERE.to_owned()),
            Some(replica) => give(&replica, &request).await,
        };
        Ok(Response::new(reply.unwrap_or_else(|failed| wire::FetchReply { failed, ..Default::default() })))
    }
}

impl Service {
    /// Neither for nor against: the voter says where it stands, and the candidate asks again.
    fn not_granted(&self, replica: &Replica) -> wire::VoteReply {
        let last = replica.last().max(replica.forgotten_last).as_ref().map(codec::write_log_id);
        wire::VoteReply { vote: Some(codec::write_vote(&replica.vote())), last, synced: self.log.synced(), ..Default::default() }
    }

    /// One piece of a snapshot that a leader sends; the last one installs it.
    async fn take(&self, replica: &Replica, vote: Vote, chunk: wire::SnapshotChunk) -> Result<wire::SnapshotReply, String> {
        let ours = replica.vote();
        if ours > vote {
            return Ok(wire::SnapshotReply { higher: Some(codec::write_vote(&ours)), ..Default::default() });
        }
        let mut slot = replica.incoming.lock().await;
        if slot.as_ref().is_none_or(|(name, _)| *name != chunk.name) {
            *slot = None;
            let (dir, group) = (self.dir.clone(), chunk.group);
            let (name, size) = (chunk.name.clone(), chunk.size);
            let begun = blocking(move || Incoming::begin(&dir, group, &name, size)).await?;
            *slot = Some((chunk.name.clone(), begun));
        }
        let Some((name, mut incoming)) = slot.take() else { return Err("the transfer has gone".to_owned()) };
        let (incoming, received) = blocking(move || {
            let received = incoming.write(chunk.offset, &chunk.bytes)?;
            Ok::<_, crate::state::StateError>((incoming, received))
        })
        .await?;
        if received < chunk.size {
            *slot = Some((name, incoming));
            return Ok(wire::SnapshotReply { received, ..Default::default() });
        }
        let file = blocking(move || incoming.finish()).await?;
        let now = install(replica, vote, file).await?;
        if now > vote {
            return Ok(wire::SnapshotReply { higher: Some(codec::write_vote(&now)), ..Default::default() });
        }
        Ok(wire::SnapshotReply { received, installed: true, ..Default::default() })
    }
}

async fn install(replica: &Replica, vote: Vote, file: SnapshotFile) -> Result<Vote, String> {
    let meta: SnapshotMeta = codec::decode_applied(file.note.clone()).map_err(|error| error.to_string())?;
    let snapshot = SnapshotOf { meta, snapshot: Snapshot::Received(file) };
    replica.raft.install_full_snapshot(vote, snapshot).await.map(|response| response.vote).map_err(|fatal| fatal.to_string())
}

/// One piece of a snapshot for a replica that has lost its state.
async fn give(replica: &Replica, request: &wire::FetchRequest) -> Result<wire::FetchReply, String> {
    if request.name.is_empty() && replica.outgoing.at_least(Some(request.at_least)).is_none() {
        replica.outgoing.clear();
    }
    let snapshot = replica.raft.get_snapshot().await.map_err(|error| error.to_string())?;
    let Some(Snapshot::Outgoing(outgoing)) = snapshot.map(|snapshot| snapshot.snapshot) else {
        return Err("there is no state here yet".to_owned());
    };
    let file = outgoing.file().await.ok_or("the group was stopped")?;
    if !request.name.is_empty() && request.name != file.name() {
        return Err("that snapshot has gone; begin again".to_owned());
    }
    let (name, size, offset) = (file.name().to_owned(), file.size, request.offset);
    let bytes = tokio::task::spawn_blocking(move || file.chunk(offset, CHUNK_BYTES));
    let bytes = bytes.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    Ok(wire::FetchReply { name, size, bytes, failed: String::new() })
}

async fn blocking<T, E>(work: impl FnOnce() -> Result<T, E> + Send + 'static) -> Result<T, String>
where
    T: Send + 'static,
    E: std::fmt::Display + Send + 'static,
{
    tokio::task::spawn_blocking(work).await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())
}

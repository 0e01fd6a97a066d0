//! The client side of Raft's calls: one link for each group and peer, all over the peer's one connection.

use std::sync::Arc;
use std::time::Duration;

use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Timeout, Unreachable};
use openraft::network::{RPCOption, RPCTypes, RaftNetworkFactory, RaftNetworkV2};
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, TransferLeaderRequest, TransferLeaderResponse, VoteRequest,
    VoteResponse,
};
use tonic::{Code, Request, Response, Status};

use super::codec;
use super::snapshot::Snapshot;
use super::types::{Types, Vote};
use crate::NodeId;
use crate::state::SnapshotFile;
use crate::transport::{Channel, Transport};
use crate::wire;
use crate::wire::raft_client::RaftClient;

type SnapshotOf = openraft::alias::SnapshotOf<Types, Snapshot>;

/// One piece of a snapshot: well below the limit of a call.
pub(crate) const CHUNK_BYTES: usize = 1024 * 1024;

/// A piece of a snapshot has to be taken, and the last one to be installed, within this time; then it is sent again.
const CHUNK_TIME_MAX: Duration = Duration::from_secs(60);

/// Makes the links of one group.
#[derive(Clone)]
pub(crate) struct Network {
    pub transport: Arc<Transport>,
    pub node: NodeId,
    pub group: u32,
}

impl RaftNetworkFactory<Types> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, _node: &openraft::EmptyNode) -> Link {
        Link { network: self.clone(), target: NodeId(target) }
    }
}

/// One group's calls to one peer.
pub(crate) struct Link {
    network: Network,
    target: NodeId,
}

impl Link {
    fn client(&self) -> Result<RaftClient<Channel>, Unreachable<Types>> {
        let unknown = || Unreachable::from_string(format!("node {} is not among the peers of this node", self.target));
        self.network.transport.client(self.target).ok_or_else(unknown)
    }

    /// One call with its deadline. The deadline is also said to the peer, so that it does not work for nobody.
    async fn call<T, C>(
        &self,
        action: RPCTypes,
        limit: Duration,
        call: impl FnOnce(RaftClient<Channel>) -> C,
    ) -> Result<T, RPCError<Types>>
    where
        C: Future<Output = Result<Response<T>, Status>>,
    {
        let timeout = || Timeout { action, id: self.network.node.0, target: self.target.0, timeout: limit };
        match tokio::time::timeout(limit, call(self.client()?)).await {
            Err(_) => Err(timeout().into()),
            Ok(Err(status)) if status.code() == Code::DeadlineExceeded => Err(timeout().into()),
            Ok(Err(status)) => Err(Unreachable::from_string(format!("node {}: {status}", self.target)).into()),
            Ok(Ok(response)) => Ok(response.into_inner()),
        }
    }

    fn observe(&self, synced: u64) {
        self.network.transport.observe(self.target, synced);
    }

    fn unreachable(&self, why: &str) -> Unreachable<Types> {
        Unreachable::from_string(format!("node {}, group {}: {why}", self.target, self.network.group))
    }

    async fn vote_call(
        &self,
        pre_vote: bool,
        rpc: &VoteRequest<Types>,
        option: &RPCOption,
    ) -> Result<VoteResponse<Types>, RPCError<Types>> {
        let limit = option.hard_ttl();
        let request = limited(codec::write_vote_request(self.network.group, rpc), limit);
        let reply = self
            .call(RPCTypes::Vote, limit, |mut client| async move {
                if pre_vote { client.pre_vote(request).await } else { client.vote(request).await }
            })
            .await?;
        if reply.unknown_group || !reply.failed.is_empty() {
            let why = if reply.unknown_group { "it does not run this group" } else { &reply.failed };
            return Err(self.unreachable(why).into());
        }
        self.observe(reply.synced);
        codec::read_vote_reply(&reply).map_err(|malformed| self.unreachable(&malformed.to_string()).into())
    }

    /// Sends the file from where the peer has it, piece by piece.
    async fn send(&self, vote: &Vote, file: &SnapshotFile) -> Result<Vote, RPCError<Types>> {
        let mut offset = 0;
        // The first question carries nothing: the peer may have a part already from a transfer that broke off.
        let mut bytes = bytes::Bytes::new();
        loop {
            let chunk = wire::SnapshotChunk {
                group: self.network.group,
                vote: Some(codec::write_vote(vote)),
                name: file.name().to_owned(),
                size: file.size,
                offset,
                bytes,
            };
            let request = limited(chunk, CHUNK_TIME_MAX);
            let reply = self
                .call(RPCTypes::InstallSnapshot, CHUNK_TIME_MAX, |mut client| async move { client.send_snapshot(request).await })
                .await?;
            if reply.unknown_group {
                return Err(self.unreachable("it does not run this group").into());
            }
            if !reply.failed.is_empty() {
                return Err(self.unreachable(&reply.failed).into());
            }
            if let Some(higher) = &reply.higher {
                return codec::read_vote(Some(higher)).map_err(|malformed| self.unreachable(&malformed.to_string()).into());
            }
            if reply.installed {
                return Ok(*vote);
            }
            offset = reply.received;
            bytes = file
                .chunk(offset, CHUNK_BYTES)
                .map_err(|error| self.unreachable(&format!("the snapshot to be sent: {error}")))?;
        }
    }
}

fn limited<T>(message: T, limit: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}

impl RaftNetworkV2<Types> for Link {
    type SnapshotData = Snapshot;

    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<Types>, RPCError<Types>> {
        use wire::append_reply::Outcome;
        let limit = option.hard_ttl();
        let request = limited(codec::write_append(self.network.group, &rpc), limit);
        let reply = self.call(RPCTypes::AppendEntries, limit, |mut client| async move { client.append(request).await }).await?;
        self.observe(reply.synced);
        let malformed = |why: &dyn std::fmt::Display| RPCError::from(self.unreachable(&why.to_string()));
        match reply.outcome {
            Some(Outcome::Done(_)) => Ok(AppendEntriesResponse::Success),
            Some(Outcome::Partial(id)) => Ok(AppendEntriesResponse::PartialSuccess(Some(codec::read_log_id(&id)))),
            Some(Outcome::Conflict(_)) => Ok(AppendEntriesResponse::Conflict),
            Some(Outcome::Higher(vote)) => match codec::read_vote(Some(&vote)) {
                Ok(vote) => Ok(AppendEntriesResponse::HigherVote(vote)),
                Err(error) => Err(malformed(&error)),
            },
            Some(Outcome::UnknownGroup(_)) => Err(malformed(&"it does not run this group")),
            Some(Outcome::Failed(why)) => Err(malformed(&why)),
            None => Err(malformed(&"it answered an append with nothing")),
        }
    }

    async fn vote(&mut self, rpc: VoteRequest<Types>, option: RPCOption) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.vote_call(false, &rpc, &option).await
    }

    async fn pre_vote(&mut self, rpc: VoteRequest<Types>, option: RPCOption) -> Result<VoteResponse<Types>, RPCError<Types>> {
        self.vote_call(true, &rpc, &option).await
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: SnapshotOf,
        cancel: impl Future<Output = ReplicationClosed> + Send + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<Types>, StreamingError<Types>> {
        let sending = match &snapshot.snapshot {
            Snapshot::Outgoing(outgoing) => Some(outgoing.sending()),
            _ => None,
        };
        let file = match snapshot.snapshot {
            Snapshot::Outgoing(outgoing) => outgoing.file().await,
            Snapshot::Received(file) => Some(file),
            Snapshot::Checkpoint => None,
        };
        let file = file.ok_or_else(|| self.unreachable("there is no snapshot to send"))?;
        let sent = tokio::select! {
            closed = cancel => return Err(closed.into()),
            sent = self.send(&vote, &file) => sent,
        };
        drop(sending);
        match sent {
            Ok(vote) => Ok(SnapshotResponse { vote }),
            Err(RPCError::Timeout(timeout)) => Err(timeout.into()),
            Err(RPCError::Unreachable(unreachable)) => Err(unreachable.into()),
            Err(RPCError::Network(network)) => Err(network.into()),
            Err(RPCError::RemoteError(remote)) => Err(self.unreachable(&remote.to_string()).into()),
        }
    }

    async fn transfer_leader(
        &mut self,
        req: TransferLeaderRequest<Types>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<Types>, RPCError<Types>> {
        let limit = option.hard_ttl();
        let request = limited(codec::write_transfer(self.network.group, &req), limit);
        let reply =
            self.call(RPCTypes::TransferLeader, limit, |mut client| async move { client.transfer(request).await }).await?;
        if reply.refusal.is_empty() { Ok(Ok(())) } else { Err(self.unreachable(&reply.refusal).into()) }
    }
}

//! What other nodes ask of this one, over gRPC: see `proto/peers.proto`.

use std::sync::{Arc, OnceLock, Weak};

use conclave_cluster::Incarnation;
use conclave_cluster::meta::{MetaRequest, codec};
use conclave_raft::{Caller, Channel, GroupId, Leader, Node, NodeId};
use tonic::{Request, Response, Status};

use super::deciding::{Outcome, decide};
use super::{Inner, number_of};

/// The generated messages and calls.
#[allow(missing_docs, clippy::all)]
pub(super) mod wire {
    tonic::include_proto!("conclave.peers.v1");
}

use wire::ask_reply;
use wire::meta_client::MetaClient;
pub(super) use wire::meta_server::MetaServer;

/// To ask a peer; `None` if it is none.
pub(super) fn client(raft: &Node, node: NodeId) -> Option<MetaClient<Channel>> {
    Some(MetaClient::new(raft.channel(node)?))
}

/// Answers as soon as the node is there.
#[derive(Clone, Default)]
pub(super) struct Service(Arc<OnceLock<Weak<Inner>>>);

impl Service {
    /// From now on there is somebody to ask.
    pub fn open(&self, inner: &Arc<Inner>) {
        // Nobody else sets it.
        let _ = self.0.set(Arc::downgrade(inner));
    }

    fn inner(&self) -> Result<Arc<Inner>, Status> {
        self.0.get().and_then(Weak::upgrade).ok_or_else(|| Status::unavailable("the node starts, or ends"))
    }
}

#[tonic::async_trait]
impl wire::meta_server::Meta for Service {
    async fn ask(&self, request: Request<wire::AskRequest>) -> Result<Response<wire::AskReply>, Status> {
        let inner = self.inner()?;
        let caller = caller(&request)?;
        let request = codec::decode_request(&request.get_ref().request);
        let request = request.map_err(|cause| Status::invalid_argument(cause.to_string()))?;
        // Nobody but a node itself knows that it has begun to live.
        if matches!(&request, MetaRequest::Register { node, .. } if *node != caller) {
            return Err(Status::permission_denied("a node registers itself and no other"));
        }
        let outcome = match decide(&inner, &request).await {
            Outcome::Judged { applied, outcome } => {
                ask_reply::Outcome::Judged(wire::Judged { applied, outcome: codec::encode_outcome(&outcome) })
            }
            Outcome::NotLeader(leader) => {
                ask_reply::Outcome::NotLeader(wire::NotLeader { leader: leader.map_or(0, |node| node.0) })
            }
            Outcome::Unknown(why) => ask_reply::Outcome::Unknown(why),
        };
        Ok(Response::new(wire::AskReply { outcome: Some(outcome) }))
    }

    async fn alive(&self, request: Request<wire::AliveRequest>) -> Result<Response<wire::AliveReply>, Status> {
        let inner = self.inner()?;
        let node = caller(&request)?;
        let leads = matches!(inner.meta_group.leader().now(), Leader::Us(_));
        if leads {
            let from = Incarnation { node, number: request.get_ref().incarnation };
            inner.liveness().heard(from, inner.now());
        }
        Ok(Response::new(wire::AliveReply { leads }))
    }

    async fn members(&self, request: Request<wire::MembersRequest>) -> Result<Response<wire::MembersReply>, Status> {
        let inner = self.inner()?;
        let group = inner.raft.group(GroupId(request.get_ref().group));
        let Some(group) = group.filter(|group| matches!(group.leader().now(), Leader::Us(_))) else {
            return Ok(Response::new(wire::MembersReply::default()));
        };
        // What is in the log but not committed may be undone by another leader; a majority that has just confirmed this one has all of it.
        let leads = group.read_barrier().await.is_ok();
        let status = group.status();
        let nodes = status.voters.iter().chain(&status.learners).map(|node| node.0).collect();
        Ok(Response::new(wire::MembersReply { leads, nodes }))
    }

    async fn nodes(&self, _: Request<wire::NodesRequest>) -> Result<Response<wire::NodesReply>, Status> {
        let meta = self.inner()?.meta();
        let nodes = meta.nodes().iter().map(|(node, entry)| wire::NodeAt { node: *node, peer: entry.peer.clone() });
        Ok(Response::new(wire::NodesReply { nodes: nodes.collect(), last_node: meta.last_node() }))
    }
}

fn caller<T>(request: &Request<T>) -> Result<u32, Status> {
    let caller = request.extensions().get::<Caller>().and_then(|caller| number_of(caller.node));
    caller.ok_or_else(|| Status::unauthenticated("the connection has no peer's name"))
}

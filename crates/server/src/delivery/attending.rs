//! The edge's end: one shard attended, on this node or another.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use conclave_cluster::Incarnation;
use conclave_cluster::delivery_codec::{Attend, ToEdge, ToHome};
use conclave_cluster::request::Request;
use conclave_raft::{Node, NodeId};
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::UnboundedReceiverStream;
use tonic::client::Grpc;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::{Status, Streaming};

use super::bytes_codec::BytesCodec;
use super::service::{ATTEND, MESSAGE_BYTES_MAX};
use super::{Prepared, SUBSCRIBED_MAX, Said};
use crate::metrics::Metrics;
use crate::shard_task::{Replicas, Subscriber, ToShard};

/// How long a replica may take to answer the first word.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// A shard, attended at one replica. Dropping it ends that.
#[derive(Debug)]
pub enum Attending {
    /// On this node.
    Here {
        /// The shard's inbox.
        shard: mpsc::UnboundedSender<ToShard>,
        /// This edge.
        edge: Incarnation,
        /// Tells it from others of this edge.
        link: u64,
        /// What the replica says.
        said: mpsc::Receiver<Said>,
    },
    /// On another node.
    There {
        /// The node.
        node: u32,
        /// What we say. It has no bound of its own: sessions leave only so many requests unanswered.
        words: mpsc::UnboundedSender<Bytes>,
        /// What the replica says. Boxed, since most attend at home.
        said: Box<Streaming<Bytes>>,
        /// What is counted.
        metrics: Arc<Metrics>,
    },
}

impl Attending {
    /// Attends at a node. What it says first tells whether it is the right one.
    pub async fn begin(
        node: u32,
        me: Incarnation,
        attend: Attend,
        raft: &Node,
        replicas: &Replicas,
        metrics: &Arc<Metrics>,
    ) -> Result<Attending, Status> {
        if node == me.node {
            let shard = replicas.get(attend.shard).ok_or_else(|| Status::not_found("there is no replica here"))?;
            let (subscriber, said) = Subscriber::new(me, SUBSCRIBED_MAX);
            let link = subscriber.link();
            let _ = shard.send(ToShard::Attend { attend, subscriber });
            return Ok(Attending::Here { shard, edge: me, link, said });
        }
        let channel = raft.channel(NodeId(node.into())).ok_or_else(|| Status::not_found("no such node"))?;
        let (words, receiver) = mpsc::unbounded_channel();
        let _ = words.send(Bytes::from(ToHome::Attend(attend).encode()));
        let mut grpc = Grpc::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
        let request = tonic::Request::new(UnboundedReceiverStream::new(receiver));
        let call = grpc.streaming(request, PathAndQuery::from_static(ATTEND), BytesCodec);
        let answer = timeout(ANSWER_MAX, call).await.map_err(|_| Status::deadline_exceeded("it does not answer"))??;
        Ok(Attending::There { node, words, said: Box::new(answer.into_inner()), metrics: metrics.clone() })
    }

    /// Where it is.
    pub fn node(&self) -> u32 {
        match self {
            Attending::Here { edge, .. } => edge.node,
            Attending::There { node, .. } => *node,
        }
    }

    /// What the replica says next; nothing when it says no more. Cancel-safe.
    pub async fn next(&mut self) -> Option<Said> {
        match self {
            Attending::Here { said, .. } => said.recv().await,
            Attending::There { said, metrics, .. } => {
                let bytes = said.message().await.ok()??;
                let length = bytes.len() as u64;
                match ToEdge::decode(bytes) {
                    Ok(ToEdge::Frame { previous, delivery }) => {
                        metrics.frames_received.inc();
                        metrics.frame_bytes_received.inc_by(length);
                        Some(Said::Frame { previous, frame: Prepared::new(*delivery) })
                    }
                    Ok(ToEdge::Joined { epoch, from, reset }) => Some(Said::Joined { epoch, from, reset }),
                    Ok(ToEdge::NotHome { home }) => Some(Said::NotHome { home }),
                    Ok(ToEdge::Position(index)) => Some(Said::Position(index)),
                    Ok(ToEdge::Missing) => Some(Said::Missing),
                    Err(undecodable) => {
                        tracing::error!(%undecodable, "a home says what this version does not know");
                        None
                    }
                }
            }
        }
    }

    /// Asks the home something.
    pub fn ask(&self, request: Request) {
        // Whoever does not hear it is gone, and the request is repeated to the next.
        match self {
            Attending::Here { shard, edge, link, .. } => {
                let _ = shard.send(ToShard::Request { from: *edge, link: *link, request: Box::new(request) });
            }
            Attending::There { words, .. } => {
                let _ = words.send(ToHome::Request(Box::new(request)).encode().into());
            }
        }
    }

    /// Tells the home what this edge has.
    pub fn acknowledge(&self, index: u64) {
        match self {
            Attending::Here { shard, edge, .. } => {
                let _ = shard.send(ToShard::Acknowledge { node: edge.node, index });
            }
            Attending::There { words, .. } => {
                let _ = words.send(ToHome::Acknowledge(index).encode().into());
            }
        }
    }
}

impl Drop for Attending {
    fn drop(&mut self) {
        if let Attending::Here { shard, link, .. } = self {
            let _ = shard.send(ToShard::Left { link: *link });
        }
    }
}

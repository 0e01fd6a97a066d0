//! The replica's end of gRPC: each stream of an edge becomes a subscriber of the shard's task.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use conclave_cluster::Incarnation;
use conclave_cluster::delivery_codec::{Attend, ToEdge, ToHome, encode_frame};
use conclave_raft::Caller;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::{Grpc, NamedService, StreamingService};
use tonic::{Request, Response, Status, Streaming};
use tracing::debug;

use super::bytes_codec::BytesCodec;
use super::{SUBSCRIBED_MAX, Said};
use crate::metrics::Metrics;
use crate::shard_task::{Replicas, Subscriber, ToShard};

/// The path of the one call.
pub const ATTEND: &str = "/conclave.delivery.v1.Delivery/Attend";

/// The largest message: a frame of the longest history, or of a long list of rooms.
pub const MESSAGE_BYTES_MAX: usize = 64 * 1024 * 1024;

/// `conclave.delivery.v1.Delivery`, for the shards that have a replica here.
#[derive(Clone)]
pub struct DeliveryService {
    replicas: Arc<Replicas>,
    metrics: Arc<Metrics>,
}

impl DeliveryService {
    /// Serves these replicas.
    pub fn new(replicas: Arc<Replicas>, metrics: Arc<Metrics>) -> DeliveryService {
        DeliveryService { replicas, metrics }
    }

    async fn attend(self, request: Request<Streaming<Bytes>>) -> Result<Response<ToEdges>, Status> {
        let caller = request.extensions().get::<Caller>().cloned();
        let node = caller.and_then(|caller| u32::try_from(caller.node.0).ok());
        let node = node.ok_or_else(|| Status::unauthenticated("only nodes attend shards"))?;
        let mut words = request.into_inner();
        let Some(ToHome::Attend(attend)) = next_word(&mut words).await? else {
            return Err(Status::invalid_argument("the first word of an edge is Attend"));
        };
        let Some(shard) = self.replicas.get(attend.shard) else {
            let gone = ToEdge::NotHome { home: None };
            let only = tokio_stream::iter([Ok(Bytes::from(gone.encode()))]);
            return Ok(Response::new(Box::pin(only)));
        };
        let edge = Incarnation { node, number: attend.incarnation };
        let (subscriber, said) = Subscriber::new(edge, SUBSCRIBED_MAX);
        let link = subscriber.link();
        let _ = shard.send(ToShard::Attend { attend, subscriber });
        tokio::spawn(hear(words, shard, edge, link));
        let said = ReceiverStream::new(said).map(move |said| {
            let bytes = encode(&said, node);
            if matches!(said, Said::Frame { .. }) {
                self.metrics.frames_sent.inc();
                self.metrics.frame_bytes_sent.inc_by(bytes.len() as u64);
            }
            Ok(Bytes::from(bytes))
        });
        Ok(Response::new(Box::pin(said)))
    }
}

type ToEdges = Pin<Box<dyn Stream<Item = Result<Bytes, Status>> + Send>>;

fn encode(said: &Said, node: u32) -> Vec<u8> {
    match said {
        Said::Frame { previous, frame } => encode_frame(*previous, &frame.for_node(node)),
        Said::Joined { epoch, from, reset } => ToEdge::Joined { epoch: *epoch, from: *from, reset: *reset }.encode(),
        Said::NotHome { home } => ToEdge::NotHome { home: *home }.encode(),
        Said::Position(index) => ToEdge::Position(*index).encode(),
        Said::Missing => ToEdge::Missing.encode(),
    }
}

/// Takes what the edge says until its stream ends.
async fn hear(mut words: Streaming<Bytes>, shard: mpsc::UnboundedSender<ToShard>, edge: Incarnation, link: u64) {
    loop {
        let said = match next_word(&mut words).await {
            Ok(Some(ToHome::Request(request))) => ToShard::Request { from: edge, link, request },
            Ok(Some(ToHome::Acknowledge(index))) => ToShard::Acknowledge { node: edge.node, index },
            Ok(Some(ToHome::Attend(Attend { .. })) | None) => break,
            Err(status) => {
                debug!(%edge, %status, "an edge is gone");
                break;
            }
        };
        if shard.send(said).is_err() {
            return;
        }
    }
    let _ = shard.send(ToShard::Left { link });
}

async fn next_word(words: &mut Streaming<Bytes>) -> Result<Option<ToHome>, Status> {
    let Some(bytes) = words.message().await? else { return Ok(None) };
    ToHome::decode(&bytes).map(Some).map_err(|undecodable| Status::invalid_argument(undecodable.to_string()))
}

impl NamedService for DeliveryService {
    const NAME: &'static str = "conclave.delivery.v1.Delivery";
}

impl tower::Service<http::Request<Body>> for DeliveryService {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Infallible>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        let service = self.clone();
        Box::pin(async move {
            if request.uri().path() != ATTEND {
                return Ok(Status::unimplemented("there is no such call").into_http());
            }
            let mut grpc = Grpc::new(BytesCodec).max_decoding_message_size(MESSAGE_BYTES_MAX);
            Ok(grpc.streaming(Attending(service), request).await)
        })
    }
}

struct Attending(DeliveryService);

impl StreamingService<Bytes> for Attending {
    type Response = Bytes;
    type ResponseStream = ToEdges;
    type Future = Pin<Box<dyn Future<Output = Result<Response<ToEdges>, Status>> + Send>>;

    fn call(&mut self, request: Request<Streaming<Bytes>>) -> Self::Future {
        Box::pin(self.0.clone().attend(request))
    }
}

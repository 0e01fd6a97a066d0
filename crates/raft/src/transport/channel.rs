//! Calls to a peer over whatever connection there is to it.

use std::error::Error as _;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper::body::Incoming;
use hyper::client::conn::http2::SendRequest;
use tokio::time::timeout;
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::uri::{Authority, Scheme};
use tonic::codegen::http::{Request, Response, Uri};

use super::peer::{Link, Peer};

/// A way to call a peer, for the clients that tonic generates. Stays the same while connections come and go.
///
/// A call fails at once, and says why, while the peer is known not to be reached. Otherwise its deadline is the caller's to set
/// ([`tonic::Request::set_timeout`] is heeded by the peer alone), but none outlives the connection, and a connection whose peer is silent is closed within seconds.
#[derive(Clone)]
pub struct Channel {
    peer: Arc<Peer>,
    origin: Authority,
    wait_max: Duration,
}

impl Channel {
    /// `origin` is the peer's name, as in its certificate.
    pub(super) fn new(peer: Arc<Peer>, origin: Authority, wait_max: Duration) -> Self {
        Self { peer, origin, wait_max }
    }

    /// The connection. Waits a little if one is being made, or what became of the last one is not known yet.
    async fn connection(&self) -> Result<SendRequest<Body>, Status> {
        let mut standing = self.peer.standing.subscribe();
        let settled = standing.wait_for(|standing| match &standing.link {
            Link::Connecting | Link::Checking => false,
            Link::Up(connection) => !connection.is_closed(),
            Link::Refused(_) | Link::Unreachable(_) => true,
        });
        let unavailable = |why: &str| Err(Status::unavailable(format!("node {}: {why}", self.peer.node)));
        match timeout(self.wait_max, settled).await {
            Err(_) => unavailable("it does not answer"),
            Ok(Err(_)) => unavailable("it is no peer any more"),
            Ok(Ok(standing)) => match &standing.link {
                Link::Up(connection) => Ok(connection.clone()),
                Link::Refused(why) | Link::Unreachable(why) => unavailable(why),
                Link::Connecting | Link::Checking => unavailable("it does not answer"),
            },
        }
    }

    async fn call(self, mut request: Request<Body>) -> Result<Response<Incoming>, Status> {
        let Ok(_place) = self.peer.calls.try_acquire() else {
            let reason = format!("node {}: too many calls wait for its answer already; try again later", self.peer.node);
            return Err(Status::resource_exhausted(reason));
        };
        let mut connection = self.connection().await?;
        *request.uri_mut() = self.absolute(request.uri())?;
        connection.send_request(request).await.map_err(|error| self.broken(&error))
    }

    fn absolute(&self, uri: &Uri) -> Result<Uri, Status> {
        let mut parts = uri.clone().into_parts();
        parts.scheme = Some(Scheme::HTTPS);
        parts.authority = Some(self.origin.clone());
        Uri::from_parts(parts).map_err(|error| Status::internal(format!("not the path of a call: {error}")))
    }

    fn broken(&self, error: &hyper::Error) -> Status {
        let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
        Status::unavailable(format!("node {}: the call broke off: {error}{cause}", self.peer.node))
    }
}

impl tower::Service<Request<Body>> for Channel {
    type Response = Response<Incoming>;
    type Error = Status;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, Status>> + Send>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Status>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        Box::pin(Self::call(self.clone(), request))
    }
}

impl fmt::Debug for Channel {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Channel").field("node", &self.peer.node).finish_non_exhaustive()
    }
}

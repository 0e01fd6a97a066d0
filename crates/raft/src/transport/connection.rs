//! A connection that we make: TCP, TLS, the greetings, and HTTP/2.

use std::io::ErrorKind::ConnectionRefused;
use std::net::SocketAddr;

use hyper::client::conn::http2::{Builder, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::sync::oneshot;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tokio_util::sync::DropGuard;
use tonic::body::Body;

use super::Remembered;
use super::greeting::{Failure, greet};
use super::identity::server_name;
use super::local::Local;
use super::peer::Peer;
use super::socket::{End, Socket, connect, is_broken};

/// Up, until it says otherwise or is dropped.
pub(super) struct Connection {
    pub met: Remembered,
    pub sender: SendRequest<Body>,
    pub ended: oneshot::Receiver<End>,
    _cut: DropGuard,
}

/// Makes one to a peer at this address.
pub(super) async fn open(local: &Local, peer: &Peer, address: SocketAddr) -> Result<Connection, Failure> {
    let tcp = connect(address, &local.limits).await.map_err(|error| {
        let reason = format!("no connection to {address}: {error}");
        match error.kind() {
            ConnectionRefused => Failure::NobodyThere(reason),
            _ if is_broken(&error) => Failure::Broke(reason),
            _ => Failure::Other(reason),
        }
    })?;
    let cut = peer.revoked.child_token();
    let (socket, ended) = Socket::new(tcp, cut.clone(), &local.limits)?;
    let cut = cut.drop_guard();
    let greeted = timeout(local.limits.handshake_max, secure(local, peer, socket)).await;
    let (met, stream) = greeted.unwrap_or_else(|_| Err(Failure::Other(format!("{address} was silent during the greetings"))))?;
    Ok(Connection { met, sender: speak(local, stream).await?, ended, _cut: cut })
}

async fn secure(local: &Local, peer: &Peer, socket: Socket) -> Result<(Remembered, TlsStream<Socket>), Failure> {
    let name = server_name(&local.cluster, peer.node);
    let name = name.ok_or_else(|| Failure::Other(format!("node {} of {:?} has no name in DNS", peer.node, local.cluster)))?;
    let connector = TlsConnector::from(local.credentials.client.clone());
    let mut stream = connector.connect(name, socket).await?;
    let shown = stream.get_ref().1.peer_certificates().map(<[_]>::to_vec).unwrap_or_default();
    let met = greet(local, peer.node, &mut stream, &shown).await?;
    Ok((met, stream))
}

async fn speak(local: &Local, stream: TlsStream<Socket>) -> Result<SendRequest<Body>, Failure> {
    let limits = &local.limits;
    let mut builder = Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new());
    builder.initial_stream_window_size(limits.call_window_bytes);
    builder.initial_connection_window_size(limits.connection_window_bytes);
    builder.keep_alive_interval(limits.ping_interval).keep_alive_timeout(limits.ping_max).keep_alive_while_idle(true);
    let made = builder.handshake(TokioIo::new(stream)).await;
    let (sender, connection) = made.map_err(|error| Failure::Other(format!("HTTP/2 could not begin: {error}")))?;
    local.tasks.spawn(async move {
        if let Err(error) = connection.await {
            tracing::debug!(%error, "a connection to a peer ended");
        }
    });
    Ok(sender)
}

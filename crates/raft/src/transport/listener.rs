//! The listener: lets in who proves to be a peer, and hands the connection on to HTTP/2.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;
use tonic::transport::Server;
use tonic::transport::server::Connected;

use super::Caller;
use super::greeting::{Failure, answer};
use super::local::Local;
use super::peer::Event;
use super::peers::Peers;
use super::socket::{End, Socket};

/// Connections that were let in and are about to be served. They wait for nothing but a turn.
const LET_IN_MAX: usize = 16;

/// After the system could not accept (no descriptors left, say).
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Accepts until it is dropped or cancelled.
pub(super) struct Listener {
    pub local: Arc<Local>,
    pub peers: Arc<Peers>,
    pub tcp: TcpListener,
}

impl Listener {
    /// Serves these calls to whoever is let in. The last thing of a node to end: while it listens, the others know that the process lives.
    pub async fn run(self, services: Routes, stop: CancellationToken) {
        let (serve, let_in) = mpsc::channel(LET_IN_MAX);
        tokio::spawn(serve_calls(self.local.clone(), services, ReceiverStream::new(let_in)));
        let slots = Arc::new(Semaphore::new(self.local.limits.handshakes_max));
        while let Some(accepted) = stop.run_until_cancelled(self.tcp.accept()).await {
            let (tcp, from) = match accepted {
                Ok(accepted) => accepted,
                Err(error) => {
                    self.local.complaints.warn("the listener of the peers", &format!("cannot accept: {error}"));
                    sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let Ok(slot) = slots.clone().try_acquire_owned() else {
                let full = format!(
                    "{} connections have not said who they are; further ones are closed",
                    self.local.limits.handshakes_max
                );
                self.local.complaints.warn("the listener of the peers", &full);
                continue;
            };
            let door = Door { local: self.local.clone(), peers: self.peers.clone(), serve: serve.clone() };
            let stop = stop.clone();
            tokio::spawn(async move {
                stop.run_until_cancelled(door.let_in(tcp, from)).await;
                drop(slot);
            });
        }
    }
}

/// One connection that was accepted.
struct Door {
    local: Arc<Local>,
    peers: Arc<Peers>,
    serve: mpsc::Sender<Result<Inbound, Infallible>>,
}

impl Door {
    async fn let_in(self, tcp: TcpStream, from: SocketAddr) {
        let limit = self.local.limits.handshake_max;
        let opened = timeout(limit, self.open(tcp)).await;
        match opened.unwrap_or_else(|_| Err(Failure::Other("it did not say in time who it is".to_owned()))) {
            Ok(inbound) => drop(self.serve.send(Ok(inbound)).await),
            // A look at whether we listen: peers do that.
            Err(Failure::Broke(reason)) => tracing::debug!(%from, reason, "a connection was not let in"),
            Err(failure) => self.local.complaints.warn(from.ip(), &format!("a connection was not let in: {}", failure.text())),
        }
    }

    async fn open(&self, tcp: TcpStream) -> Result<Inbound, Failure> {
        let (cut, accepted) = (CancellationToken::new(), Instant::now());
        let (socket, mut ended) = Socket::new(tcp, cut.clone(), &self.local.limits)?;
        let acceptor = TlsAcceptor::from(self.local.credentials.server.clone());
        let mut stream = acceptor.accept(socket).await?;
        let shown = stream.get_ref().1.peer_certificates().map(<[_]>::to_vec).unwrap_or_default();
        let (peer, met) = answer(&self.local, &self.peers, &mut stream, &shown).await?;
        let caller = peer.caller(&met);
        let life = met.life;
        peer.arrived(met, accepted, cut.clone());
        self.local.tasks.spawn(async move {
            let end = tokio::select! {
                end = &mut ended => end,
                () = peer.revoked.cancelled() => {
                    cut.cancel();
                    ended.await
                }
            };
            if end == Ok(End::Broken) {
                peer.tell(Event::Broke { life });
            }
        });
        Ok(Inbound { stream, caller })
    }
}

async fn serve_calls(local: Arc<Local>, services: Routes, let_in: ReceiverStream<Result<Inbound, Infallible>>) {
    let limits = &local.limits;
    let served = Server::builder()
        .max_concurrent_streams(u32::try_from(limits.calls_max).unwrap_or(u32::MAX))
        // Calls end by their deadlines while a peer is stopped; when it goes on it finds them all at once, and that is no attack.
        .http2_max_pending_accept_reset_streams(Some(limits.calls_max))
        .initial_stream_window_size(limits.call_window_bytes)
        .initial_connection_window_size(limits.connection_window_bytes)
        .http2_keepalive_interval(Some(limits.ping_interval))
        .http2_keepalive_timeout(Some(limits.ping_max))
        .add_routes(services)
        .serve_with_incoming(let_in)
        .await;
    if let Err(error) = served {
        tracing::error!(%error, "calls of peers are not served any more");
    }
}

/// A connection of a peer.
struct Inbound {
    stream: TlsStream<Socket>,
    caller: Caller,
}

impl Connected for Inbound {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Inbound {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(context, buffer)
    }
}

impl AsyncWrite for Inbound {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, slices)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }
}

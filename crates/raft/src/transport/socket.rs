//! A TCP connection that says how it ended, at once, and that can be cut.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, WaitForCancellationFutureOwned};

use super::TransportLimits;

/// How a connection ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum End {
    /// The other side closed or reset it (EOF, RST): it may be gone.
    Broken,
    /// It failed in another way, that says nothing about the other process.
    Failed(String),
    /// We closed it ourselves.
    Closed,
}

/// Below TLS, so that nothing but TCP itself tells how it ended.
pub(super) struct Socket {
    tcp: TcpStream,
    cut: Pin<Box<WaitForCancellationFutureOwned>>,
    end: Option<oneshot::Sender<End>>,
}

impl Socket {
    /// Sets the options of a new connection. It breaks when `cut` is cancelled. The receiver gets its end.
    pub fn new(tcp: TcpStream, cut: CancellationToken, limits: &TransportLimits) -> io::Result<(Self, oneshot::Receiver<End>)> {
        tcp.set_nodelay(true)?;
        let socket = SockRef::from(&tcp);
        let keepalive = TcpKeepalive::new().with_time(limits.ping_interval.max(Duration::from_secs(1)));
        socket.set_tcp_keepalive(&keepalive.with_interval(Duration::from_secs(1)))?;
        #[cfg(target_os = "linux")]
        socket.set_tcp_user_timeout(Some(limits.silence_max))?;
        let (end, ended) = oneshot::channel();
        Ok((Self { tcp, cut: Box::pin(cut.cancelled_owned()), end: Some(end) }, ended))
    }

    fn ended(&mut self, end: End) {
        if let Some(sender) = self.end.take() {
            // Nobody may wait for it, which is fine.
            let _ = sender.send(end);
        }
    }

    fn failed(&mut self, error: &io::Error) {
        self.ended(if is_broken(error) { End::Broken } else { End::Failed(error.to_string()) });
    }

    /// An error once the connection has been cut.
    fn poll_cut(&mut self, context: &mut Context<'_>) -> io::Result<()> {
        if self.cut.as_mut().poll(context).is_pending() {
            return Ok(());
        }
        self.ended(End::Closed);
        Err(io::Error::other("this node closed the connection"))
    }
}

impl AsyncRead for Socket {
    fn poll_read(mut self: Pin<&mut Self>, context: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.poll_cut(context)?;
        let before = buffer.filled().len();
        let result = ready!(Pin::new(&mut self.tcp).poll_read(context, buffer));
        match &result {
            Ok(()) if buffer.filled().len() == before && buffer.remaining() > 0 => self.ended(End::Broken),
            Ok(()) => {}
            Err(error) => self.failed(error),
        }
        Poll::Ready(result)
    }
}

impl AsyncWrite for Socket {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.tcp).poll_write(context, bytes));
        Poll::Ready(result.inspect_err(|error| self.failed(error)))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = ready!(Pin::new(&mut self.tcp).poll_write_vectored(context, slices));
        Poll::Ready(result.inspect_err(|error| self.failed(error)))
    }

    fn is_write_vectored(&self) -> bool {
        self.tcp.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.tcp).poll_shutdown(context)
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Whoever owned it has closed it without a reason from below: unanswered pings, say.
        self.ended(End::Closed);
    }
}

/// Whether the other side closed or reset a connection.
pub(super) fn is_broken(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)
}

/// Connects to one address, within the limit.
pub(super) async fn connect(address: SocketAddr, limits: &TransportLimits) -> io::Result<TcpStream> {
    let limited = tokio::time::timeout(limits.connect_max, TcpStream::connect(address)).await;
    let tcp = limited.unwrap_or_else(|_| Err(io::Error::new(io::ErrorKind::TimedOut, "no answer from that machine")))?;
    // On the same machine TCP may choose the very port that nobody listens at, and meet itself.
    if tcp.local_addr()? == address { Err(io::ErrorKind::ConnectionRefused.into()) } else { Ok(tcp) }
}

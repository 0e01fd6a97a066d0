//! One client's connection: bytes to the stream machine, its actions carried out, and what others send to the session written.

use std::collections::VecDeque;
use std::future::{pending, poll_fn};
use std::io;
use std::mem::MaybeUninit;
use std::net::SocketAddr;
use std::ops::ControlFlow;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Poll, ready};
use std::time::Duration;

use conclave_xmpp::sasl::{ChannelBinding, Credentials};
use conclave_xmpp::stream::{Action, Stream, StreamSettings};
use conclave_xmpp::stream_error::{StreamCondition, StreamError};
use conclave_xmpp::{BareJid, Condition, FullJid, Stanza, StanzaError};
use socket2::{SockRef, TcpKeepalive};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, ReadBuf, copy, sink};
use tokio::net::TcpStream;
use tokio::task::block_in_place;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use crate::hub::{Hub, NotBound};
use crate::io::{Io, exporter};
use crate::outbound::Inflow;
use crate::pace::{Meter, Pace};
use crate::router::Router;
use crate::seed;
use crate::sessions::{Bound, End};

/// Bytes that one read takes, at most. On the stack, so that an idle connection holds none.
const READ_BYTES_MAX: usize = 16 * 1024;

/// How long a client may take to accept the last words, and then the closing of TLS and of the connection.
const FAREWELL_MAX: Duration = Duration::from_millis(500);

/// Bytes that a client had under way and that are heard out before we close, at most: what is on the way at once. Whoever sends on may be reset.
const UNDER_WAY_MAX: u64 = 256 * 1024;

/// How long a client that is cut off for reading slowly has to take the rest of what was begun, so that it is told why.
const SLOW_FAREWELL_MAX: Duration = Duration::from_secs(5);

/// Silence after which TCP asks whether the client is still there. Shorter would wake sleeping phones for nothing.
const KEEPALIVE_AFTER: Duration = Duration::from_secs(120);
/// Pause between such questions.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(20);
/// Questions without an answer until the connection counts as lost.
const KEEPALIVE_TRIES: u32 = 3;

/// How long a client may leave a write where it is. Slow networks move on within it, clients that never read do not.
const WRITE_STALL_MAX: Duration = Duration::from_secs(120);

/// How long one of the stream's own words may take to be accepted.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// Finds what is stored of an account.
pub type LookUp = Arc<dyn Fn(&BareJid) -> Option<Arc<Credentials>> + Send + Sync>;

/// What is the same for all connections of a listener.
pub struct Terms {
    /// For the stream machines.
    pub stream: Arc<StreamSettings>,
    /// How TLS begins, where it can.
    pub tls: Option<TlsAcceptor>,
    /// Whether TLS comes first (XEP-0368).
    pub direct_tls: bool,
    /// How long a client may take until it is bound; nothing that it sends prolongs it.
    pub unauthenticated_max: Duration,
    /// How fast a session may send.
    pub pace: Pace,
    /// Who may log in.
    pub look_up: LookUp,
    /// The middle of the node.
    pub hub: Arc<Hub>,
    /// Says when the node ends.
    pub shutdown: CancellationToken,
}

/// Serves a connection to its end.
pub async fn serve(tcp: TcpStream, peer: SocketAddr, terms: Arc<Terms>) {
    match served(tcp, terms).await {
        Ok(()) => debug!(%peer, "closed"),
        Err(error) => debug!(%peer, %error, "lost"),
    }
}

async fn served(tcp: TcpStream, terms: Arc<Terms>) -> io::Result<()> {
    let deadline = Instant::now() + terms.unauthenticated_max;
    // Stanzas are written as soon as they are there, in as few writes as possible: waiting for more gains nothing.
    tcp.set_nodelay(true)?;
    notice_silence(&tcp)?;
    let (io, binding) = match &terms.tls {
        Some(acceptor) if terms.direct_tls => {
            let (io, binding) = accept_tls(tcp, acceptor, deadline, &terms.shutdown).await?;
            (io, Some(ChannelBinding::from_exporter(binding)))
        }
        _ => (Io::Plain(tcp), None),
    };
    let stream = Stream::new(terms.stream.clone(), seed::fresh(), binding);
    let mut connection = Connection { io, stream, terms, account: None, session: None, actions: VecDeque::new(), deadline };
    loop {
        match connection.run().await? {
            Done::Closed => return Ok(()),
            Done::StartTls => connection = connection.start_tls().await?,
        }
    }
}

/// A client whose machine or network is gone says nothing; TCP finds that out if it is asked to, so that no ghost stays in a room.
fn notice_silence(tcp: &TcpStream) -> io::Result<()> {
    let keepalive = TcpKeepalive::new().with_time(KEEPALIVE_AFTER).with_interval(KEEPALIVE_EVERY).with_retries(KEEPALIVE_TRIES);
    SockRef::from(tcp).set_tcp_keepalive(&keepalive)
}

async fn accept_tls(
    tcp: TcpStream,
    acceptor: &TlsAcceptor,
    deadline: Instant,
    shutdown: &CancellationToken,
) -> io::Result<(Io, Option<Vec<u8>>)> {
    let tls = tokio::select! {
        accepted = acceptor.accept(tcp) => accepted?,
        () = sleep_until(deadline) => return Err(io::ErrorKind::TimedOut.into()),
        () = shutdown.cancelled() => return Err(io::ErrorKind::ConnectionAborted.into()),
    };
    let binding = exporter(tls.get_ref().1);
    Ok((Io::Tls(Box::new(tls)), binding))
}

struct Connection {
    io: Io,
    stream: Stream,
    terms: Arc<Terms>,
    /// Who has logged in, until a resource is bound.
    account: Option<BareJid>,
    session: Option<Session>,
    /// What the stream machine wants and is not done yet.
    actions: VecDeque<Action>,
    /// When a client that is not bound yet is sent away.
    deadline: Instant,
}

/// What a connection has once it is bound.
struct Session {
    bound: Arc<Bound>,
    inflow: Inflow,
    router: Router,
    meter: Meter,
    /// Says when the node ends.
    stopping: CancellationToken,
}

impl Drop for Session {
    /// However the connection ends, by a panic too: the session leaves its rooms, and its JID is free again.
    fn drop(&mut self) {
        // A node that stops leaves its sessions where they sit: they have the grace to come back through another.
        if !self.stopping.is_cancelled() {
            self.router.depart(self.inflow.take());
        }
    }
}

/// Why a connection is no longer served as it is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Done {
    Closed,
    /// Everything is written, and TLS comes next.
    StartTls,
}

/// Why no more of what the stream machine wants is carried out.
enum Stop {
    Done(Done),
    /// The session is to be ended from our side.
    End(StreamError),
}

/// What a connection was woken by.
enum Woken {
    Read(usize),
    Outgoing,
    End(StreamError),
}

impl Connection {
    async fn run(&mut self) -> io::Result<Done> {
        let served = self.serve_stream().await;
        drop(self.session.take());
        if let Ok(Done::Closed) = served {
            // A client that does not answer is left to itself.
            let _ = timeout(FAREWELL_MAX, self.close()).await;
        }
        served
    }

    /// Closes our side, and waits until the client has closed its own. What it had under way is taken: to close over what was not read is to reset the
    /// connection, by which our last words could be lost.
    async fn close(&mut self) -> io::Result<()> {
        self.io.shutdown().await?;
        // What is here is taken at once. For more, a node that stops does not wait: its clients are to come back through others, which have to know soon
        // that it has ended.
        let patience = if self.terms.shutdown.is_cancelled() { Duration::ZERO } else { FAREWELL_MAX };
        let (mut under_way, mut nowhere) = ((&mut self.io).take(UNDER_WAY_MAX), sink());
        timeout(patience, copy(&mut under_way, &mut nowhere)).await.map_or(Ok(()), |taken| taken.map(drop))
    }

    async fn serve_stream(&mut self) -> io::Result<Done> {
        loop {
            match self.woken().await? {
                Woken::Read(0) => return Ok(Done::Closed),
                Woken::Read(_) => {}
                Woken::Outgoing => match self.write_outgoing().await? {
                    Some(error) => return self.end(error).await,
                    None => continue,
                },
                Woken::End(error) => {
                    if self.terms.shutdown.is_cancelled() {
                        // It reads as it is sent to, and what became of what it asked last may just have come.
                        self.write_what_waits().await?;
                    }
                    return self.end(error).await;
                }
            }
            match self.carry_out().await? {
                ControlFlow::Break(Stop::Done(done)) => return Ok(done),
                ControlFlow::Break(Stop::End(error)) => return self.end(error).await,
                ControlFlow::Continue(()) => {}
            }
        }
    }

    /// Waits for whatever comes first. A session that sends too fast is not read until its pace allows.
    async fn woken(&mut self) -> io::Result<Woken> {
        let bound = self.session.as_ref().map(|session| session.bound.clone());
        let (shutdown, deadline) = (&self.terms.shutdown, self.deadline);
        let ended = async {
            match bound {
                Some(bound) => session_ended(bound).await,
                None => stranger_ended(shutdown, deadline).await,
            }
        };
        let pause = self.session.as_ref().and_then(|session| session.meter.pause());
        let inflow = self.session.as_mut().map(|session| &mut session.inflow);
        let outgoing = async {
            match inflow {
                Some(inflow) => inflow.ready().await,
                None => pending().await,
            }
        };
        let read = async {
            if let Some(pause) = pause {
                sleep_until(pause).await;
            }
            read(&mut self.io, &mut self.stream, &mut self.actions).await
        };
        tokio::select! {
            error = ended => Ok(Woken::End(error)),
            () = outgoing => Ok(Woken::Outgoing),
            read = read => read.map(Woken::Read),
        }
    }

    /// Carries out what the stream machine wants, in its order, until it wants no more or the connection ends.
    async fn carry_out(&mut self) -> io::Result<ControlFlow<Stop>> {
        while let Some(action) = self.actions.pop_front() {
            match action {
                Action::Send(bytes) => self.write(&bytes).await?,
                Action::StartTls => return Ok(ControlFlow::Break(Stop::Done(Done::StartTls))),
                Action::LookUp { account } => {
                    let found = (self.terms.look_up)(&account);
                    // Checking a PLAIN password derives keys, which takes milliseconds.
                    self.answer(|stream, out| block_in_place(|| stream.credentials(found.as_deref(), out)));
                }
                Action::Authenticated { account } => self.account = Some(account),
                Action::Bind { resource } => self.bind(&resource).await,
                Action::Stanza(stanza) => {
                    if let Some(error) = self.route(stanza).await? {
                        return Ok(ControlFlow::Break(Stop::End(error)));
                    }
                }
                Action::Closing => {
                    self.leave().await?;
                    self.answer(Stream::close);
                }
                Action::Close => return Ok(ControlFlow::Break(Stop::Done(Done::Closed))),
            }
        }
        self.actions = VecDeque::new();
        Ok(ControlFlow::Continue(()))
    }

    /// Routes a stanza, which may have to wait for answers to earlier ones. What others say is written meanwhile, and the session may be ended.
    async fn route(&mut self, stanza: Stanza) -> io::Result<Option<StreamError>> {
        // Who is ended has no say any more: another may have its JID already. Once the node stops nobody has: it would come behind the homes' last answers.
        let is_heard = |session: &&mut Session| !session.bound.is_ended() && !session.stopping.is_cancelled();
        let Some(session) = self.session.as_mut().filter(is_heard) else { return Ok(None) };
        session.meter.count();
        let Session { router, inflow, bound, .. } = session;
        let mut routed = pin!(router.route(stanza));
        loop {
            tokio::select! {
                biased;
                () = &mut routed => return Ok(None),
                error = session_ended(bound.clone()) => return Ok(Some(error)),
                () = inflow.ready() => {
                    if let Some(error) = write_outgoing(&mut self.io, bound, inflow, &self.terms.shutdown).await? {
                        return Ok(Some(error));
                    }
                }
            }
        }
    }

    /// Answers a question of the stream machine; what follows from it comes before what was behind the question.
    fn answer(&mut self, answer: impl FnOnce(&mut Stream, &mut Vec<Action>)) {
        let mut out = Vec::new();
        answer(&mut self.stream, &mut out);
        for action in out.into_iter().rev() {
            self.actions.push_front(action);
        }
    }

    async fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        let written = async {
            self.io.write_all(bytes).await?;
            self.io.flush().await
        };
        timeout(WRITE_MAX, written).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?
    }

    /// The same stream, over TLS.
    async fn start_tls(self) -> io::Result<Connection> {
        let (Io::Plain(tcp), Some(acceptor)) = (self.io, self.terms.tls.clone()) else {
            // The stream machine offers TLS only where there is some, and once.
            return Err(io::ErrorKind::Unsupported.into());
        };
        let (io, binding) = accept_tls(tcp, &acceptor, self.deadline, &self.terms.shutdown).await?;
        let mut connection = Connection { io, ..self };
        connection.answer(|stream, out| stream.tls_established(binding, out));
        Ok(connection)
    }

    async fn bind(&mut self, resource: &str) {
        let Some(account) = self.account.clone() else { return };
        let mut result = self.try_to_bind(&account, resource).await;
        if let Err(Unbound::Not(NotBound::Behind(id))) = result {
            self.terms.hub.sessions.begin_behind(id);
            result = self.try_to_bind(&account, resource).await;
        }
        let result = result.map_err(Unbound::into_stanza_error);
        self.answer(|stream, out| stream.bound(result, out));
    }

    async fn try_to_bind(&mut self, account: &BareJid, resource: &str) -> Result<FullJid, Unbound> {
        let (bound, inflow) = self.terms.hub.sessions.bind(account, resource).map_err(Unbound::Resource)?;
        self.hold(account, bound, inflow).await.map_err(Unbound::Not)
    }

    /// Has a session hold its full JID. Whoever held it is ended.
    async fn hold(&mut self, account: &BareJid, bound: Arc<Bound>, inflow: Inflow) -> Result<FullJid, NotBound> {
        let router = Router::new(self.terms.hub.clone(), bound.clone());
        let (meter, stopping) = (Meter::new(self.terms.pace), self.terms.shutdown.clone());
        // From here on it departs, however this ends.
        let session = Session { bound: bound.clone(), inflow, router, meter, stopping };
        self.terms.hub.bind(&bound).await?;
        let jid = bound.session.jid.clone();
        debug!(session = %jid, "bound");
        if (self.terms.look_up)(account).is_none() {
            // Deleted after it had proved who it is, and before its sessions were ended.
            bound.end(End::AccountDeleted);
        }
        if self.terms.shutdown.is_cancelled() {
            bound.end(End::Stopped);
        }
        self.session = Some(session);
        Ok(jid)
    }

    /// The client has closed its stream: its leaves are committed, and what they made others say to it is written, before we close ours.
    async fn leave(&mut self) -> io::Result<()> {
        if let Some(session) = &mut self.session {
            session.router.leave_all(&[]).await;
        }
        self.write_what_waits().await
    }

    /// Writes what is there, and stops behind the first batch that the client does not take at once, if the session is ended.
    async fn write_what_waits(&mut self) -> io::Result<()> {
        while self.session.as_mut().is_some_and(|session| session.inflow.take_ready()) {
            if self.write_outgoing().await?.is_some() {
                break;
            }
        }
        Ok(())
    }

    async fn write_outgoing(&mut self) -> io::Result<Option<StreamError>> {
        let Some(Session { bound, inflow, .. }) = &mut self.session else { return Ok(None) };
        write_outgoing(&mut self.io, bound, inflow, &self.terms.shutdown).await
    }

    /// We end the stream. Its leaves are committed first, but when the node stops: then its seats are kept for a while.
    async fn end(&mut self, error: StreamError) -> io::Result<Done> {
        self.actions.clear();
        if let Some(session) = self.session.as_mut().filter(|_| !self.terms.shutdown.is_cancelled()) {
            session.router.leave_all(&[]).await;
        }
        self.answer(|stream, out| stream.fail(error, out));
        let patience = if self.terms.shutdown.is_cancelled() { FAREWELL_MAX } else { SLOW_FAREWELL_MAX };
        let said = timeout(patience, self.carry_out()).await;
        said.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))?.map(|_| Done::Closed)
    }
}

/// Writes what waits for a session. If the session is ended meanwhile, gives what is half written a moment, and says why.
async fn write_outgoing(
    io: &mut Io,
    bound: &Arc<Bound>,
    inflow: &mut Inflow,
    shutdown: &CancellationToken,
) -> io::Result<Option<StreamError>> {
    let mut batch = bound.outbound().batch(inflow, &bound.to);
    inflow.shrink();
    let error = tokio::select! {
        biased;
        written = timeout(WRITE_STALL_MAX, batch.write(io)) => {
            written.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
            bound.outbound().written(&batch);
            return Ok(None);
        }
        error = session_ended(bound.clone()) => error,
    };
    // A stream error can only follow a whole stanza.
    let patience = if shutdown.is_cancelled() { FAREWELL_MAX } else { SLOW_FAREWELL_MAX };
    timeout(patience, batch.write(io)).await.map_err(|_| io::Error::from(io::ErrorKind::TimedOut))??;
    Ok(Some(error))
}

/// Reads what is there into the stream machine. Cancel-safe: nothing is taken from the connection unless it returns.
async fn read(io: &mut Io, stream: &mut Stream, actions: &mut VecDeque<Action>) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut space = [MaybeUninit::uninit(); READ_BYTES_MAX];
        let mut buffer = ReadBuf::uninit(&mut space);
        ready!(Pin::new(&mut *io).poll_read(cx, &mut buffer))?;
        let mut out = Vec::new();
        stream.received(buffer.filled(), &mut out);
        actions.extend(out);
        Poll::Ready(Ok(buffer.filled().len()))
    })
    .await
}

/// Waits until the stream of a session is to be ended from our side, and says why.
async fn session_ended(bound: Arc<Bound>) -> StreamError {
    match bound.ended().await {
        End::Replaced => stream_error(StreamCondition::Conflict, "this resource was bound by another connection"),
        End::SlowReader => stream_error(StreamCondition::PolicyViolation, "you do not read what you are sent; connect again"),
        End::AccountDeleted => stream_error(StreamCondition::NotAuthorized, "this account is deleted"),
        End::Stopped => stream_error(StreamCondition::SystemShutdown, "the server stops"),
    }
}

/// The same for a client that is not bound yet.
async fn stranger_ended(shutdown: &CancellationToken, deadline: Instant) -> StreamError {
    tokio::select! {
        () = shutdown.cancelled() => stream_error(StreamCondition::SystemShutdown, "the server stops"),
        () = sleep_until(deadline) => {
            stream_error(StreamCondition::ConnectionTimeout, "logging in took too long; connect again")
        }
    }
}

/// Why a client does not get the resource that it wants.
enum Unbound {
    /// It is none.
    Resource(conclave_xmpp::JidError),
    /// It was not given.
    Not(NotBound),
}

impl Unbound {
    fn into_stanza_error(self) -> StanzaError {
        match self {
            Unbound::Resource(error) => StanzaError::new(Condition::BadRequest).text(error.to_string()),
            Unbound::Not(NotBound::TooMany) => StanzaError::wait("this account has all the sessions that it may have; end one"),
            Unbound::Not(NotBound::Behind(_) | NotBound::Unreachable) => {
                StanzaError::wait("the servers of this account cannot be reached at the moment; try again")
            }
        }
    }
}

fn stream_error(condition: StreamCondition, text: &str) -> StreamError {
    StreamError { condition, text: Some(text.to_owned()) }
}

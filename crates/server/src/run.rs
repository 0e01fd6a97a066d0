//! One node, from its settings to its end.

mod parts;

use std::fmt;
use std::future::pending;
use std::io;
use std::net::SocketAddr;
use std::os::fd::AsFd;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;
use tokio::net::unix::pipe;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::OnceCell;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{info, warn};

use crate::accounts::Accounts;
use crate::admin::{self, listener::SocketFile};
use crate::cluster::{Cluster, ClusterError};
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::sessions::{End, SessionTable};
use crate::settings::Settings;
use crate::shard_task::Replicas;
use crate::tls::{Tls, TlsError};
use crate::vital;
use crate::{clients, drain, health, http, notify, open_files};
use parts::Parts;

/// How long streams may take to end; a node that is its own cluster is gone within a second of SIGTERM.
const FAREWELL_MAX: Duration = Duration::from_millis(800);

/// How long leadership may take to be handed over before the node ends.
const HAND_OVER_MAX: Duration = Duration::from_secs(2);

/// How long homes may take to commit that the clients of a node that ends come back: as long as it may take a home to be handed over.
const DETACH_MAX: Duration = HAND_OVER_MAX;

/// How long a node that starts waits for homes of all shards before it takes clients all the same: they are told to wait.
const HOMES_MAX: Duration = Duration::from_secs(10);

/// How often the node looks whether they are there.
const HOMES_LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What every part of a node can rely on.
pub struct Node {
    /// What it was told.
    pub settings: Arc<Settings>,
    /// The cluster that it is a node of.
    pub cluster: Cluster,
    /// Who may log in.
    pub accounts: Arc<Accounts>,
    /// Who is here.
    pub sessions: Arc<SessionTable>,
    /// The way to the homes.
    pub hub: Arc<Hub>,
    /// The replicas of shards that are here.
    pub replicas: Arc<Replicas>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// How TLS begins, if there is a certificate.
    pub tls: Option<Tls>,
    /// Where it listens.
    pub addresses: Addresses,
    /// Says that the node takes no clients any more, as it is drained or ends: listeners close, nothing is carried out for those that are here, and soon their
    /// streams end with `system-shutdown`.
    pub shutdown: CancellationToken,
    /// Says that the node ends, for those who watch and administer it, too.
    pub ended: CancellationToken,
    /// What the node waits for, for a moment, before it ends.
    pub connections: TaskTracker,
    streams_ended: OnceCell<()>,
}

/// Where a node listens, with the ports that the system chose for 0.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, Debug)]
pub struct Addresses {
    /// With STARTTLS.
    pub c2s: Vec<SocketAddr>,
    /// With TLS from the first byte.
    pub c2s_tls: Vec<SocketAddr>,
    /// Metrics and health.
    pub http: Vec<SocketAddr>,
    /// For other nodes.
    pub peer: Option<SocketAddr>,
}

/// The sockets at those addresses.
pub struct Listeners {
    /// With STARTTLS.
    pub c2s: Vec<TcpListener>,
    /// With TLS from the first byte.
    pub c2s_tls: Vec<TcpListener>,
    /// For those who watch.
    pub http: Vec<TcpListener>,
}

impl Listeners {
    fn addresses(&self) -> Addresses {
        let of = |listeners: &[TcpListener]| listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect();
        Addresses { c2s: of(&self.c2s), c2s_tls: of(&self.c2s_tls), http: of(&self.http), peer: None }
    }
}

/// A node that serves.
pub struct Running {
    /// Its parts.
    pub node: Arc<Node>,
    _socket: SocketFile,
}

/// Why a node does not start, or has to end.
#[derive(Debug)]
pub enum StartError {
    /// The data directory cannot be made.
    Directory(PathBuf, io::Error),
    /// The node cannot be one of its cluster.
    Cluster(ClusterError),
    /// There is no TLS.
    Tls(TlsError),
    /// An address cannot be listened on.
    Listen(SocketAddr, io::Error),
    /// The administration socket cannot be made.
    Admin(PathBuf, io::Error),
    /// The process cannot be told to end.
    Signals(io::Error),
    /// It can do no more good.
    Failed(String),
}

/// Runs a node until SIGTERM or SIGINT; with `end_with_stdin` also until nobody has the other end of standard input any more.
pub async fn serve(settings: Settings, end_with_stdin: bool) -> Result<(), StartError> {
    let signals = Signals::new().map_err(StartError::Signals)?;
    let stdin = if end_with_stdin { Some(stdin_pipe().map_err(StartError::Signals)?) } else { None };
    open_files::raise();
    let wanted = async {
        tokio::select! {
            signal = signals.wait() => info!("{signal}: the node ends"),
            () = closed(stdin) => info!("whoever started this node wants no more of it, or is gone: the node ends"),
        }
    };
    tokio::pin!(wanted);
    let running = tokio::select! {
        started = Running::start(settings) => started?,
        // A node that waits for others can be told to wait no more.
        () = &mut wanted => return Ok(()),
    };
    notify::ready();
    tokio::select! {
        () = &mut wanted => notify::stopping(),
        reason = running.node.cluster.failed() => return Err(StartError::Failed(reason)),
    }
    running.stop().await;
    Ok(())
}

impl Node {
    /// No client is let in or heard any more, and those that are here are told that the node stops: where they can come back through others at once, not before
    /// their seats wait for them. Returns when they are gone, or have had their time. Once is enough: whoever comes later waits for the first.
    pub async fn end_streams(&self) {
        self.streams_ended.get_or_init(|| self.end_all_streams()).await;
    }

    async fn end_all_streams(&self) {
        self.shutdown.cancel();
        let can_come_back = self.cluster.meta().borrow().nodes().len() > 1 && !self.sessions.is_empty();
        if can_come_back && !self.hub.detach_all(DETACH_MAX).await {
            warn!("not all homes know that the clients of this node are to come back; those in their rooms may notice");
        }
        self.sessions.end_all(End::Stopped);
        self.connections.close();
        if tokio::time::timeout(FAREWELL_MAX, self.connections.wait()).await.is_err() {
            warn!("{} connections did not end in time", self.connections.len());
        }
    }
}

impl Running {
    /// Starts everything; when it returns, the node serves.
    pub async fn start(settings: Settings) -> Result<Running, StartError> {
        let dir = settings.dir.clone();
        conclave_raft::directory::make(&dir).map_err(|cause| StartError::Directory(dir.clone(), cause))?;
        let tls = settings.certificate.as_ref().map(Tls::load).transpose().map_err(StartError::Tls)?;
        warn_of_other_names(&settings, tls.as_ref());
        let listeners = Listeners {
            c2s: listen(&settings.c2s).await?,
            c2s_tls: listen(&settings.c2s_tls).await?,
            http: listen(&settings.http).await?,
        };
        let (addresses, settings) = (listeners.addresses(), Arc::new(settings));
        let (shutdown, ended, connections) = (CancellationToken::new(), CancellationToken::new(), TaskTracker::new());
        let parts = parts::start(&settings, &addresses).await.map_err(StartError::Cluster)?;
        let addresses = Addresses { peer: Some(parts.cluster.peer_address()), ..addresses };
        let socket = admin::socket(&dir);
        let admin = admin::listener::bind(&socket).map_err(|cause| StartError::Admin(socket.clone(), cause))?;
        let Parts { cluster, accounts, sessions, hub, replicas, metrics } = parts;
        let streams_ended = OnceCell::new();
        let node = Node {
            settings,
            cluster,
            accounts,
            sessions,
            hub,
            replicas,
            metrics,
            tls,
            addresses,
            shutdown,
            ended,
            connections,
            streams_ended,
        };
        let running = Running { node: Arc::new(node), _socket: SocketFile(socket) };
        tokio::spawn(admin::listener::serve(admin, running.node.clone()));
        vital::spawn("the watch over accounts", clients::end_deleted(running.node.clone()));
        vital::spawn("the watch over draining", drain::follow(running.node.clone()));
        let (watchers, answers) = (listeners.http, Arc::new(health::answers(&running.node)));
        for listener in watchers {
            tokio::spawn(http::serve(listener, answers.clone(), running.node.ended.clone()));
        }
        running.await_homes().await;
        clients::take(&running.node, listeners.c2s, listeners.c2s_tls);
        running.say_where();
        Ok(running)
    }

    /// Ends everything; returns when the streams are closed, or have had their time. Where there are other nodes, they take over first, and who sits in
    /// rooms by way of this one has the grace to come back through another.
    pub async fn stop(self) {
        let node = &self.node;
        node.cluster.hand_over(HAND_OVER_MAX).await;
        node.end_streams().await;
        node.ended.cancel();
        node.cluster.end().await;
    }

    async fn await_homes(&self) {
        let homes = async {
            while !self.node.hub.homeless_for(Duration::ZERO).is_empty() {
                tokio::time::sleep(HOMES_LOOK_AGAIN).await;
            }
        };
        if tokio::time::timeout(HOMES_MAX, homes).await.is_err() {
            warn!("not all shards have a home so far; clients are told to wait");
        }
    }

    fn say_where(&self) {
        let Settings { domain, service_domain, dir, .. } = self.node.settings.as_ref();
        info!("serving {domain}, rooms at {service_domain}, data in {}", dir.display());
        self.node.addresses.c2s.iter().for_each(|address| info!("listening for clients on {address} (STARTTLS)"));
        self.node.addresses.c2s_tls.iter().for_each(|address| info!("listening for clients on {address} (TLS)"));
        self.node.addresses.http.iter().for_each(|address| info!("metrics and health on http://{address}"));
    }
}

/// What ends a node.
pub struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// From here on these signals do not end the process by themselves.
    pub fn new() -> io::Result<Signals> {
        Ok(Signals { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// Waits for one of them, and names it.
    pub async fn wait(mut self) -> &'static str {
        tokio::select! {
            _ = self.terminate.recv() => "SIGTERM",
            _ = self.interrupt.recv() => "SIGINT",
        }
    }
}

fn stdin_pipe() -> io::Result<pipe::Receiver> {
    pipe::Receiver::from_owned_fd(io::stdin().as_fd().try_clone_to_owned()?)
}

/// Returns when the other end is closed; the system does that for a process that is killed, too.
async fn closed(stdin: Option<pipe::Receiver>) {
    let Some(mut stdin) = stdin else { return pending().await };
    let mut ignored = [0; 64];
    while stdin.read(&mut ignored).await.is_ok_and(|bytes| bytes > 0) {}
}

async fn listen(addresses: &[SocketAddr]) -> Result<Vec<TcpListener>, StartError> {
    let mut listeners = Vec::new();
    for address in addresses {
        listeners.push(TcpListener::bind(address).await.map_err(|cause| StartError::Listen(*address, cause))?);
    }
    Ok(listeners)
}

fn warn_of_other_names(settings: &Settings, tls: Option<&Tls>) {
    let files = settings.certificate.as_ref();
    if let Some((files, _)) = files.zip(tls).filter(|(_, tls)| !tls.is_for(settings.domain.as_str())) {
        warn!("the certificate in {} is not for {}; most clients will refuse it", files.certificate.display(), settings.domain);
    }
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Directory(path, cause) => {
                write!(f, "the data directory {} cannot be made: {cause}; another one is set with `dir`", path.display())
            }
            StartError::Cluster(cause) => cause.fmt(f),
            StartError::Failed(reason) => f.write_str(reason),
            StartError::Tls(cause) => cause.fmt(f),
            StartError::Listen(address, cause) => {
                write!(f, "cannot listen on {address}: {cause}")?;
                match cause.kind() {
                    io::ErrorKind::AddrInUse if address.ip().is_unspecified() => f.write_str(
                        ". Another process has this port, or another of `c2s` and `c2s_tls` covers it: [::] is IPv4 too",
                    ),
                    io::ErrorKind::AddrInUse => f.write_str(". Another process has this port; end it, or choose another port"),
                    io::ErrorKind::PermissionDenied => f.write_str(". Ports below 1024 are for privileged processes only"),
                    _ if address.is_ipv6() => f.write_str(". On a machine without IPv6, use 0.0.0.0 in place of [::]"),
                    _ => Ok(()),
                }
            }
            StartError::Admin(path, cause) => {
                let length = path.as_os_str().len();
                write!(f, "the administration socket {} cannot be made: {cause}", path.display())?;
                if length > 100 {
                    write!(
                        f,
                        ". Its path has {length} bytes, and the system takes about 100: choose a data directory with a shorter one"
                    )?;
                }
                Ok(())
            }
            StartError::Signals(cause) => write!(f, "this process cannot be told to end: {cause}"),
        }
    }
}

impl std::error::Error for StartError {}

#[cfg(test)]
pub(crate) mod tests;

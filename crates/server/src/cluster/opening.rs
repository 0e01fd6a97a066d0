//! From a directory to a registered node.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use conclave_cluster::meta::{Authority, Liveness, MetaRequest, NewNode};
use conclave_cluster::{Incarnation, Secret};
use conclave_raft::{Applied, Group, Sizes, StartError};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tracing::info;

use super::asking::decided;
use super::error::{ClusterError, IdentityError, MetaError};
use super::founding::FIRST;
use super::identity::{self, Founding, StoredIdentity};
use super::liveness;
use super::meta_task::{self, Published};
use super::service::{MetaServer, Service};
use super::{
    ASK_MAX, Cluster, ClusterSettings, Inner, META, OnReplica, governing, introductions, invitations, peers, raft_id,
    registering, replicas,
};
use crate::seed;

pub(super) async fn start(settings: ClusterSettings, services: Routes, on_replica: OnReplica) -> Result<Cluster, ClusterError> {
    let identity = own_identity(&settings)?;
    let listener = listen(&settings, &identity).await?;
    let listening = listener.local_addr().map_err(|cause| ClusterError::Listen(asked_for(&settings, &identity), cause))?;
    let advertised = advertised(&settings, &identity, listening)?;
    info!(node = identity.record.node, "listening for other nodes on {listening}; they find this node at {advertised}");
    let service = Service::default();
    let services = services.add_service(MetaServer::new(service.clone()));
    let raft = conclave_raft::Node::open_with(raft_settings(&settings, &identity), listener, services).await?;
    let peers = identity.record.peers.iter().map(|(node, address)| (raft_id(*node), address.clone())).collect();
    raft.set_peers(peers, None);
    let founding = identity::founding(&settings.dir)?;
    // It may wait for others, if its state is lost.
    let (meta_group, steps) = tokio::select! {
        started = meta_group(&raft, founding.is_some()) => started?,
        reason = raft.failed() => {
            raft.shutdown().await;
            return Err(ClusterError::Failed(reason));
        }
    };
    let published = Published::new();
    let inner = Arc::new(Inner {
        node: identity.record.node,
        told: watch::Sender::new(identity.record.peers.clone()),
        named: watch::Sender::new(None),
        settings,
        identity,
        advertised,
        listening,
        raft,
        meta_group,
        meta: published.meta.subscribe(),
        applied: published.applied.subscribe(),
        me: watch::Sender::new(Incarnation::default()),
        failure: watch::Sender::new(None),
        settled: tokio::sync::Mutex::new(None),
        liveness: Mutex::new(Liveness::default()),
        began: Instant::now(),
        transfers: Semaphore::new(1),
        on_replica,
        stop: CancellationToken::new(),
        tasks: TaskTracker::new(),
    });
    service.open(&inner);
    run(&inner, steps, published);
    let cluster = Cluster(inner);
    match registered(&cluster.0, founding).await {
        Ok(()) => Ok(cluster),
        Err(error) => {
            cluster.0.stop.cancel();
            cluster.0.raft.shutdown().await;
            Err(error)
        }
    }
}

/// A directory without identity becomes a cluster of its own.
fn own_identity(settings: &ClusterSettings) -> Result<StoredIdentity, IdentityError> {
    if let Some(identity) = identity::load(&settings.dir)? {
        return Ok(identity);
    }
    info!("{} has no identity yet: it becomes the first node of a new cluster", settings.dir.display());
    super::init(&settings.dir, None, None, None)?;
    identity::load(&settings.dir)?.ok_or_else(|| IdentityError::Orphaned(settings.dir.clone()))
}

/// What is set; else what the others were told; else what is enough for a node alone.
fn asked_for(settings: &ClusterSettings, identity: &StoredIdentity) -> SocketAddr {
    let told = identity.record.address.as_deref().and_then(|address| match address.parse() {
        Ok(address) => Some(address),
        Err(_) => Some(SocketAddr::new(Ipv6Addr::UNSPECIFIED.into(), address.rsplit_once(':')?.1.parse().ok()?)),
    });
    settings.peer_listen.or(told).unwrap_or_else(|| SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 0))
}

async fn listen(settings: &ClusterSettings, identity: &StoredIdentity) -> Result<TcpListener, ClusterError> {
    let address = asked_for(settings, identity);
    TcpListener::bind(address).await.map_err(|cause| ClusterError::Listen(address, cause))
}

fn advertised(settings: &ClusterSettings, identity: &StoredIdentity, listening: SocketAddr) -> Result<String, ClusterError> {
    let listens = (!listening.ip().is_unspecified()).then(|| listening.to_string());
    let said = settings.peer_advertise.clone();
    let told = || identity.record.address.clone();
    // An address that was set by hand is newer than the one that the others were told.
    let found = if settings.peer_listen.is_some() { listens.or_else(told) } else { told().or(listens) };
    said.or(found).ok_or(ClusterError::Advertise(listening))
}

/// Where the log and the state of all groups are.
pub fn raft_dir(dir: &Path) -> PathBuf {
    dir.join("raft")
}

fn raft_settings(settings: &ClusterSettings, identity: &StoredIdentity) -> conclave_raft::Settings {
    let dir = raft_dir(&settings.dir);
    conclave_raft::Settings {
        accept_loss: format!("conclave cluster accept-loss --dir {}", settings.dir.display()),
        dir,
        identity: identity.proof(),
        timing: settings.timing.raft,
        sizes: Sizes { keep_entries: settings.log_entries_kept, ..Sizes::default() },
    }
}

/// The first node makes the group; the others are found by its leader.
async fn meta_group(raft: &conclave_raft::Node, founds: bool) -> Result<(Group, Applied), StartError> {
    if founds {
        match raft.create(META, &[raft_id(FIRST)]).await {
            // It was made in an earlier life, which did not get any further.
            Err(StartError::Exists(_)) => {}
            made => return made,
        }
    }
    raft.start(META).await
}

/// What runs from the beginning.
fn run(inner: &Arc<Inner>, steps: Applied, published: Published) {
    let of_meta = inner.clone();
    // Not ended with the others: a last request of this node has to be applied, too. It ends with its group.
    inner.tasks.spawn(async move {
        if let Err(reason) = meta_task::run(steps, published).await {
            of_meta.fail(format!("{reason}. A node that does not understand what the others have decided must not go on: is its version older than theirs?"));
        }
    });
    let of_raft = inner.clone();
    inner.spawn(async move { of_raft.fail(of_raft.raft.failed().await) });
    inner.spawn(peers::follow(inner.clone()));
    inner.spawn(peers::watch_refusals(inner.clone()));
    inner.spawn(introductions::ask(inner.clone()));
    inner.spawn(governing::govern(inner.clone(), inner.meta_group.clone(), None));
    inner.spawn(liveness::tell(inner.clone()));
    inner.spawn(liveness::watch(inner.clone()));
    inner.spawn(invitations::withdraw(inner.clone()));
}

/// Begins the cluster, if this node is to, and registers; then everything else runs.
async fn registered(inner: &Arc<Inner>, founding: Option<Founding>) -> Result<(), ClusterError> {
    let registering = async {
        if let Some(founding) = founding {
            begin(inner, founding).await?;
        }
        registering::register(inner).await
    };
    let mut failure = inner.failure.subscribe();
    let incarnation = tokio::select! {
        registered = registering => registered?,
        Ok(reason) = failure.wait_for(Option::is_some) => return Err(ClusterError::Failed(reason.clone().unwrap_or_default())),
    };
    info!("registered as incarnation {incarnation}");
    inner.me.send_replace(incarnation);
    inner.spawn(registering::stay_registered(inner.clone()));
    inner.spawn(replicas::follow(inner.clone()));
    Ok(())
}

async fn begin(inner: &Inner, founding: Founding) -> Result<(), ClusterError> {
    let request = begin_request(inner, founding);
    loop {
        match decided(inner, &request, ASK_MAX).await {
            Ok(_) => break,
            // It began in an earlier life of this node.
            Err(MetaError::Refused(_)) => break,
            Err(error) => info!("waiting for the register of the cluster to begin: {error}"),
        }
    }
    Ok(identity::founded(&inner.settings.dir)?)
}

fn begin_request(inner: &Inner, founding: Founding) -> MetaRequest {
    let (settings, identity) = (&inner.settings, &inner.identity);
    let others = founding.invited.into_iter().map(|(node, peer)| NewNode { node, peer });
    MetaRequest::Begin {
        cluster: identity.record.cluster.clone(),
        shards: founding.shards.unwrap_or(settings.shards),
        wait_for: founding.wait_for.unwrap_or(settings.initial_nodes),
        secret: Secret(seed::fresh()),
        authority: Authority { certificate: identity.ca.clone(), key: founding.ca_key },
        nodes: [NewNode { node: inner.node, peer: inner.advertised.clone() }].into_iter().chain(others).collect(),
        service: settings.service.clone(),
    }
}

//! What a node is made of, put together: the cluster below, the shards and edges above it.

use std::collections::BTreeSet;
use std::sync::atomic::AtomicUsize;
use std::sync::{Arc, Mutex, PoisonError};

use conclave_cluster::Incarnation;
use tokio::sync::{mpsc, watch};
use tonic::service::Routes;

use super::Addresses;
use crate::accounts::Accounts;
use crate::admin::standing::{StandingServer, StandingService};
use crate::cluster::{Cluster, ClusterError, ClusterSettings};
use crate::delivery::service::DeliveryService;
use crate::homes::Homes;
use crate::hub::Hub;
use crate::metrics::Metrics;
use crate::sessions::SessionTable;
use crate::settings::Settings;
use crate::shard_task::Replicas;
use crate::vital;
use crate::{clients, edge_task, health, home_terms, shard_task};

/// They know each other by what is in them.
pub(super) struct Parts {
    pub cluster: Cluster,
    pub accounts: Arc<Accounts>,
    pub sessions: Arc<SessionTable>,
    pub hub: Arc<Hub>,
    pub replicas: Arc<Replicas>,
    pub metrics: Arc<Metrics>,
}

/// Starts them from the bottom up.
pub(super) async fn start(settings: &Settings, addresses: &Addresses) -> Result<Parts, ClusterError> {
    let (replicas, metrics) = (Arc::new(Replicas::default()), Arc::new(Metrics::new()));
    // Replicas start before what they need is there; a few for each change of placement.
    let (started, mut replicas_started) = mpsc::unbounded_channel();
    let on_replica = move |shard, group, applied| drop(started.send((shard, group, applied)));
    let standing = StandingService::default();
    let services =
        Routes::new(DeliveryService::new(replicas.clone(), metrics.clone())).add_service(StandingServer::new(standing.clone()));
    let cluster = Cluster::start(ClusterSettings::of(settings, addresses), services, Box::new(on_replica)).await?;
    standing.open(cluster.raft());
    let sessions = Arc::new(clients::session_table(&settings.limits, cluster.me().borrow().node, metrics.clone()));
    let accounts = Arc::new(Accounts::new(cluster.clone(), settings.domain.clone(), settings.password_iterations));
    let shard_shared = shard_task::Shared {
        replicas: replicas.clone(),
        me: cluster.me(),
        meta: cluster.meta(),
        terms: home_terms::follow(settings, accounts.secret("occupant ids"), cluster.meta()),
        rooms: Arc::new(AtomicUsize::new(0)),
        metrics: metrics.clone(),
    };
    vital::spawn("the start of replicas", async move {
        while let Some((shard, group, applied)) = replicas_started.recv().await {
            shard_task::start(shard_shared.clone(), shard, group, applied);
        }
    });
    let hub = edges(settings, &cluster, sessions.clone(), replicas.clone(), metrics.clone());
    health::count(&metrics, &cluster, &replicas);
    Ok(Parts { cluster, accounts, sessions, hub, replicas, metrics })
}

/// Stanzas that are on their way back because a session does not read as fast as it is sent to. With more, a sender is not told.
const BOUNCES_MAX: usize = 1024;

fn edges(
    settings: &Settings,
    cluster: &Cluster,
    sessions: Arc<SessionTable>,
    replicas: Arc<Replicas>,
    metrics: Arc<Metrics>,
) -> Arc<Hub> {
    let (bounces, bounced) = mpsc::channel(BOUNCES_MAX);
    let shards = cluster.meta().borrow().shards();
    let lives = Arc::new(Mutex::new(vec![cluster.me().borrow().number]));
    let missed = watch::Sender::new(BTreeSet::new());
    let shared = edge_task::Shared {
        sessions,
        replicas,
        raft: cluster.raft().clone(),
        me: cluster.me(),
        lives: lives.clone(),
        meta: cluster.meta(),
        homes: Arc::new(Homes::new(shards)),
        missed: missed.clone(),
        bounces,
        metrics,
    };
    let hub = Hub::start(settings.domain.clone(), settings.service_domain.clone(), shards, shared, bounced);
    vital::spawn("the watch over this node's life", live_on(cluster.me(), lives, hub.clone()));
    vital::spawn("the watch over what this node missed", bind_what_was_missed(missed, hub.clone()));
    hub
}

/// A session that was replaced meanwhile may never have heard of it.
async fn bind_what_was_missed(missed: watch::Sender<BTreeSet<u16>>, hub: Arc<Hub>) {
    let mut news = missed.subscribe();
    while news.changed().await.is_ok() {
        let mut shards = BTreeSet::new();
        missed.send_if_modified(|missed| {
            shards = std::mem::take(missed);
            false
        });
        shards.into_iter().for_each(|shard| hub.rebind_of(shard));
    }
}

/// A node that was taken for dead and lives is another incarnation from then on; its sessions go with it.
async fn live_on(mut me: watch::Receiver<Incarnation>, lives: Arc<Mutex<Vec<u32>>>, hub: Arc<Hub>) {
    while me.changed().await.is_ok() {
        let number = me.borrow_and_update().number;
        note(&lives, number);
        hub.rebind_all();
    }
}

fn note(lives: &Mutex<Vec<u32>>, number: u32) {
    let mut all = lives.lock().unwrap_or_else(PoisonError::into_inner);
    if !all.contains(&number) {
        all.push(number);
    }
}

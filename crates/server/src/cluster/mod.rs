//! A node as one of its cluster: who it is, the Raft groups that run on it, what meta says of all, and that it lives. Knows nothing of rooms.
//!
//! ```text
//! identity, founding, token     DIR/identity: init, invite, join
//! meta_task                     folds meta's log and publishes it; deciding: what its leader does with a request; asking: the way to the leader
//! registering, liveness         this node's incarnation; whether the others live
//! invitations, introductions    how long a node that was invited may take to come; who tells those of it that were away then
//! replicas, governing, balance  which groups run here; what the leader of one sees to
//! ```

mod asking;
mod authority;
mod balance;
mod deciding;
mod error;
mod founding;
mod governing;
mod identity;
mod introductions;
mod invitations;
mod liveness;
mod meta_task;
mod opening;
mod peers;
mod registering;
mod replicas;
mod service;
mod settings;
#[cfg(test)]
mod tests;
mod token;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use conclave_cluster::Incarnation;
use conclave_cluster::meta::{EndReason, Liveness, Meta, MetaDone, MetaRequest};
use conclave_raft::{Applied, Group, GroupId, Leadership, NodeId};
use tokio::sync::{Semaphore, watch};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tonic::service::Routes;
use tracing::warn;

pub use error::{ClusterError, IdentityError, InviteError, JoinError, MetaError};
pub use founding::{init, prepare};
pub use opening::raft_dir;
pub use settings::{ClusterSettings, ClusterTiming};
pub use token::{Token, join};

pub(crate) use registering::is_address;

use identity::StoredIdentity;

/// The group that knows the nodes. Shard s is group s + 1.
const META: GroupId = GroupId(0);

/// How long [`Cluster::ask`] tries.
const ASK_MAX: Duration = Duration::from_secs(5);

/// How long a node that ends tries to tell the others.
const FAREWELL_MAX: Duration = Duration::from_secs(1);

/// What is called with each replica of a shard that is started here: the number of the shard, and its group's two faces.
pub type OnReplica = Box<dyn Fn(u16, Group, Applied) + Send + Sync>;

/// This node as one of its cluster. Cheap to clone.
#[derive(Clone)]
pub struct Cluster(Arc<Inner>);

struct Inner {
    settings: ClusterSettings,
    identity: StoredIdentity,
    node: u32,
    /// Where nodes are by what this one was told outside of the register. It counts only of those of which the register says nothing here yet.
    told: watch::Sender<BTreeMap<u32, String>>,
    /// Who was named as the leader of meta last and is no peer.
    named: watch::Sender<Option<NodeId>>,
    /// Where others find this node.
    advertised: String,
    listening: SocketAddr,
    raft: conclave_raft::Node,
    meta_group: Group,
    meta: watch::Receiver<Arc<Meta>>,
    /// How many entries of meta's log are in it.
    applied: watch::Receiver<u64>,
    me: watch::Sender<Incarnation>,
    failure: watch::Sender<Option<String>>,
    /// Held while something is decided here; the time in office for which `meta` is known to hold all that was proposed before.
    settled: tokio::sync::Mutex<Option<Leadership>>,
    /// Of the others, while this node leads meta.
    liveness: Mutex<Liveness>,
    /// When this node began.
    began: Instant,
    /// One transfer of leadership at a time: each stops its group for a moment.
    transfers: Semaphore,
    on_replica: OnReplica,
    stop: CancellationToken,
    tasks: TaskTracker,
}

impl Cluster {
    /// Opens the node and joins it to its cluster: a directory without identity becomes a cluster of its own. Returns when this node is registered; that waits
    /// for most of the cluster's nodes, however long, and says so. The groups start by and by, and `on_replica` gets each that is a shard's. `services`
    /// are served to the other nodes on the same connections.
    ///
    /// # Errors
    /// [`ClusterError`]; each says what to do.
    pub async fn start(settings: ClusterSettings, services: Routes, on_replica: OnReplica) -> Result<Cluster, ClusterError> {
        opening::start(settings, services, on_replica).await
    }

    /// This node's incarnation as it is registered. Changes when the node was taken for dead and has registered again.
    pub fn me(&self) -> watch::Receiver<Incarnation> {
        self.0.me.subscribe()
    }

    /// Meta, as far as it is applied here.
    pub fn meta(&self) -> watch::Receiver<Arc<Meta>> {
        self.0.meta.clone()
    }

    /// Has the leader of meta, wherever it is, decide and commit this. Returns when it is applied here, too. Tries for 5 s, and may ask twice.
    ///
    /// # Errors
    /// [`MetaError::Refused`]: it was judged, and nothing happened. Otherwise it may happen still.
    pub async fn ask(&self, request: MetaRequest) -> Result<MetaDone, MetaError> {
        asking::ask(&self.0, &request, ASK_MAX).await
    }

    /// Invites a node that will be found at `address` (`host:port`): the token that makes a directory that node.
    ///
    /// # Errors
    /// [`InviteError`]; nobody is invited then, or a number is left unused.
    pub async fn invite(&self, address: String) -> Result<Token, InviteError> {
        registering::invite(self, address).await
    }

    /// The replica of a shard, if one runs here.
    pub fn group(&self, shard: u16) -> Option<Group> {
        self.0.raft.group(group_of(shard))
    }

    /// The replica of meta; every node has one.
    pub fn meta_group(&self) -> Option<Group> {
        Some(self.0.meta_group.clone())
    }

    /// The Raft node with all groups, meta's too, and the connections to the others.
    pub fn raft(&self) -> &conclave_raft::Node {
        &self.0.raft
    }

    /// Where this node listens for others.
    pub fn peer_address(&self) -> SocketAddr {
        self.0.listening
    }

    /// Hands leadership of all groups that this node leads to others that live. Returns when that is done, or `limit` is over.
    pub async fn hand_over(&self, limit: Duration) {
        if tokio::time::timeout(limit, balance::hand_over(&self.0)).await.is_err() {
            warn!("not all leadership was handed over within {} ms", limit.as_millis());
        }
    }

    /// Tells the others that this incarnation has ended, and ends everything. Leadership is not handed over: do that before.
    pub async fn end(&self) {
        self.0.stop.cancel();
        let incarnation = *self.0.me.borrow();
        let request = MetaRequest::End { incarnation, why: EndReason::Stopped };
        if let Err(error) = asking::decided(&self.0, &request, FAREWELL_MAX).await {
            warn!(%error, "the others were not told that this node ends; they will notice");
        }
        self.0.tasks.close();
        self.0.raft.shutdown().await;
    }

    /// Why this node should end, if so.
    pub fn failure(&self) -> Option<String> {
        self.0.failure.borrow().clone()
    }

    /// Waits until this node can do no more good as one of its cluster, and says why. End the process then.
    pub async fn failed(&self) -> String {
        let mut failure = self.0.failure.subscribe();
        match failure.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            // The sender is in `self`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }
}

impl Inner {
    fn meta(&self) -> Arc<Meta> {
        self.meta.borrow().clone()
    }

    /// As the service goes by it now.
    fn timing(&self) -> ClusterTiming {
        self.settings.timing.by(self.meta.borrow().service())
    }

    fn fail(&self, reason: String) {
        self.failure.send_if_modified(|failure| failure.is_none() && failure.replace(reason).is_none());
    }

    /// By a clock that nobody can set, since this node began.
    fn now(&self) -> Duration {
        self.began.elapsed()
    }

    fn liveness(&self) -> std::sync::MutexGuard<'_, Liveness> {
        // Whoever held it has left nothing half done.
        self.liveness.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Runs until it ends or the node does.
    fn spawn(self: &Arc<Self>, task: impl Future<Output = ()> + Send + 'static) {
        let stop = self.stop.clone();
        self.tasks.spawn(async move {
            stop.run_until_cancelled(task).await;
        });
    }
}

fn group_of(shard: u16) -> GroupId {
    GroupId(u32::from(shard) + 1)
}

fn raft_id(node: u32) -> conclave_raft::NodeId {
    conclave_raft::NodeId(u64::from(node))
}

/// `None` for a number that no register gives.
fn number_of(node: conclave_raft::NodeId) -> Option<u32> {
    u32::try_from(node.0).ok()
}

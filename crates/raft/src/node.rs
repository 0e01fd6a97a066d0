//! One node: its directory, its log, its connections, and the groups that run on it.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tokio::net::TcpListener;
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use tonic::service::Routes;

use crate::consensus::{self, Mine, Replicas, Service, Turns};
use crate::disk::{Disk, unreadable};
use crate::memory::PeerMemory;
use crate::transport::{Channel, Death, Transport, TransportLimits};
use crate::{Applied, Group, GroupId, LogStats, NodeId, OpenError, PeerStatus, Settings, StartError};

/// A node with all its groups. Cheap to clone.
#[derive(Clone)]
pub struct Node(Arc<Inner>);

pub(crate) struct Inner {
    pub id: NodeId,
    pub settings: Settings,
    pub disk: Disk,
    pub transport: Arc<Transport>,
    pub replicas: Replicas,
    pub turns: Turns,
    /// Why the node should end, once there is a reason.
    pub failure: tokio::sync::watch::Sender<Option<String>>,
    pub stop: CancellationToken,
}

impl Node {
    /// Opens the node's directory, checks every byte of it, and begins to listen to peers on `listener`. Groups do not run yet, and no peer is let in before
    /// [`Node::set_peers`].
    ///
    /// # Errors
    /// [`OpenError`]; nothing is repaired in silence. A state database that cannot be trusted is moved aside, since log and peers have what was in it.
    pub async fn open(settings: Settings, listener: TcpListener) -> Result<Self, OpenError> {
        Self::open_with(settings, listener, Routes::default()).await
    }

    /// As [`Node::open`], with gRPC services of your own on the same connections.
    pub async fn open_with(settings: Settings, listener: TcpListener, services: Routes) -> Result<Self, OpenError> {
        let to_open = settings.clone();
        let disk = tokio::task::spawn_blocking(move || Disk::open(&to_open)).await;
        let disk = disk.map_err(|panic| unreadable(&settings.dir, panic.to_string()))??;
        let replicas = Replicas::default();
        let service = Service { replicas: replicas.clone(), log: disk.log.clone(), dir: settings.dir.clone() };
        let memory = Arc::new(PeerMemory(disk.log.clone()));
        let (identity, life) = (settings.identity.clone(), disk.life.clone());
        let transport = Transport::start(listener, identity, life, memory, service, services, TransportLimits::default()).await;
        let transport = Arc::new(transport.map_err(|error| OpenError::Transport(error.to_string()))?);
        let failure = tokio::sync::watch::Sender::new(None);
        let (id, stop) = (settings.identity.node, CancellationToken::new());
        let node = Self(Arc::new(Inner { id, settings, disk, transport, replicas, turns: Turns::default(), failure, stop }));
        tokio::spawn(node.clone().deaths());
        tokio::spawn(node.clone().unfit());
        Ok(node)
    }

    /// Which node this is.
    pub fn id(&self) -> NodeId {
        self.0.id
    }

    /// How often its directory was started, this time included.
    pub fn incarnation(&self) -> u64 {
        self.0.disk.life.incarnation
    }

    /// Who may talk to this node, and where each is reached (`host:port`). This node itself may be among them. A peer that is no longer named is cut off.
    /// `last` is the highest number that any node had by then. Numbers are never given twice: whoever has one up to this, and is not named, was removed, and is
    /// told that it can never come back ([`Node::failed`]). None where numbers say nothing: then it may try for ever.
    pub fn set_peers(&self, peers: BTreeMap<NodeId, String>, last: Option<NodeId>) {
        let others: BTreeMap<_, _> = peers.into_iter().filter(|(node, _)| *node != self.0.id).collect();
        if !others.is_empty() {
            self.0.disk.set_not_alone();
        }
        self.0.transport.set_peers(others, last);
    }

    /// How each peer is reached.
    pub fn peers(&self) -> Vec<PeerStatus> {
        self.0.transport.status()
    }

    /// Changes whenever a node is refused that has proved its number, was not named by [`Node::set_peers`], and is not known to have been removed: it may be
    /// one that is not known here yet.
    pub fn strangers(&self) -> watch::Receiver<Option<NodeId>> {
        self.0.transport.strangers()
    }

    /// The connection to a peer, for services of your own.
    pub fn channel(&self, peer: NodeId) -> Option<Channel> {
        self.0.transport.channel(peer)
    }

    /// Figures of the log of all groups, for metrics.
    pub fn log_stats(&self) -> LogStats {
        self.0.disk.log.stats()
    }

    /// Groups that have something on this node's disk, running or not.
    pub fn stored_groups(&self) -> Vec<GroupId> {
        self.0.disk.groups()
    }

    /// Makes a new group of these voters, of which this node must be one. On one node only; the others [`Node::start`] it.
    pub async fn create(&self, group: GroupId, voters: &[NodeId]) -> Result<(Group, Applied), StartError> {
        let (started, applied) = self.start(group).await?;
        match consensus::create(&started.0, voters).await {
            Ok(()) => Ok((started, applied)),
            Err(error) => {
                self.stop(group).await;
                Err(error)
            }
        }
    }

    /// Starts this node's replica of a group: with what is on disk, or with nothing, to be found by the leader. If its state is lost it is fetched from a
    /// peer first, however long that takes. Everything in [`Applied`] must be taken, or the group stands still.
    pub async fn start(&self, group: GroupId) -> Result<(Group, Applied), StartError> {
        if group.0 >= GroupId::RESERVED {
            return Err(StartError::Reserved(group));
        }
        let mine = self.0.turns.start(group).await;
        let (replica, applied) = consensus::start(&self.0, group, &mine).await?;
        Ok((Group(replica), applied))
    }

    /// The group, if it runs here.
    pub fn group(&self, group: GroupId) -> Option<Group> {
        self.0.replicas.get(group).map(Group)
    }

    /// Stops this node's replica. Its data stay.
    pub async fn stop(&self, group: GroupId) {
        let mine = self.0.turns.stop(group).await;
        self.end(group, &mine).await;
    }

    async fn end(&self, group: GroupId, _mine: &Mine) {
        if let Some(replica) = self.0.replicas.remove(group) {
            replica.shutdown().await;
        }
    }

    /// Stops this node's replica and deletes its data, except the vote: call it when the node has been taken out of the group. It may come back later, as a
    /// learner first.
    pub async fn forget(&self, group: GroupId) {
        let mine = self.0.turns.stop(group).await;
        self.end(group, &mine).await;
        consensus::forget(&self.0, group).await;
    }

    /// Waits until the node can do no more good, and says why: a group has failed, or the peers refuse this node for good, as one that was removed or
    /// lost its data. End the process then.
    pub async fn failed(&self) -> String {
        let mut failure = self.0.failure.subscribe();
        match failure.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            // The sender is in `self`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Ends everything in order. Leadership is not handed over: do that before, group by group.
    pub async fn shutdown(&self) {
        self.0.stop.cancel();
        for replica in self.0.replicas.all() {
            self.stop(replica.group).await;
        }
        self.0.transport.stop().await;
        self.0.disk.close().await;
    }

    async fn deaths(self) {
        let mut deaths = self.0.transport.deaths();
        while let Some(death) = self.0.stop.run_until_cancelled(deaths.recv()).await {
            match death {
                Ok(death) => self.on_death(&death),
                // More at once than are remembered: the timeouts decide about those.
                Err(RecvError::Lagged(missed)) => tracing::warn!(missed, "more peers died at once than could be noticed"),
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn on_death(&self, death: &Death) {
        tracing::warn!(node = %death.node, incarnation = death.incarnation, "this peer is gone: its connection broke and its address refuses another");
        if !self.0.settings.timing.elect_on_death {
            return;
        }
        for replica in self.0.replicas.all() {
            tokio::spawn(consensus::on_death(replica, death.node));
        }
    }

    async fn unfit(self) {
        if let Some(reason) = self.0.stop.run_until_cancelled(self.0.transport.refused_as_unfit()).await {
            self.0.failure.send_replace(Some(reason));
        }
    }
}

impl std::fmt::Debug for Node {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Node").field("id", &self.0.id).finish()
    }
}

/// A lock whose holder cannot have left anything half done.
pub(crate) fn held<T>(lock: &std::sync::Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}

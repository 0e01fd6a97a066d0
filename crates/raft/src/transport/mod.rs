//! One connection from each node to each of its peers, for all groups and for whatever else the nodes say to each other: mutual TLS, greetings by
//! which both find out whether they may talk, then gRPC. And the knowledge which peers are dead for certain.
//!
//! Knows nothing of Raft, but for carrying its calls.

mod channel;
mod complaints;
mod connection;
mod death;
mod dialler;
mod error;
mod greeting;
mod hello;
mod identity;
mod limits;
mod listener;
mod local;
mod memory;
mod peer;
mod peers;
mod refusal;
mod socket;
mod status;
#[cfg(test)]
pub(crate) mod tests;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::net::TcpListener;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tonic::codegen::http::uri::Authority;
use tonic::service::Routes;

pub use channel::Channel;
pub(crate) use death::Death;
pub(crate) use error::TransportError;
pub use identity::Identity;
pub(crate) use limits::TransportLimits;
pub(crate) use memory::{Memory, Remembered};
pub use status::{PeerState, PeerStatus};

use crate::NodeId;
use crate::wire::raft_client::RaftClient;
use crate::wire::raft_server::{Raft, RaftServer};
use listener::Listener;
use local::Local;
use peers::Peers;

/// This start of the node.
#[derive(Debug, Clone)]
pub(crate) struct Life {
    /// Random, made with the data directory.
    pub storage: [u8; 16],
    /// Counts the starts of the data directory, from 1.
    pub incarnation: u64,
    /// Random, made with this start.
    pub life: [u8; 16],
}

/// Who called: among the extensions of each request that a service gets. Proven by the connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caller {
    /// The peer.
    pub node: NodeId,
    /// Which start of it.
    pub incarnation: u64,
}

/// All connections of a node. Dropping it closes them, and the listener.
pub(crate) struct Transport {
    local: Arc<Local>,
    peers: Arc<Peers>,
    listening: CancellationToken,
    listener: Mutex<Option<JoinHandle<()>>>,
}

impl Transport {
    /// Listens. Nobody is a peer yet, so everybody is refused. `more` are further services for the same connections; the limits of their messages are
    /// their own.
    ///
    /// # Errors
    /// The identity is not usable; [`TransportError`] says what is wrong with it.
    pub async fn start(
        listener: TcpListener,
        identity: Identity,
        life: Life,
        memory: Arc<dyn Memory>,
        service: impl Raft,
        more: Routes,
        limits: TransportLimits,
    ) -> Result<Self, TransportError> {
        let local = Local::new(identity, life, memory, limits)?;
        let peers = Arc::new(Peers::new(local.clone()));
        let bytes_max = local.limits.message_bytes_max;
        let raft = RaftServer::new(service).max_decoding_message_size(bytes_max).max_encoding_message_size(bytes_max);
        let listening = CancellationToken::new();
        let listener = Listener { local: local.clone(), peers: peers.clone(), tcp: listener };
        let listener = tokio::spawn(listener.run(more.add_service(raft), listening.clone()));
        Ok(Self { local, peers, listening, listener: Mutex::new(Some(listener)) })
    }

    /// Who may speak to us, and where each is reached (`host:port`). Replaces the table there was: who is in it no more is revoked, its connections
    /// are closed at once, both ways, and new ones refused. This node itself may be named. `last` is the highest number that any node had by then, if
    /// that is known: whoever has one up to this, and is not in the table, was removed, and is told so when it calls.
    pub fn set_peers(&self, peers: BTreeMap<NodeId, String>, last: Option<NodeId>) {
        self.peers.replace(peers, last);
    }

    /// The table, without this node.
    pub fn peers(&self) -> BTreeMap<NodeId, String> {
        self.peers.addresses()
    }

    /// For Raft's calls to a peer; see [`Channel`]. None: it is no peer.
    pub fn client(&self, node: NodeId) -> Option<RaftClient<Channel>> {
        let bytes_max = self.local.limits.message_bytes_max;
        let client = RaftClient::new(self.channel(node)?);
        Some(client.max_decoding_message_size(bytes_max).max_encoding_message_size(bytes_max))
    }

    /// For calls of other services to a peer. None: it is no peer.
    pub fn channel(&self, node: NodeId) -> Option<Channel> {
        let peer = self.peers.get(node)?;
        let origin = Authority::from_maybe_shared(identity::name(&self.local.cluster, node)).ok()?;
        Some(Channel::new(peer, origin, self.local.limits.wait_max))
    }

    /// A peer's answer told how far its log is on its disk: it may never come back with less. Known at once, and on our disk within a second or two.
    pub fn observe(&self, node: NodeId, synced: u64) {
        self.local.acquaintances.observe(node, synced);
    }

    /// Deaths that are proven from now on.
    pub fn deaths(&self) -> broadcast::Receiver<Death> {
        self.local.deaths.subscribe()
    }

    /// Whether it is proven that a peer is dead. Until it is connected again, in either direction.
    pub fn is_dead(&self, node: NodeId) -> bool {
        self.peers.get(node).is_some_and(|peer| peer.is_dead())
    }

    /// The same; but if the connection to it is up or has just broken, waits until it is proven or the time is over.
    pub async fn dies(&self, node: NodeId, within: Duration) -> bool {
        match self.peers.get(node) {
            Some(peer) => peer.dies(within).await,
            None => false,
        }
    }

    /// Waits until a peer refuses this node for good, because of what is in its data directory (another one, an old copy, a part of it) or because it was
    /// removed, and says what the peer said. The node can do no good from then on.
    pub async fn refused_as_unfit(&self) -> String {
        let mut unfit = self.local.unfit.subscribe();
        match unfit.wait_for(Option::is_some).await.map(|reason| reason.clone()) {
            Ok(Some(reason)) => reason,
            // The sender is in `self`.
            Ok(None) | Err(_) => std::future::pending().await,
        }
    }

    /// Changes whenever somebody is refused who has the certificate of a node, is no peer, and may be a new one. Who that was.
    pub fn strangers(&self) -> watch::Receiver<Option<NodeId>> {
        self.local.strangers.subscribe()
    }

    /// How each peer is reached.
    pub fn status(&self) -> Vec<PeerStatus> {
        self.peers.status()
    }

    /// Closes all connections, then the listener. The peers may take this node for dead from then on, so nothing of it may act any more.
    pub async fn stop(&self) {
        self.local.stop.cancel();
        self.local.tasks.close();
        if timeout(self.local.limits.stop_max, self.local.tasks.wait()).await.is_err() {
            tracing::warn!("not all connections to peers closed in time");
        }
        self.listening.cancel();
        let listener = self.listener.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(listener) = listener {
            // It may have panicked, which is no reason to do so as well.
            let _ = listener.await;
        }
    }
}

impl Drop for Transport {
    fn drop(&mut self) {
        self.local.stop.cancel();
        self.listening.cancel();
    }
}

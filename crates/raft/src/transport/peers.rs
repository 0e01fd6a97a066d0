//! The table of peers: who may speak to us, and where they are reached.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use super::PeerStatus;
use super::dialler::Dialler;
use super::hello::Membership;
use super::local::Local;
use super::peer::Peer;
use crate::NodeId;

/// All peers, each with the task that keeps our connection to it up.
pub(super) struct Peers {
    local: Arc<Local>,
    table: RwLock<BTreeMap<NodeId, Arc<Peer>>>,
    last_given: AtomicU64,
}

impl Peers {
    pub fn new(local: Arc<Local>) -> Self {
        Self { local, table: RwLock::default(), last_given: AtomicU64::new(0) }
    }

    pub fn get(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).get(&node).cloned()
    }

    /// The same, and what its absence means.
    pub fn find(&self, node: NodeId) -> (Option<Arc<Peer>>, Membership) {
        // Read first, for it is written last: whoever had its number by then is in the table that is read now.
        let last = NodeId(self.last_given.load(Ordering::Acquire));
        let peer = self.get(node);
        let membership = match &peer {
            Some(_) => Membership::Member,
            None if node <= last => Membership::Removed,
            None => Membership::Unknown,
        };
        (peer, membership)
    }

    /// Behind the table that says so.
    pub fn set_last_given(&self, last: NodeId) {
        self.last_given.store(last.0, Ordering::Release);
    }

    /// Who is named no more is cut off; who is named with another address is connected to anew.
    pub fn replace(&self, peers: BTreeMap<NodeId, String>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.retain(|node, peer| {
            let stays = peers.contains_key(node);
            if !stays {
                tracing::info!(%node, "no peer any more; its connections are closed");
                peer.revoked.cancel();
            }
            stays
        });
        for (node, address) in peers.into_iter().filter(|(node, _)| *node != self.local.node) {
            match table.get(&node) {
                Some(peer) => {
                    peer.address.send_if_modified(|before| std::mem::replace(before, address.clone()) != address);
                }
                None => drop(table.insert(node, self.begin(node, address))),
            }
        }
    }

    fn begin(&self, node: NodeId, address: String) -> Arc<Peer> {
        let (peer, events) = Peer::new(&self.local, node, address);
        let dialler = Dialler::new(self.local.clone(), peer.clone(), events);
        self.local.tasks.spawn_on(dialler.run(), &self.local.runtime);
        peer
    }

    pub fn addresses(&self) -> BTreeMap<NodeId, String> {
        let table = self.table.read().unwrap_or_else(PoisonError::into_inner);
        table.iter().map(|(node, peer)| (*node, peer.address.borrow().clone())).collect()
    }

    pub fn status(&self) -> Vec<PeerStatus> {
        self.table.read().unwrap_or_else(PoisonError::into_inner).values().map(|peer| peer.status()).collect()
    }
}

//! The table of peers: who may speak to us, and where they are reached.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use super::PeerStatus;
use super::dialler::Dialler;
use super::hello::Absence;
use super::local::Local;
use super::peer::Peer;
use crate::NodeId;

/// All peers, each with the task that keeps our connection to it up.
pub(super) struct Peers {
    local: Arc<Local>,
    table: RwLock<Table>,
}

#[derive(Default)]
struct Table {
    peers: BTreeMap<NodeId, Arc<Peer>>,
    /// The highest number that anybody had by then.
    last: Option<NodeId>,
}

impl Peers {
    pub fn new(local: Arc<Local>) -> Self {
        Self { local, table: RwLock::default() }
    }

    pub fn get(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.find(node).ok()
    }

    /// The same, or why it is not there.
    pub fn find(&self, node: NodeId) -> Result<Arc<Peer>, Absence> {
        let table = self.read();
        match table.peers.get(&node) {
            Some(peer) => Ok(peer.clone()),
            None if Some(node) <= table.last => Err(Absence::Removed),
            None => Err(Absence::Unknown),
        }
    }

    /// Who is named no more is cut off; who is named with another address is connected to anew.
    pub fn replace(&self, peers: BTreeMap<NodeId, String>, last: Option<NodeId>) {
        let mut table = self.table.write().unwrap_or_else(PoisonError::into_inner);
        table.last = last;
        table.peers.retain(|node, peer| {
            let stays = peers.contains_key(node);
            if !stays {
                tracing::info!(%node, "no peer any more; its connections are closed");
                peer.revoked.cancel();
            }
            stays
        });
        for (node, address) in peers.into_iter().filter(|(node, _)| *node != self.local.node) {
            match table.peers.get(&node) {
                Some(peer) => {
                    peer.address.send_if_modified(|before| std::mem::replace(before, address.clone()) != address);
                }
                None => drop(table.peers.insert(node, self.begin(node, address))),
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
        self.read().peers.iter().map(|(node, peer)| (*node, peer.address.borrow().clone())).collect()
    }

    pub fn status(&self) -> Vec<PeerStatus> {
        self.read().peers.values().map(|peer| peer.status()).collect()
    }

    fn read(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }
}

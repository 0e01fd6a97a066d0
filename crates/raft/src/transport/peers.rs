//! The table of peers: who may speak to us, and where they are reached.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::PeerStatus;
use super::dialler::Dialler;
use super::local::Local;
use super::peer::Peer;
use crate::NodeId;

/// All peers, each with the task that keeps our connection to it up.
pub(super) struct Peers {
    local: Arc<Local>,
    table: RwLock<Table>,
}

struct Table {
    peers: BTreeMap<NodeId, Arc<Peer>>,
    /// Of all nodes that this one has heard of, those included that are gone. Whoever has a higher number came behind that, and need not be named: the
    /// one that could tell us of a new leader is that leader (a Raft server takes calls also from those who are in no configuration that it knows:
    /// Ongaro's thesis, 4.1).
    newest: NodeId,
}

impl Table {
    fn admits(&self, node: NodeId) -> bool {
        self.peers.contains_key(&node) || node > self.newest
    }
}

impl Peers {
    pub fn new(local: Arc<Local>) -> Self {
        Self { local, table: RwLock::new(Table { peers: BTreeMap::new(), newest: NodeId(u64::MAX) }) }
    }

    pub fn get(&self, node: NodeId) -> Option<Arc<Peer>> {
        self.table().peers.get(&node).cloned()
    }

    /// Whether it may speak to us, once it has proved who it is.
    pub fn admits(&self, node: NodeId) -> bool {
        self.table().admits(node)
    }

    /// The peer behind a connection that proved to be that node's; `None` if it may not speak to us.
    pub fn enter(&self, node: NodeId) -> Option<Arc<Peer>> {
        let mut table = self.table_mut();
        if !table.admits(node) {
            return None;
        }
        let peer = table.peers.entry(node).or_insert_with(|| {
            tracing::info!(%node, "a node is let in of which this one has not heard yet: it came later than all that are known here");
            self.begin(node, None)
        });
        Some(peer.clone())
    }

    /// Who is named no more is cut off; who is named with another address is connected to anew. Who is newer than all that was heard of may stay.
    pub fn replace(&self, peers: BTreeMap<NodeId, String>, newest: NodeId) {
        let mut table = self.table_mut();
        table.newest = newest;
        table.peers.retain(|node, peer| {
            let stays = peers.contains_key(node) || *node > newest;
            if !stays {
                tracing::info!(%node, "no peer any more; its connections are closed");
                peer.revoked.cancel();
            }
            stays
        });
        for (node, address) in peers.into_iter().filter(|(node, _)| *node != self.local.node) {
            let address = Some(address);
            match table.peers.get(&node) {
                Some(peer) => {
                    peer.address.send_if_modified(|before| std::mem::replace(before, address.clone()) != address);
                }
                None => drop(table.peers.insert(node, self.begin(node, address))),
            }
        }
    }

    fn begin(&self, node: NodeId, address: Option<String>) -> Arc<Peer> {
        let (peer, events) = Peer::new(&self.local, node, address);
        let dialler = Dialler::new(self.local.clone(), peer.clone(), events);
        self.local.tasks.spawn_on(dialler.run(), &self.local.runtime);
        peer
    }

    /// Those that are named.
    pub fn addresses(&self) -> BTreeMap<NodeId, String> {
        self.table().peers.iter().filter_map(|(node, peer)| Some((*node, peer.address.borrow().clone()?))).collect()
    }

    /// Those that are named.
    pub fn status(&self) -> Vec<PeerStatus> {
        self.table().peers.values().filter_map(|peer| peer.status()).collect()
    }

    fn table(&self) -> RwLockReadGuard<'_, Table> {
        self.table.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn table_mut(&self) -> RwLockWriteGuard<'_, Table> {
        self.table.write().unwrap_or_else(PoisonError::into_inner)
    }
}

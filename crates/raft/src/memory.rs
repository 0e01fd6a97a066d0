//! What this node remembers of its peers, in its own log: so that none of them comes back with less than it had.

use std::pin::Pin;

use bytes::Bytes;
use prost::Message as _;
use tokio::sync::oneshot;

use crate::log::Log;
use crate::transport::{Memory, Remembered};
use crate::{GroupId, NodeId, wire};

/// Where in the log: no group has this number. The slot is the peer's id.
const PEERS: u32 = GroupId::RESERVED;

/// The memory of a node.
pub(crate) struct PeerMemory(pub Log);

impl Memory for PeerMemory {
    fn recall(&self, node: NodeId) -> Option<Remembered> {
        decode(self.0.slot(PEERS, node.0)?)
    }

    fn remember(&self, node: NodeId, peer: Remembered) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            let (synced, done) = oneshot::channel();
            self.0.room().await;
            let then = Box::new(move || {
                let _ = synced.send(());
            });
            match self.0.set(PEERS, node.0, encode(&peer), Some(then)) {
                Ok(()) => drop(done.await),
                // Too long for a slot, which it cannot be.
                Err(error) => tracing::error!(%node, %error, "could not remember a peer"),
            }
        })
    }

    fn synced(&self) -> u64 {
        self.0.synced()
    }
}

fn encode(peer: &Remembered) -> Bytes {
    let record = wire::Peer {
        storage: Bytes::copy_from_slice(&peer.storage),
        incarnation: peer.incarnation,
        life: Bytes::copy_from_slice(&peer.life),
        synced: peer.synced,
    };
    record.encode_to_vec().into()
}

fn decode(bytes: Bytes) -> Option<Remembered> {
    let record = wire::Peer::decode(bytes).ok()?;
    Some(Remembered {
        storage: record.storage.as_ref().try_into().ok()?,
        incarnation: record.incarnation,
        life: record.life.as_ref().try_into().ok()?,
        synced: record.synced,
    })
}

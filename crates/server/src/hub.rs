//! What every connection of this node needs: whom we are, who is here, where the rooms are.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use conclave_cluster::ShardMap;
use conclave_muc::{Listing, Request, Service};
use conclave_xmpp::BareJid;
use tokio::sync::{mpsc, oneshot};

use crate::sessions::SessionTable;
use crate::shard_task::{self, Shared, ToShard};

/// Shards of this node's rooms. A cluster chooses the number once, when it is made.
pub const SHARDS: u16 = 16;

/// The middle of the node: no rule lives here.
pub struct Hub {
    /// The domain of the accounts.
    pub domain: BareJid,
    /// The domain of the rooms.
    pub service_domain: BareJid,
    /// The sessions of this node.
    pub sessions: Arc<SessionTable>,
    map: ShardMap,
    shards: Vec<mpsc::Sender<ToShard>>,
}

impl Hub {
    /// Starts the shards.
    pub fn start(
        domain: BareJid,
        service_domain: BareJid,
        sessions: Arc<SessionTable>,
        service: Arc<Service>,
        rooms_max: usize,
    ) -> Hub {
        let shared = Shared { sessions: sessions.clone(), service, rooms: Arc::new(AtomicUsize::new(0)), rooms_max };
        let shards = (0..SHARDS).map(|_| shard_task::start(shared.clone())).collect();
        Hub { domain, service_domain, sessions, map: ShardMap::new(SHARDS), shards }
    }

    /// The shard of a room.
    pub fn shard_of(&self, room: &BareJid) -> u16 {
        self.map.shard_of(room)
    }

    /// Puts something into a shard's inbox; waits while that is full.
    pub async fn ask(&self, shard: u16, input: ToShard) {
        if let Some(inbox) = self.shards.get(usize::from(shard)) {
            // A shard ends only with the process.
            let _ = inbox.send(input).await;
        }
    }

    /// A session leaves all rooms of some shards. Returns when that is committed.
    pub async fn leave_all(&self, shards: impl Iterator<Item = u16>, request: &Request) {
        let mut waiting = Vec::new();
        for shard in shards {
            let (done, answer) = oneshot::channel();
            self.ask(shard, ToShard::LeaveAll { request: Box::new(request.clone()), done }).await;
            waiting.push(answer);
        }
        for answer in waiting {
            // An answer that never comes means that the shard ended with the process.
            let _ = answer.await;
        }
    }

    /// The public rooms of all shards, by address.
    pub async fn listings(&self) -> Vec<Listing> {
        let mut all = Vec::new();
        for shard in 0..self.map.shards() {
            let (answer, listings) = oneshot::channel();
            self.ask(shard, ToShard::Listings(answer)).await;
            all.extend(listings.await.unwrap_or_default());
        }
        all.sort_by(|one, other| one.jid.cmp(&other.jid));
        all
    }
}

//! What all connections of this node have in common.

use std::sync::Arc;

use bytes::Bytes;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::complaints::Complaints;
use super::hello::PROTOCOL;
use super::identity::Credentials;
use super::memory::Acquaintances;
use super::{Death, Identity, Life, Memory, TransportError, TransportLimits};
use crate::NodeId;
use crate::wire::Hello;

/// Deaths that may wait for somebody who listens. There are never that many peers.
const DEATHS_MAX: usize = 1024;

/// This node, as far as its connections need to know it.
pub(super) struct Local {
    pub cluster: String,
    pub node: NodeId,
    pub life: Life,
    pub credentials: Credentials,
    pub acquaintances: Arc<Acquaintances>,
    pub limits: TransportLimits,
    pub complaints: Complaints,
    pub deaths: broadcast::Sender<Death>,
    /// What a peer said when it refused us for good.
    pub unfit: watch::Sender<Option<String>>,
    /// Who called last of those that are certified, no peers, and perhaps new.
    pub strangers: watch::Sender<Option<NodeId>>,
    /// Ends every connection.
    pub stop: CancellationToken,
    /// Everything that ends with it.
    pub tasks: TaskTracker,
    pub runtime: Handle,
}

impl Local {
    pub fn new(
        identity: Identity,
        life: Life,
        memory: Arc<dyn Memory>,
        limits: TransportLimits,
    ) -> Result<Arc<Self>, TransportError> {
        Ok(Arc::new(Self {
            credentials: Credentials::new(&identity)?,
            cluster: identity.cluster,
            node: identity.node,
            life,
            acquaintances: Arc::new(Acquaintances::new(memory, limits.remember_interval)),
            complaints: Complaints::new(limits.complaint_interval),
            limits,
            deaths: broadcast::Sender::new(DEATHS_MAX),
            unfit: watch::Sender::new(None),
            strangers: watch::Sender::new(None),
            stop: CancellationToken::new(),
            tasks: TaskTracker::new(),
            runtime: Handle::current(),
        }))
    }

    /// What we say of ourselves.
    pub fn hello(&self, to: NodeId) -> Hello {
        Hello {
            protocol: PROTOCOL,
            cluster: self.cluster.clone(),
            node: self.node.0,
            storage: Bytes::copy_from_slice(&self.life.storage),
            incarnation: self.life.incarnation,
            life: Bytes::copy_from_slice(&self.life.life),
            synced: self.acquaintances.synced(),
            to: to.0,
        }
    }
}

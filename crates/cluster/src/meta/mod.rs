//! What the cluster knows of itself: its nodes and their lives, where the shards are, the accounts, and the settings of the service.
//!
//! `decide` has the rules and runs where the meta group is led, one request at a time; `apply` folds what was decided, on every node alike.
//! What a leader notes for itself is in no log, and begins anew with the next one: [`Liveness`] and [`OpenInvitations`].

mod balance;
pub mod codec;
mod decide;
mod feature_level;
mod introductions;
mod invitations;
mod liveness;
mod placement;
mod register;
mod request;
mod service;
mod stored;
#[cfg(test)]
mod tests;
mod voters;

use std::collections::BTreeMap;
use std::fmt;

use crate::accounts::{AccountChange, Accounts, Secret};
use crate::incarnation::Incarnation;
use crate::lives::Lives;

pub use feature_level::{FEATURE_LEVEL, FEATURE_LEVEL_FIRST};
pub use introductions::Acquaintance;
pub use invitations::OpenInvitations;
pub use liveness::{Limits, Liveness, Silence};
pub use placement::REPLICAS;
pub use register::{NodeEntry, NodeState};
pub use request::{EndReason, MetaDone, MetaRefusal, MetaRequest, NewNode};
pub use service::ServiceSettings;

/// The state of the meta group.
#[derive(Clone, Debug, Default)]
pub struct Meta {
    cluster: String,
    shards: u16,
    wait_for: u32,
    /// 0 before it was ever raised.
    feature_level: u32,
    authority: Option<Authority>,
    /// The highest number that a node ever had.
    last_node: u32,
    nodes: BTreeMap<u32, NodeEntry>,
    /// Who should vote in the meta group, ascending; empty before the first node is registered.
    meta_voters: Vec<u32>,
    placements: BTreeMap<u16, Placement>,
    accounts: Accounts,
    service: ServiceSettings,
}

/// Who signs the certificates of nodes. Whoever has this can make any node.
#[derive(Clone, PartialEq, Eq)]
pub struct Authority {
    /// PEM.
    pub certificate: String,
    /// PEM; a secret.
    pub key: String,
}

/// Where a shard is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Placement {
    /// Where its replicas should be, ascending.
    pub target: Vec<u32>,
    /// Where they vote, as its leader said last, ascending; empty before the group is made.
    pub voters: Vec<u32>,
    /// Who makes the group, until it is made.
    pub maker: Option<u32>,
}

/// What was decided, as logged.
#[derive(Clone, PartialEq, Debug)]
pub enum MetaChange {
    /// The cluster begins. Comes once, first.
    Begin {
        /// Its name.
        cluster: String,
        /// How many shards it has, for ever.
        shards: u16,
        /// Shards are placed when so many nodes are registered.
        wait_for: u32,
        /// Who signs.
        authority: Authority,
    },
    /// A node is so from now on.
    Node(u32, NodeEntry),
    /// A node is gone. Its number is not used again.
    Forget(u32),
    /// These should vote in the meta group from now on, ascending.
    MetaVoters(Vec<u32>),
    /// A shard is to be so from now on.
    Place(u16, Placement),
    /// New kinds of entry and state up to this level may be written: all nodes speak it.
    FeatureLevel(u32),
    /// A change of the accounts.
    Account(AccountChange),
    /// These settings of the service are so from now on; others stay.
    Service(ServiceSettings),
}

impl Meta {
    /// Whether the cluster has begun.
    pub fn has_begun(&self) -> bool {
        !self.cluster.is_empty()
    }

    /// The cluster's name: a DNS label. Node 3 is `node-3.` and this.
    pub fn cluster(&self) -> &str {
        &self.cluster
    }

    /// How many shards there are.
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// Who signs the certificates of nodes.
    pub fn authority(&self) -> Option<&Authority> {
        self.authority.as_ref()
    }

    /// All nodes.
    pub fn nodes(&self) -> &BTreeMap<u32, NodeEntry> {
        &self.nodes
    }

    /// The highest number that a node ever had; numbers are never given twice.
    pub fn last_node(&self) -> u32 {
        self.last_node
    }

    /// The accounts of the service.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Whether an incarnation lives: it is registered, and not ended.
    pub fn is_current(&self, incarnation: Incarnation) -> bool {
        let entry = self.nodes.get(&incarnation.node);
        incarnation.number != 0 && entry.is_some_and(|entry| entry.incarnation == incarnation.number && entry.lives)
    }

    /// Which incarnations live, for homes.
    pub fn incarnations(&self) -> Lives {
        let newest = self.nodes.iter().map(|(node, entry)| Incarnation { node: *node, number: entry.incarnation });
        Lives::new(newest.map(|incarnation| (incarnation, self.is_current(incarnation))), self.last_node)
    }

    /// Where a shard is.
    pub fn placement(&self, shard: u16) -> Option<&Placement> {
        self.placements.get(&shard)
    }

    /// The fold; it has no rules.
    pub fn apply(&mut self, change: &MetaChange) {
        match change {
            MetaChange::Begin { cluster, shards, wait_for, authority } => {
                (self.cluster, self.shards, self.wait_for) = (cluster.clone(), *shards, *wait_for);
                self.authority = Some(authority.clone());
            }
            MetaChange::Node(node, entry) => {
                self.last_node = self.last_node.max(*node);
                self.nodes.insert(*node, entry.clone());
            }
            MetaChange::Forget(node) => {
                self.nodes.remove(node);
            }
            MetaChange::MetaVoters(voters) => self.meta_voters = voters.clone(),
            MetaChange::Place(shard, placement) => {
                self.placements.insert(*shard, placement.clone());
            }
            MetaChange::FeatureLevel(level) => self.feature_level = *level,
            MetaChange::Account(change) => self.accounts.apply(change),
            MetaChange::Service(settings) => self.service.extend(settings.clone()),
        }
    }
}

/// Never prints the key.
impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authority")
    }
}

impl MetaChange {
    /// The first change of a service's accounts.
    pub(crate) fn secret(secret: Secret) -> MetaChange {
        MetaChange::Account(AccountChange::Begin(secret))
    }
}

//! How clusters begin: a directory without identity becomes the first node of a cluster of its own.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::authority::Authority;
use super::error::IdentityError;
use super::identity::{self, Founding, NodeRecord, StoredIdentity};
use crate::seed;

/// The first node has this number.
pub(super) const FIRST: u32 = 1;

/// Makes an empty directory the first node of a new cluster, which begins when it is started.
///
/// # Errors
/// The directory is a node's already, or cannot be written.
pub fn init(dir: &Path, shards: Option<u16>, initial_nodes: Option<u32>, address: Option<String>) -> Result<(), IdentityError> {
    identity::check_free(dir)?;
    let cluster = cluster_name();
    let authority = Authority::new(&cluster).map_err(IdentityError::Certificate)?;
    let founding = Founding::new(shards, initial_nodes, authority.key.clone(), BTreeMap::new());
    let identity = identity_of(&authority, NodeRecord::new(cluster, FIRST, address, BTreeMap::new()))?;
    identity::store(dir, &identity, Some(&founding))
}

/// Makes empty directories the nodes 1, 2, 3, ... of one new cluster; each comes with the address (`host:port`) at which the others find it. It begins when
/// the first is started, and its shards are placed when all have been. Directories that are all nodes already are left as they are.
///
/// # Errors
/// One of the directories is a node's already, or cannot be written.
pub fn prepare(dirs: &[(PathBuf, String)], shards: Option<u16>) -> Result<(), IdentityError> {
    if dirs.iter().all(|(dir, _)| identity::directory(dir).exists()) {
        return Ok(());
    }
    dirs.iter().try_for_each(|(dir, _)| identity::check_free(dir))?;
    let cluster = cluster_name();
    let authority = Authority::new(&cluster).map_err(IdentityError::Certificate)?;
    let addresses: BTreeMap<u32, String> = (FIRST..).zip(dirs).map(|(node, (_, address))| (node, address.clone())).collect();
    for ((node, address), (dir, _)) in addresses.iter().zip(dirs) {
        let others: BTreeMap<_, _> = addresses.clone().into_iter().filter(|(other, _)| other != node).collect();
        let record = NodeRecord::new(cluster.clone(), *node, Some(address.clone()), others.clone());
        let wait_for = u32::try_from(dirs.len()).ok();
        let founding = Founding::new(shards, wait_for, authority.key.clone(), others);
        identity::store(dir, &identity_of(&authority, record)?, Some(&founding).filter(|_| *node == FIRST))?;
    }
    Ok(())
}

fn identity_of(authority: &Authority, record: NodeRecord) -> Result<StoredIdentity, IdentityError> {
    let certified = authority.certify(&record.cluster, record.node).map_err(IdentityError::Certificate)?;
    Ok(StoredIdentity { record, ca: authority.certificate.clone(), certificate: certified.certificate, key: certified.key })
}

/// Random, so that no node takes another cluster's for its own; and a DNS name, for the certificates.
fn cluster_name() -> String {
    let random: String = seed::fresh()[..16].iter().map(|byte| format!("{byte:02x}")).collect();
    format!("conclave-{random}")
}

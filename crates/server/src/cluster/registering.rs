//! This node in the register: its incarnation, and the invitations that it writes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use conclave_cluster::Incarnation;
use conclave_cluster::meta::{FEATURE_LEVEL, Meta, MetaDone, MetaRequest};
use tracing::{info, warn};

use super::asking::{ask, decided};
use super::authority::Authority;
use super::error::{ClusterError, IdentityError, InviteError, MetaError};
use super::identity::{NodeRecord, StoredIdentity};
use super::{ASK_MAX, Cluster, Inner, Token};

/// What is said before it ends.
const REMOVED: &str = "this node was removed from its cluster; it may be switched off, and its directory deleted";

/// How long one attempt to register takes before it is said what is waited for.
const ATTEMPT_MAX: Duration = Duration::from_secs(3);

/// Registers this node as a new incarnation, however long that takes, and waits until that is applied here.
///
/// # Errors
/// The cluster does not take this node.
pub(super) async fn register(inner: &Inner) -> Result<Incarnation, ClusterError> {
    let request = request(inner);
    let (count, done) = loop {
        match decided(inner, &request, ATTEMPT_MAX).await {
            Ok(decided) => break decided,
            Err(MetaError::Refused(refusal)) => return Err(ClusterError::Refused(refusal)),
            Err(error) => warn!("waiting for a majority of the cluster's nodes to register with: {error}"),
        }
    };
    let mut applied = inner.applied.clone();
    while tokio::time::timeout(ATTEMPT_MAX, applied.wait_for(|applied| *applied >= count)).await.is_err() {
        info!("registered; waiting for the register itself to come to this node");
    }
    match done {
        MetaDone::Registered(incarnation) => Ok(incarnation),
        // Whoever watches over the incarnation finds the right one.
        MetaDone::Done | MetaDone::Invited(_) | MetaDone::Account(_) | MetaDone::Set(_) => {
            Ok(current(&inner.meta(), inner.node).unwrap_or_default())
        }
    }
}

fn request(inner: &Inner) -> MetaRequest {
    let settings = &inner.settings;
    MetaRequest::Register {
        node: inner.node,
        peer: inner.advertised.clone(),
        version: settings.version.clone(),
        clients: settings.clients.clone(),
        http: settings.http.clone(),
        feature_level: FEATURE_LEVEL,
        service: settings.service.clone(),
    }
}

fn current(meta: &Meta, node: u32) -> Option<Incarnation> {
    let incarnation = Incarnation { node, number: meta.nodes().get(&node)?.incarnation };
    meta.is_current(incarnation).then_some(incarnation)
}

/// Watches over the incarnation of this node: one that was ended while it lives is followed by another, and a node that is not in the register any more ends.
pub(super) async fn stay_registered(inner: Arc<Inner>) {
    let mut meta = inner.meta.clone();
    loop {
        let now = meta.borrow_and_update().clone();
        let Some(entry) = now.nodes().get(&inner.node) else {
            return inner.fail(REMOVED.to_owned());
        };
        match current(&now, inner.node) {
            Some(incarnation) => adopt(&inner, incarnation),
            // A node that is drained has said itself that it has no clients any more.
            None if entry.draining => {}
            None => {
                warn!("the others took this node for dead; it registers again");
                match register(&inner).await {
                    Ok(incarnation) => adopt(&inner, incarnation),
                    Err(error) => return inner.fail(error.to_string()),
                }
                continue;
            }
        }
        if meta.changed().await.is_err() {
            return;
        }
    }
}

fn adopt(inner: &Inner, incarnation: Incarnation) {
    inner.me.send_if_modified(|me| std::mem::replace(me, incarnation) != incarnation);
}

/// A number, a key and a certificate for a new node.
pub(super) async fn invite(cluster: &Cluster, address: String) -> Result<Token, InviteError> {
    let inner = &cluster.0;
    if !is_address(&address) {
        return Err(InviteError::Address(address));
    }
    let done = ask(inner, &MetaRequest::Invite { peer: address.clone() }, ASK_MAX).await?;
    let meta = inner.meta();
    let (MetaDone::Invited(node), Some(authority)) = (done, meta.authority()) else {
        return Err(InviteError::Meta(MetaError::Late { limit: ASK_MAX, why: "an answer that does not fit".to_owned() }));
    };
    let name = &inner.identity.record.cluster;
    let authority = Authority::of(name, &authority.certificate, &authority.key);
    let certified = authority.and_then(|authority| authority.certify(name, node));
    let certified = certified.map_err(IdentityError::Certificate)?;
    let peers: BTreeMap<u32, String> =
        meta.nodes().iter().filter(|(other, _)| **other != node).map(|(other, entry)| (*other, entry.peer.clone())).collect();
    let record = NodeRecord::new(name.clone(), node, None, peers);
    let ca = inner.identity.ca.clone();
    let identity = StoredIdentity { record, ca, certificate: certified.certificate, key: certified.key };
    Ok(Token::new(identity, address))
}

/// A host and a port.
pub(crate) fn is_address(text: &str) -> bool {
    let Some((host, port)) = text.rsplit_once(':') else { return false };
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    !host.is_empty() && !host.contains(char::is_whitespace) && port.parse::<u16>().is_ok_and(|port| port != 0)
}

//! Who may talk to this node, and where each is: what the register says. Whoever is removed from it is cut off.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use conclave_raft::PeerState;
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use super::{Inner, identity, raft_id};

/// Whoever is removed hears what led to it in this time, and from then on only that it was.
const FAREWELL: Duration = Duration::from_secs(3);

/// All peers refuse a node for so long: then it is no accident.
const REFUSED_MAX: Duration = Duration::from_secs(10);

/// Tells the transport whenever the register changes.
pub(super) async fn follow(inner: Arc<Inner>) {
    let (mut meta, mut told) = (inner.meta.clone(), inner.told.subscribe());
    let mut gone: BTreeMap<u32, (String, Instant)> = BTreeMap::new();
    let mut known = inner.identity.record.peers.clone();
    loop {
        let register = meta.borrow_and_update().clone();
        let told_now = told.borrow_and_update().clone();
        let mut nodes = addresses(&register);
        if nodes.contains_key(&inner.node) {
            nodes.extend(register.introduced(&told_now, &[]));
            let until = Instant::now() + FAREWELL;
            let left = known.iter().filter(|(node, _)| !nodes.contains_key(node));
            left.for_each(|(node, address)| drop(gone.insert(*node, (address.clone(), until))));
            remember(&inner, &known, &nodes).await;
            known = nodes;
        } else {
            // So far only those are known who were there when this node was invited, and those whom they know.
            known.extend(told_now);
            known.extend(nodes);
        }
        gone.retain(|node, (_, until)| !known.contains_key(node) && *until > Instant::now());
        let leaving = gone.iter().map(|(node, (address, _))| (*node, address.clone()));
        let peers = known.clone().into_iter().chain(leaving).map(|(node, address)| (raft_id(node), address)).collect();
        inner.raft.set_peers(peers, Some(raft_id(register.last_node())));
        let next = gone.values().map(|(_, until)| *until).min();
        tokio::select! {
            changed = meta.changed() => if changed.is_err() { return },
            changed = told.changed() => if changed.is_err() { return },
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
    }
}

fn addresses(meta: &conclave_cluster::meta::Meta) -> BTreeMap<u32, String> {
    meta.nodes().iter().map(|(node, entry)| (*node, entry.peer.clone())).collect()
}

/// After a restart the others are looked for where they were last.
async fn remember(inner: &Inner, before: &BTreeMap<u32, String>, now: &BTreeMap<u32, String>) {
    let others = || now.iter().filter(|(node, _)| **node != inner.node).map(|(node, address)| (*node, address.clone()));
    if before.iter().filter(|(node, _)| **node != inner.node).map(|(node, address)| (*node, address.clone())).eq(others()) {
        return;
    }
    let mut record = inner.identity.record.clone();
    record.peers = others().collect();
    let dir = inner.settings.dir.clone();
    let written = tokio::task::spawn_blocking(move || identity::rewrite(&dir, &record)).await;
    if let Ok(Err(error)) = written {
        warn!(%error, "where the other nodes are could not be written down for the next start");
    }
}

/// A node that nobody talks to any more ends: it is not what its certificate says, or does not look for the others where they are.
pub(super) async fn watch_refusals(inner: Arc<Inner>) {
    let mut since: Option<Instant> = None;
    loop {
        let peers = inner.raft.peers();
        let refusals: Vec<_> = peers
            .iter()
            .map(|peer| match &peer.state {
                PeerState::Refused(why) => Some(why),
                _ => None,
            })
            .collect();
        let all: Option<Vec<_>> = refusals.into_iter().collect();
        match all.as_deref() {
            Some([why, ..]) if since.get_or_insert_with(Instant::now).elapsed() > REFUSED_MAX => {
                return inner.fail(format!("no other node of the cluster talks to this one: {why}"));
            }
            Some([_, ..]) => {}
            Some([]) | None => since = None,
        }
        sleep(inner.settings.timing.look_again).await;
    }
}

//! Who may talk to this node, and where each is: what the register says. Whoever is removed from it is cut off.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use conclave_cluster::meta::Meta;
use conclave_raft::{Node, NodeId, PeerState};
use tokio::time::{Instant, sleep, sleep_until};
use tracing::warn;

use super::identity::NodeRecord;
use super::{Inner, identity, raft_id};

/// Whoever is removed hears of it in this time, and then nothing more.
const FAREWELL: Duration = Duration::from_secs(3);

/// All peers refuse a node for so long: then it is no accident.
const REFUSED_MAX: Duration = Duration::from_secs(10);

/// Those whom this node knew last, and nobody newer: who is new is known only when the register has been read ([`follow`]).
pub(super) fn begin(raft: &Node, record: &NodeRecord) {
    raft.set_peers(raft_peers(record.peers.clone()), NodeId(u64::MAX));
}

/// The highest number of a node that this one ever heard of. No number is given twice, and a certificate is made only for who has one: so whoever shows
/// a certificate with a higher number was invited behind what this node has read, and will be in the register when it has read on.
fn newest(record: &NodeRecord, meta: &Meta) -> u32 {
    let told = record.peers.keys().copied().max().unwrap_or_default();
    meta.last_node().max(told).max(record.node)
}

fn raft_peers(peers: BTreeMap<u32, String>) -> BTreeMap<NodeId, String> {
    peers.into_iter().map(|(node, address)| (raft_id(node), address)).collect()
}

/// Tells the transport whenever the register changes.
pub(super) async fn follow(inner: Arc<Inner>) {
    let mut meta = inner.meta.clone();
    let mut gone: BTreeMap<u32, (String, Instant)> = BTreeMap::new();
    let mut known = inner.identity.record.peers.clone();
    loop {
        let (nodes, newest) = {
            let meta = meta.borrow_and_update();
            (addresses(&meta), newest(&inner.identity.record, &meta))
        };
        if nodes.contains_key(&inner.node) {
            let until = Instant::now() + FAREWELL;
            let left = known.iter().filter(|(node, _)| !nodes.contains_key(node));
            left.for_each(|(node, address)| drop(gone.insert(*node, (address.clone(), until))));
            remember(&inner, &known, &nodes).await;
            known = nodes;
        } else {
            // So far only those are known who were there when this node was invited.
            known.extend(nodes);
        }
        gone.retain(|node, (_, until)| !known.contains_key(node) && *until > Instant::now());
        let leaving = gone.iter().map(|(node, (address, _))| (*node, address.clone()));
        inner.raft.set_peers(raft_peers(known.clone().into_iter().chain(leaving).collect()), raft_id(newest));
        let next = gone.values().map(|(_, until)| *until).min();
        tokio::select! {
            changed = meta.changed() => if changed.is_err() { return },
            () = sleep_until(next.unwrap_or_else(Instant::now)), if next.is_some() => {}
        }
    }
}

fn addresses(meta: &Meta) -> BTreeMap<u32, String> {
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

/// A node that nobody talks to any more ends: it was removed while it was away, or is not what its certificate says.
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

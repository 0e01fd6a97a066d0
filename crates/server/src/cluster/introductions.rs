//! Nodes are introduced by others. What is new in the register comes from the leader of meta alone; where that is a node that came while this one was away, this
//! one does not know it, does not let it in, and would never hear of it. So where a node calls that might be new, or is named as that leader, those are
//! asked that are known. Its certificate alone would not do: who was removed has one, too.

use std::sync::Arc;
use std::time::Duration;

use conclave_cluster::meta::Acquaintance;
use conclave_raft::{PeerState, PeerStatus};
use tokio::time::{sleep, timeout};
use tracing::info;

use super::service::{self, wire};
use super::{Inner, is_address, number_of};

/// The others are not asked more often.
const PAUSE: Duration = Duration::from_secs(1);

/// Nobody is waited for longer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Asks the others whenever a node was refused with a number that the register cannot have forgotten, or is named as the leader of meta: it calls again, or is
/// called, and is let in if one of them knows it.
pub(super) async fn ask(inner: Arc<Inner>) {
    let (mut strangers, mut named) = (inner.raft.strangers(), inner.named.subscribe());
    loop {
        let heard = tokio::select! {
            changed = strangers.changed() => changed,
            changed = named.changed() => changed,
        };
        if heard.is_err() {
            return;
        }
        let unknown = [*strangers.borrow_and_update(), *named.borrow_and_update()];
        let last = inner.meta().last_node();
        if unknown.into_iter().flatten().filter_map(number_of).any(|node| node > last) {
            ask_all(&inner).await;
            sleep(PAUSE).await;
        }
    }
}

async fn ask_all(inner: &Inner) {
    let (mut answers, meta) = (Vec::new(), inner.meta());
    // Who is gone still hears its farewell; its word counts no more.
    let is_asked =
        |peer: &PeerStatus| peer.state == PeerState::Connected && number_of(peer.node).is_some_and(|node| !meta.is_gone(node));
    for peer in inner.raft.peers().into_iter().filter(is_asked) {
        let Some(mut client) = service::client(&inner.raft, peer.node) else { continue };
        // Others may know as much, and it is asked again.
        if let Ok(Ok(reply)) = timeout(ANSWER_MAX, client.nodes(wire::NodesRequest {})).await {
            answers.push(read(reply.into_inner()));
        }
    }
    let meta = inner.meta();
    inner.told.send_if_modified(|told| {
        let now = meta.introduced(told, &answers);
        for (node, peer) in now.iter().filter(|(node, _)| !told.contains_key(node)) {
            info!(node, peer, "told of a node of which the register says nothing here yet");
        }
        std::mem::replace(told, now.clone()) != now
    });
}

/// Whoever is said to be where nobody can be is not known there.
fn read(reply: wire::NodesReply) -> Acquaintance {
    let nodes = reply.nodes.into_iter().filter(|said| is_address(&said.peer)).map(|said| (said.node, said.peer));
    Acquaintance { nodes: nodes.collect(), last_node: reply.last_node }
}

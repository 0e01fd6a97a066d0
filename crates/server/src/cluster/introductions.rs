//! Nodes are introduced by others. What is new in the register comes from the leader of meta alone; where that is a node that came while this one was away, this
//! one does not know it, does not let it in, and would never hear of it. So where a node calls that might be new, those are asked that are known. Its
//! certificate alone would not do: who was removed has one, too.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use conclave_raft::PeerState;
use tokio::time::{sleep, timeout};
use tracing::info;

use super::service::{self, wire};
use super::{Inner, is_address, number_of};

/// The others are not asked more often.
const PAUSE: Duration = Duration::from_secs(1);

/// Nobody is waited for longer.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Asks the others whenever a node was refused with a number that the register cannot have forgotten: it calls again, and is let in if one of them knows it.
pub(super) async fn ask(inner: Arc<Inner>) {
    let mut strangers = inner.raft.strangers();
    while strangers.changed().await.is_ok() {
        let stranger = strangers.borrow_and_update().and_then(number_of);
        if stranger.is_some_and(|node| node > inner.meta().last_node()) {
            ask_all(&inner).await;
            sleep(PAUSE).await;
        }
    }
}

async fn ask_all(inner: &Inner) {
    let mut replies = Vec::new();
    for peer in inner.raft.peers().into_iter().filter(|peer| peer.state == PeerState::Connected) {
        let Some(mut client) = service::client(&inner.raft, peer.node) else { continue };
        // Others may know as much, and it is asked again.
        if let Ok(Ok(reply)) = timeout(ANSWER_MAX, client.nodes(wire::NodesRequest {})).await {
            replies.push(reply.into_inner());
        }
    }
    let last = inner.meta().last_node();
    inner.told.send_if_modified(|told| {
        let now = hear(told, &replies, inner.node, last);
        for (node, peer) in now.iter().filter(|(node, _)| !told.contains_key(node)) {
            info!(node, peer, "told of a node of which the register says nothing here yet");
        }
        std::mem::replace(told, now.clone()) != now
    });
}

/// Of nodes that came behind number `last`: what was told before, and by these answers, but for those that one of them knows to be gone.
fn hear(told: &BTreeMap<u32, String>, replies: &[wire::NodesReply], us: u32, last: u32) -> BTreeMap<u32, String> {
    let said = replies.iter().flat_map(|reply| &reply.nodes).filter(|said| is_address(&said.peer));
    let said = said.map(|said| (said.node, said.peer.clone()));
    let gone =
        |node: u32| replies.iter().any(|reply| reply.last_node >= node && reply.nodes.iter().all(|said| said.node != node));
    let all = told.clone().into_iter().chain(said);
    all.filter(|(node, _)| *node > last && *node != us && !gone(*node)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(last_node: u32, nodes: &[u32]) -> wire::NodesReply {
        let at = |node: &u32| wire::NodeAt { node: *node, peer: format!("h{node}:1") };
        wire::NodesReply { nodes: nodes.iter().map(at).collect(), last_node }
    }

    /// Node 2 has heard of three.
    #[track_caller]
    fn heard(told: &[u32], replies: &[wire::NodesReply], expected: &[u32]) {
        let told = told.iter().map(|node| (*node, format!("h{node}:1"))).collect();
        assert_eq!(hear(&told, replies, 2, 3).into_keys().collect::<Vec<_>>(), expected);
    }

    #[test]
    fn who_came_later_is_introduced_and_whom_somebody_knows_to_be_gone_is_not() {
        heard(&[], &[reply(4, &[1, 2, 4])], &[4]);
        heard(&[4], &[reply(5, &[1, 2, 4, 5])], &[4, 5]);
        // One that is behind says nothing against it.
        heard(&[], &[reply(4, &[1, 2, 4]), reply(3, &[1, 2, 3])], &[4]);
        // Node 4 was removed, and one of the two has not heard of that.
        heard(&[], &[reply(4, &[1, 2, 4]), reply(5, &[1, 2, 5])], &[5]);
        heard(&[4], &[reply(4, &[1, 2])], &[]);
        heard(&[4], &[], &[4]);
    }

    #[test]
    fn of_those_of_whom_the_register_has_spoken_it_speaks_alone() {
        heard(&[1, 3], &[reply(3, &[1, 2, 3])], &[]);
    }

    #[test]
    fn what_is_no_address_is_not_believed() {
        let nowhere = wire::NodeAt { node: 4, peer: "nowhere".to_owned() };
        heard(&[], &[wire::NodesReply { nodes: vec![nowhere], last_node: 4 }], &[]);
    }
}

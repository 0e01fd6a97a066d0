//! Nodes that may not talk to each other, and say why.

use std::sync::atomic::Ordering;

use tokio::time::timeout;

use super::authority::Authority;
use super::hearing::Hearing;
use super::proxy::Proxy;
use super::{CLUSTER, House, LIMIT, ONE, THREE, TWO, pair};
use crate::transport::peer::Link;

#[tokio::test]
async fn a_node_of_another_cluster_is_refused() {
    let authority = Authority::new();
    let (mut one, mut two) = (House::new(&authority, ONE), House::new(&authority, TWO));
    two.identity = authority.identity("other.invalid", TWO);
    let (first, second) = (one.open().await, two.open().await);
    first.meets(&[(TWO, two.address)]);
    second.meets(&[(ONE, one.address)]);
    for reason in [first.refused(TWO).await, second.refused(ONE).await] {
        assert!(reason.contains("not valid for name \"node-"), "{reason}");
    }
}

#[tokio::test]
async fn a_node_of_a_foreign_authority_is_refused() {
    let (mut one, mut two) = (House::new(&Authority::new(), ONE), House::new(&Authority::new(), TWO));
    let heard = Hearing::begin();
    let (first, second) = (one.open().await, two.open().await);
    first.meets(&[(TWO, two.address)]);
    second.meets(&[(ONE, one.address)]);
    for reason in [first.refused(TWO).await, second.refused(ONE).await] {
        assert!(reason.contains("UnknownIssuer"), "{reason}");
    }
    assert!(heard.count("UnknownIssuer") >= 2, "{}", heard.text());
}

#[tokio::test]
async fn a_node_that_is_not_in_the_table_is_refused_and_both_say_so() {
    let authority = Authority::new();
    let (mut one, mut two) = (House::new(&authority, ONE), House::new(&authority, TWO));
    let heard = Hearing::begin();
    let (first, second) = (one.open().await, two.open().await);
    second.meets(&[(ONE, one.address)]);
    let reason = second.refused(ONE).await;
    assert!(reason.starts_with("node 1 refuses this node: node 2 is not known here so far"), "{reason}");
    // A call fails with that reason, at once.
    let status = second.ask(ONE).await.unwrap_err();
    assert!(status.message().contains("node 2 is not known here so far"), "{status}");
    assert_eq!(heard.count("a connection was not let in: node 2 is not known here so far"), 1, "{}", heard.text());
    assert_eq!(heard.count("node 1 refuses this node: node 2 is not known"), 1, "{}", heard.text());
    assert_eq!(*first.transport.strangers().borrow(), Some(TWO), "for whoever can find out what that is");
    // Nothing is remembered of strangers.
    assert!(one.memory.peers.lock().unwrap().is_empty());
    // Once it is a member it gets in, without being told.
    first.meets(&[(TWO, two.address)]);
    second.connected(ONE).await;
    assert_eq!(second.ask(ONE).await.unwrap(), "2.1");
}

#[tokio::test]
async fn a_wrong_address_is_noticed() {
    let authority = Authority::new();
    let (mut one, mut two, mut three) = (House::new(&authority, ONE), House::new(&authority, TWO), House::new(&authority, THREE));
    let (first, _second, _third) = (one.open().await, two.open().await, three.open().await);
    first.meets(&[(TWO, three.address)]);
    let reason = first.refused(TWO).await;
    assert!(reason.contains(&format!("not valid for name \"node-2.{CLUSTER}\"")), "{reason}");
    // A corrected address is used at once, though the pause after failures may have grown.
    _second.meets(&[(ONE, one.address)]);
    first.meets(&[(TWO, two.address)]);
    first.connected(TWO).await;
}

#[tokio::test]
async fn a_new_address_is_used_at_once() {
    let (first, _one, _second, two) = pair(&Authority::new()).await;
    let elsewhere = Proxy::to(two.address).await;
    first.meets(&[(TWO, elsewhere.address)]);
    let moved = async {
        while elsewhere.accepted.load(Ordering::Relaxed) == 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, moved).await.expect("a connection to the new address");
    assert_eq!(first.ask(TWO).await.unwrap(), "1.1");
    assert_eq!(first.transport.peers()[&TWO], elsewhere.address.to_string());
}

#[tokio::test]
async fn an_address_that_is_none_is_told() {
    let mut one = House::new(&Authority::new(), ONE);
    let first = one.open().await;
    first.transport.set_peers([(TWO, "nowhere".to_owned())].into(), None);
    first
        .stands(
            TWO,
            "unreachable",
            |standing| matches!(&standing.link, Link::Unreachable(why) if why.starts_with("nowhere is not host:port")),
        )
        .await;
}

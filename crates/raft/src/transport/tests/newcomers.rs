//! Nodes that came while this one was away: nobody has told it of them.

use super::authority::Authority;
use super::{House, Node, ONE, THREE, TWO};

/// Node 1, which knows of 2 alone and has heard of no higher number, and node 3, which knows 1.
async fn met(authority: &Authority) -> (Node, House, Node, House) {
    let (mut one, mut three) = (House::new(authority, ONE), House::new(authority, THREE));
    let (first, third) = (one.open().await, three.open().await);
    first.has_heard_of(TWO, &[]);
    third.meets(&[(ONE, one.address)]);
    third.connected(ONE).await;
    (first, one, third, three)
}

#[tokio::test]
async fn a_node_with_a_higher_number_than_any_is_let_in_and_is_a_peer_like_others_once_it_is_named() {
    let (first, _one, third, three) = met(&Authority::new()).await;
    assert_eq!(third.ask(ONE).await.unwrap(), "3.1");
    // Nobody has named it so far: nobody is to be told of it, and it holds up nothing.
    assert!(first.transport.status().is_empty() && first.transport.peers().is_empty(), "{:?}", first.transport.status());

    first.meets(&[(THREE, three.address)]);
    first.connected(THREE).await;
    assert_eq!(first.ask(THREE).await.unwrap(), "1.1");
    // What it had made stands.
    assert_eq!(third.ask(ONE).await.unwrap(), "3.1");
}

#[tokio::test]
async fn a_node_that_was_let_in_unnamed_is_cut_off_when_it_is_heard_that_it_was_removed() {
    let (first, _one, third, _three) = met(&Authority::new()).await;
    first.meets(&[]);
    let reason = third.refused(ONE).await;
    assert!(reason.starts_with("node 1 refuses this node: node 3 is not a member of this cluster any more"), "{reason}");
}

#[tokio::test]
async fn a_node_that_was_heard_of_and_is_not_named_stays_out_also_where_a_newer_one_is_let_in() {
    let authority = Authority::new();
    let (_first, one, _third, _three) = met(&authority).await;
    let mut two = House::new(&authority, TWO);
    let second = two.open().await;
    second.meets(&[(ONE, one.address)]);
    assert!(second.refused(ONE).await.contains("node 2 is not a member of this cluster any more"));
}

//! Calls between nodes that know each other.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::time::timeout;
use tonic::Code;

use super::authority::Authority;
use super::{House, LIMIT, ONE, THREE, TWO, pair};
use crate::transport::PeerState;
use crate::wire;

#[tokio::test]
async fn two_nodes_greet_and_call() {
    let (first, one, second, two) = pair(&Authority::new()).await;
    assert_eq!(first.ask(TWO).await.unwrap(), "1.1");
    assert_eq!(second.ask(ONE).await.unwrap(), "2.1");
    assert_eq!(first.state(TWO), PeerState::Connected);
    assert_eq!(first.transport.status()[0].incarnation, Some(1));
    // Each was remembered before it was let in.
    assert_eq!(one.memory.peers.lock().unwrap()[&TWO].storage, two.life.storage);
    assert_eq!(two.memory.peers.lock().unwrap()[&ONE].storage, one.life.storage);
    assert!(first.transport.client(THREE).is_none());
    assert_eq!(first.transport.peers().into_keys().collect::<BTreeSet<_>>(), BTreeSet::from([TWO]));
}

#[tokio::test]
async fn a_call_waits_for_the_first_connection() {
    let authority = Authority::new();
    let (mut one, mut two) = (House::new(&authority, ONE), House::new(&authority, TWO));
    let (first, second) = (one.open().await, two.open().await);
    second.meets(&[(ONE, one.address)]);
    first.meets(&[(TWO, two.address)]);
    assert_eq!(first.ask(TWO).await.unwrap(), "1.1");
}

#[tokio::test]
async fn a_call_to_nobody_fails_at_once_and_says_why() {
    let authority = Authority::new();
    let mut one = House::new(&authority, ONE);
    // Whoever waited for a connection would wait longer than the test does.
    one.limits.wait_max = 2 * LIMIT;
    let first = one.open().await;
    first.meets(&[(TWO, ([127, 0, 0, 1], 1).into())]);
    first.stands(TWO, "unreachable", |standing| matches!(standing.link, crate::transport::peer::Link::Unreachable(_))).await;
    let status = first.ask(TWO).await.expect_err("nobody is there");
    assert_eq!(status.code(), Code::Unavailable);
    assert!(status.message().starts_with("node 2: no connection to 127.0.0.1:1: "), "{status}");
    // Never met: it may be anything but proven dead.
    assert!(!first.transport.is_dead(TWO));
    assert!(!first.transport.dies(TWO, LIMIT).await);
}

#[tokio::test]
async fn messages_beyond_the_limit_are_refused_on_both_sides() {
    let authority = Authority::new();
    let (mut one, mut two) = (House::new(&authority, ONE), House::new(&authority, TWO));
    two.limits.message_bytes_max = 1000;
    let (first, second) = (one.open().await, two.open().await);
    first.meets(&[(TWO, two.address)]);
    second.meets(&[(ONE, one.address)]);
    let chunk = |size| wire::SnapshotChunk { bytes: vec![0; size].into(), ..Default::default() };
    let mut client = first.transport.client(TWO).unwrap();
    assert_eq!(client.send_snapshot(chunk(900)).await.unwrap().into_inner().received, 900);
    // Too much for the receiver, who does not read it; for the sender, who does not send it; and for the one who answers.
    assert_eq!(client.send_snapshot(chunk(1100)).await.unwrap_err().code(), Code::OutOfRange);
    // The library tells only that the sender broke the call off.
    let status = client.send_snapshot(chunk(5 * 1024 * 1024)).await.unwrap_err();
    assert!(status.message().contains("sent by user"), "{status}");
    let fetch = |offset| wire::FetchRequest { offset, ..Default::default() };
    assert_eq!(client.fetch_snapshot(fetch(1100)).await.unwrap_err().code(), Code::OutOfRange);
    assert_eq!(client.fetch_snapshot(fetch(900)).await.unwrap().into_inner().bytes.len(), 900);
}

#[tokio::test]
async fn a_large_message_passes() {
    let (first, _, _second, _) = pair(&Authority::new()).await;
    let bytes = vec![7; 4 * 1024 * 1024 - 1024];
    let chunk = wire::SnapshotChunk { bytes: bytes.into(), ..Default::default() };
    let reply = timeout(LIMIT, first.transport.client(TWO).unwrap().send_snapshot(chunk)).await.unwrap().unwrap();
    assert_eq!(reply.into_inner().received, 4 * 1024 * 1024 - 1024);
}

#[tokio::test]
async fn calls_that_wait_are_bounded() {
    let authority = Authority::new();
    let (mut one, mut two) = (House::new(&authority, ONE), House::new(&authority, TWO));
    one.limits.calls_max = 1;
    let (first, second) = (one.open().await, two.open().await);
    first.meets(&[(TWO, two.address)]);
    second.meets(&[(ONE, one.address)]);
    first.connected(TWO).await;
    // A vote is never answered here.
    let mut client = first.transport.client(TWO).unwrap();
    let waiting = tokio::spawn(async move { client.vote(wire::VoteRequest::default()).await.map(drop) });
    let taken = async {
        while first.transport.peers.get(TWO).unwrap().calls.available_permits() > 0 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, taken).await.expect("the only place is taken");
    assert_eq!(first.ask(TWO).await.unwrap_err().code(), Code::ResourceExhausted);
    // A deadline ends the call, and its place is free.
    waiting.abort();
    let _ = waiting.await;
    assert_eq!(first.ask(TWO).await.unwrap(), "1.1");
}

#[tokio::test(start_paused = true)]
async fn what_a_peer_has_on_disk_is_written_once_a_second() {
    let (memory, node) = (Arc::new(super::Recollection::default()), TWO);
    let acquaintances = Arc::new(crate::transport::memory::Acquaintances::new(memory.clone(), Duration::from_secs(1)));
    let (hello, expected) = super::rules::welcome();
    acquaintances.admit(&hello, expected).await.unwrap();
    assert_eq!(memory.written.load(Ordering::Relaxed), 1);
    for synced in 1..=1000 {
        acquaintances.observe(node, hello.synced + synced);
        tokio::time::advance(Duration::from_millis(3)).await;
    }
    tokio::time::advance(Duration::from_secs(2)).await;
    tokio::task::yield_now().await;
    let written = memory.written.load(Ordering::Relaxed);
    assert!((3..=5).contains(&written), "{written}");
    assert_eq!(memory.peers.lock().unwrap()[&node].synced, hello.synced + 1000);
    // Nobody who was not let in, and nothing that goes back.
    acquaintances.observe(THREE, 5);
    acquaintances.observe(node, 5);
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!(memory.written.load(Ordering::Relaxed), written);
}

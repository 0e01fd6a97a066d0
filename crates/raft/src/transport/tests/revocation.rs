//! A peer that is one no more.

use std::time::Duration;

use tokio::time::timeout;
use tonic::Code;

use super::authority::Authority;
use super::hearing::Hearing;
use super::{LIMIT, ONE, TWO, pair};
use crate::transport::PeerState;
use crate::wire;

#[tokio::test]
async fn a_revoked_peer_is_cut_off_at_once_and_both_say_why() {
    let heard = Hearing::begin();
    let (first, _one, second, two) = pair(&Authority::new()).await;
    let mut deaths = (first.transport.deaths(), second.transport.deaths());
    // A call in each direction that would never be answered.
    let calls = [(&first, TWO), (&second, ONE)].map(|(node, peer)| {
        let mut client = node.transport.client(peer).unwrap();
        tokio::spawn(async move { client.vote(wire::VoteRequest::default()).await.map(drop) })
    });
    let (from_first, from_second) = (first.ask(TWO).await.unwrap(), second.ask(ONE).await.unwrap());
    assert_eq!((from_first.as_str(), from_second.as_str()), ("1.1", "2.1"));
    first.meets(&[]);
    for call in calls {
        assert_eq!(timeout(LIMIT, call).await.unwrap().unwrap().unwrap_err().code(), Code::Unavailable);
    }
    let reason = second.refused(ONE).await;
    assert!(reason.starts_with("node 1 refuses this node: node 2 is not known here so far"), "{reason}");
    assert!(second.ask(ONE).await.unwrap_err().message().contains("node 2 is not known here so far"));
    assert_eq!(first.ask(TWO).await.unwrap_err().code(), Code::NotFound);
    assert_eq!(heard.count("a connection was not let in: node 2 is not known"), 1, "{}", heard.text());
    // Nobody took that for a death.
    assert!(!second.transport.is_dead(ONE) && !first.transport.is_dead(TWO));
    assert!(deaths.0.try_recv().is_err() && deaths.1.try_recv().is_err());
    first.meets(&[(TWO, two.address)]);
    first.connected(TWO).await;
    second.connected(ONE).await;
}

/// One word of one peer is enough, for it can only be true: numbers are given in order and never twice.
#[tokio::test]
async fn who_was_removed_is_told_that_it_can_never_come_back_and_who_is_new_is_not() {
    let (first, one, second, _two) = pair(&Authority::new()).await;
    first.knows(&[], Some(ONE));
    let reason = second.refused(ONE).await;
    assert!(reason.contains("node 2 is not known here so far"), "{reason}");
    assert!(timeout(Duration::ZERO, second.transport.refused_as_unfit()).await.is_err(), "its number is not given yet");
    first.knows(&[], Some(TWO));
    second.meets(&[]);
    second.meets(&[(ONE, one.address)]);
    let told = timeout(LIMIT, second.transport.refused_as_unfit()).await.unwrap();
    assert!(told.starts_with("node 1 refuses this node: node 2 was removed from this cluster"), "{told}");
}

#[tokio::test]
async fn a_channel_to_a_revoked_peer_says_so() {
    let (first, ..) = pair(&Authority::new()).await;
    let mut client = first.transport.client(TWO).unwrap();
    first.meets(&[]);
    let status = timeout(LIMIT, client.append(wire::AppendRequest::default())).await.unwrap().unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
}

#[tokio::test]
async fn stopping_closes_everything_and_the_listener_last() {
    let (first, one, second, _two) = pair(&Authority::new()).await;
    timeout(LIMIT, first.transport.stop()).await.unwrap();
    let refused = tokio::net::TcpStream::connect(one.address).await.unwrap_err();
    assert_eq!(refused.kind(), std::io::ErrorKind::ConnectionRefused);
    second.stands(ONE, "away", |standing| !matches!(standing.link, crate::transport::peer::Link::Up(_))).await;
    assert_ne!(second.state(ONE), PeerState::Connected);
    // Again does no harm.
    timeout(Duration::from_secs(1), first.transport.stop()).await.unwrap();
}

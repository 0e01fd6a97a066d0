//! What proves a death, and what does not.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::sync::broadcast::error::TryRecvError;
use tokio::time::timeout;
use tonic::Code;

use super::authority::Authority;
use super::process::Process;
use super::proxy::{Mode, Proxy};
use super::{House, LIMIT, Node, ONE, THREE, TWO};
use crate::transport::peer::Link;
use crate::transport::{Death, PeerState, TransportLimits};

/// In this time a death that can be proven would be, a hundred times over.
const MOMENT: Duration = Duration::from_millis(500);

/// Node 1, which remembers its peer, and the house of node 2.
async fn watcher(limits: TransportLimits) -> (Node, House, House) {
    let authority = Authority::new();
    let (mut one, mut two) = (House::new(&authority, ONE), House::new(&authority, TWO));
    one.limits = limits;
    let first = one.open().await;
    // It has its address from now on.
    drop(two.listen().await);
    (first, one, two)
}

async fn dies_and_comes_back(limits: TransportLimits, rounds: u64) {
    let (first, one, mut two) = watcher(limits).await;
    first.meets(&[(TWO, two.address)]);
    let mut deaths = first.transport.deaths();
    for round in 1..=rounds {
        let process = Process::start(&mut two, &[(ONE, one.address)]).await;
        first.stands(TWO, "connected", |standing| matches!(standing.link, Link::Up(_)) && standing.dead.is_none()).await;
        assert!(!first.transport.is_dead(TWO));
        assert_eq!(first.ask(TWO).await.unwrap(), "1.1");
        process.kill();
        assert!(first.transport.dies(TWO, LIMIT).await, "not within {LIMIT:?}: {:?}", first.transport.status());
        let death = timeout(LIMIT, deaths.recv()).await.unwrap().unwrap();
        assert_eq!(death, Death { node: TWO, incarnation: round });
        assert!(first.transport.is_dead(TWO));
        assert_eq!(first.state(TWO), PeerState::Dead);
        let status = first.ask(TWO).await.expect_err("nobody answers");
        assert_eq!(status.code(), Code::Unavailable);
        assert_eq!(deaths.try_recv(), Err(TryRecvError::Empty), "told once");
        two = two.again();
    }
}

#[tokio::test]
async fn a_killed_process_is_dead_and_a_new_one_is_not() {
    // Connections that lasted only a moment are looked at in another way than those that lasted.
    dies_and_comes_back(TransportLimits::default(), 10).await;
}

/// Every connection has lasted long enough to be made anew at once when it breaks.
fn lasting() -> TransportLimits {
    TransportLimits { retry_min: Duration::from_millis(1), retry_max: Duration::from_millis(1), ..TransportLimits::default() }
}

#[tokio::test]
async fn a_killed_process_that_had_lasted_is_dead() {
    dies_and_comes_back(lasting(), 10).await;
}

#[tokio::test]
async fn all_survivors_know_it() {
    let authority = Authority::new();
    let mut houses = [ONE, TWO, THREE].map(|node| House::new(&authority, node));
    let (first, third) = (houses[0].open().await, houses[2].open().await);
    let others = [(ONE, houses[0].address), (THREE, houses[2].address)];
    let process = Process::start(&mut houses[1], &others).await;
    for node in [&first, &third] {
        node.meets(&[others[0], others[1], (TWO, houses[1].address)]);
    }
    first.connected(TWO).await;
    third.connected(TWO).await;
    process.kill();
    assert_eq!(tokio::join!(first.transport.dies(TWO, LIMIT), third.transport.dies(TWO, LIMIT)), (true, true));
    // They do not take each other for dead.
    assert!(!first.transport.is_dead(THREE) && !third.transport.is_dead(ONE));
    assert_eq!(first.ask(THREE).await.unwrap(), "1.1");
}

/// Node 1 reaches node 2 through the proxy, and node 2 reaches node 1 directly.
async fn behind_a_proxy(limits: TransportLimits) -> (Node, Node, Proxy, House) {
    let (first, one, mut two) = watcher(limits).await;
    let second = two.open().await;
    let proxy = Proxy::to(two.address).await;
    first.meets(&[(TWO, proxy.address)]);
    second.meets(&[(ONE, one.address)]);
    first.connected(TWO).await;
    second.connected(ONE).await;
    (first, second, proxy, one)
}

async fn resets(limits: TransportLimits) {
    let (first, _second, proxy, _) = behind_a_proxy(limits).await;
    let mut deaths = first.transport.deaths();
    for _ in 0..3 {
        let accepted = proxy.accepted.load(Ordering::Relaxed);
        proxy.set(Mode::Reset);
        // Attempts to connect are reset as well.
        first.stands(TWO, "unreachable", |standing| matches!(standing.link, Link::Unreachable(_))).await;
        assert!(proxy.accepted.load(Ordering::Relaxed) > accepted, "it did not look");
        assert!(!first.transport.is_dead(TWO));
        proxy.set(Mode::Forward);
        first.connected(TWO).await;
        assert_eq!(first.ask(TWO).await.unwrap(), "1.1");
    }
    assert_eq!(deaths.try_recv(), Err(TryRecvError::Empty));
}

#[tokio::test]
async fn a_connection_that_is_reset_proves_nothing() {
    resets(TransportLimits::default()).await;
}

#[tokio::test]
async fn a_connection_that_had_lasted_and_is_reset_proves_nothing() {
    resets(lasting()).await;
}

/// A process that dies may break its connections before it stops to listen.
async fn closes_the_listener_late(limits: TransportLimits) {
    let (first, _second, mut proxy, _) = behind_a_proxy(limits).await;
    let accepted = proxy.accepted.load(Ordering::Relaxed);
    proxy.set(Mode::Reset);
    let looked = async {
        while proxy.accepted.load(Ordering::Relaxed) < accepted + 2 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, looked).await.expect("a second look");
    proxy.close().await;
    assert!(first.transport.dies(TWO, LIMIT).await);
}

#[tokio::test]
async fn a_listener_that_closes_late_is_proof() {
    closes_the_listener_late(TransportLimits::default()).await;
    closes_the_listener_late(lasting()).await;
}

fn impatient() -> TransportLimits {
    TransportLimits {
        ping_interval: Duration::from_millis(50),
        ping_max: Duration::from_millis(500),
        handshake_max: Duration::from_secs(1),
        silence_max: 2 * LIMIT,
        ..TransportLimits::default()
    }
}

#[tokio::test]
async fn silence_closes_the_connection_but_proves_nothing() {
    let (first, _second, proxy, _) = behind_a_proxy(impatient()).await;
    let mut deaths = first.transport.deaths();
    proxy.set(Mode::Hold);
    assert_eq!(first.ask(TWO).await.unwrap_err().code(), Code::Unavailable);
    first.stands(TWO, "unreachable", |standing| matches!(standing.link, Link::Unreachable(_))).await;
    assert!(!first.transport.is_dead(TWO));
    proxy.set(Mode::Forward);
    first.connected(TWO).await;
    assert_eq!(first.ask(TWO).await.unwrap(), "1.1");
    assert_eq!(deaths.try_recv(), Err(TryRecvError::Empty));
}

#[tokio::test]
async fn a_refused_connection_behind_silence_proves_nothing() {
    let (first, _second, mut proxy, _) = behind_a_proxy(impatient()).await;
    let mut deaths = first.transport.deaths();
    proxy.set(Mode::Hold);
    proxy.close().await;
    let refused = |why: &str| why.contains("Connection refused");
    first.stands(TWO, "refused by TCP", |standing| matches!(&standing.link, Link::Unreachable(why) if refused(why))).await;
    assert!(!first.transport.is_dead(TWO));
    assert_eq!(deaths.try_recv(), Err(TryRecvError::Empty));
}

#[tokio::test]
async fn a_broken_connection_from_the_peer_is_a_reason_to_look() {
    let (first, one, mut two) = watcher(TransportLimits::default()).await;
    let second = two.open().await;
    let (mut there, back) = (Proxy::to(two.address).await, Proxy::to(one.address).await);
    first.meets(&[(TWO, there.address)]);
    second.meets(&[(ONE, back.address)]);
    first.connected(TWO).await;
    // Both ends of it are up when an answer has come.
    assert_eq!(second.ask(ONE).await.unwrap(), "2.1");
    let mut deaths = first.transport.deaths();
    // The peer still listens: nothing is proven.
    let looks = there.accepted.load(Ordering::Relaxed);
    back.set(Mode::Reset);
    let looked = async {
        while there.accepted.load(Ordering::Relaxed) == looks {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, looked).await.expect("a look");
    assert!(!first.transport.dies(TWO, MOMENT).await);
    assert_eq!(first.ask(TWO).await.unwrap(), "1.1");
    back.set(Mode::Forward);
    second.connected(ONE).await;
    assert_eq!(second.ask(ONE).await.unwrap(), "2.1");
    // It does not listen any more: that is proof, although our own connection does not know yet.
    there.close().await;
    back.set(Mode::Reset);
    assert!(first.transport.dies(TWO, LIMIT).await);
    assert_eq!(timeout(LIMIT, deaths.recv()).await.unwrap().unwrap(), Death { node: TWO, incarnation: 1 });
}

#[tokio::test]
async fn who_was_never_reached_cannot_be_proven_dead() {
    let (first, one, mut two) = watcher(TransportLimits::default()).await;
    // The address is wrong: nobody listens there, whatever becomes of node 2.
    first.meets(&[(TWO, ([127, 0, 0, 1], 1).into())]);
    let process = Process::start(&mut two, &[(ONE, one.address)]).await;
    first.stands(TWO, "met", |standing| standing.met.is_some()).await;
    let mut deaths = first.transport.deaths();
    process.kill();
    assert!(timeout(MOMENT, deaths.recv()).await.is_err());
    assert!(!first.transport.is_dead(TWO));
}

#[tokio::test]
async fn the_dead_is_alive_when_it_calls() {
    let (first, one, mut two) = watcher(TransportLimits::default()).await;
    first.meets(&[(TWO, two.address)]);
    let process = Process::start(&mut two, &[(ONE, one.address)]).await;
    first.connected(TWO).await;
    process.kill();
    assert!(first.transport.dies(TWO, LIMIT).await);
    // It comes back at another address, which node 1 does not know: it can only be called.
    two = two.again();
    two.address.set_port(0);
    let process = Process::start(&mut two, &[(ONE, one.address)]).await;
    first.stands(TWO, "alive", |standing| standing.dead.is_none()).await;
    process.kill();
}

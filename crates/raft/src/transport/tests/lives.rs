//! Peers that come back, with what they had or with less.

use std::sync::atomic::Ordering;

use tokio::time::timeout;

use super::authority::Authority;
use super::hearing::Hearing;
use super::{House, LIMIT, ONE, Recollection, TWO, pair};
use crate::transport::{PeerState, Remembered};

/// Node 2 was met in its fifth start with 100 frames. It comes back changed; the reasons are what both nodes say, and whether node 2 may go on.
async fn comes_back(change: impl FnOnce(&mut House)) -> Result<(), (String, String)> {
    let authority = Authority::new();
    let (mut one, mut two) = (House::new(&authority, ONE), House::new(&authority, TWO));
    let before = Remembered { storage: two.life.storage, incarnation: 5, life: [5; 16], synced: 100 };
    one.memory.peers.lock().unwrap().insert(TWO, before.clone());
    (two.life.incarnation, two.life.life) = (6, [6; 16]);
    two.memory.synced.store(100, Ordering::Relaxed);
    change(&mut two);
    let (first, second) = (one.open().await, two.open().await);
    first.meets(&[(TWO, two.address)]);
    second.meets(&[(ONE, one.address)]);
    tokio::select! {
        () = first.connected(TWO) => {
            second.connected(ONE).await;
            Ok(())
        }
        reason = first.refused(TWO) => {
            assert_eq!(one.memory.recall_of(TWO), Some(before), "what was remembered stays");
            let told = timeout(LIMIT, second.transport.refused_as_unfit()).await.expect("it is told");
            assert!(first.ask(TWO).await.is_err());
            Err((reason, told))
        }
    }
}

impl Recollection {
    fn recall_of(&self, node: crate::NodeId) -> Option<Remembered> {
        self.peers.lock().unwrap().get(&node).cloned()
    }
}

async fn is_refused(change: impl FnOnce(&mut House), reason: &str) {
    let (ours, theirs) = comes_back(change).await.expect_err("it must not be let in");
    assert!(ours.contains(reason), "{ours}");
    assert!(theirs.starts_with("node 1 refuses this node: node 2 "), "{theirs}");
    assert!(theirs.contains(reason) && theirs.contains("under a new id"), "{theirs}");
}

#[tokio::test]
async fn the_next_start_is_let_in() {
    comes_back(|_| {}).await.unwrap();
}

#[tokio::test]
async fn a_wiped_node_is_refused() {
    is_refused(|two| two.life.storage = [9; 16], "empty or different data directory (storage 0909").await;
}

#[tokio::test]
async fn an_old_start_is_refused() {
    is_refused(|two| two.life.incarnation = 4, "start number 4, but 5 was seen already").await;
}

#[tokio::test]
async fn another_life_with_the_same_number_is_refused() {
    is_refused(|two| two.life.incarnation = 5, "two lives with start number 5").await;
}

#[tokio::test]
async fn less_on_disk_than_before_is_refused() {
    let change = |two: &mut House| two.memory.synced.store(99, Ordering::Relaxed);
    is_refused(change, "frame 99 is the last on its disk, but 100 was acknowledged").await;
}

/// It is enough that one of the two can call the other.
#[tokio::test]
async fn a_wiped_node_is_refused_when_it_is_called_and_when_it_calls() {
    for wiped_calls in [true, false] {
        let authority = Authority::new();
        let (mut one, mut two) = (House::new(&authority, ONE), House::new(&authority, TWO));
        one.memory.peers.lock().unwrap().insert(TWO, Remembered { storage: [9; 16], incarnation: 1, life: [1; 16], synced: 0 });
        let heard = Hearing::begin();
        let (first, second) = (one.open().await, two.open().await);
        // Port 1 is nobody's.
        let nowhere = ([127, 0, 0, 1], 1).into();
        first.meets(&[(TWO, if wiped_calls { nowhere } else { two.address })]);
        second.meets(&[(ONE, if wiped_calls { one.address } else { nowhere })]);
        let told = timeout(LIMIT, second.transport.refused_as_unfit()).await.unwrap();
        assert!(
            told.starts_with("node 1 refuses this node: node 2 came back with an empty or different data directory"),
            "{told}"
        );
        assert!(heard.count("node 1 refuses this node: node 2 came back with an empty") >= 1, "{}", heard.text());
        assert!(heard.text().lines().any(|line| line.contains("node 2 came back") && !line.contains("refuses this node")));
    }
}

#[tokio::test]
async fn a_node_that_comes_back_with_less_than_it_said_since_is_refused() {
    let authority = Authority::new();
    let (first, mut one, second, mut two) = pair(&authority).await;
    // Answers told of 50 frames. Node 1 restarts as well: it must know that from its disk.
    first.transport.observe(TWO, 50);
    let written = async {
        while one.memory.recall_of(TWO).unwrap().synced != 50 {
            tokio::task::yield_now().await;
        }
    };
    timeout(LIMIT, written).await.expect("written within a second or two");
    first.transport.stop().await;
    second.transport.stop().await;
    (one, two) = (one.again(), two.again());
    two.memory.synced.store(49, Ordering::Relaxed);
    let (first, second) = (one.open().await, two.open().await);
    first.meets(&[(TWO, two.address)]);
    second.meets(&[(ONE, one.address)]);
    assert!(first.refused(TWO).await.contains("frame 49 is the last on its disk, but 50 was acknowledged"));
}

#[tokio::test]
async fn known_at_once_before_it_is_written() {
    let authority = Authority::new();
    let (first, _one, second, mut two) = pair(&authority).await;
    first.transport.observe(TWO, 50);
    second.transport.stop().await;
    two = two.again();
    let second = two.open().await;
    second.meets(&[(ONE, _one.address)]);
    let told = timeout(LIMIT, second.transport.refused_as_unfit()).await.unwrap();
    assert!(told.contains("but 50 was acknowledged"), "{told}");
    drop(first);
}

#[tokio::test]
async fn both_come_back_and_meet_again() {
    let (first, mut one, second, mut two) = pair(&Authority::new()).await;
    first.transport.stop().await;
    second.transport.stop().await;
    for start in 2..5 {
        (one, two) = (one.again(), two.again());
        let (first, second) = (one.open().await, two.open().await);
        first.meets(&[(TWO, two.address)]);
        second.meets(&[(ONE, one.address)]);
        assert_eq!(first.ask(TWO).await.unwrap(), format!("1.{start}"));
        assert_eq!(second.ask(ONE).await.unwrap(), format!("2.{start}"));
        assert_eq!(first.state(TWO), PeerState::Connected);
        first.transport.stop().await;
        second.transport.stop().await;
    }
}

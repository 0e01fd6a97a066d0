//! Whole clusters in one process, on loopback.

mod trial;

use std::collections::BTreeSet;
use std::time::Duration;

use conclave_cluster::meta::{EndReason, FEATURE_LEVEL, MetaRequest};
use conclave_raft::Leader;

use super::governing::reached;
use super::{MetaError, asking, number_of};
use trial::{SHARDS, Trial};

/// As a node of this number would register.
fn registration(node: u32) -> MetaRequest {
    MetaRequest::Register {
        node,
        peer: "127.0.0.1:1".to_owned(),
        version: "1".to_owned(),
        clients: Vec::new(),
        http: None,
        feature_level: FEATURE_LEVEL,
        service: Default::default(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_alone_is_a_cluster_and_stays_the_same_one() {
    let mut trial = Trial::new();
    trial.start_alone().await;
    trial.settled(&[1]).await;
    let (name, first) = (trial.name(1), *trial.node(1).me().borrow());
    assert_eq!((first.node, first.number), (1, 1));
    trial.end(1).await;

    trial.start(1).await;
    trial.settled(&[1]).await;
    assert_eq!((trial.name(1), trial.node(1).me().borrow().number), (name, 2));
    trial.end_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn three_nodes_share_the_work_and_outlive_the_leader_of_meta() {
    let mut trial = Trial::prepared(3);
    trial.start_all().await;
    trial.settled(&[1, 2, 3]).await;
    // Whoever is asked, everybody hears of it.
    for node in [1, 2, 3] {
        let address = format!("127.0.0.1:{}", 60_000 + node);
        let token = trial.node(node).invite(address.clone()).await.unwrap();
        trial.everywhere(|meta| meta.nodes().get(&token.node()).is_some_and(|entry| entry.peer == address)).await;
    }

    let dead = trial.leader_of_meta().await;
    let number = trial.node(dead).me().borrow().number;
    trial.kill(dead).await;
    let incarnation = conclave_cluster::Incarnation { node: dead, number };
    trial.everywhere(|meta| !meta.is_current(incarnation)).await;
    trial.start(dead).await;
    assert!(trial.node(dead).me().borrow().number > number);
    trial.settled(&[1, 2, 3]).await;

    trial.end_all().await;
    trial.start_all().await;
    trial.settled(&[1, 2, 3]).await;
    trial.end_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cluster_grows_by_tokens_and_shrinks_by_draining() {
    let mut trial = Trial::new();
    trial.start_alone().await;
    trial.settled(&[1]).await;
    for node in [2, 3] {
        trial.join(node).await;
    }
    trial.settled(&[1, 2, 3]).await;

    trial.node(1).ask(MetaRequest::Drain { node: 1 }).await.unwrap();
    trial.leads_nothing(1).await;
    trial.remove(1).await;
    trial.settled(&[2, 3]).await;
    let error = trial.try_start(1).await.err().expect("it was removed").to_string();
    assert!(error.contains("was removed"), "{error}");
    trial.end_all().await;
}

/// Without its state it waits for those who do not let it in, before anything else of it runs.
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_lost_its_state_and_was_removed_meanwhile_does_not_start() {
    let mut trial = Trial::prepared(3);
    trial.log_entries_kept = 0;
    trial.start_all().await;
    trial.settled(&[1, 2, 3]).await;
    let meta = trial.node(3).meta_group().unwrap();
    meta.checkpoint().await;
    trial.until("its log begins behind what its state has", || meta.status().purged.is_some()).await;
    trial.kill(3).await;
    trial.lose_state(3);
    trial.node(1).ask(MetaRequest::Remove { node: 3 }).await.unwrap();
    let is_left = |node: u32| trial.node(node).raft().peers().iter().any(|peer| number_of(peer.node) == Some(3));
    trial.until("its farewell is over", || ![1, 2].into_iter().any(is_left)).await;
    let error = trial.try_start(3).await.err().expect("it was removed").to_string();
    assert!(error.contains("was removed"), "{error}");
    trial.end_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_does_not_come_in_time_may_not_come_any_more() {
    let mut trial = Trial::new();
    trial.invitation_max = Duration::from_millis(10);
    trial.start_alone().await;
    let node = trial.node(1).invite("127.0.0.1:1".to_owned()).await.unwrap().node();
    trial.everywhere(|meta| !meta.nodes().contains_key(&node)).await;
    let refused = trial.node(1).ask(registration(node)).await.unwrap_err();
    assert!(refused.to_string().contains("its invitation has run out"), "{refused}");
    trial.end_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_lets_in_one_that_came_meanwhile_also_where_nobody_leads() {
    let mut trial = Trial::prepared(4);
    // The first three vote in meta.
    for node in 1..=4 {
        trial.start(node).await;
    }
    trial.kill(4).await;
    trial.join(5).await;
    trial.everywhere(|meta| meta.nodes().contains_key(&5)).await;
    trial.until("the first three vote in meta", || trial.vote_in_meta(3) == BTreeSet::from([1, 2, 3])).await;
    trial.kill(1).await;
    trial.kill(2).await;
    // Two of the three that vote in meta are dead.
    let starting = trial.starting(4);
    trial.until("the new node reaches it", || reached(&trial.node(5).0).contains(&4)).await;
    trial.start(1).await;
    trial.started(4, starting).await;
    trial.end_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_away_and_moved_finds_the_leader_that_came_meanwhile() {
    let mut trial = Trial::prepared(3);
    trial.start_all().await;
    trial.settled(&[1, 2, 3]).await;
    trial.kill(3).await;
    trial.join(4).await;
    trial.node(2).ask(MetaRequest::Remove { node: 1 }).await.unwrap();
    trial.until("the new node votes in meta", || trial.vote_in_meta(2) == BTreeSet::from([2, 3, 4])).await;
    trial.kill(1).await;
    loop {
        match trial.leader_of_meta().await {
            4 => break,
            leader => trial.node(leader).hand_over(Duration::from_secs(5)).await,
        }
    }
    // Nobody finds it where it was, so nobody calls it.
    trial.moves(3);
    trial.start(3).await;
    trial.end_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_was_taken_for_dead_by_mistake_is_another_one_from_then_on() {
    let mut trial = Trial::prepared(2);
    trial.start_all().await;
    let mut me = trial.node(2).me();
    let incarnation = *me.borrow_and_update();
    trial.node(1).ask(MetaRequest::End { incarnation, why: EndReason::Silent }).await.unwrap();
    trial.within("the node registers again", me.changed()).await.unwrap();
    assert!(me.borrow().number > incarnation.number);
    trial.end_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_minority_decides_nothing_and_says_so_and_goes_on_with_the_others() {
    let mut trial = Trial::prepared(2);
    trial.start_all().await;
    trial.settled(&[1, 2]).await;
    trial.until("both vote in meta", || trial.vote_in_meta(1).len() == 2).await;
    trial.kill(2).await;
    let drain = MetaRequest::Drain { node: 2 };
    let late = asking::ask(&trial.node(1).0, &drain, Duration::from_millis(500)).await.unwrap_err();
    assert!(matches!(late, MetaError::Late { .. }), "{late}");
    assert!(!trial.node(1).meta().borrow().nodes()[&2].draining);

    trial.start(2).await;
    trial.node(1).ask(drain).await.unwrap();
    trial.everywhere(|meta| meta.nodes()[&2].draining).await;
    trial.end_all().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leadership_that_is_handed_over_is_led_by_others() {
    let mut trial = Trial::prepared(3);
    trial.start_all().await;
    trial.settled(&[1, 2, 3]).await;
    let office = |shard| trial.node(1).group(shard).map(|group| group.leader().now());
    let before: Vec<_> = (0..SHARDS).map(office).collect();
    assert!(before.iter().any(|leader| matches!(leader, Some(Leader::Us(_)))), "{before:?}");
    trial.node(1).hand_over(Duration::from_secs(5)).await;
    // It may have been given one back by now: that is another office.
    for (shard, before) in (0..SHARDS).zip(before).filter(|(_, before)| matches!(before, Some(Leader::Us(_)))) {
        assert_ne!(office(shard), before, "shard {shard}");
    }
    trial.end_all().await;
}

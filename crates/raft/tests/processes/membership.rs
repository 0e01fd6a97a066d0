//! Nodes come, go, lag behind and hand over, while clients write.
//!
//! The long form of the transfers: `CONCLAVE_ROUNDS=20 cargo test -p conclave-raft --test processes membership::`

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Plan, SMALL, seen_within, within};
use crate::record::{Clients, Load};
use crate::rounds;

/// For a node that was away to have what the others have.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(60);

/// A transfer whose target is silent must have chosen another by then.
const TRANSFER_LIMIT: Duration = Duration::from_secs(5);

/// In this time a candidate that two of three would take is elected, many times over.
const EMPTY_MAJORITY_WAIT: Duration = Duration::from_secs(4);

/// How far behind a node falls.
const BEHIND: u64 = 100_000;

/// A cluster of so many nodes, started and introduced, and no group yet.
fn nodes(nodes: u64, groups: u32, arguments: &[&str]) -> Cluster {
    let mut cluster = Cluster::without_groups(Plan { nodes, groups, arguments, ..Plan::default() });
    cluster.start_all();
    cluster
}

/// A node joins a group as a learner, and votes once it has everything.
fn join(cluster: &Cluster, group: u32, id: u64) {
    assert_eq!(cluster.ask(id, &format!("start {group}")), "ok");
    change(cluster, group, &format!("learner {group} {id}"));
    change(cluster, group, &format!("promote {group} {id}"));
}

/// A change of membership is asked for until it is done: one that is unknown may have been.
fn change(cluster: &Cluster, group: u32, line: &str) {
    cluster.ask_leader_until(group, line, |answer| answer == "ok");
}

/// Entries of a key, a count and a size. A leader that is replaced meanwhile leaves them to the next one, who begins again.
fn fill(cluster: &Cluster, group: u32, what: &str) {
    cluster.ask_leader_until(group, &format!("fill {group} {what}"), |answer| answer == "ok");
}

fn voters(cluster: &Cluster, group: u32) -> String {
    cluster.status(cluster.leader(group), group, "voters")
}

#[test]
fn a_snapshot_is_installed_while_clients_write() {
    let cluster = nodes(4, 2, SMALL);
    for group in 1..=2 {
        cluster.create_group(group, &[1, 2, 3]);
        fill(&cluster, group, "f 2000 1000");
    }
    let clients = Clients::start(&cluster, Load::default());
    clients.await_each_group();
    for group in 1..=2 {
        // It purges behind a checkpoint, which comes when it comes.
        let purged =
            within(CATCH_UP_LIMIT, "the log is purged", || cluster.status_number(cluster.leader_now(group)?, group, "purged"));
        join(&cluster, group, 4);
        let there = cluster.status_number(4, group, "purged");
        assert!(there.is_some_and(|there| there >= purged), "node 4 has the log from {there:?}, so it got no snapshot");
        clients.await_each_group();
    }
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

/// By a snapshot: the log before is purged.
#[test]
fn a_follower_far_behind_gets_a_snapshot() {
    catch_up(&[], true);
}

/// By the log, which is all there.
#[test]
fn a_follower_far_behind_gets_the_log() {
    catch_up(&["--keep-entries", "1000000"], false);
}

fn catch_up(arguments: &[&str], snapshot: bool) {
    let mut cluster = Cluster::start(Plan { groups: 1, arguments, ..Plan::default() });
    let leader = cluster.leader(1);
    let follower = if leader == 3 { 2 } else { 3 };
    cluster.kill(&[follower]);
    let start = Instant::now();
    let patience = std::mem::replace(&mut cluster.patience, CATCH_UP_LIMIT * 2);
    fill(&cluster, 1, &format!("f {BEHIND} 8"));
    cluster.patience = patience;
    println!("{BEHIND} entries in {:?}", start.elapsed());
    if snapshot {
        // Whoever leads when the follower is back. It purges behind a checkpoint, which comes when it comes.
        for id in cluster.answering() {
            within(CATCH_UP_LIMIT, "the log is purged", || {
                (cluster.status_number(id, 1, "purged") >= Some(BEHIND / 2)).then_some(())
            });
        }
    }
    let start = Instant::now();
    cluster.start_node(follower);
    within(CATCH_UP_LIMIT, "the follower has everything", || {
        (cluster.status_number(follower, 1, "applied") >= Some(BEHIND)).then_some(())
    });
    println!("caught up in {:?}", start.elapsed());
    assert_eq!(cluster.status_number(follower, 1, "purged") >= Some(BEHIND / 2), snapshot);
    cluster.verify(&crate::record::Record::default());
}

#[test]
fn one_node_grows_to_three_and_five_and_shrinks_to_three() {
    let mut cluster = nodes(5, 1, SMALL);
    cluster.create_group(1, &[1]);
    let clients = Clients::start(&cluster, Load::default());
    clients.await_commits(50);
    for id in 2..=5 {
        join(&cluster, 1, id);
        clients.await_each_group();
        let expected = (1..=id).map(|id| id.to_string()).collect::<Vec<_>>().join(",");
        assert_eq!(voters(&cluster, 1), expected);
    }
    // Five nodes bear the loss of two.
    cluster.kill(&[2, 3]);
    clients.await_each_group();
    cluster.start_node(2);
    cluster.start_node(3);
    for gone in 0..2 {
        let leader = cluster.leader(1);
        change_or_gone(&cluster, leader);
        clients.await_each_group();
        assert_eq!(voters(&cluster, 1).split(',').count(), 4 - gone);
        cluster.kill(&[leader]);
        clients.await_each_group();
    }
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

/// Takes the leader out of group 1. Whoever leads then knows whether it is done.
fn change_or_gone(cluster: &Cluster, leader: u64) {
    let line = format!("remove 1 {leader}");
    within(CATCH_UP_LIMIT, &format!("node {leader} is no voter"), || {
        let now = cluster.leader_now(1)?;
        let voters = cluster.status(now, 1, "voters");
        if now != leader && voters.split(',').all(|voter| voter != leader.to_string()) {
            return Some(());
        }
        cluster.try_ask(now, &line);
        None
    });
}

#[test]
fn a_node_is_replaced_by_another() {
    let cluster = nodes(4, 3, SMALL);
    for group in 1..=3 {
        cluster.create_group(group, &[1, 2, 3]);
    }
    let clients = Clients::start(&cluster, Load::default());
    clients.await_each_group();
    for group in 1..=3 {
        assert_eq!(cluster.ask(4, &format!("start {group}")), "ok");
        change(&cluster, group, &format!("learner {group} 4"));
        change(&cluster, group, &format!("replace {group} 1 4"));
        clients.await_each_group();
        assert_eq!(voters(&cluster, group), "2,3,4");
    }
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

#[test]
fn leaders_hand_over_under_load() {
    let cluster = Cluster::start(Plan::default());
    let clients = Clients::start(&cluster, Load::default());
    for round in 0..rounds(6) {
        for group in 1..=cluster.groups {
            let leader = cluster.leader(group);
            let to = 1 + (leader + round % 2) % 3;
            let start = Instant::now();
            let answer = cluster.ask(leader, &format!("transfer {group} {to}"));
            assert!(answer.starts_with("ok ") || answer.starts_with("refused "), "{answer}");
            println!("round {round}, group {group}: {leader} to {to}: {answer} after {:?}", start.elapsed());
        }
        clients.await_each_group();
    }
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

#[test]
fn a_transfer_to_a_silent_node_finds_another() {
    let mut cluster = Cluster::start(Plan { groups: 1, ..Plan::default() });
    let clients = Clients::start(&cluster, Load::default());
    clients.await_commits(20);
    let silent = 1 + cluster.leader(1) % 3;
    cluster.node(silent).pause();
    // Who is found has half a second, like the silent one; on a slow disk it may take a few times.
    within(CATCH_UP_LIMIT, "another leader", || {
        let leader = cluster.leader_now(1)?;
        let start = Instant::now();
        let answer = cluster.ask(leader, &format!("transfer 1 {silent}"));
        let took = start.elapsed();
        println!("{leader} to the silent {silent}: {answer} after {took:?}");
        assert!(took < TRANSFER_LIMIT, "{took:?}");
        let other = 6 - leader - silent;
        assert!(answer == format!("ok {other}") || answer.starts_with("refused "), "{answer}");
        answer.starts_with("ok ").then_some(())
    });
    clients.await_each_group();
    cluster.node(silent).resume();
    let record = clients.stop();
    cluster.verify(&record);
}

/// Nobody can take it: that is said in time as well, and the group goes on when the others are back.
#[test]
fn a_transfer_that_nobody_can_take_is_refused() {
    let mut cluster = Cluster::start(Plan { groups: 1, ..Plan::default() });
    let clients = Clients::start(&cluster, Load::default());
    clients.await_commits(20);
    let leader = cluster.leader(1);
    let others: Vec<u64> = cluster.ids().into_iter().filter(|id| *id != leader).collect();
    others.iter().for_each(|id| cluster.node(*id).pause());
    let start = Instant::now();
    let answer = cluster.ask(leader, "transfer 1 any");
    let took = start.elapsed();
    println!("{leader} to nobody: {answer} after {took:?}");
    assert!(answer.starts_with("refused ") && took < TRANSFER_LIMIT, "{answer} after {took:?}");
    others.iter().for_each(|id| cluster.node(*id).resume());
    clients.await_each_group();
    let record = clients.stop();
    cluster.verify(&record);
}

/// Who was away while members changed counts by the old ones when it comes back. One of those was taken out, and is there again with nothing: together
/// they were a majority once.
#[test]
fn a_node_that_came_back_empty_does_not_vote_for_one_that_lacks_what_it_had() {
    let mut cluster = nodes(4, 1, SMALL);
    cluster.create_group(1, &[1, 2, 3]);
    let leader = cluster.leader(1);
    let followers: Vec<u64> = (1..=3).filter(|id| *id != leader).collect();
    let (away, taken_out) = (followers[0], followers[1]);
    cluster.kill(&[away]);
    join(&cluster, 1, 4);
    change(&cluster, 1, &format!("remove 1 {taken_out}"));
    cluster.ask_leader_until(1, "put 1 key kept", |answer| answer.starts_with("committed"));
    for line in ["forget 1", "start 1"] {
        assert_eq!(cluster.ask(taken_out, line), "ok");
    }
    let stay: Vec<u64> = [1, 2, 3, 4].into_iter().filter(|id| ![away, taken_out].contains(id)).collect();
    cluster.kill(&stay);
    cluster.start_node(away);
    let leads = || cluster.try_ask(away, "lead 1").filter(|answer| answer.starts_with("us "));
    assert_eq!(seen_within(EMPTY_MAJORITY_WAIT, leads), None, "a leader that lacks what was committed");
    stay.iter().for_each(|id| cluster.start_node(*id));
    within(CATCH_UP_LIMIT, "what was committed is everywhere", || {
        let all = stay
            .iter()
            .chain([&away])
            .all(|id| cluster.try_ask(*id, "peek 1 key").is_some_and(|answer| answer.ends_with(" kept")));
        all.then_some(())
    });
}

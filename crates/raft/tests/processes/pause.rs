//! Leaders that fall silent, and leaders that die: others lead, and those that come back do no harm.
//!
//! The long form: `CONCLAVE_ROUNDS=20 cargo test -p conclave-raft --test processes pause::`

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Plan, within};
use crate::record::{Clients, Load};
use crate::rounds;

/// For others to be elected, all groups of a node at once, on a busy machine.
const ELECTION_LIMIT: Duration = Duration::from_secs(20);

#[test]
fn a_paused_leader_comes_back_and_does_no_harm() {
    let mut cluster = Cluster::start(Plan::default());
    let clients = Clients::start(&cluster, Load::default());
    for round in 0..rounds(3) {
        clients.await_commits(50);
        let victim = cluster.leader(1);
        let led = led_by(&cluster, victim);
        let start = Instant::now();
        cluster.node(victim).pause();
        for (group, _) in &led {
            let leader = within(ELECTION_LIMIT, &format!("another leader of group {group}"), || cluster.leader_now(*group));
            assert_ne!(leader, victim);
        }
        println!("round {round}: others lead {} groups after {:?}", led.len(), start.elapsed());
        let took = clients.await_each_group();
        println!("round {round}: and commit after {took:?}");
        cluster.node(victim).resume();
        for (group, token) in &led {
            assert_deposed(&cluster, victim, *group, token);
        }
        clients.await_each_group();
    }
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

/// The groups that a node leads, with the token of its leadership.
fn led_by(cluster: &Cluster, id: u64) -> Vec<(u32, String)> {
    let token = |group| cluster.ask(id, &format!("lead {group}")).strip_prefix("us ").map(|token| (group, token.to_owned()));
    (1..=cluster.groups).filter_map(token).collect()
}

/// From its first answer on, a leader that another one followed does not say that it leads as it did, and commits nothing under that leadership.
fn assert_deposed(cluster: &Cluster, id: u64, group: u32, token: &str) {
    assert_ne!(cluster.ask(id, &format!("lead {group}")), format!("us {token}"), "node {id}, group {group}");
    let answer = cluster.ask(id, &format!("putif {group} {token} stale-{token} 1"));
    assert!(answer.starts_with("refused ") || answer.starts_with("unknown "), "node {id}, group {group}: {answer}");
    within(ELECTION_LIMIT, &format!("node {id} knows who leads group {group}"), || {
        let answer = cluster.ask(id, &format!("lead {group}"));
        assert_ne!(answer, format!("us {token}"), "node {id}, group {group}");
        (answer != "nobody").then_some(())
    });
    // Behind a barrier: a refused proposal is nowhere.
    if answer.starts_with("refused ") {
        let seen = cluster.ask_leader_until(group, &format!("get {group} stale-{token}"), |answer| {
            answer.starts_with("none ") || answer.starts_with("value ")
        });
        assert!(seen.starts_with("none "), "group {group}: {seen}");
    }
}

/// A proposal that reaches a paused leader lies there until it wakes; it must not be answered as committed unless it is.
#[test]
fn what_a_paused_leader_was_asked_is_not_committed_behind_the_back_of_another() {
    let mut cluster = Cluster::start(Plan { groups: 1, ..Plan::default() });
    let victim = cluster.leader(1);
    cluster.node(victim).pause();
    let address = cluster.node(victim).control_address;
    let asked = std::thread::spawn(move || {
        let mut control =
            crate::cluster::Control::connect(address, Duration::from_secs(60)).expect("the system accepts for a paused process");
        control.ask("put 1 key old").expect("an answer once it wakes")
    });
    let leader = within(ELECTION_LIMIT, "another leader", || cluster.leader_now(1));
    let answer = cluster.ask_leader_until(1, "put 1 key new", |answer| answer.starts_with("committed "));
    let index: u64 = answer["committed ".len()..].parse().expect("an index");
    cluster.node(victim).resume();
    let answer = asked.join().expect("an answer");
    let value = cluster.ask_leader_until(1, "get 1 key", |answer| answer.starts_with("value "));
    match answer.strip_prefix("committed ") {
        // It was proposed after the victim had become leader again.
        Some(later) => assert!(later.parse::<u64>().expect("an index") > index && value.ends_with(" old"), "{answer}, {value}"),
        None => assert!(value.ends_with(" new") || answer.starts_with("unknown "), "{answer}, {value}, leader {leader}"),
    }
}

/// Prints how long it takes; how long it may take is for the benchmark.
#[test]
fn the_leader_of_all_groups_dies() {
    let mut cluster = Cluster::start(Plan { groups: 8, ..Plan::default() });
    let clients = Clients::start(&cluster, Load::default());
    let mut all = Vec::new();
    for round in 0..rounds(3) {
        let victim = 1 + round % 3;
        for group in 1..=cluster.groups {
            gather(&cluster, group, victim);
        }
        clients.await_each_group();
        cluster.kill(&[victim]);
        all.extend(clients.await_each_group());
        cluster.start_node(victim);
    }
    all.sort();
    println!("two commits after the death of the leader: median {:?}, worst {:?}", all[all.len() / 2], all[all.len() - 1]);
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

/// Has a node lead a group.
fn gather(cluster: &Cluster, group: u32, to: u64) {
    within(ELECTION_LIMIT, &format!("node {to} leads group {group}"), || {
        let leader = cluster.leader_now(group)?;
        if leader != to {
            cluster.ask(leader, &format!("transfer {group} {to}"));
        }
        (leader == to).then_some(())
    });
}

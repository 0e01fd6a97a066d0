//! Wires between nodes that are cut, also in one direction alone.
//!
//! The long form: `CONCLAVE_ROUNDS=10 cargo test -p conclave-raft --test processes cuts::`

use crate::cluster::{Cluster, Plan, within};
use crate::record::{Clients, Load};
use crate::rounds;
use std::time::Duration;

/// For another leader, on a busy machine.
const ELECTION_LIMIT: Duration = Duration::from_secs(20);

/// A cluster whose wires can be cut, and clients that can reach every node all the time.
fn wired() -> (Cluster, Clients) {
    let cluster = Cluster::start(Plan { groups: 3, wired: true, ..Plan::default() });
    let clients = Clients::start(&cluster, Load::default());
    (cluster, clients)
}

fn finish(cluster: &Cluster, clients: Clients) {
    cluster.wires().mend_all();
    clients.await_each_group();
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

fn others(cluster: &Cluster, id: u64) -> Vec<u64> {
    cluster.ids().into_iter().filter(|other| *other != id).collect()
}

/// Another node leads the group, and commits.
fn await_other(cluster: &Cluster, clients: &Clients, group: u32, old: u64) {
    within(ELECTION_LIMIT, &format!("another leader than {old} of group {group}"), || {
        cluster.leader_now(group).filter(|leader| *leader != old)
    });
    clients.await_each_group();
}

#[test]
fn a_leader_without_any_wire_is_replaced() {
    let (cluster, clients) = wired();
    for _ in 0..rounds(2) {
        clients.await_commits(40);
        let leader = cluster.leader(1);
        for other in others(&cluster, leader) {
            cluster.wires().cut(leader, other);
            cluster.wires().cut(other, leader);
        }
        await_other(&cluster, &clients, 1, leader);
        cluster.wires().mend_all();
        clients.await_each_group();
    }
    finish(&cluster, clients);
}

#[test]
fn a_leader_that_hears_but_is_not_heard_is_replaced() {
    let (cluster, clients) = wired();
    for _ in 0..rounds(2) {
        clients.await_commits(40);
        let leader = cluster.leader(1);
        others(&cluster, leader).iter().for_each(|other| cluster.wires().cut(leader, *other));
        await_other(&cluster, &clients, 1, leader);
        cluster.wires().mend_all();
        clients.await_each_group();
    }
    finish(&cluster, clients);
}

/// It cannot commit, and must not say that it leads.
#[test]
fn a_leader_that_is_heard_but_does_not_hear_says_no_more_that_it_leads() {
    let (cluster, clients) = wired();
    for _ in 0..rounds(2) {
        clients.await_commits(40);
        let leader = cluster.leader(1);
        others(&cluster, leader).iter().for_each(|other| cluster.wires().cut(*other, leader));
        within(ELECTION_LIMIT, &format!("node {leader} does not say that it leads"), || {
            (!cluster.ask(leader, "lead 1").starts_with("us ")).then_some(())
        });
        cluster.wires().mend_all();
        clients.await_each_group();
    }
    finish(&cluster, clients);
}

/// One wire less, in one direction: a majority has all the others.
#[test]
fn one_cut_wire_does_not_matter() {
    let (cluster, clients) = wired();
    for (from, to) in [(1, 2), (2, 1), (2, 3)] {
        cluster.wires().cut(from, to);
        clients.await_each_group();
        clients.await_commits(40);
        cluster.wires().mend_all();
        clients.await_each_group();
    }
    finish(&cluster, clients);
}

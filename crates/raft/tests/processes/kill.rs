//! kill -9 under load: of one node, of the one that leads most, of all.
//!
//! The long form: `CONCLAVE_ROUNDS=20 cargo test -p conclave-raft --test processes kill::`

use crate::cluster::{Cluster, Plan, SMALL};
use crate::dice::Dice;
use crate::record::{Clients, Load};
use crate::rounds;

/// Commits between two deaths.
const BETWEEN: u64 = 60;

#[test]
fn one_node_after_the_other() {
    let mut cluster = Cluster::start(Plan { arguments: SMALL, ..Plan::default() });
    let clients = Clients::start(&cluster, Load::default());
    let mut dice = Dice::new(7);
    for round in 0..rounds(4) {
        clients.await_commits(BETWEEN + dice.below(BETWEEN));
        let victim = 1 + dice.below(3);
        cluster.kill(&[victim]);
        let took = clients.await_each_group();
        println!("round {round}: node {victim} killed, groups commit again after {took:?}");
        cluster.start_node(victim);
    }
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

#[test]
fn all_nodes_at_once() {
    let mut cluster = Cluster::start(Plan { arguments: SMALL, ..Plan::default() });
    let clients = Clients::start(&cluster, Load::default());
    let mut dice = Dice::new(8);
    for round in 0..rounds(3) {
        clients.await_commits(BETWEEN + dice.below(BETWEEN));
        let all = cluster.ids();
        cluster.kill(&all);
        cluster.start_all();
        let took = clients.await_each_group();
        println!("round {round}: all killed, groups commit again after {took:?}");
    }
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

//! The power goes: what was not synced is lost, of the log and of the state, which is purged and saved all the time here.
//!
//! That the tests would see a sync that is left out is shown by disks that lie about it.
//!
//! The long form: `CONCLAVE_ROUNDS=20 cargo test -p conclave-raft --test processes power_loss::`

use std::time::Duration;

use crate::cluster::{Cluster, Plan, SMALL, within};
use crate::dice::Dice;
use crate::record::{Clients, Load};
use crate::rounds;
use conclave_preload::Orders;

/// Commits between two losses: enough for several checkpoints of each group.
const BETWEEN: u64 = 200;

/// How long it may take until something is purged that is ready to be.
const PURGE_LIMIT: Duration = Duration::from_secs(30);

/// A cluster that is well answers far sooner.
const SHORT_PATIENCE: Duration = Duration::from_secs(8);

const FORGETFUL: Plan<'_> = Plan { nodes: 3, groups: 3, arguments: SMALL, forgetful: true, wired: false };

#[test]
fn of_all_nodes() {
    let mut cluster = Cluster::start(FORGETFUL);
    let clients = Clients::start(&cluster, Load::default());
    let mut dice = Dice::new(21);
    for round in 0..rounds(4) {
        clients.await_commits(BETWEEN + dice.below(BETWEEN));
        let all = cluster.ids();
        cluster.lose_power(&all, whim(&mut dice, round));
        cluster.start_all();
        clients.await_each_group();
    }
    await_purge(&cluster);
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

#[test]
fn of_one_node() {
    let mut cluster = Cluster::start(FORGETFUL);
    let clients = Clients::start(&cluster, Load::default());
    let mut dice = Dice::new(22);
    for round in 0..rounds(4) {
        clients.await_commits(BETWEEN + dice.below(BETWEEN));
        let victim = 1 + dice.below(3);
        cluster.lose_power(&[victim], whim(&mut dice, round));
        clients.await_each_group();
        cluster.start_node(victim);
    }
    await_purge(&cluster);
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

/// Nothing unsynced stays in every other round, and something of it in the others.
fn whim(dice: &mut Dice, round: u64) -> Option<u64> {
    (round % 2 == 1).then(|| dice.throw())
}

/// Every group on every node has thrown away a part of its log.
fn await_purge(cluster: &Cluster) {
    for (id, group) in places(cluster) {
        let what = format!("the log of group {group} on node {id} is purged");
        within(PURGE_LIMIT, &what, || cluster.status_number(id, group, "purged"));
    }
}

fn places(cluster: &Cluster) -> Vec<(u64, u32)> {
    let groups = 1..=cluster.groups;
    groups.flat_map(|group| cluster.ids().into_iter().map(move |id| (id, group))).collect()
}

/// If the log were not synced, the tests above would see it.
#[test]
fn with_a_log_that_is_not_synced_it_is_seen() {
    let problem = lie("sync@/log/");
    println!("seen: {problem}");
}

/// If the database of the state were not synced, the tests above would see it.
#[test]
fn with_a_state_that_is_not_synced_it_is_seen() {
    let problem = lie("fdatasync@/state/db");
    println!("seen: {problem}");
}

/// What is found wrong after all nodes lost their power, when their disks lied about these syncs.
fn lie(order: &str) -> String {
    for round in 0..3 {
        let mut cluster = Cluster::start(FORGETFUL);
        let all = cluster.ids();
        cluster.kill(&all);
        all.iter().for_each(|id| cluster.node(*id).orders = Orders::lie(order));
        cluster.start_all();
        let clients = Clients::start(&cluster, Load { seed: round, ..Load::default() });
        clients.await_commits(BETWEEN);
        await_purge(&cluster);
        let record = clients.stop();
        cluster.lose_power(&all, None);
        all.iter().for_each(|id| cluster.node(*id).orders = Orders::default());
        cluster.patience = SHORT_PATIENCE;
        if let Err((id, ended)) = cluster.try_start_all() {
            return format!("node {id} does not serve: {ended:?}");
        }
        if let Err(problems) = cluster.try_verify(&record) {
            return problems;
        }
    }
    panic!("\"{order}\" was not seen")
}

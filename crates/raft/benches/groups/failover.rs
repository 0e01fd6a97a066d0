//! How long a group is without a leader when its leader dies, or falls silent.

use std::sync::mpsc;
use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Control, Plan, within};

const GROUPS: u32 = 16;

/// Longer than any takeover should last.
const LIMIT: Duration = Duration::from_secs(20);

/// Prints the times, from the kill to the first commit of each group's new leader.
pub fn measure(rounds: usize) {
    let mut cluster = Cluster::start(Plan { groups: GROUPS, ..Plan::default() });
    let mut killed = Vec::new();
    for _ in 0..rounds {
        let (victim, times) = round(&mut cluster, |cluster, victim| cluster.kill(&[victim]));
        killed.extend(times);
        cluster.start_node(victim);
        settle(&cluster);
    }
    print("kill -9", rounds, &mut killed);
    let mut paused = Vec::new();
    let rounds = rounds.div_ceil(4);
    for _ in 0..rounds {
        let (victim, times) = round(&mut cluster, |cluster, victim| cluster.node(victim).pause());
        paused.extend(times);
        cluster.node(victim).resume();
        settle(&cluster);
    }
    print("SIGSTOP", rounds, &mut paused);
}

fn print(what: &str, rounds: usize, times: &mut [Duration]) {
    times.sort();
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize].as_millis();
    println!(
        "{what}: {rounds} rounds, {} groups: least {} ms, median {} ms, p99 {} ms, worst {} ms",
        times.len(),
        at(0.0),
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

/// Every group has a leader again, and every node has heard of it.
fn settle(cluster: &Cluster) {
    for group in 1..=GROUPS {
        cluster.leader(group);
        for id in cluster.ids() {
            within(LIMIT, "every node knows the leader", || {
                (cluster.ask(id, &format!("lead {group}")) != "nobody").then_some(())
            });
        }
    }
}

/// Moderate load on all groups, then the end of the node that leads most.
fn round(cluster: &mut Cluster, end: impl FnOnce(&mut Cluster, u64)) -> (u64, Vec<Duration>) {
    let leaders: Vec<u64> = (1..=GROUPS).map(|group| cluster.leader(group)).collect();
    let led = |id: u64| leaders.iter().filter(|leader| **leader == id).count();
    let victim = cluster.ids().into_iter().max_by_key(|id| led(*id)).expect("there are nodes");
    let groups: Vec<u32> = (1..=GROUPS).zip(&leaders).filter(|(_, leader)| **leader == victim).map(|(group, _)| group).collect();
    let (done, takeovers) = mpsc::channel();
    for id in cluster.ids().into_iter().filter(|id| *id != victim) {
        load(cluster, id, &leaders);
        for group in &groups {
            await_takeover(cluster, id, *group, done.clone());
        }
    }
    load(cluster, victim, &leaders);
    // The load is under way once something has been committed everywhere.
    within(LIMIT, "commits in all groups", || {
        groups.iter().all(|group| cluster.status_number(victim, *group, "committed") > Some(5)).then_some(())
    });
    let begin = Instant::now();
    end(cluster, victim);
    let mut times = std::collections::BTreeMap::new();
    while times.len() < groups.len() {
        let (group, at): (u32, Instant) = takeovers.recv_timeout(LIMIT).expect("another node takes the group over");
        times.entry(group).or_insert(at - begin);
    }
    (victim, times.into_values().collect())
}

/// One client for each group that the node leads, for a while.
fn load(cluster: &Cluster, id: u64, leaders: &[u64]) {
    let groups: Vec<String> =
        (1..=GROUPS).zip(leaders).filter(|(_, leader)| **leader == id).map(|(group, _)| group.to_string()).collect();
    if groups.is_empty() {
        return;
    }
    let (address, line) = (cluster.control_addresses()[&id], format!("load {} {} 2000 300", groups.join(","), groups.len()));
    // The answer of a node that dies is an error, and nobody's concern.
    std::thread::spawn(move || Control::connect(address, LIMIT).and_then(|mut control| control.ask(&line)));
}

fn await_takeover(cluster: &Cluster, id: u64, group: u32, done: mpsc::Sender<(u32, Instant)>) {
    let address = cluster.control_addresses()[&id];
    std::thread::spawn(move || {
        let answer = Control::connect(address, LIMIT).and_then(|mut control| control.ask(&format!("takeover {group}")));
        if answer.is_ok_and(|answer| answer.starts_with("committed ")) {
            let _ = done.send((group, Instant::now()));
        }
    });
}

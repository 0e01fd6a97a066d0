//! How fast the groups are, over real processes on this machine.
//!
//! ```text
//! cargo bench -p conclave-raft                    commits: 1 and 3 nodes, 1 and 16 groups, 1 and 64 clients
//! cargo bench -p conclave-raft -- failover 20     20 times kill -9 of the node that leads most groups, then 5 times SIGSTOP
//! cargo bench -p conclave-raft -- snapshot        a replica is brought up with 100 MB of state while others write
//! ```
//!
//! All nodes share the machine and its disk with the load, so compare figures of one run with each other, and medians.

#[allow(dead_code)] // the fixture of the tests, of which this needs a part
#[path = "../../tests/processes/cluster/mod.rs"]
mod cluster;
mod commits;
#[allow(dead_code)]
#[path = "../../tests/processes/dice.rs"]
mod dice;
mod failover;
#[allow(dead_code)]
#[path = "../../tests/replicated_map/latencies.rs"]
mod latencies;
#[allow(dead_code, unused_imports)]
#[path = "../../tests/processes/record/mod.rs"]
mod record;
mod snapshot;

fn main() {
    let words: Vec<String> = std::env::args().skip(1).filter(|word| word != "--bench").collect();
    let rounds = words.get(1).map_or(20, |rounds| rounds.parse().expect("a number of rounds"));
    match words.first().map(String::as_str) {
        None => commits::measure(),
        Some("failover") => failover::measure(rounds),
        Some("snapshot") => snapshot::measure(),
        Some(other) => panic!("unknown measurement {other:?}: failover or snapshot"),
    }
}

/// The middle one; of two, the greater.
fn median<T: Copy + Ord>(values: &[T]) -> T {
    let mut sorted = values.to_vec();
    sorted.sort();
    sorted[sorted.len() / 2]
}

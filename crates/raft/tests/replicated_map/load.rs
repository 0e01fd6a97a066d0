//! Load from within the node, as the measurements want it: closed loops, without a client's network.

use std::time::{Duration, Instant};

use conclave_raft::{Group, Leader};

use crate::latencies::Latencies;
use crate::map::Operation;

/// Runs `clients` loops over the groups in turn. How long each commit took; what was refused or unknown is not counted.
pub async fn load(groups: Vec<Group>, clients: usize, time: Duration, bytes: usize) -> Latencies {
    let until = Instant::now() + time;
    let loops: Vec<_> = groups
        .iter()
        .cycle()
        .take(clients)
        .cloned()
        .enumerate()
        .map(|(n, group)| tokio::spawn(client(group, n, until, bytes)))
        .collect();
    let mut all = Latencies::default();
    for client in loops {
        if let Ok(latencies) = client.await {
            all.merge(&latencies);
        }
    }
    all
}

async fn client(group: Group, n: usize, until: Instant, bytes: usize) -> Latencies {
    let mut latencies = Latencies::default();
    let (key, value) = (format!("load{n}"), vec![b'x'; bytes]);
    let entry = Operation::Fill(&key, &value).encode();
    let leader = group.leader();
    while Instant::now() < until {
        let Leader::Us(leadership) = leader.now() else {
            tokio::time::sleep(Duration::from_millis(10)).await;
            continue;
        };
        let begin = Instant::now();
        if group.propose(leadership, entry.clone()).await.is_ok() {
            latencies.add(begin.elapsed());
        }
    }
    latencies
}

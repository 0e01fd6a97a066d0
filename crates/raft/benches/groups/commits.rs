//! Commits in a second, how long each takes, and what it costs.

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Control, Plan};
use crate::latencies::Latencies;
use crate::median;

/// How long each run lasts, after one of the same kind that is not counted.
const RUN: Duration = Duration::from_secs(3);

/// Runs of each kind.
const RUNS: usize = 3;

/// Bytes of an entry's value.
const BYTES: usize = 300;

struct Run {
    per_second: u64,
    p50: u64,
    p99: u64,
    cpu: u64,
}

/// Prints the table.
pub fn measure() {
    println!("| nodes | groups | clients | commits/s: median, best | p50 ms | p99 ms | CPU us/entry: median, least |");
    println!("|---|---|---|---|---|---|---|");
    for nodes in [1, 3] {
        for groups in [1, 16] {
            let cluster = Cluster::start(Plan { nodes, groups, ..Plan::default() });
            for clients in [1, 64] {
                run(&cluster, clients);
                let runs: Vec<Run> = (0..RUNS).map(|_| run(&cluster, clients)).collect();
                let of = |value: fn(&Run) -> u64| runs.iter().map(value).collect::<Vec<_>>();
                let (per_second, cpu) = (of(|run| run.per_second), of(|run| run.cpu));
                println!(
                    "| {nodes} | {groups} | {clients} | {}, {} | {:.2} | {:.2} | {}, {} |",
                    median(&per_second),
                    per_second.iter().max().unwrap_or(&0),
                    median(&of(|run| run.p50)) as f64 / 1000.0,
                    median(&of(|run| run.p99)) as f64 / 1000.0,
                    median(&cpu),
                    cpu.iter().min().unwrap_or(&0),
                );
            }
        }
    }
}

/// The clients are spread over the groups, each inside the node that leads its group.
fn run(cluster: &Cluster, clients: usize) -> Run {
    let mut loads: Vec<(u64, Vec<String>, usize)> = cluster.ids().into_iter().map(|id| (id, Vec::new(), 0)).collect();
    for group in 1..=cluster.groups {
        let leader = cluster.leader(group);
        let of_group = clients / cluster.groups as usize + usize::from((group as usize) <= clients % cluster.groups as usize);
        if let Some(load) = loads.iter_mut().find(|load| load.0 == leader && of_group > 0) {
            load.1.push(group.to_string());
            load.2 += of_group;
        }
    }
    let before = cpu_time(cluster);
    let begin = Instant::now();
    let waiting: Vec<_> = loads.into_iter().filter(|load| load.2 > 0).map(|load| start(cluster, load)).collect();
    let mut latencies = Latencies::default();
    for thread in waiting {
        latencies.merge(&thread.join().expect("a load ends"));
    }
    let (elapsed, cpu) = (begin.elapsed(), cpu_time(cluster) - before);
    let count = latencies.count().max(1);
    Run {
        per_second: (count as f64 / elapsed.as_secs_f64()) as u64,
        p50: latencies.percentile(0.5),
        p99: latencies.percentile(0.99),
        cpu: cpu.as_micros() as u64 / count,
    }
}

fn start(cluster: &Cluster, (node, groups, clients): (u64, Vec<String>, usize)) -> std::thread::JoinHandle<Latencies> {
    let address = cluster.control_addresses()[&node];
    let line = format!("load {} {clients} {} {BYTES}", groups.join(","), RUN.as_millis());
    std::thread::spawn(move || {
        let mut control = Control::connect(address, RUN + Duration::from_secs(30)).expect("the node answers");
        let answer = control.ask(&line).expect("the load ends");
        let buckets = answer.rsplit(' ').next().and_then(Latencies::parse);
        buckets.unwrap_or_else(|| panic!("not a load's answer: {answer}"))
    })
}

/// Of all nodes' processes, user and system.
fn cpu_time(cluster: &Cluster) -> Duration {
    cluster.pids().into_iter().map(of_process).sum()
}

fn of_process(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("the process runs");
    // The name is in parentheses and may contain anything; user and system time are the 14th and 15th field, in hundredths.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields[11..13].iter().map(|field| field.parse::<u64>().expect("a number of ticks")).sum();
    Duration::from_millis(ticks * 10)
}

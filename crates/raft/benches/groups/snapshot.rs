//! A replica that is brought up with a snapshot of much state: how long that takes, and how long those who write meanwhile are held up.

use std::time::{Duration, Instant};

use crate::cluster::{Cluster, Control, Plan, within};
use crate::latencies::Latencies;

/// 100 MB in values of 1 KiB.
const ENTRIES: u64 = 100_000;

const LIMIT: Duration = Duration::from_secs(300);

/// Prints the longest commit before and during the transfer.
pub fn measure() {
    let mut cluster = Cluster::without_groups(Plan { nodes: 2, groups: 1, ..Plan::default() });
    cluster.start_all();
    cluster.create_group(1, &[1]);
    cluster.leader(1);
    let begin = Instant::now();
    let mut control = Control::connect(cluster.control_addresses()[&1], LIMIT).expect("the node answers");
    assert_eq!(control.ask(&format!("fill 1 state {ENTRIES} 1000")).expect("it is filled"), "ok");
    println!("{ENTRIES} entries of 1000 bytes: {:.1} s", begin.elapsed().as_secs_f64());
    print("commits without a transfer", &load(&cluster, 2000).join().expect("a load"));
    let before = load(&cluster, 20_000);
    let begin = Instant::now();
    assert_eq!(cluster.ask(2, "start 1"), "ok");
    assert_eq!(cluster.ask(1, "learner 1 2"), "ok");
    within(LIMIT, "the learner catches up", || {
        (cluster.status_number(2, 1, "applied") >= cluster.status_number(1, 1, "committed")).then_some(())
    });
    println!("the learner has everything after {:.1} s", begin.elapsed().as_secs_f64());
    print("commits during 20 s with the transfer in them", &before.join().expect("a load"));
}

fn print(what: &str, latencies: &Latencies) {
    let at = |share: f64| latencies.percentile(share) as f64 / 1000.0;
    println!("{what}: {} commits, p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms", latencies.count(), at(0.5), at(0.99), at(1.0));
}

fn load(cluster: &Cluster, millis: u64) -> std::thread::JoinHandle<Latencies> {
    let address = cluster.control_addresses()[&1];
    std::thread::spawn(move || {
        let mut control = Control::connect(address, LIMIT).expect("the node answers");
        let answer = control.ask(&format!("load 1 4 {millis} 300")).expect("the load ends");
        answer.rsplit(' ').next().and_then(Latencies::parse).unwrap_or_else(|| panic!("not a load's answer: {answer}"))
    })
}

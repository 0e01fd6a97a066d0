//! Writes and syncs that fail, at each call site: the process ends and names the file, and nothing that it acknowledged is missing afterwards.
//!
//! Call sites are counted by the calls themselves: the first one fails, the second one, and so on until a run meets none. Where there are many, the
//! short form takes a sample.
//!
//! The long form, some minutes: `CONCLAVE_EVERY_CALL=1 cargo test -p conclave-raft --test processes disk_faults::`

use std::time::Duration;

use crate::cluster::{Cluster, Ended, Plan, SMALL, within};
use crate::record::{Append, Clients, Load, Outcome, Record};
use conclave_preload::Orders;

/// Exit code of a disk that fails.
const EXIT_IO: i32 = 74;

/// Appends of one run: enough for several checkpoints, purges and segments.
const APPENDS: u64 = 60;

/// From here on a run meets none, or the count is wrong.
const CALLS_MAX: u64 = 3000;

/// How long a disk tries again before it gives up, in milliseconds: by then whoever waits for the write is asleep, as a rule.
const LATE_MS: u64 = 300;

const EIO: (&str, i32) = ("EIO", 5);
const ENOSPC: (&str, i32) = ("ENOSPC", 28);

/// A run's disk.
const ALONE: Plan<'_> = Plan { nodes: 1, groups: 1, arguments: SMALL, forgetful: true, wired: false };

/// Which calls fail, in turn: all, or all of the first and then ever fewer.
fn calls() -> Vec<u64> {
    let every = std::env::var_os("CONCLAVE_EVERY_CALL").is_some();
    let next = |nth: &u64| Some(if every { nth + 1 } else { nth + 1 + nth / 5 });
    std::iter::successors(Some(1), next).take_while(|nth| *nth < CALLS_MAX).collect()
}

#[test]
fn failing_writes() {
    each_call("write", EIO);
}

#[test]
fn a_full_disk() {
    each_call("write", ENOSPC);
    each_call("fallocate", ENOSPC);
}

#[test]
fn failing_syncs_of_files() {
    each_call("sync", EIO);
}

#[test]
fn failing_syncs_of_directories() {
    each_call("syncdir", EIO);
}

#[test]
fn failing_names() {
    for call in ["create", "mkdir", "rename", "truncate"] {
        each_call(call, EIO);
    }
}

/// A sector of the state's database cannot be written, which the disk says late. Sled writes with threads of its own, and does not tell whoever waits
/// for them already.
#[test]
fn a_bad_sector_of_the_state() {
    let late = |order: String| Orders { slow_fail_ms: Some(LATE_MS), ..Orders::fail(&order) };
    let said = each_of((1..CALLS_MAX).map(|nth| late(format!("write@/state/db:{nth}:EIO:once"))), EIO.1);
    // Who waits in vain cannot say that no checkpoint was saved.
    assert!(said.iter().any(|said| said.contains("conclave: could not write ")), "{said:?}");
}

/// Fails this call, each in turn, on a node that is alone, until a run meets none.
fn each_call(call: &str, (error, number): (&str, i32)) {
    each_of(calls().into_iter().map(|nth| Orders::fail(&format!("{call}:{nth}:{error}"))), number);
}

/// Gives each of these orders to a node that is alone, until a run meets none. `number`: of the error. What the nodes said at their ends.
fn each_of(all: impl Iterator<Item = Orders>, number: i32) -> Vec<String> {
    let mut said = Vec::new();
    for orders in all {
        let order = orders.fail.clone().expect("something fails");
        let Some((ended, hit)) = run(orders) else {
            println!("{order}: a run makes fewer");
            return said;
        };
        println!("{order}: {hit}");
        assert_eq!(ended.code, Some(EXIT_IO), "{order}, {hit}: {}", ended.said);
        // Not always the call that was met: what closes behind it meets the same. The second form of the number is sled's.
        let named = [format!("os error {number}"), format!("code: {number},")].iter().any(|form| ended.said.contains(form));
        assert!(named && ended.said.contains("/node-1"), "{order}, {hit}: {}", ended.said);
        // The disk has the only word: a group that hears of it would end the process as well, with another code.
        assert!(!ended.said.contains("group 1: "), "{order}, {hit}: {}", ended.said);
        said.push(ended.said);
    }
    panic!("{CALLS_MAX} calls are not enough")
}

/// How the node ended, and what failed; `None` if all went well. Then its power goes as well, and it must come back with all that it acknowledged.
fn run(orders: Orders) -> Option<(Ended, String)> {
    let order = orders.fail.clone();
    let mut cluster = Cluster::without_groups(ALONE);
    cluster.node(1).orders = orders;
    let mut record = Record::default();
    let ended = live(&mut cluster, &mut record);
    let hit = cluster.node(1).disk.clone().expect("its disk is forgetful").hit();
    let Some(ended) = ended else {
        assert_eq!(hit, None, "{order:?}: it failed, and the node went on");
        return None;
    };
    let hit = hit.unwrap_or_else(|| panic!("{order:?}: the node ended without a fault: {ended:?}"));
    cluster.node(1).orders = Orders::default();
    cluster.lose_power(&[1], None);
    cluster.start_node(1);
    // Of a group without any commit nothing was promised.
    if record.committed() > 0 {
        cluster.verify(&record);
    }
    Some((ended, hit))
}

/// A whole life with all that a disk is used for. Gives how it ended, if it did not reach its own end.
fn live(cluster: &mut Cluster, record: &mut Record) -> Option<Ended> {
    if let Err(ended) = cluster.try_start_node(1) {
        return Some(ended);
    }
    if cluster.try_ask(1, "create 1 1").is_none_or(|answer| answer != "ok") {
        return Some(cluster.node(1).ended());
    }
    for number in 0..APPENDS {
        if let Some(ended) = append(cluster, number, record) {
            return Some(ended);
        }
    }
    for line in ["fill 1 f 200 500", "checkpoint 1"] {
        if cluster.try_ask(1, line).is_none() {
            return Some(cluster.node(1).ended());
        }
    }
    // Even the last answer may be met by the fault.
    cluster.try_ask(1, "quit");
    let ended = cluster.node(1).ended();
    (ended.code != Some(0)).then_some(ended)
}

/// One append, repeated while nobody leads yet.
fn append(cluster: &mut Cluster, number: u64, record: &mut Record) -> Option<Ended> {
    let key = (1, "k".to_owned());
    let item = number.to_string();
    let asked = std::time::Instant::now();
    let answer = within(Duration::from_secs(20), "an answer", || match cluster.try_ask(1, &format!("append 1 k {item}")) {
        Some(answer) if answer.starts_with("refused ") => None,
        answer => Some(answer),
    });
    let committed = answer.as_deref().and_then(|answer| answer.strip_prefix("committed "));
    let outcome = committed.map_or(Outcome::Unknown, |index| Outcome::Committed(index.parse().expect("an index")));
    record.appends.push(Append { key, item, asked, answered: std::time::Instant::now(), outcome });
    answer.is_none().then(|| cluster.node(1).ended())
}

/// In a cluster the others go on, and what was acknowledged by the one that ends is with them.
#[test]
fn the_others_go_on() {
    for order in ["fdatasync@/log/:150:EIO", "write@/log/:150:ENOSPC", "write@/state/db:20:EIO"] {
        let mut cluster = Cluster::without_groups(Plan { groups: 3, arguments: SMALL, forgetful: true, ..Plan::default() });
        cluster.node(1).orders = Orders::fail(order);
        cluster.start_all();
        for group in 1..=3 {
            cluster.create_group(group, &[1, 2, 3]);
        }
        let clients = Clients::start(&cluster, Load::default());
        let ended = cluster.node(1).ended();
        assert_eq!(ended.code, Some(EXIT_IO), "{order}: {}", ended.said);
        clients.await_each_group();
        cluster.node(1).orders = Orders::default();
        cluster.lose_power(&[1], None);
        cluster.start_node(1);
        clients.await_each_group();
        let record = clients.stop();
        cluster.verify(&record);
    }
}

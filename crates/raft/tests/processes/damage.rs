//! What is on the disk is not what was written, or is gone, or is old: it is found, said, and mended where others have what is lost.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cluster::{Cluster, Ended, Plan, SMALL, within};
use crate::record::{Append, Clients, Load, Outcome, Record};
use conclave_preload::Orders;

/// Exit code of a node whose data are damaged, or that its peers refuse.
const EXIT_DATA: i32 = 65;

/// Commits before something is damaged.
const BEFORE: u64 = 150;

/// For a node to have what the others have.
const CATCH_UP_LIMIT: Duration = Duration::from_secs(30);

/// A cluster under load.
fn loaded(arguments: &[&str]) -> (Cluster, Clients) {
    let cluster = Cluster::start(Plan { groups: 2, arguments, ..Plan::default() });
    let clients = Clients::start(&cluster, Load::default());
    clients.await_commits(BEFORE);
    (cluster, clients)
}

/// The file of the log that has most in it, and where its middle is: preallocated zeros do not count.
fn log_middle(dir: &Path) -> (PathBuf, usize) {
    let files = fs::read_dir(dir.join("log")).expect("a log").map(|entry| entry.expect("an entry").path());
    let used = |path: &PathBuf| fs::read(path).expect("a file").iter().rposition(|byte| *byte != 0).unwrap_or_default();
    let (path, used) = files
        .filter(|path| path.is_file())
        .map(|path| (path.clone(), used(&path)))
        .max_by_key(|(_, used)| *used)
        .expect("a file");
    (path, used / 2)
}

fn flip(path: &Path, at: usize) {
    let mut bytes = fs::read(path).expect("a file");
    bytes[at] ^= 0x10;
    fs::write(path, bytes).expect("a file");
}

/// The node must not come up, now or when it meets its peers.
fn refused(cluster: &mut Cluster, id: u64) -> Ended {
    let ended = match cluster.try_start_node(id) {
        Ok(()) => cluster.node(id).ended(),
        Err(ended) => ended,
    };
    assert_eq!(ended.code, Some(EXIT_DATA), "{}", ended.said);
    ended
}

fn assert_says(ended: &Ended, parts: &[&str]) {
    for part in parts {
        assert!(ended.said.contains(part), "\"{part}\" is not in: {}", ended.said);
    }
}

fn finish(cluster: &Cluster, clients: Clients) {
    clients.await_each_group();
    let record = clients.stop();
    println!("{}", record.summary());
    cluster.verify(&record);
}

#[test]
fn a_flipped_bit_in_the_log_keeps_the_node_out() {
    let (mut cluster, clients) = loaded(&[]);
    cluster.kill(&[2]);
    let (file, at) = log_middle(&cluster.node(2).dir);
    flip(&file, at);
    let ended = refused(&mut cluster, 2);
    assert_says(&ended, &[&file.display().to_string(), "byte ", "under a new id"]);
    finish(&cluster, clients);
}

#[test]
fn a_deleted_state_comes_back_from_the_log() {
    let mut cluster = Cluster::start(Plan {
        nodes: 1,
        groups: 2,
        arguments: &["--checkpoint-ms", "100", "--keep-entries", "1000000"],
        ..Plan::default()
    });
    let clients = Clients::start(&cluster, Load::default());
    clients.await_commits(BEFORE);
    for group in 1..=2 {
        cluster.ask(1, &format!("checkpoint {group}"));
    }
    let record = clients.stop();
    cluster.kill(&[1]);
    fs::remove_dir_all(cluster.node(1).dir.join("state")).expect("the state is there");
    cluster.start_node(1);
    cluster.verify(&record);
}

#[test]
fn a_deleted_state_comes_back_from_the_others() {
    let (mut cluster, clients) = loaded(SMALL);
    await_purge(&cluster, 3);
    cluster.kill(&[3]);
    fs::remove_dir_all(cluster.node(3).dir.join("state")).expect("the state is there");
    cluster.start_node(3);
    finish(&cluster, clients);
}

#[test]
fn a_damaged_state_is_set_aside() {
    let (mut cluster, clients) = loaded(SMALL);
    await_purge(&cluster, 3);
    cluster.kill(&[3]);
    let dir = cluster.node(3).dir.clone();
    let file = dir.join("state/db");
    let length = fs::metadata(&file).expect("the database").len() as usize;
    (0..length / 512).for_each(|sector| flip(&file, sector * 512 + 100));
    cluster.start_node(3);
    assert!(dir.join("state.damaged-1").is_dir(), "nothing was set aside");
    finish(&cluster, clients);
}

fn await_purge(cluster: &Cluster, id: u64) {
    for group in 1..=cluster.groups {
        within(CATCH_UP_LIMIT, "the log is purged", || cluster.status_number(id, group, "purged"));
    }
}

#[test]
fn a_wiped_node_comes_back_under_a_new_id_only() {
    let (mut cluster, clients) = loaded(SMALL);
    cluster.kill(&[3]);
    let dir = cluster.node(3).dir.clone();
    fs::remove_dir_all(&dir).expect("a directory");
    fs::create_dir(&dir).expect("a directory");
    let ended = refused(&mut cluster, 3);
    assert_says(&ended, &["new id"]);
    clients.await_each_group();

    cluster.add_node(4);
    cluster.node(4).start().expect("a new node starts");
    cluster.introduce();
    for group in 1..=2 {
        assert_eq!(cluster.ask(4, &format!("start {group}")), "ok");
        cluster.ask_leader_until(group, &format!("learner {group} 4"), |answer| answer == "ok");
        cluster.ask_leader_until(group, &format!("replace {group} 3 4"), |answer| answer == "ok");
        assert_eq!(cluster.status(cluster.leader(group), group, "voters"), "1,2,4");
    }
    finish(&cluster, clients);
}

#[test]
fn an_old_backup_is_refused() {
    let (mut cluster, clients) = loaded(&[]);
    let dir = cluster.node(3).dir.clone();
    let backup = dir.with_extension("backup");
    cluster.kill(&[3]);
    copy_tree(&dir, &backup);
    cluster.start_node(3);
    clients.await_each_group();
    clients.await_commits(BEFORE);
    cluster.kill(&[3]);
    fs::remove_dir_all(&dir).expect("a directory");
    copy_tree(&backup, &dir);
    let ended = refused(&mut cluster, 3);
    assert_says(&ended, &["new id"]);
    finish(&cluster, clients);
}

/// It has less than it said to have, and its peers remember.
#[test]
fn a_node_whose_disk_lied_is_refused() {
    let mut cluster = Cluster::start(Plan { groups: 2, forgetful: true, ..Plan::default() });
    cluster.kill(&[3]);
    cluster.node(3).orders = Orders::lie("sync@/log/");
    cluster.start_node(3);
    let clients = Clients::start(&cluster, Load::default());
    clients.await_commits(BEFORE);
    cluster.lose_power(&[3], None);
    cluster.node(3).orders = Orders::default();
    let ended = refused(&mut cluster, 3);
    assert_says(&ended, &["new id"]);
    finish(&cluster, clients);
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a directory") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), &target).expect("a file");
        }
    }
}

#[test]
fn a_node_alone_stops_until_a_person_accepts_the_loss() {
    let mut cluster = Cluster::start(Plan { nodes: 1, groups: 1, arguments: &[], ..Plan::default() });
    let clients = Clients::start(&cluster, Load::default());
    clients.await_commits(BEFORE);
    let record = clients.stop();
    cluster.kill(&[1]);
    let dir = cluster.node(1).dir.clone();
    let (file, at) = log_middle(&dir);
    flip(&file, at);
    let damaged = fs::read(&file).expect("a file");
    for _ in 0..2 {
        let ended = refused(&mut cluster, 1);
        assert_says(&ended, &[&file.display().to_string(), "byte ", "accept-loss --dir"]);
    }

    let (code, report) = accept_loss(&dir);
    println!("{report}");
    assert_eq!(code, Some(0), "{report}");
    let name = file.file_name().expect("a name");
    assert!(
        copies(&dir, name).iter().any(|copy| fs::read(copy).is_ok_and(|bytes| bytes == damaged)),
        "no copy of {}",
        file.display()
    );
    cluster.start_node(1);
    assert_a_beginning_is_left(&cluster, &record);
    cluster.ask_leader_until(1, "put 1 after loss", |answer| answer.starts_with("committed "));

    // There is nothing to accept where nothing is damaged.
    cluster.kill(&[1]);
    let (code, report) = accept_loss(&dir);
    assert_eq!((code, report.contains("othing")), (Some(0), true), "{report}");
    cluster.start_node(1);
}

/// A node with peers must not vote with less: the command is not for it.
#[test]
fn a_node_with_peers_cannot_accept_a_loss() {
    let (mut cluster, clients) = loaded(&[]);
    cluster.kill(&[2]);
    let dir = cluster.node(2).dir.clone();
    let (file, at) = log_middle(&dir);
    flip(&file, at);
    let (code, report) = accept_loss(&dir);
    assert_eq!(code, Some(EXIT_DATA), "{report}");
    refused(&mut cluster, 2);
    finish(&cluster, clients);
}

fn accept_loss(dir: &Path) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_replicated-map"))
        .args(["accept-loss", "--dir"])
        .arg(dir)
        .output()
        .expect("the program starts");
    (output.status.code(), format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr)))
}

/// Files of this name below the directory.
fn copies(dir: &Path, name: &std::ffi::OsStr) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).expect("a directory").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| if path.is_dir() { copies(&path, name) } else { vec![path] })
        .filter(|path| path.file_name() == Some(name))
        .collect()
}

/// Something is lost, but nothing is wrong: what is left of each list is how it began.
fn assert_a_beginning_is_left(cluster: &Cluster, record: &Record) {
    let problems = cluster.try_verify(record).expect_err("what stood behind the damage is lost");
    assert!(
        problems
            .lines()
            .all(|line| line.starts_with("Lost(") || line.starts_with("ReadOfAnotherPast(") || line.ends_with(" in all")),
        "{problems}"
    );
    let committed = |append: &&Append| match append.outcome {
        Outcome::Committed(index) => Some(index),
        _ => None,
    };
    let first = record.appends.iter().filter(|append| committed(append).is_some()).min_by_key(committed).expect("a commit");
    let answer = cluster.ask_leader_until(1, &format!("get 1 {}", first.key.1), |answer| answer.starts_with("value "));
    assert!(answer.contains(&first.item), "{} is not in {answer}", first.item);
}

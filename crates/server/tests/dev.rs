//! `conclave dev` and `conclave user` as people start them: processes, signals, files.

#![allow(clippy::unwrap_used)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How long anything may take that should be there at once.
const LIMIT: Duration = Duration::from_secs(40);

/// How long it may take to start: nothing is promised of that, and each of many steps waits for a disk.
const START_LIMIT: Duration = Duration::from_secs(90);

#[test]
fn accounts_are_managed_beside_it_and_it_ends_with_its_node() {
    let dev = Dev::start(&["--user", "romeo:montague"]);
    let node = &dev.nodes()[0];
    for (field, kind) in [
        ("node", "number"),
        ("c2s", "string"),
        ("c2s_tls", "string"),
        ("http", "string"),
        ("websocket", "null"),
        ("peer", "string"),
    ] {
        assert_eq!(kind_of(&node[field]), kind, "{field} in {node}");
    }
    assert!(dev.watched(0, "/readyz").starts_with("HTTP/1.1 200 OK\r\n"));
    assert!(dev.watched(0, "/metrics").contains("\nconclave_sessions 0\n"));
    assert_eq!(dev.user(&["list"]), "admin@localhost\nromeo@localhost\nuser2@localhost\nuser3@localhost\nuser@localhost\n");
    assert_eq!(dev.user(&["add", "juliet"]), "juliet@localhost added\n");
    assert_eq!(dev.user(&["del", "user2"]), "user2@localhost deleted\n");

    let dev = dev.end(Signal::TERM);
    assert!(dev.status.success(), "{:?}", dev.status);
    assert!(is_gone(dev.node));
    assert!(!dev.dir.path().join("nodes.json").exists());
    let refused = conclave(&["user", "list", "--dir"], &dev.dir.path().join("node1"));
    assert!(!refused.status.success());
    assert!(String::from_utf8(refused.stderr).unwrap().contains("no node is running here"));

    // What it made is there the next time; what is missing is made again.
    let authority = std::fs::read(dev.dir.path().join("ca.pem")).unwrap();
    let dev = Dev::start_in(dev.dir, &[]);
    assert_eq!(std::fs::read(dev.dir.path().join("ca.pem")).unwrap(), authority);
    let names = ["admin", "juliet", "romeo", "user2", "user3", "user"].map(|name| format!("{name}@localhost\n"));
    assert_eq!(dev.user(&["list"]), names.concat());
    assert!(dev.end(Signal::INT).status.success());
}

#[test]
fn its_node_does_not_outlive_it() {
    let ended = Dev::start(&[]).end(Signal::KILL);
    assert!(!ended.status.success());
    within(LIMIT, "the end of the node", || is_gone(ended.node).then_some(()));
}

#[test]
fn the_end_of_its_node_is_its_own() {
    let dev = Dev::start(&[]);
    kill_process(pid(dev.node()), Signal::KILL).unwrap();
    let (status, said) = dev.wait();
    assert_eq!(status.code(), Some(1));
    assert!(said.contains("conclave: node 1 has ended (signal: 9 (SIGKILL))"), "{said}");
}

#[test]
fn three_nodes_are_one_cluster_and_one_of_them_may_die() {
    let dev = Dev::start(&["--nodes", "3"]);
    let nodes = dev.nodes();
    assert_eq!(nodes.as_array().unwrap().iter().map(|node| node["node"].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    for node in 0..3 {
        assert!(dev.watched(node, "/readyz").starts_with("HTTP/1.1 200 OK\r\n"));
    }
    assert_eq!(dev.on(2, &["user", "add", "juliet"]), "juliet@localhost added\n");
    within(LIMIT, "the account on another node", || dev.on(3, &["user", "list"]).contains("juliet@localhost\n").then_some(()));
    // Leaders are still being spread over the nodes, one after the other.
    let status = within(LIMIT, "health", || dev.status(3).filter(|status| status["health"] == "healthy"));
    assert_eq!(status["groups"].as_array().unwrap().len(), 17, "{status}");
    for group in status["groups"].as_array().unwrap() {
        assert_eq!(group["voters"], serde_json::json!([1, 2, 3]), "{status}");
    }
    // Where a room would live is known before there is one, and every node says the same.
    let home =
        |node| serde_json::from_str::<Value>(&dev.on(node, &["room", "show", "garden", "--json"])).unwrap()["home"].clone();
    within(LIMIT, "one home for all", || {
        let [one, two, three] = [home(1), home(2), home(3)];
        (one.is_u64() && one == two && two == three).then_some(())
    });

    kill_process(pid(dev.process_of(1)), Signal::KILL).unwrap();
    within(LIMIT, "another word of the dead node", || {
        let status = dev.status(3)?;
        let leaders = status["groups"].as_array().unwrap().iter().map(|group| group["leader"].as_u64());
        (status["health"] == "degraded" && leaders.into_iter().all(|leader| leader.is_some_and(|leader| leader != 2)))
            .then_some(())
    });
    let word = "conclave: node 2 has ended (signal: 9 (SIGKILL)); it has said why above; the others go on\n";
    within(LIMIT, "the word of its end", || dev.said().contains(word).then_some(()));
    let others = [dev.process_of(0), dev.process_of(2)];
    assert!(dev.end(Signal::TERM).status.success());
    assert!(others.into_iter().all(is_gone));
}

#[test]
fn when_all_nodes_have_died_it_ends() {
    let dev = Dev::start(&["--nodes", "2"]);
    let nodes = [dev.process_of(0), dev.process_of(1)];
    nodes.iter().for_each(|node| kill_process(pid(*node), Signal::KILL).unwrap());
    let (status, said) = dev.wait();
    assert_eq!(status.code(), Some(1), "{said}");
}

#[test]
fn two_do_not_share_a_directory() {
    let dev = Dev::start(&[]);
    let second = conclave(&["dev", "--port", "0", "--dir"], dev.dir.path());
    assert!(!second.status.success());
    assert!(String::from_utf8(second.stderr).unwrap().contains("in use by another `conclave dev`"));
    assert_eq!(dev.nodes()[0]["node"], 1);
    assert!(dev.end(Signal::TERM).status.success());
}

#[test]
fn a_port_that_is_taken_is_said() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let dir = tempfile::tempdir().unwrap();
    let refused = conclave(&["dev", "--port", &port, "--dir"], dir.path());
    let said = String::from_utf8(refused.stderr).unwrap();
    assert!(!refused.status.success());
    // A port above the range is refused by the command line itself.
    assert!(said.contains("Address already in use") || said.contains("is not in 0..=65000"), "{said}");
}

/// A running `conclave dev`, killed when it is dropped.
struct Dev {
    process: Option<Child>,
    dir: tempfile::TempDir,
}

/// One that has ended.
struct Ended {
    status: ExitStatus,
    /// The process that its node was.
    node: u32,
    dir: tempfile::TempDir,
}

impl Dev {
    fn start(more: &[&str]) -> Dev {
        Dev::start_in(tempfile::tempdir().unwrap(), more)
    }

    /// Returns when its node serves.
    fn start_in(dir: tempfile::TempDir, more: &[&str]) -> Dev {
        let mut command = Command::new(env!("CARGO_BIN_EXE_conclave"));
        let one = if more.contains(&"--nodes") { &[][..] } else { &["--nodes", "1"] };
        command.args(["dev", "--port", "0", "--dir"]).arg(dir.path()).args(one).args(more);
        let said = std::fs::File::create(dir.path().join("stderr")).unwrap();
        let process = command.stdout(Stdio::null()).stderr(said).spawn().unwrap();
        let mut dev = Dev { process: Some(process), dir };
        let nodes = dev.dir.path().join("nodes.json");
        within(START_LIMIT, "nodes.json", || {
            let ended = dev.process.as_mut().and_then(|process| process.try_wait().unwrap());
            assert!(ended.is_none(), "it did not start: {}", dev.said());
            nodes.exists().then_some(())
        });
        dev
    }

    fn nodes(&self) -> Value {
        serde_json::from_slice(&std::fs::read(self.dir.path().join("nodes.json")).unwrap()).unwrap()
    }

    fn node(&self) -> u32 {
        self.process_of(0)
    }

    fn process_of(&self, node: usize) -> u32 {
        self.nodes()[node]["pid"].as_u64().unwrap().try_into().unwrap()
    }

    /// What a node says to those who watch it.
    fn watched(&self, node: usize, path: &str) -> String {
        let address = self.nodes()[node]["http"].as_str().unwrap().to_owned();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(LIMIT)).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        let mut said = String::new();
        stream.read_to_string(&mut said).unwrap();
        said
    }

    /// What the program says that is asked of a node, from 1.
    fn on(&self, node: usize, words: &[&str]) -> String {
        let output = conclave(&[words, &["--dir"]].concat(), &self.dir.path().join(format!("node{node}")));
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// What a node says of the cluster, whether all is served or not.
    fn status(&self, node: usize) -> Option<Value> {
        let output = conclave(&["cluster", "status", "--json", "--dir"], &self.dir.path().join(format!("node{node}")));
        serde_json::from_slice(&output.stdout).ok()
    }

    /// What it and its nodes have said so far.
    fn said(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("stderr")).unwrap()
    }

    fn user(&self, words: &[&str]) -> String {
        self.on(1, &[&["user"], words].concat())
    }

    fn end(mut self, signal: Signal) -> Ended {
        let node = self.node();
        let mut process = self.process.take().unwrap();
        kill_process(pid(process.id()), signal).unwrap();
        let status = ended(&mut process);
        Ended { status, node, dir: std::mem::replace(&mut self.dir, tempfile::tempdir().unwrap()) }
    }

    /// Waits until it ends by itself; what it said comes with it.
    fn wait(mut self) -> (ExitStatus, String) {
        let mut process = self.process.take().unwrap();
        (ended(&mut process), self.said())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        if let Some(mut process) = self.process.take() {
            // Its node ends with it. A test that failed has nothing to add.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// Runs the program to its end, with a directory as the last argument.
fn conclave(words: &[&str], dir: &Path) -> Output {
    let dir: PathBuf = dir.to_owned();
    let mut command = Command::new(env!("CARGO_BIN_EXE_conclave"));
    command.args(words).arg(dir).env("CONCLAVE_PASSWORD", "secret").stdin(Stdio::null()).output().unwrap()
}

fn ended(process: &mut Child) -> ExitStatus {
    within(LIMIT, "the end of a process", || process.try_wait().unwrap())
}

fn pid(number: u32) -> Pid {
    Pid::from_raw(number.try_into().unwrap()).unwrap()
}

/// Whether a process has ended; its parent may not have asked for its status yet.
fn is_gone(process: u32) -> bool {
    match std::fs::read_to_string(format!("/proc/{process}/stat")) {
        Ok(stat) => stat.rsplit(") ").next().is_some_and(|state| state.starts_with('Z')),
        Err(_) => true,
    }
}

fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(start.elapsed() < limit, "{what} did not come in {limit:?}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        _ => "other",
    }
}

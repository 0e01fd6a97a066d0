//! A cluster of real processes on loopback: those of `conclave dev`, or nodes that are started one by one, and what can be done to them.
//!
//! Whatever goes wrong here ends the test with a sentence that says what.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::Instant;

use conclave_server::admin::client::Client;
use conclave_server::admin::rooms::RoomShown;
use conclave_server::admin::{Answer, Ask, Status};
use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;

use crate::awaiting::{LIMIT, PAUSE, START_LIMIT, awaited, awaited_for};
use crate::doors::Doors;
use crate::program::Program;

/// Accounts beyond those that `dev` has anyway. The password of all is "password".
const MORE_ACCOUNTS: [&str; 6] = ["user4", "user5", "user6", "user7", "user8", "looker"];

/// Processes, all of which end when this is dropped.
pub struct Cluster {
    pub(crate) program: Program,
    /// If the nodes are its children; it ends by itself with the last of them.
    dev: Option<Child>,
    dir: TempDir,
    nodes: BTreeMap<u32, Node>,
    doors: Doors,
}

/// One life of a node.
struct Node {
    pid: Pid,
    /// If we started it, and not `dev`.
    own: Option<Child>,
}

/// What `nodes.json` says of a node, as far as it matters here.
#[derive(Deserialize)]
struct Listed {
    node: u32,
    pid: i32,
    c2s: String,
}

impl Cluster {
    /// Starts `program dev` with so many nodes, and waits until all of them serve. `settings` are variables of the environment; other
    /// variables of Conclave are kept from the nodes.
    pub fn start(program: &str, nodes: u32, settings: &[(&str, &str)]) -> Cluster {
        let mut cluster = Cluster::without_nodes(program, settings);
        let mut command = cluster.program.serving(&cluster.dir().join("stderr"));
        command.args(["dev", "--port", "0", "--nodes", &nodes.to_string(), "--dir"]).arg(cluster.dir());
        command.args(MORE_ACCOUNTS.iter().flat_map(|name| ["--user".to_owned(), format!("{name}:password")]));
        // From here on whatever goes wrong ends the process, too.
        cluster.dev = Some(command.spawn().unwrap_or_else(|error| panic!("`conclave dev`: {error}")));
        for listed in cluster.await_list() {
            let pid = Pid::from_raw(listed.pid).unwrap_or_else(|| panic!("node {} has no process", listed.node));
            cluster.nodes.insert(listed.node, Node { pid, own: None });
            cluster.doors.open(listed.node, listed.c2s);
        }
        assert_eq!(cluster.nodes.len(), nodes as usize, "nodes that were listed");
        if nodes > 1 {
            cluster.await_whole();
        }
        cluster
    }

    pub(crate) fn without_nodes(program: &str, settings: &[(&str, &str)]) -> Cluster {
        let dir = tempfile::tempdir().unwrap_or_else(|error| panic!("there is no directory for a cluster: {error}"));
        let program = Program::new(program, settings);
        Cluster { program, dev: None, dir, nodes: BTreeMap::new(), doors: Doors::default() }
    }

    /// What `dev` writes when all nodes serve.
    fn await_list(&mut self) -> Vec<Listed> {
        let list = self.dir.path().join("nodes.json");
        awaited_for(START_LIMIT, "the list of the nodes", || {
            if let Some(Ok(Some(status))) = self.dev.as_mut().map(Child::try_wait) {
                panic!("the cluster did not start: {status}");
            }
            let list = std::fs::read_to_string(&list).map_err(|error| error.to_string())?;
            serde_json::from_str(&list).map_err(|error| error.to_string())
        })
    }

    /// The numbers of the nodes that have a process.
    pub fn nodes(&self) -> Vec<u32> {
        self.nodes.keys().copied().collect()
    }

    /// Where clients connect; it follows what becomes of the nodes.
    pub fn doors(&self) -> Doors {
        self.doors.clone()
    }

    /// Where clients connect to a node.
    pub fn door(&self, node: u32) -> String {
        self.doors.of(node).unwrap_or_else(|| panic!("node {node} does not run"))
    }

    /// Where everything is.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The data directory of a node.
    pub fn node_dir(&self, node: u32) -> PathBuf {
        self.dir().join(format!("node{node}"))
    }

    /// The process of a node, for whoever must end it from elsewhere.
    pub fn pid(&self, node: u32) -> Pid {
        self.nodes.get(&node).unwrap_or_else(|| panic!("node {node} does not run")).pid
    }

    /// The home of a room, whether there is such a room or not. The first node that knows is asked; a frozen one would not answer.
    pub fn home(&self, room: &str) -> u32 {
        awaited(&format!("the home of {room}"), || self.nodes().into_iter().find_map(|node| self.home_as_seen_by(node, room)))
    }

    /// What a node takes for the home of a room.
    pub fn home_as_seen_by(&self, node: u32, room: &str) -> Option<u32> {
        self.program.room(&self.node_dir(node), room).ok()?.home
    }

    /// Whether there is such a room, as any node that runs knows.
    pub fn has_room(&self, room: &str) -> bool {
        let shown = self.nodes().into_iter().filter_map(|node| self.program.room(&self.node_dir(node), room).ok());
        let answer = |shown: RoomShown| shown.home_answered.then_some(shown.exists.is_some());
        awaited(&format!("the room {room}, or that there is none"), || shown.clone().find_map(answer))
    }

    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&mut self, node: u32) {
        self.doors.close(node);
        signal(self.pid(node), Signal::KILL);
        self.await_end(node);
    }

    /// SIGTERM: the process hands over and ends by itself. Nothing is awaited; see [`Cluster::await_end`].
    pub fn tell_to_end(&self, node: u32) {
        signal(self.pid(node), Signal::TERM);
    }

    /// SIGTERM, and waits until the process is gone.
    pub fn terminate(&mut self, node: u32) {
        self.tell_to_end(node);
        self.await_end(node);
    }

    /// Waits until the process of a node is gone that was told to end, or ends by itself.
    pub fn await_end(&mut self, node: u32) {
        self.doors.close(node);
        let Some(ending) = self.nodes.get_mut(&node) else { panic!("node {node} does not run") };
        awaited(&format!("the end of node {node}"), || {
            let gone = match &mut ending.own {
                Some(child) => child.try_wait().is_ok_and(|status| status.is_some()),
                None => is_gone(ending.pid),
            };
            gone.then_some(())
        });
        self.nodes.remove(&node);
    }

    /// SIGSTOP: the process keeps its connections and does nothing. Returns when it does nothing any more: one of its threads takes the signal, and until
    /// that one has had its turn the others go on.
    pub fn freeze(&self, node: u32) {
        let pid = self.pid(node);
        signal(pid, Signal::STOP);
        awaited(&format!("the rest of node {node}"), || is_still(pid).then_some(()));
    }

    /// SIGCONT.
    pub fn thaw(&self, node: u32) {
        signal(self.pid(node), Signal::CONT);
    }

    /// Starts a node that was killed, from its own settings file, and waits until it serves.
    pub fn restart(&mut self, node: u32) {
        self.restart_all(&[node]);
    }

    /// The same with several at once: where no majority lives, none serves alone.
    pub fn restart_all(&mut self, nodes: &[u32]) {
        let mut started: Vec<(u32, Child)> = nodes.iter().map(|node| (*node, self.spawn(*node))).collect();
        for (node, child) in &mut started {
            let door = self.await_serving(*node, child);
            self.doors.open(*node, door);
        }
        for (node, child) in started {
            self.nodes.insert(node, Node { pid: Pid::from_child(&child), own: Some(child) });
        }
    }

    /// Waits until every node that runs says that nothing is missing: all nodes serve, all shards have a home and all their replicas,
    /// those have what the others have, and the nodes that should lead do. Then one more may fall, and no home moves by itself.
    pub fn await_whole(&self) {
        for node in self.nodes() {
            awaited_for(START_LIMIT, &format!("health at node {node}"), || match self.program.complaint(&self.node_dir(node)) {
                None => Ok(()),
                Some(complaint) => Err(complaint),
            });
        }
    }

    fn spawn(&self, node: u32) -> Child {
        assert!(!self.nodes.contains_key(&node), "node {node} runs");
        let mut command = self.program.serving(&self.said_by(node));
        // It ends with us, however we end: its standard input is our pipe.
        command.args(["serve", "--end-with-stdin", "--config"]).arg(self.node_dir(node).join("conclave.toml"));
        let started = command.stdin(Stdio::piped()).spawn();
        started.unwrap_or_else(|error| panic!("`conclave serve`: {error}"))
    }

    /// Where its clients connect.
    fn await_serving(&self, node: u32, child: &mut Child) -> String {
        let dir = self.node_dir(node);
        let status = awaited_for(START_LIMIT, &format!("node {node}"), || {
            if let Ok(Some(status)) = child.try_wait() {
                panic!("node {node} did not start ({status}): {}", said_in(&self.said_by(node)));
            }
            status(&dir).filter(|status| status.pid == child.id()).ok_or_else(|| "it does not serve".to_owned())
        });
        let door = status.addresses.c2s.first().unwrap_or_else(|| panic!("node {node} listens nowhere"));
        door.to_string()
    }

    fn said_by(&self, node: u32) -> PathBuf {
        self.dir.path().join(format!("stderr{node}"))
    }

    /// What the nodes and `dev` wrote to their standard error.
    pub fn said(&self) -> String {
        let names = std::iter::once("stderr".to_owned()).chain((1..=9).map(|node| format!("stderr{node}")));
        names.map(|name| said_in(&self.dir.path().join(name))).collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in self.nodes.values_mut() {
            // A frozen one cannot end in any other way. Nothing can be done about one that does not.
            let _ = kill_process(node.pid, Signal::KILL);
            if let Some(child) = &mut node.own {
                let _ = child.wait();
            }
        }
        if let Some(dev) = &mut self.dev {
            let _ = kill_process(Pid::from_child(dev), Signal::TERM);
            let start = Instant::now();
            while matches!(dev.try_wait(), Ok(None)) && start.elapsed() < LIMIT {
                std::thread::sleep(PAUSE);
            }
            let _ = dev.kill();
            let _ = dev.wait();
        }
        if std::thread::panicking() {
            eprintln!("the nodes said:\n{}", self.said());
        }
    }
}

fn status(dir: &Path) -> Option<Status> {
    match Client::connect(dir).ok()?.ask(&Ask::Status) {
        Ok(Answer::Status(status)) => Some(status),
        _ => None,
    }
}

fn signal(pid: Pid, signal: Signal) {
    kill_process(pid, signal).unwrap_or_else(|error| panic!("process {}: {error}", pid.as_raw_nonzero()));
}

/// Whether a process has ended, with all its threads: the last one lets go of its sockets. Its parent may not have looked yet.
fn is_gone(pid: Pid) -> bool {
    let process = format!("/proc/{}", pid.as_raw_nonzero());
    let threads = std::fs::read_dir(format!("{process}/task")).map_or(0, Iterator::count);
    match std::fs::read_to_string(format!("{process}/stat")) {
        // The state stands behind the name, which is in brackets.
        Ok(stat) => threads <= 1 && stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with(['Z', 'X'])),
        Err(_) => true,
    }
}

/// Whether all threads of a process are stopped.
fn is_still(pid: Pid) -> bool {
    let Ok(threads) = std::fs::read_dir(format!("/proc/{}/task", pid.as_raw_nonzero())) else { return false };
    // The state stands behind the name, which is in brackets.
    let is_stopped = |stat: String| stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'));
    threads.flatten().all(|thread| std::fs::read_to_string(thread.path().join("stat")).is_ok_and(is_stopped))
}

fn said_in(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

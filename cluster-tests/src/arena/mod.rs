//! A cluster of real processes in which anything can be broken: every wire, every disk, every process.
//!
//! Between the nodes, and before each of them for its clients, stand fronts in this process, through which all bytes go. What nodes say to each
//! other goes through one [`flow::Flow`] for each direction of each pair; each connection of a client has two of its own. Bytes are never altered,
//! and none is missing among others: TLS runs over these wires, so loss is a stall, or a reset.
//!
//! All that is here blocks, and nothing panics: what does not work is an error in words. Everything takes `&self`, so that several threads can
//! break different things at the same time.
//!
//! ```no_run
//! # use std::time::Duration;
//! # use cluster_tests::arena::{Arena, Ground};
//! # use cluster_tests::faults::{Class, Injector, Schedule};
//! # fn run(recorder: &cluster_tests::Recorder) -> Result<(), String> {
//! let ground = Ground::new("/path/of/conclave", 3).with("CONCLAVE_DETACH_GRACE_MS", "2000");
//! let arena = Arena::start(ground)?;
//! let doors = arena.doors(); // for clients; it follows what becomes of the nodes
//! let rooms = ["garden@conference.localhost".to_owned()];
//! let schedule = Schedule::of(7, &[Class::KillHome, Class::Partition], arena.nodes().len(), Duration::from_secs(30))?;
//! // Both on a thread that may block: `tokio::task::spawn_blocking` in a runtime.
//! Injector { arena: &arena, recorder, rooms: &rooms, spared: &[] }.run(&schedule)?;
//! arena.heal(Duration::from_secs(60))?; // what does not come back fails the run
//! assert!(arena.deaths().is_empty()); // ends that nobody caused
//! arena.end(Duration::from_secs(30))?; // SIGTERM; the directories stay until the arena is dropped
//! # Ok(())
//! # }
//! ```

mod asking;
mod carrying;
pub mod entrance;
pub mod flow;
mod founding;
mod front;
pub mod ground;
mod healing;
pub(crate) mod lives;
mod members;
pub mod net;
pub mod passage;
mod place;
mod process;
mod sockets;
#[cfg(test)]
mod trial;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use conclave_preload::Orders;
use conclave_server::admin::cluster::ClusterStatus;
use conclave_server::admin::rooms::RoomShown;
use rustix::process::Pid;
use tempfile::TempDir;

use crate::doors::Doors;
use crate::program::Program;
use entrance::Entrance;
use flow::lock;
use ground::Base;
use net::Net;
use place::Place;
use process::Process;

/// A new cluster is whole within this time.
const WHOLE_MAX: Duration = Duration::from_secs(90);

/// What a cluster is made of.
#[derive(Clone, Debug)]
pub struct Ground {
    program: String,
    nodes: u32,
    settings: Vec<(String, String)>,
    accounts: Vec<String>,
    said: Option<PathBuf>,
}

/// Processes behind fronts, all of which end when this is dropped.
pub struct Arena {
    // Fields are dropped in this order: first the nodes, last their directories.
    nodes: Mutex<BTreeMap<u32, Node>>,
    net: Net,
    program: Program,
    /// The settings that all nodes have.
    of_all: String,
    doors: Doors,
    deaths: Mutex<Vec<Death>>,
    said: PathBuf,
    dir: TempDir,
}

/// A node that has been there, whether it is or not.
struct Node {
    place: Place,
    process: Option<Process>,
    entrance: Arc<Entrance>,
    base: Base,
    orders: Orders,
    /// Whether it ever had a process.
    started: bool,
    /// Of its last process, if that has ended by itself.
    exit_code: Option<i32>,
    /// It was taken out of the cluster, or lost its disk.
    gone: bool,
}

/// The end of a process that nobody caused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Death {
    /// Whose.
    pub node: u32,
    /// How it ended, and what it said last.
    pub how: String,
}

impl Ground {
    /// So many nodes of this program, from 1 to 9.
    pub fn new(program: &str, nodes: u32) -> Ground {
        Ground { program: program.to_owned(), nodes, settings: Vec::new(), accounts: Vec::new(), said: None }
    }

    /// A variable of the environment of all nodes: a setting, or a bug that is planted.
    pub fn with(mut self, name: &str, value: &str) -> Ground {
        self.settings.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Accounts besides those that `conclave dev` makes.
    pub fn accounts(mut self, names: &[&str]) -> Ground {
        self.accounts.extend(names.iter().map(|name| (*name).to_owned()));
        self
    }

    /// Where what the nodes say on their standard error is kept, as `stderr1` and so on; else with everything else.
    pub fn said_in(mut self, dir: &Path) -> Ground {
        self.said = Some(dir.to_owned());
        self
    }
}

impl Arena {
    /// Founds a cluster, starts it behind its fronts, and waits until it is whole.
    pub fn start(ground: Ground) -> Result<Arena, String> {
        let dir = tempfile::tempdir().map_err(|error| format!("there is no directory for a cluster: {error}"))?;
        let settings: Vec<(&str, &str)> = ground.settings.iter().map(|(name, value)| (&**name, &**value)).collect();
        let program = Program::new(&ground.program, &settings);
        let said = ground.said.unwrap_or_else(|| dir.path().to_owned());
        let places = founding::found(program.serving(&said.join("stderr")), dir.path(), ground.nodes, &ground.accounts)?;
        let of_all = place::settings_of(&dir.path().join("node1"))?;
        let (nodes, doors, deaths) = (Mutex::default(), Doors::default(), Mutex::default());
        let arena = Arena { nodes, net: Net::new(dir.path())?, program, of_all, doors, deaths, said, dir };
        let numbers: Vec<u32> = places.iter().map(|(node, _)| *node).collect();
        places.into_iter().try_for_each(|(node, place)| arena.place(node, place))?;
        arena.restart_all(&numbers, WHOLE_MAX)?;
        arena.await_whole(WHOLE_MAX)?;
        Ok(arena)
    }

    /// A node gets its settings and its fronts.
    fn place(&self, node: u32, place: Place) -> Result<(), String> {
        place.write_settings(&self.of_all)?;
        self.net.stand_before(node, place.peers.found_at, place.peers.behind);
        let entrance: Arc<Entrance> = Arc::default();
        let entered = entrance.clone();
        self.net.serve(place.clients, move |_| Some(entered.enter()));
        let (base, orders) = (Base::under(&place.dir)?, Orders::default());
        lock(&self.nodes)
            .insert(node, Node { place, process: None, entrance, base, orders, started: false, exit_code: None, gone: false });
        Ok(())
    }

    /// Where clients connect; it follows what becomes of the nodes.
    pub fn doors(&self) -> Doors {
        self.doors.clone()
    }

    /// The wires between the nodes.
    pub fn net(&self) -> &Net {
        &self.net
    }

    /// The connections of a node's clients.
    pub fn entrance(&self, node: u32) -> Result<Arc<Entrance>, String> {
        self.with(node, |node| Ok(node.entrance.clone()))
    }

    /// Where everything is, as long as this is.
    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// The data directory of a node.
    pub fn node_dir(&self, node: u32) -> PathBuf {
        self.dir().join(format!("node{node}"))
    }

    /// The numbers of all that belong to the cluster, whether they run or not.
    pub fn nodes(&self) -> Vec<u32> {
        lock(&self.nodes).iter().filter(|(_, node)| !node.gone).map(|(number, _)| *number).collect()
    }

    /// The numbers of all that were ever there: their directories may tell something.
    pub fn nodes_ever(&self) -> Vec<u32> {
        lock(&self.nodes).keys().copied().collect()
    }

    /// The nodes that have a process, frozen or not.
    pub fn up(&self) -> Vec<u32> {
        let mut nodes = self.looked_at();
        nodes.iter_mut().filter(|(_, node)| node.process.is_some()).map(|(number, _)| *number).collect()
    }

    /// The nodes whose process does something.
    pub fn awake(&self) -> Vec<u32> {
        let nodes = self.looked_at();
        let is_awake = |node: &Node| node.process.as_ref().is_some_and(|process| !process.frozen);
        nodes.iter().filter(|(_, node)| is_awake(node)).map(|(number, _)| *number).collect()
    }

    /// The process of a node, if it has one.
    pub fn pid(&self, node: u32) -> Option<Pid> {
        self.looked_at().get(&node)?.process.as_ref().map(Process::pid)
    }

    /// The home of a room, as the first node knows it that answers.
    pub fn home(&self, room: &str) -> Option<u32> {
        self.awake().into_iter().find_map(|node| asking::room(&self.node_dir(node), room).ok()?.home)
    }

    /// A room, as a node's administrator is told.
    ///
    /// # Errors
    ///
    /// A sentence that says why there is no answer.
    pub fn room(&self, node: u32, room: &str) -> Result<RoomShown, String> {
        asking::room(&self.node_dir(node), room)
    }

    /// How the cluster is, as the first node knows it that answers.
    pub fn status(&self) -> Option<ClusterStatus> {
        self.awake().into_iter().find_map(|node| asking::cluster(&self.node_dir(node)).ok())
    }

    /// How the cluster is, as each node knows it that answers.
    pub fn statuses(&self) -> Vec<ClusterStatus> {
        self.awake().into_iter().filter_map(|node| asking::cluster(&self.node_dir(node)).ok()).collect()
    }

    /// With what a node's last process has ended; none if it lives, or was killed.
    pub fn exit_code(&self, node: u32) -> Option<i32> {
        self.looked_at().get(&node)?.exit_code
    }

    /// Ends that nobody caused, so far. There must be none.
    pub fn deaths(&self) -> Vec<Death> {
        drop(self.looked_at());
        lock(&self.deaths).clone()
    }

    fn with<T>(&self, number: u32, work: impl FnOnce(&mut Node) -> Result<T, String>) -> Result<T, String> {
        let mut nodes = self.looked_at();
        let node = nodes.get_mut(&number).ok_or_else(|| format!("there is no node {number}"))?;
        work(node).map_err(|error| format!("node {number}: {error}"))
    }

    /// All nodes, where those that have ended have no process.
    fn looked_at(&self) -> MutexGuard<'_, BTreeMap<u32, Node>> {
        let mut nodes = lock(&self.nodes);
        for (number, node) in nodes.iter_mut() {
            let Some(status) = node.process.as_mut().and_then(Process::ended) else { continue };
            node.exit_code = status.code();
            let expected = node.process.take().is_some_and(|process| process.is_expected(status));
            self.doors.close(*number);
            if !expected {
                let how = format!("{status}: {}", self.last_words(*number));
                lock(&self.deaths).push(Death { node: *number, how });
            }
        }
        nodes
    }
}

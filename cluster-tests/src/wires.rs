//! Wires between the nodes of a cluster, which can be cut one by one: all that a node says to another passes through a listener here.
//!
//! A node advertises one address to all others. Who dials is told by the process that owns the other end of the connection: it names its node's
//! settings file on its command line, and that survives restarts.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

use crate::cluster::Cluster;
use crate::membership::{free_port, settings_file};

/// What becomes of what two nodes say to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Wire {
    /// It arrives.
    #[default]
    Whole,
    /// Nothing arrives, and nothing closes: what was sent meanwhile arrives when the wire is whole again, as TCP does it behind lost packets.
    Silent,
    /// What is there is closed, and so is whatever comes.
    Closed,
}

/// Whole until told otherwise. All wires end when this is dropped.
pub struct Wires {
    between: BTreeMap<(u32, u32), Arc<Between>>,
    listening: Vec<SocketAddr>,
    stop: Arc<AtomicBool>,
}

/// Two nodes, the lower number first.
#[derive(Default)]
struct Between {
    wire: Mutex<Wire>,
    changed: Condvar,
    /// Ends of connections, to be closed.
    ends: Mutex<Vec<TcpStream>>,
}

/// Where a node is found by the others, and what is behind that.
struct Front {
    node: u32,
    behind: SocketAddr,
    /// Of the cluster.
    dir: PathBuf,
    between: BTreeMap<(u32, u32), Arc<Between>>,
}

impl Cluster {
    /// Starts all nodes anew, with wires between them. They know each other by the same addresses as before, where these wires listen.
    pub fn wired(&mut self) -> Wires {
        let nodes = self.nodes();
        let peers = self.dir().join("peers.json");
        let known = std::fs::read(&peers).map_err(|error| error.to_string());
        let known = known.and_then(|text| serde_json::from_slice::<Vec<SocketAddr>>(&text).map_err(|error| error.to_string()));
        let known = known.unwrap_or_else(|error| panic!("{}: {error}", peers.display()));
        nodes.iter().for_each(|node| self.kill(*node));
        let fronts = nodes.iter().zip(known).map(|(node, found_at)| {
            let behind = SocketAddr::new(found_at.ip(), free_port());
            put_behind(&self.node_dir(*node), found_at, behind);
            (*node, found_at, behind)
        });
        let wires = Wires::new(&fronts.collect::<Vec<_>>(), self.dir());
        self.restart_all(&nodes);
        self.await_whole();
        wires
    }
}

impl Wires {
    /// Of each node its number, where the others find it, and where it listens.
    fn new(fronts: &[(u32, SocketAddr, SocketAddr)], dir: &Path) -> Wires {
        let nodes = || fronts.iter().map(|(node, ..)| *node);
        let pairs = nodes().flat_map(|one| nodes().filter(move |other| one < *other).map(move |other| (one, other)));
        let between: BTreeMap<(u32, u32), Arc<Between>> = pairs.map(|pair| (pair, Arc::default())).collect();
        let stop = Arc::new(AtomicBool::new(false));
        for (node, found_at, behind) in fronts {
            let listener = TcpListener::bind(found_at).unwrap_or_else(|error| panic!("{found_at}: {error}"));
            let front = Front { node: *node, behind: *behind, dir: dir.to_owned(), between: between.clone() };
            let stop = stop.clone();
            std::thread::spawn(move || front.serve(&listener, &stop));
        }
        Wires { between, listening: fronts.iter().map(|(_, found_at, _)| *found_at).collect(), stop }
    }

    /// From now on, in both directions.
    pub fn set(&self, one: u32, other: u32, wire: Wire) {
        let pair = pair(one, other);
        self.between.get(&pair).unwrap_or_else(|| panic!("there is no wire {pair:?}")).set(wire);
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.between.values().for_each(|between| between.set(Wire::Closed));
        // A listener looks up only for a connection.
        self.listening.iter().for_each(|address| drop(TcpStream::connect(address)));
    }
}

impl Between {
    fn set(&self, wire: Wire) {
        *lock(&self.wire) = wire;
        self.changed.notify_all();
        if wire == Wire::Closed {
            // Those that have ended meanwhile need not be closed.
            lock(&self.ends).drain(..).for_each(|end| drop(end.shutdown(Shutdown::Both)));
        }
    }

    /// Waits while the wire is silent; whether anything may pass.
    fn passes(&self) -> bool {
        let wire = self.changed.wait_while(lock(&self.wire), |wire| *wire == Wire::Silent);
        *wire.unwrap_or_else(PoisonError::into_inner) != Wire::Closed
    }

    fn keep(&self, end: &TcpStream) {
        if let Ok(end) = end.try_clone() {
            lock(&self.ends).push(end);
        }
    }
}

impl Front {
    fn serve(self, listener: &TcpListener, stop: &AtomicBool) {
        for near in listener.incoming().map_while(Result::ok) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            // Whoever has hung up already cannot be told, and need not be.
            let dialled_by = near.peer_addr().ok().and_then(|from| owner(&self.dir, from.port()));
            let between = dialled_by.and_then(|from| self.between.get(&pair(from, self.node)).cloned());
            let Some(between) = between else { continue };
            let behind = self.behind;
            std::thread::spawn(move || carry(near, behind, &between));
        }
    }
}

fn pair(one: u32, other: u32) -> (u32, u32) {
    (one.min(other), one.max(other))
}

/// One connection, to its end.
fn carry(near: TcpStream, behind: SocketAddr, between: &Arc<Between>) {
    if !between.passes() {
        return;
    }
    let Ok(far) = TcpStream::connect(behind) else { return };
    // Nothing is gathered here: nodes say small things and wait.
    let _ = (near.set_nodelay(true), far.set_nodelay(true));
    between.keep(&near);
    between.keep(&far);
    let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { return };
    let back = between.clone();
    std::thread::spawn(move || pump(&far_too, &near_too, &back));
    pump(&near, &far, between);
}

/// Until either end closes.
fn pump(mut from: &TcpStream, mut to: &TcpStream, between: &Between) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        if !between.passes() || to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

/// The node of this cluster whose process has a connection from this local port.
fn owner(dir: &Path, port: u16) -> Option<u32> {
    let table = std::fs::read_to_string("/proc/net/tcp").ok()?;
    // After a number come the two addresses, which end in the port as four digits; the inode is the tenth word.
    let line =
        table.lines().find(|line| line.split_whitespace().nth(1).is_some_and(|own| own.ends_with(&format!(":{port:04X}"))))?;
    let socket = format!("socket:[{}]", line.split_whitespace().nth(9)?);
    let processes = std::fs::read_dir("/proc").ok()?.flatten().map(|process| process.path());
    processes.filter(|process| has(process, &socket)).find_map(|process| node_of(dir, &process))
}

fn has(process: &Path, socket: &str) -> bool {
    let Ok(open) = std::fs::read_dir(process.join("fd")) else { return false };
    open.flatten().any(|open| std::fs::read_link(open.path()).is_ok_and(|target| target.to_string_lossy() == socket))
}

fn node_of(dir: &Path, process: &Path) -> Option<u32> {
    let line = std::fs::read(process.join("cmdline")).ok()?;
    let line = String::from_utf8_lossy(&line).into_owned();
    let named = line.split('\0').find(|word| Path::new(word).starts_with(dir))?;
    Path::new(named).parent()?.file_name()?.to_str()?.strip_prefix("node")?.parse().ok()
}

/// A node listens elsewhere from its next start on, and says that it is where it was.
fn put_behind(dir: &Path, found_at: SocketAddr, behind: SocketAddr) {
    let path = settings_file(dir);
    // In front: what stands behind a table belongs to it.
    let text = std::fs::read_to_string(&path);
    let text = text.map(|text| format!("peer_listen = \"{behind}\"\npeer_advertise = \"{found_at}\"\n{text}"));
    text.and_then(|text| std::fs::write(&path, text)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

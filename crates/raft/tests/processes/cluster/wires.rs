//! Wires between nodes that can be cut in one direction: every node reaches every other through a listener here.
//!
//! What is cut is held back and arrives when the wire is mended, as TCP does it behind lost packets. A new connection needs both directions.

use std::collections::BTreeMap;
use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// What flows from one node to another passes here.
#[derive(Debug, Default)]
struct Gate {
    cut: Mutex<bool>,
    mended: Condvar,
}

impl Gate {
    fn set(&self, cut: bool) {
        *self.cut.lock().unwrap_or_else(PoisonError::into_inner) = cut;
        self.mended.notify_all();
    }

    fn pass(&self) {
        let cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        drop(self.mended.wait_while(cut, |cut| *cut));
    }
}

/// One direction.
type Way = (u64, u64);

#[derive(Debug)]
pub struct Wires {
    gates: BTreeMap<Way, Arc<Gate>>,
    /// Where the first finds the second.
    addresses: BTreeMap<Way, SocketAddr>,
    stop: Arc<AtomicBool>,
}

impl Wires {
    /// Between all of these.
    pub fn new(nodes: &BTreeMap<u64, SocketAddr>) -> Self {
        let ways: Vec<Way> =
            nodes.keys().flat_map(|from| nodes.keys().map(|to| (*from, *to))).filter(|(from, to)| from != to).collect();
        let gates: BTreeMap<Way, Arc<Gate>> = ways.iter().map(|way| (*way, Arc::default())).collect();
        let stop = Arc::new(AtomicBool::new(false));
        let mut addresses = BTreeMap::new();
        for (from, to) in ways {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a listener");
            addresses.insert((from, to), listener.local_addr().expect("its address"));
            let wire = Wire { target: nodes[&to], there: gates[&(from, to)].clone(), back: gates[&(to, from)].clone() };
            let stop = stop.clone();
            std::thread::spawn(move || wire.serve(&listener, &stop));
        }
        Self { gates, addresses, stop }
    }

    /// The address by which `from` reaches `to`.
    pub fn address(&self, from: u64, to: u64) -> SocketAddr {
        self.addresses[&(from, to)]
    }

    /// Nothing more gets from one to the other, until it is mended.
    pub fn cut(&self, from: u64, to: u64) {
        self.gates[&(from, to)].set(true);
    }

    pub fn mend_all(&self) {
        self.gates.values().for_each(|gate| gate.set(false));
    }
}

impl Drop for Wires {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.mend_all();
        // A listener looks up only for a connection.
        self.addresses.values().for_each(|address| drop(TcpStream::connect(address)));
    }
}

struct Wire {
    target: SocketAddr,
    there: Arc<Gate>,
    back: Arc<Gate>,
}

impl Wire {
    fn serve(self, listener: &TcpListener, stop: &AtomicBool) {
        for near in listener.incoming().map_while(Result::ok) {
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let (target, there, back) = (self.target, self.there.clone(), self.back.clone());
            std::thread::spawn(move || {
                there.pass();
                back.pass();
                let Ok(far) = TcpStream::connect(target) else { return };
                let (Ok(near_too), Ok(far_too)) = (near.try_clone(), far.try_clone()) else { return };
                std::thread::spawn(move || pump(&far_too, &near_too, &back));
                pump(&near, &far, &there);
            });
        }
    }
}

/// Until either end closes.
fn pump(mut from: &TcpStream, mut to: &TcpStream, gate: &Gate) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(count @ 1..) = from.read(&mut bytes) {
        gate.pass();
        if to.write_all(&bytes[..count]).is_err() {
            break;
        }
    }
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}

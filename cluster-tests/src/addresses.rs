//! Addresses for listeners that are to be found again after their process was killed.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU16, Ordering};

/// Ports that the system gives to no connection that is made: Linux begins at 32768.
const PORTS: std::ops::Range<u16> = 12_000..32_000;

/// An address at which nobody listens, and which was not given before. All of 127.0.0.0/8 is loopback, so each process of ours has a host of its own,
/// and nobody takes a port in the moment in which its node is dead.
pub(crate) fn free_address() -> SocketAddr {
    static TRIED: AtomicU16 = AtomicU16::new(0);
    // Process ids have 22 bits. The first half of the network is left to others, 127.0.0.1 among them.
    let [_, high, middle, low] = std::process::id().to_be_bytes();
    let host = Ipv4Addr::new(127, 128 | high & 0x3f, middle, low);
    for _ in PORTS {
        let tried = TRIED.fetch_add(1, Ordering::Relaxed);
        let address = SocketAddr::from((host, PORTS.start + tried % (PORTS.end - PORTS.start)));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port of {host} is free");
}

//! Where each node of `conclave dev` is, and how they come to be one cluster.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::ops::Range;
use std::path::{Path, PathBuf};

use super::DevError;
use crate::args::Dev;
use crate::cluster;
use crate::seed;

/// How far the other ports are behind the first one, so that there is room for nodes between them.
const TLS_BEHIND: u16 = 100;
const HTTP_BEHIND: u16 = 200;
const PEER_BEHIND: u16 = 300;

/// Among which a free one is looked for.
const PORTS: Range<u16> = 12_000..32_000;

/// How often.
const PORT_TRIES: usize = 100;

/// One node: its directory and its ports, of which 0 is for the system to choose.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub number: usize,
    pub dir: PathBuf,
    pub c2s: u16,
    pub c2s_tls: u16,
    pub http: u16,
    /// Chosen ahead in any case: the others must know it.
    pub peer: SocketAddr,
}

/// Places for all nodes. Those of the last time keep the addresses by which they know each other.
pub(super) fn places(dir: &Path, dev: &Dev) -> Result<Vec<Place>, DevError> {
    let peers = peers(dir, dev)?;
    let port = |number: u16, behind: u16| if dev.port == 0 { 0 } else { dev.port + behind + number - 1 };
    let place = |(number, peer): (u16, SocketAddr)| Place {
        number: number.into(),
        dir: dir.join(format!("node{number}")),
        c2s: port(number, 0),
        c2s_tls: port(number, TLS_BEHIND),
        http: port(number, HTTP_BEHIND),
        peer,
    };
    Ok((1..=dev.nodes).zip(peers).map(place).collect())
}

/// Gives each node that has none an identity, as members of one cluster.
pub(super) fn prepare(places: &[Place]) -> Result<(), DevError> {
    let dirs: Vec<_> = places.iter().map(|place| (place.dir.clone(), place.peer.to_string())).collect();
    cluster::prepare(&dirs, None).map_err(|error| DevError::Members(error.to_string()))
}

/// From the file of the last time, or new ones.
fn peers(dir: &Path, dev: &Dev) -> Result<Vec<SocketAddr>, DevError> {
    let path = dir.join("peers.json");
    let failed = |cause: io::Error| DevError::File(path.clone(), cause);
    match std::fs::read(&path) {
        Ok(text) => {
            let peers: Vec<SocketAddr> = serde_json::from_slice(&text).map_err(|cause| failed(cause.into()))?;
            let (has, asked) = (peers.len(), dev.nodes.into());
            if has == asked { Ok(peers) } else { Err(DevError::OtherSize { dir: dir.to_owned(), has, asked }) }
        }
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => {
            let peers = new_peers(dev).map_err(DevError::Process)?;
            let text = serde_json::to_string(&peers).map_err(|cause| failed(cause.into()))?;
            super::write_file(&path, &(text + "\n"), 0o644)?;
            Ok(peers)
        }
        Err(cause) => Err(failed(cause)),
    }
}

/// Ports behind the clients', or any that are free; all are held until the last is found, so that they differ.
fn new_peers(dev: &Dev) -> io::Result<Vec<SocketAddr>> {
    if dev.port != 0 {
        let port = |number: u16| SocketAddr::from((Ipv4Addr::LOCALHOST, dev.port + PEER_BEHIND + number - 1));
        return Ok((1..=dev.nodes).map(port).collect());
    }
    let host = own_host();
    let held: io::Result<Vec<TcpListener>> = (0..dev.nodes).map(|_| free_port(host)).collect();
    held?.iter().map(TcpListener::local_addr).collect()
}

/// A host for one cluster alone, so that nobody takes the port of a node in the moment in which it does not run. On Linux all of 127.0.0.0/8 is
/// loopback; other systems have one address.
pub(crate) fn own_host() -> Ipv4Addr {
    let [high, middle, low, ..] = seed::fresh();
    // The second half is left to others.
    if cfg!(target_os = "linux") { Ipv4Addr::new(127, high & 0x7f, middle, low | 1) } else { Ipv4Addr::LOCALHOST }
}

/// A port that the system gives to no connection that is made (Linux begins at 32768): a node that was killed must find its own free when it comes back.
pub(crate) fn free_port(host: Ipv4Addr) -> io::Result<TcpListener> {
    let mut last = io::Error::from(io::ErrorKind::AddrInUse);
    for _ in 0..PORT_TRIES {
        let [high, low, ..] = seed::fresh();
        let port = PORTS.start + u16::from_be_bytes([high, low]) % (PORTS.end - PORTS.start);
        match TcpListener::bind((host, port)) {
            Ok(listener) => return Ok(listener),
            Err(cause) => last = cause,
        }
    }
    Err(last)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::args::{Arguments, Command};

    fn dev(words: &str) -> Dev {
        let arguments = ["conclave", "dev"].into_iter().chain(words.split(' '));
        match Arguments::try_parse_from(arguments).unwrap().command {
            Command::Dev(dev) => dev,
            _ => panic!("{words}"),
        }
    }

    fn ports(places: &[Place]) -> Vec<[u16; 4]> {
        places.iter().map(|place| [place.c2s, place.c2s_tls, place.http, place.peer.port()]).collect()
    }

    #[test]
    fn ports_follow_each_other_from_the_first_node_on() {
        let dir = tempfile::tempdir().unwrap();
        let places = places(dir.path(), &dev("--nodes 9 --port 5222")).unwrap();
        let ports = ports(&places);
        assert_eq!(
            [ports[0], ports[1], ports[8]],
            [[5222, 5322, 5422, 5522], [5223, 5323, 5423, 5523], [5230, 5330, 5430, 5530]]
        );
        assert_eq!(places[8].dir, dir.path().join("node9"));
        let high = super::places(tempfile::tempdir().unwrap().path(), &dev("--nodes 9 --port 65000")).unwrap();
        assert_eq!(high[8].peer.port(), 65_308);
    }

    #[test]
    fn the_nodes_of_a_directory_keep_their_number_and_know_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let three = places(dir.path(), &dev("--nodes 3 --port 0")).unwrap();
        let mut peers: Vec<u16> = three.iter().map(|place| place.peer.port()).collect();
        assert_eq!(ports(&three), ports(&places(dir.path(), &dev("--nodes 3 --port 0")).unwrap()));
        peers.sort_unstable();
        peers.dedup();
        assert_eq!((peers.len(), peers.contains(&0)), (3, false));
        let refused = places(dir.path(), &dev("--nodes 2 --port 0")).unwrap_err().to_string();
        assert!(
            refused.ends_with("has a cluster of 3, and 2 are asked for; say --nodes 3, or choose another directory with --dir")
        );
    }

    #[test]
    fn there_are_one_to_nine_nodes() {
        for number in ["0", "10", "-1", "x"] {
            assert!(Arguments::try_parse_from(["conclave", "dev", "--nodes", number]).is_err(), "{number}");
        }
    }
}

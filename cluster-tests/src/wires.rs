//! Wires between the nodes of a cluster that a test drives: a pair can fall silent, or be closed, while all others stay whole.

use std::net::SocketAddr;

use crate::addresses::free_address;
use crate::arena::net::{Net, between};
use crate::arena::passage::Passage;
use crate::cluster::Cluster;
use crate::membership::settings_file;

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
    net: Net,
    nodes: Vec<u32>,
}

/// There is one at a time for each pair.
const LAYER: u32 = 1;

impl Cluster {
    /// Starts all nodes anew, with wires between them. They know each other by the same addresses as before, where these wires listen.
    pub fn wired(&mut self) -> Wires {
        let nodes = self.nodes();
        let peers = self.dir().join("peers.json");
        let known = std::fs::read(&peers).map_err(|error| error.to_string());
        let known = known.and_then(|text| serde_json::from_slice::<Vec<SocketAddr>>(&text).map_err(|error| error.to_string()));
        let known = known.unwrap_or_else(|error| panic!("{}: {error}", peers.display()));
        nodes.iter().for_each(|node| self.kill(*node));
        let net = Net::new(self.dir()).unwrap_or_else(|error| panic!("{error}"));
        for (node, found_at) in nodes.iter().zip(known) {
            let behind = free_address();
            put_behind(&self.node_dir(*node), found_at, behind);
            net.stand_before(*node, found_at, behind);
        }
        self.restart_all(&nodes);
        self.await_whole();
        Wires { net, nodes }
    }
}

impl Wires {
    /// From now on, in both directions.
    pub fn set(&self, one: u32, other: u32, wire: Wire) {
        assert!([one, other].iter().all(|node| self.nodes.contains(node)), "there is no wire between {one} and {other}");
        for way in between(&[one], &[other]) {
            match wire {
                Wire::Whole => self.net.flow(way).lift(LAYER),
                Wire::Silent => self.net.flow(way).lay(LAYER, Passage::held()),
                Wire::Closed => self.net.flow(way).lay(LAYER, Passage::closed()),
            }
        }
    }
}

/// A node listens elsewhere from its next start on, and says that it is where it was.
fn put_behind(dir: &std::path::Path, found_at: SocketAddr, behind: SocketAddr) {
    let path = settings_file(dir);
    // In front: what stands behind a table belongs to it.
    let text = std::fs::read_to_string(&path);
    let text = text.map(|text| format!("peer_listen = \"{behind}\"\npeer_advertise = \"{found_at}\"\n{text}"));
    text.and_then(|text| std::fs::write(&path, text)).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
}

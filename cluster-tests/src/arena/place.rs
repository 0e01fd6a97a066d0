//! Where a node is: its directory, where it listens, and where it is found.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use super::front::Front;
use crate::addresses::free_address;
use crate::membership::settings_file;

/// Settings that each node has of its own.
const OWN: [&str; 6] = ["dir", "c2s", "c2s_tls", "http", "peer_listen", "peer_advertise"];

/// A node's directory and addresses, which stay through all its lives.
#[derive(Clone)]
pub(super) struct Place {
    pub dir: PathBuf,
    /// Where the other nodes find it.
    pub peers: Front,
    /// Where clients find it.
    pub clients: Front,
}

impl Place {
    pub fn new(dir: PathBuf, peers_find_it_at: SocketAddr) -> Place {
        let peers = Front { found_at: peers_find_it_at, behind: free_address() };
        Place { dir, peers, clients: Front { found_at: free_address(), behind: free_address() } }
    }

    /// Writes the settings of this node: what they all have, and what is its own.
    pub fn write_settings(&self, of_all: &str) -> Result<(), String> {
        let (c2s, listen, found_at) = (self.clients.behind, self.peers.behind, self.peers.found_at);
        let own = format!(
            "dir = {:?}\nc2s = [\"{c2s}\"]\nc2s_tls = []\nhttp = [\"127.0.0.1:0\"]\npeer_listen = \"{listen}\"\npeer_advertise = \"{found_at}\"\n",
            self.dir
        );
        let path = settings_file(&self.dir);
        let written = std::fs::create_dir_all(&self.dir).and_then(|()| std::fs::write(&path, own + &without_own(of_all)));
        written.map_err(|error| format!("{}: {error}", path.display()))
    }
}

/// What the settings of a node have in common with those of all others.
pub(super) fn settings_of(dir: &Path) -> Result<String, String> {
    let path = settings_file(dir);
    std::fs::read_to_string(&path).map(|text| without_own(&text)).map_err(|error| format!("{}: {error}", path.display()))
}

fn without_own(text: &str) -> String {
    let is_own = |line: &&str| line.split_once('=').is_some_and(|(key, _)| OWN.contains(&key.trim()));
    text.lines().filter(|line| !is_own(line)).map(|line| format!("{line}\n")).collect()
}

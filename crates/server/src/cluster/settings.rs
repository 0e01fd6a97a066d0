//! What a node is told about its cluster.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use conclave_cluster::meta::ServiceSettings;

use crate::run::Addresses;
use crate::settings::{Settings, check_service_setting};

const NODE_SILENT_MS: &str = "node_silent_ms";

/// Everything that [`super::Cluster::start`] needs to know.
#[derive(Debug, Clone)]
pub struct ClusterSettings {
    /// The node's data directory; `identity/` and `raft/` in it are ours.
    pub dir: PathBuf,
    /// Where to listen for other nodes. `None`: at the address of the node's identity, else on loopback at a port that the system chooses, which is enough for
    /// a node alone.
    pub peer_listen: Option<SocketAddr>,
    /// Where other nodes find this one, `host:port`. `None`: where it listens.
    pub peer_advertise: Option<String>,
    /// Shards of the cluster; heeded only when it is made.
    pub shards: u16,
    /// Shards are placed when so many nodes are registered; heeded only when the cluster is made.
    pub initial_nodes: u32,
    /// The program's version, for people.
    pub version: String,
    /// Where clients connect, for people.
    pub clients: Vec<String>,
    /// Where metrics and health are, for people.
    pub http: Option<String>,
    /// Entries of each group that stay in the log behind its last checkpoint.
    pub log_entries_kept: u64,
    /// What this node would have the service go by; heeded when the cluster is made, but for the domains, which have to be the service's.
    pub service: ServiceSettings,
    /// How fast things are noticed.
    pub timing: ClusterTiming,
}

/// Times.
#[derive(Debug, Clone, Copy)]
pub struct ClusterTiming {
    /// A node that has not said for so long that it lives has ended: its sessions are detached. Holds until the service says otherwise.
    pub silent_max: Duration,
    /// One whose process is proven to be gone is waited for only so long: it may be restarting, which ends its incarnation by itself.
    pub dead_max: Duration,
    /// How long somebody else must have been the better leader before leadership moves: right after a change everything is busy.
    pub calm: Duration,
    /// How often a leader looks whether its group needs something.
    pub look_again: Duration,
    /// How long the leader of meta sees an invitation open before it is withdrawn. A new leader begins to count anew.
    pub invitation_max: Duration,
    /// Raft's.
    pub raft: conclave_raft::Timing,
}

impl Default for ClusterTiming {
    fn default() -> ClusterTiming {
        ClusterTiming {
            silent_max: Duration::from_secs(5),
            dead_max: Duration::from_secs(1),
            calm: Duration::from_secs(1),
            look_again: Duration::from_millis(200),
            invitation_max: Duration::from_secs(60 * 60),
            raft: conclave_raft::Timing::default(),
        }
    }
}

impl ClusterTiming {
    /// As the service has it.
    pub(super) fn by(self, service: &ServiceSettings) -> ClusterTiming {
        let said = service.get(NODE_SILENT_MS).and_then(|text| check_service_setting(NODE_SILENT_MS, text).ok()?.parse().ok());
        ClusterTiming { silent_max: said.map_or(self.silent_max, Duration::from_millis), ..self }
    }

    /// How often a node says that it lives: five chances before it counts as silent.
    pub(super) fn alive_interval(self) -> Duration {
        self.silent_max / 5
    }
}

impl ClusterSettings {
    /// As the node's settings say; `addresses` are those at which it listens.
    pub fn of(settings: &Settings, addresses: &Addresses) -> ClusterSettings {
        let clients = addresses.c2s.iter().chain(&addresses.c2s_tls).map(ToString::to_string).collect();
        ClusterSettings {
            dir: settings.dir.clone(),
            peer_listen: settings.peer_listen,
            peer_advertise: settings.peer_advertise.clone(),
            shards: settings.shards,
            initial_nodes: settings.initial_nodes,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            clients,
            http: addresses.http.first().map(ToString::to_string),
            log_entries_kept: settings.limits.log_entries_kept,
            service: settings.of_the_service(),
            timing: ClusterTiming { silent_max: Duration::from_millis(settings.node_silent_ms), ..ClusterTiming::default() },
        }
    }
}

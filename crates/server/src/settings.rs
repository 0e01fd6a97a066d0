//! The settings of a node: a TOML file, then `CONCLAVE_*` variables, then flags; what comes later wins.
//!
//! Every key stands once, in the tables of `keys.rs` and `limits.rs`, and can be given in all three ways. Anything wrong stops the
//! start, and everything that is wrong is said at once.

mod complaint;
mod draft;
mod environment;
mod file;
mod flags;
mod key;
mod keys;
mod limits;
mod service;
#[cfg(test)]
mod tests;
mod value;

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use conclave_xmpp::BareJid;

use crate::trace::LogFormat;
use draft::Draft;

pub use complaint::SettingsError;
pub use environment::variable_of;
pub use flags::SettingFlags;
pub use limits::Limits;
pub use service::{SERVICE_KEYS, ServiceTerms, check as check_service_setting};

/// Where a node keeps its data unless told otherwise.
pub const DIRECTORY_DEFAULT: &str = "/var/lib/conclave";

/// What a node is told. Checked: whoever has one can rely on it.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The domain of the accounts.
    pub domain: BareJid,
    /// The domain of the rooms.
    pub service_domain: BareJid,
    /// Where the node keeps its data and its administration socket.
    pub dir: PathBuf,
    /// Where clients connect and then ask for TLS (RFC 6120 §5).
    pub c2s: Vec<SocketAddr>,
    /// Where clients connect with TLS from the first byte (XEP-0368).
    pub c2s_tls: Vec<SocketAddr>,
    /// Where those who watch over the node read its metrics and its health.
    pub http: Vec<SocketAddr>,
    /// Where other nodes of the cluster connect. `None`: at the address that the node was invited with, else on loopback at any port.
    pub peer_listen: Option<SocketAddr>,
    /// Where other nodes find this one, `host:port`. `None`: where it listens.
    pub peer_advertise: Option<String>,
    /// Shards are placed when so many nodes are there; heeded when the cluster is made.
    pub initial_nodes: u32,
    /// Shards of the cluster; heeded when it is made.
    pub shards: u16,
    /// Milliseconds for which occupants whose node died are kept.
    pub detach_grace_ms: u64,
    /// Milliseconds of silence after which a node counts as dead.
    pub node_silent_ms: u64,
    /// The certificate and its key; without it the node listens on loopback only.
    pub certificate: Option<CertificateFiles>,
    /// Whether clients may log in without TLS.
    pub plain_without_tls: PlainWithoutTls,
    /// The accounts that run the service: they may create rooms where others may not.
    pub admins: Vec<BareJid>,
    /// Who may create rooms.
    pub room_creation: RoomCreation,
    /// Rounds of PBKDF2 that a new password gets (RFC 7677 §4).
    pub password_iterations: u32,
    /// What is logged: a level, or levels by target; see [`crate::trace`].
    pub log: String,
    /// How it is written.
    pub log_format: LogFormat,
    /// How much of everything there may be.
    pub limits: Limits,
    /// Keys that were given; the others have their defaults.
    pub given: BTreeSet<&'static str>,
}

/// Two PEM files.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CertificateFiles {
    /// The node's certificate and what leads to the authority.
    pub certificate: PathBuf,
    /// The private key that belongs to it.
    pub key: PathBuf,
}

/// Whether clients may log in without TLS, with a password that everybody on the way can read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum PlainWithoutTls {
    /// Nobody may.
    #[default]
    Never,
    /// Clients of this machine may: for trials and tests.
    Loopback,
}

/// Who may create rooms.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum RoomCreation {
    /// Every account.
    #[default]
    Anyone,
    /// Only those that run the service.
    Admins,
}

impl Settings {
    /// Reads all three sources. `environment` is the process's; variables that do not begin with `CONCLAVE_` are passed over.
    pub fn load(
        file: Option<&Path>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        flags: &SettingFlags,
    ) -> Result<Settings, SettingsError> {
        let mut complaints = Vec::new();
        let mut given = Vec::new();
        if let Some(path) = file {
            file::read(path, &mut given, &mut complaints).map_err(|complaint| SettingsError::new(vec![complaint]))?;
        }
        environment::read(environment, &mut given, &mut complaints);
        flags.read(&mut given);
        let mut draft = Draft::default();
        for given in given {
            draft.take(given, &mut complaints);
        }
        let settings = draft.finish(&mut complaints);
        match settings {
            Some(settings) if complaints.is_empty() => Ok(settings),
            _ => Err(SettingsError::new(complaints)),
        }
    }
}

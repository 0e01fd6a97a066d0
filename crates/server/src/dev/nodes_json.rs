//! `nodes.json`: where the nodes are, for other tools. What this version does not have is null.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::members::Place;
use super::{DevError, write_file};
use crate::admin::Status;

/// One node.
#[derive(Serialize, Debug)]
pub struct Line {
    /// Its number.
    pub node: usize,
    /// Its process.
    pub pid: u32,
    /// Where clients connect, with STARTTLS or in the clear.
    pub c2s: Option<SocketAddr>,
    /// Where clients connect with TLS from the first byte.
    pub c2s_tls: Option<SocketAddr>,
    /// Metrics and health.
    pub http: Option<SocketAddr>,
    /// Not there yet.
    pub websocket: Option<String>,
    /// Where other nodes reach it.
    pub peer: Option<SocketAddr>,
}

impl Line {
    /// As the node says itself.
    pub(super) fn of(place: &Place, status: &Status) -> Line {
        Line {
            node: place.number,
            pid: status.pid,
            c2s: status.addresses.c2s.first().copied(),
            c2s_tls: status.addresses.c2s_tls.first().copied(),
            http: status.addresses.http.first().copied(),
            websocket: None,
            peer: Some(place.peer),
        }
    }
}

/// Writes the file at once: whoever finds it finds all of it.
pub(super) fn write(dir: &Path, nodes: &[Line]) -> Result<(), DevError> {
    let (path, new) = (path(dir), dir.join("nodes.json.new"));
    let failed = |cause| DevError::File(path.clone(), cause);
    let mut text = serde_json::to_string_pretty(nodes).map_err(|cause| failed(cause.into()))?;
    text.push('\n');
    write_file(&new, &text, 0o644)?;
    std::fs::rename(&new, &path).map_err(failed)
}

/// Removes the file, if there is one.
pub(super) fn remove(dir: &Path) -> Result<(), DevError> {
    match std::fs::remove_file(path(dir)) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => Err(DevError::File(path(dir), cause)),
        _ => Ok(()),
    }
}

fn path(dir: &Path) -> PathBuf {
    dir.join("nodes.json")
}

/// For people.
impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "node {}: process {}", self.node, self.pid)?;
        for (name, address) in [("STARTTLS or in the clear", self.c2s), ("TLS", self.c2s_tls)] {
            if let Some(address) = address {
                write!(f, ", {address} ({name})")?;
            }
        }
        if let Some(address) = self.http {
            write!(f, ", http://{address}/metrics")?;
        }
        Ok(())
    }
}

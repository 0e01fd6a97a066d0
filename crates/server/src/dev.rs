//! `conclave dev`: a server on this machine for trying and testing. Its node is a process of its own, as in real life.

mod certificates;
mod node;
mod nodes_json;

use std::fmt::{self, Write as _};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::admin::client::ClientError;
use crate::args::Dev;
use crate::run::Signals;
use node::Node;

/// What is served.
const DOMAIN: &str = "localhost";
const SERVICE_DOMAIN: &str = "conference.localhost";

/// Accounts that are always there. The last one is an admin of the service.
const ACCOUNTS: [&str; 4] = ["user", "user2", "user3", ADMIN];
const ADMIN: &str = "admin";
const PASSWORD: &str = "password";

/// Why there is no server, or no longer.
#[derive(Debug)]
pub enum DevError {
    /// More nodes are asked for than this version runs.
    OneNode(usize),
    /// The directory is another one's.
    Held(PathBuf),
    /// A file cannot be written or read.
    File(PathBuf, io::Error),
    /// The certificates cannot be made.
    Certificates(rcgen::Error),
    /// A node cannot be started or told to end.
    Process(io::Error),
    /// A node was not ready in time.
    Late(usize),
    /// A node ended by itself.
    Ended(usize, std::process::ExitStatus),
    /// A node does not answer.
    Admin(ClientError),
    /// A node does not make an account.
    Account(String),
}

/// Runs until SIGTERM or SIGINT, or until the node ends by itself, which is an error.
pub async fn run(dev: Dev) -> Result<(), DevError> {
    if dev.nodes != 1 {
        return Err(DevError::OneNode(dev.nodes.into()));
    }
    let signals = Signals::new().map_err(DevError::Process)?;
    make_directory(&dev.dir)?;
    let dir = std::path::absolute(&dev.dir).map_err(|cause| DevError::File(dev.dir.clone(), cause))?;
    let _lock = lock(&dir)?;
    // Whoever waits for this file must not find that of the last time.
    nodes_json::remove(&dir)?;
    let certificates = certificates::prepare(&dir)?;
    let mut node = Node::start(1, &dir, &dev, &certificates)?;
    tokio::select! {
        _ = signals.wait() => {}
        failed = serve(&mut node, &dir, &dev) => return failed,
    }
    nodes_json::remove(&dir)?;
    node.end().await
}

/// Until the node ends.
async fn serve(node: &mut Node, dir: &Path, dev: &Dev) -> Result<(), DevError> {
    let status = node.ready(dev).await?;
    let nodes = [nodes_json::Line::of(node.number, &status)];
    nodes_json::write(dir, &nodes)?;
    // Whoever started us without wanting to read this wants the server all the same.
    let _ = io::Write::write_all(&mut io::stdout(), for_people(&nodes, &dev.dir).as_bytes());
    let ended = node.ended().await;
    nodes_json::remove(dir)?;
    Err(ended)
}

fn for_people(nodes: &[nodes_json::Line], dir: &Path) -> String {
    let mut text = format!("{DOMAIN} is served; its rooms are at {SERVICE_DOMAIN}\n");
    for node in nodes {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {node}");
    }
    let dir = dir.display();
    let _ = writeln!(
        text,
        "accounts: {}; the password is \"{PASSWORD}\", and {ADMIN} is an admin of the service",
        ACCOUNTS.join(", ")
    );
    let _ = writeln!(text, "  more: conclave user --dir {dir}/node1 add NAME");
    let _ = writeln!(text, "certificate authority for clients: {dir}/ca.pem");
    let _ = writeln!(text, "Ctrl-C ends it");
    text
}

fn make_directory(path: &Path) -> Result<(), DevError> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(path);
    made.map_err(|cause| DevError::File(path.to_owned(), cause))
}

/// Two at once would take each other's files. The system unlocks when the process ends, however it ends.
fn lock(dir: &Path) -> Result<File, DevError> {
    let path = dir.join("lock");
    let opened = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let file = opened.map_err(|cause| DevError::File(path, cause))?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(_) => Err(DevError::Held(dir.to_owned())),
    }
}

fn write_file(path: &Path, text: &str, mode: u32) -> Result<(), DevError> {
    let opened = OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(path);
    let written = opened.and_then(|mut file| io::Write::write_all(&mut file, text.as_bytes()));
    written.map_err(|cause| DevError::File(path.to_owned(), cause))
}

impl fmt::Display for DevError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DevError::OneNode(asked) => write!(f, "{asked} nodes are asked for; this version runs one: leave out --nodes"),
            DevError::Held(path) => {
                write!(
                    f,
                    "{} is in use by another `conclave dev`; end that, or choose another directory with --dir",
                    path.display()
                )
            }
            DevError::File(path, cause) => write!(f, "{}: {cause}; another directory is set with --dir", path.display()),
            DevError::Certificates(cause) => write!(f, "the certificates cannot be made: {cause}"),
            DevError::Process(cause) => write!(f, "the node's process cannot be managed: {cause}"),
            DevError::Late(number) => write!(f, "node {number} is not ready after {} seconds", node::READY_MAX.as_secs()),
            DevError::Ended(number, status) => write!(f, "node {number} has ended ({status}); it has said why above"),
            DevError::Admin(cause) => cause.fmt(f),
            DevError::Account(text) => write!(f, "an account cannot be made: {text}"),
        }
    }
}

impl std::error::Error for DevError {}

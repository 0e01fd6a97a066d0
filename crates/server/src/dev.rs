//! `conclave dev`: a cluster on this machine for trying and testing. Its nodes are processes of their own, as in real life.

mod certificates;
pub(crate) mod members;
mod node;
mod nodes_json;
mod serving;

use std::fmt::{self, Write as _};
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::pin::pin;

use futures_util::future::{join_all, select_all, try_join_all};
use rustix::fs::{FlockOperation, flock};

use crate::admin::client::ClientError;
use crate::args::Dev;
use crate::complaint::complain;
use crate::run::Signals;
use node::Node;

pub use nodes_json::Line;

/// What is served.
const DOMAIN: &str = "localhost";
const SERVICE_DOMAIN: &str = "conference.localhost";

/// Accounts that are always there. The last one is an admin of the service.
const ACCOUNTS: [&str; 4] = ["user", "user2", "user3", ADMIN];
const ADMIN: &str = "admin";
const PASSWORD: &str = "password";

/// Nodes that run, and end when this is dropped.
pub struct Nodes {
    dir: PathBuf,
    running: Vec<Node>,
    lines: Vec<Line>,
    _lock: File,
}

/// Why there is no server, or no longer.
#[derive(Debug)]
pub enum DevError {
    /// The directory is another one's.
    Held(PathBuf),
    /// The directory has a cluster of another size.
    OtherSize {
        /// Which directory.
        dir: PathBuf,
        /// Nodes that it has.
        has: usize,
        /// Nodes that are asked for.
        asked: usize,
    },
    /// A file cannot be written or read.
    File(PathBuf, io::Error),
    /// The certificates cannot be made.
    Certificates(rcgen::Error),
    /// The nodes cannot be made one cluster.
    Members(String),
    /// A node cannot be started or told to end.
    Process(io::Error),
    /// A node was not ready in time.
    Late(usize),
    /// The nodes serve, but not all of them everything; this was still missing.
    Incomplete(String),
    /// A node ended by itself.
    Ended(usize, std::process::ExitStatus),
    /// A node does not answer.
    Admin(ClientError),
    /// A node does not make an account.
    Account(String),
}

/// Runs until SIGTERM or SIGINT, or until all nodes have ended by themselves, which is an error. Nothing is started again.
pub async fn run(dev: Dev) -> Result<(), DevError> {
    let signals = Signals::new().map_err(DevError::Process)?;
    let mut signalled = pin!(signals.wait());
    let mut nodes = tokio::select! {
        // Dropping what was started so far ends it.
        _ = &mut signalled => return Ok(()),
        started = Nodes::start(&dev) => started?,
    };
    // Whoever started us without wanting to read this wants the server all the same.
    let _ = io::Write::write_all(&mut io::stdout(), for_people(&nodes.lines, &dev.dir).as_bytes());
    loop {
        let ended = tokio::select! {
            _ = &mut signalled => return nodes.end().await,
            ended = nodes.ended() => ended,
        };
        if nodes.running.is_empty() {
            nodes_json::remove(&nodes.dir)?;
            return Err(ended);
        }
        complain(&format_args!("{ended}; the others go on"));
    }
}

impl Nodes {
    /// Starts them; when it returns, all serve and every shard has a leader and its replicas.
    pub async fn start(dev: &Dev) -> Result<Nodes, DevError> {
        make_directory(&dev.dir)?;
        let dir = std::path::absolute(&dev.dir).map_err(|cause| DevError::File(dev.dir.clone(), cause))?;
        let lock = lock(&dir)?;
        // Whoever waits for this file must not find that of the last time.
        nodes_json::remove(&dir)?;
        let certificates = certificates::prepare(&dir)?;
        let places = members::places(&dir, dev)?;
        members::prepare(&places)?;
        let started = places.iter().map(|place| Node::start(place, dev, &certificates));
        let mut running = started.collect::<Result<Vec<Node>, DevError>>()?;
        // None of them serves before a majority does.
        let statuses = try_join_all(running.iter_mut().map(Node::ready)).await?;
        serving::prepare_accounts(&places, dev).await?;
        serving::complete(&places, &statuses).await?;
        let lines: Vec<Line> = places.iter().zip(&statuses).map(|(place, status)| Line::of(place, status)).collect();
        nodes_json::write(&dir, &lines)?;
        Ok(Nodes { dir, running, lines, _lock: lock })
    }

    /// Where they are; one that has ended still stands there.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Waits until one of them ends by itself, and forgets it.
    pub async fn ended(&mut self) -> DevError {
        if self.running.is_empty() {
            return std::future::pending().await;
        }
        let (ended, at, _) = select_all(self.running.iter_mut().map(|node| Box::pin(node.ended()))).await;
        self.running.remove(at);
        ended
    }

    /// Ends all.
    pub async fn end(self) -> Result<(), DevError> {
        nodes_json::remove(&self.dir)?;
        join_all(self.running.into_iter().map(Node::end)).await.into_iter().collect()
    }
}

fn for_people(nodes: &[Line], dir: &Path) -> String {
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
    if nodes.len() > 1 {
        let _ = writeln!(
            text,
            "the cluster: conclave cluster --dir {dir}/node1 status; where a room lives: conclave room --dir {dir}/node1 show ROOM"
        );
        let _ = writeln!(
            text,
            "a node that was killed is not started again; to do it: conclave serve --config {dir}/node2/conclave.toml"
        );
    }
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
            DevError::OtherSize { dir, has, asked } => write!(
                f,
                "{} has a cluster of {has}, and {asked} are asked for; say --nodes {has}, or choose another directory with --dir",
                dir.display()
            ),
            DevError::Members(text) => write!(f, "the nodes cannot be made one cluster: {text}"),
            DevError::Incomplete(text) => {
                write!(f, "the cluster is not complete after {} seconds: {text}", serving::COMPLETE_MAX.as_secs())
            }
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

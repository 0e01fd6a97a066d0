//! `conclave cluster`: a cluster is made, grows, is looked at, and shrinks.

mod table;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::admin::asking::{AskError, connect};
use crate::admin::cluster::{Health, Upgraded};
use crate::admin::{Answer, Ask};
use crate::args::{AsJson, Cluster, ClusterCommand, ClusterInit, ClusterJoin, WhichNode};
use crate::cluster;

/// Bytes of a file with a token that are read, at most.
const TOKEN_BYTES_MAX: u64 = 64 * 1024;

/// Why it is not done.
#[derive(Debug)]
pub enum ClusterError {
    /// The node cannot be asked, or said no.
    Ask(AskError),
    /// The file of the token cannot be read.
    TokenFile(PathBuf, io::Error),
    /// The directory cannot be made a node's.
    Directory(String),
    /// It was shown how the cluster is, and it does not serve everything.
    Unavailable,
}

/// Does what is asked, and says so.
pub fn run(cluster: &Cluster, out: &mut impl Write) -> Result<(), ClusterError> {
    let node = &cluster.node;
    match &cluster.command {
        ClusterCommand::Init(init) => make(init, node, out),
        ClusterCommand::Join(join) => enter(join, node, out),
        ClusterCommand::Invite { peer } => invite(peer, node, out).map_err(ClusterError::Ask),
        ClusterCommand::Status(form) => match status(form, node, out).map_err(ClusterError::Ask)? {
            Health::Healthy | Health::Degraded => Ok(()),
            Health::Unavailable => Err(ClusterError::Unavailable),
        },
        ClusterCommand::Drain { node: number } => {
            let said = format!("node {number} hands over what it has; it is done when `conclave cluster status` says `drained`");
            decide(node, &Ask::Drain { node: *number }, &said, out).map_err(ClusterError::Ask)
        }
        ClusterCommand::Remove { node: number } => {
            let said = format!(
                "node {number} is taken out; its directory can be deleted when `conclave cluster status` lists it no more"
            );
            decide(node, &Ask::Remove { node: *number }, &said, out).map_err(ClusterError::Ask)
        }
        ClusterCommand::Upgrade => upgrade(node, out).map_err(ClusterError::Ask),
        ClusterCommand::AcceptLoss => accept_loss(node, out),
    }
}

fn make(init: &ClusterInit, node: &WhichNode, out: &mut impl Write) -> Result<(), ClusterError> {
    let dir = directory(node)?;
    if let Some(peer) = init.peer.as_ref().filter(|peer| !cluster::is_address(peer)) {
        let text = format!("\"{peer}\" is no address of a node: it takes a host and a port, such as \"10.0.0.1:7400\"");
        return Err(ClusterError::Directory(text));
    }
    let made = cluster::init(&dir, init.shards, init.initial_nodes, init.peer.clone());
    made.map_err(|error| ClusterError::Directory(error.to_string()))?;
    say(out, &format!("{} is the first node of a new cluster; start it with `conclave serve`", dir.display()))
}

fn enter(join: &ClusterJoin, node: &WhichNode, out: &mut impl Write) -> Result<(), ClusterError> {
    let dir = directory(node)?;
    let token = match (&join.token, &join.token_file) {
        (Some(token), _) => token.trim().to_owned(),
        (None, Some(path)) => first_line(path).map_err(|cause| ClusterError::TokenFile(path.clone(), cause))?,
        (None, None) => String::new(),
    };
    let token = cluster::join(&dir, &token).map_err(|error| ClusterError::Directory(error.to_string()))?;
    let (node, address) = (token.node(), token.address());
    say(
        out,
        &format!("{} is node {node} now; start it with `conclave serve`, so that the others find it at {address}", dir.display()),
    )
}

/// What the messages about damage name.
fn accept_loss(node: &WhichNode, out: &mut impl Write) -> Result<(), ClusterError> {
    let loss = conclave_raft::accept_loss(&cluster::raft_dir(&directory(node)?));
    say(out, &loss.map_err(|error| ClusterError::Directory(error.to_string()))?.to_string())
}

/// Nothing but the token is printed: it is meant for a file or a pipe.
fn invite(peer: &str, node: &WhichNode, out: &mut impl Write) -> Result<(), AskError> {
    match connect(node)?.obtain(&Ask::Invite { peer: peer.to_owned() })? {
        Answer::Invited { token } => writeln!(out, "{token}").map_err(AskError::Output),
        _ => Err(AskError::strange()),
    }
}

fn status(form: &AsJson, node: &WhichNode, out: &mut impl Write) -> Result<Health, AskError> {
    let Answer::Cluster(status) = connect(node)?.obtain(&Ask::ClusterStatus)? else { return Err(AskError::strange()) };
    let text = if form.json {
        serde_json::to_string_pretty(&status).map_err(|cause| AskError::Output(cause.into()))? + "\n"
    } else {
        table::of(&status)
    };
    out.write_all(text.as_bytes()).map_err(AskError::Output)?;
    Ok(status.health)
}

fn upgrade(node: &WhichNode, out: &mut impl Write) -> Result<(), AskError> {
    let said = match connect(node)?.obtain(&Ask::Upgrade)? {
        Answer::Upgraded(Upgraded { from, to }) if from == to => {
            format!("the feature level is {to} already, and no node speaks a higher one")
        }
        Answer::Upgraded(Upgraded { from, to }) => format!("the feature level is {to} now; it was {from}"),
        _ => return Err(AskError::strange()),
    };
    writeln!(out, "{said}").map_err(AskError::Output)
}

fn decide(node: &WhichNode, ask: &Ask, said: &str, out: &mut impl Write) -> Result<(), AskError> {
    match connect(node)?.obtain(ask)? {
        Answer::Decided => writeln!(out, "{said}").map_err(AskError::Output),
        _ => Err(AskError::strange()),
    }
}

fn directory(node: &WhichNode) -> Result<PathBuf, ClusterError> {
    node.directory().map_err(|cause| ClusterError::Ask(AskError::Settings(cause)))
}

fn say(out: &mut impl Write, text: &str) -> Result<(), ClusterError> {
    writeln!(out, "{text}").map_err(|cause| ClusterError::Ask(AskError::Output(cause)))
}

fn first_line(path: &Path) -> io::Result<String> {
    use std::io::{BufRead, BufReader, Read};
    let mut line = String::new();
    BufReader::new(std::fs::File::open(path)?.take(TOKEN_BYTES_MAX)).read_line(&mut line)?;
    Ok(line.trim().to_owned())
}

impl fmt::Display for ClusterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ClusterError::Ask(cause) => cause.fmt(f),
            ClusterError::TokenFile(path, cause) => write!(f, "the token cannot be read from {}: {cause}", path.display()),
            ClusterError::Directory(cause) => f.write_str(cause),
            ClusterError::Unavailable => {
                f.write_str("the cluster does not serve all rooms and accounts now; its status says why")
            }
        }
    }
}

impl std::error::Error for ClusterError {}

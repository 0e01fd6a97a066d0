//! What can go wrong between a node and its cluster, said for people.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use conclave_cluster::meta::MetaRefusal;

/// Why a node does not start as one of its cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// It is not known who it is.
    #[error(transparent)]
    Identity(#[from] IdentityError),
    /// Its peers could not reach it.
    #[error("cannot listen for other nodes on {0}: {1}. Another address is set with `peer_listen`")]
    Listen(SocketAddr, io::Error),
    /// Its data cannot be used.
    #[error(transparent)]
    Open(#[from] conclave_raft::OpenError),
    /// A group does not start.
    #[error(transparent)]
    Group(#[from] conclave_raft::StartError),
    /// The cluster does not take it.
    #[error("the cluster does not register this node: {0}")]
    Refused(MetaRefusal),
    /// What it has to say where it is is wrong.
    #[error("`peer_advertise` is missing: other nodes cannot connect to {0}, so they must be told a host and a port")]
    Advertise(SocketAddr),
    /// It ended while it started.
    #[error("{0}")]
    Failed(String),
}

/// Why a directory has no usable identity.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// The system does not let us.
    #[error("could not {0} {path}: {2}", path = .1.display())]
    File(&'static str, PathBuf, io::Error),
    /// It is not what this program wrote.
    #[error(
        "{path}: {1}. It says who this node is and cannot be made anew: restore it, or let the node join again with an empty directory",
        path = .0.display()
    )]
    Content(PathBuf, String),
    /// The directory is a node's already.
    #[error("{} is the directory of a node already; a new node needs an empty one", .0.display())]
    Taken(PathBuf),
    /// There are data, and nobody knows whose.
    #[error("{} has data of a node but no identity/node.json, which says whose they are: restore it, or use an empty directory", .0.display())]
    Orphaned(PathBuf),
    /// A certificate cannot be made.
    #[error("a certificate cannot be made: {0}")]
    Certificate(rcgen::Error),
}

/// Why a directory was not made that of the invited node.
#[derive(Debug, thiserror::Error)]
pub enum JoinError {
    /// What was given is no token.
    #[error("this is no token as `conclave cluster invite` prints it ({0}); copy the whole line")]
    Token(String),
    /// It could not be written, or must not.
    #[error(transparent)]
    Identity(IdentityError),
}

/// Why a node was not invited.
#[derive(Debug, thiserror::Error)]
pub enum InviteError {
    /// The address would be of no use.
    #[error("\"{0}\" is no address of a node: it takes a host and a port, such as \"10.0.0.2:7400\"")]
    Address(String),
    /// The cluster did not take it.
    #[error(transparent)]
    Meta(#[from] MetaError),
    /// The certificate cannot be made.
    #[error(transparent)]
    Identity(#[from] IdentityError),
}

/// Why what was asked of the cluster is not known to be done.
#[derive(Debug, thiserror::Error)]
pub enum MetaError {
    /// The rules do not allow it.
    #[error(transparent)]
    Refused(MetaRefusal),
    /// Nobody has confirmed it in time. It may be done later all the same.
    #[error(
        "the cluster has not confirmed it within {} s: {why}. It may be done all the same: look before you try again, and see whether most of its nodes run",
        .limit.as_secs()
    )]
    Late {
        /// How long was tried.
        limit: Duration,
        /// What was heard last.
        why: String,
    },
    /// This node is being stopped.
    #[error("this node is being stopped")]
    Stopped,
}

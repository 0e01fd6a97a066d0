//! Why a node does not start.

use std::io;
use std::path::PathBuf;

use crate::{GroupId, NodeId};

/// Nothing was changed, except that a state database that could not be trusted may have been moved aside.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// Another process has the directory.
    #[error("{}: another process uses this directory; one node has one directory", .dir.display())]
    InUse {
        /// The data directory.
        dir: PathBuf,
    },
    /// The directory was made for another node.
    #[error("{}: this directory belongs to node {node} of the cluster \"{cluster}\": set another directory, or the node's own id", .dir.display())]
    OtherNode {
        /// The data directory.
        dir: PathBuf,
        /// Its cluster.
        cluster: String,
        /// Its node.
        node: NodeId,
    },
    /// The disk or the system does not let us.
    #[error("could not {what} {}: {source}", .path.display())]
    Io {
        /// What was tried.
        what: &'static str,
        /// On what.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// What is on disk is not what was written.
    #[error("{}{}: {reason}. {advice}", .file.display(), .offset.map(|offset| format!(", byte {offset}")).unwrap_or_default())]
    Damaged {
        /// The file.
        file: PathBuf,
        /// The first byte that is wrong, where that can be said.
        offset: Option<u64>,
        /// What is wrong with it.
        reason: String,
        /// What a person can do.
        advice: String,
    },
    /// The peers' side could not be set up.
    #[error("{0}")]
    Transport(String),
}

/// Why a group does not start on this node.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The number is not for groups.
    #[error("group {0}: numbers from {max} on are for the node itself", max = GroupId::RESERVED)]
    Reserved(GroupId),
    /// It runs already.
    #[error("group {0} runs on this node already")]
    Running(GroupId),
    /// The group was made before.
    #[error("group {0} exists already")]
    Exists(GroupId),
    /// Its state is lost, its log does not reach back to the beginning, and there is no peer that could help.
    #[error(
        "group {group}: its state is lost, its log begins behind entry {purged}, and there is no peer to fetch the state from. {advice}"
    )]
    StateLost {
        /// The group.
        group: GroupId,
        /// The last entry that is no longer in the log.
        purged: u64,
        /// What a person can do.
        advice: String,
    },
    /// It failed while it started.
    #[error("group {group}: {reason}")]
    Failed {
        /// The group.
        group: GroupId,
        /// What failed.
        reason: String,
    },
}

/// What a person can do about damage. `accept_loss` is the program's command for it.
pub(crate) fn advice(alone: bool, accept_loss: &str) -> String {
    let must_not = "A node must not go on with less than it acknowledged.";
    if alone {
        format!(
            "{must_not} This one is alone, so nobody else has what is lost: restore a backup, or accept the loss with `{accept_loss}`, which keeps a copy of \
             the damaged files"
        )
    } else {
        format!(
            "{must_not} Its peers have everything: take this node out of the cluster, and let it join again with an empty directory under a new id"
        )
    }
}

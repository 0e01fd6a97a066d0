//! Administration of a running node through a Unix socket: one JSON object a line, asked and answered in turn.
//!
//! The socket lies in the node's directory and is its user's alone; whoever can open it may do everything.

pub mod asking;
pub mod client;
pub mod cluster;
mod line;
pub mod listener;
mod of_node;
pub mod rooms;
#[cfg(test)]
pub(crate) mod scripted;
mod service;
pub mod standing;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::run::Addresses;
use cluster::{ClusterStatus, Upgraded};
use rooms::{RoomLine, RoomShown};

/// Bytes of what is asked, at most.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

/// Bytes of an answer, at most: a cluster of 1024 shards fits.
pub const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Rooms of one answer, at most: with the longest names they still fit it.
pub const ROOMS_MAX: usize = 250;

/// Accounts of one answer, at most: with the longest names they still fit a line.
pub const LIST_MAX: usize = 200;

/// What is asked.
#[derive(Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Ask {
    /// Who the node is, and where it listens.
    Status,
    /// A new account.
    UserAdd {
        /// `romeo` or `romeo@example.org`.
        name: String,
        /// In the clear; only its keys are kept.
        password: String,
    },
    /// Another password.
    UserPasswd {
        /// `romeo` or `romeo@example.org`.
        name: String,
        /// In the clear; only its keys are kept.
        password: String,
    },
    /// The end of an account.
    UserDel {
        /// `romeo` or `romeo@example.org`.
        name: String,
    },
    /// Up to [`LIST_MAX`] accounts, by address.
    UserList {
        /// The last one of the answer before; none to begin.
        behind: Option<String>,
    },
    /// How the cluster is.
    ClusterStatus,
    /// A token for a new node.
    Invite {
        /// Where the others will reach it, `host:port`.
        peer: String,
    },
    /// A node is to hand over everything.
    Drain {
        /// Its number.
        node: u32,
    },
    /// A node is out for good.
    Remove {
        /// Its number.
        node: u32,
    },
    /// The feature level is to be the highest that all nodes speak.
    Upgrade,
    /// What the service goes by.
    Settings,
    /// A setting of the service is to be another.
    Set {
        /// Which.
        key: String,
        /// What it is to be; the accounts of a list with blanks between them.
        value: String,
    },
    /// Up to [`ROOMS_MAX`] rooms, by address.
    RoomList {
        /// The last one of the answer before; none to begin.
        behind: Option<String>,
    },
    /// One room, and where it lives.
    RoomShow {
        /// `garden` or `garden@conference.example.org`.
        room: String,
    },
}

/// What is answered.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// To [`Ask::Status`].
    Status(Status),
    /// It is done, to this account.
    Done {
        /// The bare JID.
        account: String,
    },
    /// To [`Ask::UserList`].
    Accounts {
        /// Bare JIDs.
        accounts: Vec<String>,
        /// Whether there are more behind the last one.
        more: bool,
    },
    /// To [`Ask::ClusterStatus`].
    Cluster(ClusterStatus),
    /// To [`Ask::Invite`].
    Invited {
        /// For one node, once.
        token: String,
    },
    /// To [`Ask::Drain`] and [`Ask::Remove`]: it is decided.
    Decided,
    /// To [`Ask::Upgrade`].
    Upgraded(Upgraded),
    /// To [`Ask::Settings`].
    Settings {
        /// By key, in the order in which people should read them.
        settings: Vec<SettingLine>,
    },
    /// To [`Ask::Set`]: it is decided, and each node goes by it as soon as it hears of it.
    Set {
        /// What it was.
        from: String,
        /// What it is.
        to: String,
    },
    /// To [`Ask::RoomList`].
    Rooms {
        /// By address.
        rooms: Vec<RoomLine>,
        /// Whether there are more behind the last one.
        more: bool,
    },
    /// To [`Ask::RoomShow`].
    Room(RoomShown),
    /// It is not done.
    Refused {
        /// For machines.
        reason: Reason,
        /// For people.
        text: String,
    },
}

/// A setting of the service.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
pub struct SettingLine {
    /// As in a settings file.
    pub key: String,
    /// The accounts of a list with blanks between them.
    pub value: String,
}

/// A node, as it is running.
#[derive(Serialize, Deserialize, PartialEq, Eq, Debug)]
pub struct Status {
    /// The process.
    pub pid: u32,
    /// The domain of the accounts.
    pub domain: String,
    /// The domain of the rooms.
    pub service_domain: String,
    /// Where clients connect.
    pub addresses: Addresses,
}

/// Why something is not done.
#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Reason {
    /// The line is no request that this version knows.
    Malformed,
    /// The name or the password cannot be used.
    Invalid,
    /// There is such an account already.
    Exists,
    /// There is no such account.
    Absent,
    /// It cannot be done now, or not by this node.
    Unavailable,
}

/// Where the socket of the node with this directory is.
pub fn socket(directory: &Path) -> PathBuf {
    directory.join("admin.sock")
}

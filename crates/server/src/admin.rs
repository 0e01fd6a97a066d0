//! Administration of a running node through a Unix socket: one JSON object a line, asked and answered in turn.
//!
//! The socket lies in the node's directory and is its user's alone; whoever can open it may do everything.

pub mod client;
mod line;
pub mod listener;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::run::Addresses;

/// Bytes of a line, at most, in both directions.
pub const LINE_BYTES_MAX: usize = 64 * 1024;

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
    /// It is not done.
    Refused {
        /// For machines.
        reason: Reason,
        /// For people.
        text: String,
    },
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
}

/// Where the socket of the node with this directory is.
pub fn socket(directory: &Path) -> PathBuf {
    directory.join("admin.sock")
}

//! How a play of a script ended.

use std::time::Duration;

use conclave_xmpp::Element;

use crate::client::ConnectionError;
use crate::extra::Entry;
use crate::ledger::Ledger;
use crate::script::{Script, Step};

/// A script that was played. `Display` writes the report.
#[derive(Debug)]
pub struct Outcome {
    /// What was played.
    pub script: Script,
    /// Whether stanzas beyond the script were failures.
    pub exact: bool,
    /// Everything that the clients received.
    pub ledger: Ledger,
    /// What went wrong first, if anything did.
    pub failure: Option<Failure>,
}

impl Outcome {
    /// Whether the server did all that the script expects.
    pub fn passed(&self) -> bool {
        self.failure.is_none()
    }
}

/// Where a script failed, and why.
#[derive(Debug)]
pub struct Failure {
    /// The index of the step; nothing if every step was played.
    pub step: Option<usize>,
    /// The line in the script; 0 if every step was played.
    pub line: usize,
    /// What went wrong.
    pub reason: Reason,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
pub enum Reason {
    /// Between a client and the server.
    #[error(transparent)]
    Connection(#[from] ConnectionError),
    /// The script connects a client twice.
    #[error("the client is connected already")]
    OnlineAlready,
    /// The step needs a client that is connected.
    #[error("the client is not connected")]
    NotOnline,
    /// A stanza did not come.
    #[error("the expected stanza did not come")]
    NotReceived {
        /// The line on which it stands.
        line: usize,
        /// What should have come.
        expected: Element,
        /// How long the client waited.
        waited: Duration,
        /// Why it waited no longer than this, if the connection ended.
        closed: Option<ConnectionError>,
    },
    /// A stanza came where nothing should have.
    #[error("a stanza came, but nothing should have")]
    NotSilent,
    /// The hook failed, or never ran.
    #[error("{0}")]
    Hook(String),
    /// The server sends without end.
    #[error("more than {0} stanzas came")]
    Flood(usize),
    /// `--exact` asks every entity that the script speaks to for an answer, so as to know that nothing more will come.
    #[error("{client} sent a ping to {to} in order to see everything that comes before its answer, and got no answer")]
    NotDrained {
        /// The client's name.
        client: String,
        /// Whom it asked.
        to: String,
    },
    /// `--exact`: stanzas that no line expects, or lines of the `.extra` file for which no stanza came.
    #[error("{unexpected} stanzas came that no line expects, {} entries of the .extra file were not used", stale.len())]
    NotExact {
        /// How many came too many.
        unexpected: usize,
        /// The entries that nothing satisfied.
        stale: Vec<Entry>,
    },
}

impl Failure {
    pub(crate) fn at(index: usize, step: &Step, reason: Reason) -> Failure {
        let line = if let Reason::NotReceived { line, .. } = reason { line } else { step.line };
        Failure { step: Some(index), line, reason }
    }

    pub(crate) fn at_the_end(reason: Reason) -> Failure {
        Failure { step: None, line: 0, reason }
    }
}

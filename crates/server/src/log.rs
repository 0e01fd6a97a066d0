//! The log of one shard on a node that is its only replica, kept in memory: rooms do not outlive the process yet.
//!
//! It has the face of the log to come: entries are proposed as bytes, and come back committed, in order, with their index.

use std::time::{SystemTime, UNIX_EPOCH};

use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};

/// Entries of a shard that are proposed and not committed, at most; a shard takes no more requests meanwhile.
pub const IN_FLIGHT_MAX: u64 = 1024;

/// Where a shard proposes.
pub struct Proposer {
    committed: UnboundedSender<Vec<u8>>,
}

/// Where the committed entries come from.
pub struct Committed {
    entries: UnboundedReceiver<Vec<u8>>,
    next: u64,
}

/// A new log. Its first index lies behind those of all earlier processes, since ids that clients keep derive from indexes.
pub fn open() -> (Proposer, Committed) {
    let micros = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_micros());
    // The shard's own bound keeps this queue short.
    let (sender, receiver) = mpsc::unbounded_channel();
    (Proposer { committed: sender }, Committed { entries: receiver, next: u64::try_from(micros).unwrap_or(1) })
}

impl Proposer {
    /// Proposes an entry. With one replica in memory it is committed at once.
    pub fn propose(&self, entry: Vec<u8>) {
        // The receiver lives as long as the shard that proposes.
        let _ = self.committed.send(entry);
    }
}

impl Committed {
    /// The next committed entry and its index. Cancel-safe.
    pub async fn next(&mut self) -> Option<(u64, Vec<u8>)> {
        let entry = self.entries.recv().await?;
        Some(self.numbered(entry))
    }

    /// The next committed entry, if there is one already.
    pub fn try_next(&mut self) -> Option<(u64, Vec<u8>)> {
        let entry = self.entries.try_recv().ok()?;
        Some(self.numbered(entry))
    }

    fn numbered(&mut self, entry: Vec<u8>) -> (u64, Vec<u8>) {
        let index = self.next;
        self.next += 1;
        (index, entry)
    }
}

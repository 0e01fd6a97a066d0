//! What a node can be told.

use std::path::PathBuf;
use std::time::Duration;

use crate::Identity;

/// Everything that [`crate::Node::open`] needs to know.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where all of the node's data are. Made when it does not exist. One process at a time.
    pub dir: PathBuf,
    /// Who the node is, and how it proves that.
    pub identity: Identity,
    /// How fast the node notices that others are silent.
    pub timing: Timing,
    /// How much it keeps.
    pub sizes: Sizes,
    /// The command by which a person can have [`crate::accept_loss`] run on this directory, for the errors that have to name it.
    pub accept_loss: String,
}

/// Times of elections. The same on all nodes.
#[derive(Debug, Clone, Copy)]
pub struct Timing {
    /// A leader says at least this often that it lives.
    pub heartbeat: Duration,
    /// A follower stands for election when it has heard nothing for the longest timeout and then for a random time between the two. The shortest
    /// should be three heartbeats.
    pub election_min: Duration,
    /// Elect at once when a leader's connection breaks and its address refuses another, which proves that the process is gone. To be turned off where something
    /// between the nodes could refuse in its place: a firewall that resets, an address that moves.
    pub elect_on_death: bool,
    /// See [`Timing::election_min`]. For this long a follower that heard a leader votes for no other.
    pub election_max: Duration,
}

impl Timing {
    /// How long after a confirmation by a majority no other leader can have been elected, with a tenth off for clocks that run differently.
    pub(crate) fn lease(self) -> Duration {
        self.election_max * 9 / 10
    }
}

impl Default for Timing {
    fn default() -> Self {
        Self {
            heartbeat: Duration::from_millis(150),
            election_min: Duration::from_millis(450),
            election_max: Duration::from_millis(700),
            elect_on_death: true,
        }
    }
}

/// Sizes and counts. Each node may have its own.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// A checkpoint is written after this many entries of a group: what is applied again after a crash, at most twice as many.
    pub checkpoint_entries: u64,
    /// And this long after the first entry that is in none, if there are fewer.
    pub checkpoint_interval: Duration,
    /// Entries that are kept behind a checkpoint, for followers that are a little late: a later one gets a snapshot.
    pub keep_entries: u64,
    /// Bytes of one segment of the log. The log grows and shrinks by whole segments.
    pub segment_bytes: u64,
    /// Bytes of entries that are kept in memory, over all groups: those that followers and this node still read.
    pub tail_bytes: usize,
}

impl Default for Sizes {
    fn default() -> Self {
        Self {
            checkpoint_entries: 1000,
            checkpoint_interval: Duration::from_secs(1),
            keep_entries: 1000,
            segment_bytes: 16 * 1024 * 1024,
            tail_bytes: 64 * 1024 * 1024,
        }
    }
}

//! Many Raft groups on one node: opaque entries in, the same entries out on every replica, in one order, and never lost once committed.
//!
//! ```text
//! Node::open(settings, listener)      the directory, checked byte by byte; the connections to peers
//!   .set_peers(..)                    who they are
//!   .create(group, voters)            a new group, on one node; .start(group) on the others and after a restart
//!        -> Group                     propose, read_barrier, leader, transfer, add_learner, promote, replace, remove, status
//!        -> Applied                   Step::State, then Step::Entry after Step::Entry; Step::Changes and Step::Freeze ask for what goes to disk
//! ```
//!
//! Promised: an entry whose proposal came back with an index is on disk on a majority, is in every replica's stream once, and survives the death of
//! any minority and the power loss of all. A refused one is in no stream. Of an unknown one only the stream can tell. Damage on disk is found and said,
//! never read around. A disk that fails to write ends the process.
//!
//! Not promised: that an unknown proposal is not committed later (recognise repeats yourself); that a node alone survives the loss of its disk; that damage to
//! the very last frame of the log is told from a torn write when the power went at the same moment.

mod applied;
mod consensus;
mod data_dir;
pub mod directory;
mod disk;
pub mod fatal;
mod group;
mod group_id;
mod inspection;
mod leadership;
mod log;
mod memory;
mod node;
mod node_id;
mod open_error;
mod outcome;
#[cfg(not(feature = "planted"))]
mod planted;
#[cfg(feature = "planted")]
pub mod planted;
mod recovery;
mod repair;
mod settings;
mod state;
mod transport;

pub use applied::{Answer, Applied, Change, Frozen, Pair, Step};
pub use consensus::{LeaderWatch, PROPOSAL_BYTES_MAX, Proposed};
pub use group::{Group, Status};
pub use group_id::GroupId;
pub use inspection::{Inspected, InspectedEntry, inspect};
pub use leadership::{Leader, Leadership, NotALeadership};
pub use log::LogStats;
pub use node::Node;
pub use node_id::NodeId;
pub use open_error::{OpenError, StartError};
pub use outcome::{NotCommitted, Refusal};
pub use repair::{Loss, accept_loss};
pub use settings::{Settings, Sizes, Timing};
pub use state::StateHash;
pub use transport::{Caller, Channel, Identity, PeerState, PeerStatus};

/// The generated records and calls of `proto/raft.proto`. Only the codec and the transport see them.
#[allow(missing_docs, clippy::all)]
mod wire {
    tonic::include_proto!("conclave.raft.v1");
}

//! Whole clusters under faults: what clients did and saw, and whether it is what was promised to them.
//!
//! A [`History`] is what a recorder kept of a run, line by line; the witness is what the nodes' logs hold in the end ([`journal`]). The checkers, one
//! for each numbered promise ([`checkers`]), compare the two and know nothing else: no socket, no process, and no clock but that of the history. A
//! simulation can use them as well as real processes can.
//!
//! The rest is for real processes: [`Cluster`] starts, kills, freezes, drains and restarts nodes, [`Wires`] between them can be cut, a
//! [`Client`] is driven by a test, and a [`speaker::Speaker`] talks and writes down what it sees with a [`Recorder`].

pub mod act;
mod addresses;
pub mod arena;
pub mod awaiting;
pub mod checkers;
pub mod client;
pub mod cluster;
mod columns;
pub mod command;
pub mod committed;
pub mod dice;
pub mod doors;
mod evidence;
pub mod faults;
pub mod history;
pub mod journal;
pub mod judge;
pub mod linearizability;
pub mod membership;
pub mod planted;
mod program;
pub mod recorder;
pub mod report;
pub mod run_dir;
pub mod runner;
pub mod simulation;
#[cfg(test)]
mod sketch;
pub mod speaker;
pub mod sums;
pub mod traffic;
pub mod verdict;
pub mod wires;

pub use act::{Act, Answer};
pub use client::Client;
pub use cluster::Cluster;
pub use committed::Committed;
pub use history::{Event, History, Line};
pub use judge::{Judgement, Outcome, judge};
pub use recorder::Recorder;
pub use verdict::Verdict;
pub use wires::{Wire, Wires};

/// The checkers that need no more than what clients did and saw, and what a room has committed; those of whole runs are in [`judge`](mod@judge).
pub const CHECKERS: [(&str, Checker); 4] = [
    ("I1 order", checkers::i1_order::in_room),
    ("I2 gap-free, once", checkers::i2_gap_free::in_room),
    ("I3 acknowledged is durable", checkers::i3_durable::in_room),
    ("I4 at most once per send", checkers::i4_at_most_once::in_room),
];

/// Compares what clients did and saw with what a room has committed.
pub type Checker = fn(&History, &Committed) -> Verdict;

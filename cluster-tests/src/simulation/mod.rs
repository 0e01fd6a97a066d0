//! A whole cluster in one thread, without a clock and without a socket: the pure machines of `conclave_cluster`, driven as the server's tasks
//! drive them, over a log and a network that are made up. One seed decides everything that happens.
//!
//! ```text
//!  client ─► EdgeTask ── Net: streams that are late, cut, broken ──► ReplicaTask ─► Log: who leads, what is committed, and when
//!                ▲                                                       │  ▲                        │
//!                └────────────────── frames ◄────────────────────────────┘  └────── entries ◄────────┘
//! ```
//!
//! What runs between an edge and a replica of another node passes the codecs. Raft is not simulated, only what it promises: one sequence of
//! entries, an order of proposals within an office, and that a barrier is passed by the leader alone.

mod chaos;
pub mod client;
pub mod crowd;
mod edge_task;
mod log;
mod net;
pub mod oracle;
pub mod regressions;
mod replica_task;
mod seeking;
pub mod stanzas;
mod store;
mod trials;
mod world;

pub use chaos::{ALL, Chaos, Fault, FaultNote};
pub use client::Client;
pub use crowd::Crowd;
pub use oracle::Oracle;
pub use seeking::seek;
pub use trials::{Failure, TRIALS, Trial};
pub use world::{Settings, World};

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
mod replica_task;
pub mod stanzas;
mod store;
mod world;

pub use chaos::{ALL, Chaos, Fault};
pub use client::Client;
pub use crowd::Crowd;
pub use oracle::Oracle;
pub use world::{Settings, World};

/// Runs a test with each of `0..count` as its seed, or with that of the environment's `CONCLAVE_SEED` alone; a seed that fails is named.
pub fn for_each_seed(count: u64, test: impl Fn(u64) + std::panic::RefUnwindSafe) {
    let named = std::env::var("CONCLAVE_SEED").ok();
    let seeds = match named.as_deref().map(str::parse::<u64>) {
        Some(Ok(seed)) => seed..seed + 1,
        Some(Err(error)) => panic!("CONCLAVE_SEED is a number: {error}"),
        None => 0..count,
    };
    for seed in seeds {
        if let Err(cause) = std::panic::catch_unwind(|| test(seed)) {
            eprintln!("seed {seed} fails; run it alone with CONCLAVE_SEED={seed}");
            std::panic::resume_unwind(cause);
        }
    }
}

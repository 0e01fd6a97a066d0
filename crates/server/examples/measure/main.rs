//! Measures from outside what `performance` promises: memory, processor time, latency, and the pause when a home ends.
//!
//! ```text
//! cargo build --release --bin conclave
//! cargo run --release -p conclave-server --example measure -- chat
//! ```
//!
//! Every measurement starts clusters of its own with `conclave dev`, in temporary directories (`TMPDIR` says where), and ends them. Processor
//! time is the nodes' own, user and system, of all threads, from `/proc`; the clients' is not in it. The clients are one thread that
//! looks for marks in the bytes and parses nothing, since it has its part of the same machine.

mod chat;
mod client;
mod cluster;
mod figures;
mod gap;
mod heard;
mod idle;
mod latency;
mod room;

use std::error::Error;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use cluster::Clusters;
use gap::Ending;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Measures clusters of `conclave dev`, which it starts and ends.
#[derive(Parser)]
struct Arguments {
    #[command(subcommand)]
    what: What,
    /// The program to measure [default: conclave beside the directory of this program]
    #[arg(long, global = true, value_name = "FILE")]
    program: Option<PathBuf>,
    /// Where to append what the nodes say; CONCLAVE_LOG says how much that is
    #[arg(long, global = true, value_name = "FILE")]
    log: Option<PathBuf>,
    /// How often; each time with a new cluster [default: 5; kills 30, drains 10]
    #[arg(long, global = true, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=1000))]
    rounds: Option<u16>,
}

#[derive(Subcommand)]
enum What {
    /// Memory per idle session
    Idle,
    /// Processor time per delivery, 100 occupants, 10 senders with 4 messages under way each: one node and three in turn
    Chat,
    /// Latency, and processor time per delivery, 100 occupants, 20 messages a second: one node and three in turn
    Latency,
    /// The pause when the home of a room is killed: 60 occupants on three nodes, 200 messages a second
    Kills,
    /// The same when it is drained with `conclave cluster drain`
    Drains,
    /// The same when it gets SIGTERM
    Stops,
}

// One thread: the clients take one core at most, and need no locks.
#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let clusters = Clusters::new(arguments.program, arguments.log)?;
    let rounds = |default: usize| arguments.rounds.map_or(default, usize::from);
    let measured = async {
        match arguments.what {
            What::Idle => idle::measure(&clusters).await,
            What::Chat => chat::measure(&clusters, rounds(5)).await,
            What::Latency => latency::measure(&clusters, rounds(5)).await,
            What::Kills => gap::measure(&clusters, Ending::Killed, rounds(30)).await,
            What::Drains => gap::measure(&clusters, Ending::Drained, rounds(10)).await,
            What::Stops => gap::measure(&clusters, Ending::Stopped, rounds(10)).await,
        }
    };
    tokio::task::LocalSet::new().run_until(measured).await
}

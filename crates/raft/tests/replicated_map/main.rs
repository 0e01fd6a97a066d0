//! A replicated map: one node of it, as a process of its own, steered by lines over a socket.
//!
//! It is the example of how the crate is used, and what its tests over real processes drive. `serve.rs` starts the node, `map.rs` is the state of one
//! group, `command.rs` the lines.

mod arguments;
mod command;
mod complaints;
mod latencies;
mod load;
mod map;
mod serve;

use std::process::ExitCode;

/// Exit code when the node's data are damaged, or its peers refuse it for good: `EX_DATAERR` of sysexits.h.
const EXIT_DATA: u8 = 65;

/// Exit code when the disk fails: `EX_IOERR`.
const EXIT_IO: u8 = 74;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if arguments.first().is_some_and(|first| first == "accept-loss") {
        return accept_loss(&arguments[1..]);
    }
    let arguments = match arguments::Arguments::parse(&arguments) {
        Ok(arguments) => arguments,
        Err(error) => {
            eprintln!("replicated-map: {error}");
            return ExitCode::from(2);
        }
    };
    // There is no other: this is the only place that sets one.
    let _ = tracing::subscriber::set_global_default(complaints::Complaints::new());
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    match runtime {
        Ok(runtime) => runtime.block_on(serve::serve(arguments)),
        Err(error) => {
            eprintln!("replicated-map: {error}");
            ExitCode::FAILURE
        }
    }
}

fn accept_loss(arguments: &[String]) -> ExitCode {
    let [flag, dir] = arguments else {
        eprintln!("usage: replicated-map accept-loss --dir DIR");
        return ExitCode::from(2);
    };
    if flag != "--dir" {
        eprintln!("replicated-map: unknown option {flag}");
        return ExitCode::from(2);
    }
    match conclave_raft::accept_loss(std::path::Path::new(dir)) {
        Ok(loss) => {
            println!("{loss}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("replicated-map: {error}");
            ExitCode::from(EXIT_DATA)
        }
    }
}

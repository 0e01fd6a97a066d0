//! The program `conclave`.

use std::process::ExitCode;

fn main() -> ExitCode {
    conclave_server::program::main()
}

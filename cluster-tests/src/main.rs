//! The program `conclave`, for the tests of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    conclave_server::program::main()
}

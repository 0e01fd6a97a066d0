//! The program `chaos`; see the README of this package.

use std::process::ExitCode;

fn main() -> ExitCode {
    cluster_tests::command::chaos()
}

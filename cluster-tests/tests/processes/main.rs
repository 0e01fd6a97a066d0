//! Clusters of real processes, whose nodes are killed, frozen and started again while clients talk.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod cuts;
mod drain;
mod edges;
mod growth;
mod homes;
mod journal;
mod minority;
mod races;
mod restart;
mod scenarios;
mod sessions;
mod settings;
mod snapshots;
mod stall;
mod talk;
mod thousand;
mod traffic;
mod weather;

use std::path::{Path, PathBuf};

use cluster_tests::Cluster;

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_conclave-under-test");

/// Three nodes with these settings.
fn three(settings: &[(&str, &str)]) -> Cluster {
    Cluster::start(PROGRAM, 3, settings)
}

/// The project's own scenarios.
fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../spec").canonicalize().expect("spec/ is part of the project")
}

/// The directories in `CONCLAVE_SCENARIOS`, relative ones from the workspace.
fn more_scenarios() -> Vec<PathBuf> {
    let Some(directories) = std::env::var_os("CONCLAVE_SCENARIOS") else { return Vec::new() };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let named = std::env::split_paths(&directories).filter(|directory| !directory.as_os_str().is_empty());
    named.map(|directory| workspace.join(directory)).collect()
}

/// A number that was given in a variable of the environment.
fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is a number, and not {text:?}")))
}

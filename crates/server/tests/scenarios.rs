//! Every scenario of `spec/`, and of the directories in `CONCLAVE_SCENARIOS`, against the real program.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod running;

use std::path::{Path, PathBuf};

use conclave_scansion::{Options, Targets, files, play_file};
use running::Running;

fn spec() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../spec").canonicalize().expect("spec/ is part of the project")
}

fn options(server: &Running, exact: bool) -> Options {
    let targets = Targets::parse(&server.c2s.to_string()).unwrap();
    Options { targets, exact, extra_dir: Some(spec().join("extra")), ..Options::default() }
}

/// Plays all of them one after the other, and reports every one that fails.
async fn play(scripts: &[PathBuf], options: &Options) {
    let mut failed = Vec::new();
    for script in scripts {
        let outcome = play_file(script, options).await.unwrap_or_else(|error| panic!("{error}"));
        if !outcome.passed() {
            failed.push(outcome.to_string());
        }
    }
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), scripts.len(), failed.join("\n"));
}

#[tokio::test]
async fn the_specification_holds_exactly() {
    let server = Running::start();
    let scripts = files::scripts(&spec()).unwrap();
    assert!(scripts.len() > 100, "only {} scripts were found", scripts.len());
    play(&scripts, &options(&server, true)).await;
}

/// Three times in a row without a restart: what one leaves behind would trip the next. Then exactly:
/// what the lines leave out stands in `spec/extra`, or beside the script.
#[tokio::test]
async fn other_scenarios_hold_three_times_in_a_row() {
    let Some(directories) = std::env::var_os("CONCLAVE_SCENARIOS") else { return };
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let server = Running::start();
    for directory in std::env::split_paths(&directories).filter(|directory| !directory.as_os_str().is_empty()) {
        let directory = workspace.join(directory);
        let scripts = files::scripts(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        assert!(!scripts.is_empty(), "{} has no scenarios", directory.display());
        for _ in 0..3 {
            play(&scripts, &options(&server, false)).await;
        }
        play(&scripts, &options(&server, true)).await;
    }
}

//! Every scenario, on one node and on three, from the same code: a script cannot tell which.

use std::path::PathBuf;

use cluster_tests::Cluster;
use cluster_tests::awaiting::LIMIT;
use conclave_scansion::{Options, Targets, files, play_file};

use crate::{PROGRAM, more_scenarios, spec};

/// Every scenario once for every way to turn the clients over the nodes: client i is on node (i + rotation) mod nodes.
async fn all_scenarios_on(nodes: u32) {
    let cluster = Cluster::start(PROGRAM, nodes, &[]);
    let scripts = scripts();
    let mut failed = Vec::new();
    for rotation in 0..nodes {
        let options = options(&cluster, rotation);
        for script in &scripts {
            let outcome = play_file(script, &options).await.unwrap_or_else(|error| panic!("{error}"));
            if !outcome.passed() {
                failed.push(format!("rotation {rotation}: {outcome}"));
            }
        }
    }
    assert!(failed.is_empty(), "{} failed:\n{}", failed.len(), failed.join("\n"));
}

fn scripts() -> Vec<PathBuf> {
    let mut scripts = files::scripts(&spec()).unwrap();
    assert!(scripts.len() > 100, "only {} scripts were found", scripts.len());
    for directory in more_scenarios() {
        let more = files::scripts(&directory).unwrap_or_else(|error| panic!("{}: {error}", directory.display()));
        assert!(!more.is_empty(), "{} has no scenarios", directory.display());
        scripts.extend(more);
    }
    scripts
}

fn options(cluster: &Cluster, rotation: u32) -> Options {
    let doors: Vec<String> = cluster.nodes().into_iter().map(|node| cluster.door(node)).collect();
    let targets = Targets::parse(&doors.join(",")).unwrap().rotated(rotation as usize);
    Options { targets, timeout: LIMIT, exact: true, extra_dir: Some(spec().join("extra")), ..Options::default() }
}

#[tokio::test]
async fn hold_on_one_node() {
    all_scenarios_on(1).await;
}

#[tokio::test]
async fn hold_on_three_nodes_in_all_rotations() {
    all_scenarios_on(3).await;
}

//! A new cluster, as `conclave dev` makes it; its nodes are killed as soon as all is there, so that they can be started behind fronts.

use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;

use super::place::Place;
use crate::awaiting::PAUSE;

/// Founding and ending take so long on a machine that does much else.
const FOUNDED_MAX: Duration = Duration::from_secs(90);

/// What `nodes.json` says of a node, as far as it matters here.
#[derive(Deserialize)]
struct Listed {
    node: u32,
    pid: i32,
}

/// Makes a cluster of so many nodes in this directory. The accounts are those of `dev` and these, whose password is "password".
pub(super) fn found(mut dev: Command, dir: &Path, nodes: u32, accounts: &[String]) -> Result<Vec<(u32, Place)>, String> {
    dev.args(["dev", "--port", "0", "--nodes", &nodes.to_string(), "--dir"]).arg(dir);
    dev.args(accounts.iter().flat_map(|name| ["--user".to_owned(), format!("{name}:password")]));
    let mut dev = dev.spawn().map_err(|error| format!("`conclave dev`: {error}"))?;
    let founded = listed(&mut dev, dir).and_then(|listed| {
        // What they have written is there, whatever becomes of them: the system has it.
        for pid in listed.iter().filter_map(|listed| Pid::from_raw(listed.pid)) {
            let _ = kill_process(pid, Signal::KILL);
        }
        ended(&mut dev)?;
        places(dir, &listed)
    });
    if founded.is_err() {
        let _ = (kill_process(Pid::from_child(&dev), Signal::TERM), ended(&mut dev));
    }
    let _ = (dev.kill(), dev.wait());
    founded
}

/// Waits for what `dev` writes when all nodes serve.
fn listed(dev: &mut Child, dir: &Path) -> Result<Vec<Listed>, String> {
    let (list, start) = (dir.join("nodes.json"), Instant::now());
    while start.elapsed() < FOUNDED_MAX {
        let text = std::fs::read_to_string(&list).unwrap_or_default();
        if let Ok(listed) = serde_json::from_str(&text) {
            return Ok(listed);
        }
        if let Ok(Some(status)) = dev.try_wait() {
            return Err(format!("`conclave dev` ended before the cluster was there: {status}"));
        }
        std::thread::sleep(PAUSE);
    }
    Err(format!("`conclave dev` did not make a cluster within {} s", FOUNDED_MAX.as_secs()))
}

/// It ends by itself with the last of its nodes.
fn ended(dev: &mut Child) -> Result<(), String> {
    let start = Instant::now();
    while start.elapsed() < FOUNDED_MAX {
        if !matches!(dev.try_wait(), Ok(None)) {
            return Ok(());
        }
        std::thread::sleep(PAUSE);
    }
    Err("`conclave dev` does not end without its nodes".to_owned())
}

fn places(dir: &Path, listed: &[Listed]) -> Result<Vec<(u32, Place)>, String> {
    let path = dir.join("peers.json");
    let text = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    let peers: Vec<SocketAddr> = serde_json::from_slice(&text).map_err(|error| format!("{}: {error}", path.display()))?;
    let place = |(listed, peer): (&Listed, SocketAddr)| (listed.node, Place::new(dir.join(format!("node{}", listed.node)), peer));
    Ok(listed.iter().zip(peers).map(place).collect())
}

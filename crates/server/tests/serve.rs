//! `conclave serve` as a service manager starts it.

#![allow(clippy::unwrap_used)]

use std::os::unix::net::UnixDatagram;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// What a signal may take.
const END_MAX: Duration = Duration::from_secs(1);

/// Whoever is late as often is no victim of the machine.
const TRIES: usize = 3;

#[test]
fn the_service_manager_is_told_and_a_signal_ends_it_within_a_second() {
    for signal in [Signal::TERM, Signal::INT] {
        let took: Vec<Duration> = (0..TRIES).map_while(|_| Some(ended_by(signal)).filter(|took| *took >= END_MAX)).collect();
        assert!(took.len() < TRIES, "{signal:?} takes {took:?}");
    }
}

/// Starts a node and ends it so. Returns how long that took.
fn ended_by(signal: Signal) -> Duration {
    let dir = tempfile::tempdir().unwrap();
    let manager = UnixDatagram::bind(dir.path().join("notify.sock")).unwrap();
    manager.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    let mut node = Command::new(env!("CARGO_BIN_EXE_conclave"))
        .args(["serve", "--domain", "localhost", "--c2s", "127.0.0.1:0", "--plain-without-tls", "loopback", "--dir"])
        .arg(dir.path().join("data"))
        .env("NOTIFY_SOCKET", dir.path().join("notify.sock"))
        .stdin(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    assert_eq!(next(&manager), "READY=1\n");
    let told = Instant::now();
    kill_process(Pid::from_child(&node), signal).unwrap();
    assert_eq!(next(&manager), "STOPPING=1\n");
    let status = node.wait().unwrap();
    let took = told.elapsed();
    assert!(status.success(), "{status:?}");
    took
}

#[test]
fn settings_that_are_wrong_stop_the_start() {
    let output = Command::new(env!("CARGO_BIN_EXE_conclave"))
        .args(["serve", "--domain", "localhost", "--depth-max", "many"])
        .env("CONCLAVE_PLAIN", "yes")
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    for part in [
        "CONCLAVE_PLAIN: there is no such setting",
        "--depth-max: `depth_max` cannot be \"many\"",
        "`certificate` and `key` must be set",
    ] {
        assert!(said.contains(part), "{said}");
    }
}

fn next(manager: &UnixDatagram) -> String {
    let mut said = [0; 256];
    let length = manager.recv(&mut said).unwrap();
    String::from_utf8(said[..length].to_vec()).unwrap()
}

//! The clock on its own, in front of `date`.
#![cfg(target_os = "linux")]

use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use conclave_preload::Clock;

fn true_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than that").as_millis() as i64
}

/// How far ahead the program's clock is, in milliseconds, give or take what it takes to start it.
fn ahead_ms(clock: &Clock) -> i64 {
    let mut command = Command::new("date");
    clock.preload(&mut command);
    let before = true_ms();
    let output = command.arg("+%s%3N").output().expect("there is a `date`");
    String::from_utf8_lossy(&output.stdout).trim().parse::<i64>().expect("milliseconds") - before
}

#[test]
fn the_wall_clock_jumps_and_drifts_and_is_right_again() {
    let root = tempfile::tempdir().expect("a directory");
    let clock = Clock::new(&root.path().join("clock")).expect("a clock");
    let is_about = |ahead: i64| (ahead..ahead + 5_000).contains(&ahead_ms(&clock));
    assert!(is_about(0));
    assert_eq!(clock.wrong_reads().expect("a count"), 0);
    for ahead in [3_600_000, -3_600_000] {
        clock.set(ahead, 0).expect("it is set");
        assert!(is_about(ahead), "{ahead}");
        assert!(clock.wrong_reads().expect("a count") > 0);
    }
    // A hundred million times too fast: a hundredth of a millisecond is a quarter of an hour.
    clock.set(0, 100_000_000_000_000).expect("it is set");
    assert!(ahead_ms(&clock) > 900_000);
    clock.set(0, 0).expect("it is set");
    assert!(is_about(0));
}

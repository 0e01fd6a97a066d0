//! Seed after seed of every trial, for as long as told.

use std::panic;
use std::time::{Duration, Instant};

use super::TRIALS;

/// Plays all trials with the seeds from the first on, until the time is over. Each seed that fails is printed with the command that plays it again, and how
/// many were played in the end. Whether none failed.
pub fn seek(long: Duration, first: u64) -> bool {
    let (start, mut played, mut failed) = (Instant::now(), 0_u64, 0_u64);
    // A failure is told with its seed; the panic by which a play ends says the same.
    panic::set_hook(Box::new(|_| {}));
    for seed in first.. {
        for trial in TRIALS {
            if start.elapsed() >= long {
                drop(panic::take_hook());
                let an_hour = played as f64 * 3600.0 / start.elapsed().as_secs_f64();
                println!("{played} seeds in {:.0} s, {an_hour:.0} an hour; {failed} failed", start.elapsed().as_secs_f64());
                return failed == 0;
            }
            played += 1;
            if let Err(failure) = trial.run_seed(seed) {
                failed += 1;
                println!("{failure}");
            }
        }
    }
    failed == 0
}

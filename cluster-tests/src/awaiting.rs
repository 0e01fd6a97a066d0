//! Waiting for what should be there: it is looked for again and again, and its absence ends the test.

use std::time::{Duration, Instant};

/// How long anything may take that should be there at once. The machines that run this are slow and shared.
pub const LIMIT: Duration = Duration::from_secs(20);

/// How long nodes may take to start and to make a cluster: nothing is promised of that, and each of many steps waits for a disk.
pub const START_LIMIT: Duration = Duration::from_secs(90);

/// How often is looked whether a thing is there.
pub const PAUSE: Duration = Duration::from_millis(20);

/// Looks until a thing is there.
///
/// # Panics
///
/// If it is not there after [`LIMIT`].
#[track_caller]
pub fn awaited<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    awaited_while(what, || look().ok_or_else(|| "it is not there".to_owned()))
}

/// The same, where the error says why it is not there.
#[track_caller]
pub fn awaited_while<T>(what: &str, look: impl FnMut() -> Result<T, String>) -> T {
    awaited_for(LIMIT, what, look)
}

/// The same for so long, where the error says why it is not there.
#[track_caller]
pub fn awaited_for<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return found,
            Err(why) if start.elapsed() > limit => panic!("{what} did not come within {} s: {why}", limit.as_secs()),
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

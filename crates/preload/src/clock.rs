//! A clock on the wall that is wrong for one process. Time that only goes forward is as it was, so timers keep their time.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Of the file: the offset, the drift, since when it drifts, and how often the wrong time was read; each 8 bytes, in the machine's order.
const BYTES: u64 = 32;

/// Where the count is.
const READS_AT: u64 = 24;

/// The wall clock of one process.
#[derive(Debug, Clone)]
pub struct Clock {
    control: PathBuf,
}

impl Clock {
    /// That is right until it is set otherwise. `control` is made, and lies where nobody else writes.
    pub fn new(control: &Path) -> io::Result<Clock> {
        File::create(control)?.set_len(BYTES)?;
        Ok(Clock { control: control.to_owned() })
    }

    /// Has `command` read this clock, however it is set then.
    pub fn preload(&self, command: &mut Command) {
        super::put_before(command, "clock.so");
        command.env("WRONG_CLOCK", &self.control);
    }

    /// From now on it is so many milliseconds ahead, or behind if it is less than 0, and so many millionths too fast or too slow.
    pub fn set(&self, ahead_ms: i64, drift_ppm: i64) -> io::Result<()> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
        let since = i64::try_from(since.as_nanos()).unwrap_or(i64::MAX);
        let words = [ahead_ms.saturating_mul(1_000_000), drift_ppm, since, 0];
        let bytes: Vec<u8> = words.into_iter().flat_map(i64::to_ne_bytes).collect();
        OpenOptions::new().write(true).open(&self.control)?.write_all_at(&bytes, 0)
    }

    /// How often the process has read the time since the clock was set, and it was wrong.
    pub fn wrong_reads(&self) -> io::Result<u64> {
        let mut reads = [0; 8];
        File::open(&self.control)?.read_exact_at(&mut reads, READS_AT)?;
        Ok(u64::from_ne_bytes(reads))
    }
}

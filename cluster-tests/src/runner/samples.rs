//! What the nodes' processes take, looked at while a run goes on.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::run_dir::Sample;

/// Between two looks.
const PAUSE: Duration = Duration::from_secs(1);

/// A node that runs: its number, its process, its directory.
pub type Running = (u32, i32, PathBuf);

/// Looks every second, on a thread of its own, until it is told to stop.
pub struct Sampling {
    stop: Sender<()>,
    thread: JoinHandle<Vec<Sample>>,
}

impl Sampling {
    /// From now on; `running` says which nodes run at a moment.
    pub fn begin(start: Instant, running: impl Fn() -> Vec<Running> + Send + 'static) -> Sampling {
        let (stop, stopped) = channel();
        let thread = std::thread::spawn(move || {
            let mut samples = Vec::new();
            while matches!(stopped.recv_timeout(PAUSE), Err(RecvTimeoutError::Timeout)) {
                let at = u64::try_from(start.elapsed().as_micros()).unwrap_or(u64::MAX);
                samples.extend(running().into_iter().filter_map(|(node, pid, dir)| sample(at, node, pid, &dir)));
            }
            samples
        });
        Sampling { stop, thread }
    }

    /// All that was seen.
    pub fn end(self) -> Vec<Sample> {
        drop(self.stop);
        // Whoever panicked there has said so; without samples a run that is to put I23 to the test is red.
        self.thread.join().unwrap_or_default()
    }
}

/// None if the process is gone by now.
fn sample(at: u64, node: u32, pid: i32, dir: &Path) -> Option<Sample> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let kilobytes = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?.split_whitespace().next()?;
    let rss_bytes = kilobytes.parse::<u64>().ok()? * 1024;
    let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
    Some(Sample { at, node, rss_bytes, disk_bytes: bytes_in(dir), files })
}

/// Files come and go meanwhile; those that are gone take nothing.
fn bytes_in(dir: &Path) -> u64 {
    let Ok(entries) = fs::read_dir(dir) else { return 0 };
    let bytes = entries.flatten().map(|entry| match entry.metadata() {
        Ok(metadata) if metadata.is_dir() => bytes_in(&entry.path()),
        Ok(metadata) => metadata.len(),
        Err(_) => 0,
    });
    bytes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_takes_something() {
        let dir = tempfile::tempdir().expect("a directory");
        fs::create_dir(dir.path().join("deep")).expect("a directory");
        fs::write(dir.path().join("deep/file"), [7; 1000]).expect("a file");
        let pid = i32::try_from(std::process::id()).expect("small");
        let seen = sample(5, 2, pid, dir.path()).expect("it runs");
        assert_eq!((seen.at, seen.node, seen.disk_bytes), (5, 2, 1000));
        assert!(seen.rss_bytes > 100_000 && seen.files > 2, "{seen:?}");
        assert_eq!(sample(5, 2, i32::MAX, dir.path()), None);
    }
}

//! What the log promises, on real files.

mod order;

use std::path::Path;
use std::sync::mpsc;

use bytes::Bytes;
use tempfile::TempDir;

use super::{Done, Log, LogError, LogSettings};

/// Of every log here.
const STORAGE: [u8; 16] = *b"storage of tests";

/// The smallest segments there are.
fn settings(dir: &Path) -> LogSettings {
    LogSettings { dir: dir.to_owned(), storage: STORAGE, segment_bytes: 4096, tail_bytes_max: 1 << 20, queue_bytes_max: 1 << 20 }
}

fn create() -> (TempDir, Log) {
    let dir = tempfile::tempdir().unwrap();
    let log = Log::create(settings(dir.path())).unwrap();
    (dir, log)
}

fn open(dir: &Path) -> Result<Log, LogError> {
    Log::open(settings(dir))
}

fn entry(text: &str) -> Bytes {
    Bytes::copy_from_slice(text.as_bytes())
}

fn entries(first: u64, texts: &[&str]) -> Vec<(u64, Bytes)> {
    (first..).zip(texts.iter().map(|text| entry(text))).collect()
}

/// Waits until what was asked for is on disk.
fn synced(ask: impl FnOnce(Done) -> Result<(), LogError>) {
    let (done, is_done) = mpsc::channel();
    ask(Some(Box::new(move || done.send(()).unwrap()))).unwrap();
    is_done.recv().unwrap();
}

fn all(log: &Log, group: u32) -> Vec<(u64, Bytes)> {
    log.read(group, 0..u64::MAX, usize::MAX).unwrap()
}

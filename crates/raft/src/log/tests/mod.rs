//! What the log promises, on real files.

mod damage;
mod interrupted;
mod loss;
mod memory;
mod model;
mod order;
mod quiet;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::mpsc;

use bytes::Bytes;
use tempfile::TempDir;

use super::shared::Shared;
use super::{Done, Extent, Log, LogError, LogSettings, reading, recovery, segment};

/// Of every log here.
const STORAGE: [u8; 16] = *b"storage of tests";

/// All of a log, by group.
type Content = BTreeMap<u32, Group>;

/// Its extent, its entries and its slots.
type Group = (Extent, Vec<(u64, Bytes)>, Vec<(u64, Bytes)>);

/// The smallest segments there are.
fn settings(dir: &Path) -> LogSettings {
    LogSettings { dir: dir.to_owned(), storage: STORAGE, segment_bytes: 4096, tail_bytes_max: 1 << 20, queue_bytes_max: 1 << 20 }
}

/// In memory where that is possible: thousands of logs are opened here, and what is tested is not the disk.
fn temporary() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap()
}

fn create() -> (TempDir, Log) {
    let dir = temporary();
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

/// Waits until all that was asked for is on disk.
fn settled(log: &Log) {
    synced(|done| log.append(0, Vec::new(), done));
}

fn all(log: &Log, group: u32) -> Vec<(u64, Bytes)> {
    log.read(group, 0..u64::MAX, usize::MAX).unwrap()
}

fn content(log: &Log) -> Content {
    log.groups().into_iter().map(|group| (group, (log.extent(group), all(log, group), log.slots(group)))).collect()
}

/// What would be there if this log were opened, after all repairs. No thread, so that it is quick.
fn content_of(dir: &Path) -> Result<Content, LogError> {
    let recovered = recovery::open(&settings(dir))?;
    let shared = Shared::new(settings(dir), recovered.index, 0);
    let state = shared.lock();
    let groups: Vec<_> = state.groups.iter().map(|(group, seen)| (*group, seen.span.clone(), seen.slots.clone())).collect();
    drop(state);
    let read = |(group, span, slots): (u32, super::span::Span, BTreeMap<u64, Bytes>)| {
        let entries = reading::read(&shared, group, 0..u64::MAX, usize::MAX).unwrap();
        let extent = Extent { last: span.last(), first: span.first, purged: span.purged };
        (group, (extent, entries, slots.into_iter().collect()))
    };
    Ok(groups.into_iter().map(read).collect())
}

/// What is left when the process is killed now: nothing is lost, but nothing is finished either.
fn killed(dir: &Path) -> TempDir {
    let copy = temporary();
    for file in files(dir) {
        fs::copy(&file, copy.path().join(file.file_name().unwrap())).unwrap();
    }
    copy
}

/// Its files in order.
fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<_> = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn segments(dir: &Path) -> Vec<u64> {
    segment::list(dir).unwrap()
}

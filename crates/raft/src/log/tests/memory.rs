//! What is kept in memory, and who waits for room.

use std::sync::mpsc;

use futures_util::FutureExt as _;

use super::*;
use crate::log::index::Index;

fn with_tail(bytes: usize) -> (TempDir, Log) {
    let dir = temporary();
    let log = Log::create(LogSettings { tail_bytes_max: bytes, ..settings(dir.path()) }).unwrap();
    (dir, log)
}

#[test]
fn the_oldest_entries_leave_memory_first_and_are_read_from_files() {
    let (_dir, log) = with_tail(4000);
    let text = "x".repeat(200);
    for index in 0..100 {
        for group in 1..=3 {
            synced(|done| log.append(group, entries(index, &[&text]), done));
        }
        assert!(log.stats().tail_bytes <= 4000, "{:?}", log.stats());
    }
    assert!(log.stats().tail_bytes > 3000);
    let state = log.shared().lock();
    for group in 1..=3 {
        assert!(state.groups[&group].recent(99).is_some());
        assert!(state.groups[&group].recent(90).is_none());
    }
    drop(state);
    for group in 1..=3 {
        assert_eq!(all(&log, group), entries(0, &[&text[..]; 100]));
    }
}

#[test]
fn nothing_leaves_memory_before_it_is_written() {
    let (_dir, log) = with_tail(0);
    let (told, is_told) = mpsc::channel();
    let (go, may_go) = mpsc::channel();
    let hold = Box::new(move || {
        told.send(()).unwrap();
        may_go.recv().unwrap();
    });
    log.set(1, 1, entry("value"), Some(hold)).unwrap();
    is_told.recv().unwrap();
    // The writer is held up.
    log.append(1, entries(0, &["a", "b", "c"]), None).unwrap();
    log.truncate(1, 1, None).unwrap();
    log.append(1, entries(1, &["new b"]), None).unwrap();
    let expected = entries(0, &["a", "new b"]);
    assert_eq!(all(&log, 1), expected);
    assert!(log.stats().tail_bytes > 0);
    go.send(()).unwrap();
    settled(&log);
    assert_eq!(log.stats().tail_bytes, 0);
    assert_eq!(all(&log, 1), expected);
}

#[test]
fn what_came_while_the_writer_wrote_stays_in_memory() {
    let settings = LogSettings { tail_bytes_max: 0, ..settings(Path::new("unused")) };
    let shared = Shared::new(settings, Index::default(), 0);
    shared.append(1, 0, vec![entry("written")], None).unwrap();
    let jobs = shared.take().unwrap();
    shared.append(1, 1, vec![entry("waiting")], None).unwrap();
    shared.settle(&jobs, |_| {});
    let state = shared.lock();
    assert_eq!(state.groups[&1].recent(0), None);
    assert_eq!(state.groups[&1].recent(1), Some(&entry("waiting")));
}

#[test]
fn whoever_asks_for_room_waits_for_the_writer() {
    let dir = temporary();
    let log = Log::create(LogSettings { queue_bytes_max: 1000, ..settings(dir.path()) }).unwrap();
    let (told, is_told) = mpsc::channel();
    let (go, may_go) = mpsc::channel::<()>();
    let hold = Box::new(move || {
        told.send(()).unwrap();
        may_go.recv().unwrap();
    });
    log.append(1, entries(0, &["a"]), Some(hold)).unwrap();
    is_told.recv().unwrap();
    assert!(log.room().now_or_never().is_some());
    log.append(1, entries(1, &[&"x".repeat(1000)]), None).unwrap();
    let mut room = Box::pin(log.room());
    assert!(room.as_mut().now_or_never().is_none());
    go.send(()).unwrap();
    settled(&log);
    assert!(room.now_or_never().is_some());
    assert_eq!(log.stats().queue_bytes, 0);
}

#[test]
fn an_entry_may_be_longer_than_a_segment_and_a_batch_longer_than_a_frame() {
    let (dir, log) = create();
    let long = Bytes::from(vec![7; 1024 * 1024]);
    let many: Vec<(u64, Bytes)> = (1..200).map(|index| (index, Bytes::from(vec![index as u8; 300]))).collect();
    log.append(1, vec![(0, long.clone())], None).unwrap();
    synced(|done| log.append(1, many.clone(), done));
    assert!(log.stats().frames > 50);
    log.close();
    let log = open(dir.path()).unwrap();
    assert_eq!(log.read(1, 0..1, 0).unwrap(), [(0, long)]);
    assert_eq!(log.read(1, 1..200, usize::MAX).unwrap(), many);
}

#[test]
fn segments_of_another_size_can_be_opened() {
    let (dir, log) = create();
    (0..50).for_each(|index| log.append(1, entries(index, &[&"x".repeat(300)]), None).unwrap());
    log.close();
    let log = Log::open(LogSettings { segment_bytes: 100_000, ..settings(dir.path()) }).unwrap();
    (50..100).for_each(|index| log.append(1, entries(index, &[&"x".repeat(300)]), None).unwrap());
    log.close();
    let log = open(dir.path()).unwrap();
    assert_eq!(all(&log, 1).len(), 100);
}

//! What is written is there, at once and afterwards, and callers are told in order.

use std::sync::{Arc, Mutex};

use super::*;
use crate::log::{ENTRY_BYTES_MAX, Extent, SLOT_BYTES_MAX};

#[test]
fn what_was_written_is_there_after_it_is_opened_again() {
    let (dir, log) = create();
    log.append(1, entries(0, &["a", "b", "c"]), None).unwrap();
    log.append(2, entries(7, &["x"]), None).unwrap();
    log.set(1, 5, entry("vote"), None).unwrap();
    log.truncate(1, 2, None).unwrap();
    log.append(1, entries(2, &["other c", "d"]), None).unwrap();
    synced(|done| log.purge(1, 0, entry("note"), done));
    let check = |log: &Log| {
        assert_eq!(log.groups(), [1, 2]);
        assert_eq!(all(log, 1), entries(1, &["b", "other c", "d"]));
        assert_eq!(log.extent(1), Extent { purged: Some((0, entry("note"))), first: 1, last: Some(3) });
        assert_eq!(log.extent(2), Extent { purged: None, first: 7, last: Some(7) });
        assert_eq!(log.slots(1), [(5, entry("vote"))]);
        assert_eq!(log.slot(2, 5), None);
    };
    check(&log);
    log.close();
    let log = open(dir.path()).unwrap();
    check(&log);
    synced(|done| {
        log.forget(1, done);
        Ok(())
    });
    assert_eq!(log.extent(1), Extent { purged: None, first: 0, last: None });
    assert_eq!(log.slot(1, 5), None);
    log.close();
    assert_eq!(open(dir.path()).unwrap().groups(), [2]);
}

#[test]
fn a_read_stops_at_its_limit_but_gives_one() {
    let (_dir, log) = create();
    log.append(1, entries(1, &["aaaa", "bbbb", "cccc"]), None).unwrap();
    assert_eq!(log.read(1, 0..9, 1).unwrap(), entries(1, &["aaaa"]));
    assert_eq!(log.read(1, 2..9, 8).unwrap(), entries(2, &["bbbb", "cccc"]));
    assert_eq!(log.read(1, 1..3, 99).unwrap(), entries(1, &["aaaa", "bbbb"]));
    assert_eq!(log.read(1, 4..9, 99).unwrap(), []);
    #[allow(clippy::reversed_empty_ranges)] // what a caller may ask for
    let reversed = log.read(1, 3..1, 99).unwrap();
    assert_eq!(reversed, []);
    assert_eq!(log.read(2, 0..9, 99).unwrap(), []);
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let (_dir, log) = create();
    log.append(1, entries(4, &["a"]), None).unwrap();
    for first in [0, 4, 6] {
        assert!(matches!(log.append(1, entries(first, &["b"]), None), Err(LogError::Hole { group: 1, expected: 5, .. })));
    }
    let torn = vec![(5, entry("b")), (7, entry("c"))];
    assert!(matches!(log.append(1, torn, None), Err(LogError::Hole { index: 7, expected: 6, .. })));
    let long = |bytes: usize| Bytes::from(vec![0; bytes]);
    assert!(matches!(log.append(1, vec![(5, long(ENTRY_BYTES_MAX + 1))], None), Err(LogError::TooLong { .. })));
    assert!(matches!(log.set(1, 0, long(SLOT_BYTES_MAX + 1), None), Err(LogError::TooLong { .. })));
    assert!(matches!(log.purge(1, 9, long(SLOT_BYTES_MAX + 1), None), Err(LogError::TooLong { .. })));
    assert!(matches!(log.purge(1, 2, entry(""), None), Err(LogError::Hole { .. })));
    assert_eq!(all(&log, 1), entries(4, &["a"]));
    log.close();
    assert!(matches!(log.set(1, 0, entry(""), None), Err(LogError::Closed)));
    assert_eq!(all(&log, 1), entries(4, &["a"]));
}

#[test]
fn callers_are_told_in_order_and_after_the_sync() {
    let (_dir, log) = create();
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = |n: u64| -> Done {
        let (told, log) = (told.clone(), log.clone());
        Some(Box::new(move || told.lock().unwrap().push((n, log.synced(), log.stats().syncs))))
    };
    for n in 0..200 {
        match n % 5 {
            0 => log.append(1, entries(n / 5, &["entry"]), tell(n)).unwrap(),
            1 => log.append(1, Vec::new(), tell(n)).unwrap(),
            2 => log.truncate(1, u64::MAX, tell(n)).unwrap(),
            3 => log.set(2, n, entry("value"), tell(n)).unwrap(),
            _ => log.purge(3, n, entry("note"), tell(n)).unwrap(),
        }
    }
    log.close();
    let told = told.lock().unwrap();
    assert_eq!(told.iter().map(|(n, ..)| *n).collect::<Vec<_>>(), (0..200).collect::<Vec<_>>());
    // The first frame of the log has number 1; each job that changed something came with a later one.
    assert!(told.iter().all(|(_, synced, syncs)| *synced > 1 && *syncs > 0));
    assert!(told.is_sorted_by_key(|(_, synced, _)| *synced));
}

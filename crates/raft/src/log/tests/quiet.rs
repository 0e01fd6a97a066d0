//! The log stays short: whatever nobody needs goes, and a few entries hold back no more than a few segments.

use super::*;

const TEXT: &str = "three hundred bytes, about: ";

/// A busy group that keeps its last ten entries.
fn busy(log: &Log, group: u32, rounds: std::ops::Range<u64>) {
    for index in rounds {
        log.append(group, entries(index, &[&TEXT.repeat(10)]), None).unwrap();
        if let Some(upto) = index.checked_sub(10) {
            synced(|done| log.purge(group, upto, entry("note"), done));
        }
    }
}

#[test]
fn a_quiet_group_beside_busy_ones_does_not_keep_their_segments() {
    let (dir, log) = create();
    synced(|done| log.append(1, entries(0, &["quiet", "entries"]), done));
    log.set(1, 1, entry("vote"), None).unwrap();
    let mut most = 0;
    for round in 0..40 {
        busy(&log, 2, round * 10..round * 10 + 10);
        busy(&log, 3, round * 10..round * 10 + 10);
        most = most.max(log.stats().segments);
    }
    let last = *segments(dir.path()).last().unwrap();
    assert!(last > 50, "{last} segments were written");
    assert!(most <= 8, "{most} segments were held");
    assert_eq!(segments(dir.path()).len() as u64, log.stats().segments);
    assert_eq!(all(&log, 1), entries(0, &["quiet", "entries"]));
    let (copy, expected) = (killed(dir.path()), content(&log));
    assert_eq!(content_of(copy.path()).unwrap(), expected);
}

#[test]
fn a_large_quiet_group_costs_no_more_than_twice_its_size() {
    let (dir, log) = create();
    let text = "x".repeat(900);
    synced(|done| log.append(1, (0..100).map(|index| (index, entry(&text))).collect(), done));
    let (frames, large) = (log.stats().frames, log.stats().disk_bytes);
    let mut most = 0;
    for round in 0..40 {
        busy(&log, 2, round * 10..round * 10 + 10);
        most = most.max(log.stats().disk_bytes);
    }
    assert!(most < large * 2 + 8 * 4096, "{most} bytes were held, {large} of them for the quiet group");
    // Four hundred rounds of the busy group, and the quiet entries every now and then.
    let copied = log.stats().entries - 100 - 400;
    assert!(copied <= 250, "{copied} entries were written again, in {} frames", log.stats().frames - frames);
    assert_eq!(all(&log, 1).len(), 100);
    let (copy, expected) = (killed(dir.path()), content(&log));
    assert_eq!(content_of(copy.path()).unwrap(), expected);
}

#[test]
fn what_is_purged_truncated_or_forgotten_leaves_one_segment() {
    let (dir, log) = create();
    let many = || (0..100).map(|index| (index, entry(&"x".repeat(300)))).collect::<Vec<_>>();
    for group in 1..=3 {
        synced(|done| log.append(group, many(), done));
    }
    assert!(segments(dir.path()).len() > 20);
    log.purge(1, 1000, entry("far behind the last"), None).unwrap();
    log.truncate(2, 0, None).unwrap();
    log.forget(3, None);
    // Segments are removed behind the sync, and before the next one.
    settled(&log);
    settled(&log);
    assert_eq!(log.stats().segments, 1);
    synced(|done| log.append(1, entries(1001, &["next"]), done));
    assert!(matches!(log.append(1, entries(1001, &["again"]), None), Err(LogError::Hole { .. })));
    log.close();
    assert_eq!(segments(dir.path()).len(), 1);
    let log = open(dir.path()).unwrap();
    assert_eq!(log.groups(), [1, 2]);
    assert_eq!(all(&log, 1), entries(1001, &["next"]));
    assert_eq!(log.extent(1).purged, Some((1000, entry("far behind the last"))));
}

#[test]
fn many_slots_only_make_the_segments_larger() {
    let (dir, log) = create();
    for slot in 0..50 {
        log.set(1, slot, entry(&"v".repeat(1000)), None).unwrap();
    }
    (0..50).for_each(|index| synced(|done| log.append(2, entries(index, &[&"x".repeat(1000)]), done)));
    (0..50).for_each(|slot| log.set(1, slot, entry("new"), None).unwrap());
    settled(&log);
    let (copy, expected) = (killed(dir.path()), content(&log));
    assert_eq!(content_of(copy.path()).unwrap(), expected);
    assert_eq!(expected[&1].2.len(), 50);
}

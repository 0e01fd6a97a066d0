//! A damaged log that a person has decided to go on with.

use super::*;
use crate::log::{Report, accept_loss};

/// Several segments and groups, and one group that is purged in the last.
fn example() -> (TempDir, Content) {
    let (dir, log) = create();
    for index in 0..12 {
        for group in 1..=3 {
            synced(|done| log.append(group, entries(index, &[&format!("{index} ").repeat(60)]), done));
        }
        log.set(1, 1, entry(&format!("vote {index}")), None).unwrap();
    }
    synced(|done| log.purge(3, 10, entry("note"), done));
    let expected = content(&log);
    (killed(dir.path()), expected)
}

fn accept(dir: &Path) -> (TempDir, Report) {
    let copy = temporary();
    let report = accept_loss(settings(dir), &copy.path().join("copy")).unwrap();
    (copy, report)
}

#[test]
fn nothing_is_given_up_where_nothing_is_damaged() {
    let (dir, expected) = example();
    let before = files(dir.path());
    let (copy, report) = accept(dir.path());
    assert_eq!(report, Report::default());
    assert_eq!(files(dir.path()), before);
    assert!(files(copy.path()).is_empty());
    assert_eq!(content_of(dir.path()).unwrap(), expected);
}

#[test]
fn wherever_the_damage_is_each_group_keeps_the_front() {
    let (dir, expected) = example();
    for file in files(dir.path()) {
        let whole = fs::read(&file).unwrap();
        for at in (0..whole.len()).step_by(29) {
            let damaged = killed(dir.path());
            let mut flipped = whole.clone();
            flipped[at] ^= 1;
            fs::write(damaged.path().join(file.file_name().unwrap()), &flipped).unwrap();
            let (copy, report) = accept(damaged.path());
            if report.lost.is_empty() {
                continue;
            }
            assert_eq!(fs::read(copy.path().join("copy").join(file.file_name().unwrap())).unwrap(), flipped);
            let what = format!("byte {at} of {}: {report}", file.display());
            check_front(&content_of(damaged.path()).unwrap(), &expected, &report, &what);
            goes_on(damaged.path());
        }
    }
}

#[test]
fn without_any_one_of_the_files_each_group_keeps_the_front() {
    let (dir, expected) = example();
    for file in files(dir.path()) {
        let damaged = killed(dir.path());
        fs::remove_file(damaged.path().join(file.file_name().unwrap())).unwrap();
        let (_copy, report) = accept(damaged.path());
        let what = format!("without {}: {report}", file.display());
        assert!(!report.lost.is_empty(), "{what}");
        check_front(&content_of(damaged.path()).unwrap(), &expected, &report, &what);
        goes_on(damaged.path());
    }
}

/// Each group has what it had, up to somewhere, and the report names what is missing.
fn check_front(kept: &Content, expected: &Content, report: &Report, what: &str) {
    for (group, (extent, entries, _)) in kept {
        let (_, all, _) = &expected[group];
        let known: Vec<_> = all.iter().filter(|(index, _)| *index >= extent.first).take(entries.len()).cloned().collect();
        let earlier = entries.iter().filter(|(index, _)| all.first().is_some_and(|(first, _)| index < first)).count();
        assert_eq!(entries[earlier..], known[..entries.len() - earlier], "{what}");
        let next = extent.last.map_or(extent.first, |last| last + 1);
        let lost = next <= all.last().unwrap().0;
        let named = report.lost.iter().any(|line| line.starts_with(&format!("Group {group}: the entries from {next} to")));
        // What stood in an unreadable frame at the very end is not known to anybody.
        assert!(!named || lost, "{what}");
    }
}

fn goes_on(dir: &Path) {
    let log = open(dir).unwrap();
    let next = log.extent(1).last.map_or(log.extent(1).first, |last| last + 1);
    synced(|done| log.append(1, entries(next, &["on"]), done));
    let expected = content(&log);
    log.close();
    assert_eq!(content_of(dir).unwrap(), expected);
}

#[test]
fn what_is_lost_is_told_and_what_was_purged_later_is_not_missed() {
    let (dir, expected) = example();
    let file = files(dir.path()).remove(0);
    let mut bytes = fs::read(&file).unwrap();
    let at = bytes.windows(4).rposition(|window| window == b"3 3 ").unwrap();
    bytes[at] ^= 1;
    fs::write(&file, &bytes).unwrap();
    let (_copy, report) = accept(dir.path());
    let kept = content_of(dir.path()).unwrap();
    assert!(report.lost[0].contains("0000000000000001.segment is damaged at byte"), "{report}");
    assert!(report.lost.iter().any(|line| line.ends_with(" to 11.")), "{report}");
    // Slots have their newest readable value, and group 3 goes on behind its purge.
    assert_eq!(kept[&1].2, expected[&1].2);
    assert_eq!(kept[&3].0.purged, expected[&3].0.purged);
    assert_eq!(kept[&3].0.first, 11);
    assert_eq!(kept[&1].1[..], expected[&1].1[..kept[&1].1.len()]);
    assert!(kept[&1].1.len() >= 3);
}

#[test]
fn a_log_of_which_everything_is_lost_begins_again() {
    let (dir, _) = example();
    for file in files(dir.path()) {
        fs::remove_file(file).unwrap();
    }
    let (_copy, report) = accept(dir.path());
    assert_eq!(report.lost.len(), 1);
    goes_on(dir.path());
}

#[test]
fn a_log_of_another_directory_is_left_alone() {
    let (dir, expected) = example();
    let copy = temporary();
    let other = LogSettings { storage: [1; 16], ..settings(dir.path()) };
    assert!(matches!(accept_loss(other, copy.path()), Err(LogError::Damaged { .. })));
    assert_eq!(content_of(dir.path()).unwrap(), expected);
}

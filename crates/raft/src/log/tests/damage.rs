//! Whatever happens to the files: all that was acknowledged is there, or the log is refused. Only what stands unsealed at the very end may go.

use super::*;
use crate::log::frame::{self, Binding, HEAD_BYTES, Kind};
use crate::log::segment::HEADER_BYTES;

/// Some segments, some groups, every kind of change. All of it is acknowledged.
fn example() -> (TempDir, Content) {
    let (dir, log) = create();
    for round in 0..10 {
        let text = "some text ".repeat(20);
        for group in 1..=3 {
            synced(|done| log.append(group, entries(round * 2, &[&text, "short"]), done));
        }
        synced(|done| log.set(1, 7, entry(&format!("vote {round}")), done));
        synced(|done| log.truncate(2, round * 2 + 1, done));
        synced(|done| log.append(2, entries(round * 2 + 1, &["another"]), done));
        synced(|done| log.purge(3, round, entry("note"), done));
    }
    synced(|done| log.set(9, 1, entry("to be forgotten"), done));
    log.forget(9, None);
    settled(&log);
    assert_eq!(segments(dir.path()).len(), 3, "{:?}", log.stats());
    let expected = content(&log);
    let copy = killed(dir.path());
    (copy, expected)
}

fn is_refused(result: &Result<Content, LogError>, file: &Path) -> bool {
    matches!(result, Err(LogError::Damaged { file: named, .. }) if named.parent() == file.parent())
}

/// Where the last frame begins that is not a seal, and where it ends.
fn last_frame(file: &Path) -> (usize, usize) {
    let (bytes, binding) = (fs::read(file).unwrap(), Binding::new(&STORAGE, number(file)));
    let mut at = HEADER_BYTES;
    let mut last = (at, at);
    while let Some(frame) = frame::read(&bytes, at, &binding).filter(|frame| frame.kind != Kind::Seal) {
        last = (at, frame.end);
        at = frame.end;
    }
    last
}

fn number(file: &Path) -> u64 {
    file.file_stem().unwrap().to_str().unwrap().parse().unwrap()
}

fn write(file: &Path, bytes: &[u8]) {
    fs::write(file, bytes).unwrap();
}

#[test]
fn every_byte_flipped_in_turn() {
    let (dir, expected) = example();
    assert_eq!(content_of(dir.path()).unwrap(), expected);
    let last = files(dir.path()).pop().unwrap();
    let sealed = last_frame(&last).1;
    for file in files(dir.path()) {
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[at] ^= 1 << (at % 8);
            write(&file, &flipped);
            let result = content_of(dir.path());
            // The seal has nothing to lose, nor have the zeros behind it.
            if file == last && at >= sealed {
                assert_eq!(result.unwrap(), expected, "byte {at} of {}", file.display());
            } else {
                assert!(is_refused(&result, &file), "byte {at} of {}: {result:?}", file.display());
            }
            write(&file, &whole);
        }
    }
}

#[test]
fn every_byte_of_an_unsealed_last_frame_flipped_in_turn() {
    let (dir, expected) = example();
    let file = files(dir.path()).pop().unwrap();
    let mut whole = fs::read(&file).unwrap();
    let (begin, end) = last_frame(&file);
    whole[end..end + HEAD_BYTES].fill(0);
    let mut without = whole.clone();
    without[begin..end].fill(0);
    write(&file, &without);
    let less = content_of(dir.path()).unwrap();
    assert_ne!(less, expected);
    for at in begin..end {
        let mut flipped = whole.clone();
        flipped[at] ^= 0x80;
        write(&file, &flipped);
        assert_eq!(content_of(dir.path()).unwrap(), less, "byte {at}");
    }
    write(&file, &whole);
    assert_eq!(content_of(dir.path()).unwrap(), expected);
}

#[test]
fn every_file_cut_at_every_length_and_made_longer() {
    let (dir, _) = example();
    for file in files(dir.path()) {
        let whole = fs::read(&file).unwrap();
        let opened = fs::File::options().write(true).open(&file).unwrap();
        for length in (0..whole.len()).rev().chain([whole.len() + 1]) {
            opened.set_len(length as u64).unwrap();
            let result = content_of(dir.path());
            assert!(is_refused(&result, &file), "{} cut to {length}: {result:?}", file.display());
        }
        write(&file, &whole);
    }
}

#[test]
fn every_frame_replaced_by_zeros() {
    let (dir, expected) = example();
    for file in files(dir.path()) {
        let whole = fs::read(&file).unwrap();
        let binding = Binding::new(&STORAGE, number(&file));
        let mut at = HEADER_BYTES;
        while let Some(frame) = frame::read(&whole, at, &binding) {
            let mut zeroed = whole.clone();
            zeroed[at..frame.end].fill(0);
            write(&file, &zeroed);
            let result = content_of(dir.path());
            let is_harmless = frame.kind == Kind::Seal && *result.as_ref().unwrap() == expected;
            assert!(is_harmless || is_refused(&result, &file), "frame {} at {at}: {result:?}", frame.number);
            if frame.kind == Kind::Seal {
                break;
            }
            at = frame.end;
        }
        write(&file, &whole);
    }
}

#[test]
fn every_file_removed_in_turn() {
    let (dir, log) = create();
    let text = "x".repeat(500);
    (0..40).for_each(|index| synced(|done| log.append(1, entries(index, &[&text]), done)));
    let copy = killed(dir.path());
    assert!(segments(copy.path()).len() > 5);
    for file in files(copy.path()) {
        let whole = fs::read(&file).unwrap();
        fs::remove_file(&file).unwrap();
        match content_of(copy.path()) {
            Err(LogError::Damaged { file: named, .. }) => assert_eq!(named, file),
            other => panic!("without {}: {other:?}", file.display()),
        }
        write(&file, &whole);
    }
    assert_eq!(content_of(copy.path()).unwrap(), content(&log));
    files(copy.path()).iter().for_each(|file| fs::remove_file(file).unwrap());
    assert!(matches!(open(copy.path()), Err(LogError::Damaged { .. })));
}

#[test]
fn files_that_changed_places_are_refused() {
    let (dir, _) = example();
    let files = files(dir.path());
    let (first, second) = (fs::read(&files[0]).unwrap(), fs::read(&files[1]).unwrap());
    write(&files[0], &second);
    write(&files[1], &first);
    assert!(is_refused(&content_of(dir.path()), &files[0]));
}

#[test]
fn a_log_of_another_directory_is_refused() {
    let (dir, _) = example();
    let other = LogSettings { storage: [1; 16], ..settings(dir.path()) };
    match Log::open(other) {
        Err(LogError::Damaged { reason, .. }) => assert!(reason.contains("another data directory"), "{reason}"),
        other => panic!("{:?}", other.map(drop)),
    }
    assert!(Log::create(settings(dir.path())).is_err());
}

#[test]
fn a_segment_of_an_older_copy_is_refused() {
    let (dir, log) = create();
    let text = "x".repeat(500);
    synced(|done| log.append(1, entries(0, &[&text, &text]), done));
    let old = killed(dir.path());
    (2..20).for_each(|index| synced(|done| log.append(1, entries(index, &[&text]), done)));
    let copy = killed(dir.path());
    let (older, newer) = (files(old.path()).pop().unwrap(), files(copy.path()).remove(0));
    assert_eq!(older.file_name(), newer.file_name());
    fs::copy(&older, &newer).unwrap();
    assert!(is_refused(&content_of(copy.path()), &newer));
}

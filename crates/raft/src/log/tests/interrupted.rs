//! A writer that was interrupted at any point: what was not acknowledged may go, the rest is there, and the log goes on.

use std::os::unix::fs::FileExt as _;

use super::*;
use crate::log::frame::{self, HEAD_BYTES, Kind};
use crate::log::index::Index;
use crate::log::op::Op;
use crate::log::output::{Output, Plan};
use crate::log::recovery::Recovered;
use crate::log::replay::Replay;

/// A log of one segment, and the bytes of a next frame that nobody was told of.
struct Example {
    dir: TempDir,
    file: PathBuf,
    expected: Content,
    /// Where the next frame goes.
    end: usize,
    /// The file with that frame, and what the log then has.
    whole: Vec<u8>,
    with: Content,
}

impl Example {
    fn new() -> Self {
        let (dir, log) = create();
        synced(|done| log.append(1, entries(0, &["a", "b"]), done));
        synced(|done| log.set(1, 1, entry("vote"), done));
        let (copy, expected) = (killed(dir.path()), content(&log));
        let settings = settings(copy.path());
        let mut replay = Replay::new(&settings);
        let end = replay.all().unwrap().end as usize;
        synced(|done| log.append(1, entries(2, &[&"long ".repeat(100)]), done));
        let whole = fs::read(files(dir.path()).remove(0)).unwrap();
        Self { file: files(copy.path()).remove(0), dir: copy, expected, end, whole, with: content(&log) }
    }

    fn frame_end(&self) -> usize {
        self.whole.len() - self.whole.iter().rev().position(|byte| *byte != 0).unwrap().next_multiple_of(8) - HEAD_BYTES
    }

    /// Opens the log, with less than the frame; writes another, shorter frame; opens it again.
    fn goes_on(&self, what: &str) {
        assert_eq!(content_of(self.dir.path()).unwrap(), self.expected, "{what}");
        // Nothing is left of it, but there is a seal.
        let repaired = fs::read(&self.file).unwrap();
        assert!((self.end + 1..=self.end + HEAD_BYTES).contains(&frame::content_end(&repaired)), "{what}");
        let log = open(self.dir.path()).unwrap();
        synced(|done| log.append(1, entries(2, &["short"]), done));
        let (copy, expected) = (killed(self.dir.path()), content(&log));
        drop(log);
        assert_eq!(content_of(copy.path()).unwrap(), expected, "{what}");
    }
}

#[test]
fn a_last_frame_of_which_only_the_front_was_written() {
    let example = Example::new();
    for length in 0..example.frame_end() - example.end {
        let mut torn = example.whole.clone();
        torn[example.end + length..].fill(0);
        if length % 64 == 0 {
            fs::write(&example.file, &torn).unwrap();
            example.goes_on(&format!("the first {length} bytes"));
        }
        fs::write(&example.file, &torn).unwrap();
        // The last bytes may be zeros in any case.
        let found = content_of(example.dir.path()).unwrap();
        assert!(
            found == example.expected
                || found == example.with && torn[..example.frame_end()] == example.whole[..example.frame_end()]
        );
    }
}

#[test]
fn a_last_frame_of_which_only_the_end_was_written() {
    let example = Example::new();
    let before = fs::read(&example.file).unwrap();
    for length in (8..example.frame_end() - example.end).step_by(8) {
        let mut torn = example.whole.clone();
        // What was there before is a seal, and zeros.
        torn[example.end..example.end + length].copy_from_slice(&before[example.end..example.end + length]);
        torn[example.frame_end()..].fill(0);
        fs::write(&example.file, &torn).unwrap();
        assert_eq!(content_of(example.dir.path()).unwrap(), example.expected, "without the first {length} bytes");
        if length % 64 == 0 {
            fs::write(&example.file, &torn).unwrap();
            example.goes_on(&format!("without the first {length} bytes"));
        }
    }
}

#[test]
fn a_segment_that_was_made_and_not_used_yet() {
    let example = Example::new();
    let settings = settings(example.dir.path());
    let Recovered { index, output } = recovery::open(&settings).unwrap();
    let plan = Plan { number: 2, first_frame: output.synced() + 2, start: index.start(), room: 0 };
    for _ in 0..2 {
        plan.make(&settings).unwrap();
        assert_eq!(content_of(example.dir.path()).unwrap(), example.expected);
        assert_eq!(segments(example.dir.path()), [1]);
    }
    plan.make(&settings).unwrap();
    example.goes_on("an unused segment");

    // One that does not follow was used: what came before it is missing.
    let plan = Plan { first_frame: output.synced() + 9, ..plan };
    plan.make(&settings).unwrap();
    assert!(matches!(content_of(example.dir.path()), Err(LogError::Damaged { .. })));
}

#[test]
fn a_temporary_file_is_removed() {
    let example = Example::new();
    fs::write(example.dir.path().join("next.temporary"), "rubbish").unwrap();
    assert_eq!(content_of(example.dir.path()).unwrap(), example.expected);
    assert_eq!(files(example.dir.path()).len(), 1);
}

#[test]
fn frame_numbers_grow_over_restarts() {
    let (dir, log) = create();
    let mut last = log.synced();
    log.close();
    for round in 0..10 {
        let log = open(dir.path()).unwrap();
        assert!(log.synced() >= last);
        for index in 0..3 {
            synced(|done| log.append(1, entries(round * 3 + index, &["entry"]), done));
            assert!(log.synced() > last);
            last = log.synced();
        }
        if round % 2 == 0 {
            log.close();
        }
    }
}

#[test]
fn entries_that_do_not_follow_are_refused() {
    let dir = temporary();
    let settings = settings(dir.path());
    let mut output = Output::first(&settings).unwrap();
    let add = |output: &mut Output, ops: &[Op]| {
        let mut buffer = vec![0; HEAD_BYTES];
        ops.iter().for_each(|op| op.write(&mut buffer));
        output.put(Kind::Changes, &mut buffer).unwrap() as usize
    };
    let append = |first| Op::Append { group: 1, first, entries: vec![entry("entry")] };
    add(&mut output, &[append(0), Op::Purge { group: 1, upto: 8, note: entry("note") }, append(9)]);
    assert_eq!(content_of(dir.path()).unwrap()[&1].1, entries(9, &["entry"]));
    let at = add(&mut output, &[append(11)]);
    match content_of(dir.path()) {
        Err(LogError::Damaged { offset, .. }) => assert_eq!(offset as usize, at),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_frame_whose_number_does_not_follow_is_refused() {
    let example = Example::new();
    let settings = settings(example.dir.path());
    let Recovered { output, .. } = recovery::open(&settings).unwrap();
    let mut skipping = Output::new(&settings, output.segment().clone(), example.end as u64, output.synced() + 2);
    let mut buffer = vec![0; HEAD_BYTES];
    Op::Forget { group: 1 }.write(&mut buffer);
    skipping.put(Kind::Changes, &mut buffer).unwrap();
    match content_of(example.dir.path()) {
        Err(LogError::Damaged { offset, .. }) => assert_eq!(offset as usize, example.end),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_segment_that_begins_with_something_else_than_what_was_before_it_is_refused() {
    let example = Example::new();
    let Recovered { index, mut output } = recovery::open(&settings(example.dir.path())).unwrap();
    let mut start = index.start();
    assert!(start.pop().is_some());
    output.roll(start, 0).unwrap();
    match content_of(example.dir.path()) {
        Err(LogError::Damaged { file, .. }) => assert_eq!(file, output.segment().path),
        other => panic!("{other:?}"),
    }
}

#[test]
fn an_entry_that_is_in_no_segment_is_noticed() {
    let mut index = Index::default();
    let span = crate::log::span::Span { purged: None, first: 3, next: 5 };
    index.apply(&Op::Span { group: 1, span }, 1, 64).unwrap();
    assert_eq!(index.first_gone(), Some((1, 3)));
    index.apply(&Op::Purge { group: 1, upto: 3, note: Bytes::new() }, 1, 64).unwrap();
    assert_eq!(index.first_gone(), Some((1, 4)));
    index.apply(&Op::Copy { group: 1, first: 4, entries: vec![entry("copy")] }, 1, 64).unwrap();
    assert_eq!(index.first_gone(), None);
}

#[test]
fn a_flipped_byte_is_noticed_when_it_is_read() {
    let dir = temporary();
    let log = Log::create(LogSettings { tail_bytes_max: 0, ..settings(dir.path()) }).unwrap();
    synced(|done| log.append(1, entries(0, &["one", "the entry", "three"]), done));
    let file = files(dir.path()).remove(0);
    let bytes = fs::read(&file).unwrap();
    let at = bytes.windows(9).position(|window| window == b"the entry").unwrap();
    let opened = fs::File::options().write(true).open(&file).unwrap();
    opened.write_all_at(b"X", at as u64).unwrap();
    assert_eq!(log.read(1, 0..1, 99).unwrap(), entries(0, &["one"]));
    assert_eq!(log.read(1, 2..3, 99).unwrap(), entries(2, &["three"]));
    match log.read(1, 0..3, 99) {
        Err(LogError::Damaged { file: named, offset, .. }) => assert_eq!((named, offset), (file, at as u64 - 8)),
        other => panic!("{other:?}"),
    }
}

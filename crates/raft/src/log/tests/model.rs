//! Any sequence of changes, opened again now and then, beside a map that does the same.

use proptest::prelude::*;
use proptest::sample::select;

use super::*;

/// What may happen. Indexes are relative to what the group has, so that most of it is accepted.
#[derive(Debug, Clone)]
enum Step {
    Append {
        group: u32,
        ahead: u64,
        lengths: Vec<usize>,
    },
    Truncate {
        group: u32,
        back: u64,
    },
    Purge {
        group: u32,
        ahead: i64,
    },
    Set {
        group: u32,
        slot: u64,
        value: u8,
    },
    Forget {
        group: u32,
    },
    Settle,
    /// Ended and opened again.
    Close,
    /// Killed, and opened again.
    Kill,
}

/// A group in plain words.
#[derive(Debug, Clone, Default, PartialEq)]
struct Plain {
    purged: Option<(u64, Bytes)>,
    entries: BTreeMap<u64, Bytes>,
    slots: BTreeMap<u64, Bytes>,
}

impl Plain {
    fn next(&self) -> Option<u64> {
        let last = self.entries.keys().next_back().copied();
        last.or(self.purged.as_ref().map(|(index, _)| *index)).map(|last| last + 1)
    }

    fn content(&self) -> Group {
        let last = self.entries.keys().next_back().copied();
        let first = self.entries.keys().next().copied().or(self.next()).unwrap_or(0);
        let extent = Extent { purged: self.purged.clone(), first, last };
        (extent, self.entries.clone().into_iter().collect(), self.slots.clone().into_iter().collect())
    }
}

fn step() -> impl Strategy<Value = Step> {
    let group = || 1..4_u32;
    let lengths = prop::collection::vec(select(vec![0, 1, 10, 100, 700]), 0..6);
    prop_oneof![
        10 => (group(), 0..20_u64, lengths).prop_map(|(group, ahead, lengths)| Step::Append { group, ahead: ahead.saturating_sub(18), lengths }),
        3 => (group(), 0..6_u64).prop_map(|(group, back)| Step::Truncate { group, back }),
        4 => (group(), -15..3_i64).prop_map(|(group, ahead)| Step::Purge { group, ahead }),
        3 => (group(), 0..3_u64, any::<u8>()).prop_map(|(group, slot, value)| Step::Set { group, slot, value }),
        1 => group().prop_map(|group| Step::Forget { group }),
        4 => Just(Step::Settle),
        1 => Just(Step::Close),
        1 => Just(Step::Kill),
    ]
}

/// The log, what it must have, and how many entries were made: no two are alike.
struct Run {
    dir: TempDir,
    log: Log,
    plain: BTreeMap<u32, Plain>,
    made: u64,
    tail_bytes_max: usize,
}

impl Run {
    fn new(tail_bytes_max: usize) -> Self {
        let dir = temporary();
        let log = Log::create(LogSettings { tail_bytes_max, ..settings(dir.path()) }).unwrap();
        Self { dir, log, plain: BTreeMap::new(), made: 0, tail_bytes_max }
    }

    fn step(&mut self, step: &Step) {
        match step {
            Step::Append { group, ahead, lengths } => self.append(*group, *ahead, lengths),
            Step::Truncate { group, back } => {
                let next = self.plain.get(group).and_then(Plain::next).unwrap_or(0);
                let from = next.saturating_sub(*back);
                self.log.truncate(*group, from, None).unwrap();
                if let Some(plain) = self.plain.get_mut(group) {
                    plain.entries.split_off(&from);
                }
            }
            Step::Purge { group, ahead } => self.purge(*group, *ahead),
            Step::Set { group, slot, value } => {
                let value = Bytes::from(vec![*value; 30]);
                self.log.set(*group, *slot, value.clone(), None).unwrap();
                self.plain.entry(*group).or_default().slots.insert(*slot, value);
            }
            Step::Forget { group } => {
                self.log.forget(*group, None);
                self.plain.remove(group);
            }
            Step::Settle => settled(&self.log),
            Step::Close => {
                self.log.close();
                self.open();
            }
            Step::Kill => {
                settled(&self.log);
                // Segments may go while they are copied; what counts is that nothing is written any more.
                self.log.close();
                self.dir = killed(self.dir.path());
                self.open();
            }
        }
    }

    fn append(&mut self, group: u32, ahead: u64, lengths: &[usize]) {
        let next = self.plain.get(&group).and_then(Plain::next);
        let first = next.unwrap_or(5) + ahead;
        let made = self.made;
        let entries: Vec<(u64, Bytes)> = (first..)
            .zip(lengths.iter().zip(made..))
            .map(|(index, (length, made))| (index, Bytes::from(made.to_string().into_bytes().repeat(length.div_ceil(4)))))
            .collect();
        self.made += lengths.len() as u64;
        let is_hole = next.is_some() && ahead > 0 && !entries.is_empty();
        let result = self.log.append(group, entries.clone(), None);
        assert_eq!(result.is_err(), is_hole, "{result:?}");
        if !is_hole && !entries.is_empty() {
            self.plain.entry(group).or_default().entries.extend(entries);
        }
    }

    fn purge(&mut self, group: u32, ahead: i64) {
        let Some(plain) = self.plain.get_mut(&group) else { return };
        let upto = plain.next().unwrap_or(9).saturating_add_signed(ahead);
        let note = Bytes::from(upto.to_string());
        let first = plain.entries.keys().next().copied();
        if plain.purged.is_none() && first.is_some_and(|first| upto + 1 < first) {
            assert!(self.log.purge(group, upto, note, None).is_err());
            return;
        }
        self.log.purge(group, upto, note.clone(), None).unwrap();
        if plain.purged.as_ref().is_none_or(|(purged, _)| *purged < upto) {
            plain.purged = Some((upto, note));
            plain.entries = plain.entries.split_off(&(upto + 1));
        }
    }

    fn open(&mut self) {
        self.log = Log::open(LogSettings { tail_bytes_max: self.tail_bytes_max, ..settings(self.dir.path()) }).unwrap();
    }

    fn check(&self) {
        let expected: Content = self.plain.iter().map(|(group, plain)| (*group, plain.content())).collect();
        assert_eq!(content(&self.log), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn the_log_does_what_a_map_does(steps in prop::collection::vec(step(), 1..120), tail_bytes_max in select(vec![0, 2000, 1 << 20])) {
        let mut run = Run::new(tail_bytes_max);
        for step in &steps {
            run.step(step);
            run.check();
        }
        run.step(&Step::Kill);
        run.check();
    }
}

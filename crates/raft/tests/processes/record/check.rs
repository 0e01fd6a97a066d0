//! Compares what clients saw with what is there. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::time::Instant;

use super::{Append, Key, Lists, Outcome, Read, Record};

/// Something that must not happen.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// Acknowledged, and not there.
    Lost(Key, String),
    /// There more than once.
    Twice(Key, String),
    /// Refused, and there all the same.
    RefusedButThere(Key, String),
    /// Nobody appended it.
    FromNowhere(Key, String),
    /// The first is behind the second, although it was acknowledged before the second was asked for.
    OutOfOrder(Key, String, String),
    /// The first is behind the second, although its index is lower.
    IndexOutOfOrder(Key, String, String),
    /// A read saw something else than a beginning of the list.
    ReadOfAnotherPast(Key, String),
    /// A read did not see what was acknowledged before it began.
    StaleRead(Key, String),
    /// A read saw what was asked for only after its answer.
    ReadOfTheFuture(Key, String),
}

impl fmt::Display for Violation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{self:?}")
    }
}

/// All violations, in no order that matters.
pub fn check(record: &Record, lists: &Lists) -> Vec<Violation> {
    let mut appends: BTreeMap<&Key, BTreeMap<&str, &Append>> = BTreeMap::new();
    for append in &record.appends {
        appends.entry(&append.key).or_default().insert(&append.item, append);
    }
    let mut violations = Vec::new();
    let (none, empty) = (BTreeMap::new(), Vec::new());
    let keys: BTreeSet<&Key> = appends.keys().copied().chain(lists.keys()).collect();
    for key in keys {
        let appends = appends.get(key).unwrap_or(&none);
        let list = lists.get(key).unwrap_or(&empty);
        check_presence(key, appends, list, &mut violations);
        check_order(key, appends, list, &mut violations);
        check_indexes(key, appends, list, &mut violations);
    }
    for read in &record.reads {
        check_read(read, appends.get(&read.key).unwrap_or(&none), lists.get(&read.key).unwrap_or(&empty), &mut violations);
    }
    violations
}

fn check_presence(key: &Key, appends: &BTreeMap<&str, &Append>, list: &[String], violations: &mut Vec<Violation>) {
    let mut there = BTreeSet::new();
    for item in list {
        if !there.insert(item.as_str()) {
            violations.push(Violation::Twice(key.clone(), item.clone()));
        }
        match appends.get(item.as_str()).map(|append| append.outcome) {
            None => violations.push(Violation::FromNowhere(key.clone(), item.clone())),
            Some(Outcome::Refused) => violations.push(Violation::RefusedButThere(key.clone(), item.clone())),
            Some(Outcome::Committed(_) | Outcome::Unknown) => (),
        }
    }
    for (item, append) in appends {
        if matches!(append.outcome, Outcome::Committed(_)) && !there.contains(item) {
            violations.push(Violation::Lost(key.clone(), (*item).to_owned()));
        }
    }
}

/// What was acknowledged before something else was asked for stands before it.
fn check_order(key: &Key, appends: &BTreeMap<&str, &Append>, list: &[String], violations: &mut Vec<Violation>) {
    let mut latest: Option<&Append> = None;
    for append in list.iter().filter_map(|item| appends.get(item.as_str())) {
        if let Some(before) = latest.filter(|before| acknowledged_by(append, before.asked)) {
            violations.push(Violation::OutOfOrder(key.clone(), append.item.clone(), before.item.clone()));
        }
        if latest.is_none_or(|before| append.asked > before.asked) {
            latest = Some(append);
        }
    }
}

fn check_indexes(key: &Key, appends: &BTreeMap<&str, &Append>, list: &[String], violations: &mut Vec<Violation>) {
    let mut last: Option<(u64, &str)> = None;
    for append in list.iter().filter_map(|item| appends.get(item.as_str())) {
        let Outcome::Committed(index) = append.outcome else { continue };
        if let Some((_, before)) = last.filter(|(before, _)| *before >= index) {
            violations.push(Violation::IndexOutOfOrder(key.clone(), append.item.clone(), before.to_owned()));
        }
        last = Some((index, &append.item));
    }
}

fn check_read(read: &Read, appends: &BTreeMap<&str, &Append>, list: &[String], violations: &mut Vec<Violation>) {
    if let Some(at) = (0..read.items.len()).find(|at| list.get(*at) != Some(&read.items[*at])) {
        violations.push(Violation::ReadOfAnotherPast(read.key.clone(), read.items[at].clone()));
        return;
    }
    // What is not in the list at all is lost, and has been said.
    for item in &list[read.items.len()..] {
        if appends.get(item.as_str()).is_some_and(|append| acknowledged_by(append, read.asked)) {
            violations.push(Violation::StaleRead(read.key.clone(), item.clone()));
        }
    }
    for item in &read.items {
        if appends.get(item.as_str()).is_some_and(|append| append.asked > read.answered) {
            violations.push(Violation::ReadOfTheFuture(read.key.clone(), item.clone()));
        }
    }
}

fn acknowledged_by(append: &Append, instant: Instant) -> bool {
    matches!(append.outcome, Outcome::Committed(_)) && append.answered < instant
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::items;
    use super::*;

    /// Appends as `item asked-answered outcome`, in milliseconds: a number is an index, `x` refused, `?` unknown. Reads as `read asked-answered items`.
    /// Violations come back by their names and items.
    fn violations(record: &str, list: &str) -> String {
        let start = Instant::now();
        let key = (1, "k".to_owned());
        let at = |ms: &str| start + Duration::from_millis(ms.parse().expect("milliseconds"));
        let mut seen = Record::default();
        for line in record.split("; ").filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split(' ').collect();
            let span = |text: &str| text.split_once('-').map(|(a, b)| (at(a), at(b))).expect("a span");
            match words.as_slice() {
                ["read", times, rest @ ..] => {
                    let (asked, answered) = span(times);
                    seen.reads.push(Read { key: key.clone(), asked, answered, items: items(rest.first().unwrap_or(&"")) });
                }
                [item, times, outcome] => {
                    let (asked, answered) = span(times);
                    let outcome = match *outcome {
                        "x" => Outcome::Refused,
                        "?" => Outcome::Unknown,
                        index => Outcome::Committed(index.parse().expect("an index")),
                    };
                    seen.appends.push(Append { key: key.clone(), item: (*item).to_owned(), asked, answered, outcome });
                }
                _ => panic!("{line}"),
            }
        }
        let lists = Lists::from([(key, items(list))]);
        let text = check(&seen, &lists).iter().map(|violation| format!("{violation} ")).collect::<String>();
        text.replace("(1, \"k\"), ", "").replace('"', "").trim_end().to_owned()
    }

    #[test]
    fn what_may_happen_passes() {
        for (record, list) in [
            ("", ""),
            ("a 0-1 5; b 2-3 6", "a,b"),
            ("a 0-1 5; b 2-3 x; c 4-5 7", "a,c"),
            ("a 0-9 ?; b 2-3 6", "a,b"),
            ("a 0-1 ?; b 2-3 6", "b,a"),
            ("a 0-1 ?; b 2-3 6", "b"),
            ("a 0-9 6; b 1-8 5", "b,a"),
            ("a 0-1 5; b 2-6 6; read 3-4 a", "a,b"),
            ("a 0-1 5; b 2-6 6; read 3-4 a,b", "a,b"),
            ("read 0-1; a 2-3 5", "a"),
        ] {
            assert_eq!(violations(record, list), "", "{record} => {list}");
        }
    }

    #[test]
    fn what_may_not_is_found() {
        for (record, list, found) in [
            ("a 0-1 5; b 2-3 6", "b", "Lost(a)"),
            ("a 0-1 5", "a,a", "Twice(a) IndexOutOfOrder(a, a)"),
            ("a 0-1 ?", "a,a", "Twice(a)"),
            ("a 0-1 x", "a", "RefusedButThere(a)"),
            ("", "z", "FromNowhere(z)"),
            ("a 0-1 5; b 2-3 6", "b,a", "OutOfOrder(a, b) IndexOutOfOrder(a, b)"),
            ("a 0-1 5; b 2-3 ?", "b,a", "OutOfOrder(a, b)"),
            ("a 0-9 5; b 0-9 6", "b,a", "IndexOutOfOrder(a, b)"),
            ("a 0-9 5; b 0-9 5", "a,b", "IndexOutOfOrder(b, a)"),
            ("a 0-1 5; b 2-3 6; read 4-5 b", "a,b", "ReadOfAnotherPast(b)"),
            ("a 0-1 5; read 4-5 a,b", "a", "ReadOfAnotherPast(b)"),
            ("a 0-1 5; b 2-3 6; read 4-5 a", "a,b", "StaleRead(b)"),
            ("a 4-5 5; read 0-1 a", "a", "ReadOfTheFuture(a)"),
        ] {
            assert_eq!(violations(record, list), found, "{record} => {list}");
        }
    }
}

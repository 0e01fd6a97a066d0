//! What a checker says.

use std::fmt;

use serde::Serialize;

use crate::history::Line;
use crate::journal::Entry;

/// Breaches that are written out, at most: the first ones say it.
const SHOWN_MAX: usize = 10;

/// Whether a promise was kept.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// It was.
    Pass {
        /// How many times it was put to the test.
        checked: usize,
    },
    /// It was not.
    Fail(Vec<Breach>),
    /// The run does not say. That is not a pass.
    Inconclusive(String),
    /// What would have put it to the test never happened. That is not a pass either; whether it is a fault of the run depends on what the
    /// run was for.
    Untested(String),
}

/// One time that a promise was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// What happened, and what was promised.
    pub what: String,
    /// The lines of the history that prove it.
    pub proof: Vec<Line>,
    /// The committed entries that prove it.
    pub entries: Vec<Entry>,
    /// What else proves it, as JSON: samples of what nodes take, and what replicas have.
    pub records: Vec<String>,
}

/// What a checker has found so far.
#[derive(Default)]
pub(crate) struct Findings {
    /// The promise broken.
    pub breaches: Vec<Breach>,
    /// How many times it was put to the test.
    pub checked: usize,
}

#[cfg(test)]
impl Verdict {
    /// What is broken, where it must be found so.
    #[track_caller]
    pub(crate) fn breaches(self) -> Vec<String> {
        match self {
            Verdict::Fail(breaches) => breaches.into_iter().map(|breach| breach.what).collect(),
            other => panic!("nothing is found broken: {other}"),
        }
    }
}

impl Verdict {
    /// Fails if there are breaches; says `never` if nothing was checked.
    pub(crate) fn of(breaches: Vec<Breach>, checked: usize, never: &str) -> Verdict {
        match (breaches.is_empty(), checked) {
            (false, _) => Verdict::Fail(breaches),
            (true, 0) => Verdict::Untested(never.to_owned()),
            (true, checked) => Verdict::Pass { checked },
        }
    }

    /// Whether the promise was put to the test and kept.
    pub fn passed(&self) -> bool {
        matches!(self, Verdict::Pass { .. })
    }

    /// In a word, as tables have it.
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Pass { .. } => "pass",
            Verdict::Fail(_) => "FAIL",
            Verdict::Inconclusive(_) => "inconclusive",
            Verdict::Untested(_) => "untested",
        }
    }
}

impl Breach {
    pub(crate) fn new(what: String, proof: &[&Line]) -> Breach {
        Breach { what, proof: proof.iter().map(|line| (*line).clone()).collect(), entries: Vec::new(), records: Vec::new() }
    }

    /// With committed entries as proof as well.
    pub(crate) fn with(mut self, entries: &[&Entry]) -> Breach {
        self.entries.extend(entries.iter().map(|entry| (*entry).clone()));
        self
    }

    /// With records of another file of the run as proof as well.
    pub(crate) fn recorded<T: Serialize>(mut self, records: &[&T]) -> Breach {
        self.records.extend(records.iter().map(|record| serde_json::to_string(record).unwrap_or_default()));
        self
    }
}

impl Findings {
    /// Takes what was found elsewhere as well.
    pub fn extend(&mut self, other: Findings) {
        self.breaches.extend(other.breaches);
        self.checked += other.checked;
    }

    /// As a verdict; says `never` if nothing was checked.
    pub fn verdict(self, never: &str) -> Verdict {
        Verdict::of(self.breaches, self.checked, never)
    }
}

impl FromIterator<Findings> for Findings {
    fn from_iter<I: IntoIterator<Item = Findings>>(all: I) -> Findings {
        let mut findings = Findings::default();
        all.into_iter().for_each(|each| findings.extend(each));
        findings
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Pass { checked } => write!(f, "pass ({checked} checked)"),
            Verdict::Inconclusive(why) => write!(f, "inconclusive: {why}"),
            Verdict::Untested(why) => write!(f, "untested: {why}"),
            Verdict::Fail(breaches) => {
                write!(f, "FAIL, {} times", breaches.len())?;
                breaches.iter().take(SHOWN_MAX).try_for_each(|breach| write!(f, "\n{breach}"))
            }
        }
    }
}

impl fmt::Display for Breach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "  {}", self.what)?;
        self.proof.iter().try_for_each(|line| write!(f, "\n    {line}"))?;
        self.entries.iter().try_for_each(|entry| write!(f, "\n    committed {entry}"))?;
        self.records.iter().try_for_each(|record| write!(f, "\n    recorded {record}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Deed;
    use crate::sketch::history;

    #[test]
    fn a_verdict_says_what_proves_it() {
        let history = history("A joined");
        let entry = Entry {
            shard: 1,
            index: 2,
            epoch: 1,
            void: false,
            time: 3,
            room: Some("r@s".to_owned()),
            by: None,
            origin: None,
            left: Vec::new(),
            via: None,
            deed: Deed::Destroy,
        };
        let breach = Breach::new("A was never there".to_owned(), &[&history.lines[0]]).with(&[&entry]);
        let fail = Verdict::of(vec![breach], 7, "");
        assert!(!fail.passed());
        let text = "FAIL, 1 times\n  A was never there\n    \
                    {\"at\":0,\"session\":\"A\",\"node\":1,\"room\":\"r@s\",\"event\":\"joined\"}\n    \
                    committed {\"shard\":1,\"index\":2,\"epoch\":1,\"void\":false,\"time\":3,\"room\":\"r@s\",\"deed\":\"destroy\"}";
        assert_eq!(fail.to_string(), text);
        assert_eq!(Verdict::of(Vec::new(), 0, "nobody spoke").to_string(), "untested: nobody spoke");
        assert_eq!(Verdict::of(Vec::new(), 3, "").to_string(), "pass (3 checked)");
    }
}

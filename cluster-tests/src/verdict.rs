//! What a checker says.

use std::fmt;

use crate::history::Line;

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
    /// The run does not say: what it should have tested never happened. That is not a pass.
    Inconclusive(String),
}

/// One time that a promise was broken.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Breach {
    /// What happened, and what was promised.
    pub what: String,
    /// The lines of the history that prove it.
    pub proof: Vec<Line>,
}

impl Verdict {
    /// Fails if there are breaches; says `never` if nothing was checked.
    pub(crate) fn of(breaches: Vec<Breach>, checked: usize, never: &str) -> Verdict {
        match (breaches.is_empty(), checked) {
            (false, _) => Verdict::Fail(breaches),
            (true, 0) => Verdict::Inconclusive(never.to_owned()),
            (true, checked) => Verdict::Pass { checked },
        }
    }

    /// Whether the promise was put to the test and kept.
    pub fn passed(&self) -> bool {
        matches!(self, Verdict::Pass { .. })
    }
}

impl Breach {
    pub(crate) fn new(what: String, proof: &[&Line]) -> Breach {
        Breach { what, proof: proof.iter().map(|line| (*line).clone()).collect() }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Verdict::Pass { checked } => write!(f, "pass ({checked} checked)"),
            Verdict::Inconclusive(why) => write!(f, "inconclusive: {why}"),
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
        self.proof.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::history;

    #[test]
    fn a_verdict_says_what_proves_it() {
        let history = history("A joined");
        let fail = Verdict::of(vec![Breach::new("A was never there".to_owned(), &[&history.lines[0]])], 7, "");
        assert!(!fail.passed());
        let text = "FAIL, 1 times\n  A was never there\n    \
                    {\"at\":0,\"session\":\"A\",\"node\":1,\"room\":\"r@s\",\"event\":\"joined\"}";
        assert_eq!(fail.to_string(), text);
        assert_eq!(Verdict::of(Vec::new(), 0, "nobody spoke").to_string(), "inconclusive: nobody spoke");
        assert_eq!(Verdict::of(Vec::new(), 3, "").to_string(), "pass (3 checked)");
    }
}

//! Seeds that have found something: `regressions.txt`.

use super::{Failure, Trial};
use crate::columns::{lines, word};

const TEXT: &str = include_str!("../../regressions.txt");

/// A seed that has found something.
#[derive(Clone, Copy, Debug)]
pub struct Regression {
    /// With which trial.
    pub trial: &'static Trial,
    /// The seed.
    pub seed: u64,
    /// Whether it is mended.
    pub mended: bool,
    /// What was found.
    pub what: &'static str,
}

/// All of them.
///
/// # Errors
///
/// A sentence that names the line that is none.
pub fn all() -> Result<Vec<Regression>, String> {
    lines(TEXT).map(|(number, line)| parse(line).map_err(|why| format!("regressions.txt, line {number}: {why}"))).collect()
}

impl Regression {
    /// Plays it.
    ///
    /// # Errors
    ///
    /// What is wrong: it fails though it is mended, or does not though it is open.
    pub fn check(&self) -> Result<(), String> {
        match (self.trial.run_seed(self.seed), self.mended) {
            (Ok(()), true) | (Err(_), false) => Ok(()),
            (Err(failure), true) => Err(format!("it has come back, {}:\n{failure}", self.what)),
            (Ok(()), false) => Err(format!(
                "{} does not fail with {} any more: say in regressions.txt that it is mended",
                self.trial.name, self.seed
            )),
        }
    }
}

impl Trial {
    /// Plays it with each of these seeds but those that are known to fail. A run of thousands of seeds is this.
    pub fn run_seeds(&self, seeds: impl Iterator<Item = u64>) -> Result<usize, Failure> {
        let known = all().unwrap_or_default();
        let open = |seed: &u64| known.iter().any(|known| known.trial.name == self.name && known.seed == *seed && !known.mended);
        let mut played = 0;
        for seed in seeds.filter(|seed| !open(seed)) {
            self.run_seed(seed)?;
            played += 1;
        }
        Ok(played)
    }
}

fn parse(line: &'static str) -> Result<Regression, String> {
    let (trial, rest) = word(line);
    let (seed, rest) = word(rest);
    let (state, what) = word(rest);
    let mended = match state {
        "mended" => true,
        "open" => false,
        other => return Err(format!("`{other}` is neither `mended` nor `open`")),
    };
    let trial = Trial::named(trial).ok_or_else(|| format!("there is no trial `{trial}`"))?;
    let seed = seed.parse().map_err(|error| format!("the seed `{seed}`: {error}"))?;
    Ok(Regression { trial, seed, mended, what })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_line_is_one() {
        let all = all().expect("a list");
        assert!(all.iter().all(|regression| !regression.what.is_empty()));
        assert!(!all.is_empty());
    }

    #[test]
    fn a_line_that_is_none_is_named() {
        assert_eq!(parse("nothing 1 open x").expect_err("none"), "there is no trial `nothing`");
        assert!(parse("people_chat one open x").expect_err("none").starts_with("the seed `one`: "));
        assert_eq!(parse("people_chat 1 lost x").expect_err("none"), "`lost` is neither `mended` nor `open`");
    }
}

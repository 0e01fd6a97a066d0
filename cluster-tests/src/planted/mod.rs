//! The bugs that can be planted in a build for tests, and what finds each: the proof that the harness would.
//!
//! The switches are in the crates themselves (`planted.rs` of each), under the feature `planted`, which no ordinary build has.

mod table;

use crate::traffic::Profile;

pub use table::PLANTED;

/// A bug, and what finds it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Planted {
    /// By which a node is told to have it: `CONCLAVE_PLANTED`.
    pub name: &'static str,
    /// What is broken.
    pub what: &'static str,
    /// Ways to find it, each of which is enough. Those of the simulation that judge themselves prove the machines' own tests; those that are judged
    /// prove the checkers by which runs of real processes are judged as well.
    pub proofs: &'static [Proof],
}

/// What finds a bug. Without it the same seed finds nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Proof {
    /// A trial of the simulation that judges itself, with this seed.
    Simulated {
        /// The trial.
        trial: &'static str,
        /// The seed.
        seed: u64,
        /// The promise that is found broken.
        promise: &'static str,
    },
    /// A play of people in the simulation, with this seed, which the judge judges.
    Judged {
        /// What the people do.
        profile: Profile,
        /// The seed.
        seed: u64,
        /// The promise on which the verdict is that it was broken.
        promise: &'static str,
    },
    /// A run of real processes, with this seed.
    Run {
        /// The profile of what clients do.
        traffic: &'static str,
        /// The classes of faults.
        faults: &'static [&'static str],
        /// The seed.
        seed: u64,
        /// The promises that are found broken.
        promises: &'static [&'static str],
    },
}

impl Planted {
    /// The bug of a name.
    pub fn named(name: &str) -> Option<&'static Planted> {
        PLANTED.iter().find(|planted| planted.name == name)
    }
}

/// The table of the README: a line for each proof, with the test that it is, by the name of the bug.
pub fn markdown() -> String {
    let mut text = "| bug | what is broken | found by | seed | promise | command |\n|---|---|---|---|---|---|\n".to_owned();
    for Planted { name, what, proofs } in PLANTED {
        for proof in *proofs {
            let (by, seed, promise) = match proof {
                Proof::Simulated { trial, seed, promise } => (format!("simulation: `{trial}`"), seed, (*promise).to_owned()),
                Proof::Judged { profile, seed, promise } => {
                    (format!("judge: people of {}", profile.name()), seed, (*promise).to_owned())
                }
                Proof::Run { traffic, faults, seed, promises } => {
                    (format!("processes: {traffic}, {}", faults.join(", ")), seed, promises.join(", "))
                }
            };
            text += &format!("| `{name}` | {what} | {by} | {seed} | {promise} | `… planted {}` |\n", name.replace('-', "_"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_readme_has_the_table() {
        assert!(include_str!("../../README.md").contains(&markdown()), "the table of the README is to be\n{}", markdown());
    }

    #[test]
    fn the_table_is_sorted_and_names_trials_that_there_are() {
        assert!(PLANTED.is_sorted_by_key(|planted| planted.name));
        for proof in PLANTED.iter().flat_map(|planted| planted.proofs) {
            match proof {
                Proof::Simulated { trial, .. } => {
                    assert!(crate::simulation::Trial::named(trial).is_some(), "{trial}");
                    assert!(!trial.starts_with("people_"), "the judge is asked for {trial}");
                }
                Proof::Judged { profile, promise, .. } => {
                    assert!(crate::judge::PROMISES.iter().any(|judged| judged.number == *promise), "{promise} of {profile:?}");
                }
                Proof::Run { traffic, faults, .. } => {
                    crate::traffic::Profile::parse(traffic).expect("a profile has this name");
                    faults.iter().for_each(|class| assert!(crate::faults::Class::named(class).is_some(), "{class}"));
                }
            }
        }
    }
}

//! Bugs on purpose, for the proof that tests find such bugs: which there are, and the way to have one of them. Only with the feature `planted`.

use std::fmt;

use conclave_cluster::planted as cluster;
use conclave_muc::planted as muc;
use conclave_raft::planted as raft;

/// The name of the bug that a node is to have.
pub const VARIABLE: &str = "CONCLAVE_PLANTED";

/// There is no bug of this name.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoSuchBug(String);

/// The names of all bugs, sorted.
pub fn names() -> Vec<&'static str> {
    let (cluster, muc, raft) = (cluster::BUGS.iter(), muc::BUGS.iter(), raft::BUGS.iter());
    let names = cluster.map(|(name, _)| *name).chain(muc.map(|(name, _)| *name)).chain(raft.map(|(name, _)| *name));
    let mut names: Vec<&str> = names.collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Plants a bug in the whole process, in the place of the one before.
pub fn plant(name: &str) -> Result<(), NoSuchBug> {
    // A bug may be in two crates.
    let known = [cluster::plant(name), muc::plant(name), raft::plant(name)];
    if known.contains(&true) { Ok(()) } else { Err(NoSuchBug(name.to_owned())) }
}

/// From now on there is none.
pub fn weed() {
    cluster::plant("");
    muc::plant("");
    raft::plant("");
}

/// Plants the bug that the environment names, if it does.
pub fn plant_by_environment() -> Result<(), NoSuchBug> {
    match std::env::var(VARIABLE) {
        Ok(name) => plant(&name),
        Err(std::env::VarError::NotPresent) => Ok(()),
        Err(std::env::VarError::NotUnicode(name)) => Err(NoSuchBug(name.to_string_lossy().into_owned())),
    }
}

impl fmt::Display for NoSuchBug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{VARIABLE}: there is no bug of the name `{}`; there are: {}", self.0, names().join(", "))
    }
}

impl std::error::Error for NoSuchBug {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_none_is_answered_with_all_names() {
        let error = plant("nonsense").unwrap_err().to_string();
        assert!(
            error.starts_with("CONCLAVE_PLANTED: there is no bug of the name `nonsense`; there are: acknowledge-before-"),
            "{error}"
        );
        assert!(error.contains("sync-skipped") && error.contains("whisper-astray"), "{error}");
    }

    #[test]
    fn every_bug_can_be_planted() {
        for name in names() {
            assert_eq!(plant(name), Ok(()));
        }
        weed();
    }
}

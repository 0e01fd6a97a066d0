//! The directory of a run: all that is needed to judge it, now or years later.

use std::fs;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::history::History;
use crate::journal::{Entry, Replica};

/// What was to happen.
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
pub struct Plan {
    /// All that chance decided comes from it.
    pub seed: u64,
    /// What clients did: the name of a profile.
    pub traffic: String,
    /// Which classes of faults there were.
    pub faults: Vec<String>,
    /// The promises that this traffic is there to put to the test, `I1`: one that was not is no pass.
    pub promises: Vec<String>,
    /// Nodes at the beginning.
    pub nodes: u32,
    /// How long faults came and went, in milliseconds.
    pub safety_ms: u64,
    /// How long all had to work afterwards, in milliseconds.
    pub liveness_ms: u64,
    /// Grace of detached occupants, in milliseconds.
    pub grace_ms: u64,
    /// What was broken on purpose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub planted: Option<String>,
    /// The version of the program, as it says itself.
    pub program: String,
}

/// What a node's process takes at one moment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Microseconds since the run began.
    pub at: u64,
    /// Which node.
    pub node: u32,
    /// Memory, resident.
    pub rss_bytes: u64,
    /// Of all files in its directory.
    pub disk_bytes: u64,
    /// Open files and sockets.
    pub files: u64,
}

/// Something that must not be, whatever the promises say: a process that ended by itself, a cluster that did not become whole again, something that did
/// not work when all was whole.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Finding {
    /// A sentence.
    pub what: String,
}

/// A run as it is read from its directory.
#[derive(Clone, PartialEq, Debug)]
pub struct Run {
    /// `plan.json`.
    pub plan: Plan,
    /// `history.jsonl`: what clients did and saw, and the faults.
    pub history: History,
    /// `journal.jsonl`: the committed entries of all shards, by shard and index, as the replica has them that has most.
    pub journal: Vec<Entry>,
    /// `replicas.jsonl`: how every replica ended.
    pub replicas: Vec<Replica>,
    /// `samples.jsonl`: what the processes took, every second.
    pub samples: Vec<Sample>,
    /// `findings.jsonl`: what the runner itself saw that must not be.
    pub findings: Vec<Finding>,
}

/// A directory that is none of a run.
#[derive(Debug)]
pub struct NoRun {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub why: String,
}

impl Run {
    /// Reads a directory. A run that broke off before its end has no journal and no replicas.
    pub fn read(dir: &Path) -> Result<Run, NoRun> {
        let plan = dir.join("plan.json");
        let plan = serde_json::from_str(&text(&plan)?).map_err(|error| no_run(&plan, &error))?;
        let history = dir.join("history.jsonl");
        let history = History::parse(&text(&history)?).map_err(|error| no_run(&history, &error))?;
        let (journal, replicas) = (lines(&dir.join("journal.jsonl"))?, lines(&dir.join("replicas.jsonl"))?);
        let (samples, findings) = (lines(&dir.join("samples.jsonl"))?, lines(&dir.join("findings.jsonl"))?);
        Ok(Run { plan, history, journal, replicas, samples, findings })
    }
}

/// Writes JSON lines.
pub fn write_lines<T: Serialize>(path: &Path, items: &[T]) -> Result<(), NoRun> {
    let mut text = String::new();
    for item in items {
        text += &serde_json::to_string(item).map_err(|error| no_run(path, &error))?;
        text.push('\n');
    }
    fs::write(path, text).map_err(|error| no_run(path, &error))
}

fn lines<T: DeserializeOwned>(path: &Path) -> Result<Vec<T>, NoRun> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let line =
        |(number, line)| serde_json::from_str(line).map_err(|error| no_run(path, &format!("line {}: {error}", number + 1)));
    text(path)?.lines().enumerate().map(line).collect()
}

fn text(path: &Path) -> Result<String, NoRun> {
    fs::read_to_string(path).map_err(|error| no_run(path, &error))
}

fn no_run(path: &Path, why: &dyn std::fmt::Display) -> NoRun {
    NoRun { path: path.to_owned(), why: why.to_string() }
}

impl std::fmt::Display for NoRun {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.why)
    }
}

impl std::error::Error for NoRun {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::Deed;

    #[test]
    fn a_run_is_read_as_it_was_written() {
        let dir = tempfile::tempdir().expect("a directory");
        let plan = r#"{"seed":7,"traffic":"chat","faults":["kill"],"promises":[],"nodes":3,"safety_ms":1,"liveness_ms":2,"grace_ms":3,"program":"conclave 0.1.0"}"#;
        fs::write(dir.path().join("plan.json"), plan).expect("a plan");
        fs::write(dir.path().join("history.jsonl"), crate::sketch::history("A joined\nA invoke s1").to_string()).expect("lines");
        let entry = Entry {
            shard: 3,
            index: 9,
            epoch: 2,
            void: false,
            time: 5,
            room: Some("r@s".to_owned()),
            by: None,
            origin: Some((4, 1)),
            left: vec![("r@s".to_owned(), "a@b/c".to_owned())],
            via: Some((2, 1)),
            deed: Deed::Leave { jid: "a@b/c".to_owned(), expired: true, since: Some(7) },
        };
        write_lines(&dir.path().join("journal.jsonl"), std::slice::from_ref(&entry)).expect("written");
        let run = Run::read(dir.path()).expect("a run");
        assert_eq!((run.plan.seed, run.plan.planted), (7, None));
        assert_eq!((run.replicas.len(), run.samples.len()), (0, 0));
        assert_eq!((run.history.lines.len(), run.journal), (2, vec![entry]));
    }

    #[test]
    fn what_is_no_line_is_named() {
        let dir = tempfile::tempdir().expect("a directory");
        let path = dir.path().join("replicas.jsonl");
        fs::write(&path, "{}\n").expect("a line");
        let why = lines::<Replica>(&path).expect_err("it is empty").to_string();
        assert!(why.starts_with(&format!("{}: line 1: missing field", path.display())), "{why}");
    }
}

//! The program under test, and what its commands say of a running node.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use conclave_xmpp::sasl::ITERATIONS_MIN;
use serde::Deserialize;

/// Entries that a replica may be behind while clients talk; it has them within a moment.
const BEHIND_MAX: u64 = 100;

/// The program and its settings.
pub(crate) struct Program {
    path: PathBuf,
    /// Variables of the environment.
    settings: Vec<(String, String)>,
}

/// What `conclave room show --json` says, as far as it matters here.
#[derive(Deserialize)]
struct Shown {
    home: Option<u32>,
}

/// What `conclave cluster status --json` says, as far as it matters here.
#[derive(Deserialize)]
struct Health {
    health: String,
    reasons: Vec<String>,
    groups: Vec<Group>,
}

/// A shard, or meta.
#[derive(Deserialize)]
struct Group {
    behind: Vec<Replica>,
}

/// A replica that has not all that its leader has.
#[derive(Deserialize)]
struct Replica {
    entries: u64,
}

impl Program {
    pub fn new(path: &str, settings: &[(&str, &str)]) -> Program {
        let settings = settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Program { path: path.into(), settings }
    }

    /// With nothing of our own environment that it would take for settings.
    fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        let ours = std::env::vars_os().map(|(name, _)| name);
        for name in ours.filter(|name| name.to_string_lossy().starts_with("CONCLAVE_")) {
            command.env_remove(name);
        }
        command.stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// For what goes on running: with its settings, and a file for what it says.
    pub fn serving(&self, said: &Path) -> Command {
        let mut command = self.command();
        let said = std::fs::File::create(said).unwrap_or_else(|error| panic!("{}: {error}", said.display()));
        // Deriving keys is most of the work of a start, and no test is about that.
        command.env("CONCLAVE_PASSWORD_ITERATIONS", ITERATIONS_MIN.to_string());
        command.envs(self.settings.iter().map(|(name, value)| (name, value))).stderr(said);
        command
    }

    /// What the node with this directory takes for the home of a room.
    pub fn home(&self, dir: &Path, room: &str) -> Option<u32> {
        serde_json::from_slice::<Shown>(&self.ask(dir, &["room", "show", room, "--json"])).ok()?.home
    }

    /// What the node with this directory finds lacking in the cluster.
    pub fn complaint(&self, dir: &Path) -> Option<String> {
        let said = self.ask(dir, &["cluster", "status", "--json"]);
        let health = match serde_json::from_slice::<Health>(&said) {
            Ok(health) => health,
            Err(error) => return Some(format!("{error}: {}", String::from_utf8_lossy(&said))),
        };
        let late = health.groups.iter().flat_map(|group| &group.behind).any(|replica| replica.entries > BEHIND_MAX);
        match health.health.as_str() {
            "healthy" if late => Some("a replica is behind".to_owned()),
            "healthy" => None,
            other => Some(format!("{other}: {}", health.reasons.join("; "))),
        }
    }

    fn ask(&self, dir: &Path, words: &[&str]) -> Vec<u8> {
        let asked = self.command().args(words).arg("--dir").arg(dir).stdout(Stdio::piped()).output();
        let asked = asked.unwrap_or_else(|error| panic!("{}: {error}", self.path.display()));
        if asked.status.success() { asked.stdout } else { asked.stderr }
    }
}

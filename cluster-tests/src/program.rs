//! The program under test, and what its commands say of a running node.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use conclave_server::admin::cluster::{ClusterStatus, Health};
use conclave_server::admin::rooms::RoomShown;
use conclave_xmpp::sasl::ITERATIONS_MIN;
use serde::de::DeserializeOwned;

/// Entries that a replica may be behind while clients talk; it has them within a moment.
const BEHIND_MAX: u64 = 100;

/// Of all accounts.
pub(crate) const PASSWORD: &str = "password";

/// The program and its settings.
pub(crate) struct Program {
    path: PathBuf,
    /// Variables of the environment.
    settings: Vec<(String, String)>,
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
        // What it said in an earlier life stays.
        let said = std::fs::File::options().create(true).append(true).open(said);
        let said = said.unwrap_or_else(|error| panic!("there is no file for what a node says: {error}"));
        // Deriving keys is most of the work of a start, and no test is about that.
        command.env("CONCLAVE_PASSWORD_ITERATIONS", ITERATIONS_MIN.to_string());
        command.envs(self.settings.iter().map(|(name, value)| (name, value))).stderr(said);
        command
    }

    /// `conclave room show`, at the node with this directory.
    pub fn room(&self, dir: &Path, room: &str) -> Result<RoomShown, String> {
        self.json(dir, &["room", "show", room, "--json"])
    }

    /// `conclave cluster status`, at the node with this directory.
    pub fn status(&self, dir: &Path) -> Result<ClusterStatus, String> {
        self.json(dir, &["cluster", "status", "--json"])
    }

    /// What the node with this directory finds lacking in the cluster.
    pub fn complaint(&self, dir: &Path) -> Option<String> {
        let status = match self.status(dir) {
            Ok(status) => status,
            Err(error) => return Some(error),
        };
        let moving = status.groups.iter().any(|group| group.preferred.is_some_and(|node| group.leader != Some(node)));
        let late = status.groups.iter().flat_map(|group| &group.behind).any(|replica| replica.entries > BEHIND_MAX);
        match status.health {
            Health::Healthy if late => Some("a replica is behind".to_owned()),
            Health::Healthy if moving => Some("a shard has not come to the node that should lead it".to_owned()),
            Health::Healthy => None,
            other => Some(format!("{other:?}: {}", status.reasons.join("; "))),
        }
    }

    /// What a command says about the node with this directory; else its complaint.
    pub fn told(&self, dir: &Path, words: &[&str]) -> Result<String, String> {
        let mut command = self.command();
        command.args(words).arg("--dir").arg(dir).env("CONCLAVE_PASSWORD", PASSWORD).stdout(Stdio::piped());
        let asked = command.output().map_err(|error| format!("{}: {error}", self.path.display()))?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        if asked.status.success() { Ok(text(&asked.stdout)) } else { Err(format!("{words:?}: {}", text(&asked.stderr))) }
    }

    fn json<T: DeserializeOwned>(&self, dir: &Path, words: &[&str]) -> Result<T, String> {
        let said = self.told(dir, words)?;
        serde_json::from_str(&said).map_err(|error| format!("{error}: {said}"))
    }
}

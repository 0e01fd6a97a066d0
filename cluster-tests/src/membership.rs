//! A cluster that begins with one node and grows and shrinks with the commands that the README names.

use std::path::PathBuf;

use conclave_server::admin::cluster::ClusterStatus;

use crate::addresses::free_address;
use crate::awaiting::{START_LIMIT, awaited_for};
use crate::cluster::Cluster;

impl Cluster {
    /// One node, with these accounts.
    pub fn alone(program: &str, settings: &[(&str, &str)], accounts: &[&str]) -> Cluster {
        let mut cluster = Cluster::without_nodes(program, settings);
        cluster.write_settings(1, &free_address().to_string());
        cluster.restart(1);
        accounts.iter().for_each(|account| drop(cluster.tell(1, &["user", "add", account])));
        cluster
    }

    /// A new node with this number is invited by another, joins, and serves.
    pub fn grow(&mut self, by: u32, node: u32) {
        let peer = free_address().to_string();
        let token = self.dir().join("token");
        let said = self.tell(by, &["cluster", "invite", &peer]);
        std::fs::write(&token, said).unwrap_or_else(|error| panic!("{}: {error}", token.display()));
        self.write_settings(node, &peer);
        let said = self.tell(node, &["cluster", "join", "--token-file", &token.to_string_lossy()]);
        assert!(said.contains(&format!("is node {node} now")), "it was to be node {node}: {said}");
        self.restart(node);
    }

    /// `conclave cluster drain`, as told to a node.
    pub fn drain(&self, by: u32, node: u32) {
        self.tell(by, &["cluster", "drain", &node.to_string()]);
    }

    /// `conclave cluster remove`, as told to a node.
    pub fn remove(&self, by: u32, node: u32) {
        self.tell(by, &["cluster", "remove", &node.to_string()]);
    }

    /// `conclave settings set`, as told to a node.
    pub fn set(&self, by: u32, key: &str, value: &str) {
        self.tell(by, &["settings", "set", key, value]);
    }

    /// What `conclave settings list` says of a setting, as told by a node.
    pub fn setting(&self, by: u32, key: &str) -> String {
        let listed = self.tell(by, &["settings", "list"]);
        let line = listed.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(' '));
        line.unwrap_or_else(|| panic!("node {by} lists no {key}:\n{listed}")).trim().to_owned()
    }

    /// Waits until what a node says of the cluster is as it should be.
    pub fn await_status(&self, by: u32, what: &str, is: impl Fn(&ClusterStatus) -> bool) -> ClusterStatus {
        awaited_for(START_LIMIT, &format!("{what}, as seen by node {by}"), || {
            let status = self.program.status(&self.node_dir(by))?;
            if is(&status) { Ok(status) } else { Err(format!("{status:#?}")) }
        })
    }

    /// A command that must succeed.
    fn tell(&self, node: u32, words: &[&str]) -> String {
        self.program.told(&self.node_dir(node), words).unwrap_or_else(|error| panic!("node {node}: {error}"))
    }

    fn write_settings(&self, node: u32, peer: &str) {
        let dir = self.node_dir(node);
        let path = settings_file(&dir);
        let text = format!(
            "domain = \"localhost\"\ndir = {dir:?}\nc2s = [\"127.0.0.1:0\"]\nplain_without_tls = \"loopback\"\npeer_listen = \"{peer}\"\n"
        );
        let written = std::fs::create_dir_all(&dir).and_then(|()| std::fs::write(&path, text));
        written.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

/// In the directory of a node.
pub(crate) fn settings_file(dir: &std::path::Path) -> PathBuf {
    dir.join("conclave.toml")
}

//! Nodes that come and go for good.

use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use conclave_server::admin::Ask;
use conclave_server::cluster::{Token, raft_dir};

use super::lives::within;
use super::place::Place;
use super::{Arena, asking};
use crate::addresses::free_address;

/// What is asked of the cluster may have to wait for a leader of meta.
const DECIDED_MAX: Duration = Duration::from_secs(60);

impl Arena {
    /// `conclave cluster drain`, as told to any other node that takes it.
    pub fn drain(&self, node: u32) -> Result<(), String> {
        self.decided(node, &Ask::Drain { node })
    }

    /// `conclave cluster remove`, as told to any other node that takes it. The node's process ends when all is handed over.
    pub fn remove(&self, node: u32) -> Result<(), String> {
        // It may not run.
        let _ = self.expect_end(node);
        within(DECIDED_MAX, "a decision of the cluster", || {
            let decided = self.first(Some(node), |dir| asking::decide(dir, &Ask::Remove { node }));
            // The answer may have been lost with the one who was asked.
            if decided.is_err() && self.is_forgotten(node) { Ok(()) } else { decided }
        })?;
        self.is_gone(node)
    }

    /// Whether a node that was told to go has gone: it has ended, and the others do not know it any more.
    pub fn has_left(&self, node: u32) -> bool {
        !self.up().contains(&node) && self.is_forgotten(node)
    }

    /// The same, where the error says what is lacking. One that was killed before is started again, as people would: what it has may be on no other disk
    /// by then.
    pub fn see_off(&self, node: u32) -> Result<(), String> {
        if self.has_left(node) {
            return Ok(());
        }
        Err(self.spawn(node, true).err().unwrap_or_else(|| "it was killed, and is started again".to_owned()))
    }

    fn is_forgotten(&self, node: u32) -> bool {
        self.status().is_some_and(|status| status.nodes.iter().all(|line| line.node != node))
    }

    /// A new node is invited by the first that can, and joins. It does not run yet: see [`Arena::restart`]. Returns its number, which `known` is told before
    /// the node is one of [`Arena::nodes`].
    pub fn invite(&self, known: impl FnOnce(u32)) -> Result<u32, String> {
        let found_at = free_address();
        let token = within(DECIDED_MAX, "an invitation", || self.first(None, |dir| asking::invite(dir, &found_at.to_string())))?;
        let node = Token::parse(&token).map_err(|error| error.to_string())?.node();
        known(node);
        // Others may be invited at the same time.
        let path = self.node_dir(node).with_extension("token");
        fs::write(&path, token).map_err(|error| format!("{}: {error}", path.display()))?;
        self.place(node, Place::new(self.node_dir(node), found_at))?;
        self.program.told(&self.node_dir(node), &["cluster", "join", "--token-file", &path.to_string_lossy()])?;
        Ok(node)
    }

    /// The log and the state of a node are lost, and it still knows who it was; its process must have ended. What was there lies in `node1.lost` from
    /// now on.
    pub fn lose_log(&self, node: u32) -> Result<(), String> {
        let (dir, lost) = (raft_dir(&self.node_dir(node)), self.beside(node, "lost"));
        fs::rename(&dir, &lost).map_err(|error| format!("{}: {error}", dir.display()))?;
        self.lose_journal(node)
    }

    /// Copies what is on the disk of a node, whose process must have ended.
    pub fn back_up(&self, node: u32) -> Result<(), String> {
        let (dir, copy) = (raft_dir(&self.node_dir(node)), self.beside(node, "copy"));
        copied(&dir, &copy).map_err(|error| format!("{}: {error}", dir.display()))
    }

    /// Puts the copy where the original was, which lies in `node1.lost` from now on.
    pub fn restore(&self, node: u32) -> Result<(), String> {
        self.lose_log(node)?;
        let (dir, copy) = (raft_dir(&self.node_dir(node)), self.beside(node, "copy"));
        fs::rename(&copy, &dir).map_err(|error| format!("{}: {error}", copy.display()))
    }

    fn beside(&self, node: u32, ending: &str) -> PathBuf {
        self.node_dir(node).with_extension(ending)
    }

    /// The node is no member any more, and is not started again.
    pub(super) fn is_gone(&self, node: u32) -> Result<(), String> {
        self.with(node, |node| {
            node.gone = true;
            if let Some(process) = &mut node.process {
                process.may_end = true;
            }
            Ok(())
        })
    }

    fn decided(&self, node: u32, what: &Ask) -> Result<(), String> {
        within(DECIDED_MAX, "a decision of the cluster", || self.first(Some(node), |dir| asking::decide(dir, what)))
    }

    /// What the first node answers that does not refuse, but for this one.
    fn first<T>(&self, but: Option<u32>, ask: impl Fn(&Path) -> Result<T, String>) -> Result<T, String> {
        let mut last = "no other node runs".to_owned();
        for node in self.awake().into_iter().filter(|node| Some(*node) != but) {
            match ask(&self.node_dir(node)) {
                Ok(answer) => return Ok(answer),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

fn copied(from: &Path, to: &Path) -> io::Result<()> {
    fs::create_dir(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (path, target) = (entry.path(), to.join(entry.file_name()));
        if path.is_dir() {
            copied(&path, &target)?;
        } else {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
}

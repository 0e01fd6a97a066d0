//! The command line, by hand: the program is for tests and has no readers but them.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use conclave_raft::{Identity, NodeId, Settings, Sizes, Timing};

/// What the process was told.
pub struct Arguments {
    pub settings: Settings,
    pub peer_listen: String,
    pub control_listen: String,
}

impl Arguments {
    /// Reads `--name value` pairs; every name must be known and every value must be readable.
    pub fn parse(arguments: &[String]) -> Result<Self, String> {
        let mut given = BTreeMap::new();
        for pair in arguments.chunks(2) {
            match pair {
                [name, value] if name.starts_with("--") => given.insert(name.trim_start_matches("--").to_owned(), value.clone()),
                _ => return Err(format!("expected --name value, found {pair:?}")),
            };
        }
        let mut take = |name: &str| given.remove(name).ok_or(format!("--{name} is missing"));
        let file = |path: String| std::fs::read(&path).map_err(|error| format!("{path}: {error}"));
        let identity = Identity {
            cluster: take("cluster")?,
            node: NodeId(number("node", &take("node")?)?),
            ca: file(take("ca")?)?,
            certificate: file(take("cert")?)?,
            key: file(take("key")?)?,
        };
        let (dir, peer_listen, control_listen) = (PathBuf::from(take("dir")?), take("peer-listen")?, take("control-listen")?);
        // How many groups there are is up to the commands.
        given.remove("groups");
        let accept_loss = format!("replicated-map accept-loss --dir {}", dir.display());
        let settings = Settings { dir, identity, timing: timing(&mut given)?, sizes: sizes(&mut given)?, accept_loss };
        match given.keys().next() {
            Some(name) => Err(format!("unknown option --{name}")),
            None => Ok(Self { settings, peer_listen, control_listen }),
        }
    }

    pub fn dir(&self) -> &Path {
        &self.settings.dir
    }
}

type Given = BTreeMap<String, String>;

fn timing(given: &mut Given) -> Result<Timing, String> {
    let mut timing = Timing::default();
    if let Some(value) = given.remove("heartbeat-ms") {
        timing.heartbeat = Duration::from_millis(number("heartbeat-ms", &value)?);
    }
    if let Some(value) = given.remove("election-ms") {
        let (min, max) = value.split_once('-').ok_or("--election-ms wants MIN-MAX")?;
        timing.election_min = Duration::from_millis(number("election-ms", min)?);
        timing.election_max = Duration::from_millis(number("election-ms", max)?);
    }
    Ok(timing)
}

fn sizes(given: &mut Given) -> Result<Sizes, String> {
    let mut sizes = Sizes::default();
    let mut set = |name: &str, into: &mut dyn FnMut(u64)| match given.remove(name) {
        Some(value) => number(name, &value).map(into),
        None => Ok(()),
    };
    set("checkpoint-entries", &mut |value| sizes.checkpoint_entries = value)?;
    set("checkpoint-ms", &mut |value| sizes.checkpoint_interval = Duration::from_millis(value))?;
    set("segment-bytes", &mut |value| sizes.segment_bytes = value)?;
    set("keep-entries", &mut |value| sizes.keep_entries = value)?;
    Ok(sizes)
}

fn number(name: &str, value: &str) -> Result<u64, String> {
    value.parse().map_err(|_| format!("--{name}: {value:?} is no number"))
}

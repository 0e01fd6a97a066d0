//! Who a node is, on its disk: `DIR/identity/` with `node.json`, `ca.pem`, `cert.pem` and `key.pem`, and on a node that is to begin a
//! cluster `founding.json`.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use conclave_raft::NodeId;
use serde::{Deserialize, Serialize};

use super::error::IdentityError;

/// The version of the files; another number means another version of this program.
const FORMAT: u32 = 1;

const NODE: &str = "node.json";
const FOUNDING: &str = "founding.json";

/// Who a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct StoredIdentity {
    pub record: NodeRecord,
    /// The authority's certificate, PEM.
    pub ca: String,
    /// The node's, PEM.
    pub certificate: String,
    /// Its private key, PEM.
    pub key: String,
}

/// `node.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct NodeRecord {
    pub format: u32,
    /// The cluster's name, a DNS name.
    pub cluster: String,
    pub node: u32,
    /// Where the others were told to look for this node, `host:port`.
    pub address: Option<String>,
    /// Where the others were when this was written: they say where everybody is now.
    pub peers: BTreeMap<u32, String>,
}

/// `founding.json`: what the first node begins the cluster with. It is deleted once that is committed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Founding {
    pub format: u32,
    /// Shards of the cluster; `None`: as the settings say.
    pub shards: Option<u16>,
    /// Shards are placed when so many nodes are registered; `None`: as the settings say.
    pub wait_for: Option<u32>,
    /// The authority's private key, PEM.
    pub ca_key: String,
    /// Nodes that have their identity already, and where they will be.
    pub invited: BTreeMap<u32, String>,
}

impl StoredIdentity {
    /// As the transport wants it.
    pub fn proof(&self) -> conclave_raft::Identity {
        conclave_raft::Identity {
            cluster: self.record.cluster.clone(),
            node: NodeId(u64::from(self.record.node)),
            ca: self.ca.clone().into(),
            certificate: self.certificate.clone().into(),
            key: self.key.clone().into(),
        }
    }
}

impl NodeRecord {
    pub fn new(cluster: String, node: u32, address: Option<String>, peers: BTreeMap<u32, String>) -> NodeRecord {
        NodeRecord { format: FORMAT, cluster, node, address, peers }
    }
}

impl Founding {
    pub fn new(shards: Option<u16>, wait_for: Option<u32>, ca_key: String, invited: BTreeMap<u32, String>) -> Founding {
        Founding { format: FORMAT, shards, wait_for, ca_key, invited }
    }
}

/// Where it is.
pub(super) fn directory(dir: &Path) -> PathBuf {
    dir.join("identity")
}

/// Reads it; `None` when the directory has none.
pub(super) fn load(dir: &Path) -> Result<Option<StoredIdentity>, IdentityError> {
    let folder = directory(dir);
    let path = folder.join(NODE);
    let Some(text) = read_if_there(&path)? else { return Ok(None) };
    let record: NodeRecord = parse(&path, &text, |record: &NodeRecord| record.format)?;
    let file = |name: &str| read(&folder.join(name));
    Ok(Some(StoredIdentity { record, ca: file("ca.pem")?, certificate: file("cert.pem")?, key: file("key.pem")? }))
}

/// What the cluster is to begin with, where this node is to begin one.
pub(super) fn founding(dir: &Path) -> Result<Option<Founding>, IdentityError> {
    let path = directory(dir).join(FOUNDING);
    let Some(text) = read_if_there(&path)? else { return Ok(None) };
    parse(&path, &text, |founding: &Founding| founding.format).map(Some)
}

/// The cluster has begun.
pub(super) fn founded(dir: &Path) -> Result<(), IdentityError> {
    let path = directory(dir).join(FOUNDING);
    fs::remove_file(&path).map_err(|cause| IdentityError::File("delete", path, cause))
}

/// Gives the directory an identity; it must have none. `node.json` comes last, so that half of one is none.
pub(super) fn store(dir: &Path, identity: &StoredIdentity, founding: Option<&Founding>) -> Result<(), IdentityError> {
    check_free(dir)?;
    let folder = directory(dir);
    conclave_raft::directory::make(&folder).map_err(|cause| IdentityError::File("make", folder.clone(), cause))?;
    write(&folder.join("ca.pem"), &identity.ca)?;
    write(&folder.join("cert.pem"), &identity.certificate)?;
    write(&folder.join("key.pem"), &identity.key)?;
    if let Some(founding) = founding {
        write(&folder.join(FOUNDING), &render(founding))?;
    }
    write(&folder.join(NODE), &render(&identity.record))
}

/// Writes `node.json` anew, when the other nodes have moved.
pub(super) fn rewrite(dir: &Path, record: &NodeRecord) -> Result<(), IdentityError> {
    write(&directory(dir).join(NODE), &render(record))
}

/// Refuses a directory that has an identity, or data without one: it is one node's for ever.
pub(super) fn check_free(dir: &Path) -> Result<(), IdentityError> {
    if directory(dir).join(NODE).exists() {
        return Err(IdentityError::Taken(dir.to_owned()));
    }
    if dir.join("raft").exists() {
        return Err(IdentityError::Orphaned(dir.to_owned()));
    }
    Ok(())
}

fn parse<T: for<'de> Deserialize<'de>>(path: &Path, text: &str, format: impl Fn(&T) -> u32) -> Result<T, IdentityError> {
    let parsed: T = serde_json::from_str(text).map_err(|cause| IdentityError::Content(path.to_owned(), cause.to_string()))?;
    match format(&parsed) {
        FORMAT => Ok(parsed),
        other => Err(IdentityError::Content(path.to_owned(), format!("it has format {other}, and this version knows {FORMAT}"))),
    }
}

fn render(record: &impl Serialize) -> String {
    let text = serde_json::to_string_pretty(record).expect("maps with text keys and numbers can be written");
    text + "\n"
}

fn read(path: &Path) -> Result<String, IdentityError> {
    fs::read_to_string(path).map_err(|cause| IdentityError::File("read", path.to_owned(), cause))
}

fn read_if_there(path: &Path) -> Result<Option<String>, IdentityError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(cause) => Err(IdentityError::File("read", path.to_owned(), cause)),
    }
}

/// The whole file or nothing, also when the power goes.
fn write(path: &Path, text: &str) -> Result<(), IdentityError> {
    let temporary = path.with_extension("new");
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&temporary)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        path.parent().map_or(Ok(()), |folder| File::open(folder)?.sync_all())
    };
    written().map_err(|cause| IdentityError::File("write", path.to_owned(), cause))
}

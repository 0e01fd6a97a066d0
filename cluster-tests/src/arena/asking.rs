//! What nodes say of themselves, each through the socket in its directory. A node that does not answer in time has said nothing.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

use conclave_server::admin::cluster::{ClusterStatus, Health};
use conclave_server::admin::rooms::RoomShown;
use conclave_server::admin::{ANSWER_BYTES_MAX, Answer, Ask, Status, socket};

/// A node that is well answers within milliseconds; one that cannot reach others says so after 2 s.
const ANSWER_MAX: Duration = Duration::from_secs(5);

/// Entries that a replica may be behind while clients talk; it has them within a moment.
const BEHIND_MAX: u64 = 100;

pub(super) fn status(dir: &Path) -> Result<Status, String> {
    match ask(dir, &Ask::Status)? {
        Answer::Status(status) => Ok(status),
        other => Err(strange(&other)),
    }
}

pub(super) fn cluster(dir: &Path) -> Result<ClusterStatus, String> {
    match ask(dir, &Ask::ClusterStatus)? {
        Answer::Cluster(status) => Ok(status),
        other => Err(strange(&other)),
    }
}

pub(super) fn room(dir: &Path, room: &str) -> Result<RoomShown, String> {
    match ask(dir, &Ask::RoomShow { room: room.to_owned() })? {
        Answer::Room(shown) => Ok(shown),
        other => Err(strange(&other)),
    }
}

pub(super) fn invite(dir: &Path, peer: &str) -> Result<String, String> {
    match ask(dir, &Ask::Invite { peer: peer.to_owned() })? {
        Answer::Invited { token } => Ok(token),
        other => Err(strange(&other)),
    }
}

/// Something that is decided, or not.
pub(super) fn decide(dir: &Path, what: &Ask) -> Result<(), String> {
    match ask(dir, what)? {
        Answer::Decided => Ok(()),
        other => Err(strange(&other)),
    }
}

/// What the cluster lacks in the eyes of the node with this directory.
pub(super) fn complaint(dir: &Path) -> Option<String> {
    let status = match cluster(dir) {
        Ok(status) => status,
        Err(error) => return Some(error),
    };
    let moving = status.groups.iter().any(|group| group.preferred.is_some_and(|node| group.leader != Some(node)));
    let late = status.groups.iter().flat_map(|group| &group.behind).any(|replica| replica.entries > BEHIND_MAX);
    let two = status.nodes.len() == 2;
    match status.health {
        _ if late => Some("a replica is behind".to_owned()),
        _ if moving => Some("a shard has not come to the node that should lead it".to_owned()),
        Health::Healthy => None,
        // Two nodes are less safe than three, which is always worth a word.
        Health::Degraded if two && status.reasons.len() == 1 => None,
        other => Some(format!("{other:?}: {}", status.reasons.join("; "))),
    }
}

fn ask(dir: &Path, ask: &Ask) -> Result<Answer, String> {
    let path = socket(dir);
    exchange(&path, ask).map_err(|error| format!("{}: {error}", path.display()))
}

fn exchange(path: &Path, ask: &Ask) -> std::io::Result<Answer> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER_MAX))?;
    stream.set_write_timeout(Some(ANSWER_MAX))?;
    stream.write_all(format!("{}\n", serde_json::to_string(ask)?).as_bytes())?;
    let mut line = String::new();
    BufReader::new(stream).take(ANSWER_BYTES_MAX as u64).read_line(&mut line)?;
    Ok(serde_json::from_str(&line)?)
}

fn strange(answer: &Answer) -> String {
    match answer {
        Answer::Refused { text, .. } => text.clone(),
        other => format!("the node answers {other:?}"),
    }
}

//! The node's end of the socket.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixSocket, UnixStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;
use tracing::{debug, warn};

use super::cluster::{Later, Membership};
use super::rooms::{RoomLine, Rooms};
use super::service;
use super::{ANSWER_BYTES_MAX, Answer, Ask, LIST_MAX, ROOMS_MAX, Reason, Status, line};
use crate::accounts::AccountError;
use crate::run::Node;
use conclave_cluster::accounts::AccountRefusal;
use conclave_xmpp::BareJid;

/// Administrators at one time; others wait. Deriving the keys of a password costs milliseconds of computing.
const CONNECTIONS_MAX: usize = 8;

/// How long an administrator may say nothing, or not take the answer.
const SILENCE_MAX: Duration = Duration::from_secs(10);

/// How long what is asked of the cluster may take: a leader may be being chosen meanwhile. Less than the other end waits.
const ANSWER_MAX: Duration = Duration::from_secs(20);

/// Makes the socket, for this user alone. One that is left from a process that died is replaced: the caller holds the node's
/// database, so no other node can be listening.
pub fn bind(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
        _ => {}
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    // Nobody can connect before `listen`, so nobody comes in by other permissions.
    std::fs::set_permissions(path, Permissions::from_mode(0o600))?;
    socket.listen(CONNECTIONS_MAX as u32)
}

/// The socket's file, removed when the node ends.
pub struct SocketFile(pub PathBuf);

impl Drop for SocketFile {
    fn drop(&mut self) {
        // The next start replaces what is left.
        let _ = std::fs::remove_file(&self.0);
    }
}

/// Answers until the node ends.
pub async fn serve(listener: UnixListener, node: Arc<Node>) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let accept = async {
            let place = places.clone().acquire_owned().await;
            (listener.accept().await, place)
        };
        let (accepted, place) = tokio::select! {
            () = node.ended.cancelled() => return,
            accepted = accept => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let node = node.clone();
                tokio::spawn(async move {
                    if let Err(cause) = converse(stream, &node).await {
                        debug!("administration ended: {cause}");
                    }
                    drop(place);
                });
            }
            Err(cause) => {
                warn!("an administrator could not be let in: {cause}");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

async fn converse(stream: UnixStream, node: &Node) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    loop {
        let asked = match timeout(SILENCE_MAX, line::read(&mut stream)).await? {
            Ok(Some(asked)) => asked,
            Ok(None) => return Ok(()),
            Err(cause) if cause.kind() == io::ErrorKind::InvalidData => {
                // What follows cannot be told from the rest of that line.
                return say(&mut stream, &malformed(&cause)).await;
            }
            Err(cause) => return Err(cause),
        };
        let answer = match serde_json::from_slice(&asked) {
            // Not under the time limit: a change must not be dropped half done.
            Ok(ask) => answer(ask, node).await,
            Err(cause) => malformed(&cause),
        };
        say(&mut stream, &answer).await?;
    }
}

async fn say(stream: &mut BufReader<UnixStream>, answer: &Answer) -> io::Result<()> {
    let mut line = serde_json::to_vec(answer)?;
    line.push(b'\n');
    debug_assert!(line.len() <= ANSWER_BYTES_MAX);
    timeout(SILENCE_MAX, stream.write_all(&line)).await?
}

async fn answer(ask: Ask, node: &Node) -> Answer {
    match ask {
        Ask::Status => Answer::Status(Status {
            pid: std::process::id(),
            domain: node.settings.domain.to_string(),
            service_domain: node.settings.service_domain.to_string(),
            addresses: node.addresses.clone(),
        }),
        Ask::UserAdd { name, password } => outcome(node.accounts.add(&name, &password).await),
        Ask::UserPasswd { name, password } => outcome(node.accounts.set_password(&name, &password).await),
        Ask::UserDel { name } => outcome(node.accounts.delete(&name).await),
        Ask::UserList { behind } => {
            let behind = behind.map(|text| BareJid::from_stored(&text));
            page(&node.accounts.behind(behind.as_ref(), LIST_MAX + 1))
        }
        Ask::ClusterStatus | Ask::Invite { .. } | Ask::Drain { .. } | Ask::Remove { .. } | Ask::Upgrade => {
            cluster(ask, node).await
        }
        Ask::Settings | Ask::Set { .. } => service::answer(ask, node).await,
        Ask::RoomList { .. } | Ask::RoomShow { .. } => rooms(ask, node, &node.settings.service_domain).await,
    }
}

pub(crate) async fn cluster(ask: Ask, membership: &dyn Membership) -> Answer {
    match ask {
        Ask::Invite { peer } => later(membership.invite(peer), |token| Answer::Invited { token }).await,
        Ask::Drain { node } => later(membership.drain(node), |()| Answer::Decided).await,
        Ask::Remove { node } => later(membership.remove(node), |()| Answer::Decided).await,
        Ask::Upgrade => later(membership.upgrade(), Answer::Upgraded).await,
        _ => later(membership.status(), Answer::Cluster).await,
    }
}

pub(crate) async fn rooms(ask: Ask, rooms: &dyn Rooms, service_domain: &BareJid) -> Answer {
    match ask {
        Ask::RoomShow { room } => match room_jid(&room, service_domain) {
            Ok(room) => later(rooms.show(room), Answer::Room).await,
            Err(text) => Answer::Refused { reason: Reason::Invalid, text },
        },
        Ask::RoomList { behind } => later(rooms.list(), |rooms| rooms_page(rooms, behind.as_deref())).await,
        _ => unavailable("that is not about rooms".to_owned()),
    }
}

pub(super) async fn later<T>(asked: Later<'_, T>, answer: impl FnOnce(T) -> Answer) -> Answer {
    match timeout(ANSWER_MAX, asked).await {
        Ok(Ok(said)) => answer(said),
        Ok(Err(text)) => unavailable(text),
        Err(_) => {
            unavailable(format!("the cluster has not answered within {} seconds; it may still happen", ANSWER_MAX.as_secs()))
        }
    }
}

fn unavailable(text: String) -> Answer {
    Answer::Refused { reason: Reason::Unavailable, text }
}

/// What fits one answer.
fn rooms_page(mut rooms: Vec<RoomLine>, behind: Option<&str>) -> Answer {
    rooms.sort();
    let start = behind.map_or(0, |behind| rooms.partition_point(|line| line.room.as_str() <= behind));
    let more = rooms.len() > start + ROOMS_MAX;
    Answer::Rooms { rooms: rooms.into_iter().skip(start).take(ROOMS_MAX).collect(), more }
}

/// A room by its address, or by the part before the @ alone.
fn room_jid(text: &str, service_domain: &BareJid) -> Result<BareJid, String> {
    let full = if text.contains('@') { text.to_owned() } else { format!("{text}@{service_domain}") };
    let jid = BareJid::parse(&full).map_err(|cause| format!("{text:?} is no room: {cause}"))?;
    if jid.local().is_some() && jid.domain() == service_domain.domain() {
        Ok(jid)
    } else {
        Err(format!("{jid} is no room of this server, whose rooms are at {service_domain}"))
    }
}

/// What fits one answer; one account more says that there are more.
pub(super) fn page(accounts: &[BareJid]) -> Answer {
    let more = accounts.len() > LIST_MAX;
    Answer::Accounts { accounts: accounts.iter().take(LIST_MAX).map(BareJid::to_string).collect(), more }
}

fn outcome(outcome: Result<BareJid, AccountError>) -> Answer {
    match outcome {
        Ok(account) => Answer::Done { account: account.to_string() },
        Err(error) => {
            let reason = match error {
                AccountError::Refused(AccountRefusal::Exists(_)) => Reason::Exists,
                AccountError::Refused(AccountRefusal::Absent(_)) => Reason::Absent,
                AccountError::Name(_) | AccountError::Password(_) => Reason::Invalid,
                AccountError::Unreachable(_) => Reason::Unavailable,
            };
            Answer::Refused { reason, text: error.to_string() }
        }
    }
}

fn malformed(cause: &dyn std::fmt::Display) -> Answer {
    Answer::Refused { reason: Reason::Malformed, text: format!("that is no request: {cause}") }
}

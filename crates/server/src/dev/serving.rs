//! What `conclave dev` waits for: that everything is there that a client may count on.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::{Duration, Instant};

use super::members::Place;
use super::{ACCOUNTS, DevError, PASSWORD};
use crate::admin::client::Client;
use crate::admin::cluster::ClusterStatus;
use crate::admin::{Answer, Ask, Reason, Status};
use crate::args::Dev;

/// How long it may take until everything is there.
pub(super) const COMPLETE_MAX: Duration = Duration::from_secs(30);

/// How often it is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// How long a node may take to say that it is ready.
const READINESS_MAX: Duration = Duration::from_secs(2);

/// Replicas that a shard has, where there are as many nodes.
const REPLICAS: usize = 3;

/// Talks to nodes in the way that blocks.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
    }
}

/// Where a node listens.
pub(super) fn status(dir: &Path) -> Result<Status, DevError> {
    match ask(dir, &Ask::Status)? {
        Answer::Status(status) => Ok(status),
        other => Err(DevError::Account(format!("the node answers {other:?}"))),
    }
}

/// Makes the accounts that are not there yet, through the first node.
pub(super) async fn prepare_accounts(places: &[Place], dev: &Dev) -> Result<(), DevError> {
    let Some(dir) = places.first().map(|place| place.dir.clone()) else { return Ok(()) };
    let usual = ACCOUNTS.iter().map(|name| ((*name).to_owned(), PASSWORD.to_owned()));
    let accounts: Vec<(String, String)> = usual.chain(dev.users.iter().cloned()).collect();
    let until = Instant::now() + COMPLETE_MAX;
    blocking(move || accounts.into_iter().try_for_each(|(name, password)| add(&dir, &name, &password, until))).await
}

/// A cluster that has just begun may have no leader yet, or lose its first one on a busy machine: then it is tried again until there is one.
fn add(dir: &Path, name: &str, password: &str, until: Instant) -> Result<(), DevError> {
    loop {
        match ask(dir, &Ask::UserAdd { name: name.to_owned(), password: password.to_owned() })? {
            Answer::Done { .. } | Answer::Refused { reason: Reason::Exists, .. } => return Ok(()),
            Answer::Refused { reason: Reason::Unavailable, .. } if Instant::now() < until => std::thread::sleep(LOOK_AGAIN),
            Answer::Refused { text, .. } => return Err(DevError::Account(text)),
            other => return Err(DevError::Account(format!("the node answers {other:?}"))),
        }
    }
}

/// Waits until every node is ready and knows the accounts, and every shard has a leader and its replicas.
pub(super) async fn complete(places: &[Place], statuses: &[Status]) -> Result<(), DevError> {
    let nodes: Vec<(Place, Option<SocketAddr>)> =
        places.iter().zip(statuses).map(|(place, status)| (place.clone(), status.addresses.http.first().copied())).collect();
    blocking(move || {
        let start = Instant::now();
        loop {
            let Some(missing) = missing(&nodes)? else { return Ok(()) };
            if start.elapsed() > COMPLETE_MAX {
                return Err(DevError::Incomplete(missing));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    })
    .await
}

/// The first thing that is missing, in words.
fn missing(nodes: &[(Place, Option<SocketAddr>)]) -> Result<Option<String>, DevError> {
    let Some((first, _)) = nodes.first() else { return Ok(None) };
    let accounts = accounts(&first.dir)?;
    for (place, http) in nodes {
        if let Some(reason) = http.and_then(|http| readiness(http).err()) {
            return Ok(Some(format!("node {} is not ready: {reason}", place.number)));
        }
        if self::accounts(&place.dir)? != accounts {
            return Ok(Some(format!("node {} does not know all accounts", place.number)));
        }
    }
    if nodes.len() == 1 {
        // It has said that it is ready, and nobody else is needed.
        return Ok(None);
    }
    match ask(&first.dir, &Ask::ClusterStatus)? {
        Answer::Cluster(status) => Ok(lacking(&status, nodes.len())),
        Answer::Refused { text, .. } => Ok(Some(text)),
        other => Ok(Some(format!("node 1 answers {other:?}"))),
    }
}

/// What a group lacks.
fn lacking(status: &ClusterStatus, nodes: usize) -> Option<String> {
    let replicas = nodes.min(REPLICAS);
    let group = status.groups.iter().find(|group| group.leader.is_none() || group.voters.len() != replicas)?;
    let name = group.shard.map_or_else(|| "meta".to_owned(), |shard| format!("shard {shard}"));
    Some(match group.leader {
        None => format!("{name} has no leader"),
        Some(_) => format!("{name} has {} replicas, not {replicas}", group.voters.len()),
    })
}

/// One page of them is enough for `conclave dev`.
fn accounts(dir: &Path) -> Result<Vec<String>, DevError> {
    match ask(dir, &Ask::UserList { behind: None })? {
        Answer::Accounts { accounts, .. } => Ok(accounts),
        other => Err(DevError::Account(format!("the node answers {other:?}"))),
    }
}

fn ask(dir: &Path, ask: &Ask) -> Result<Answer, DevError> {
    Client::connect(dir).and_then(|mut client| client.ask(ask)).map_err(DevError::Admin)
}

/// What `/readyz` says, if it is not that all is well.
fn readiness(http: SocketAddr) -> Result<(), String> {
    let said = exchange(http).map_err(|cause| cause.to_string())?;
    if said.starts_with("HTTP/1.1 200 ") {
        return Ok(());
    }
    let (_, reason) = said.split_once("\r\n\r\n").unwrap_or(("", &said));
    Err(reason.trim().to_owned())
}

fn exchange(http: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&http, READINESS_MAX)?;
    stream.set_read_timeout(Some(READINESS_MAX))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\n\r\n")?;
    let mut said = String::new();
    stream.take(64 * 1024).read_to_string(&mut said)?;
    Ok(said)
}

//! A replica whose state is lost gets it from a peer: its log is whole, but begins behind entries that only the state had.

use std::path::Path;
use std::time::Duration;

use tonic::Request;

use crate::state::{Incoming, SnapshotFile};
use crate::transport::Transport;
use crate::{GroupId, NodeId, wire};

/// One piece must come within this time.
const PIECE_MAX: Duration = Duration::from_secs(30);

/// Between two rounds over all peers.
const ROUND: Duration = Duration::from_millis(500);

/// Rounds in which all peers said that they do not run the group, after which none of them ever will: half a minute, for peers that are just starting.
const STRANGE_ROUNDS_MAX: u32 = 60;

/// What a peer says that does not run the group.
pub(crate) const NOT_HERE: &str = "this node does not run the group";

/// Asks the peers in turn until one gives a state that holds everything up to `at_least`. Waits for them as long as it takes: without the state
/// the replica could not go on in any other way. Any replica's state will do, since it holds only what is committed. `None` when no peer runs the group.
pub(crate) async fn fetch(transport: &Transport, dir: &Path, group: GroupId, at_least: u64) -> Option<SnapshotFile> {
    let (mut rounds, mut strange) = (0_u32, 0);
    while strange < STRANGE_ROUNDS_MAX {
        let mut all_strange = true;
        for node in transport.peers().into_keys() {
            match fetch_from(transport, dir, group, node, at_least).await {
                Ok(file) if file.index >= at_least => return Some(file),
                Ok(file) => {
                    all_strange = false;
                    tracing::info!(%group, %node, index = file.index, at_least, "the state of this peer is older than ours must be");
                }
                Err(reason) => {
                    all_strange &= reason == NOT_HERE;
                    tracing::debug!(%group, %node, reason, "no state from this peer");
                }
            }
        }
        if rounds.is_multiple_of(20) {
            tracing::warn!(%group, at_least, "the state of this group is lost here; waiting for a peer that has it");
        }
        rounds += 1;
        strange = if all_strange { strange + 1 } else { 0 };
        tokio::time::sleep(ROUND).await;
    }
    None
}

async fn fetch_from(
    transport: &Transport,
    dir: &Path,
    group: GroupId,
    node: NodeId,
    at_least: u64,
) -> Result<SnapshotFile, String> {
    let mut client = transport.client(node).ok_or("it is no peer any more")?;
    let mut incoming: Option<(String, Incoming)> = None;
    loop {
        let (name, offset) = incoming.as_ref().map_or((String::new(), 0), |(name, incoming)| (name.clone(), incoming.received()));
        let mut request = Request::new(wire::FetchRequest { group: group.0, name, offset, at_least });
        request.set_timeout(PIECE_MAX);
        let reply = tokio::time::timeout(PIECE_MAX, client.fetch_snapshot(request)).await;
        let reply = reply.map_err(|_| "it does not answer")?.map_err(|status| status.to_string())?.into_inner();
        if !reply.failed.is_empty() {
            return Err(reply.failed);
        }
        let (name, mut part) = match incoming.take() {
            Some(begun) => begun,
            None => {
                (reply.name.clone(), Incoming::begin(dir, group.0, &reply.name, reply.size).map_err(|error| error.to_string())?)
            }
        };
        let (bytes, size) = (reply.bytes, reply.size);
        let before = part.received();
        let written = tokio::task::spawn_blocking(move || {
            let received = part.write(offset, &bytes)?;
            Ok::<_, crate::state::StateError>((part, received))
        });
        let (part, received) = written.await.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        if received >= size {
            let finished = tokio::task::spawn_blocking(move || part.finish()).await;
            return finished.map_err(|error| error.to_string())?.map_err(|error| error.to_string());
        }
        if received == before && offset == before {
            return Err("it sends nothing".to_owned());
        }
        incoming = Some((name, part));
    }
}

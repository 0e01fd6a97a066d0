//! How the groups stand by their leaders, asked of all nodes: `proto/standing.proto`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use conclave_raft::{Group, GroupId, Leader, Node, NodeId};
use futures_util::future::join_all;
use tokio::time::timeout;
use tonic::{Request, Response, Status};

use super::cluster::{Behind, GroupLine};

/// The generated messages and calls.
#[allow(missing_docs, clippy::all)]
mod wire {
    tonic::include_proto!("conclave.standing.v1");
}

use wire::standing_client::StandingClient;
pub use wire::standing_server::StandingServer;

/// How long a node may take to answer; one that is frozen does not.
const ANSWER_MAX: Duration = Duration::from_secs(1);

/// Answers as soon as the node is there.
#[derive(Clone, Default)]
pub struct StandingService(Arc<OnceLock<Node>>);

impl StandingService {
    /// From now on there is something to say.
    pub fn open(&self, raft: &Node) {
        // Nobody else sets it.
        let _ = self.0.set(raft.clone());
    }
}

#[tonic::async_trait]
impl wire::standing_server::Standing for StandingService {
    async fn groups(&self, _: Request<wire::GroupsRequest>) -> Result<Response<wire::GroupsReply>, Status> {
        let raft = self.0.get().ok_or_else(|| Status::unavailable("the node starts"))?;
        Ok(Response::new(wire::GroupsReply { groups: led(raft) }))
    }
}

/// The groups by their leaders, by number of the group, and the nodes that answered. Groups whose leader does not answer are missing.
pub async fn gather(raft: &Node) -> (BTreeMap<u32, GroupLine>, BTreeSet<u32>) {
    let mut answered: BTreeSet<u32> = number(raft.id().0).into_iter().collect();
    let mut all: BTreeMap<u32, GroupLine> = led(raft).into_iter().filter_map(|group| line(raft.id(), group)).collect();
    let asked = raft.peers().into_iter().map(|peer| ask(raft, peer.node));
    for (node, groups) in join_all(asked).await {
        let Some(groups) = groups else { continue };
        answered.extend(number(node.0));
        all.extend(groups.into_iter().filter_map(|group| line(node, group)));
    }
    (all, answered)
}

async fn ask(raft: &Node, node: NodeId) -> (NodeId, Option<Vec<wire::Group>>) {
    let Some(channel) = raft.channel(node) else { return (node, None) };
    let mut client = StandingClient::new(channel);
    match timeout(ANSWER_MAX, client.groups(wire::GroupsRequest {})).await {
        Ok(Ok(reply)) => (node, Some(reply.into_inner().groups)),
        Ok(Err(_)) | Err(_) => (node, None),
    }
}

fn led(raft: &Node) -> Vec<wire::Group> {
    let running = raft.stored_groups().into_iter().filter_map(|group| raft.group(group));
    running.filter(|group| matches!(group.leader().now(), Leader::Us(_))).map(|group| said(&group)).collect()
}

fn said(group: &Group) -> wire::Group {
    let status = group.status();
    let last = status.last.map_or(0, |last| last + 1);
    let behind = status.matched.iter().map(|(node, matched)| {
        let entries = last.saturating_sub(matched.map_or(0, |matched| matched + 1));
        wire::Behind { node: node.0, entries }
    });
    let GroupId(number) = group.id();
    wire::Group {
        group: number,
        voters: status.voters.iter().map(|node| node.0).collect(),
        learners: status.learners.iter().map(|node| node.0).collect(),
        committed: status.committed,
        applied: status.applied,
        behind: behind.filter(|behind| behind.entries > 0).collect(),
    }
}

fn line(leader: NodeId, group: wire::Group) -> Option<(u32, GroupLine)> {
    let nodes = |nodes: Vec<u64>| nodes.into_iter().filter_map(number).collect();
    let behind =
        group.behind.into_iter().filter_map(|behind| Some(Behind { node: number(behind.node)?, entries: behind.entries }));
    let line = GroupLine {
        shard: group.group.checked_sub(1).map(u16::try_from).transpose().ok()?,
        leader: number(leader.0),
        preferred: None,
        voters: nodes(group.voters),
        learners: nodes(group.learners),
        committed: group.committed,
        applied: group.applied,
        behind: behind.collect(),
    };
    Some((group.group, line))
}

fn number(node: u64) -> Option<u32> {
    u32::try_from(node).ok()
}

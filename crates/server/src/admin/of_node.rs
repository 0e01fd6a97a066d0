//! The faces of a running node: what it says of its cluster and its rooms.

use std::time::Duration;

use conclave_cluster::answer;
use conclave_cluster::meta::{MetaRequest, NodeEntry, NodeState};
use conclave_raft::{Group, NodeId};
use conclave_xmpp::BareJid;
use tokio::time::{Instant, sleep};

use super::cluster::{ClusterStatus, GroupLine, Later, Membership, NodeLine, NodeStands, Upgraded, ranges};
use super::rooms::{RoomLine, RoomShown, Rooms};
use super::standing;
use crate::health::PAUSE_MAX;
use crate::run::Node;

/// Between two looks at who leads.
const LOOK_AGAIN: Duration = Duration::from_millis(100);

impl Membership for Node {
    fn status(&self) -> Later<'_, ClusterStatus> {
        Box::pin(async { Ok(cluster_status(self).await) })
    }

    fn invite(&self, peer: String) -> Later<'_, String> {
        Box::pin(async move {
            let token = self.cluster.invite(peer).await.map_err(|error| error.to_string())?;
            Ok(token.to_string())
        })
    }

    fn drain(&self, node: u32) -> Later<'_, ()> {
        Box::pin(async move { ask(self, MetaRequest::Drain { node }).await })
    }

    fn remove(&self, node: u32) -> Later<'_, ()> {
        Box::pin(async move { ask(self, MetaRequest::Remove { node }).await })
    }

    fn upgrade(&self) -> Later<'_, Upgraded> {
        Box::pin(async {
            let (from, to) = {
                let meta = self.cluster.meta();
                let meta = meta.borrow();
                (meta.feature_level(), meta.feature_level_to_ask_for())
            };
            ask(self, MetaRequest::RaiseFeatureLevel { to }).await?;
            Ok(Upgraded { from, to })
        })
    }
}

impl Rooms for Node {
    fn list(&self) -> Later<'_, Vec<RoomLine>> {
        Box::pin(async {
            let rooms = self.hub.rooms().await.map_err(|shards| {
                format!("the rooms of some shards cannot be listed now, as their home does not answer: {}", ranges(&shards))
            })?;
            Ok(rooms.into_iter().map(room_line).collect())
        })
    }

    fn show(&self, room: BareJid) -> Later<'_, RoomShown> {
        Box::pin(async move {
            let shard = self.hub.shard_of(&room);
            let (line, home_answered) = self.hub.room(&room).await;
            let figures = self.replicas.figures().get(&shard).copied();
            Ok(RoomShown {
                room: room.to_string(),
                shard,
                home: self.hub.home_of(shard),
                epoch: figures.map(|figures| figures.epoch).filter(|epoch| *epoch != 0),
                exists: line.map(room_line),
                home_answered,
            })
        })
    }
}

async fn ask(node: &Node, request: MetaRequest) -> Result<(), String> {
    node.cluster.ask(request).await.map(|_| ()).map_err(|error| error.to_string())
}

fn room_line(line: answer::RoomLine) -> RoomLine {
    let answer::RoomLine { jid, occupants, detached, persistent, traits } = line;
    RoomLine { room: jid, occupants, detached, persistent, traits }
}

/// Leaders that are being replaced are waited for: they are back within a moment, or not at all.
async fn cluster_status(node: &Node) -> ClusterStatus {
    let until = Instant::now() + PAUSE_MAX;
    loop {
        let status = cluster_status_now(node).await;
        if status.are_leaders_heard() || Instant::now() > until {
            return status;
        }
        sleep(LOOK_AGAIN).await;
    }
}

async fn cluster_status_now(node: &Node) -> ClusterStatus {
    let (mut by_leaders, answered) = standing::gather(node.cluster.raft()).await;
    let meta = node.cluster.meta().borrow().clone();
    let nodes = meta.nodes().iter().map(|(number, entry)| node_line(*number, entry, answered.contains(number))).collect();
    let mut line = |shard: Option<u16>, group: Option<Group>, voters: Vec<u32>, home: Option<u32>| {
        let number = shard.map_or(0, |shard| u32::from(shard) + 1);
        by_leaders.remove(&number).unwrap_or_else(|| group_line(shard, group.as_ref(), voters, home))
    };
    let preferred = meta.preferred_homes();
    let of_meta = line(None, node.cluster.meta_group(), meta.meta_voters(), None);
    let shards = (0..meta.shards()).map(|shard| {
        let voters = meta.placement(shard).map(|placement| placement.voters.clone()).unwrap_or_default();
        let line = line(Some(shard), node.cluster.group(shard), voters, node.hub.home_of(shard));
        GroupLine { preferred: preferred.get(&shard).copied(), ..line }
    });
    let groups = std::iter::once(of_meta).chain(shards).collect();
    let told_by = node.cluster.me().borrow().node;
    ClusterStatus::new(meta.cluster().to_owned(), told_by, meta.feature_level(), nodes, groups)
}

fn node_line(node: u32, entry: &NodeEntry, answers: bool) -> NodeLine {
    let stands = match entry.state {
        NodeState::Invited => NodeStands::Invited,
        _ if !entry.runs() => NodeStands::Down,
        NodeState::Leaving => NodeStands::Leaving,
        _ if entry.drained => NodeStands::Drained,
        _ if !answers => NodeStands::Silent,
        _ if entry.draining => NodeStands::Draining,
        _ => NodeStands::Serving,
    };
    let NodeEntry { version, incarnation, peer, .. } = entry.clone();
    NodeLine { node, stands, version, feature_level: entry.speaks(), incarnation, peer }
}

/// By the replica of this node, where the leader was not heard: who leads is hearsay, and how far the replicas are is not known.
fn group_line(shard: Option<u16>, group: Option<&Group>, voters: Vec<u32>, home: Option<u32>) -> GroupLine {
    let (preferred, learners, behind) = (None, Vec::new(), Vec::new());
    let said = GroupLine { shard, leader: home, preferred, voters, learners, committed: None, applied: None, behind };
    let Some(status) = group.map(Group::status) else { return said };
    GroupLine {
        leader: status.leader.and_then(number),
        voters: status.voters.iter().copied().filter_map(number).collect(),
        learners: status.learners.iter().copied().filter_map(number).collect(),
        ..said
    }
}

fn number(node: NodeId) -> Option<u32> {
    u32::try_from(node.0).ok()
}

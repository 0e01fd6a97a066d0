//! What an administrator asks of the whole cluster, and the face that a node shows for it.

use std::pin::Pin;

use serde::{Deserialize, Serialize};

/// Entries that a replica may be behind before that is worth a word: some seconds of a busy shard.
const BEHIND_MAX: u64 = 10_000;

/// Voters that a group should have, where there are as many nodes.
const VOTERS: usize = 3;

/// An answer that comes later; if none comes, why, and what to do about it.
pub type Later<'a, T> = Pin<Box<dyn Future<Output = Result<T, String>> + Send + 'a>>;

/// A node as a member of its cluster. What is asked of the cluster can be asked of any node.
pub trait Membership: Send + Sync {
    /// How the cluster is, as far as this node knows.
    fn status(&self) -> Later<'_, ClusterStatus>;
    /// A token with which one new node can join that others reach at `peer`, `host:port`.
    fn invite(&self, peer: String) -> Later<'_, String>;
    /// Has a node hand over everything, and take nothing new. Done when that is decided, not when it is carried out.
    fn drain(&self, node: u32) -> Later<'_, ()>;
    /// Takes a node out for good. Its number is never used again.
    fn remove(&self, node: u32) -> Later<'_, ()>;
    /// Raises the feature level to the highest that all nodes speak. Refused if there is none above the one of the cluster, and some nodes speak more
    /// than others.
    fn upgrade(&self) -> Later<'_, Upgraded>;
}

/// What has become of the feature level.
#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Eq, Debug)]
pub struct Upgraded {
    /// What it was.
    pub from: u32,
    /// What it is; the same if no node speaks more.
    pub to: u32,
}

/// A cluster at one moment, as one node knows it.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, Debug)]
pub struct ClusterStatus {
    /// Which cluster.
    pub cluster: String,
    /// The node that says so.
    pub told_by: u32,
    /// What may be written into logs and states, so that every node can read it.
    pub feature_level: u32,
    /// At a glance.
    pub health: Health,
    /// Why it is not healthy; sentences for people.
    pub reasons: Vec<String>,
    /// By number.
    pub nodes: Vec<NodeLine>,
    /// Meta first, then by number.
    pub groups: Vec<GroupLine>,
}

/// How a cluster is, in a word.
#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// Nothing is missing.
    Healthy,
    /// Everything is served, but less may go wrong than should.
    Degraded,
    /// Some rooms or accounts are not served.
    Unavailable,
}

/// How a node is.
#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Eq, Debug)]
#[serde(rename_all = "snake_case")]
pub enum NodeStands {
    /// It was invited, and has not come yet.
    Invited,
    /// It serves.
    Serving,
    /// It counts as living, and does not answer the node that was asked.
    Silent,
    /// It hands over what it has, and takes nothing new.
    Draining,
    /// It has handed over everything and has no clients; its replicas count until it ends.
    Drained,
    /// It is being taken out: its replicas move to others.
    Leaving,
    /// It ended, or is not heard of.
    Down,
}

/// One node.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, Debug)]
pub struct NodeLine {
    /// Its number.
    pub node: u32,
    /// How it is.
    pub stands: NodeStands,
    /// Of its program; empty if it never came.
    pub version: String,
    /// The highest feature level that its program speaks; 0 if it never came.
    pub feature_level: u32,
    /// Which of its lives this is; 0 if it never came.
    pub incarnation: u32,
    /// Where the others reach it, `host:port`.
    pub peer: String,
}

/// One group of replicas: a shard, or meta.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, Debug)]
pub struct GroupLine {
    /// Which shard; none is meta.
    pub shard: Option<u16>,
    /// Who leads it.
    pub leader: Option<u32>,
    /// Who should lead it, as things are; leadership goes there when it has been calm for a while. Null: anybody may, as with meta.
    pub preferred: Option<u32>,
    /// The nodes whose replica counts.
    pub voters: Vec<u32>,
    /// The nodes whose replica is catching up.
    pub learners: Vec<u32>,
    /// Index of the last entry on a majority, as far as it is known. Null: the leader was not heard.
    pub committed: Option<u64>,
    /// Index of the last entry that the leader has applied. Null: the leader was not heard.
    pub applied: Option<u64>,
    /// How far the other replicas are behind the leader, as it knows; those that have everything do not stand here.
    pub behind: Vec<Behind>,
}

/// A replica that is behind its leader.
#[derive(Clone, Copy, Serialize, Deserialize, PartialEq, Eq, Debug)]
pub struct Behind {
    /// Whose replica.
    pub node: u32,
    /// Entries that it does not have on its disk.
    pub entries: u64,
}

impl GroupLine {
    fn is_led(&self) -> bool {
        self.leader.is_some() && self.applied.is_some()
    }
}

impl ClusterStatus {
    /// Judges health by nodes and groups.
    pub fn new(cluster: String, told_by: u32, feature_level: u32, nodes: Vec<NodeLine>, groups: Vec<GroupLine>) -> ClusterStatus {
        let (health, reasons) = (Health::Healthy, Vec::new());
        let mut status = ClusterStatus { cluster, told_by, feature_level, health, reasons, nodes, groups };
        status.judge_leaders();
        status.judge_nodes();
        status.judge_replicas();
        status
    }

    /// The feature level that an upgrade would bring, if it is above that of the cluster.
    pub fn next_feature_level(&self) -> Option<u32> {
        let came = self.nodes.iter().filter(|node| node.incarnation > 0);
        came.map(|node| node.feature_level).min().filter(|all_speak| *all_speak > self.feature_level)
    }

    /// Whether every group has a leader that has said itself how the group is.
    pub fn are_leaders_heard(&self) -> bool {
        self.groups.iter().all(GroupLine::is_led)
    }

    /// That somebody leads is hearsay until that one says so.
    fn judge_leaders(&mut self) {
        let homeless: Vec<Option<u16>> = self.groups.iter().filter(|group| !group.is_led()).map(|group| group.shard).collect();
        if !homeless.is_empty() {
            let verb = if homeless.len() == 1 { "has" } else { "have" };
            self.say(
                Health::Unavailable,
                format!("{} {verb} no leader that answers: is a majority of the replicas running?", named(&homeless)),
            );
        }
    }

    fn judge_nodes(&mut self) {
        let down: Vec<u32> = self.nodes.iter().filter(|node| node.stands == NodeStands::Down).map(|node| node.node).collect();
        if self.members() == 2 && down.is_empty() {
            let text = "there are two nodes: if either ends, nothing is served; a third one makes the death of any harmless";
            self.say(Health::Degraded, text.to_owned());
        }
        for node in down {
            let rejoin = format!("node {node} is down: start it again, or take it out with `conclave cluster remove {node}`");
            self.say(Health::Degraded, rejoin);
        }
        let others: Vec<(u32, NodeStands)> = self.nodes.iter().map(|node| (node.node, node.stands)).collect();
        for (node, stands) in others {
            let text = match stands {
                NodeStands::Silent => {
                    format!("node {node} does not answer, and counts as living until the others agree that it is silent")
                }
                NodeStands::Drained => format!("node {node} is drained: it takes no clients until it is started again"),
                NodeStands::Leaving => {
                    format!("node {node} leaves: its replicas are being moved; it is not in the list when that is done")
                }
                _ => continue,
            };
            self.say(Health::Degraded, text);
        }
    }

    /// How many belong to the cluster, and will.
    fn members(&self) -> usize {
        let is_member = |node: &&NodeLine| !matches!(node.stands, NodeStands::Invited | NodeStands::Leaving);
        self.nodes.iter().filter(is_member).count()
    }

    fn judge_replicas(&mut self) {
        let members = self.members();
        let short = |group: &&GroupLine| group.voters.len() < members.min(VOTERS);
        let few: Vec<Option<u16>> = self.groups.iter().filter(short).map(|group| group.shard).collect();
        if !few.is_empty() {
            let replicas = members.min(VOTERS);
            self.say(
                Health::Degraded,
                format!(
                    "{} {} fewer than {replicas} replicas; more are being made",
                    named(&few),
                    if few.len() == 1 { "has" } else { "have" }
                ),
            );
        }
        let is_up = |node: u32| self.nodes.iter().any(|line| line.node == node && line.stands == NodeStands::Serving);
        let late = |group: &&GroupLine| group.behind.iter().any(|behind| behind.entries > BEHIND_MAX && is_up(behind.node));
        let late: Vec<Option<u16>> = self.groups.iter().filter(late).map(|group| group.shard).collect();
        if !late.is_empty() {
            self.say(Health::Degraded, format!("of {} a replica is more than {BEHIND_MAX} entries behind", named(&late)));
        }
    }

    fn say(&mut self, health: Health, reason: String) {
        self.health = self.health.max(health);
        self.reasons.push(reason);
    }
}

/// `meta`, `shard 3`, `meta and the shards 0-2, 7`; ranges are compact.
fn named(groups: &[Option<u16>]) -> String {
    let shards: Vec<u16> = groups.iter().copied().flatten().collect();
    let shards = match shards.len() {
        0 => None,
        1 => Some(format!("shard {}", ranges(&shards))),
        _ => Some(format!("the shards {}", ranges(&shards))),
    };
    match (groups.contains(&None), shards) {
        (true, Some(shards)) => format!("meta and {shards}"),
        (true, None) => "meta".to_owned(),
        (false, shards) => shards.unwrap_or_default(),
    }
}

/// `0-2, 7` of sorted numbers.
pub fn ranges(numbers: &[u16]) -> String {
    let runs = numbers.chunk_by(|one, next| u32::from(*one) + 1 == u32::from(*next));
    let run = |run: &[u16]| match run {
        [first, .., last] => format!("{first}-{last}"),
        [one] => one.to_string(),
        [] => String::new(),
    };
    runs.map(run).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};

    use super::*;

    fn node(node: u32, stands: NodeStands) -> NodeLine {
        let peer = format!("10.0.0.{node}:5269");
        NodeLine { node, stands, version: "0.1.0".to_owned(), feature_level: 1, incarnation: 1, peer }
    }

    fn group(shard: Option<u16>, leader: Option<u32>, voters: &[u32], behind: &[(u32, u64)]) -> GroupLine {
        let behind = behind.iter().map(|&(node, entries)| Behind { node, entries }).collect();
        let (preferred, voters, learners) = (None, voters.to_vec(), Vec::new());
        GroupLine { shard, leader, preferred, voters, learners, committed: Some(9), applied: Some(9), behind }
    }

    fn check(nodes: &[NodeLine], groups: &[GroupLine], expected: Expect) {
        let status = ClusterStatus::new("c".to_owned(), 1, 1, nodes.to_vec(), groups.to_vec());
        expected.assert_eq(&format!("{:?}\n{}\n", status.health, status.reasons.join("\n")));
    }

    #[test]
    fn health_is_as_bad_as_its_worst_reason() {
        use NodeStands::{Down, Invited, Serving};
        let all = [node(1, Serving), node(2, Serving), node(3, Serving), node(4, Invited)];
        let well = group(None, Some(1), &[1, 2, 3], &[(2, 10_000)]);
        check(
            &all,
            std::slice::from_ref(&well),
            expect![[r#"
            Healthy

        "#]],
        );
        check(
            &all,
            &[well.clone(), group(Some(0), Some(1), &[1, 2], &[]), group(Some(1), Some(1), &[1, 2, 3], &[(3, 10_001)])],
            expect![[r#"
                Degraded
                shard 0 has fewer than 3 replicas; more are being made
                of shard 1 a replica is more than 10000 entries behind
            "#]],
        );
        let one_down = [node(1, Serving), node(2, Serving), node(3, Down)];
        check(
            &one_down,
            &[group(None, Some(1), &[1, 2, 3], &[(3, 99_999)])],
            expect![[r#"
            Degraded
            node 3 is down: start it again, or take it out with `conclave cluster remove 3`
        "#]],
        );
        let homeless =
            [group(None, None, &[1, 2, 3], &[]), group(Some(0), None, &[1, 2, 3], &[]), group(Some(1), None, &[1, 2, 3], &[])];
        check(
            &one_down,
            &homeless,
            expect![[r#"
                Unavailable
                meta and the shards 0-1 have no leader that answers: is a majority of the replicas running?
                node 3 is down: start it again, or take it out with `conclave cluster remove 3`
            "#]],
        );
        let unheard = GroupLine { committed: None, applied: None, ..well.clone() };
        check(
            &[node(1, Serving), node(2, Serving)],
            &[GroupLine { voters: vec![1, 2], ..unheard }],
            expect![[r#"
                Unavailable
                meta has no leader that answers: is a majority of the replicas running?
                there are two nodes: if either ends, nothing is served; a third one makes the death of any harmless
            "#]],
        );
        check(
            &[node(1, Serving)],
            &[group(Some(0), Some(1), &[1], &[])],
            expect![[r#"
            Healthy

        "#]],
        );
    }

    #[test]
    fn ranges_are_compact() {
        for (numbers, expected) in
            [(&[][..], ""), (&[4], "4"), (&[0, 1], "0-1"), (&[0, 2, 3, 4, 9], "0, 2-4, 9"), (&[65_534, 65_535], "65534-65535")]
        {
            assert_eq!(ranges(numbers), expected);
        }
    }
}

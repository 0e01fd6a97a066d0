//! A cluster at a glance, for the terminal.

use std::fmt::Write as _;

use crate::admin::cluster::{ClusterStatus, GroupLine, Health, NodeLine, NodeStands, ranges};

/// The whole text. Every line fits a terminal of usual width while there are few nodes.
pub fn of(status: &ClusterStatus) -> String {
    let mut text = format!("{}\n", health(status.health));
    for reason in &status.reasons {
        // Writing to a string does not fail.
        let _ = writeln!(text, "  {reason}");
    }
    let shards = status.groups.iter().filter(|group| group.shard.is_some()).count();
    let _ = writeln!(
        text,
        "cluster {}, {shards} shards, feature level {}, told by node {}",
        status.cluster, status.feature_level, status.told_by
    );
    if let Some(next) = status.next_feature_level() {
        let _ = writeln!(
            text,
            "all nodes speak feature level {next}: `conclave cluster upgrade` raises it, and there is no way back"
        );
    }
    text.push('\n');
    text += &aligned(
        ["NODE", "STATE", "VERSION", "LIFE", "PEERS AT", "LEADS"],
        status.nodes.iter().map(|node| node_row(node, status)),
    );
    text.push('\n');
    text += &aligned(["SHARDS", "LEADER", "REPLICAS", "BEHIND"], group_rows(&status.groups));
    text
}

fn health(health: Health) -> &'static str {
    match health {
        Health::Healthy => "healthy",
        Health::Degraded => "degraded: everything is served, but less may go wrong than should",
        Health::Unavailable => "unavailable: some rooms or accounts are not served",
    }
}

fn node_row(node: &NodeLine, status: &ClusterStatus) -> [String; 6] {
    let stands = match node.stands {
        NodeStands::Invited => "invited",
        NodeStands::Serving => "serving",
        NodeStands::Silent => "SILENT",
        NodeStands::Draining => "draining",
        NodeStands::Drained => "drained",
        NodeStands::Leaving => "leaving",
        NodeStands::Down => "DOWN",
    };
    let came = node.incarnation > 0;
    let leads: Vec<&GroupLine> = status.groups.iter().filter(|group| group.leader == Some(node.node)).collect();
    let shards: Vec<u16> = leads.iter().filter_map(|group| group.shard).collect();
    let meta = leads.iter().any(|group| group.shard.is_none()).then(|| "meta".to_owned());
    let shards = (!shards.is_empty()).then(|| ranges(&shards));
    let leads: Vec<String> = meta.into_iter().chain(shards).collect();
    [
        node.node.to_string(),
        stands.to_owned(),
        if came { node.version.clone() } else { "-".to_owned() },
        if came { node.incarnation.to_string() } else { "-".to_owned() },
        node.peer.clone(),
        if leads.is_empty() { "-".to_owned() } else { leads.join(", ") },
    ]
}

/// Groups of which the same is to be said share a line; meta has its own.
fn group_rows(groups: &[GroupLine]) -> impl Iterator<Item = [String; 4]> {
    let mut rows: Vec<(Vec<Option<u16>>, [String; 3])> = Vec::new();
    for group in groups {
        let said = [leader(group), replicas(group), behind(group)];
        match rows.iter_mut().find(|(shards, other)| *other == said && !shards.contains(&None)) {
            Some((shards, _)) if group.shard.is_some() => shards.push(group.shard),
            _ => rows.push((vec![group.shard], said)),
        }
    }
    rows.into_iter().map(|(shards, [leader, replicas, behind])| [which(&shards), leader, replicas, behind])
}

fn which(shards: &[Option<u16>]) -> String {
    let numbers: Vec<u16> = shards.iter().copied().flatten().collect();
    if numbers.is_empty() { "meta".to_owned() } else { ranges(&numbers) }
}

fn leader(group: &GroupLine) -> String {
    group.leader.map_or_else(|| "NONE".to_owned(), |node| node.to_string())
}

fn replicas(group: &GroupLine) -> String {
    let voters = group.voters.iter().map(u32::to_string);
    let learners = group.learners.iter().map(|node| format!("({node})"));
    voters.chain(learners).collect::<Vec<_>>().join(" ")
}

fn behind(group: &GroupLine) -> String {
    if group.committed.is_none() {
        return "not known".to_owned();
    }
    let late = group.behind.iter().map(|behind| format!("node {} by {}", behind.node, behind.entries));
    let late: Vec<String> = late.collect();
    if late.is_empty() { "nobody".to_owned() } else { late.join(", ") }
}

fn aligned<const N: usize>(head: [&str; N], rows: impl Iterator<Item = [String; N]>) -> String {
    let rows: Vec<[String; N]> = std::iter::once(head.map(str::to_owned)).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: [usize; N] = std::array::from_fn(width);
    let line = |row: &[String; N]| {
        let cells: Vec<String> = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}")).collect();
        format!("{}\n", cells.join("  ").trim_end())
    };
    rows.iter().map(line).collect()
}

//! The lines of the control port. Each answers with one line, which says `error` when it was not understood.

use std::collections::BTreeMap;

use conclave_raft::{Group, GroupId, Leader, Leadership, NodeId, NotCommitted, Refusal, StartError};

use crate::load;
use crate::map::{Operation, Shared};
use crate::serve::Server;

/// Entries that `fill` has in flight.
const FILL_WINDOW: usize = 256;

/// Answers one line.
pub async fn run(server: &Server, line: &str) -> String {
    let words: Vec<&str> = line.split(' ').collect();
    match answer(server, &words).await {
        Ok(answer) => answer,
        Err(error) => format!("error {error}"),
    }
}

async fn answer(server: &Server, words: &[&str]) -> Result<String, String> {
    match words {
        ["peers", peers @ ..] => set_peers(server, peers).await,
        ["create", group, voters] => {
            let voters: Vec<NodeId> = voters.split(',').map(|voter| number(voter).map(NodeId)).collect::<Result<_, _>>()?;
            started(server, server.node.create(group_id(group)?, &voters).await)
        }
        ["start", group] => started(server, server.node.start(group_id(group)?).await),
        ["stop", group] => {
            server.remove(group_id(group)?);
            server.node.stop(group_id(group)?).await;
            Ok("ok".to_owned())
        }
        ["forget", group] => {
            server.remove(group_id(group)?);
            server.node.forget(group_id(group)?).await;
            Ok("ok".to_owned())
        }
        ["quit"] => {
            server.quit.notify_one();
            Ok("ok".to_owned())
        }
        ["load", groups, clients, millis, bytes] => {
            let groups: Result<Vec<Group>, String> =
                groups.split(',').map(|group| running(server, group).map(|(group, _)| group)).collect();
            let time = std::time::Duration::from_millis(number(millis)?);
            let latencies = load::load(groups?, number(clients)? as usize, time, number(bytes)? as usize).await;
            Ok(format!("load {} {}", latencies.count(), latencies.print()))
        }
        [command, group, rest @ ..] => {
            let (group, map) = running(server, group)?;
            of_group(&group, &map, command, rest).await
        }
        _ => Err("not understood".to_owned()),
    }
}

fn running(server: &Server, group: &str) -> Result<(Group, Shared), String> {
    let id = group_id(group)?;
    server.group(id).ok_or_else(|| format!("group {id} does not run here"))
}

async fn of_group(group: &Group, map: &Shared, command: &str, words: &[&str]) -> Result<String, String> {
    match (command, words) {
        ("put", [key, value]) => Ok(propose(group, None, Operation::Put(key, value)).await),
        ("putif", [token, key, value]) => Ok(propose(group, Some(*token), Operation::Put(key, value)).await),
        ("append", [key, item]) => Ok(propose(group, None, Operation::Append(key, item)).await),
        ("fill", [prefix, count, bytes]) => fill(group, prefix, number(count)?, number(bytes)? as usize).await,
        ("get", [key]) => Ok(match group.read_barrier().await {
            Ok(index) => {
                map.reached(index).await;
                peek(map, key)
            }
            Err(refusal) => refused(&refusal),
        }),
        ("peek", [key]) => Ok(peek(map, key)),
        ("hash", [index]) => {
            map.reached(number(index)?).await;
            let map = map.map();
            Ok(format!("hash {} {}", map.applied.unwrap_or_default(), map.hash()))
        }
        ("takeover", []) => takeover(group).await,
        ("lead", []) => Ok(match group.leader().now() {
            Leader::Us(leadership) => format!("us {leadership}"),
            Leader::Other(node) => format!("node {node}"),
            Leader::Nobody => "nobody".to_owned(),
        }),
        ("status", []) => Ok(status(group)),
        ("learner", [node]) => Ok(done(group.add_learner(node_id(node)?).await)),
        ("promote", [node]) => Ok(done(group.promote(node_id(node)?).await)),
        ("replace", [old, new]) => Ok(done(group.replace(node_id(old)?, node_id(new)?).await)),
        ("remove", [node]) => Ok(done(group.remove(node_id(node)?).await)),
        ("transfer", [node]) => {
            let to = if *node == "any" { None } else { Some(node_id(node)?) };
            Ok(match group.transfer(to).await {
                Ok(node) => format!("ok {node}"),
                Err(refusal) => refused(&refusal),
            })
        }
        ("checkpoint", []) => {
            group.checkpoint().await.map(|index| format!("ok {index}")).ok_or_else(|| "there is nothing to save".to_owned())
        }
        _ => Err("not understood".to_owned()),
    }
}

async fn set_peers(server: &Server, peers: &[&str]) -> Result<String, String> {
    let mut table = BTreeMap::new();
    for peer in peers {
        let (node, address) = peer.split_once('=').ok_or("peers are NODE=HOST:PORT")?;
        table.insert(node_id(node)?, address.to_owned());
    }
    server.node.set_peers(table, None);
    for group in server.node.stored_groups() {
        if server.group(group).is_none() {
            let (group, applied) = server.node.start(group).await.map_err(|error| error.to_string())?;
            server.insert(group, applied);
        }
    }
    Ok("ok".to_owned())
}

fn started(server: &Server, started: Result<(Group, conclave_raft::Applied), StartError>) -> Result<String, String> {
    let (group, applied) = started.map_err(|error| error.to_string())?;
    server.insert(group, applied);
    Ok("ok".to_owned())
}

async fn propose(group: &Group, token: Option<&str>, operation: Operation<'_>) -> String {
    let leadership = match (token, group.leader().now()) {
        (Some(token), _) => parse_token(token),
        (None, Leader::Us(leadership)) => Some(leadership),
        (None, Leader::Other(node)) => return refused(&Refusal::NotLeader { leader: Some(node) }),
        (None, Leader::Nobody) => None,
    };
    let Some(leadership) = leadership else { return refused(&Refusal::NotLeader { leader: None }) };
    match group.propose(leadership, operation.encode()).await {
        Ok(index) => format!("committed {index}"),
        Err(error) => not_committed(error),
    }
}

/// Keeps a window of proposals in flight; fails with the first that is not committed.
async fn fill(group: &Group, prefix: &str, count: u64, bytes: usize) -> Result<String, String> {
    let Leader::Us(leadership) = group.leader().now() else { return Err("this node does not lead".to_owned()) };
    let value = vec![b'x'; bytes];
    let mut waiting = std::collections::VecDeque::new();
    for n in 0..count {
        let key = format!("{prefix}{n}");
        let proposed =
            group.submit(leadership, Operation::Fill(&key, &value).encode()).await.map_err(|refusal| refusal.to_string())?;
        waiting.push_back(proposed);
        if waiting.len() >= FILL_WINDOW {
            let first = waiting.pop_front().ok_or("the window is empty")?;
            first.outcome().await.map_err(|error| error.to_string())?;
        }
    }
    for proposed in waiting {
        proposed.outcome().await.map_err(|error| error.to_string())?;
    }
    Ok("ok".to_owned())
}

/// Waits until this node leads, and commits an entry of its own then.
async fn takeover(group: &Group) -> Result<String, String> {
    let mut leader = group.leader();
    while let Some(now) = leader.changed().await {
        if let Leader::Us(leadership) = now {
            match group.propose(leadership, Operation::Put("takeover", "x").encode()).await {
                Ok(index) => return Ok(format!("committed {index}")),
                Err(NotCommitted::Refused(_)) => {}
                Err(error) => return Err(error.to_string()),
            }
        }
    }
    Err("the group was stopped".to_owned())
}

fn peek(map: &Shared, key: &str) -> String {
    let map = map.map();
    let index = map.applied.unwrap_or_default();
    match map.pairs.get(key.as_bytes()) {
        Some(value) => format!("value {index} {}", String::from_utf8_lossy(value)),
        None => format!("none {index}"),
    }
}

fn status(group: &Group) -> String {
    let status = group.status();
    let index = |index: Option<u64>| index.map_or("-".to_owned(), |index| index.to_string());
    let nodes = |nodes: &[NodeId]| nodes.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    format!(
        "term={} leader={} last={} committed={} applied={} checkpoint={} purged={} voters={} learners={}",
        status.term,
        index(status.leader.map(|node| node.0)),
        index(status.last),
        index(status.committed),
        index(status.applied),
        index(status.checkpoint.map(|(index, _)| index)),
        index(status.purged),
        nodes(&status.voters),
        nodes(&status.learners),
    )
}

fn done(outcome: Result<(), NotCommitted>) -> String {
    outcome.map_or_else(not_committed, |()| "ok".to_owned())
}

fn not_committed(error: NotCommitted) -> String {
    match error {
        NotCommitted::Refused(refusal) => refused(&refusal),
        NotCommitted::Unknown(why) => format!("unknown {why}"),
    }
}

fn refused(refusal: &Refusal) -> String {
    format!("refused {refusal}")
}

/// A leadership by its printed form.
fn parse_token(token: &str) -> Option<Leadership> {
    token.parse().ok()
}

fn group_id(word: &str) -> Result<GroupId, String> {
    word.parse().map(GroupId).map_err(|_| format!("{word:?} is no group"))
}

fn node_id(word: &str) -> Result<NodeId, String> {
    number(word).map(NodeId)
}

fn number(word: &str) -> Result<u64, String> {
    word.parse().map_err(|_| format!("{word:?} is no number"))
}

//! I21: a node that was away for longer than the others keep their logs gets the state instead, and is as good a home as any with it.

use std::time::Duration;

use cluster_tests::client::{SERVICE, is_groupchat, is_subject};
use cluster_tests::journal::{Replica, reading};
use cluster_tests::runner::CHECKPOINTED;
use cluster_tests::{Client, Cluster, awaiting::awaited};
use conclave_xmpp::ns;

use crate::three;

const ROOM: &str = "carried";

/// Behind a checkpoint, which is written every thousand entries at least; for a node that goes on the one before counts.
const KEPT: &str = "20";
const MISSED: usize = 3500;

/// Whoever enters is shown so many messages.
const SHOWN: usize = 20;

/// How often all are killed, at most, until their checkpoints are of one entry.
const ROUNDS: u32 = 3;

/// What a node says when it takes one.
const TAKEN: &str = "a snapshot takes the place of the state";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_was_away_for_long_is_a_home_by_what_it_was_handed() {
    let unlimited = [("CONCLAVE_SESSION_STANZAS_PER_SECOND", "0"), ("CONCLAVE_ROOM_MESSAGES_PER_SECOND", "0")];
    let mut cluster = three(&[unlimited[0], unlimited[1], ("CONCLAVE_LOG_ENTRIES_KEPT", KEPT)]);
    let room = format!("{ROOM}@{SERVICE}");
    let home = cluster.home(&room);
    let [away, third] = cluster.nodes().into_iter().filter(|node| *node != home).collect::<Vec<_>>()[..] else { panic!() };
    let mut owner = Client::must_open(&cluster.door(home), "user", "snapshots").await;
    owner.enter(ROOM, "Owner").await;
    owner.configure(ROOM, &[("persistentroom", "1")]).await;
    owner
        .ask(
            &room,
            "set",
            &format!("<query xmlns='{}'><item affiliation='member' jid='user7@localhost'/></query>", ns::MUC_ADMIN),
        )
        .await;

    // While the cluster was made, somebody may have been late.
    let before = taken(&cluster);
    cluster.kill(away);
    for number in 0..MISSED {
        let id = format!("missed-{number}");
        owner.say(ROOM, &id).await;
        owner.hear(&id).await;
    }
    assert_eq!(taken(&cluster), before, "nobody needed one so far");
    cluster.restart(away);
    cluster.await_whole();
    awaited("a snapshot that is taken", || (taken(&cluster) > before).then_some(()));

    let agrees = (1..=ROUNDS).any(|round| agree(&mut cluster, away, round * CHECKPOINTED));
    assert!(agrees, "nodes that do nothing have no checkpoints of one entry");

    lead(&mut cluster, &room, away, [home, third]);
    let mut owner = Client::must_open(&cluster.door(away), "user", "snapshots").await;
    assert_eq!(shown(&mut owner, "Owner").await, newest("missed", MISSED));
    let members =
        owner.ask(&room, "get", &format!("<query xmlns='{}'><item affiliation='member'/></query>", ns::MUC_ADMIN)).await;
    assert!(members.to_string().contains("user7@localhost"), "{members}");
    for number in 0..SHOWN {
        let id = format!("said-{number}");
        owner.say(ROOM, &id).await;
        owner.hear(&id).await;
    }
    cluster.restart(home);
    let mut other = Client::must_open(&cluster.door(home), "user2", "snapshots").await;
    assert_eq!(shown(&mut other, "Other").await, newest("said", SHOWN));
}

/// One of the others ends, and one is drained: then the room's home is the third.
fn lead(cluster: &mut Cluster, room: &str, node: u32, others: [u32; 2]) {
    cluster.terminate(others[0]);
    cluster.drain(node, others[1]);
    awaited("the room's home", || (cluster.home_as_seen_by(node, room) == Some(node)).then_some(()));
}

/// The messages that whoever enters is shown.
async fn shown(client: &mut Client, nick: &str) -> Vec<String> {
    client.ask_to_enter(ROOM, nick, "").await;
    client.until("the subject", is_subject).await;
    let history = client.passed().into_iter().filter(is_groupchat);
    history.filter_map(|stanza| Some(stanza.attribute("id")?.to_owned())).collect()
}

fn newest(prefix: &str, of: usize) -> Vec<String> {
    (of - SHOWN..of).map(|number| format!("{prefix}-{number}")).collect()
}

/// How many were taken so far.
fn taken(cluster: &Cluster) -> usize {
    cluster.said().matches(TAKEN).count()
}

/// All are killed, for whoever ends in order writes down that it does; they have the same state, and serve again. Whether their checkpoints were of the
/// same entry, so that this could be seen: where nothing happens they are after a moment.
fn agree(cluster: &mut Cluster, away: u32, moment: Duration) -> bool {
    std::thread::sleep(moment);
    let nodes = cluster.nodes();
    nodes.iter().for_each(|node| cluster.kill(*node));
    let replicas = reading::read(&nodes.iter().map(|node| (*node, cluster.node_dir(*node))).collect()).replicas;
    let begins_late = |replica: &&Replica| replica.shard.is_some() && replica.entries.is_some_and(|(first, _)| first > 100);
    let carried = replicas.iter().find(begins_late).expect("a log that does not go back to the beginning").shard;
    let states: Vec<_> = replicas.iter().filter(|replica| replica.shard == carried).collect();
    assert_eq!(states.len(), nodes.len());
    let of_before = |replica: &Replica| replica.node == away && replica.entries.is_some_and(|(first, _)| first == 0);
    assert!(!states.iter().any(|replica| of_before(replica)), "node {away} has the log of before");
    let comparable = states.iter().all(|state| state.applied == states[0].applied);
    for state in states.iter().filter(|state| state.applied == states[0].applied) {
        assert_eq!(state.hash, states[0].hash, "node {}", state.node);
    }
    cluster.restart_all(&nodes);
    cluster.await_whole();
    comparable
}

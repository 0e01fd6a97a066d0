//! The settings of the service: one set in the cluster, changed by a command at any node, for the homes on all nodes.

use std::time::Duration;

use cluster_tests::client::{SERVICE, error_of, is_error, is_presence_of, is_subject};
use cluster_tests::{Client, Cluster};
use conclave_server::admin::cluster::{ClusterStatus, NodeLine, NodeStands};
use tokio::time::Instant;

use crate::three;

/// From the command until the last home goes by it.
const HEARD_WITHIN: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_setting_holds_for_the_homes_on_all_nodes_and_for_good() {
    let mut cluster = three(&[("CONCLAVE_ROOMS_MAX", "777")]);
    assert_eq!(cluster.setting(3, "rooms_max"), "777");
    let mut user = Client::must_open(&cluster.door(1), "user2", "settings").await;
    for node in cluster.nodes() {
        assert_eq!(creation(&cluster, &mut user, node, "before").await, "created");
    }

    cluster.set(2, "room_creation", "admins");
    for node in cluster.nodes() {
        until_creation(&cluster, &mut user, node, "cancel not-allowed").await;
    }
    let mut admin = Client::must_open(&cluster.door(3), "admin", "settings").await;
    assert_eq!(creation(&cluster, &mut admin, 1, "by-an-admin").await, "created");

    let nodes = cluster.nodes();
    nodes.iter().for_each(|node| cluster.kill(*node));
    cluster.restart_all(&nodes);
    cluster.await_whole();
    let mut user = Client::must_open(&cluster.door(2), "user2", "settings").await;
    for node in cluster.nodes() {
        assert_eq!(cluster.setting(node, "room_creation"), "admins");
        assert_eq!(creation(&cluster, &mut user, node, "after").await, "cancel not-allowed");
    }
    cluster.set(1, "room_creation", "anyone");
    for node in cluster.nodes() {
        until_creation(&cluster, &mut user, node, "created").await;
    }
}

/// All nodes count by the new time from then on, so that nobody counts as dead who has not heard of it yet, and who is silent does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_time_after_which_a_silent_node_counts_as_dead_is_changed_while_all_run() {
    let cluster = three(&[("CONCLAVE_NODE_SILENT_MS", "600000")]);
    let meta = cluster.await_status(1, "a leader of meta", |status| status.groups[0].leader.is_some()).groups[0].leader.unwrap();
    let frozen = cluster.nodes().into_iter().find(|node| *node != meta).unwrap();
    cluster.set(frozen, "node_silent_ms", "8000");
    cluster.freeze(frozen);
    let down = |line: &NodeLine| line.node == frozen && line.stands == NodeStands::Down;
    cluster.await_status(meta, "the end of the frozen node", |status| status.nodes.iter().any(down));
    cluster.set(meta, "node_silent_ms", "600000");
    cluster.thaw(frozen);
    let all_serve = |status: &ClusterStatus| status.nodes.iter().all(|line| line.stands == NodeStands::Serving);
    let status = cluster.await_status(meta, "all nodes", all_serve);
    let lives = status.nodes.iter().map(|line| (line.node, line.incarnation));
    let expected = cluster.nodes().into_iter().map(|node| (node, if node == frozen { 2 } else { 1 }));
    assert!(lives.eq(expected), "somebody else counted as dead: {status:#?}");
}

async fn until_creation(cluster: &Cluster, user: &mut Client, home: u32, expected: &str) {
    let until = Instant::now() + HEARD_WITHIN;
    for attempt in 0.. {
        let came = creation(cluster, user, home, &format!("attempt-{attempt}-{expected}").replace(' ', "-")).await;
        if came == expected {
            return;
        }
        assert!(Instant::now() < until, "creation at the home on node {home}: {came}, and not {expected}");
    }
}

/// What comes of creating a room whose home is there: its name begins with this.
async fn creation(cluster: &Cluster, user: &mut Client, home: u32, name: &str) -> String {
    let name = |number: u32| format!("{name}-{number}");
    let room = (0..).map(name).find(|room| cluster.home(&format!("{room}@{SERVICE}")) == home);
    let room = room.unwrap_or_default();
    user.ask_to_enter(&room, "Nick", "").await;
    let answer = user.until("the answer", |stanza| is_presence_of(stanza, &room, "Nick")).await;
    if is_error(&answer) {
        return error_of(&answer);
    }
    user.until("the subject of the room", is_subject).await;
    "created".to_owned()
}

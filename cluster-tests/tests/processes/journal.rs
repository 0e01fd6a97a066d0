//! I21: what the nodes' logs hold when all is over is what clients saw, and the same at every node.

use cluster_tests::client::SERVICE;
use cluster_tests::journal::{Deed, Entry, reading};
use cluster_tests::{Client, awaiting::awaited_while};

use crate::three;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_logs_of_all_nodes_tell_what_was_said() {
    let mut cluster = three(&[]);
    let mut one = Client::must_open(&cluster.door(1), "user", "one").await;
    one.enter("told", "one").await;
    one.configure("told", &[("moderatedroom", "1")]).await;
    let mut other = Client::must_open(&cluster.door(2), "user2", "other").await;
    other.enter("told", "other").await;
    for text in ["first", "second"] {
        one.say("told", text).await;
        other.hear(text).await;
    }
    other.close().await;
    let dirs = cluster.nodes().into_iter().map(|node| (node, cluster.node_dir(node))).collect();
    let nodes = cluster.nodes();
    nodes.iter().for_each(|node| cluster.tell_to_end(*node));
    nodes.iter().for_each(|node| cluster.await_end(*node));

    let logs = awaited_while("the logs", || {
        let logs = reading::read(&dirs);
        if logs.lacking.is_empty() { Ok(logs) } else { Err(logs.lacking.join("; ")) }
    });
    let room = format!("told@{SERVICE}");
    let of_room: Vec<&Entry> = logs.journal.iter().filter(|entry| entry.room.as_ref() == Some(&room)).collect();
    let said = of_room.iter().filter_map(|entry| match &entry.deed {
        Deed::Message { send, body, .. } => Some((send.as_deref(), body.as_deref())),
        _ => None,
    });
    assert_eq!(said.collect::<Vec<_>>(), [(Some("first"), Some("first")), (Some("second"), Some("second"))]);
    let joined = of_room.iter().filter_map(|entry| match &entry.deed {
        Deed::Join { nick, creates, .. } => Some((nick.as_str(), *creates)),
        _ => None,
    });
    assert_eq!(joined.collect::<Vec<_>>(), [("one", true), ("other", false)]);
    let left = of_room.iter().flat_map(|entry| &entry.left).map(|(_, jid)| jid.as_str());
    assert_eq!(left.collect::<Vec<_>>(), ["user2@localhost/other"], "the other one is detached with its node");
    let moderated = of_room.iter().rev().find_map(|entry| match &entry.deed {
        Deed::Configure { fields, .. } => fields.get("moderatedroom").map(String::as_str),
        _ => None,
    });
    assert_eq!(moderated, Some("1"));

    let shard = of_room[0].shard;
    let replicas: Vec<_> = logs.replicas.iter().filter(|replica| replica.shard == Some(shard)).collect();
    assert_eq!(replicas.len(), 3);
    for replica in &replicas[1..] {
        let common = replica.digests.len().min(replicas[0].digests.len());
        assert_eq!(replica.digests[..common], replicas[0].digests[..common], "node {}", replica.node);
    }
}

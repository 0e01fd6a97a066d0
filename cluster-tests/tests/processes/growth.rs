//! A cluster grows from one node to three and shrinks again, with the commands of the README, while somebody chats.

use std::time::Duration;

use cluster_tests::client::{SERVICE, error_of, is_error, is_groupchat};
use cluster_tests::{Client, Cluster};
use conclave_server::admin::cluster::{ClusterStatus, Health, NodeStands};
use conclave_xmpp::{Element, ns};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::PROGRAM;

const ROOM: &str = "growing";

/// Between two messages: a person who types fast.
const BETWEEN: Duration = Duration::from_millis(50);

/// Somebody who says one message after the other, each when the one before was heard.
struct Chat {
    stop: watch::Sender<bool>,
    chatting: JoinHandle<(Client, usize)>,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_chat_goes_on_while_nodes_come_and_go() {
    // Whoever comes is handed the state, and not the log.
    let settings = [("CONCLAVE_SESSION_STANZAS_PER_SECOND", "0"), ("CONCLAVE_LOG_ENTRIES_KEPT", "0")];
    let mut cluster = Cluster::alone(PROGRAM, &settings, &["user", "user2"]);
    let mut owner = Client::must_open(&cluster.door(1), "user", "growth").await;
    owner.enter(ROOM, "Owner").await;
    owner.configure(ROOM, &[]).await;
    let chat = Chat::begin(owner);

    cluster.grow(1, 2);
    cluster.await_status(1, "two replicas of everything", |status| serve_all(status, &[1, 2]));
    // Any node can be asked.
    cluster.grow(2, 3);
    cluster.await_status(3, "three replicas of everything", |status| serve_all(status, &[1, 2, 3]));
    let mut other = Client::must_open(&cluster.door(3), "user2", "growth").await;
    other.enter(ROOM, "Other").await;

    cluster.drain(1, 2);
    let drained = cluster.await_status(1, "a node that hands over", |status| {
        stands(status, 2) == Some(NodeStands::Drained)
            && status.groups.iter().all(|group| ![None, Some(2)].contains(&group.leader))
    });
    assert!(drained.health < Health::Unavailable, "{drained:#?}");
    cluster.remove(1, 2);
    cluster.await_status(3, "two nodes without the second", |status| serve_all(status, &[1, 3]));
    cluster.await_end(2);

    let (mut owner, said) = chat.end().await;
    assert!(said > 0, "nothing was said meanwhile");
    owner.say(ROOM, "at last").await;
    owner.hear("at last").await;
    other.hear("at last").await;
    other.say(ROOM, "the same to you").await;
    owner.hear("the same to you").await;
    let shown = cluster.home(&format!("{ROOM}@{SERVICE}"));
    assert!([1, 3].contains(&shown), "the home is node {shown}");
}

/// It wakes up among those who do not let it in, and one whose word it would need if it counted votes is away: what one of them says is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_that_slept_while_it_was_removed_ends() {
    let mut cluster = Cluster::start(PROGRAM, 4, &[]);
    let voters =
        |status: &ClusterStatus| status.groups.iter().find(|group| group.shard.is_none()).map(|meta| meta.voters.clone());
    let status =
        cluster.await_status(1, "three that vote in meta", |status| voters(status).is_some_and(|voters| voters.len() == 3));
    let [by, sleeper, away] = voters(&status).unwrap()[..] else { unreachable!() };
    cluster.freeze(sleeper);
    cluster.await_status(by, "one that counts as dead", |status| stands(status, sleeper) == Some(NodeStands::Down));
    cluster.remove(by, sleeper);
    cluster.await_status(by, "three nodes without it", |status| status.nodes.len() == 3 && stands(status, sleeper).is_none());
    cluster.kill(away);
    cluster.thaw(sleeper);
    cluster.await_end(sleeper);
}

/// These nodes and no others, each with a replica of everything.
fn serve_all(status: &ClusterStatus, nodes: &[u32]) -> bool {
    let listed = status.nodes.iter().map(|line| line.node).eq(nodes.iter().copied());
    let serving = status.nodes.iter().all(|line| line.stands == NodeStands::Serving);
    let voters = status.groups.iter().all(|group| {
        let mut voters = group.voters.clone();
        voters.sort_unstable();
        voters == nodes && group.learners.is_empty()
    });
    // Two nodes are less safe than one, and the status says so.
    let health = if nodes.len() == 2 { Health::Degraded } else { Health::Healthy };
    listed && serving && voters && status.health == health
}

fn stands(status: &ClusterStatus, node: u32) -> Option<NodeStands> {
    status.nodes.iter().find(|line| line.node == node).map(|line| line.stands)
}

impl Chat {
    fn begin(client: Client) -> Chat {
        let (stop, stopped) = watch::channel(false);
        Chat { stop, chatting: tokio::spawn(chat(client, stopped)) }
    }

    /// The client, and how many messages it said and heard.
    async fn end(self) -> (Client, usize) {
        self.stop.send_replace(true);
        self.chatting.await.unwrap()
    }
}

/// Each message is heard once and in its place, and none is refused.
async fn chat(mut client: Client, stopped: watch::Receiver<bool>) -> (Client, usize) {
    let mut said = 0;
    while !*stopped.borrow() {
        let id = format!("chat-{said}");
        client.say(ROOM, &id).await;
        let answer = client.until(&format!("the answer to {id}"), |stanza| stanza.is("message", ns::CLIENT)).await;
        let heard = is_groupchat(&answer) && answer.attribute("id") == Some(&id);
        assert!(heard, "instead of {id} came {} {answer}", why(&answer));
        said += 1;
        tokio::time::sleep(BETWEEN).await;
    }
    (client, said)
}

fn why(answer: &Element) -> String {
    if is_error(answer) { error_of(answer) } else { "another message:".to_owned() }
}

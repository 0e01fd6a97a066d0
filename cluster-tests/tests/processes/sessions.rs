//! Sessions of accounts over several nodes: one holder of a resource, found from everywhere, and gone with its node.

use std::time::{Duration, Instant};

use cluster_tests::awaiting::LIMIT;
use cluster_tests::client::{error_of, is_error, stanza};
use cluster_tests::{Client, Cluster};
use conclave_server::admin::cluster::NodeStands;
use conclave_xmpp::{Element, ns};

use crate::three;

/// For what must not wait until a node that is silent counts as dead; the rest is for slow machines.
const AT_ONCE: Duration = LIMIT;

/// In milliseconds; longer than any test waits.
const SILENT: (&str, &str) = ("CONCLAVE_NODE_SILENT_MS", "60000");

/// How long an answer is waited for, before the question is asked again.
const AGAIN: Duration = Duration::from_secs(1);

/// RFC 6120 §7.7.2.2.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_resource_has_one_holder_whatever_the_nodes() {
    let cluster = three(&[]);
    let mut sender = Client::must_open(&cluster.door(3), "user2", "sender").await;
    let mut older = Client::must_open(&cluster.door(1), "user", "same").await;
    for node in [2, 3, 1] {
        let mut newer = Client::must_open(&cluster.door(node), "user", "same").await;
        older.until_ended_by("conflict").await;
        let id = format!("to node {node}");
        sender.send(&chat("user@localhost/same", &id)).await;
        let came = newer.until(&id, |stanza| is_chat(stanza, &id)).await;
        assert_eq!(came.attribute("from"), Some("user2@localhost/sender"), "{came}");
        older = newer;
    }
    // The sender has no older answers to read but errors, and there are none.
    sender.ask("localhost", "get", &ping()).await;
    let errors = sender.passed();
    assert!(errors.is_empty(), "{errors:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stanzas_find_their_way_between_all_nodes() {
    let cluster = three(&[]);
    let mut clients = Vec::new();
    for (user, node) in [("user", 1), ("user2", 2), ("user3", 3)] {
        let mut client = Client::must_open(&cluster.door(node), user, "way").await;
        client.send("<presence/>").await;
        // What is sent before it is answered is in force then.
        client.ask("localhost", "get", &ping()).await;
        clients.push(client);
    }
    for (from, to) in [(0, 1), (1, 0), (1, 2), (2, 1), (2, 0), (0, 2)] {
        let [sender, receiver] = clients.get_disjoint_mut([from, to]).unwrap();
        between(sender, receiver).await;
    }
}

/// To the account, to the session, and a question that is answered.
async fn between(sender: &mut Client, receiver: &mut Client) {
    let (mine, theirs) = (sender.jid().to_owned(), receiver.jid().to_owned());
    let account = theirs.split('/').next().unwrap();
    for to in [account, &theirs] {
        let id = format!("from {mine} to {to}");
        sender.send(&chat(to, &id)).await;
        let came = receiver.until(&id, |stanza| is_chat(stanza, &id)).await;
        assert_eq!((came.attribute("from"), came.attribute("to")), (Some(mine.as_str()), Some(to)), "{came}");
    }
    sender.send(&format!("<iq type='get' id='{mine}' to='{theirs}'>{}</iq>", ping())).await;
    let is_iq = |kind| move |stanza: &Element| stanza.is("iq", ns::CLIENT) && stanza.attribute("type") == Some(kind);
    let asked = receiver.until("the question", is_iq("get")).await;
    assert_eq!((asked.attribute("from"), asked.attribute("id")), (Some(mine.as_str()), Some(mine.as_str())), "{asked}");
    receiver.send(&format!("<iq type='result' id='{mine}' to='{mine}'><pong xmlns='urn:test'/></iq>")).await;
    let answer = sender.until("the answer", is_iq("result")).await;
    assert_eq!((answer.attribute("from"), answer.attribute("id")), (Some(theirs.as_str()), Some(mine.as_str())), "{answer}");
    assert!(answer.child("pong", "urn:test").is_some(), "{answer}");
}

/// RFC 6121 §8.5.3.2: to a session that is gone. The node of the sessions is the home of as many accounts as any other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_end_with_their_node() {
    let mut cluster = three(&[SILENT]);
    let mut lost = Vec::new();
    for (user, resource) in [("user", "lost"), ("user2", "lost"), ("user3", "again")] {
        let mut client = Client::must_open(&cluster.door(3), user, resource).await;
        client.send("<presence/>").await;
        client.ask("localhost", "get", &ping()).await;
        lost.push(client);
    }
    let mut other = Client::must_open(&cluster.door(1), "user", "other").await;
    other.send("<presence/>").await;
    let mut sender = Client::must_open(&cluster.door(2), "user4", "sender").await;
    cluster.kill(3);

    let start = Instant::now();
    let mut again = Client::must_open(&cluster.door(1), "user3", "again").await;
    assert!(start.elapsed() < AT_ONCE, "a resource of a node that died is free after {:?}", start.elapsed());
    sender.send(&chat("user3@localhost/again", "again")).await;
    again.until("a message to who came back", |stanza| is_chat(stanza, "again")).await;

    await_dead(&cluster, 3);
    // §8.5.3.2.1: nobody else of the account is here.
    let refused = refused(&mut sender, |id| chat("user2@localhost/lost", id)).await;
    assert_eq!(error_of(&refused), "cancel service-unavailable", "{refused}");
    let normal = refused_once(&mut sender, "<message id='normal' to='user2@localhost/lost'><body>normal</body></message>").await;
    assert_eq!(error_of(&normal), "cancel service-unavailable", "{normal}");
    let question = refused_once(&mut sender, &format!("<iq type='get' id='iq' to='user2@localhost/lost'>{}</iq>", ping())).await;
    assert_eq!(error_of(&question), "cancel service-unavailable", "{question}");
    // Somebody else is.
    redirected(&mut sender, &mut other, "user@localhost/lost").await;
}

fn await_dead(cluster: &Cluster, node: u32) {
    cluster.await_status(1, "a node that counts as dead", |status| {
        status.nodes.iter().any(|line| line.node == node && line.stands == NodeStands::Down)
    });
}

/// The first error that comes back: the homes of accounts hear of a death a moment after the register has it.
async fn refused(sender: &mut Client, message: impl Fn(&str) -> String) -> Element {
    let start = Instant::now();
    for attempt in 0.. {
        let id = format!("attempt-{attempt}");
        sender.send(&message(&id)).await;
        match sender.next(AGAIN).await.unwrap() {
            Some(answer) if is_error(&answer) => return answer,
            _ => assert!(start.elapsed() < LIMIT, "who writes to a session that is gone hears nothing"),
        }
    }
    unreachable!("there are always more numbers")
}

async fn refused_once(sender: &mut Client, text: &str) -> Element {
    sender.send(text).await;
    let id = stanza(text).attribute("id").map(str::to_owned);
    sender.until("the refusal", |answer| is_error(answer) && answer.attribute("id") == id.as_deref()).await
}

/// The same for a message that goes to another session of the account.
async fn redirected(sender: &mut Client, other: &mut Client, to: &str) {
    let start = Instant::now();
    for attempt in 0.. {
        let id = format!("redirected-{attempt}");
        sender.send(&chat(to, &id)).await;
        match other.next(AGAIN).await.unwrap() {
            // Also one of the earlier ones: they are late by as much as the machine is.
            Some(stanza) if (0..=attempt).any(|attempt| is_chat(&stanza, &format!("redirected-{attempt}"))) => return,
            _ => assert!(start.elapsed() < LIMIT, "what is written to {to} reaches nobody"),
        }
    }
}

fn chat(to: &str, id: &str) -> String {
    format!("<message type='chat' id='{id}' to='{to}'><body>{id}</body></message>")
}

fn is_chat(stanza: &Element, id: &str) -> bool {
    stanza.is("message", ns::CLIENT) && stanza.attribute("type") == Some("chat") && stanza.attribute("id") == Some(id)
}

fn ping() -> String {
    format!("<ping xmlns='{}'/>", ns::PING)
}

//! I18: a node without a majority refuses, and says so.

use std::time::Duration;

use cluster_tests::awaiting::LIMIT;
use cluster_tests::client::{SERVICE, error_of, is_error, is_groupchat};
use cluster_tests::{Client, Cluster};
use conclave_xmpp::{Element, ns};
use tokio::time::Instant;

use crate::three;

const ROOM: &str = "minority";

/// The promise is 5 s, which is held to where there is no other clock than the test's; the rest is for a machine that does much else.
const REFUSED_WITHIN: Duration = Duration::from_secs(10);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_message_to_a_minority_comes_back_as_an_error_and_is_not_reflected() {
    let cluster = three(&[]);
    for alone_is_home in [true, false] {
        refused_alone(&cluster, alone_is_home).await;
    }
}

async fn refused_alone(cluster: &Cluster, alone_is_home: bool) {
    let home = cluster.home(&format!("{ROOM}@{SERVICE}"));
    let alone = cluster.nodes().into_iter().find(|node| (*node == home) == alone_is_home).expect("there are three");
    let mut client = Client::must_open(&cluster.door(alone), "user", "minority").await;
    client.enter(ROOM, "Alone").await;
    client.configure(ROOM, &[]).await;
    let word = format!("word-{alone_is_home}");
    let others: Vec<u32> = cluster.nodes().into_iter().filter(|node| *node != alone).collect();
    others.iter().for_each(|node| cluster.freeze(*node));
    client.say(ROOM, &word).await;
    let answer = |stanza: &Element| stanza.is("message", ns::CLIENT) && stanza.attribute("id") == Some(&word);
    let answer = client.until_within(REFUSED_WITHIN, "the refusal", answer).await;
    others.iter().for_each(|node| cluster.thaw(*node));
    assert!(is_error(&answer) && error_of(&answer).starts_with("wait "), "node {alone} (home: {alone_is_home}): {answer}");
    speaks_again(&mut client).await;
    let late = client.passed().into_iter().filter(|stanza| is_groupchat(stanza) && stanza.attribute("id") == Some(&word)).count();
    assert!(late <= 1, "what was refused comes {late} times");
    client.close().await;
}

/// The others are back: what is said is heard, sooner or later.
async fn speaks_again(client: &mut Client) {
    let start = Instant::now();
    for attempt in 1.. {
        let id = format!("again-{attempt}");
        client.say(ROOM, &id).await;
        let answered = |stanza: &Element| stanza.is("message", ns::CLIENT) && stanza.attribute("id") == Some(&id);
        let answer = client.until("the answer to a message", answered).await;
        if is_groupchat(&answer) {
            return;
        }
        assert!(start.elapsed() < LIMIT, "the majority is back, and still: {answer}");
    }
}

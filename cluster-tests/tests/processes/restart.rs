//! All nodes die at once and come back.

use cluster_tests::Client;
use cluster_tests::client::{SERVICE, error_of, is_error, is_presence_of, is_subject};
use conclave_xmpp::ns;

use crate::three;

const ROOM: &str = "lasting";

/// I3, I9: configuration, affiliations and subject of a persistent room are on disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persistent_room_is_as_it_was_when_all_nodes_were_killed() {
    let mut cluster = three(&[]);
    let room = format!("{ROOM}@{SERVICE}");
    let mut owner = Client::must_open(&cluster.door(1), "user", "restart").await;
    owner.enter(ROOM, "Owner").await;
    owner.configure(ROOM, &[("persistentroom", "1"), ("membersonly", "1"), ("roomname", "A lasting room")]).await;
    let member = format!("<query xmlns='{}'><item affiliation='member' jid='user2@localhost'/></query>", ns::MUC_ADMIN);
    owner.ask(&room, "set", &member).await;
    owner.send(&format!("<message type='groupchat' to='{room}'><subject>What lasts</subject></message>")).await;
    owner.until("the new subject", |stanza| is_subject(stanza) && subject(stanza) == "What lasts").await;
    owner.say(ROOM, "said before").await;
    owner.hear("said before").await;

    for node in cluster.nodes() {
        cluster.kill(node);
    }
    cluster.restart_all(&[1, 2, 3]);
    cluster.await_whole();

    let mut member = Client::must_open(&cluster.door(2), "user2", "restart").await;
    member.ask_to_enter(ROOM, "Member", "").await;
    member.hear("said before").await;
    member.until("the subject", |stanza| is_subject(stanza) && subject(stanza) == "What lasts").await;
    let mut stranger = Client::must_open(&cluster.door(3), "user3", "restart").await;
    stranger.ask_to_enter(ROOM, "Stranger", "").await;
    let answer = stranger.until("the answer", |stanza| is_presence_of(stanza, ROOM, "Stranger")).await;
    assert!(is_error(&answer) && error_of(&answer) == "auth registration-required", "{answer}");
    let mut owner = Client::must_open(&cluster.door(1), "user", "restart").await;
    owner.enter(ROOM, "Owner").await;
    let form = owner.ask(&room, "get", &format!("<query xmlns='{}'/>", ns::MUC_OWNER)).await.to_string();
    assert!(form.contains("A lasting room"), "{form}");
}

fn subject(stanza: &conclave_xmpp::Element) -> String {
    stanza.child("subject", ns::CLIENT).map(conclave_xmpp::Element::text).unwrap_or_default()
}

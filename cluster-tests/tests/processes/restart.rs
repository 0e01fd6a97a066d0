//! All nodes die at once and come back.

use cluster_tests::awaiting::awaited;
use cluster_tests::client::{SERVICE, codes, error_of, is_error, is_presence_of, is_subject};
use cluster_tests::{Client, Cluster};
use conclave_xmpp::{Element, ns};

use crate::three;

const ROOM: &str = "lasting";
const TEMPORARY: &str = "passing";

/// I3, I9: configuration, affiliations, reserved nicks and subject of a persistent room are on disk.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_persistent_room_is_as_it_was_when_all_nodes_were_killed() {
    let mut cluster = three(&[]);
    let room = format!("{ROOM}@{SERVICE}");
    let mut owner = Client::must_open(&cluster.door(1), "user", "restart").await;
    owner.enter(ROOM, "Owner").await;
    owner.configure(ROOM, &[("persistentroom", "1"), ("membersonly", "1"), ("roomname", "A lasting room")]).await;
    for (affiliation, user) in [("member", "user2"), ("member", "user4"), ("admin", "user5"), ("outcast", "user6")] {
        owner.ask(&room, "set", &admin(&format!("affiliation='{affiliation}' jid='{user}@localhost'"))).await;
    }
    let mut member = Client::must_open(&cluster.door(2), "user2", "restart").await;
    member.ask(&room, "set", &registration("Reserved")).await;
    owner.send(&format!("<message type='groupchat' to='{room}'><subject>What lasts</subject></message>")).await;
    owner.until("the new subject", |stanza| is_subject(stanza) && subject(stanza) == "What lasts").await;
    owner.say(ROOM, "said before").await;
    owner.hear("said before").await;
    let before = kept(&mut owner, &room).await;
    assert!(before.iter().any(|text| text.contains("A lasting room")), "{before:?}");

    kill_and_restart_all(&mut cluster);

    let mut other = Client::must_open(&cluster.door(1), "user4", "restart").await;
    other.ask_to_enter(ROOM, "Reserved", "").await;
    assert_eq!(refusal(&mut other, "Reserved").await, "cancel conflict");
    let mut member = Client::must_open(&cluster.door(2), "user2", "restart").await;
    let form = member.ask(&room, "get", &format!("<query xmlns='{}'/>", ns::REGISTER)).await.to_string();
    assert!(form.contains("<registered") && form.contains("Reserved"), "{form}");
    member.ask_to_enter(ROOM, "Reserved", "").await;
    member.hear("said before").await;
    member.until("the subject", |stanza| is_subject(stanza) && subject(stanza) == "What lasts").await;
    let mut stranger = Client::must_open(&cluster.door(3), "user3", "restart").await;
    stranger.ask_to_enter(ROOM, "Stranger", "").await;
    assert_eq!(refusal(&mut stranger, "Stranger").await, "auth registration-required");
    let mut outcast = Client::must_open(&cluster.door(3), "user6", "restart").await;
    outcast.ask_to_enter(ROOM, "Outcast", "").await;
    assert_eq!(refusal(&mut outcast, "Outcast").await, "auth forbidden");
    let mut owner = Client::must_open(&cluster.door(1), "user", "restart").await;
    owner.enter(ROOM, "Owner").await;
    assert_eq!(kept(&mut owner, &room).await, before);
}

/// I9: a room that is not persistent ends when nobody has come back within the grace, and whoever comes then creates it anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_temporary_room_ends_when_all_nodes_were_killed_and_nobody_came_back() {
    let mut cluster = three(&[("CONCLAVE_DETACH_GRACE_MS", "2000")]);
    let room = format!("{TEMPORARY}@{SERVICE}");
    let mut owner = Client::must_open(&cluster.door(1), "user", "restart").await;
    owner.enter(TEMPORARY, "Owner").await;
    owner.configure(TEMPORARY, &[("membersonly", "1"), ("roomname", "A passing room")]).await;
    owner.say(TEMPORARY, "said before").await;
    owner.hear("said before").await;
    assert!(cluster.has_room(&room));

    kill_and_restart_all(&mut cluster);

    awaited("the end of the room", || (!cluster.has_room(&room)).then_some(()));
    let mut stranger = Client::must_open(&cluster.door(2), "user2", "restart").await;
    stranger.ask_to_enter(TEMPORARY, "Stranger", "").await;
    let answer = stranger.until("the answer", |stanza| is_presence_of(stanza, TEMPORARY, "Stranger")).await;
    assert!(codes(&answer).contains(&"201"), "{answer}");
    stranger.until("the subject of the room", is_subject).await;
    let form = stranger.ask(&room, "get", &format!("<query xmlns='{}'/>", ns::MUC_OWNER)).await.to_string();
    assert!(!form.contains("A passing room"), "{form}");
    let old = stranger.passed().into_iter().find(|stanza| stanza.attribute("id") == Some("said before"));
    assert!(old.is_none(), "a new room has {}", old.unwrap());
}

fn kill_and_restart_all(cluster: &mut Cluster) {
    let nodes = cluster.nodes();
    nodes.iter().for_each(|node| cluster.kill(*node));
    cluster.restart_all(&nodes);
    cluster.await_whole();
}

/// What an owner can see of what the room keeps: its configuration, and who has which affiliation.
async fn kept(owner: &mut Client, room: &str) -> Vec<String> {
    let mut kept = vec![owner.ask(room, "get", &format!("<query xmlns='{}'/>", ns::MUC_OWNER)).await.to_string()];
    for affiliation in ["owner", "admin", "member", "outcast"] {
        kept.push(owner.ask(room, "get", &admin(&format!("affiliation='{affiliation}'"))).await.to_string());
    }
    kept
}

fn admin(item: &str) -> String {
    format!("<query xmlns='{}'><item {item}/></query>", ns::MUC_ADMIN)
}

/// §7.10.
fn registration(nick: &str) -> String {
    let field = |var: &str, value: &str| format!("<field var='{var}'><value>{value}</value></field>");
    let fields = field("FORM_TYPE", "http://jabber.org/protocol/muc#register") + &field("muc#register_roomnick", nick);
    format!("<query xmlns='{}'><x xmlns='jabber:x:data' type='submit'>{fields}</x></query>", ns::REGISTER)
}

/// Why somebody is not let in.
async fn refusal(client: &mut Client, nick: &str) -> String {
    let answer = client.until("the answer", |stanza| is_presence_of(stanza, ROOM, nick)).await;
    assert!(is_error(&answer), "{answer}");
    error_of(&answer)
}

fn subject(stanza: &Element) -> String {
    stanza.child("subject", ns::CLIENT).map(Element::text).unwrap_or_default()
}

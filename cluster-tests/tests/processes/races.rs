//! Two who want the same thing at the same time, through two nodes.

use cluster_tests::Client;
use cluster_tests::client::{SERVICE, codes, error_of, is_error, is_groupchat, is_presence_of, is_unavailable};
use conclave_xmpp::{Element, ns};

use crate::three;

/// How many times each race is run. The simulation runs them by the hundred.
const ROUNDS: usize = 5;

/// One client on each node.
struct Three {
    owner: Client,
    rival: Client,
    observer: Client,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn have_one_winner_and_everybody_sees_the_same() {
    let cluster = three(&[]);
    let mut clients = Three {
        owner: Client::must_open(&cluster.door(1), "user", "race").await,
        rival: Client::must_open(&cluster.door(2), "user2", "race").await,
        observer: Client::must_open(&cluster.door(3), "user3", "race").await,
    };
    for round in 0..ROUNDS {
        for_a_nick(&mut clients, &format!("nick{round}")).await;
        for_a_room(&mut clients, &format!("creation{round}")).await;
        of_a_ban_and_a_message(&mut clients, &format!("ban{round}")).await;
        of_a_join_and_a_password(&mut clients, &format!("password{round}")).await;
    }
}

/// I11: exactly one gets it, the other is told `conflict`.
async fn for_a_nick(three: &mut Three, room: &str) {
    three.owner.enter(room, "Owner").await;
    three.owner.configure(room, &[]).await;
    tokio::join!(three.rival.ask_to_enter(room, "Same", ""), three.observer.ask_to_enter(room, "Same", ""));
    let answers = [admission(&mut three.rival, room, "Same").await, admission(&mut three.observer, room, "Same").await];
    let mut outcomes = answers.each_ref().map(|answer| if is_error(answer) { error_of(answer) } else { "in".to_owned() });
    outcomes.sort();
    assert_eq!(outcomes, ["cancel conflict", "in"], "{room}");
}

/// I12: exactly one is told 201. The other finds a room that is locked, or open already.
async fn for_a_room(three: &mut Three, room: &str) {
    tokio::join!(three.rival.ask_to_enter(room, "Rival", ""), three.observer.ask_to_enter(room, "Observer", ""));
    let answers = [admission(&mut three.rival, room, "Rival").await, admission(&mut three.observer, room, "Observer").await];
    let creators = answers.iter().filter(|answer| codes(answer).contains(&"201")).count();
    assert_eq!(creators, 1, "{room}: {answers:?}");
    let other = answers.iter().find(|answer| !codes(answer).contains(&"201")).unwrap();
    assert!(!is_error(other) || error_of(other) == "cancel item-not-found", "{room}: {other}");
}

/// I10: the message is before the ban for everybody, or for nobody.
async fn of_a_ban_and_a_message(three: &mut Three, room: &str) {
    all_enter(three, room).await;
    let id = format!("{room}-word");
    let ban = format!("<query xmlns='{}'><item affiliation='outcast' jid='user2@localhost'/></query>", ns::MUC_ADMIN);
    let to = format!("{room}@{SERVICE}");
    tokio::join!(three.owner.ask(&to, "set", &ban), three.rival.say(room, &id));
    three.rival.until("its own ban", |stanza| is_unavailable(stanza) && codes(stanza).contains(&"301")).await;
    let heard_itself = three.rival.passed().iter().any(|stanza| said(stanza, &id));
    if !heard_itself {
        three.rival.until("the refusal of its message", |s| s.attribute("id") == Some(&id) && is_error(s)).await;
    }
    let sees = |stanza: &Element| match stanza {
        stanza if said(stanza, &id) => Some("word"),
        stanza if is_presence_of(stanza, room, "Rival") && is_unavailable(stanza) => Some("ban"),
        _ => None,
    };
    let expected: &[&str] = if heard_itself { &["word", "ban"] } else { &["ban"] };
    both_saw(three, room, sees, expected).await;
    three.rival.ask("localhost", "get", &format!("<ping xmlns='{}'/>", ns::PING)).await;
    let stray = three.rival.passed().into_iter().find(|stanza| said(stanza, &format!("{room}-end")));
    assert!(stray.is_none(), "{room}: a banned one is shown {stray:?}");
}

/// Who is in was in before the password; who is not is not seen by anybody.
async fn of_a_join_and_a_password(three: &mut Three, room: &str) {
    three.owner.enter(room, "Owner").await;
    three.owner.configure(room, &[]).await;
    three.observer.enter(room, "Observer").await;
    forget(three);
    tokio::join!(three.owner.configure(room, &[("roomsecret", "sesame")]), three.rival.ask_to_enter(room, "Rival", ""));
    let answer = admission(&mut three.rival, room, "Rival").await;
    assert!(!is_error(&answer) || error_of(&answer) == "auth not-authorized", "{room}: {answer}");
    let sees = |stanza: &Element| match stanza {
        stanza if is_presence_of(stanza, room, "Rival") => Some("join"),
        stanza if is_groupchat(stanza) && codes(stanza).contains(&"104") => Some("password"),
        _ => None,
    };
    let expected: &[&str] = if is_error(&answer) { &["password"] } else { &["join", "password"] };
    both_saw(three, room, sees, expected).await;
}

/// What the room answers to whoever wants to enter: its own presence, or an error.
async fn admission(client: &mut Client, room: &str, nick: &str) -> Element {
    let own = |stanza: &Element| is_presence_of(stanza, room, nick) && (is_error(stanza) || codes(stanza).contains(&"110"));
    client.until("the answer to its entering", own).await
}

async fn all_enter(three: &mut Three, room: &str) {
    three.owner.enter(room, "Owner").await;
    three.owner.configure(room, &[]).await;
    three.rival.enter(room, "Rival").await;
    three.observer.enter(room, "Observer").await;
    forget(three);
}

/// Those who remain saw these things in this order, and the newcomers' presence that was still under way before it.
async fn both_saw(three: &mut Three, room: &str, sees: impl Fn(&Element) -> Option<&'static str>, expected: &[&str]) {
    let end = format!("{room}-end");
    three.owner.say(room, &end).await;
    for client in [&mut three.owner, &mut three.observer] {
        client.hear(&end).await;
        let passed = client.passed();
        let mut seen: Vec<&str> = passed.iter().filter_map(&sees).collect();
        seen.dedup();
        let shown: Vec<String> = passed.iter().map(Element::to_string).collect();
        assert_eq!(seen, expected, "{room}: {} passed over:\n{}", client.jid(), shown.join("\n"));
    }
}

fn forget(three: &mut Three) {
    for client in [&mut three.owner, &mut three.rival, &mut three.observer] {
        drop(client.passed());
    }
}

fn said(stanza: &Element, id: &str) -> bool {
    is_groupchat(stanza) && stanza.attribute("id") == Some(id)
}

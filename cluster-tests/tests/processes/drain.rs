//! A node that goes on purpose: its clients are told, come back through another node, and nobody sees that.

use std::collections::BTreeSet;

use cluster_tests::awaiting::awaited;
use cluster_tests::client::{SERVICE, is_presence_of, is_unavailable, stanza};
use cluster_tests::{Client, Cluster, Event, History, Line};
use conclave_server::admin::cluster::NodeStands;
use conclave_xmpp::Element;

use crate::talk::{HISTORY_MAX, Talking};
use crate::three;

const ROOM: &str = "moving";
const TALK: &str = "drained";

/// On the node that goes: the account, its resource when it comes back, and the nick. Some clients keep their resource, others get another.
const MOVING: [(&str, &str, &str); 4] =
    [("user6", "second", READY), ("user3", "first", "Keeps"), ("user4", "second", CHANGES), ("user5", "first", "Stays")];

/// Has logged in elsewhere before the node goes, so that it can enter in the very moment in which it hears that.
const READY: &str = "Ready";

const CHANGES: &str = "Changes";

/// Two on each node.
const SPEAKERS: [(&str, u32); 6] = [("user", 1), ("user2", 2), ("user3", 3), ("user4", 1), ("user5", 2), ("user6", 3)];

/// 6 × 50 is 300: two thirds before the node goes and while it does, the rest afterwards.
const SENDS: usize = 50;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_the_clients_of_a_node_move_that_ends() {
    for (leaving_is_home, drained_first) in [(false, false), (true, false), (true, true)] {
        let mut cluster = three(&[]);
        let home = cluster.home(&format!("{ROOM}@{SERVICE}"));
        let leaving = cluster.nodes().into_iter().find(|node| (*node == home) == leaving_is_home).expect("there are three");
        move_away(&mut cluster, leaving, drained_first).await;
    }
}

async fn move_away(cluster: &mut Cluster, leaving: u32, drained_first: bool) {
    let others: Vec<u32> = cluster.nodes().into_iter().filter(|node| *node != leaving).collect();
    let mut observers = Vec::new();
    for (user, node, nick) in [("admin", others[0], "Owner"), ("user", others[0], "One"), ("user2", others[1], "Two")] {
        let mut client = Client::must_open(&cluster.door(node), user, "observer").await;
        client.enter(ROOM, nick).await;
        if nick == "Owner" {
            client.configure(ROOM, &[]).await;
        }
        observers.push(client);
    }
    let mut moving = Vec::new();
    for (user, _, nick) in MOVING {
        let mut client = Client::must_open(&cluster.door(leaving), user, "first").await;
        client.enter(ROOM, nick).await;
        moving.push(client);
    }
    let (user, resource, _) = MOVING[0];
    let mut ready = Some(Client::must_open(&cluster.door(others[0]), user, resource).await);
    everybody_hears(&mut observers, "before").await;
    observers.iter_mut().for_each(|observer| drop(observer.passed()));

    match drained_first {
        true => cluster.drain(others[0], leaving),
        false => cluster.tell_to_end(leaving),
    }
    let mut back = Vec::new();
    for (at, (mut client, (user, resource, nick))) in moving.into_iter().zip(MOVING).enumerate() {
        client.until_ended_by("system-shutdown").await;
        // At once: the node need not have ended.
        let mut client = match ready.take() {
            Some(client) => client,
            None => Client::must_open(&cluster.door(others[at % 2]), user, resource).await,
        };
        client.enter(ROOM, nick).await;
        back.push(client);
    }
    if drained_first {
        cluster.tell_to_end(leaving);
    }
    cluster.await_end(leaving);
    for (client, (user, ..)) in back.iter_mut().zip(MOVING) {
        client.say(ROOM, user).await;
        client.hear(user).await;
        for observer in &mut observers {
            observer.hear(user).await;
        }
    }
    everybody_hears(&mut observers, "after").await;
    for client in &mut back {
        client.hear("after").await;
    }
    for observer in &mut observers {
        nothing_was_seen_by(observer, &format!("node {leaving} ended"));
    }
}

/// Who sees real JIDs may be shown that one of them has another resource now.
fn nothing_was_seen_by(observer: &mut Client, why: &str) {
    let sees_jids = observer.jid().starts_with("admin@");
    let has_another = |stanza: &Element| [READY, CHANGES].iter().any(|nick| is_presence_of(stanza, ROOM, nick));
    let may_be_seen = |stanza: &Element| sees_jids && has_another(stanza) && !is_unavailable(stanza);
    let passed = observer.passed();
    let of_moving = |stanza: &&Element| MOVING.iter().any(|(_, _, nick)| is_presence_of(stanza, ROOM, nick));
    let seen = passed.iter().filter(of_moving).find(|stanza| !may_be_seen(stanza));
    assert!(seen.is_none(), "{why}, and {} saw {}", observer.jid(), seen.unwrap());
}

async fn everybody_hears(observers: &mut [Client], id: &str) {
    observers[0].say(ROOM, id).await;
    for observer in observers {
        observer.hear(id).await;
    }
}

/// The command, told to another node, and a talk meanwhile: the home moves, I1-I4 hold, nothing is refused, and nobody sees anybody leave or come.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_talk_goes_on_while_the_home_is_drained() {
    let cluster = three(&[HISTORY_MAX]);
    let talking = Talking::begin(&cluster, TALK, &SPEAKERS, SENDS).await;
    let sends = SPEAKERS.len() * SENDS;
    talking.permit(sends - sends / 3);
    talking.settled(sends / 6).await;
    let room = format!("{TALK}@{SERVICE}");
    let drained = cluster.home(&room);
    let others: Vec<u32> = cluster.nodes().into_iter().filter(|node| *node != drained).collect();
    let others: [u32; 2] = others.try_into().expect("there are three");
    cluster.drain(others[0], drained);
    cluster.await_status(others[1], "a drained node that leads nothing", |status| {
        status.groups.iter().all(|group| group.leader.is_some_and(|leader| leader != drained))
    });
    // Whoever attends the rooms hears of it a moment later.
    awaited("another home of the room", || (cluster.home(&room) != drained).then_some(()));
    // It goes on as a replica, and can be asked.
    cluster.await_status(drained, "a drained node that says so", |status| {
        status.nodes.iter().any(|line| line.node == drained && line.stands == NodeStands::Drained)
    });
    let moved = SPEAKERS.iter().filter(|(_, node)| *node == drained).count();
    talking.entered(SPEAKERS.len() + moved).await;
    talking.permit(sends / 3);
    talking.settled(sends).await;
    let history = talking.judge(&cluster, others).await;
    assert_eq!(movements(&history), Vec::<String>::new());
    assert_eq!(unknown_to_its_sender(&history), Vec::<String>::new());
}

/// What others were shown, and its sender, whose stream was ended meanwhile, was not.
fn unknown_to_its_sender(history: &History) -> Vec<String> {
    let shown = history.lines.iter().filter_map(|line| match &line.event {
        Event::Received { send, .. } => send.as_deref(),
        _ => None,
    });
    let shown: BTreeSet<&str> = shown.collect();
    let is_shown = |line: &&Line| matches!(&line.event, Event::Unknown { send } if shown.contains(send.as_str()));
    history.lines.iter().filter(is_shown).map(ToString::to_string).collect()
}

/// Speakers whom others saw leaving, or coming again, before the last message was said.
fn movements(history: &History) -> Vec<String> {
    let before_the_end = history.lines.iter().take_while(|line| line.session != "closer");
    let seen = before_the_end.filter_map(|line| match &line.event {
        Event::Seen { stanza } => Some((line, stanza)),
        _ => None,
    });
    let mut known = BTreeSet::new();
    let mut wrong = Vec::new();
    for (line, text) in seen {
        let seen = stanza(text);
        for (nick, _) in SPEAKERS.iter().filter(|(nick, _)| is_presence_of(&seen, TALK, nick)) {
            // A session is shown everybody once.
            if is_unavailable(&seen) || !known.insert((&line.session, *nick)) {
                wrong.push(line.to_string());
            }
        }
    }
    wrong
}

//! Two nodes are cut from each other while the third reaches both. I2, I15: an occupant on the far side goes on receiving, or is told.

use std::time::Duration;

use cluster_tests::awaiting::LIMIT;
use cluster_tests::client::{SERVICE, codes, error_of, is_groupchat, is_presence_of, is_unavailable};
use cluster_tests::{Client, Cluster, Wire, Wires};
use conclave_xmpp::{Element, ns};
use tokio::time::Instant;

use crate::three;

/// Long enough for a node to count as dead, which takes 5 s, and for its occupants to have lost their seats.
const CUT_FOR: Duration = Duration::from_secs(12);

/// How long occupants of a node that counts as dead keep their seats.
const GRACE_MS: &str = "2000";

/// Between two rounds of words.
const BETWEEN: Duration = Duration::from_millis(200);

/// Within this time an occupant receives what was said, or is told that it does not. A node gives up a home after 5 s.
const NO_SILENCE_FOR: Duration = LIMIT;

/// Who is at home, at the third node, and at the edge.
const NEAR: &str = "Near";
const MIDDLE: &str = "Middle";
const FAR: &str = "Far";

/// Rooms of which one has the home that a test wants: with 16 shards over three nodes one of these is there for sure.
const ROOMS_MAX: usize = 100;

/// Who leads meta, and so takes whom it does not hear for dead.
#[derive(Clone, Copy, Debug)]
enum Meta {
    AtHome,
    AtEdge,
    Elsewhere,
}

/// What becomes of somebody who waits for a message.
#[derive(PartialEq, Eq, Debug)]
enum Outcome {
    /// It came.
    Heard,
    /// It was the waiting one's own, and came back as an error of type `wait`.
    Wait,
    /// The waiting one is out, and knows.
    Told(String),
}

/// A room whose home and whose far occupant's node are cut from each other.
struct Scene {
    cluster: Cluster,
    wires: Wires,
    room: String,
    home: u32,
    edge: u32,
    third: u32,
    /// At home.
    near: Client,
    /// At the third node.
    middle: Client,
    /// At the edge.
    far: Client,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_left_in_silence_behind_a_silent_wire() {
    for meta in cases(&[Meta::AtHome]) {
        never_in_silence(Wire::Silent, meta).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_is_left_in_silence_behind_a_wire_that_closes() {
    for meta in cases(&[Meta::AtEdge]) {
        never_in_silence(Wire::Closed, meta).await;
    }
}

/// With `CONCLAVE_EVERY_CUT`, all of them; else a few.
fn cases(few: &[Meta]) -> Vec<Meta> {
    let every = std::env::var_os("CONCLAVE_EVERY_CUT").is_some();
    if every { vec![Meta::AtHome, Meta::AtEdge, Meta::Elsewhere] } else { few.to_vec() }
}

async fn never_in_silence(wire: Wire, meta: Meta) {
    let mut scene = Scene::set(meta).await;
    let what = format!("{wire:?}, meta {meta:?}: home {}, edge {}, third {}", scene.home, scene.edge, scene.third);
    scene.wires.set(scene.home, scene.edge, wire);
    let told = scene.talk_while_cut(&what).await;
    scene.wires.set(scene.home, scene.edge, Wire::Whole);
    scene.all_hear_each_other_again(told.as_ref().map(|(nick, _)| *nick)).await;
    // I15: whoever was not told stayed, for all others. A leave of who was told is shown once.
    for client in [&mut scene.near, &mut scene.middle, &mut scene.far] {
        let passed = client.passed();
        for nick in [NEAR, MIDDLE, FAR] {
            let left = passed.iter().filter(|stanza| is_presence_of(stanza, &scene.room, nick) && is_unavailable(stanza)).count();
            let may = usize::from(told.as_ref().is_some_and(|(told, _)| *told == nick));
            assert!(left <= may, "{what}: {} saw {nick} leave {left} times; told: {told:?}", client.jid());
        }
    }
}

impl Scene {
    async fn set(meta: Meta) -> Scene {
        let mut cluster = three(&[("CONCLAVE_DETACH_GRACE_MS", GRACE_MS)]);
        let wires = cluster.wired();
        let (room, [home, edge, third]) = place(&cluster, meta);
        let mut near = Client::must_open(&cluster.door(home), "user", "cut").await;
        near.enter(&room, NEAR).await;
        near.configure(&room, &[]).await;
        let mut middle = Client::must_open(&cluster.door(third), "user2", "cut").await;
        middle.enter(&room, MIDDLE).await;
        let mut far = Client::must_open(&cluster.door(edge), "user3", "cut").await;
        far.enter(&room, FAR).await;
        let mut scene = Scene { cluster, wires, room, home, edge, third, near, middle, far };
        assert_eq!(scene.said(NEAR, "before").await, Ok((NEAR, Outcome::Heard)));
        for client in [&mut scene.near, &mut scene.middle, &mut scene.far] {
            drop(client.passed());
        }
        scene
    }

    /// Both speak for a while, and wait for it. Returns who was told that it is out and how, if somebody was.
    async fn talk_while_cut(&mut self, what: &str) -> Option<(&'static str, String)> {
        let (start, mut heard) = (Instant::now(), 0);
        for round in 0.. {
            for nick in [NEAR, FAR] {
                let outcome = self.said(nick, &format!("{nick}-{round}")).await;
                match outcome.unwrap_or_else(|why| panic!("{what}, {:?} after the cut: {why}", start.elapsed())) {
                    (who, Outcome::Told(why)) => return Some((who, why)),
                    (_, Outcome::Heard) => heard += 1,
                    (_, Outcome::Wait) => {}
                }
            }
            if start.elapsed() > CUT_FOR {
                break;
            }
            tokio::time::sleep(BETWEEN).await;
        }
        assert!(heard > 0, "{what}: there is a majority, and it takes nothing");
        None
    }

    /// One speaks. What it hears itself is committed: all others hear it, too, or are told that they are out. Whom the outcome concerns.
    async fn said(&mut self, nick: &'static str, id: &str) -> Result<(&'static str, Outcome), String> {
        let room = self.room.clone();
        let mut clients = [(NEAR, &mut self.near), (MIDDLE, &mut self.middle), (FAR, &mut self.far)];
        clients.sort_by_key(|(other, _)| *other != nick);
        clients[0].1.say(&room, id).await;
        for (at, (other, client)) in clients.into_iter().enumerate() {
            let outcome = outcome(client, &room, other, id).await.map_err(|why| format!("{other}, {id}: {why}"))?;
            match outcome {
                Outcome::Heard => {}
                Outcome::Wait if at > 0 => return Err(format!("{other} has the error of {nick}, {id}")),
                Outcome::Wait | Outcome::Told(_) => return Ok((other, outcome)),
            }
        }
        Ok((nick, Outcome::Heard))
    }

    /// The wire is whole. Whoever was told enters again; the others have missed nothing.
    async fn all_hear_each_other_again(&mut self, out: Option<&'static str>) {
        for (nick, node, user, client) in [
            (NEAR, self.home, "user", &mut self.near),
            (MIDDLE, self.third, "user2", &mut self.middle),
            (FAR, self.edge, "user3", &mut self.far),
        ] {
            if out == Some(nick) {
                *client = let_in_again(&self.cluster.door(node), user).await;
                client.enter(&self.room, nick).await;
            }
        }
        let start = Instant::now();
        for nick in [NEAR, MIDDLE, FAR] {
            for attempt in 0.. {
                match self.said(nick, &format!("{nick}-after-{attempt}")).await.unwrap() {
                    (_, Outcome::Heard) => break,
                    (who, outcome) => assert!(start.elapsed() < LIMIT, "the wire is whole, and still: {who} {outcome:?}"),
                }
            }
        }
    }
}

/// A node that has just found the others again may ask its clients to wait.
async fn let_in_again(door: &str, user: &str) -> Client {
    let start = Instant::now();
    loop {
        match Client::open(door, user, "again").await {
            Ok(client) => return client,
            Err(error) => {
                let waits = error.to_string().contains("type='wait'") && start.elapsed() < LIMIT;
                assert!(waits, "{user} does not get in {:?} after the wire is whole: {error}", start.elapsed());
            }
        }
    }
}

/// A room, and home, edge and third node, so that meta is where it should be. Leadership is spread first, so that it stays where it is.
fn place(cluster: &Cluster, meta: Meta) -> (String, [u32; 3]) {
    let nodes = cluster.nodes();
    let status = cluster.await_status(1, "leaders that are spread", |status| {
        let led = nodes
            .iter()
            .map(|node| status.groups.iter().filter(|group| group.shard.is_some() && group.leader == Some(*node)).count());
        led.min() >= Some(status.groups.len() / nodes.len())
    });
    let leader = status.groups.iter().find(|group| group.shard.is_none()).and_then(|group| group.leader).expect("meta has one");
    let at_home = matches!(meta, Meta::AtHome);
    let found = (0..ROOMS_MAX).map(|number| format!("cut{number}")).find_map(|room| {
        let home = cluster.home(&format!("{room}@{SERVICE}"));
        ((home == leader) == at_home).then_some((room, home))
    });
    let (room, home) = found.expect("a room with such a home");
    let others: Vec<u32> = nodes.iter().copied().filter(|node| *node != home).collect();
    // Where there is a choice, not the first node: an edge that tries the replicas one by one then comes upon its own before the third node's.
    let is_edge = |node: &u32| if at_home { *node != nodes[0] } else { matches!(meta, Meta::AtEdge) == (*node == leader) };
    let edge = *others.iter().find(|node| is_edge(node)).expect("there are three");
    let third = *others.iter().find(|node| **node != edge).expect("there are three");
    (room, [home, edge, third])
}

/// An error is silence, or what nobody should be told.
async fn outcome(client: &mut Client, room: &str, nick: &str, id: &str) -> Result<Outcome, String> {
    let is_it = |stanza: &Element| stanza.is("message", ns::CLIENT) && stanza.attribute("id") == Some(id);
    let own = |stanza: &Element| codes(stanza).contains(&"110") && codes(stanza).contains(&"333");
    let out = |stanza: &Element| is_presence_of(stanza, room, nick) && is_unavailable(stanza) && own(stanza);
    let ends = |stanza: &Element| is_it(stanza) || out(stanza) || stanza.is("error", ns::STREAM);
    match client.try_until(NO_SILENCE_FOR, ends).await {
        Ok(Some(stanza)) if is_it(&stanza) && is_groupchat(&stanza) => Ok(Outcome::Heard),
        Ok(Some(stanza)) if is_it(&stanza) && error_of(&stanza).starts_with("wait ") => Ok(Outcome::Wait),
        Ok(Some(stanza)) if is_it(&stanza) => Err(stanza.to_string()),
        Ok(Some(stanza)) => Ok(Outcome::Told(stanza.to_string())),
        Ok(None) => Err(format!("silence for {NO_SILENCE_FOR:?}")),
        Err(closed) => Err(format!("its connection ended without a word: {closed}")),
    }
}

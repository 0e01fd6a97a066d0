//! The node of an occupant dies without a word.

use std::time::{Duration, Instant};

use cluster_tests::awaiting::LIMIT;
use cluster_tests::client::{SERVICE, codes, is_presence_of, is_unavailable};
use cluster_tests::{Client, Cluster};
use conclave_xmpp::{Element, ns};

use crate::three;

const ROOM: &str = "edges";

/// More messages than a replica keeps that all who live have acknowledged, with what they acknowledge late.
const FORGOTTEN_AFTER: usize = 400;

/// An occupant on a node that will die, and two who look on from the others.
struct Scene {
    cluster: Cluster,
    victim: u32,
    others: [u32; 2],
    one: Client,
    two: Client,
}

impl Scene {
    /// The node that dies is the home of the room, or is not.
    async fn set(grace: Duration, victim_is_home: bool) -> Scene {
        let cluster = three(&[("CONCLAVE_DETACH_GRACE_MS", &grace.as_millis().to_string())]);
        let home = cluster.home(&format!("{ROOM}@{SERVICE}"));
        let victim = cluster.nodes().into_iter().find(|node| (*node == home) == victim_is_home).expect("there are three");
        let others: Vec<u32> = cluster.nodes().into_iter().filter(|node| *node != victim).collect();
        let others: [u32; 2] = others.try_into().expect("there are three");
        let mut one = Client::must_open(&cluster.door(others[0]), "user", "edge").await;
        one.enter(ROOM, "One").await;
        one.configure(ROOM, &[]).await;
        let mut two = Client::must_open(&cluster.door(others[1]), "user2", "edge").await;
        two.enter(ROOM, "Two").await;
        Scene { cluster, victim, others, one, two }
    }

    /// The occupant enters, and everybody has seen that.
    async fn enter(&mut self, node: u32) -> Client {
        let mut client = Client::must_open(&self.cluster.door(node), "user3", "edge").await;
        client.enter(ROOM, "Victim").await;
        client
    }

    async fn everybody_hears(&mut self, id: &str) {
        self.one.say(ROOM, id).await;
        self.one.hear(id).await;
        self.two.hear(id).await;
    }

    /// What both saw of the occupant since they were last asked.
    fn seen_of_victim(&mut self) -> [Vec<Element>; 2] {
        [&mut self.one, &mut self.two].map(|client| {
            let passed = client.passed().into_iter();
            passed.filter(|stanza| is_presence_of(stanza, ROOM, "Victim")).collect()
        })
    }
}

/// I14, for an occupant who does not come back.
async fn one_unavailable_comes_after_the_grace(victim_is_home: bool) {
    let grace = Duration::from_secs(2);
    let mut scene = Scene::set(grace, victim_is_home).await;
    let _victim = scene.enter(scene.victim).await;
    scene.everybody_hears("before").await;
    scene.seen_of_victim();
    let start = Instant::now();
    scene.cluster.kill(scene.victim);
    let left = |stanza: &Element| is_presence_of(stanza, ROOM, "Victim") && is_unavailable(stanza);
    scene.one.until("the leave of the one who does not come back", left).await;
    assert!(start.elapsed() >= grace, "it comes after {:?}, within the grace", start.elapsed());
    scene.two.until("the leave of the one who does not come back", left).await;
    scene.everybody_hears("after").await;
    assert_eq!(scene.seen_of_victim(), [Vec::new(), Vec::new()]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_unavailable_comes_after_the_grace_of_an_edge() {
    one_unavailable_comes_after_the_grace(false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_unavailable_comes_after_the_grace_of_an_edge_that_is_home() {
    one_unavailable_comes_after_the_grace(true).await;
}

/// I15: who comes back within the grace through another node was never away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_sees_who_comes_back_within_the_grace() {
    let mut scene = Scene::set(Duration::from_secs(60), false).await;
    let _cut = scene.enter(scene.victim).await;
    scene.everybody_hears("before").await;
    scene.seen_of_victim();
    scene.cluster.kill(scene.victim);
    let mut back = scene.enter(scene.others[0]).await;
    back.say(ROOM, "back").await;
    back.hear("back").await;
    for client in [&mut scene.one, &mut scene.two] {
        client.hear("back").await;
    }
    scene.everybody_hears("after").await;
    assert_eq!(scene.seen_of_victim(), [Vec::new(), Vec::new()]);
}

/// The same for a node that is started again at once: a new life of it, in which the old one's occupants sit nowhere until they come back.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_edge_that_is_back_at_once_is_not_noticed_but_by_those_who_stay_away() {
    // So long that a slow machine can start a node in it; the test waits until it is over.
    let grace = Duration::from_secs(16);
    let mut scene = Scene::set(grace, false).await;
    let _cut = scene.enter(scene.victim).await;
    let mut lost = Client::must_open(&scene.cluster.door(scene.victim), "user4", "edge").await;
    lost.enter(ROOM, "Lost").await;
    scene.everybody_hears("before").await;
    scene.seen_of_victim();
    let start = Instant::now();
    scene.cluster.kill(scene.victim);
    scene.cluster.restart(scene.victim);
    let mut back = scene.enter(scene.victim).await;
    assert!(start.elapsed() < grace, "the machine is too slow for this test: it took {:?}", start.elapsed());
    back.say(ROOM, "back").await;
    back.hear("back").await;
    let left = |stanza: &Element| is_presence_of(stanza, ROOM, "Lost") && is_unavailable(stanza);
    scene.one.until_within(grace + LIMIT, "the leave of the one who stays away", left).await;
    assert!(start.elapsed() >= grace, "it comes after {:?}, within the grace", start.elapsed());
    scene.two.until("the leave of the one who stays away", left).await;
    scene.everybody_hears("after").await;
    back.hear("after").await;
    for client in [&mut scene.one, &mut scene.two] {
        let passed = client.passed();
        assert_eq!(passed.iter().filter(|stanza| stanza.attribute("id") == Some("back")).count(), 1, "{passed:?}");
        let moved = passed.iter().find(|stanza| ["Victim", "Lost"].iter().any(|nick| is_presence_of(stanza, ROOM, nick)));
        assert!(moved.is_none(), "{} saw {}", client.jid(), moved.unwrap());
    }
}

/// I15, for occupants whose node is silent for so long that their seats are vacated, and who are connected all the while: they hear that they are out,
/// though so much was said since that nobody keeps what they missed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn who_was_given_up_with_a_frozen_node_is_told_when_it_is_back() {
    let mut scene = Scene::set(Duration::from_secs(1), false).await;
    let mut victim = scene.enter(scene.victim).await;
    scene.everybody_hears("before").await;
    victim.hear("before").await;
    scene.cluster.freeze(scene.victim);
    let left = |stanza: &Element| is_presence_of(stanza, ROOM, "Victim") && is_unavailable(stanza);
    scene.one.until("the leave of the one whose node is silent", left).await;
    for number in 0..FORGOTTEN_AFTER {
        scene.everybody_hears(&format!("missed{number}")).await;
    }
    scene.cluster.thaw(scene.victim);
    let told = victim.until("that it is out", left).await;
    assert!(["110", "333"].iter().all(|code| codes(&told).contains(code)), "{told}");
    victim.enter(ROOM, "Victim").await;
    scene.everybody_hears("after").await;
    victim.hear("after").await;
    let passed = victim.passed();
    assert!(!passed.iter().any(|stanza| left(stanza) || stanza.is("error", ns::STREAM)), "it is told once: {passed:?}");
}

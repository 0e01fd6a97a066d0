//! I3, I20: a home that hears of no majority for a moment, so that the log takes nothing from it, and leads on.

use std::time::Duration;

use cluster_tests::client::SERVICE;
use cluster_tests::{Client, Cluster};
use tokio::time::{Instant, sleep, timeout};

use crate::three;

const ROOM: &str = "stall";

/// Longer than a leader's word holds without an answer of the others, 630 ms, and not so long that they would elect another when they wake up.
const SILENT: Duration = Duration::from_millis(900);

/// Nobody stands for election before, from when the first of the others was frozen until both go on.
const ELECTED_AFTER: Duration = Duration::from_millis(1100);

/// What the log did not take is proposed anew, or refused, within this time.
const ANSWERED_MAX: Duration = Duration::from_secs(4);

/// Moments in which the home led on.
const STALLS: usize = 4;

/// As many as a slow machine may need for those.
const TRIES_MAX: usize = 12;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_while_no_majority_answers_is_reflected_when_it_does_again() {
    let cluster = three(&[]);
    let room = format!("{ROOM}@{SERVICE}");
    let mut client = Client::must_open(&cluster.door(cluster.home(&room)), "user", "stall").await;
    client.enter(ROOM, "A").await;
    client.configure(ROOM, &[]).await;
    let mut stalls = 0;
    for attempt in 0..TRIES_MAX {
        let home = cluster.home(&room);
        let word = format!("stalled-{attempt}");
        let silent = stall(&cluster, home, &mut client, &word).await;
        let reflected = timeout(ANSWERED_MAX, client.hear(&word)).await;
        if silent < ELECTED_AFTER && cluster.home(&room) == home {
            assert!(reflected.is_ok(), "{word} is not reflected; the nodes said:\n{}", cluster.said());
            stalls += 1;
        }
        if stalls == STALLS {
            return;
        }
    }
    panic!("the machine is too slow for this test: of {TRIES_MAX} times the home led on {stalls} times");
}

/// The client speaks while all but the home are silent. Returns for how long they were.
async fn stall(cluster: &Cluster, home: u32, client: &mut Client, word: &str) -> Duration {
    let others: Vec<u32> = cluster.nodes().into_iter().filter(|node| *node != home).collect();
    let start = Instant::now();
    others.iter().for_each(|node| cluster.freeze(*node));
    // Not to wait for something: this is how long they are silent.
    sleep(SILENT).await;
    client.say(ROOM, word).await;
    sleep(Duration::from_millis(100)).await;
    others.iter().for_each(|node| cluster.thaw(*node));
    start.elapsed()
}

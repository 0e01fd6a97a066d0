//! I3, I20: a home that hears of no majority for a moment, so that the log takes nothing from it, and leads on.

use std::time::Duration;

use cluster_tests::Client;
use cluster_tests::client::SERVICE;
use tokio::time::{sleep, timeout};

use crate::three;

const ROOM: &str = "stall";

/// Longer than a leader's word holds without an answer of the others, 630 ms, and not so long that they would elect another when they wake up.
const SILENT: Duration = Duration::from_millis(900);

/// What the log did not take is proposed anew, or refused, within this time.
const ANSWERED_MAX: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_said_while_no_majority_answers_is_reflected_when_it_does_again() {
    let cluster = three(&[]);
    let home = cluster.home(&format!("{ROOM}@{SERVICE}"));
    let mut client = Client::must_open(&cluster.door(home), "user", "stall").await;
    client.enter(ROOM, "A").await;
    client.configure(ROOM, &[]).await;
    let others: Vec<u32> = cluster.nodes().into_iter().filter(|node| *node != home).collect();
    for round in 0..4 {
        others.iter().for_each(|node| cluster.freeze(*node));
        // Not to wait for something: this is how long they are silent.
        sleep(SILENT).await;
        let word = format!("stalled-{round}");
        client.say(ROOM, &word).await;
        sleep(Duration::from_millis(100)).await;
        others.iter().for_each(|node| cluster.thaw(*node));
        let reflected = timeout(ANSWERED_MAX, client.hear(&word)).await;
        assert!(reflected.is_ok(), "{word} is not reflected; the nodes said:\n{}", cluster.said());
    }
}

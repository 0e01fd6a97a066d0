//! I1-I4: a thousand messages through one room, with occupants on all nodes, while its home is killed three times.

use std::path::Path;
use std::sync::Arc;

use cluster_tests::awaiting::LIMIT;
use cluster_tests::client::SERVICE;
use cluster_tests::speaker::{LAST, Speaker, Talk, spoken};
use cluster_tests::{CHECKERS, Client, Cluster, Committed, Event, History, Recorder};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use crate::three;

const ROOM: &str = "thousand";

/// Two on each node; and two more enter through every node that was started again.
const SPEAKERS: [(&str, u32); 6] = [("user", 1), ("user2", 2), ("user3", 3), ("user4", 1), ("user5", 2), ("user6", 3)];
const NEWCOMERS: [&str; 3] = ["admin", "user7", "user8"];

/// 6 × 150 + 3 × 34 is 1,002.
const SENDS: usize = 150;
const NEWCOMER_SENDS: usize = 34;

/// Messages that may be said before and behind each fall of the home; the last stretch takes what is left.
const STRETCH: usize = 125;

/// Who looks at the room when all is over.
const WITNESS: &str = "witness";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_arrive_once_and_in_one_order_while_the_home_is_killed_three_times() {
    let mut cluster = three(&[("CONCLAVE_HISTORY_MAX", "5000")]);
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("thousand.jsonl");
    let talk = Talk {
        doors: cluster.doors(),
        recorder: Recorder::to(&path).unwrap(),
        permits: Arc::new(Semaphore::new(0)),
        settled: watch::Sender::new(0),
        entered: watch::Sender::new(0),
    };
    let mut owner = Client::must_open(&cluster.door(1), "user", "owner").await;
    owner.enter(ROOM, "owner").await;
    owner.configure(ROOM, &[("historylength", "5000")]).await;
    let mut speakers: Vec<JoinHandle<()>> = SPEAKERS.iter().map(|(user, node)| speak(&talk, user, *node, SENDS)).collect();
    reached(&talk.entered, SPEAKERS.len(), "entries").await;
    owner.close().await;
    for (round, newcomer) in NEWCOMERS.iter().enumerate() {
        talk.permits.add_permits(2 * STRETCH);
        reached(&talk.settled, (2 * round + 1) * STRETCH, "messages").await;
        let home = fall(&mut cluster);
        let entered = *talk.entered.borrow();
        speakers.push(speak(&talk, newcomer, home, NEWCOMER_SENDS));
        reached(&talk.entered, entered + 1, "entries").await;
    }
    let sends = SPEAKERS.len() * SENDS + NEWCOMERS.len() * NEWCOMER_SENDS;
    talk.permits.add_permits(sends - 2 * STRETCH * NEWCOMERS.len());
    reached(&talk.settled, sends, "messages").await;
    // The room ends with its last occupant, and somebody must be in it when the witness comes.
    let closer = end(&cluster, &talk).await;
    for speaker in speakers {
        timeout(LIMIT, speaker).await.expect("a speaker is not shown the last message").unwrap();
    }
    look(&cluster, &talk.recorder).await;
    closer.close().await;
    judge(&talk.recorder);
}

fn speak(talk: &Talk, user: &str, node: u32, sends: usize) -> JoinHandle<()> {
    let speaker = Speaker { user: user.to_owned(), node, room: ROOM.to_owned(), sends, talk: talk.clone() };
    tokio::spawn(speaker.run())
}

async fn reached(count: &watch::Sender<usize>, target: usize, what: &str) {
    // Three times the limit: in the longest stretch a home falls and hundreds of messages are said.
    let reached = timeout(LIMIT * 3, count.subscribe().wait_for(|count| *count >= target)).await.map(|waited| waited.is_ok());
    assert!(reached.is_ok(), "{} of {target} {what} after {} s", *count.borrow(), LIMIT.as_secs() * 3);
}

/// The home dies in the middle of the talk, and comes back.
fn fall(cluster: &mut Cluster) -> u32 {
    let home = cluster.home(&format!("{ROOM}@{SERVICE}"));
    cluster.kill(home);
    cluster.restart(home);
    cluster.await_whole();
    home
}

/// Somebody says the last message.
async fn end(cluster: &Cluster, talk: &Talk) -> Client {
    let mut closer = Client::must_open(&cluster.door(2), "user2", "closer").await;
    closer.enter(ROOM, "closer").await;
    let room = format!("{ROOM}@{SERVICE}");
    talk.recorder.record("closer", 2, &room, Event::Invoke { send: LAST.to_owned() });
    closer.say(ROOM, LAST).await;
    let (stanza_id, send, _) = spoken(&closer.hear(LAST).await).expect("it has a text");
    talk.recorder.record("closer", 2, &room, Event::Ok { send: send.expect("its id"), stanza_id });
    closer
}

/// A witness enters, and is shown all that the room keeps.
async fn look(cluster: &Cluster, recorder: &Recorder) {
    let mut witness = Client::must_open(&cluster.door(3), "user3", WITNESS).await;
    witness.ask_to_enter(ROOM, WITNESS, "<history maxstanzas='5000'/>").await;
    witness.until("the subject of the room", cluster_tests::client::is_subject).await;
    for (stanza_id, send, delayed) in witness.passed().iter().filter_map(spoken) {
        recorder.record(WITNESS, 3, &format!("{ROOM}@{SERVICE}"), Event::Received { stanza_id, send, delayed });
    }
}

fn judge(recorder: &Recorder) {
    let history = recorder.history();
    let committed = Committed::shown_to(WITNESS, &history, &format!("{ROOM}@{SERVICE}"));
    let verdicts = CHECKERS.map(|(promise, check)| (promise, check(&history, &committed)));
    let report: String = verdicts.iter().map(|(promise, verdict)| format!("{promise}: {verdict}\n")).collect();
    let at = recorder.path().display();
    assert!(verdicts.iter().all(|(_, verdict)| verdict.passed()), "{report}all lines are in {at}");
    assert_eq!(against_the_promise_of_a_pause(&history), Vec::<String>::new(), "all lines are in {at}");
}

/// A home that dies is a pause: nobody is removed, and nothing is refused.
fn against_the_promise_of_a_pause(history: &History) -> Vec<String> {
    let wrong = history.lines.iter().filter(|line| match &line.event {
        Event::Refused { .. } => true,
        Event::Left { why } => why.starts_with("removed") || why.starts_with("not let in") || why == "silence",
        _ => false,
    });
    wrong.map(ToString::to_string).collect()
}

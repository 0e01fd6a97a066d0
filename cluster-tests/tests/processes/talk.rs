//! A room full of speakers, and the judgement when all is said: I1-I4, and nobody was refused or removed.

use std::path::Path;
use std::sync::Arc;

use cluster_tests::awaiting::LIMIT;
use cluster_tests::client::SERVICE;
use cluster_tests::speaker::{LAST, Speaker, Talk, spoken};
use cluster_tests::{CHECKERS, Client, Cluster, Committed, Event, History, Recorder};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// Who looks at the room when all is over.
const WITNESS: &str = "witness";

/// What a room may keep: all that is said.
pub const HISTORY_MAX: (&str, &str) = ("CONCLAVE_HISTORY_MAX", "5000");

/// A room in which all is kept, and those who speak in it.
pub struct Talking {
    pub room: &'static str,
    pub talk: Talk,
    speakers: Vec<JoinHandle<()>>,
}

impl Talking {
    /// `user` owns the room and enters first; these speakers follow, each with a number of messages to say. Returns when all are in.
    pub async fn begin(cluster: &Cluster, room: &'static str, speakers: &[(&str, u32)], sends: usize) -> Talking {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{room}.jsonl"));
        let talk = Talk {
            doors: cluster.doors(),
            recorder: Recorder::to(&path).unwrap(),
            permits: Arc::new(Semaphore::new(0)),
            settled: watch::Sender::new(0),
            entered: watch::Sender::new(0),
        };
        let mut owner = Client::must_open(&cluster.door(1), "user", "owner").await;
        owner.enter(room, "owner").await;
        owner.configure(room, &[("historylength", "5000")]).await;
        let mut talking = Talking { room, talk, speakers: Vec::new() };
        for (user, node) in speakers {
            talking.speak(user, *node, sends);
        }
        talking.entered(speakers.len()).await;
        owner.close().await;
        talking
    }

    /// One more.
    pub fn speak(&mut self, user: &str, node: u32, sends: usize) {
        let (user, room) = (user.to_owned(), self.room.to_owned());
        let speaker = Speaker { user, node, room, sends, talk: self.talk.clone() };
        self.speakers.push(tokio::spawn(speaker.run()));
    }

    /// So many messages may be said from now on.
    pub fn permit(&self, sends: usize) {
        self.talk.permits.add_permits(sends);
    }

    /// Waits until so many messages have been said.
    pub async fn settled(&self, sends: usize) {
        reached(&self.talk.settled, sends, "messages").await;
    }

    /// Waits until speakers have entered so many times.
    pub async fn entered(&self, times: usize) {
        reached(&self.talk.entered, times, "entries").await;
    }

    /// Somebody says the last message through one of these nodes, all hear it, a witness is shown what the room keeps, and all is compared.
    /// Returns what happened.
    pub async fn judge(self, cluster: &Cluster, nodes: [u32; 2]) -> History {
        // The room ends with its last occupant, and somebody must be in it when the witness comes.
        let closer = self.end(cluster, nodes[0]).await;
        for speaker in self.speakers {
            timeout(LIMIT, speaker).await.expect("a speaker is not shown the last message").unwrap();
        }
        look(cluster, self.room, nodes[1], &self.talk.recorder).await;
        closer.close().await;
        judge(self.room, &self.talk.recorder)
    }

    async fn end(&self, cluster: &Cluster, node: u32) -> Client {
        let mut closer = Client::must_open(&cluster.door(node), "user2", "closer").await;
        closer.enter(self.room, "closer").await;
        let (room, recorder) = (format!("{}@{SERVICE}", self.room), &self.talk.recorder);
        recorder.record("closer", node, &room, Event::say(LAST));
        closer.say(self.room, LAST).await;
        let (stanza_id, send, _) = spoken(&closer.hear(LAST).await).expect("it has a text");
        recorder.record("closer", node, &room, Event::said(&send.expect("its id"), &stanza_id));
        closer
    }
}

async fn reached(count: &watch::Sender<usize>, target: usize, what: &str) {
    // Three times the limit: in the longest stretch a home falls and hundreds of messages are said.
    let reached = timeout(LIMIT * 3, count.subscribe().wait_for(|count| *count >= target)).await.map(|waited| waited.is_ok());
    assert!(reached.is_ok(), "{} of {target} {what} after {} s", *count.borrow(), LIMIT.as_secs() * 3);
}

/// A witness enters, and is shown all that the room keeps.
async fn look(cluster: &Cluster, room: &str, node: u32, recorder: &Recorder) {
    let mut witness = Client::must_open(&cluster.door(node), "user3", WITNESS).await;
    witness.ask_to_enter(room, WITNESS, "<history maxstanzas='5000'/>").await;
    witness.until("the subject of the room", cluster_tests::client::is_subject).await;
    for (stanza_id, send, delayed) in witness.passed().iter().filter_map(spoken) {
        recorder.record(WITNESS, node, &format!("{room}@{SERVICE}"), Event::received(stanza_id, send, delayed));
    }
}

fn judge(room: &str, recorder: &Recorder) -> History {
    let history = recorder.history();
    let committed = Committed::shown_to(WITNESS, &history, &format!("{room}@{SERVICE}"));
    let verdicts = CHECKERS.map(|(promise, check)| (promise, check(&history, &committed)));
    let report: String = verdicts.iter().map(|(promise, verdict)| format!("{promise}: {verdict}\n")).collect();
    let at = recorder.path().display();
    assert!(verdicts.iter().all(|(_, verdict)| verdict.passed()), "{report}all lines are in {at}");
    assert_eq!(against_the_promise_of_a_pause(&history), Vec::<String>::new(), "all lines are in {at}");
    history
}

/// A home that goes is a pause: nobody is removed, and nothing is refused.
fn against_the_promise_of_a_pause(history: &History) -> Vec<String> {
    let wrong = history.lines.iter().filter(|line| match &line.event {
        Event::Refused { .. } => true,
        Event::Left { why } => why.starts_with("removed") || why.starts_with("not let in") || why == "silence",
        _ => false,
    });
    wrong.map(ToString::to_string).collect()
}

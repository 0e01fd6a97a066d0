//! Every profile of traffic for a moment, without faults: all works, and what a room says is what it keeps.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use cluster_tests::client::{SERVICE, is_subject};
use cluster_tests::history::Phase;
use cluster_tests::speaker::spoken;
use cluster_tests::traffic::{Manner, Profile, Traffic};
use cluster_tests::{Act, CHECKERS, Client, Cluster, Committed, Event, History, Line, Recorder, Verdict};
use tokio::sync::watch;

use crate::talk::HISTORY_MAX;
use crate::{number, three};

/// How long each profile plays.
const PLAY: Duration = Duration::from_millis(700);

/// How long people may take to get where they are to be. The machines that run this are slow and shared.
const LIMIT: Duration = Duration::from_secs(30);

/// Unless `CONCLAVE_SEED` says another.
const SEED: u64 = 45;

/// Errors that the rules of a room allow; any other means that the server or the client is at fault.
const RULES: [&str; 8] = [
    "auth forbidden",
    "auth not-authorized",
    "auth registration-required",
    "cancel conflict",
    "cancel item-not-found",
    "cancel not-acceptable",
    "cancel not-allowed",
    "cancel gone",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_every_profile_works_while_nothing_is_broken() {
    let cluster = three(&[HISTORY_MAX]);
    let failed = play_all(&cluster, &Profile::ALL).await;
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

/// Returns what went wrong.
async fn play_all(cluster: &Cluster, profiles: &[Profile]) -> Vec<String> {
    let seed = number("CONCLAVE_SEED").unwrap_or(SEED);
    let only = std::env::var("CONCLAVE_TRAFFIC").map(|name| Profile::parse(&name).unwrap());
    let profiles = only.map_or(profiles.to_vec(), |only| vec![only]);
    let mut failed = Vec::new();
    for profile in profiles {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("traffic-{}.jsonl", profile.name()));
        let recorder = Recorder::to(&path).unwrap();
        let manner = Manner { profile, seed, rate: 120, kept: Some(5000) };
        let played = play(cluster, manner, &recorder).await;
        let complaints = played.map_or_else(|error| vec![error], |rooms| complaints(&recorder.history(), &rooms, profile));
        if !complaints.is_empty() {
            failed.push(format!("{}, {}:\n{}", profile.name(), path.display(), complaints.join("\n")));
        }
    }
    failed
}

/// Returns the rooms.
async fn play(cluster: &Cluster, manner: Manner, recorder: &Recorder) -> Result<Vec<String>, String> {
    let phase = watch::Sender::new(Phase::Setting);
    let enter = |next| {
        recorder.record("runner", 0, "", Event::Phase { phase: next });
        phase.send_replace(next);
    };
    let traffic = Traffic::begin(manner, cluster.doors(), recorder.clone(), phase.subscribe());
    traffic.arrived(LIMIT).await?;
    enter(Phase::Safety);
    tokio::time::sleep(PLAY).await;
    enter(Phase::Liveness);
    traffic.proved(LIMIT).await?;
    enter(Phase::Looking);
    traffic.quiet(LIMIT).await?;
    traffic.look().await?;
    let rooms = traffic.rooms();
    witness(cluster, &rooms, recorder).await;
    enter(Phase::Over);
    traffic.ended(LIMIT).await?;
    destroy(cluster, &rooms).await;
    Ok(rooms)
}

/// Somebody is shown all that the rooms keep.
async fn witness(cluster: &Cluster, rooms: &[String], recorder: &Recorder) {
    let mut witness = Client::must_open(&cluster.door(1), "looker", "witness").await;
    for room in judged(rooms) {
        let local = room.strip_suffix(&format!("@{SERVICE}")).unwrap();
        witness.ask_to_enter(local, "witness", "<history maxstanzas='5000'/>").await;
        witness.until("the subject of the room", is_subject).await;
        for (stanza_id, send, delayed) in witness.passed().iter().filter_map(spoken) {
            recorder.record("witness", 1, room, Event::received(stanza_id, send, delayed));
        }
    }
    witness.close().await;
}

/// Without those that are made and destroyed again.
fn judged(rooms: &[String]) -> impl Iterator<Item = &String> {
    rooms.iter().filter(|room| !room.starts_with("race") && !room.starts_with("fresh"))
}

/// The next profile may have a room of the same name.
async fn destroy(cluster: &Cluster, rooms: &[String]) {
    let mut owner = Client::must_open(&cluster.door(1), "looker", "end").await;
    for room in rooms {
        let payload = "<query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query>";
        owner.send(&format!("<iq type='set' id='end' to='{room}'>{payload}</iq>")).await;
        owner.until("the end of a room", |stanza| stanza.attribute("id") == Some("end")).await;
    }
    owner.close().await;
}

fn complaints(history: &History, rooms: &[String], profile: Profile) -> Vec<String> {
    let wrong = history.lines.iter().filter(|line| match &line.event {
        Event::Refused { error, .. } => !RULES.contains(&error.as_str()) || is_all_allowed(profile),
        Event::Unknown { .. } => may_not_break(profile),
        Event::Left { why } => may_not_break(profile) && why.starts_with("cut off"),
        _ => false,
    });
    let mut complaints: Vec<String> = wrong.map(ToString::to_string).collect();
    complaints.extend(unsettled(history));
    let history = &of_messages(history);
    let mut checked = 0;
    for room in judged(rooms) {
        let committed = Committed::shown_to("witness", history, room);
        for (promise, check) in CHECKERS {
            match check(history, &committed) {
                Verdict::Pass { checked: more } => checked += more,
                other => complaints.push(format!("{room}: {promise}: {other}")),
            }
        }
    }
    if checked == 0 && profile != Profile::Rooms {
        complaints.push("nothing was checked".to_owned());
    }
    complaints
}

/// Without the acknowledgements of subjects: nobody is shown a former one who enters.
fn of_messages(history: &History) -> History {
    let is_of_subject = |line: &&Line| matches!(&line.event, Event::Invoke { act: Act::Subject { .. }, .. });
    let subjects = history.lines.iter().filter(is_of_subject).filter_map(|line| match &line.event {
        Event::Invoke { send, .. } => Some(send.as_str()),
        _ => None,
    });
    let subjects: BTreeSet<&str> = subjects.collect();
    let is_kept = |line: &&Line| !matches!(&line.event, Event::Ok { send, .. } if subjects.contains(send.as_str()));
    History { lines: history.lines.iter().filter(is_kept).cloned().collect() }
}

/// Where nobody may be refused anything.
fn is_all_allowed(profile: Profile) -> bool {
    matches!(profile, Profile::Chat | Profile::Presence | Profile::SlowReaders | Profile::Churn)
}

/// Where nobody breaks off its own connection.
fn may_not_break(profile: Profile) -> bool {
    !matches!(profile, Profile::Churn | Profile::Rooms | Profile::ReconnectStorm | Profile::Mixed)
}

/// Sends that never came to an end, or to more than one.
fn unsettled(history: &History) -> Vec<String> {
    let mut sends = BTreeMap::new();
    for line in &history.lines {
        match &line.event {
            Event::Invoke { send, .. } => sends.entry(send).or_insert((0, 0)).0 += 1,
            Event::Ok { send, .. } | Event::Refused { send, .. } | Event::Unknown { send } => {
                sends.entry(send).or_insert((0, 0)).1 += 1;
            }
            _ => {}
        }
    }
    sends
        .into_iter()
        .filter(|(_, times)| *times != (1, 1))
        .map(|(send, times)| format!("{send}: begun and ended {times:?}"))
        .collect()
}

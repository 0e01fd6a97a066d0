//! The home of the scenario's room is killed or frozen right after a step, and the scenario passes, exactly.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use cluster_tests::Cluster;
use cluster_tests::awaiting::LIMIT;
use cluster_tests::client::SERVICE;
use cluster_tests::dice::Dice;
use conclave_scansion::{Act, Hook, Options, Reason, Script, Targets, play};
use conclave_xmpp::Jid;
use tokio::sync::watch;

use crate::{more_scenarios, spec, three};

/// How long a frozen home sleeps: long enough to be replaced, short enough to wake up while the scenario still runs.
const FROZEN: Duration = Duration::from_secs(3);

/// Rarely the shard changes its home by itself in the middle of a play, which then tests nothing.
const TRIES_MAX: usize = 3;

/// Scenarios of other directories, by name, and which of their steps are tried: every so manieth.
const MORE: [(&str, usize); 2] = [("muc_password.scs", 1), ("muc_show_offline.scs", 3)];

/// Of `spec/xep-0045`, for the handful only: several clients, and no step that is about time.
const OURS: [&str; 8] = [
    "7.2.2-presence-broadcast.scs",
    "7.2.5-password.scs",
    "7.4-message-to-all.scs",
    "7.6-changing-nickname.scs",
    "8.2-kicking-an-occupant.scs",
    "9.1-banning-a-user.scs",
    "10.2-subsequent-configuration.scs",
    "10.9-destroying-a-room.scs",
];

/// Seed of the handful, unless `CONCLAVE_SEED` says another.
const SEED: u64 = 45;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Kill,
    Freeze,
}

/// One play: what, and after which step (from 1) the home falls.
#[derive(Clone, Debug)]
struct Case {
    script: PathBuf,
    step: usize,
    fault: Fault,
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_after_a_step_is_not_noticed() {
    play_all(cases(Fault::Kill, 3)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn frozen_after_a_step_is_not_noticed() {
    play_all(cases(Fault::Freeze, 1)).await;
}

async fn play_all(cases: Vec<Case>) {
    let mut failed = Vec::new();
    for case in &cases {
        if let Err(report) = play_case(case).await {
            failed.push(format!("{case:?}: {report}"));
        }
    }
    assert!(failed.is_empty(), "{} of {} failed:\n{}", failed.len(), cases.len(), failed.join("\n"));
}

/// With `CONCLAVE_EVERY_STEP`, the whole matrix; else a handful that the seed chooses.
fn cases(fault: Fault, handful: usize) -> Vec<Case> {
    let more: Vec<(PathBuf, usize)> = MORE.iter().filter_map(|(name, every)| Some((find(name)?, *every))).collect();
    if std::env::var_os("CONCLAVE_EVERY_STEP").is_some() {
        assert_eq!(more.len(), MORE.len(), "CONCLAVE_SCENARIOS names the directory of {MORE:?}");
        return more.into_iter().flat_map(|(script, every)| every_step(script, every, fault)).collect();
    }
    let ours = OURS.iter().map(|name| spec().join("xep-0045").join(name));
    let scripts: Vec<PathBuf> = more.into_iter().map(|(script, _)| script).chain(ours).collect();
    let seed = std::env::var("CONCLAVE_SEED").map_or(SEED, |seed| seed.parse().expect("CONCLAVE_SEED is a number"));
    let mut dice = Dice::new(seed ^ fault as u64);
    let case = |_| {
        let script = dice.pick(&scripts).clone();
        Case { step: 1 + dice.below(steps(&script)), script, fault }
    };
    (0..handful).map(case).collect()
}

fn every_step(script: PathBuf, every: usize, fault: Fault) -> Vec<Case> {
    (1..=steps(&script)).step_by(every).map(|step| Case { script: script.clone(), step, fault }).collect()
}

fn steps(script: &Path) -> usize {
    Script::read(script).unwrap_or_else(|error| panic!("{error}")).steps.len()
}

fn find(name: &str) -> Option<PathBuf> {
    more_scenarios().into_iter().map(|directory| directory.join(name)).find(|path| path.exists())
}

/// On a cluster of its own, until the home stayed where it was.
async fn play_case(case: &Case) -> Result<(), String> {
    let script = Script::read(&case.script).map_err(|error| error.to_string())?;
    let mut moved = String::new();
    for _ in 0..TRIES_MAX {
        let cluster = tokio::task::spawn_blocking(|| three(&[])).await.expect("a cluster");
        match play_on(Arc::new(Mutex::new(cluster)), &script, case).await {
            Err(Reason::Hook(why)) => moved = why,
            Err(reason) => return Err(reason.to_string()),
            Ok(report) => return report,
        }
    }
    Err(format!("inconclusive, {TRIES_MAX} times: {moved}"))
}

/// A hook that failed is an error; whatever the server did wrong is a report.
async fn play_on(cluster: Arc<Mutex<Cluster>>, script: &Script, case: &Case) -> Result<Result<(), String>, Reason> {
    let room = room_of(script);
    let (home, doors) = {
        let cluster = cluster.lock().unwrap();
        let home = cluster.home(&room);
        let others = cluster.nodes().into_iter().filter(|node| *node != home);
        (home, others.map(|node| cluster.door(node)).collect::<Vec<_>>())
    };
    let (frozen, mut is_frozen) = watch::channel(false);
    let hook = hook(cluster.clone(), room, home, case.fault, frozen);
    let options = Options {
        targets: Targets::parse(&doors.join(",")).unwrap(),
        timeout: LIMIT,
        exact: true,
        extra_dir: Some(spec().join("extra")),
        after_step: Some((case.step, hook)),
        ..Options::default()
    };
    let thaw = async {
        // Never, if the home is killed or the play is over before.
        if is_frozen.wait_for(|frozen| *frozen).await.is_ok() {
            tokio::time::sleep(FROZEN).await;
            cluster.lock().unwrap().thaw(home);
        }
        std::future::pending().await
    };
    let outcome = tokio::select! {
        outcome = play(script, &options) => outcome.unwrap_or_else(|error| panic!("{error}")),
        () = thaw => unreachable!("it never ends"),
    };
    match &outcome.failure {
        None => Ok(Ok(())),
        Some(failure) if matches!(failure.reason, Reason::Hook(_)) => Err(Reason::Hook(failure.reason.to_string())),
        Some(_) => {
            let said = cluster.lock().unwrap().said();
            Ok(Err(format!("{outcome}\nnode {home} was the home; the nodes said:\n{said}")))
        }
    }
}

fn hook(cluster: Arc<Mutex<Cluster>>, room: String, home: u32, fault: Fault, frozen: watch::Sender<bool>) -> Hook {
    Hook::new(&format!("{fault:?} of node {home}"), move || {
        let (cluster, room, frozen) = (cluster.clone(), room.clone(), frozen.clone());
        async move {
            let fallen = tokio::task::spawn_blocking(move || fall(&cluster, &room, home, fault, &frozen));
            fallen.await.map_err(|error| error.to_string())?
        }
    })
}

fn fall(cluster: &Mutex<Cluster>, room: &str, home: u32, fault: Fault, frozen: &watch::Sender<bool>) -> Result<(), String> {
    let mut cluster = cluster.lock().map_err(|error| error.to_string())?;
    let now = cluster.home(room);
    if now != home {
        return Err(format!("the home of {room} has moved from node {home} to node {now}"));
    }
    match fault {
        Fault::Kill => cluster.kill(home),
        Fault::Freeze => {
            cluster.freeze(home);
            frozen.send_replace(true);
        }
    }
    Ok(())
}

/// The first room that the script speaks to.
pub fn room_of(script: &Script) -> String {
    let sent = script.steps.iter().filter_map(|step| match &step.act {
        Act::Send(stanzas) => Some(stanzas),
        _ => None,
    });
    let addresses = sent.flatten().filter_map(|stanza| Jid::parse(stanza.attribute("to")?).ok());
    let room = addresses.map(|jid| jid.to_bare()).find(|jid| jid.domain() == SERVICE && jid.local().is_some());
    room.unwrap_or_else(|| panic!("{} speaks to no room", script.path.display())).as_str().to_owned()
}

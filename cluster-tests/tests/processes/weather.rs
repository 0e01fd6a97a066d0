//! Scenarios play to their end while faults come and go of which their clients must not notice anything but a pause: what falls is a node on which none
//! of them is, and who has its connections elsewhere is told all the same things in the same order.
//!
//! `CONCLAVE_SEEDS=100` plays with as many seeds, from `CONCLAVE_SEED` on.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use cluster_tests::arena::net::{Way, away, between};
use cluster_tests::arena::passage::Passage;
use cluster_tests::arena::{Arena, Ground};
use cluster_tests::awaiting::LIMIT;
use cluster_tests::dice::Dice;
use conclave_scansion::{Options, Script, Targets, play};
use tokio::sync::watch;

use crate::homes::room_of;
use crate::{PROGRAM, more_scenarios, number, spec};

/// Nodes: clients are on two of them, and one falls.
const NODES: u32 = 3;

/// Seeds that are played if nobody says how many, and the first of them.
const SEEDS: u64 = 2;
const SEED: u64 = 45;

/// Faults that must have begun while the scenarios of a seed are played; those are played again until they have.
const FAULTS_MIN: usize = 3;

/// How long a fault lasts, in milliseconds. The home may do nothing in this time, and is replaced or not; a request is refused after 5 s.
const LASTS_MS: (usize, usize) = (100, 2500);

/// Before the next one, in milliseconds.
const PAUSE_MS: (usize, usize) = (50, 1500);

/// Between two resets of all the connections of a node.
const RESET_EVERY: Duration = Duration::from_millis(150);

/// What is laid upon the wires; there is one fault at a time.
const LAYER: u32 = 1;

/// How long a node may take to start, and the cluster to be whole.
const BACK_MAX: Duration = Duration::from_secs(60);

/// Played where there are no others.
const OURS: [&str; 4] =
    ["7.4-message-to-all.scs", "7.6-changing-nickname.scs", "9.1-banning-a-user.scs", "10.2-subsequent-configuration.scs"];

/// What is done to one node, or to the wires.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fault {
    Kill,
    Freeze,
    /// Nobody hears it, and it hears nobody.
    Alone,
    /// It hears nobody.
    Deaf,
    /// Nobody hears it.
    Mute,
    /// Its connections break again and again.
    Resets,
    /// All wires are late, also those of the others.
    Late,
}

const FAULTS: [Fault; 7] = [Fault::Kill, Fault::Freeze, Fault::Alone, Fault::Deaf, Fault::Mute, Fault::Resets, Fault::Late];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn does_not_keep_a_scenario_from_its_end() {
    let scripts: Vec<Script> = scripts().iter().map(|path| Script::read(path).unwrap()).collect();
    let said = Path::new(env!("CARGO_TARGET_TMPDIR")).join("weather");
    std::fs::create_dir_all(&said).unwrap();
    let ground = Ground::new(PROGRAM, NODES).said_in(&said);
    let arena = tokio::task::spawn_blocking(|| Arena::start(ground)).await.unwrap().unwrap();
    let arena = Arc::new(arena);
    let first = number("CONCLAVE_SEED").unwrap_or(SEED);
    let seeds = number("CONCLAVE_SEEDS").unwrap_or(SEEDS);
    let mut failed = Vec::new();
    for seed in first..first + seeds {
        if let Err(why) = play_seed(&arena, &scripts, seed).await {
            failed.push(format!("CONCLAVE_SEED={seed} CONCLAVE_SEEDS=1: {why}"));
        }
        let healing = arena.clone();
        let healed = tokio::task::spawn_blocking(move || healing.heal(BACK_MAX)).await.unwrap();
        let deaths = arena.deaths();
        if healed.is_err() || !deaths.is_empty() {
            failed.push(format!("behind seed {seed}: {healed:?}; ends that nobody caused: {deaths:?}"));
            break;
        }
    }
    let failures = failed.join("\n");
    assert!(failed.is_empty(), "{} of {seeds} failed; the nodes' words are in {}:\n{failures}", failed.len(), said.display());
}

/// The four of `CONCLAVE_SCENARIOS`, or some of ours.
fn scripts() -> Vec<PathBuf> {
    let more = more_scenarios().into_iter().flat_map(|directory| conclave_scansion::files::scripts(&directory).unwrap());
    let more: Vec<PathBuf> = more.collect();
    if more.is_empty() { OURS.iter().map(|name| spec().join("xep-0045").join(name)).collect() } else { more }
}

/// All scripts once, and on until enough has fallen.
async fn play_seed(arena: &Arc<Arena>, scripts: &[Script], seed: u64) -> Result<(), String> {
    let mut dice = Dice::new(seed);
    let home = arena.home(&room_of(dice.pick(scripts)));
    let victim = home.filter(|_| dice.below(4) > 0).unwrap_or(1 + dice.below(NODES as usize) as u32);
    let doors: Vec<String> = (1..=NODES).filter(|node| *node != victim).filter_map(|node| arena.doors().of(node)).collect();
    let targets = Targets::parse(&doors.join(",")).unwrap().rotated(dice.below(doors.len()));
    let options = Options { targets, timeout: LIMIT, exact: true, extra_dir: Some(spec().join("extra")), ..Options::default() };

    let (stop, fallen) = (watch::Sender::new(false), watch::Sender::new(Vec::new()));
    let weather = Weather { arena: arena.clone(), victim, dice: dice.clone(), stop: stop.subscribe(), fallen: fallen.clone() };
    let weather = tokio::task::spawn_blocking(move || weather.blow());
    let first = fallen.subscribe().wait_for(|fallen: &Vec<String>| !fallen.is_empty()).await.map(drop);
    first.map_err(|error| error.to_string())?;

    let mut played = Ok(());
    for round in 0.. {
        if round >= scripts.len() && fallen.borrow().len() >= FAULTS_MIN || weather.is_finished() {
            break;
        }
        let outcome = play(&scripts[round % scripts.len()], &options).await.map_err(|error| error.to_string())?;
        if !outcome.passed() {
            played = Err(format!("node {victim} falls: {:#?}; noticed at {}\n{outcome}", *fallen.borrow(), clock()));
            break;
        }
    }
    stop.send_replace(true);
    weather.await.map_err(|error| error.to_string())??;
    played
}

/// One fault after the other, until it is told to stop.
struct Weather {
    arena: Arc<Arena>,
    victim: u32,
    dice: Dice,
    stop: watch::Receiver<bool>,
    /// What has begun so far.
    fallen: watch::Sender<Vec<String>>,
}

impl Weather {
    fn blow(mut self) -> Result<(), String> {
        while !*self.stop.borrow() {
            let fault = *self.dice.pick(&FAULTS);
            let lasts = self.milliseconds(LASTS_MS);
            self.begin(fault)?;
            let what = format!("{}: {fault:?} for {} ms", clock(), lasts.as_millis());
            self.fallen.send_modify(|fallen| fallen.push(what));
            self.last(fault, lasts);
            self.end(fault)?;
            std::thread::sleep(self.milliseconds(PAUSE_MS));
        }
        Ok(())
    }

    fn begin(&mut self, fault: Fault) -> Result<(), String> {
        let (arena, victim) = (&self.arena, [self.victim]);
        let (all, others): (Vec<u32>, Vec<u32>) =
            ((1..=NODES).collect(), (1..=NODES).filter(|node| *node != self.victim).collect());
        let held = Passage::held();
        match fault {
            Fault::Kill => arena.kill(self.victim)?,
            Fault::Freeze => arena.freeze(self.victim)?,
            Fault::Alone => arena.net().lay(LAYER, &between(&victim, &others), held),
            Fault::Deaf => arena.net().lay(LAYER, &away(&others, &victim), held),
            Fault::Mute => arena.net().lay(LAYER, &away(&victim, &others), held),
            Fault::Late => {
                let most = Duration::from_millis(1 + self.dice.below(60) as u64);
                arena.net().lay(LAYER, &away(&all, &all), Passage::late(most / 4, most));
            }
            Fault::Resets => {}
        }
        Ok(())
    }

    fn last(&self, fault: Fault, lasts: Duration) {
        let start = Instant::now();
        while start.elapsed() < lasts {
            if fault == Fault::Resets {
                let ways: Vec<Way> =
                    (1..=NODES).filter(|n| *n != self.victim).flat_map(|n| [(n, self.victim), (self.victim, n)]).collect();
                ways.into_iter().for_each(|way| self.arena.net().flow(way).break_all());
            }
            std::thread::sleep(RESET_EVERY.min(lasts));
        }
    }

    fn end(&self, fault: Fault) -> Result<(), String> {
        self.arena.net().lift(LAYER);
        match fault {
            Fault::Kill => self.arena.restart(self.victim, BACK_MAX),
            Fault::Freeze => self.arena.thaw(self.victim),
            _ => Ok(()),
        }
    }

    fn milliseconds(&mut self, (least, most): (usize, usize)) -> Duration {
        Duration::from_millis((least + self.dice.below(most - least + 1)) as u64)
    }
}

/// Seconds of the minute, as in the nodes' words.
fn clock() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:02}.{:03}", now.as_secs() % 60, now.subsec_millis())
}

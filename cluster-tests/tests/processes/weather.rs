//! Scenarios play to their end while faults come and go of which their clients must not notice anything but a pause: what suffers are nodes on which none
//! of them is, and who has its connections elsewhere is told all the same things in the same order.
//!
//! `CONCLAVE_SEEDS=100` plays with as many seeds, from `CONCLAVE_SEED` on.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cluster_tests::Recorder;
use cluster_tests::arena::{Arena, Ground};
use cluster_tests::awaiting::LIMIT;
use cluster_tests::dice::Dice;
use cluster_tests::faults::{Class, Injector, Schedule};
use cluster_tests::history::{Event, Stage};
use conclave_scansion::{Options, Script, Targets, play};

use crate::homes::room_of;
use crate::{PROGRAM, more_scenarios, number, spec};

/// Nodes: clients are on two of them, and the other suffers, with those that come in its place.
const NODES: u32 = 3;

/// Seeds that are played if nobody says how many, and the first of them.
const SEEDS: u64 = 1;
const SEED: u64 = 45;

/// Faults of so many classes come with a seed: as many seeds in a row as there are classes have each of them once at least.
const CLASSES: usize = 3;

/// They begin within this time unless others of their kind take longer; the scenarios are played again and again until the last is over.
const LASTS: Duration = Duration::from_secs(3);

/// A home and a client's node that do not hear each other for 5 s have its request refused.
const WIRES_BROKEN_MAX: Duration = Duration::from_millis(2500);

/// How long a node may take to start, and the cluster to be whole.
const BACK_MAX: Duration = Duration::from_secs(60);

/// Played where there are no others.
const OURS: [&str; 4] =
    ["7.4-message-to-all.scs", "7.6-changing-nickname.scs", "9.1-banning-a-user.scs", "10.2-subsequent-configuration.scs"];

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn does_not_keep_a_scenario_from_its_end() {
    let scripts: Vec<Script> = scripts().iter().map(|path| Script::read(path).unwrap()).collect();
    let said = Path::new(env!("CARGO_TARGET_TMPDIR")).join("weather");
    std::fs::create_dir_all(&said).unwrap();
    let ground = Ground::new(PROGRAM, NODES).said_in(&said);
    let arena = tokio::task::spawn_blocking(|| Arena::start(ground)).await.unwrap().unwrap();
    let weather = Weather { arena: Arc::new(arena), scripts, said: said.clone() };
    let first = number("CONCLAVE_SEED").unwrap_or(SEED);
    let seeds = number("CONCLAVE_SEEDS").unwrap_or(SEEDS);
    let mut failed = Vec::new();
    for seed in first..first + seeds {
        if let Err(why) = weather.play(seed).await {
            failed.push(format!("CONCLAVE_SEED={seed} CONCLAVE_SEEDS=1: {why}"));
        }
        let healing = weather.arena.clone();
        let healed = tokio::task::spawn_blocking(move || healing.heal(BACK_MAX)).await.unwrap();
        let deaths = weather.arena.deaths();
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

/// A cluster, and what is played in it.
struct Weather {
    arena: Arc<Arena>,
    scripts: Vec<Script>,
    said: PathBuf,
}

impl Weather {
    /// All scripts once, and on until the last fault is over. Each fault must have had an effect.
    async fn play(&self, seed: u64) -> Result<(), String> {
        let mut dice = Dice::new(seed);
        let (victim, spared) = self.victim(&mut dice);
        let classes = classes(seed, &mut dice);
        let schedule = Schedule::of(seed, &classes, NODES as usize, LASTS)?.with_wires_broken_at_most(WIRES_BROKEN_MAX);
        let doors: Vec<String> = spared.iter().filter_map(|node| self.arena.doors().of(*node)).collect();
        assert_eq!(doors.len(), spared.len(), "a node without a door");
        let targets = Targets::parse(&doors.join(",")).unwrap().rotated(dice.below(doors.len()));
        let options =
            Options { targets, timeout: LIMIT, exact: true, extra_dir: Some(spec().join("extra")), ..Options::default() };
        let recorder = Recorder::to(&self.said.join("history.jsonl")).map_err(|error| error.to_string())?;
        let (arena, recorded) = (self.arena.clone(), recorder.clone());
        let rooms: Vec<String> = self.scripts.iter().map(room_of).collect();
        let lives: Vec<_> = spared.iter().map(|node| (*node, self.arena.pid(*node))).collect();
        let injected = tokio::task::spawn_blocking(move || {
            Injector { arena: &arena, recorder: &recorded, rooms: &rooms, spared: &spared }.run(&schedule)
        });

        let mut played = Ok(());
        for round in 0.. {
            if round >= self.scripts.len() && injected.is_finished() {
                break;
            }
            played = match play(&self.scripts[round % self.scripts.len()], &options).await {
                Ok(outcome) if outcome.passed() => continue,
                Ok(outcome) => Err(format!("noticed at {}\n{outcome}", clock())),
                Err(error) => Err(error.to_string()),
            };
            break;
        }
        let injected = injected.await.map_err(|error| error.to_string())?;
        let faults = Faults::of(&recorder);
        let felt = faults.all_felt();
        let hit = lives.iter().find(|(node, pid)| self.arena.pid(*node) != *pid);
        let alone =
            hit.map_or(Ok(()), |(node, _)| Err(format!("node {node} was to be left alone, and has another process or none")));
        played.and(injected).and(felt).and(alone).map_err(|why| format!("node {victim} suffers: {:#?}; {why}", faults.lines))
    }

    /// Mostly the home of a room that is played in; and those on which the clients are.
    fn victim(&self, dice: &mut Dice) -> (u32, Vec<u32>) {
        let nodes = self.arena.nodes();
        let home = self.arena.home(&room_of(dice.pick(&self.scripts)));
        let any = *dice.pick(&nodes);
        let victim = home.filter(|_| dice.below(4) > 0).unwrap_or(any);
        (victim, nodes.into_iter().filter(|node| *node != victim).collect())
    }
}

fn classes(seed: u64, dice: &mut Dice) -> Vec<Class> {
    let all: Vec<Class> = Class::ALL.into_iter().filter(|class| class.can_spare()).collect();
    let turn = usize::try_from(seed % all.len() as u64).unwrap_or_default();
    let mut classes = vec![all[turn]];
    while classes.len() < CLASSES {
        let more = *dice.pick(&all);
        if !classes.contains(&more) && !are_two_cuts(&classes, more) {
            classes.push(more);
        }
    }
    classes
}

/// The cut of one lasts until it is felt. With another beside it, rooms may be without a majority for longer than a request waits.
fn are_two_cuts(classes: &[Class], more: Class) -> bool {
    let lasting = more == Class::GrowWhileCut || classes.contains(&Class::GrowWhileCut);
    lasting && more.breaks_wires() && classes.iter().any(|class| class.breaks_wires())
}

/// What the injector has written down.
struct Faults {
    lines: Vec<String>,
    begun: BTreeSet<u32>,
    felt: BTreeSet<u32>,
}

impl Faults {
    fn of(recorder: &Recorder) -> Faults {
        let mut faults = Faults { lines: Vec::new(), begun: BTreeSet::new(), felt: BTreeSet::new() };
        for line in recorder.history().lines {
            let Event::Fault(fault) = line.event else { continue };
            let at = Duration::from_micros(line.at);
            faults.lines.push(format!("{at:.3?} {} (no. {}) {:?}: {}", fault.class, fault.fault, fault.stage, fault.detail));
            match fault.stage {
                Stage::Begun => drop(faults.begun.insert(fault.fault)),
                Stage::Felt => drop(faults.felt.insert(fault.fault)),
                Stage::Ended => {}
            }
        }
        faults
    }

    fn all_felt(&self) -> Result<(), String> {
        let unfelt: Vec<_> = self.begun.difference(&self.felt).collect();
        if unfelt.is_empty() && !self.begun.is_empty() { Ok(()) } else { Err(format!("faults that were never felt: {unfelt:?}")) }
    }
}

/// Seconds of the minute, as in the nodes' words.
fn clock() -> String {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    format!("{:02}.{:03}", now.as_secs() % 60, now.subsec_millis())
}

//! Every class of faults once, over a small cluster of real processes: it begins, it is felt, it is taken back, and then the cluster is whole.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod clients;

use std::time::Duration;

use cluster_tests::arena::{Arena, Ground};
use cluster_tests::faults::{Class, Injector, Planned, Schedule};
use cluster_tests::history::{FaultLine, Stage};
use cluster_tests::runner::nodes_for;
use cluster_tests::{Event, History, Recorder};

/// The program under test.
const PROGRAM: &str = env!("CARGO_BIN_EXE_conclave-under-test");

/// Until all is whole again.
const HEALED_MAX: Duration = Duration::from_secs(90);

/// Between two faults of a lane.
const PAUSE: Duration = Duration::from_millis(500);

/// What moves all replicas of a node takes its time: with `CONCLAVE_EVERY_FAULT` they are here, too.
const LONG: [Class; 4] = [Class::OldBackup, Class::Grow, Class::Shrink, Class::GrowWhileCut];

#[test]
fn every_class_is_felt_and_taken_back() {
    let every = std::env::var_os("CONCLAVE_EVERY_FAULT").is_some();
    let is_meant = |class: &Class| class.nodes_min() <= 3 && (every || !LONG.contains(class));
    run(&Class::ALL.into_iter().filter(is_meant).collect::<Vec<_>>());
}

/// Those that `CONCLAVE_FAULTS` names, parted by commas.
#[test]
fn those_that_are_named() {
    let Ok(names) = std::env::var("CONCLAVE_FAULTS") else { return };
    let class = |name: &str| Class::named(name).unwrap_or_else(|| panic!("there is no class {name}"));
    let classes: Vec<Class> = names.split(',').map(class).collect();
    run(&classes);
}

#[test]
fn a_ring_needs_more_nodes_than_three() {
    run(&[Class::Ring]);
}

fn run(classes: &[Class]) {
    let arena = Arena::start(Ground::new(PROGRAM, nodes_for(classes)).with("CONCLAVE_DETACH_GRACE_MS", "2000")).unwrap();
    let kept = tempfile::tempdir().unwrap();
    let recorder = Recorder::to(&kept.path().join("history.jsonl")).unwrap();
    let clients = clients::Clients::begin(&arena.doors());
    let rooms = [clients::room()];
    let result = Injector { arena: &arena, recorder: &recorder, rooms: &rooms, spared: &[] }.run(&shortest(classes));
    let healed = arena.heal(HEALED_MAX);
    drop(clients);
    let history = recorder.history();
    println!("{}", told(&history));
    assert_eq!((result, healed, arena.deaths()), (Ok(()), Ok(()), Vec::new()), "{}", told(&history));
    for class in classes {
        let stages: Vec<Stage> = lines(&history).filter(|line| line.class == class.name()).map(|line| line.stage).collect();
        assert_eq!(stages, [Stage::Begun, Stage::Felt, Stage::Ended], "{class}:\n{}", told(&history));
    }
    arena.end(HEALED_MAX).unwrap();
}

/// Each class once, as short as it can be; the lanes beside each other, as always.
fn shortest(classes: &[Class]) -> Schedule {
    let planned = classes.iter().zip(1..).map(|(class, number)| {
        let lasts = *class.lasts().start();
        Planned { number, class: *class, at: PAUSE, lasts: lasts + PAUSE, seed: u64::from(number) }
    });
    Schedule { planned: planned.collect() }
}

fn lines(history: &History) -> impl Iterator<Item = &FaultLine> {
    history.lines.iter().filter_map(|line| match &line.event {
        Event::Fault(fault) => Some(fault),
        _ => None,
    })
}

fn told(history: &History) -> String {
    history.lines.iter().map(|line| format!("{line}\n")).collect()
}

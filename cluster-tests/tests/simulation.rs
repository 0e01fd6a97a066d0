//! Promises of a cluster under faults, each with a hundred seeds. A seed that fails is named, and run alone with `CONCLAVE_SEED`.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use cluster_tests::simulation::{ALL, Chaos, Fault, Settings, World, for_each_seed};

const SEEDS: u64 = 100;

/// I1-I4, I13-I15: whatever goes wrong, messages have one order, without gaps, and rosters are true in the end.
#[test]
fn a_crowd_talks_while_the_home_changes_and_streams_break() {
    for_each_seed(SEEDS, |seed| {
        let (mut world, mut crowd) = World::with_crowd(seed, Settings::default(), 4);
        let mut chaos = Chaos::of(&[Fault::Move, Fault::Cut, Fault::Break, Fault::Stall, Fault::Lag]);
        crowd.talk(&mut world, 6000, &mut chaos);
        world.settle();
        world.check();
        assert!(chaos.count > 0);
    });
}

#[test]
fn a_crowd_talks_while_everything_goes_wrong() {
    for_each_seed(SEEDS, |seed| {
        let (mut world, mut crowd) = World::with_crowd(seed, Settings::default(), 4);
        crowd.restless = true;
        let mut chaos = Chaos::of(&ALL);
        crowd.talk(&mut world, 8000, &mut chaos);
        world.settle();
        world.check();
        assert!(chaos.count > 0);
    });
}

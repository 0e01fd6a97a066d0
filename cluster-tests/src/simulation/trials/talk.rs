//! Crowds that talk while things go wrong.

use crate::simulation::{ALL, Chaos, Fault, Settings, World};

/// I1-I4, I13-I15: whatever goes wrong, messages have one order, without gaps, and rosters are true in the end.
pub fn a_crowd_talks_while_the_home_changes_and_streams_break(seed: u64) {
    let (mut world, mut crowd) = World::with_crowd(seed, Settings::default(), 4);
    let mut chaos = Chaos::of(&[Fault::Move, Fault::Cut, Fault::Break, Fault::Stall, Fault::Lag]);
    crowd.talk(&mut world, 4000, &mut chaos);
    world.settle();
    world.check();
    assert!(chaos.count > 0);
}

/// The same with all faults there are.
pub fn a_crowd_talks_while_everything_goes_wrong(seed: u64) {
    let (mut world, mut crowd) = World::with_crowd(seed, Settings::default(), 4);
    crowd.restless = true;
    let mut chaos = Chaos::of(&ALL);
    crowd.talk(&mut world, 5000, &mut chaos);
    world.settle();
    world.check();
    assert!(chaos.count > 0);
}

/// The same with more nodes than replicas, and with one.
pub fn a_crowd_talks_on_one_node_and_on_five(seed: u64) {
    let nodes = if seed.is_multiple_of(2) { 1 } else { 5 };
    let (mut world, mut crowd) = World::with_crowd(seed, Settings { nodes, ..Settings::default() }, nodes.max(2));
    crowd.restless = true;
    let mut chaos = Chaos::of(&ALL);
    crowd.talk(&mut world, 4000, &mut chaos);
    world.settle();
    world.check();
}

/// I21.
pub fn replicas_agree_byte_by_byte_whatever_they_were_restored_from(seed: u64) {
    let (mut world, mut crowd) = World::with_crowd(seed, Settings::default(), 3);
    crowd.restless = true;
    let mut chaos = Chaos::of(&[Fault::Move, Fault::KillHome, Fault::KillNode, Fault::Lag, Fault::Install]);
    for _ in 0..8 {
        crowd.talk(&mut world, 400, &mut chaos);
        world.replica_nodes().into_iter().for_each(|node| world.checkpoint(node));
    }
    world.settle();
    // Every checkpoint on the way is compared with what the log comes to.
    world.check();
    assert!(world.checkpoints() > 3, "nothing to compare");
}

//! Edges that do not hear their home.

use crate::history::Event;
use crate::simulation::stanzas::{self, ROOM, codes};
use crate::simulation::{Crowd, Settings, World};

/// I2, I15.
pub fn an_edge_that_is_cut_off_from_the_home_alone_hears_by_way_of_another_replica(seed: u64) {
    let nodes = if seed.is_multiple_of(2) { 3 } else { 4 };
    let (mut world, crowd) = World::with_crowd(seed, Settings { nodes, grace_ms: 60_000, ..Settings::default() }, nodes);
    let home = world.leader().expect("there is one");
    // The last node has no replica if there are four.
    let (deaf, talker) = (if home == nodes { 1 } else { nodes }, home);
    let (deaf_one, talking) = (member_on(&world, &crowd, deaf), member_on(&world, &crowd, talker));
    world.cut(home, deaf, true);
    if !seed.is_multiple_of(3) {
        world.cut(deaf, home, true);
    }
    for number in 0..20 {
        world.send(talking, stanzas::say(ROOM, &format!("m{number}")));
        world.run(300);
    }
    let heard = |world: &World| world.clients[deaf_one].count(|stanza| stanza.attribute("id") == Some("m19")) == 1;
    assert!(world.run_until(8000, heard), "I2: it hears nothing: {}", world.unrest());
    world.cut(home, deaf, false);
    world.cut(deaf, home, false);
    world.settle();
    world.check();
    assert!(
        !world.history.lines.iter().any(|line| matches!(line.event, Event::Left { .. })),
        "I15: nobody has a reason to leave"
    );
}

/// I2, I15.
pub fn what_a_new_home_lacks_comes_from_another_replica(seed: u64) {
    let (mut world, crowd) = World::with_crowd(seed, Settings { grace_ms: 60_000, ..Settings::default() }, 6);
    let (talking, deaf) = (member_on(&world, &crowd, 1), member_on(&world, &crowd, 3));
    world.elect(1);
    world.run(3000);
    for other in [1, 2] {
        world.cut(other, 3, true);
        world.cut(3, other, true);
    }
    world.lag(3, true);
    for number in 0..10 {
        world.send(talking, stanzas::say(ROOM, &format!("m{number}")));
        world.run(50);
    }
    world.run(2000);
    // Node 2 forgets what it said, and is the home; node 1 still has it.
    world.reload(2);
    world.elect(2);
    world.run(3000);
    for other in [1, 2] {
        world.cut(other, 3, false);
        world.cut(3, other, false);
    }
    let heard = |world: &World| world.clients[deaf].count(|stanza| stanza.attribute("id") == Some("m9")) == 1;
    assert!(world.run_until(8000, heard), "I2: it hears nothing: {}", world.unrest());
    world.lag(3, false);
    world.settle();
    world.check();
    assert!(
        !world.history.lines.iter().any(|line| matches!(line.event, Event::Left { .. })),
        "I15: nobody has a reason to leave"
    );
}

/// I15: who sits at an edge that has missed frames for good is told so.
pub fn an_edge_that_missed_frames_for_good_is_told_so(seed: u64) {
    told_when_all_is_forgotten(seed, 60_000, false);
}

/// I15: the same for those whose seats are vacant by then: nobody has them on any list.
pub fn whoever_lost_the_seat_while_its_node_was_taken_for_dead_is_told_so(seed: u64) {
    told_when_all_is_forgotten(seed, 2000, true);
}

fn told_when_all_is_forgotten(seed: u64, grace_ms: u64, taken_for_dead: bool) {
    let (mut world, crowd) = World::with_crowd(seed, Settings { grace_ms, ..Settings::default() }, 6);
    let (talking, deaf) = (member_on(&world, &crowd, 1), members_on(&world, &crowd, 3));
    world.elect(1);
    world.run(3000);
    for other in [1, 2] {
        world.cut(other, 3, true);
        world.cut(3, other, true);
    }
    world.lag(3, true);
    if taken_for_dead {
        world.declare_dead(3);
    }
    for number in 0..10 {
        world.send(talking, stanzas::say(ROOM, &format!("m{number}")));
        world.run(50);
    }
    world.run(2000 + if taken_for_dead { 2 * grace_ms } else { 0 });
    // All that replicas remember is forgotten.
    world.reload(1);
    world.reload(2);
    world.elect(2);
    world.run(3000);
    world.install(3, 2);
    world.lag(3, false);
    for other in [1, 2] {
        world.cut(other, 3, false);
        world.cut(3, other, false);
    }
    // The home that lets the edge begin anew may not live to see that.
    if seed.is_multiple_of(2) {
        let pause = world.up_to(600);
        world.run(pause);
        world.elect(1);
    }
    world.settle();
    world.check();
    for member in deaf {
        let told = world.clients[member].count(|stanza| codes(stanza).contains(&333) && codes(stanza).contains(&110));
        assert_eq!(told, 1, "I15: {} is told once", world.clients[member].label());
        assert!(!world.clients[member].is_in(ROOM), "I15: {} does not sit", world.clients[member].label());
    }
}

/// Members of a crowd whose connection is at a node.
fn members_on(world: &World, crowd: &Crowd, node: u32) -> Vec<usize> {
    crowd.members.iter().copied().filter(|member| world.clients[*member].node == node).collect()
}

fn member_on(world: &World, crowd: &Crowd, node: u32) -> usize {
    members_on(world, crowd, node)[0]
}

//! Nodes that are gone, and nodes that are not.

use conclave_xmpp::{Element, ns};

use super::with_light_faults;
use crate::history::Event;
use crate::simulation::stanzas::{self, ROOM};
use crate::simulation::{Chaos, Fault, Settings, World};

/// I14: its occupants leave once, when their time is over; I15: not, if they come back in time.
pub fn an_edge_dies_and_its_occupants_leave_once_or_come_back_unseen(seed: u64) {
    let settings = Settings { grace_ms: 8000, ..Settings::default() };
    let (mut world, crowd) = World::with_crowd(seed, settings, 3);
    // Neither of them is the owner's node.
    let (dead, alive) = if seed.is_multiple_of(2) { (2, 1) } else { (1, 2) };
    let lost = crowd.members[dead];
    let nick = format!("C{dead}");
    let watchers = [crowd.members[0], crowd.members[alive]];
    let node = world.clients[lost].node;
    world.kill(node);
    let noticed = 100 + world.up_to(1500);
    world.run(noticed);
    world.declare_dead(node);
    world.elect_any();
    with_light_faults(&mut world);
    world.run(500);
    let comes_back = !seed.is_multiple_of(3);
    if comes_back {
        let elsewhere = world.clients[watchers[1]].node;
        let again = world.connect(&format!("c{dead}"), elsewhere);
        world.send(again, stanzas::join(ROOM, &nick, None));
        assert!(world.run_until(4000, |world| world.clients[again].is_in(ROOM)), "it does not get in again");
    }
    if seed.is_multiple_of(4) {
        world.restart(node);
    }
    world.run(12_000);
    world.settle();
    world.check();
    for watcher in watchers {
        let (left, came) = (
            world.clients[watcher].count(|stanza| leaves(stanza, &nick)),
            world.clients[watcher].count(|stanza| comes(stanza, &nick)),
        );
        assert_eq!(left, usize::from(!comes_back), "I14: times that {} sees it leave", world.clients[watcher].label());
        assert_eq!(came, 1, "I15: times that {} sees it come", world.clients[watcher].label());
    }
}

/// I15: its clients are back before anybody else knows that it has ended, by another resource, so that nothing but the room says that they are no others.
pub fn a_node_that_ends_on_purpose_says_so_first_and_its_clients_come_back_unseen(seed: u64) {
    let settings = Settings { grace_ms: 8000, ..Settings::default() };
    let (mut world, crowd) = World::with_crowd(seed, settings, 3);
    let (ending, alive) = if seed.is_multiple_of(2) { (2, 1) } else { (1, 2) };
    let (moves, watcher) = (crowd.members[ending], crowd.members[alive]);
    let nick = format!("C{ending}");
    let (node, elsewhere) = (world.clients[moves].node, world.clients[watcher].node);
    if world.leader() == Some(node) {
        world.elect(elsewhere);
    }
    with_light_faults(&mut world);
    let own = world.edge_ends(node);
    with_light_faults(&mut world);
    assert!(world.run_until(4000, |world| !world.clients[own].answers.is_empty()), "the home does not know that the node ends");
    world.kill(node);
    world.elect_any();
    let again = world.connect_as(&format!("c{ending}"), "another", elsewhere);
    world.send(again, stanzas::join(ROOM, &nick, None));
    assert!(world.run_until(4000, |world| world.clients[again].is_in(ROOM)), "it does not get in again");
    let noticed = world.up_to(1500);
    world.run(noticed);
    world.declare_dead(node);
    world.run(12_000);
    world.settle();
    world.check();
    for watcher in [crowd.members[0], watcher] {
        let seen = world.clients[watcher].count(|stanza| leaves(stanza, &nick));
        assert_eq!(seen, 0, "I15: times that {} sees it leave", world.clients[watcher].label());
    }
    // The owner is shown the other resource, too.
    let came = world.clients[watcher].count(|stanza| comes(stanza, &nick));
    assert_eq!(came, 1, "I15: times that {} sees it come", world.clients[watcher].label());
}

/// I15.
pub fn a_node_that_is_taken_for_dead_by_mistake_goes_on_without_a_gap(seed: u64) {
    let settings = Settings { grace_ms: 10_000, ..Settings::default() };
    let (mut world, mut crowd) = World::with_crowd(seed, settings, 4);
    let mut chaos = Chaos::of(&[Fault::DeclareDead, Fault::DeclareDead, Fault::Move, Fault::Break]);
    crowd.talk(&mut world, 4000, &mut chaos);
    // Longer than any grace: nobody waits for a connection that is there.
    world.run(15_000);
    world.settle();
    world.check();
    let left = world.history.lines.iter().find(|line| matches!(line.event, Event::Left { .. }));
    assert_eq!(left, None, "I15: nobody has a reason to leave");
}

fn leaves(stanza: &Element, nick: &str) -> bool {
    stanza.is("presence", ns::CLIENT) && stanza.attribute("type") == Some("unavailable") && stanzas::nick(stanza) == Some(nick)
}

fn comes(stanza: &Element, nick: &str) -> bool {
    stanza.is("presence", ns::CLIENT) && stanza.attribute("type").is_none() && stanzas::nick(stanza) == Some(nick)
}

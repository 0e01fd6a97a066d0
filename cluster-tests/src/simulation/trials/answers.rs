//! What comes back to those who ask, and to nobody else.

use conclave_xmpp::{Element, ns};

use super::{is_result, with_light_faults};
use crate::simulation::stanzas::{self, ROOM};
use crate::simulation::{Chaos, Fault, Settings, World};

/// Faults that end no session.
const FAULTS: [Fault; 7] = [Fault::Move, Fault::Cut, Fault::Break, Fault::Stall, Fault::Lag, Fault::Install, Fault::DeclareDead];

/// I19.
pub fn a_private_message_reaches_its_occupant_alone(seed: u64) {
    let (mut world, crowd) = World::with_crowd(seed, Settings { grace_ms: 60_000, ..Settings::default() }, 5);
    let mut chaos = Chaos::of(&FAULTS);
    let mut said: Vec<(String, usize, usize)> = Vec::new();
    for number in 0..30 {
        let from = world.up_to(4) as usize;
        let to = (from + 1 + world.up_to(3) as usize) % 5;
        let id = format!("w{number:02}");
        world.send(crowd.members[from], stanzas::whisper_in(ROOM, &format!("C{to}"), &id));
        said.push((id, from, to));
        if number % 5 == 0 {
            chaos.strike(&mut world);
        }
        let pause = world.up_to(60);
        world.run(pause);
    }
    world.settle();
    world.check();
    for (id, from, to) in said {
        let heard = |member: usize| {
            let is_it = |stanza: &Element| stanza.attribute("id") == Some(&id) && stanza.attribute("type") == Some("chat");
            world.clients[crowd.members[member]].count(is_it)
        };
        let told = world.clients[crowd.members[from]]
            .count(|stanza| stanza.attribute("id") == Some(&id) && stanza.attribute("type") == Some("error"));
        let others = (0..5).filter(|other| *other != to).map(heard).sum::<usize>();
        assert_eq!(others, 0, "I19: others than C{to} hear {id}");
        assert!(
            heard(to) == 1 || heard(to) == 0 && told == 1,
            "I3: {id} is heard {} times, its sender told {told} times",
            heard(to)
        );
    }
}

/// I1, for what is refused: it takes its place behind what its sender said before.
pub fn answers_come_in_the_order_of_what_was_asked(seed: u64) {
    let (mut world, crowd) = World::with_crowd(seed, Settings { grace_ms: 60_000, ..Settings::default() }, 3);
    for number in 0..60 {
        let member = crowd.members[world.up_to(2) as usize];
        let id = format!("s{number:02}");
        match world.up_to(3) {
            0 => world.send(member, stanzas::say_at_length(ROOM, &id, 3000)),
            1 => world.send(member, stanzas::self_ping(ROOM, "C0", &id)),
            _ => world.send(member, stanzas::say(ROOM, &id)),
        }
        if number % 10 == 9 {
            with_light_faults(&mut world);
        }
        let pause = world.up_to(8);
        world.run(pause);
    }
    world.settle();
    world.check();
}

/// I16, I18: a home that was deposed and does not know it answers nothing.
pub fn a_deposed_home_answers_nothing(seed: u64) {
    let (mut world, crowd) = World::with_crowd(seed, Settings { grace_ms: 60_000, ..Settings::default() }, 3);
    let on = |world: &World, node: u32| crowd.members.iter().copied().find(|member| world.clients[*member].node == node);
    // The owner of the room is on the first node.
    world.elect(2);
    world.run(3000);
    let (owner, alone) = (crowd.members[0], on(&world, 2).expect("somebody is on the second node"));
    world.lag(2, true);
    for other in [1, 3] {
        world.cut(2, other, true);
        world.cut(other, 2, true);
    }
    world.elect(1);
    let nick = world.clients[alone].stays[ROOM].nick.clone();
    world.send(owner, stanzas::kick(ROOM, "kick", &nick));
    assert!(world.run_until(3000, |world| world.clients[owner].count(|stanza| is_result(stanza, "kick")) == 1));
    for number in 0..10 {
        world.send(alone, stanzas::self_ping(ROOM, &nick, &format!("p{number}")));
        world.run(100);
    }
    world.run(500);
    let answered = |stanza: &Element| stanza.is("iq", ns::CLIENT) && stanza.attribute("type") == Some("result");
    assert_eq!(world.clients[alone].count(answered), 0, "I16: pings of one who was kicked are answered");
    for other in [1, 3] {
        world.cut(2, other, false);
        world.cut(other, 2, false);
    }
    world.lag(2, false);
    world.settle();
    world.check();
}

//! What goes from one session to another.

use conclave_xmpp::{Element, ns};

use crate::simulation::stanzas::{self, ROOM};
use crate::simulation::{Chaos, Fault, Settings, World};

/// Faults that end no session.
const FAULTS: [Fault; 6] = [Fault::Move, Fault::Cut, Fault::Break, Fault::Stall, Fault::Lag, Fault::Install];

/// Nothing is lost in silence, nothing doubled, nothing out of order.
pub fn messages_from_user_to_user_arrive_once_and_in_order(seed: u64) {
    let mut world = World::new(seed, Settings::default());
    let (ann, bob) = (world.connect("ann", 2), world.connect("bob", 3));
    is_bound(&mut world, ann);
    is_bound(&mut world, bob);
    let mut chaos = Chaos::of(&FAULTS);
    for number in 0..30 {
        world.send_to(ann, bob, stanzas::whisper(&format!("m{number:02}")));
        if number % 3 == 0 {
            chaos.strike(&mut world);
        }
        let pause = world.up_to(60);
        world.run(pause);
    }
    world.settle();
    assert_eq!(world.bounced(), 0, "both are there");
    let (came, unknown) = (ids(&world, bob, "m"), ids(&world, ann, "m"));
    let mut sorted = came.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(came, sorted, "I4: doubled, or out of order");
    for number in 0..30 {
        let id = format!("m{number:02}");
        assert!(came.contains(&id) || unknown.contains(&id), "I3: {id} is lost, and nobody was told");
    }
}

/// XEP-0045 §17.4, and I13: whoever asks is answered, once.
pub fn a_question_between_occupants_is_answered_once(seed: u64) {
    let (mut world, crowd) = World::with_crowd(seed, Settings { grace_ms: 60_000, ..Settings::default() }, 3);
    let (asker, asked) = (crowd.members[1], crowd.members[2]);
    let mut chaos = Chaos::of(&[Fault::Move, Fault::Break, Fault::Stall]);
    let mut read = 0;
    for step in 0..40 {
        if step % 4 == 0 {
            world.send(asker, stanzas::ask_version(ROOM, "C2", &format!("q{step:02}")));
        }
        if step % 5 == 0 {
            chaos.strike(&mut world);
        }
        let pause = world.up_to(80);
        world.run(pause);
        answer(&mut world, asked, &mut read);
    }
    for _ in 0..40 {
        world.run(200);
        answer(&mut world, asked, &mut read);
    }
    world.settle();
    world.check();
    for step in (0..40).step_by(4) {
        let id = format!("q{step:02}");
        assert_eq!(ids(&world, asker, &id).len(), 1, "I13: answers to {id}");
    }
}

/// A node that was taken for dead and lives has its sessions reached again, but never against a newer holder.
pub fn a_session_of_a_node_that_was_taken_for_dead_is_bound_again_unless_there_is_a_newer_one(seed: u64) {
    let mut world = World::new(seed, Settings::default());
    let (older, bob) = (world.connect("ann", 2), world.connect("bob", 3));
    is_bound(&mut world, older);
    is_bound(&mut world, bob);
    world.declare_dead(2);
    let pause = world.up_to(1500);
    world.run(pause);
    let newer = (!seed.is_multiple_of(3)).then(|| world.connect("ann", 3));
    if let Some(newer) = newer {
        is_bound(&mut world, newer);
    }
    let mut chaos = Chaos::of(&FAULTS);
    for _ in 0..world.up_to(3) {
        chaos.strike(&mut world);
        world.run(100);
    }
    world.run(3000);
    world.settle();
    world.send_to(bob, older, stanzas::whisper("there"));
    assert!(world.run_until(8000, |world| world.clients[bob].pending.is_empty()));
    world.run(1000);
    let heard = |world: &World, client: usize| ids(world, client, "there").len();
    match newer {
        Some(newer) => {
            assert_eq!((heard(&world, older), heard(&world, newer)), (0, 1));
            assert!(world.clients[older].is_replaced(), "the older one is told");
            assert!(!world.clients[newer].is_replaced(), "the newer one stays");
        }
        None => {
            assert_eq!(heard(&world, older), 1);
            assert!(!world.clients[older].is_replaced());
        }
    }
}

fn is_bound(world: &mut World, client: usize) {
    world.bind(client);
    assert!(world.run_until(8000, |world| world.clients[client].pending.is_empty()), "it is not bound");
}

fn ids(world: &World, client: usize, prefix: &str) -> Vec<String> {
    let of = |stanza: &Element| stanza.attribute("id").filter(|id| id.starts_with(prefix)).map(str::to_owned);
    world.clients[client].seen.iter().filter_map(|(_, stanza)| of(stanza)).collect()
}

fn answer(world: &mut World, asked: usize, read: &mut usize) {
    let questions: Vec<Element> = world.clients[asked].seen[*read..].iter().map(|(_, stanza)| stanza.clone()).collect();
    *read = world.clients[asked].seen.len();
    for question in questions.iter().filter(|stanza| stanza.is("iq", ns::CLIENT) && stanza.attribute("type") == Some("get")) {
        if let Some(version) = stanzas::version(question) {
            world.send(asked, version);
        }
    }
}

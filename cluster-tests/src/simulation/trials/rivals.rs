//! Some want what others do not: nicks, rooms, and to be let in.

use conclave_muc::Change;

use super::{is_result, open_room, with_light_faults};
use crate::history::Event;
use crate::simulation::stanzas::{self, ROOM, codes};
use crate::simulation::{Settings, World};

/// I11.
pub fn of_two_that_want_a_nick_one_gets_it(seed: u64) {
    let (mut world, _) = open_room(seed, Settings::default());
    let rivals = [world.connect("ann", 2), world.connect("bob", 3)];
    with_light_faults(&mut world);
    for rival in rivals {
        world.send(rival, stanzas::join(ROOM, "Same", None));
        with_light_faults(&mut world);
    }
    world.settle();
    world.check();
    let (won, lost): (Vec<usize>, Vec<usize>) = rivals.iter().partition(|rival| world.clients[**rival].is_in(ROOM));
    assert_eq!((won.len(), lost.len()), (1, 1), "I11: who has the nick, and who has not");
    assert_eq!(world.clients[lost[0]].refusal().as_deref(), Some("conflict"), "I11: the other is told");
}

/// I12.
pub fn of_two_that_make_a_room_one_does(seed: u64) {
    let mut world = World::new(seed, Settings::default());
    let rivals = [world.connect("ann", 2), world.connect("bob", 3)];
    with_light_faults(&mut world);
    for rival in rivals {
        world.send(rival, stanzas::join(ROOM, &format!("N{rival}"), None));
        with_light_faults(&mut world);
    }
    world.settle();
    world.check();
    let made = |rival: &usize| world.clients[*rival].count(|stanza| codes(stanza).contains(&201));
    assert_eq!(rivals.iter().map(made).sum::<usize>(), 1, "I12: times that the room is made");
    let (won, lost): (Vec<usize>, Vec<usize>) = rivals.iter().partition(|rival| world.clients[**rival].is_in(ROOM));
    assert_eq!((won.len(), made(&won[0])), (1, 1), "I12: who made it is in");
    assert_eq!(world.clients[lost[0]].refusal().as_deref(), Some("item-not-found"), "I12: it is locked");
}

/// I10.
pub fn whoever_is_banned_says_nothing_and_hears_nothing_from_then_on(seed: u64) {
    let (mut world, owner) = open_room(seed, Settings::default());
    let (banned, other) = (world.connect("ann", 2), world.connect("bob", 3));
    for (client, nick) in [(banned, "Ann"), (other, "Bob")] {
        world.send(client, stanzas::join(ROOM, nick, None));
    }
    assert!(world.run_until(5000, |world| world.clients[banned].is_in(ROOM) && world.clients[other].is_in(ROOM)));
    for number in 0..12 {
        if number == 5 {
            world.send(owner, stanzas::affiliate(ROOM, "ban", "ann@example.org", "outcast"));
        }
        world.send(banned, stanzas::say(ROOM, &format!("ann-{number}")));
        world.send(other, stanzas::say(ROOM, &format!("bob-{number}")));
        with_light_faults(&mut world);
        let pause = world.up_to(20);
        world.run(pause);
    }
    world.settle();
    world.check();
    assert_eq!(world.clients[owner].count(|stanza| is_result(stanza, "ban")), 1, "I10: the owner is told once");
    let oracle = world.oracle();
    let ban =
        oracle.changes().find(|(_, change)| matches!(change, Change::Moderate(_))).map(|(index, _)| index).expect("there is one");
    let indexes = oracle.indexes();
    for message in oracle.committed(ROOM).messages {
        let of_ann = message.send.is_some_and(|send| send.starts_with("ann-"));
        assert!(!of_ann || indexes[&message.stanza_id] < ban, "I10: {} is behind the ban", message.stanza_id);
    }
    let label = world.clients[banned].label();
    for line in world.history.lines.iter().filter(|line| line.session == label) {
        if let Event::Received { stanza_id, .. } = &line.event {
            assert!(indexes[stanza_id] < ban, "I10: it hears {stanza_id} behind the ban");
        }
    }
    assert_eq!(world.clients[banned].count(|stanza| codes(stanza).contains(&301)), 1, "I10: whoever is banned is told once");
}

/// I10.
pub fn whoever_enters_behind_a_change_of_the_password_knew_the_new_one(seed: u64) {
    let (mut world, owner) = open_room(seed, Settings::default());
    let guests: Vec<usize> = (0..6).map(|number| world.connect(&format!("g{number}"), 1 + number % 3)).collect();
    let password = |number: usize| if number.is_multiple_of(2) { None } else { Some("new") };
    for (number, guest) in guests.iter().enumerate() {
        if number == 2 {
            let fields = [("passwordprotectedroom", "1"), ("roomsecret", "new")];
            world.send(owner, stanzas::configure(ROOM, "change", &fields));
        }
        world.send(*guest, stanzas::join(ROOM, &format!("G{number}"), password(number)));
        with_light_faults(&mut world);
        let pause = world.up_to(10);
        world.run(pause);
    }
    world.settle();
    world.check();
    assert_eq!(world.clients[owner].count(|stanza| is_result(stanza, "change")), 1);
    let oracle = world.oracle();
    let change = oracle.changes().filter(|(_, change)| matches!(change, Change::Configure(_))).map(|(index, _)| index).max();
    for (index, entered) in oracle.changes() {
        let Change::Join(join) = entered else { continue };
        let Some(number) = join.nick.as_str().strip_prefix('G').and_then(|number| number.parse::<usize>().ok()) else {
            continue;
        };
        assert!(Some(index) < change || password(number).is_some(), "I10: G{number} is in without the password");
    }
    for (number, guest) in guests.iter().enumerate().filter(|(number, _)| password(*number).is_some()) {
        assert!(world.clients[*guest].is_in(ROOM), "G{number} knew the password");
    }
}

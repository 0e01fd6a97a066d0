//! Promises of a cluster under faults, each with a hundred seeds. A seed that fails is named, and run alone with `CONCLAVE_SEED`.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use cluster_tests::history::Event;
use cluster_tests::simulation::stanzas::{self, ROOM, codes};
use cluster_tests::simulation::{ALL, Chaos, Fault, Settings, World, for_each_seed};
use conclave_muc::Change;
use conclave_xmpp::{Element, ns};

const SEEDS: u64 = 100;

/// I1-I4, I13-I15: whatever goes wrong, messages have one order, without gaps, and rosters are true in the end.
#[test]
fn a_crowd_talks_while_the_home_changes_and_streams_break() {
    for_each_seed(SEEDS, |seed| {
        let (mut world, mut crowd) = World::with_crowd(seed, Settings::default(), 4);
        let mut chaos = Chaos::of(&[Fault::Move, Fault::Cut, Fault::Break, Fault::Stall, Fault::Lag]);
        crowd.talk(&mut world, 4000, &mut chaos);
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
        crowd.talk(&mut world, 5000, &mut chaos);
        world.settle();
        world.check();
        assert!(chaos.count > 0);
    });
}

#[test]
fn a_crowd_talks_on_one_node_and_on_five() {
    for_each_seed(SEEDS, |seed| {
        let nodes = if seed % 2 == 0 { 1 } else { 5 };
        let (mut world, mut crowd) = World::with_crowd(seed, Settings { nodes, ..Settings::default() }, nodes.max(2));
        crowd.restless = true;
        let mut chaos = Chaos::of(&ALL);
        crowd.talk(&mut world, 4000, &mut chaos);
        world.settle();
        world.check();
    });
}

/// A room with an owner on the first node, open.
fn open_room(seed: u64, settings: Settings) -> (World, usize) {
    let (world, crowd) = World::with_crowd(seed, settings, 1);
    (world, crowd.members[0])
}

/// Faults that nobody has to be told of.
const LIGHT: [Fault; 2] = [Fault::Move, Fault::Break];

/// Lets some things happen that go wrong, a little apart.
fn with_faults(world: &mut World, faults: &[Fault]) {
    let mut chaos = Chaos::of(faults);
    for _ in 0..world.up_to(2) {
        chaos.strike(world);
        let pause = world.up_to(30);
        world.run(pause);
    }
}

#[test]
fn of_two_that_want_a_nick_one_gets_it() {
    for_each_seed(SEEDS, |seed| {
        let (mut world, _) = open_room(seed, Settings::default());
        let rivals = [world.connect("ann", 2), world.connect("bob", 3)];
        with_faults(&mut world, &LIGHT);
        for rival in rivals {
            world.send(rival, stanzas::join(ROOM, "Same", None));
            with_faults(&mut world, &LIGHT);
        }
        world.settle();
        world.check();
        let (won, lost): (Vec<usize>, Vec<usize>) = rivals.iter().partition(|rival| world.clients[**rival].is_in(ROOM));
        assert_eq!((won.len(), lost.len()), (1, 1));
        assert_eq!(world.clients[lost[0]].refusal().as_deref(), Some("conflict"));
    });
}

#[test]
fn of_two_that_make_a_room_one_does() {
    for_each_seed(SEEDS, |seed| {
        let mut world = World::new(seed, Settings::default());
        let rivals = [world.connect("ann", 2), world.connect("bob", 3)];
        with_faults(&mut world, &LIGHT);
        for rival in rivals {
            world.send(rival, stanzas::join(ROOM, &format!("N{rival}"), None));
            with_faults(&mut world, &LIGHT);
        }
        world.settle();
        world.check();
        let made = |rival: &usize| world.clients[*rival].count(|stanza| codes(stanza).contains(&201));
        assert_eq!(rivals.iter().map(made).sum::<usize>(), 1);
        let (won, lost): (Vec<usize>, Vec<usize>) = rivals.iter().partition(|rival| world.clients[**rival].is_in(ROOM));
        assert_eq!((won.len(), made(&won[0])), (1, 1));
        assert_eq!(world.clients[lost[0]].refusal().as_deref(), Some("item-not-found"), "it is locked");
    });
}

fn is_result(stanza: &Element, id: &str) -> bool {
    stanza.is("iq", ns::CLIENT) && stanza.attribute("id") == Some(id) && stanza.attribute("type") == Some("result")
}

/// I10.
#[test]
fn whoever_is_banned_says_nothing_and_hears_nothing_from_then_on() {
    for_each_seed(SEEDS, |seed| {
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
            with_faults(&mut world, &LIGHT);
            let pause = world.up_to(20);
            world.run(pause);
        }
        world.settle();
        world.check();
        assert_eq!(world.clients[owner].count(|stanza| is_result(stanza, "ban")), 1);
        let oracle = world.oracle();
        let ban = oracle.changes().find(|(_, change)| matches!(change, Change::Moderate(_))).map(|(index, _)| index).unwrap();
        let indexes = oracle.indexes();
        for message in oracle.committed(ROOM).messages {
            let of_ann = message.send.is_some_and(|send| send.starts_with("ann-"));
            assert!(!of_ann || indexes[&message.stanza_id] < ban, "{} is behind the ban", message.stanza_id);
        }
        let label = world.clients[banned].label();
        for line in world.history.lines.iter().filter(|line| line.session == label) {
            if let Event::Received { stanza_id, .. } = &line.event {
                assert!(indexes[stanza_id] < ban, "it hears {stanza_id} behind the ban");
            }
        }
        assert_eq!(world.clients[banned].count(|stanza| codes(stanza).contains(&301)), 1);
    });
}

#[test]
fn whoever_enters_behind_a_change_of_the_password_knew_the_new_one() {
    for_each_seed(SEEDS, |seed| {
        let (mut world, owner) = open_room(seed, Settings::default());
        let guests: Vec<usize> = (0..6).map(|number| world.connect(&format!("g{number}"), 1 + number % 3)).collect();
        let password = |number: usize| if number.is_multiple_of(2) { None } else { Some("new") };
        for (number, guest) in guests.iter().enumerate() {
            if number == 2 {
                let fields = [("passwordprotectedroom", "1"), ("roomsecret", "new")];
                world.send(owner, stanzas::configure(ROOM, "change", &fields));
            }
            world.send(*guest, stanzas::join(ROOM, &format!("G{number}"), password(number)));
            with_faults(&mut world, &LIGHT);
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
            assert!(Some(index) < change || password(number).is_some(), "G{number} is in without the password");
        }
        for (number, guest) in guests.iter().enumerate().filter(|(number, _)| password(*number).is_some()) {
            assert!(world.clients[*guest].is_in(ROOM), "G{number} knew the password");
        }
    });
}

fn leaves(stanza: &Element, nick: &str) -> bool {
    stanza.is("presence", ns::CLIENT) && stanza.attribute("type") == Some("unavailable") && stanzas::nick(stanza) == Some(nick)
}

fn comes(stanza: &Element, nick: &str) -> bool {
    stanza.is("presence", ns::CLIENT) && stanza.attribute("type").is_none() && stanzas::nick(stanza) == Some(nick)
}

/// I14: its occupants leave once, when their time is over; I15: not, if they come back in time.
#[test]
fn an_edge_dies_and_its_occupants_leave_once_or_come_back_unseen() {
    for_each_seed(SEEDS, |seed| {
        let settings = Settings { grace_ms: 8000, ..Settings::default() };
        let (mut world, crowd) = World::with_crowd(seed, settings, 3);
        // Neither of them is the owner's node.
        let (dead, alive) = if seed % 2 == 0 { (2, 1) } else { (1, 2) };
        let lost = crowd.members[dead];
        let nick = format!("C{dead}");
        let watchers = [crowd.members[0], crowd.members[alive]];
        let node = world.clients[lost].node;
        world.kill(node);
        let noticed = 100 + world.up_to(1500);
        world.run(noticed);
        world.declare_dead(node);
        world.elect_any();
        with_faults(&mut world, &LIGHT);
        world.run(500);
        let comes_back = seed % 3 != 0;
        if comes_back {
            let elsewhere = world.clients[watchers[1]].node;
            let again = world.connect(&format!("c{dead}"), elsewhere);
            world.send(again, stanzas::join(ROOM, &nick, None));
            assert!(world.run_until(4000, |world| world.clients[again].is_in(ROOM)), "it does not get in again");
        }
        if seed % 4 == 0 {
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
            assert_eq!(left, usize::from(!comes_back), "times that {} sees it leave", world.clients[watcher].label());
            assert_eq!(came, 1, "times that {} sees it come", world.clients[watcher].label());
        }
    });
}

/// I21.
#[test]
fn replicas_agree_byte_by_byte_whatever_they_were_restored_from() {
    for_each_seed(SEEDS, |seed| {
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
    });
}

#[test]
fn a_node_that_is_taken_for_dead_by_mistake_goes_on_without_a_gap() {
    for_each_seed(SEEDS, |seed| {
        let settings = Settings { grace_ms: 10_000, ..Settings::default() };
        let (mut world, mut crowd) = World::with_crowd(seed, settings, 4);
        let mut chaos = Chaos::of(&[Fault::DeclareDead, Fault::DeclareDead, Fault::Move, Fault::Break]);
        crowd.talk(&mut world, 4000, &mut chaos);
        // Longer than any grace: nobody waits for a connection that is there.
        world.run(15_000);
        world.settle();
        world.check();
        let left = world.history.lines.iter().find(|line| matches!(line.event, Event::Left { .. }));
        assert_eq!(left, None, "nobody has a reason to leave");
    });
}

#[test]
fn an_edge_that_is_cut_off_from_the_home_alone_hears_by_way_of_another_replica() {
    for_each_seed(SEEDS, |seed| {
        let nodes = if seed % 2 == 0 { 3 } else { 4 };
        let (mut world, crowd) = World::with_crowd(seed, Settings { nodes, grace_ms: 60_000 }, nodes);
        let home = world.leader().unwrap();
        // The last node has no replica if there are four.
        let (deaf, talker) = (if home == nodes { 1 } else { nodes }, home);
        let on = |node: u32| crowd.members.iter().copied().find(|member| world.clients[*member].node == node).unwrap();
        let (deaf_one, talking) = (on(deaf), on(talker));
        world.cut(home, deaf, true);
        if seed % 3 != 0 {
            world.cut(deaf, home, true);
        }
        for number in 0..20 {
            world.send(talking, stanzas::say(ROOM, &format!("m{number}")));
            world.run(300);
        }
        let heard = |world: &World| world.clients[deaf_one].count(|stanza| stanza.attribute("id") == Some("m19")) == 1;
        assert!(world.run_until(8000, heard), "it hears nothing: {}", world.unrest());
        world.cut(home, deaf, false);
        world.cut(deaf, home, false);
        world.settle();
        world.check();
        assert!(!world.history.lines.iter().any(|line| matches!(line.event, Event::Left { .. })), "nobody has a reason to leave");
    });
}

#[test]
fn what_a_new_home_lacks_comes_from_another_replica() {
    for_each_seed(SEEDS, |seed| {
        let (mut world, crowd) = World::with_crowd(seed, Settings { grace_ms: 60_000, ..Settings::default() }, 6);
        let on = |node: u32| crowd.members.iter().copied().find(|member| world.clients[*member].node == node).unwrap();
        let (talking, deaf) = (on(1), on(3));
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
        assert!(world.run_until(8000, heard), "it hears nothing: {}", world.unrest());
        world.lag(3, false);
        world.settle();
        world.check();
        assert!(!world.history.lines.iter().any(|line| matches!(line.event, Event::Left { .. })), "nobody has a reason to leave");
    });
}

/// I15: whoever is removed is told.
#[test]
fn an_edge_that_missed_frames_for_good_is_told_so() {
    for_each_seed(SEEDS, |seed| {
        let (mut world, crowd) = World::with_crowd(seed, Settings { grace_ms: 60_000, ..Settings::default() }, 6);
        let on =
            |node: u32| crowd.members.iter().copied().filter(|member| world.clients[*member].node == node).collect::<Vec<_>>();
        let (talking, deaf) = (on(1)[0], on(3));
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
        world.settle();
        world.check();
        for member in deaf {
            let told = world.clients[member].count(|stanza| codes(stanza).contains(&333) && codes(stanza).contains(&110));
            assert_eq!(told, 1, "{} is told once", world.clients[member].label());
        }
    });
}

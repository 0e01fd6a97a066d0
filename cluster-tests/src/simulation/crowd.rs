//! Clients that enter, talk, leave and come back; and what must be so when all is over.

use super::stanzas::{self, ROOM};
use super::{Chaos, Settings, World};
use crate::verdict::Verdict;

/// Everything must be answered and everywhere within so many milliseconds without a fault.
const QUIET_MAX: u64 = 20_000;

/// The accounts of a crowd, each with its newest session.
pub struct Crowd {
    /// Places among the clients of the world.
    pub members: Vec<usize>,
    said: usize,
    /// Whether members leave now and then by their own will.
    pub restless: bool,
}

impl Crowd {
    /// So many clients, in turn on all nodes, in a room that keeps everything.
    pub fn gather(world: &mut World, many: u32) -> Crowd {
        let nodes = world.living();
        let owner = world.connect("c0", nodes[0]);
        world.send(owner, stanzas::join(ROOM, "C0", None));
        assert!(world.run_until(5000, |world| world.clients[owner].is_in(ROOM)), "the room is not made");
        let fields = [("persistentroom", "1"), ("historylength", "1000"), ("defaulthistorymessages", "1000")];
        world.send(owner, stanzas::configure(ROOM, "open", &fields));
        assert!(world.run_until(5000, |world| world.clients[owner].pending.is_empty()), "the room is not opened");
        let mut members = vec![owner];
        for number in 1..many {
            let member = world.connect(&format!("c{number}"), nodes[number as usize % nodes.len()]);
            world.send(member, stanzas::join(ROOM, &format!("C{number}"), None));
            members.push(member);
        }
        let all = members.clone();
        let entered = world.run_until(5000, |world| all.iter().all(|member| world.clients[*member].is_in(ROOM)));
        assert!(entered, "not everybody gets in");
        Crowd { members, said: 0, restless: false }
    }

    /// Lets them talk for so many milliseconds while faults strike.
    pub fn talk(&mut self, world: &mut World, milliseconds: u64, chaos: &mut Chaos) {
        let until = world.now() + milliseconds;
        let mut strike_at = world.now() + world.up_to(300);
        while world.now() < until {
            if world.now() >= strike_at && !chaos.faults.is_empty() {
                chaos.strike(world);
                strike_at = world.now() + 100 + world.up_to(1200);
            }
            self.act(world);
            let pause = 1 + world.up_to(40);
            world.run(pause);
        }
    }

    /// One of them does something.
    pub fn act(&mut self, world: &mut World) {
        let number = world.up_to(self.members.len() as u64 - 1) as usize;
        let member = self.members[number];
        let (name, nick) = (format!("c{number}"), format!("C{number}"));
        if !world.clients[member].connected {
            let nodes = world.living();
            if world.up_to(3) == 0 {
                let node = nodes[world.up_to(nodes.len() as u64 - 1) as usize];
                self.members[number] = world.connect(&name, node);
            }
        } else if !world.clients[member].is_in(ROOM) {
            if world.clients[member].pending.is_empty() {
                world.send(member, stanzas::join(ROOM, &nick, None));
            }
        } else if self.restless && world.up_to(30) == 0 {
            match world.up_to(1) {
                0 => world.send(member, stanzas::leave(ROOM, &nick)),
                _ => world.disconnect(member),
            }
        } else if world.clients[member].pending.len() < 4 {
            self.said += 1;
            let said = format!("m{}", self.said);
            match world.up_to(9) {
                0 => world.send(member, stanzas::self_ping(ROOM, &nick, &said)),
                _ => world.send(member, stanzas::say(ROOM, &said)),
            }
        }
    }
}

impl World {
    /// A world in which something goes on.
    pub fn with_crowd(seed: u64, settings: Settings, many: u32) -> (World, Crowd) {
        let mut world = World::new(seed, settings);
        let crowd = Crowd::gather(&mut world, many);
        (world, crowd)
    }

    /// Every fault ends, and everything that is under way comes to its end in time.
    pub fn settle(&mut self) {
        self.heal();
        let answered = |world: &World| world.clients.iter().all(|client| !client.connected || client.pending.is_empty());
        let quiet = self.run_until(QUIET_MAX, |world| world.is_quiet() && answered(world));
        assert!(
            quiet,
            "I13: something is not answered, or not everywhere, {QUIET_MAX} ms after the last fault: {}",
            self.unrest()
        );
        // Whoever is detached gets its whole grace, and registers their time.
        self.run(8000);
        let quiet = self.run_until(QUIET_MAX, |world| world.is_quiet() && answered(world));
        assert!(
            quiet,
            "I13: something is not answered, or not everywhere, {QUIET_MAX} ms after the last grace: {}",
            self.unrest()
        );
    }

    /// All that must be so at the end, whatever went wrong.
    pub fn check(&mut self) {
        for node in self.replica_nodes() {
            self.checkpoint(node);
        }
        let oracle = self.oracle();
        let mut wrong = Vec::new();
        for client in &self.clients {
            wrong.extend(client.oddities.iter().map(|oddity| format!("I13: {}: {oddity}", client.label())));
            let overtaken = oracle.overtaken(client.session.id, &client.answers);
            wrong.extend(overtaken.iter().map(|number| format!("I1: {}: request {number} is answered too late", client.label())));
            let seat = oracle.seats.get(ROOM).and_then(|seats| seats.get(client.session.jid.as_str()));
            let sits = seat.is_some_and(|(id, _)| *id == client.session.id);
            if client.is_in(ROOM) != sits {
                wrong.push(format!(
                    "I13: {} believes: in the room? {}; the room says {sits}",
                    client.label(),
                    client.is_in(ROOM)
                ));
            }
            if let Some(stay) = client.stays.get(ROOM).filter(|_| client.is_in(ROOM) && sits)
                && stay.roster != oracle.nicks(ROOM)
            {
                wrong.push(format!("I13: {} sees {:?}, but there are {:?}", client.label(), stay.roster, oracle.nicks(ROOM)));
            }
        }
        let committed = oracle.committed(ROOM);
        for (name, check) in crate::CHECKERS {
            let verdict = check(&self.history, &committed);
            if let Verdict::Fail(_) = verdict {
                wrong.push(format!("{name}: {verdict}"));
            }
        }
        assert!(wrong.is_empty(), "after {} ms:\n{}", self.now(), wrong.join("\n"));
    }
}

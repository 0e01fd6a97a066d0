//! When all is whole again: rooms are put in order, everybody is in, and everything works that people of the profile ever ask for; then all is
//! looked at through every node.

use super::super::look::questions;
use super::{ARRIVAL_MAX, Kind, Place, Stage, is_kept};
use crate::act::{Act, Answer};
use crate::history::{Event, Phase};
use crate::simulation::World;
use crate::traffic::cast::{LOOKER, Part};
use crate::traffic::simulated::person::Person;

/// How long one thing may take when nothing is wrong, in milliseconds of the simulation.
const ANSWER_MAX: u64 = 10_000;

/// Behind the grace, until whoever is gone has been shown to go.
const GONE_WITHIN: u64 = 6000;

impl Stage {
    /// Everything must work.
    pub(super) fn prove(&mut self, grace_ms: u64) {
        self.begin(Phase::Liveness);
        for at in 0..self.people.len() {
            if !self.people[at].is_connected() {
                self.connect(at);
            }
        }
        self.until("nobody waits", ANSWER_MAX, |stage| stage.people.iter().all(Person::is_quiet));
        for room in 0..self.cast.rooms.len() {
            if let Some(owner) = self.cast.rooms[room].owner.filter(|_| is_kept(&self.cast.rooms[room])) {
                let acts = self.cast.rooms[room].restoration(&self.cast);
                self.all_succeed(owner, room, acts);
            }
        }
        self.all_leave_and_go_in(grace_ms);
        self.all_show();
        self.owners_prove();
        self.all_go_in();
        self.pass(grace_ms + GONE_WITHIN);
        let quiet = self.world.run_until(20_000, World::is_quiet);
        assert!(quiet, "I13: something is not everywhere 20000 ms after the last grace: {}", self.world.unrest());
        self.hear();
    }

    /// What everybody must be able to do.
    fn all_show(&mut self) {
        for at in 0..self.people.len() {
            for room in self.cast.parts[at].rooms.clone() {
                let kind = self.cast.rooms[room].kind;
                let (nick, another) = self.people[at].nicks(room);
                let mut acts = kind.proof(&nick, another.as_deref());
                if kind == Kind::Fresh {
                    // It ends when its maker leaves, and is made anew.
                    let enter = Act::Enter { nick, password: None, history: None };
                    acts.splice(0..0, [enter.clone(), Act::Leave, enter]);
                } else if kind == Kind::Race || !self.people[at].is_inside(room) {
                    continue;
                }
                self.all_succeed(at, room, acts);
            }
        }
    }

    /// What owners must be able to do. Whoever they throw out knows of it.
    fn owners_prove(&mut self) {
        for room in 0..self.cast.rooms.len() {
            let Some(owner) = self.cast.rooms[room].owner.filter(|owner| self.people[*owner].is_inside(room)) else { continue };
            let kind = self.cast.rooms[room].kind;
            let (_, another) = self.people[owner].nicks(room);
            self.all_succeed(owner, room, kind.proof_of_owner(another.as_deref()));
            let other = |person: &Person| person.is_inside(room) && another == Some(person.nicks(room).0);
            if let Some(out) = self.people.iter().position(other).filter(|_| kind == Kind::Moderation) {
                self.until("whoever was thrown out knows", ANSWER_MAX, |stage| !stage.people[out].is_inside(room));
            }
        }
    }

    /// Rooms are looked at, and all is over.
    pub(super) fn end(&mut self) {
        self.begin(Phase::Looking);
        for node in self.world.living() {
            self.look_through(node);
            self.count_at(node);
        }
        self.begin(Phase::Over);
        for person in &mut self.people {
            person.end("left", &mut self.scribe);
        }
    }

    /// Each of these must be answered, one behind the other.
    pub(super) fn all_succeed(&mut self, at: usize, room: usize, acts: Vec<Act>) {
        for act in acts {
            let what = format!("{act:?} in {} by {}", self.cast.rooms[room].local, self.cast.parts[at].jid());
            let send = self.people[at].ask(room, act, &mut self.world, &mut self.scribe);
            self.until(&what, ANSWER_MAX, |stage| !stage.people[at].waits_for(&send));
            if !self.people[at].succeeded(&send) {
                self.complain(format!("{what}: it did not work"));
            }
        }
    }

    pub(super) fn all_go_in(&mut self) {
        for at in 0..self.people.len() {
            for room in self.cast.parts[at].rooms.clone() {
                if is_kept(&self.cast.rooms[room]) && self.people[at].place(room) == Place::Outside {
                    self.people[at].enter(room, None, &mut self.world, &mut self.scribe);
                }
            }
        }
        self.until("all are in their rooms", ARRIVAL_MAX, |stage| {
            let is_in = |person: &Person| person.is_in_all(&stage.cast);
            stage.people.iter().all(is_in)
        });
    }

    /// Whoever has no voice gets it by entering again. Who is outside may have a seat that waits for it, and would come back to it as it is.
    fn all_leave_and_go_in(&mut self, grace_ms: u64) {
        let moderated = |room: &usize| self.cast.rooms[*room].kind == Kind::Moderation;
        let stands_outside = |person: &Person| person.rooms_kept(&self.cast).1.iter().any(moderated);
        if self.people.iter().any(stands_outside) {
            self.pass(grace_ms + GONE_WITHIN);
        }
        for at in 0..self.people.len() {
            for room in self.people[at].rooms_kept(&self.cast).0 {
                if self.cast.rooms[room].kind == Kind::Moderation && self.cast.rooms[room].owner != Some(at) {
                    self.all_succeed(at, room, vec![Act::Leave]);
                }
            }
        }
        for person in &mut self.people {
            person.take_own_nicks();
        }
        self.all_go_in();
    }

    fn look_through(&mut self, node: u32) {
        let part = Part {
            account: LOOKER.to_owned(),
            resource: format!("look{node}"),
            nick: LOOKER.to_owned(),
            rooms: Vec::new(),
            habit: Default::default(),
        };
        self.cast.parts.push(part);
        let at = self.people.len();
        self.people.push(Person::new(&self.cast, at));
        self.people[at].connect(&self.cast, node, &mut self.world);
        for room in 0..self.cast.rooms.len() {
            for act in questions() {
                let what = format!("{act:?} is answered");
                let send = self.people[at].ask(room, act, &mut self.world, &mut self.scribe);
                self.until(&what, ANSWER_MAX, |stage| !stage.people[at].waits_for(&send));
            }
        }
    }

    /// As the administrator of the node is told.
    fn count_at(&mut self, node: u32) {
        for room in 0..self.cast.rooms.len() {
            let jid = self.cast.rooms[room].jid();
            if let Some((occupants, detached)) = self.world.count(node, &jid) {
                let send = format!("count{node}-{}", self.cast.rooms[room].local);
                let (session, answer) = (format!("admin#{node}"), Answer::Count { occupants, detached });
                let asked = Event::Invoke { send: send.clone(), act: Act::Occupants };
                self.scribe.write(self.world.now(), &session, node, &jid, asked);
                self.scribe.write(self.world.now(), &session, node, &jid, Event::Ok { send, answer });
            }
        }
    }
}

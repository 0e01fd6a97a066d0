//! The same people in a simulation: they ask for the same things by the same dice, and what they did and saw becomes a run that the same
//! checkers judge.
//!
//! They know nothing of a clock. In a play they act one after the other, and all of them hear what has come before anybody acts again.

mod finale;
mod life;
mod person;
mod scribe;

use super::cast::{Cast, Room};
use super::kind::Kind;
use super::profile::Profile;
use super::seat::Place;
use crate::dice::Dice;
use crate::history::Phase;
use crate::run_dir::{Finding, Plan, Run};
use crate::simulation::{ALL, Chaos, Fault, Settings, World};
use person::Person;
use scribe::Scribe;

/// How long all may take to be in their rooms when nothing is wrong, in milliseconds of the simulation.
const ARRIVAL_MAX: u64 = 20_000;

/// How long faults come and go in a story that nothing else is said of, in milliseconds of the simulation.
const SAFETY_MS: u64 = 4000;

/// Promises that a simulation cannot put to the test, whatever the profile is there for. I23: it has no processes whose memory, files and disks could grow.
const BEYOND: [&str; 1] = ["I23"];

/// What is to be played.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Story {
    /// Who, and what for.
    pub profile: Profile,
    /// Kinds of faults.
    pub faults: &'static [Fault],
    /// How long they come and go, in milliseconds of the simulation.
    pub safety_ms: u64,
    /// All chance comes from it.
    pub seed: u64,
}

impl Story {
    /// All faults, for a few seconds.
    pub fn of(profile: Profile, seed: u64) -> Story {
        Story { profile, faults: &ALL, safety_ms: SAFETY_MS, seed }
    }

    /// As it is judged. No kind of fault is named: dice pick among them, and none of them is to be there for certain.
    fn plan(&self, settings: &Settings) -> Plan {
        let tested = self.profile.promises().iter().filter(|number| !BEYOND.contains(number));
        Plan {
            seed: self.seed,
            traffic: self.profile.name().to_owned(),
            faults: Vec::new(),
            promises: tested.map(|number| (*number).to_owned()).collect(),
            nodes: settings.nodes,
            safety_ms: self.safety_ms,
            liveness_ms: 0,
            grace_ms: settings.grace_ms,
            planted: None,
            program: "simulation".to_owned(),
        }
    }
}

/// A play that goes on.
struct Stage {
    cast: Cast,
    world: World,
    scribe: Scribe,
    dice: Dice,
    people: Vec<Person>,
    findings: Vec<Finding>,
}

/// Plays it to its end. A seed plays the same on any machine.
///
/// # Panics
///
/// If what should come to an end does not.
pub fn play(story: &Story) -> Run {
    let settings = Settings { judged: true, ..Settings::default() };
    let cast = story.profile.cast();
    let people = (0..cast.parts.len()).map(|at| Person::new(&cast, at)).collect();
    let mut stage = Stage {
        people,
        cast,
        world: World::new(story.seed, settings.clone()),
        scribe: Scribe::default(),
        dice: Dice::new(story.seed ^ 0x0bad_cafe),
        findings: Vec::new(),
    };
    stage.set();
    stage.endure(story);
    stage.prove(settings.grace_ms);
    stage.end();
    let Stage { world, scribe, mut findings, .. } = stage;
    findings.extend(world.disagreements().iter().map(|what| Finding { what: what.clone() }));
    let (plan, journal, replicas) = (story.plan(&settings), world.journal(), world.ends_of_replicas());
    Run { plan, history: scribe.history(), journal, replicas, samples: Vec::new(), findings }
}

impl Stage {
    fn begin(&mut self, phase: Phase) {
        self.scribe.phase(self.world.now(), phase);
    }

    /// Everybody connects; owners make their rooms, and all go in.
    fn set(&mut self) {
        self.begin(Phase::Setting);
        for at in 0..self.people.len() {
            self.connect(at);
        }
        for room in 0..self.cast.rooms.len() {
            let Some(owner) = self.cast.rooms[room].owner.filter(|_| self.cast.rooms[room].kind != Kind::Fresh) else { continue };
            self.people[owner].enter(room, None, &mut self.world, &mut self.scribe);
            self.until("an owner is in its room", ARRIVAL_MAX, |stage| stage.people[owner].is_inside(room));
            let acts = self.cast.rooms[room].setting(&self.cast, None);
            self.all_succeed(owner, room, acts);
        }
        self.all_go_in();
    }

    /// Faults come and go, one of them at least.
    fn endure(&mut self, story: &Story) {
        self.begin(Phase::Safety);
        let mut chaos = Chaos::of(story.faults);
        let until = self.world.now() + story.safety_ms;
        let mut strike_at = self.world.now() + self.dice.below(400) as u64;
        while self.world.now() < until || (chaos.count == 0 && !chaos.faults.is_empty()) {
            if self.world.now() >= strike_at && !chaos.faults.is_empty() {
                chaos.strike(&mut self.world);
                self.hear();
                strike_at = self.world.now() + 100 + self.dice.below(1200) as u64;
            }
            let at = self.dice.below(self.people.len());
            self.act(at);
            let pause = 1 + self.dice.below(12) as u64;
            self.pass(pause);
        }
        self.begin(Phase::Heal);
        self.world.heal();
        let quiet = self.world.run_until(20_000, World::is_quiet);
        assert!(quiet, "I13: something is not everywhere 20000 ms after the last fault: {}", self.world.unrest());
        self.hear();
    }

    /// One of them does what its dice say.
    fn act(&mut self, at: usize) {
        let person = &mut self.people[at];
        if !person.is_connected() {
            if self.dice.below(3) == 0 {
                self.connect(at);
            }
            return;
        }
        person.act(&self.cast, &mut self.world, &mut self.scribe);
        // Whoever closes its connection hears of that at once.
        self.hear();
    }

    fn connect(&mut self, at: usize) {
        let nodes = self.world.living();
        let node = *self.dice.pick(&nodes);
        self.people[at].connect(&self.cast, node, &mut self.world);
    }

    /// Time passes, and everybody hears what has come.
    fn pass(&mut self, milliseconds: u64) {
        self.world.run(milliseconds);
        self.hear();
    }

    fn hear(&mut self) {
        for (client, stanza) in self.world.take_arrivals() {
            if let Some(person) = self.people.iter_mut().find(|person| person.is_client(client)) {
                person.hear(&stanza, &self.cast, &mut self.world, &mut self.scribe);
            }
        }
        for person in &mut self.people {
            person.notice_end(&self.world, &mut self.scribe);
        }
        self.scribe.faults(self.world.now(), self.world.take_fault_notes());
    }

    fn until(&mut self, what: &str, limit: u64, is_so: impl Fn(&Stage) -> bool) {
        let end = self.world.now() + limit;
        while !is_so(self) {
            if self.world.now() >= end {
                return self.complain(format!("not within {limit} ms: {what}; {}", self.world.unrest()));
            }
            self.pass(10);
        }
    }

    fn complain(&mut self, what: String) {
        self.findings.push(Finding { what });
    }
}

/// Rooms that are kept by somebody: everybody is in them when all is whole.
fn is_kept(room: &Room) -> bool {
    !matches!(room.kind, Kind::Race | Kind::Fresh)
}

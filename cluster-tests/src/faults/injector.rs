//! Does what a schedule says, and writes down what came of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::claims::{Claims, MAJORITY};
use super::class::Lane;
use super::fault::{Fault, Scene};
use super::schedule::{Planned, Schedule};
use crate::arena::Arena;
use crate::arena::flow::lock;
use crate::arena::lives::within;
use crate::dice::Dice;
use crate::history::{Event, FaultLine, Stage};
use crate::recorder::Recorder;

/// Who it is in the history.
const SESSION: &str = "injector";

/// How often is looked whether a fault is felt.
const LOOK: Duration = Duration::from_millis(25);

/// Between two faults of a lane that is behind its time.
const PAUSE_MIN: Duration = Duration::from_millis(300);

/// Behind this time a fault whose class was there before is left out.
const LATE_MAX: Duration = Duration::from_secs(15);

/// For anybody to be there who can suffer: all may have been killed just now, or be in the hands of a fault that takes nodes in and out, for minutes.
const CHOSEN_MAX: Duration = Duration::from_secs(300);

/// Breaks things.
#[derive(Clone, Copy)]
pub struct Injector<'a> {
    /// What is broken.
    pub arena: &'a Arena,
    /// Who writes it down.
    pub recorder: &'a Recorder,
    /// Bare JIDs of rooms in which something happens: faults look for their homes.
    pub rooms: &'a [String],
    /// Nodes that are left alone, and whose wires to each other are; only classes that [can](super::Class::can_spare).
    pub spared: &'a [u32],
}

impl Injector<'_> {
    /// Runs a schedule to its end; it blocks until the last fault is taken back. Each fault has a line when it begins, when it is felt, and when it
    /// ended. The error says what could not be done, or not be taken back; the other faults were tried all the same.
    pub fn run(&self, schedule: &Schedule) -> Result<(), String> {
        let spares = |planned: &&Planned| self.spared.is_empty() || planned.class.can_spare();
        if let Some(planned) = schedule.planned.iter().find(|planned| !spares(planned)) {
            return Err(format!("{} leaves nobody alone", planned.class));
        }
        let mut lanes: BTreeMap<Lane, Vec<&Planned>> = BTreeMap::new();
        for planned in &schedule.planned {
            lanes.entry(planned.class.lane()).or_default().push(planned);
        }
        let (start, claims, troubles) = (Instant::now(), Claims::default(), Mutex::new(Vec::new()));
        std::thread::scope(|threads| {
            for lane in lanes.values() {
                threads.spawn(|| self.play_all(lane, start, &claims, &troubles));
            }
        });
        let troubles = std::mem::take(&mut *lock(&troubles));
        if troubles.is_empty() { Ok(()) } else { Err(troubles.join("\n")) }
    }

    /// One after the other. Some last as long as they take, as what takes members in and out: what is far behind its time then, and was there already, is
    /// left out.
    fn play_all(&self, lane: &[&Planned], start: Instant, claims: &Claims, troubles: &Mutex<Vec<String>>) {
        let mut played = BTreeSet::new();
        for planned in lane {
            let is_late = start.elapsed() > planned.at + LATE_MAX;
            if played.insert(planned.class) || !is_late {
                self.play(planned, start, claims, troubles);
            }
        }
    }

    fn play(&self, planned: &Planned, start: Instant, claims: &Claims, troubles: &Mutex<Vec<String>>) {
        std::thread::sleep(planned.at.saturating_sub(start.elapsed()).max(PAUSE_MIN));
        let mut fault = planned.class.fault(planned.number, Dice::new(planned.seed));
        if let Err(trouble) = self.suffer(planned, &mut *fault, claims) {
            lock(troubles).push(format!("{} (no. {}): {trouble}", planned.class, planned.number));
        }
    }

    /// From the beginning to the end of one fault.
    fn suffer(&self, planned: &Planned, fault: &mut dyn Fault, claims: &Claims) -> Result<(), String> {
        let scene = Scene { arena: self.arena, rooms: self.rooms, spared: self.spared, claims };
        let chosen = within(CHOSEN_MAX, "somebody to suffer", || choose(planned, fault, scene));
        self.record(planned, fault, Stage::Begun, chosen.as_ref().unwrap_or_else(|error| error));
        chosen?;
        let lasted = fault.begin(scene).and_then(|()| self.last(planned, fault, scene));
        let ended = fault.end(scene);
        if let Some(proof) = if matches!(lasted, Ok(false)) { fault.felt_in_the_end(scene) } else { None } {
            self.record(planned, fault, Stage::Felt, &proof);
        }
        // Before anything is waited for: from here on whoever suffered is well.
        self.record(planned, fault, Stage::Ended, ended.as_ref().unwrap_or_else(|error| error));
        if takes_nodes(planned) {
            claims.release(&held(fault));
        }
        lasted.map(drop).and(ended).map(drop)
    }

    /// Whether it was felt.
    fn last(&self, planned: &Planned, fault: &mut dyn Fault, scene: Scene<'_>) -> Result<bool, String> {
        let (start, mut felt) = (Instant::now(), false);
        loop {
            if let Some(proof) = if felt { None } else { fault.felt(scene) } {
                self.record(planned, fault, Stage::Felt, &proof);
                felt = true;
            }
            let elapsed = start.elapsed();
            if elapsed >= planned.lasts + if felt { Duration::ZERO } else { fault.felt_max() } {
                return Ok(felt);
            }
            std::thread::sleep(LOOK.min(planned.lasts.saturating_sub(elapsed).max(LOOK / 5)));
            fault.go_on(scene)?;
        }
    }

    fn record(&self, planned: &Planned, fault: &dyn Fault, stage: Stage, detail: &str) {
        let (number, class) = (planned.number, planned.class.name().to_owned());
        let line = FaultLine { fault: number, class, stage, detail: detail.to_owned() };
        self.recorder.record(SESSION, fault.node(), "", Event::Fault(line));
    }
}

/// Who breaks wires may break those of anybody; who takes lives leaves alone what is in the hands of others.
fn choose(planned: &Planned, fault: &mut dyn Fault, scene: Scene<'_>) -> Result<String, String> {
    if !takes_nodes(planned) {
        return fault.choose(scene);
    }
    scene.claims.claim(|claimed| {
        let spared = [scene.spared, claimed].concat();
        let chosen = fault.choose(Scene { spared: &spared, ..scene })?;
        let held = held(fault);
        if held.is_empty() && planned.class.lane() == Lane::Lives {
            return Err("nobody is left".to_owned());
        }
        match held.iter().find(|node| spared.contains(node)) {
            Some(&MAJORITY) => Err("another fault needs the majority that this one would take".to_owned()),
            Some(node) => Err(format!("node {node} is to be left alone")),
            None => Ok((chosen, held)),
        }
    })
}

fn takes_nodes(planned: &Planned) -> bool {
    matches!(planned.class.lane(), Lane::Lives | Lane::Members)
}

/// 0 is nobody.
fn held(fault: &dyn Fault) -> Vec<u32> {
    fault.held().into_iter().filter(|node| *node != 0).collect()
}

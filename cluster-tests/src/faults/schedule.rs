//! What happens when: all of it comes from a seed.

use std::collections::BTreeMap;
use std::time::Duration;

use super::choosing::shuffled;
use super::class::{Class, Lane};
use crate::dice::Dice;

/// Between two faults of a lane, in milliseconds: time enough to serve for a moment, and sometimes not.
const PAUSE_MS: (u64, u64) = (300, 3000);

/// The same seed, classes, nodes and duration give the same schedule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Schedule {
    /// In the order of their beginnings.
    pub planned: Vec<Planned>,
}

/// One fault that is to be.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Planned {
    /// From 1, in the order of the beginnings.
    pub number: u32,
    /// What.
    pub class: Class,
    /// From the beginning of the run of the schedule.
    pub at: Duration,
    /// Then it is taken back.
    pub lasts: Duration,
    /// Decides to whom, and how much.
    pub seed: u64,
}

impl Schedule {
    /// Faults of these classes for a cluster of so many nodes. Every class is there at least once, also if it then takes longer than the duration;
    /// without classes there are no faults. What takes nodes away, what takes them in or out, what breaks wires between nodes, what breaks those of clients,
    /// and what nodes stand on come each one after the other, and the five beside each other.
    ///
    /// # Errors
    ///
    /// If a class means nothing for so few nodes.
    pub fn of(seed: u64, classes: &[Class], nodes: usize, duration: Duration) -> Result<Schedule, String> {
        if let Some(class) = classes.iter().find(|class| class.nodes_min() > nodes) {
            return Err(format!("{class} needs {} nodes, and there are {nodes}", class.nodes_min()));
        }
        let mut dice = Dice::new(seed);
        let mut lanes: BTreeMap<Lane, Vec<Class>> = BTreeMap::new();
        for class in classes {
            let lane = lanes.entry(class.lane()).or_default();
            if !lane.contains(class) {
                lane.push(*class);
            }
        }
        let mut planned: Vec<Planned> = lanes.into_values().flat_map(|classes| lane(&classes, duration, &mut dice)).collect();
        planned.sort_by_key(|planned| (planned.at, planned.class));
        for (planned, number) in planned.iter_mut().zip(1..) {
            planned.number = number;
        }
        Ok(Schedule { planned })
    }
}

impl Schedule {
    /// The same, where what breaks wires between nodes lasts no longer than this: nobody has to wait for an answer for so long that it is refused.
    pub fn with_wires_broken_at_most(mut self, most: Duration) -> Schedule {
        let wires = self.planned.iter_mut().filter(|planned| planned.class.breaks_wires());
        wires.for_each(|planned| planned.lasts = planned.lasts.min(most));
        self
    }
}

/// First each class once in an order of chance, then any as long as there is time.
fn lane(classes: &[Class], duration: Duration, dice: &mut Dice) -> Vec<Planned> {
    let mut planned = Vec::new();
    let mut due = shuffled(classes.to_vec(), dice);
    let mut at = Duration::ZERO;
    loop {
        at += between(PAUSE_MS.0, PAUSE_MS.1, dice);
        let class = match due.pop() {
            Some(class) => class,
            None if at < duration => *dice.pick(classes),
            None => return planned,
        };
        let lasts = lasts(class, dice);
        planned.push(Planned { number: 0, class, at, lasts, seed: dice.below(usize::MAX) as u64 });
        at += lasts;
    }
}

/// Half of them are short: within the lower quarter.
fn lasts(class: Class, dice: &mut Dice) -> Duration {
    let range = class.lasts();
    let millis = |duration: &Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    let (least, most) = (millis(range.start()), millis(range.end()));
    if dice.below(2) == 0 { between(least, least + (most - least) / 4, dice) } else { between(least, most, dice) }
}

fn between(least: u64, most: u64, dice: &mut Dice) -> Duration {
    let span = usize::try_from(most - least + 1).unwrap_or(usize::MAX);
    Duration::from_millis(least + dice.below(span) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DURATION: Duration = Duration::from_secs(60);

    #[test]
    fn a_seed_gives_the_same_schedule_again_and_another_gives_another() {
        let of = |seed| Schedule::of(seed, &Class::ALL, 5, DURATION).expect("five are enough for all");
        assert_eq!(of(7), of(7));
        assert_ne!(of(7), of(8));
    }

    #[test]
    fn every_class_is_there_and_those_of_a_lane_do_not_overlap() {
        for seed in 0..200 {
            let schedule = Schedule::of(seed, &Class::ALL, 5, DURATION).expect("five are enough for all");
            for class in Class::ALL {
                assert!(schedule.planned.iter().any(|planned| planned.class == class), "seed {seed} has no {class}");
            }
            assert!(schedule.planned.is_sorted_by_key(|planned| planned.at));
            assert!(schedule.planned.iter().map(|planned| planned.number).eq(1..=schedule.planned.len() as u32));
            let mut ends: BTreeMap<Lane, Duration> = BTreeMap::new();
            for planned in &schedule.planned {
                let end = ends.insert(planned.class.lane(), planned.at + planned.lasts).unwrap_or_default();
                assert!(planned.at > end, "seed {seed}: {planned:?} begins before {end:?}");
                assert!(planned.class.lasts().contains(&planned.lasts), "seed {seed}: {planned:?}");
            }
        }
    }

    #[test]
    fn a_schedule_goes_on_until_the_time_is_over() {
        let schedule = Schedule::of(3, &[Class::KillHome], 3, DURATION).expect("three are enough");
        let last = schedule.planned.last().expect("there is time for many");
        assert!(schedule.planned.len() > 5 && last.at < DURATION && last.at > DURATION / 2, "{schedule:?}");
        assert_eq!(Schedule::of(3, &[], 3, DURATION), Ok(Schedule { planned: Vec::new() }));
    }

    #[test]
    fn a_class_that_needs_more_nodes_is_named() {
        let error = Schedule::of(1, &[Class::KillHome, Class::Ring], 3, DURATION).expect_err("a ring of three is whole");
        assert_eq!(error, "ring needs 4 nodes, and there are 3");
    }
}

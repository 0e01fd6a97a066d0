//! Whose life is over, as the leader of meta counts: it hears signs of life, and ends the incarnations of the silent.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::incarnation::Incarnation;

/// A leader that has not looked for so long was stopped, or starved: what it did not hear in that time says nothing.
const LOOK_MAX: Duration = Duration::from_secs(1);

/// When the leader of meta heard of whom. A new leader begins anew: it cannot know what the last one heard. Times are the leader's own, from any beginning.
#[derive(Debug, Default)]
pub struct Liveness {
    term: Option<u64>,
    looked: Option<Duration>,
    /// By what `nodes` was counted.
    limits: Limits,
    nodes: BTreeMap<u32, Heard>,
}

/// For how long nobody is ended.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Of whom nothing is heard.
    pub silent: Duration,
    /// Whose process is proven to be gone: it may be restarting, which ends its incarnation by itself.
    pub dead: Duration,
}

#[derive(Debug)]
struct Heard {
    incarnation: u32,
    last: Duration,
    /// Since when it is proven that its process is gone.
    dead: Option<Duration>,
}

/// Why an incarnation is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Silence {
    /// Its process is gone.
    Dead,
    /// Nothing was heard of it for so long.
    For(Duration),
}

impl Liveness {
    /// A sign of life.
    pub fn heard(&mut self, from: Incarnation, now: Duration) {
        if let Some(heard) = self.nodes.get_mut(&from.node).filter(|heard| heard.incarnation == from.number) {
            heard.last = now;
        }
    }

    /// Whose incarnation is over, and why, as the leader of this term: `living` are all that count as living, `dead` the nodes whose process is gone.
    pub fn look(
        &mut self,
        term: u64,
        now: Duration,
        living: &[Incarnation],
        dead: &[u32],
        limits: Limits,
    ) -> Vec<(Incarnation, Silence)> {
        let slept = self.looked.is_none_or(|looked| now.saturating_sub(looked) > LOOK_MAX);
        // Whoever has counted by another time has its chance to hear of this one.
        if self.term != Some(term) || slept || self.limits.silent != limits.silent {
            self.nodes.clear();
        }
        (self.term, self.looked, self.limits) = (Some(term), Some(now), limits);
        self.nodes.retain(|node, heard| living.contains(&Incarnation { node: *node, number: heard.incarnation }));
        let over =
            |incarnation: &Incarnation| Some((*incarnation, self.silence(*incarnation, now, dead.contains(&incarnation.node))?));
        living.iter().filter_map(over).collect()
    }

    fn silence(&mut self, of: Incarnation, now: Duration, dead: bool) -> Option<Silence> {
        let heard = self.nodes.entry(of.node).or_insert(Heard { incarnation: of.number, last: now, dead: None });
        heard.dead = dead.then(|| heard.dead.unwrap_or(now));
        let silent = now.saturating_sub(heard.last);
        if heard.dead.is_some_and(|dead| now.saturating_sub(dead) >= self.limits.dead) {
            return Some(Silence::Dead);
        }
        (silent >= self.limits.silent).then_some(Silence::For(silent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { silent: Duration::from_secs(5), dead: Duration::from_secs(1) };

    const TWO: Incarnation = Incarnation { node: 2, number: 7 };

    /// A leader that looks every half second, at nodes 2 and 3.
    #[derive(Default)]
    struct Leader {
        liveness: Liveness,
        term: u64,
        /// In milliseconds.
        now: u64,
        dead: Vec<u32>,
        limits: Option<Limits>,
    }

    impl Leader {
        fn look(&mut self) -> Vec<(u32, Silence)> {
            let living = [TWO, Incarnation { node: 3, number: 1 }];
            let now = Duration::from_millis(self.now);
            self.liveness.heard(living[1], now);
            let over = self.liveness.look(self.term, now, &living, &self.dead, self.limits.unwrap_or(LIMITS));
            over.into_iter().map(|(incarnation, why)| (incarnation.node, why)).collect()
        }

        /// Looks until so many milliseconds have passed; nobody must be over before.
        #[track_caller]
        fn look_for(&mut self, ms: u64) -> Vec<(u32, Silence)> {
            for _ in 0..ms / 500 {
                assert_eq!(self.look(), [], "at {} ms", self.now);
                self.now += 500;
            }
            self.look()
        }
    }

    fn over(seconds: u64) -> Vec<(u32, Silence)> {
        vec![(2, Silence::For(Duration::from_secs(seconds)))]
    }

    #[test]
    fn the_silent_are_over_and_nobody_else() {
        let mut leader = Leader::default();
        assert_eq!(leader.look_for(5000), over(5));
        // Until that is written down.
        assert_eq!(leader.look(), over(5));
    }

    #[test]
    fn a_sign_of_life_counts_for_the_incarnation_that_gave_it() {
        let mut leader = Leader::default();
        assert_eq!(leader.look_for(4000), []);
        leader.liveness.heard(TWO, Duration::from_secs(4));
        assert_eq!(leader.look_for(4500), []);
        leader.liveness.heard(Incarnation { number: 6, ..TWO }, Duration::from_millis(8500));
        assert_eq!(leader.look_for(500), over(5));
    }

    #[test]
    fn a_process_that_is_gone_is_waited_for_only_for_a_moment() {
        let mut leader = Leader { dead: vec![2], ..Leader::default() };
        assert_eq!(leader.look_for(1000), [(2, Silence::Dead)]);
        // It is back.
        leader.dead.clear();
        assert_eq!(leader.look_for(500), []);
        leader.dead.push(2);
        assert_eq!(leader.look_for(1000), [(2, Silence::Dead)]);
    }

    #[test]
    fn whoever_cannot_know_begins_anew() {
        let almost = || {
            let mut leader = Leader::default();
            assert_eq!(leader.look_for(4500), []);
            leader
        };
        let mut other = Leader { term: 1, ..almost() };
        other.now += 500;
        assert_eq!(other.look_for(5000), over(5));
        let mut slept = almost();
        slept.now += 1001;
        assert_eq!(slept.look_for(5000), over(5));
        let mut told = Leader { limits: Some(Limits { silent: Duration::from_secs(2), ..LIMITS }), ..almost() };
        told.now += 500;
        assert_eq!(told.look_for(2000), over(2));
    }

    #[test]
    fn the_next_incarnation_is_another_life() {
        let mut leader = Leader::default();
        assert_eq!(leader.look_for(4500), []);
        let next = Incarnation { number: 8, ..TWO };
        assert_eq!(leader.liveness.look(0, Duration::from_secs(5), &[next], &[], LIMITS), []);
        assert_eq!(leader.liveness.look(0, Duration::from_millis(5500), &[TWO], &[], LIMITS), []);
    }
}

//! What is to be done next so that a group consists of the nodes that it should: one step at a time.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// A group and its surroundings, as its leader sees them.
#[derive(Debug, Clone, Default)]
pub struct View {
    /// The leader.
    pub me: u32,
    /// Who votes.
    pub voters: BTreeSet<u32>,
    /// Who learns without a vote.
    pub learners: BTreeSet<u32>,
    /// Who should vote.
    pub wanted_voters: BTreeSet<u32>,
    /// Who should learn without a vote.
    pub wanted_learners: BTreeSet<u32>,
    /// Who is reached at the moment.
    pub reached: BTreeSet<u32>,
    /// Who has nearly all of the log.
    pub caught_up: BTreeSet<u32>,
}

/// One change of the membership.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// A node that does not belong to the group learns from now on.
    AddLearner(u32),
    /// A learner votes from now on.
    Promote(u32),
    /// A learner votes from now on, instead of another.
    Replace {
        /// Who does not belong to the group any more.
        old: u32,
        /// The learner.
        new: u32,
    },
    /// A voter or learner does not belong to the group any more.
    Remove(u32),
}

impl View {
    /// The next step; `None` when all is well, or somebody has to be waited for. Nobody is taken out before whoever comes in his place has the log, or where no
    /// majority would be reached without him.
    pub fn next_step(&self) -> Option<Step> {
        self.wanted_step().filter(|step| self.majority_is_reached(*step))
    }

    /// Among those who vote behind a step.
    fn majority_is_reached(&self, step: Step) -> bool {
        let mut voters = self.voters.clone();
        match step {
            Step::AddLearner(_) => {}
            Step::Promote(new) => drop(voters.insert(new)),
            Step::Replace { old, new } => {
                voters.remove(&old);
                voters.insert(new);
            }
            Step::Remove(old) => drop(voters.remove(&old)),
        }
        voters.intersection(&self.reached).count() * 2 > voters.len()
    }

    fn wanted_step(&self) -> Option<Step> {
        let belongs = |node: &u32| self.voters.contains(node) || self.learners.contains(node);
        let wanted = || self.wanted_voters.iter().chain(&self.wanted_learners);
        if let Some(new) = wanted().find(|node| !belongs(node) && self.reached.contains(node)) {
            return Some(Step::AddLearner(*new));
        }
        let ready = |node: &&u32| self.learners.contains(node) && self.reached.contains(node) && self.caught_up.contains(node);
        let incoming = self.wanted_voters.difference(&self.voters).find(ready).copied();
        match (incoming, self.outgoing()) {
            (Some(new), Some(old)) if old != self.me => Some(Step::Replace { old, new }),
            (Some(new), _) => Some(Step::Promote(new)),
            (None, Some(old)) if self.wanted_voters.is_subset(&self.voters) && !self.wanted_voters.is_empty() => {
                Some(Step::Remove(old))
            }
            (None, _) => self.learners.iter().find(|node| !wanted().any(|wanted| wanted == *node)).copied().map(Step::Remove),
        }
    }

    /// A voter that should be none: one that is out of reach rather than another, the leader last.
    fn outgoing(&self) -> Option<u32> {
        let out = self.voters.difference(&self.wanted_voters).copied();
        out.min_by_key(|node| (*node == self.me, self.reached.contains(node)))
    }
}

/// Nodes that learn and should not any more, and since when: they go on learning for a while, so that they hear of it. Times are the leader's own, from any
/// beginning.
#[derive(Debug, Default)]
pub struct Leaving(BTreeMap<u32, Duration>);

impl Leaving {
    /// For so long since they were first seen to be unwanted, and are reached, learners stay wanted.
    pub fn linger(&mut self, view: &mut View, now: Duration, linger: Duration) {
        let unwanted = |node: &u32| {
            view.learners.contains(node) && !view.wanted_learners.contains(node) && !view.wanted_voters.contains(node)
        };
        self.0.retain(|node, _| unwanted(node));
        for node in view.learners.iter().copied().filter(unwanted) {
            self.0.entry(node).or_insert(now);
        }
        let lingering = self.0.iter().filter(|(node, since)| now.saturating_sub(**since) < linger && view.reached.contains(node));
        view.wanted_learners.extend(lingering.map(|(node, _)| *node).collect::<Vec<_>>());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(nodes: &[u32]) -> BTreeSet<u32> {
        nodes.iter().copied().collect()
    }

    /// Everybody is reached and has everything, and every step succeeds.
    fn steps(mut view: View, all: &[u32]) -> Vec<Step> {
        (view.reached, view.caught_up) = (set(all), set(all));
        let mut steps = Vec::new();
        while let Some(step) = view.next_step() {
            let (came, went) = match step {
                Step::AddLearner(node) => {
                    view.learners.insert(node);
                    (None, None)
                }
                Step::Promote(node) => (Some(node), None),
                Step::Replace { old, new } => (Some(new), Some(old)),
                Step::Remove(node) => (None, Some(node)),
            };
            view.learners.retain(|node| Some(*node) != came && Some(*node) != went);
            view.voters.retain(|node| Some(*node) != went);
            view.voters.extend(came);
            steps.push(step);
            assert!(steps.len() < 20, "it does not end: {steps:?}");
            assert!(!view.voters.is_empty(), "nobody votes any more: {steps:?}");
            if !view.voters.contains(&view.me) {
                view.me = *view.voters.first().unwrap();
            }
        }
        assert_eq!(view.voters, view.wanted_voters, "{steps:?}");
        assert_eq!(view.learners, view.wanted_learners, "{steps:?}");
        steps
    }

    fn view(voters: &[u32], wanted: &[u32]) -> View {
        View { me: voters[0], voters: set(voters), wanted_voters: set(wanted), ..View::default() }
    }

    #[test]
    fn every_way_ends_where_it_should_and_every_group_keeps_voters() {
        use Step::{AddLearner, Promote, Remove, Replace};
        assert_eq!(steps(view(&[1], &[1, 2, 3]), &[1, 2, 3]), [AddLearner(2), AddLearner(3), Promote(2), Promote(3)]);
        assert_eq!(steps(view(&[1, 2, 3], &[1, 2, 4]), &[1, 2, 3, 4]), [AddLearner(4), Replace { old: 3, new: 4 }]);
        assert_eq!(steps(view(&[1, 2, 3], &[1, 2]), &[1, 2, 3]), [Remove(3)]);
        // The leader goes last, and only when there is somebody else.
        assert_eq!(steps(view(&[1], &[2]), &[1, 2]), [AddLearner(2), Promote(2), Remove(1)]);
        let learners = View { wanted_learners: set(&[4]), learners: set(&[5]), ..view(&[1, 2], &[1, 2]) };
        assert_eq!(steps(learners, &[1, 2, 4, 5]), [AddLearner(4), Remove(5)]);
    }

    #[test]
    fn who_is_not_there_is_waited_for() {
        let absent = View { reached: set(&[1, 2]), ..view(&[1, 2], &[1, 3]) };
        assert_eq!(absent.next_step(), None);
        let behind = View { learners: set(&[3]), reached: set(&[1, 2, 3]), caught_up: set(&[1, 2]), ..absent };
        assert_eq!(behind.next_step(), None);
        let there = View { caught_up: set(&[1, 2, 3]), ..behind };
        assert_eq!(there.next_step(), Some(Step::Replace { old: 2, new: 3 }));
    }

    #[test]
    fn of_two_that_should_go_the_one_that_is_gone_goes_first() {
        let view = View { reached: set(&[1, 2, 4]), ..view(&[1, 2, 3], &[1]) };
        assert_eq!(view.next_step(), Some(Step::Remove(3)));
    }

    #[test]
    fn nobody_goes_without_whom_no_majority_is_reached() {
        let one_is_away = View { me: 3, reached: set(&[2, 3]), ..view(&[1, 2, 3], &[1, 3]) };
        assert_eq!(one_is_away.next_step(), None);
        let back = View { reached: set(&[1, 2, 3]), ..one_is_away };
        assert_eq!(back.next_step(), Some(Step::Remove(2)));
    }

    #[test]
    fn who_leaves_and_is_reached_hears_of_it_for_a_while() {
        let linger = Duration::from_secs(2);
        let seen = View { learners: set(&[3, 4, 5]), wanted_learners: set(&[5]), reached: set(&[1, 3, 5]), ..view(&[1], &[1]) };
        let mut leaving = Leaving::default();
        let mut wanted = |seen: &View, at: u64| {
            let mut view = seen.clone();
            leaving.linger(&mut view, Duration::from_secs(at), linger);
            view.wanted_learners
        };
        assert_eq!(wanted(&seen, 10), set(&[3, 5]));
        assert_eq!(wanted(&seen, 11), set(&[3, 5]));
        assert_eq!(wanted(&seen, 12), set(&[5]));
        // Whoever was wanted meanwhile leaves anew.
        let again = View { wanted_learners: set(&[3, 5]), ..seen.clone() };
        assert_eq!(wanted(&again, 13), set(&[3, 5]));
        assert_eq!(wanted(&seen, 14), set(&[3, 5]));
    }

    #[test]
    fn a_group_that_nobody_wants_keeps_what_it_has() {
        assert_eq!(view(&[1, 2], &[]).next_step(), None);
    }
}

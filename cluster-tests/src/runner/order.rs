//! What a run is to be, and how a seed chooses it.

use std::time::Duration;

use crate::dice::Dice;
use crate::faults::Class;
use crate::traffic::Profile;

/// One run.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Order {
    /// All that chance decides comes from it.
    pub seed: u64,
    /// What clients do.
    pub traffic: Profile,
    /// What is done to the nodes; each class at least once.
    pub faults: Vec<Class>,
    /// Nodes at the beginning.
    pub nodes: u32,
    /// How long faults come and go.
    pub safety: Duration,
    /// What is broken on purpose in the program, if it was built for that.
    pub planted: Option<String>,
}

/// Faults come and go for so long unless something else is wanted: several of them fit in, and what one left behind meets the next.
pub const SAFETY: Duration = Duration::from_secs(15);

/// Classes of faults in one run, at most: with more, each would last but a moment.
const CLASSES_MAX: usize = 3;

/// Three, unless one of these faults means something only among more; and one more if a node is taken out or lost for good while others strike, which then
/// still have their number, and a majority.
pub fn nodes_for(faults: &[Class]) -> u32 {
    let most = faults.iter().map(|class| class.nodes_min()).max().unwrap_or(0);
    let takes_out = |class: &Class| matches!(class, Class::Shrink | Class::WipedDisk | Class::OldBackup);
    let spare = u32::from(faults.len() > 1 && faults.iter().any(takes_out));
    u32::try_from(most).unwrap_or(u32::MAX).max(3) + spare
}

impl Order {
    /// As a long run chooses it. As many seeds in a row as there are classes have each of them once at least, and as many as there are profiles each
    /// of those; seeds further on bring others together.
    pub fn of(seed: u64) -> Order {
        let mut dice = Dice::new(seed);
        let (profiles, classes) = (Profile::ALL, Class::ALL);
        let turn = |of: usize| usize::try_from(seed % of as u64).unwrap_or_default();
        let mut faults = vec![classes[turn(classes.len())]];
        for _ in 1..1 + dice.below(CLASSES_MAX) {
            let more = *dice.pick(&classes);
            if !faults.contains(&more) {
                faults.push(more);
            }
        }
        // One further at each round, so that a class does not always meet the same traffic.
        let round = usize::try_from(seed / classes.len() as u64).unwrap_or_default();
        let traffic = profiles[(turn(profiles.len()) + round) % profiles.len()];
        let nodes = nodes_for(&faults);
        Order { seed, traffic, faults, nodes, safety: SAFETY, planted: None }
    }
}

impl Order {
    /// What it must put to the test: what the traffic does whatever is broken, and what a class of faults does where nothing else is.
    pub fn promises(&self) -> Vec<&'static str> {
        let of_fault = if let [only] = self.faults[..] { only.promises() } else { &[] };
        self.traffic.promises().iter().chain(of_fault).copied().collect()
    }

    /// What its directory is called.
    pub fn name(&self) -> String {
        match &self.planted {
            Some(bug) => format!("{bug}-seed-{}", self.seed),
            None => format!("seed-{}", self.seed),
        }
    }
}

/// One line, for people.
impl std::fmt::Display for Order {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let faults: Vec<&str> = self.faults.iter().map(|class| class.name()).collect();
        write!(f, "seed {}: {} under {} for {} s", self.seed, self.traffic.name(), faults.join(", "), self.safety.as_secs())?;
        self.planted.iter().try_for_each(|bug| write!(f, ", with the bug {bug}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_enough_nodes_for_every_fault_at_any_moment() {
        assert_eq!(nodes_for(&[]), 3);
        assert_eq!(nodes_for(&[Class::Shrink]), 3);
        assert_eq!(nodes_for(&[Class::Shrink, Class::Bridge]), 4);
        assert_eq!(nodes_for(&[Class::Ring]), u32::try_from(Class::Ring.nodes_min()).expect("a small number"));
    }
}

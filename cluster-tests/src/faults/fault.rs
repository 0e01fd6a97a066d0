//! One fault, from its choice to its end.

use std::time::Duration;

use super::claims::Claims;
use crate::arena::Arena;

/// Where faults happen.
#[derive(Clone, Copy)]
pub(super) struct Scene<'a> {
    pub arena: &'a Arena,
    /// Bare JIDs of rooms in which something happens.
    pub rooms: &'a [String],
    /// Nodes that are left alone, and whose wires to each other are.
    pub spared: &'a [u32],
    /// What no other fault may take the life of.
    pub claims: &'a Claims,
}

/// A node that starts while wires are cut waits until they are not; and the machine may have much else to do.
pub(super) const BACK_MAX: Duration = Duration::from_secs(60);

/// What is done to whom. The calls come in this order, and an error ends it, but for the last call.
pub(super) trait Fault: Send {
    /// Decides to whom and how much, for people.
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String>;

    /// The node that it concerns most; 0 if there is none.
    fn node(&self) -> u32 {
        0
    }

    /// The nodes that are in its hands, from its choice to its end: whether they live, or belong to the cluster, is its business alone.
    fn held(&self) -> Vec<u32> {
        Vec::new()
    }

    /// From now on.
    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String>;

    /// Called again and again while it lasts, for what has to be done again and again.
    fn go_on(&mut self, _scene: Scene<'_>) -> Result<(), String> {
        Ok(())
    }

    /// What shows that it had an effect, once it has had one.
    fn felt(&mut self, scene: Scene<'_>) -> Option<String>;

    /// The same behind its end, for what comes about only while it is brought to its end.
    fn felt_in_the_end(&mut self, _scene: Scene<'_>) -> Option<String> {
        None
    }

    /// If it was not felt when its time is over, it lasts so much longer: clients may just have been away.
    fn felt_max(&self) -> Duration {
        Duration::from_secs(15)
    }

    /// Takes it back, and waits until that is done. Says what came of it.
    fn end(&mut self, scene: Scene<'_>) -> Result<String, String>;
}

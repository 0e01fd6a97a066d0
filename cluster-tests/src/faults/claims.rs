//! Which nodes are in the hands of a fault that takes their lives, or takes them in or out: no other may do so meanwhile.

use std::collections::BTreeSet;
use std::sync::Mutex;

use crate::arena::flow::lock;

/// No node, but the majority that is left: a fault that ends only if the cluster decides something claims it, where another node is away meanwhile. Two
/// such faults would wait for each other.
pub(super) const MAJORITY: u32 = u32::MAX;

/// Of one schedule.
#[derive(Debug, Default)]
pub(super) struct Claims(Mutex<BTreeSet<u32>>);

impl Claims {
    /// Chooses, knowing what is claimed, and claims what the choice says. Nobody else chooses meanwhile.
    pub fn claim<T>(&self, choose: impl FnOnce(&[u32]) -> Result<(T, Vec<u32>), String>) -> Result<T, String> {
        let mut claims = lock(&self.0);
        let (chosen, nodes) = choose(&claims.iter().copied().collect::<Vec<_>>())?;
        claims.extend(nodes);
        Ok(chosen)
    }

    /// A node that nobody can have chosen so far.
    pub fn add(&self, node: u32) {
        lock(&self.0).insert(node);
    }

    /// Others may have them.
    pub fn release(&self, nodes: &[u32]) {
        lock(&self.0).retain(|node| !nodes.contains(node));
    }
}

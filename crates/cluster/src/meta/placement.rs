//! Where the replicas of shards should be: few moves when nodes come and go, and an even share for each.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use sha2::{Digest, Sha256};

use super::{Meta, MetaChange, Placement};

/// Replicas of a group, where there are as many nodes: any one of them may die.
pub const REPLICAS: usize = 3;

impl Meta {
    /// What has to change for every shard to be where it should be.
    pub(super) fn place_all(&self) -> Vec<MetaChange> {
        let nodes: Vec<u32> = self.nodes.iter().filter(|(_, entry)| entry.holds_replicas()).map(|(node, _)| *node).collect();
        let begun = !self.placements.is_empty();
        if nodes.is_empty() || (!begun && (nodes.len() as u64) < u64::from(self.wait_for)) {
            return Vec::new();
        }
        let targets =
            targets(self.shards, &nodes, |shard| self.placements.get(&shard).map(|placement| placement.target.as_slice()));
        let changed = targets.into_iter().filter_map(|(shard, target)| {
            let former = self.placements.get(&shard).cloned().unwrap_or_default();
            // Who was told to make the group may be at it: until that is known nobody else may be told, or there would be two groups of one name.
            let is_being_made = former.maker.is_some_and(|maker| nodes.contains(&maker));
            if former.target == target || is_being_made {
                return None;
            }
            let maker = former.voters.is_empty().then(|| target[usize::from(shard) % target.len()]);
            Some(MetaChange::Place(shard, Placement { target, maker, ..former }))
        });
        changed.collect()
    }
}

/// Every shard keeps the nodes it has as long as they exist; what it lacks it gets from those with the fewest replicas. Then replicas move from the
/// fullest node to the emptiest until their shares are even. Among equals the highest weight decides (rendezvous hashing), so that equal questions
/// have equal answers.
fn targets<'a>(shards: u16, nodes: &[u32], former: impl Fn(u16) -> Option<&'a [u32]>) -> BTreeMap<u16, Vec<u32>> {
    let replicas = REPLICAS.min(nodes.len());
    let mut targets = Targets { of: BTreeMap::new(), load: nodes.iter().map(|node| (*node, 0)).collect() };
    for shard in 0..shards {
        let kept = former(shard).unwrap_or_default().iter().filter(|node| nodes.contains(node)).take(replicas);
        kept.for_each(|node| targets.put(shard, *node));
    }
    for shard in 0..shards {
        while targets.of.entry(shard).or_default().len() < replicas
            && let Some(node) = targets.emptiest(shard)
        {
            targets.put(shard, node);
        }
    }
    while targets.even_out() {}
    targets.of.into_iter().map(|(shard, target)| (shard, target.into_iter().collect())).collect()
}

struct Targets {
    of: BTreeMap<u16, BTreeSet<u32>>,
    load: BTreeMap<u32, usize>,
}

impl Targets {
    fn put(&mut self, shard: u16, node: u32) {
        if self.of.entry(shard).or_default().insert(node) {
            *self.load.entry(node).or_default() += 1;
        }
    }

    fn emptiest(&self, shard: u16) -> Option<u32> {
        let has = self.of.get(&shard);
        let lacking = self.load.iter().filter(|(node, _)| has.is_none_or(|has| !has.contains(node)));
        lacking.min_by_key(|(node, load)| (**load, Reverse(weight(shard, **node)))).map(|(node, _)| *node)
    }

    /// Moves one replica from a full node to an empty one. Whether there was one to move.
    fn even_out(&mut self) -> bool {
        let Some((full, most)) = self.load.iter().max_by_key(|(_, load)| **load).map(|(node, load)| (*node, *load)) else {
            return false;
        };
        let Some((empty, least)) = self.load.iter().min_by_key(|(_, load)| **load).map(|(node, load)| (*node, *load)) else {
            return false;
        };
        let movable = self.of.iter().filter(|(_, has)| has.contains(&full) && !has.contains(&empty)).map(|(shard, _)| *shard);
        let Some(shard) = movable.max_by_key(|shard| weight(*shard, empty)).filter(|_| most > least + 1) else { return false };
        if let Some(has) = self.of.get_mut(&shard) {
            has.remove(&full);
        }
        *self.load.entry(full).or_default() -= 1;
        self.put(shard, empty);
        true
    }
}

/// How much a shard is drawn to a node.
pub(super) fn weight(shard: u16, node: u32) -> u64 {
    let digest = Sha256::new().chain_update(shard.to_be_bytes()).chain_update(node.to_be_bytes()).finalize();
    digest.iter().take(8).fold(0, |number, byte| number << 8 | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn loads(targets: &BTreeMap<u16, Vec<u32>>) -> BTreeMap<u32, usize> {
        let mut loads = BTreeMap::new();
        targets.values().flatten().for_each(|node| *loads.entry(*node).or_insert(0) += 1);
        loads
    }

    proptest! {
        #[test]
        fn shares_are_even_and_moves_are_few(nodes in proptest::collection::btree_set(1..40_u32, 1..9), shards in 1..40_u16, gone in 0..8_usize) {
            let nodes: Vec<u32> = nodes.into_iter().collect();
            let first = targets(shards, &nodes, |_| None);
            let replicas = REPLICAS.min(nodes.len());
            prop_assert!(first.values().all(|target| target.len() == replicas));
            let counts = loads(&first);
            let (least, most) = (counts.values().min().unwrap(), counts.values().max().unwrap());
            prop_assert!(counts.len() < nodes.len() || most - least <= 1, "{counts:?}");
            let again = targets(shards, &nodes, |shard| first.get(&shard).map(Vec::as_slice));
            prop_assert_eq!(&again, &first, "nothing moves without need");
            let gone = nodes[gone % nodes.len()];
            let left: Vec<u32> = nodes.iter().copied().filter(|node| *node != gone).collect();
            if left.is_empty() { return Ok(()); }
            let after = targets(shards, &left, |shard| first.get(&shard).map(Vec::as_slice));
            let kept = |shard: &u16| first[shard].iter().filter(|node| **node != gone && after[shard].contains(node)).count();
            let lost: usize = first.keys().map(|shard| first[shard].iter().filter(|node| **node != gone).count() - kept(shard)).sum();
            prop_assert!(lost <= usize::from(shards), "{lost} replicas moved that need not");
        }
    }
}

//! Who should lead which shard: as evenly as the placement allows, and the same by everybody's reckoning.

use std::collections::BTreeMap;

use super::Meta;

impl Meta {
    /// The node that should be the home of a shard; nothing while none of its replicas can be.
    pub fn preferred_home(&self, shard: u16) -> Option<u32> {
        self.preferred_homes().get(&shard).copied()
    }

    /// For all shards. Shards with the fewest candidates choose first, each the candidate with the fewest shards so far.
    pub fn preferred_homes(&self) -> BTreeMap<u16, u32> {
        let may_lead = |node: &&u32| self.nodes.get(node).is_some_and(|entry| entry.may_lead());
        let mut candidates: Vec<(u16, Vec<u32>)> = self
            .placements
            .iter()
            .map(|(shard, placement)| {
                let of = if placement.voters.is_empty() { &placement.target } else { &placement.voters };
                let wanted = |node: &&u32| placement.target.contains(node);
                (*shard, of.iter().filter(wanted).filter(may_lead).copied().collect())
            })
            .collect();
        candidates.sort_by_key(|(shard, nodes)| (nodes.len(), *shard));
        let mut led: BTreeMap<u32, usize> = BTreeMap::new();
        let mut homes = BTreeMap::new();
        for (shard, nodes) in candidates {
            // Starting at another one for each shard, so that equals take turns.
            let turn = |at: usize| (at + nodes.len() - usize::from(shard) % nodes.len()) % nodes.len();
            let least = nodes.iter().enumerate().min_by_key(|(at, node)| (led.get(*node).copied().unwrap_or(0), turn(*at)));
            if let Some((_, home)) = least {
                *led.entry(*home).or_default() += 1;
                homes.insert(shard, *home);
            }
        }
        homes
    }
}

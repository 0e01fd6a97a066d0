//! Who should lead which shard: as evenly as the placement allows, the same by everybody's reckoning, and with few moves when nodes come and go.

use std::cmp::Reverse;
use std::collections::{BTreeMap, VecDeque};

use super::Meta;
use super::placement::weight;

impl Meta {
    /// The node that should be the home of a shard; nothing while none of its replicas can be.
    pub fn preferred_home(&self, shard: u16) -> Option<u32> {
        self.preferred_homes().get(&shard).copied()
    }

    /// For all shards. What would be even if all nodes were there is kept as far as they are; only what is left over is spread on the others. So a node
    /// that goes takes nothing along but its own, and when it is back everything is as it was.
    pub fn preferred_homes(&self) -> BTreeMap<u16, u32> {
        let targets: Candidates = self.placements.iter().map(|(shard, placement)| (*shard, placement.target.clone())).collect();
        let mut whole = Homes::none(&targets);
        targets.keys().for_each(|shard| whole.choose(*shard, |_| 0));
        whole.even_out();

        let able = self.able();
        let mut homes = Homes::none(&able);
        for (shard, home) in &whole.of {
            if able.get(shard).is_some_and(|nodes| nodes.contains(home)) {
                homes.put(*shard, *home);
            }
        }
        let mut left: Vec<u16> = able.keys().filter(|shard| !homes.of.contains_key(shard)).copied().collect();
        left.sort_by_key(|shard| (able.get(shard).map_or(0, Vec::len), *shard));
        for shard in left {
            let led = homes.led.clone();
            homes.choose(shard, |node| led.get(&node).copied().unwrap_or(0));
        }
        homes.even_out();
        homes.of
    }

    /// Who could lead each shard now: whoever votes and is to stay; before the group is made, whoever is to vote.
    fn able(&self) -> Candidates {
        let may_lead = |node: &u32| self.nodes.get(node).is_some_and(|entry| entry.may_lead());
        let of = self.placements.iter().map(|(shard, placement)| {
            let votes = |node: &u32| placement.voters.is_empty() || placement.voters.contains(node);
            (*shard, placement.target.iter().copied().filter(|node| votes(node) && may_lead(node)).collect())
        });
        of.collect()
    }
}

/// By shard, who could be its home.
type Candidates = BTreeMap<u16, Vec<u32>>;

struct Homes<'a> {
    candidates: &'a Candidates,
    of: BTreeMap<u16, u32>,
    led: BTreeMap<u32, usize>,
}

impl<'a> Homes<'a> {
    fn none(candidates: &'a Candidates) -> Homes<'a> {
        let led = candidates.values().flatten().map(|node| (*node, 0)).collect();
        Homes { candidates, of: BTreeMap::new(), led }
    }

    fn put(&mut self, shard: u16, home: u32) {
        if let Some(led) = self.of.insert(shard, home).and_then(|former| self.led.get_mut(&former)) {
            *led -= 1;
        }
        *self.led.entry(home).or_default() += 1;
    }

    /// The candidate of the least cost; among equals the highest weight decides (rendezvous hashing).
    fn choose(&mut self, shard: u16, cost: impl Fn(u32) -> usize) {
        let nodes = self.candidates.get(&shard).into_iter().flatten();
        if let Some(home) = nodes.min_by_key(|node| (cost(**node), Reverse(weight(shard, **node)))) {
            self.put(shard, *home);
        }
    }

    /// When there is no such chain any more it cannot be more even. Every chain brings two counts closer together, so it ends.
    fn even_out(&mut self) {
        while let Some(chain) = self.chain() {
            chain.into_iter().for_each(|(shard, home)| self.put(shard, home));
        }
    }

    /// The moves after which a node with many shards has one less and a node with at least two fewer has one more.
    fn chain(&self) -> Option<Vec<(u16, u32)>> {
        let mut fullest: Vec<(usize, u32)> = self.led.iter().map(|(node, led)| (*led, *node)).collect();
        fullest.sort_by_key(|(led, node)| (Reverse(*led), *node));
        fullest.into_iter().find_map(|(led, node)| self.chain_from(node, led))
    }

    /// The shortest one that begins at a node.
    fn chain_from(&self, start: u32, most: usize) -> Option<Vec<(u16, u32)>> {
        // How each node was reached: the shard that would come to it, and from whom.
        let mut reached: BTreeMap<u32, (u16, u32)> = BTreeMap::new();
        let mut next = VecDeque::from([start]);
        while let Some(node) = next.pop_front() {
            if self.led.get(&node).is_some_and(|led| led + 2 <= most) {
                return Some(moves_to(node, &reached));
            }
            for (shard, _) in self.of.iter().filter(|(_, home)| **home == node) {
                for other in self.candidates.get(shard).into_iter().flatten() {
                    if *other != start && !reached.contains_key(other) {
                        reached.insert(*other, (*shard, node));
                        next.push_back(*other);
                    }
                }
            }
        }
        None
    }
}

fn moves_to(end: u32, reached: &BTreeMap<u32, (u16, u32)>) -> Vec<(u16, u32)> {
    let mut moves = Vec::new();
    let mut to = end;
    while let Some((shard, from)) = reached.get(&to) {
        moves.push((*shard, to));
        to = *from;
    }
    moves
}

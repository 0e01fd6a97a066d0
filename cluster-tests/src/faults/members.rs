//! Nodes come and go for good. The cluster is as large afterwards as it was before.

use std::time::Duration;

use conclave_server::admin::cluster::{NodeLine, NodeStands};

use super::choosing::{one, other_victims, others};
use super::class::Class;
use super::fault::{BACK_MAX, Fault, Scene};
use crate::arena::lives::within;
use crate::arena::net::between;
use crate::arena::passage::Passage;
use crate::dice::Dice;

/// Until all replicas are where they should be.
const MOVED_MAX: Duration = Duration::from_secs(90);

pub(super) fn growth(class: Class, number: u32, dice: Dice) -> Box<dyn Fault> {
    Box::new(Growth { class, number, dice, new: 0, leaving: 0 })
}

pub(super) fn shrink(dice: Dice) -> Box<dyn Fault> {
    Box::new(Shrink { dice, victim: 0, new: 0 })
}

struct Growth {
    class: Class,
    number: u32,
    dice: Dice,
    new: u32,
    leaving: u32,
}

impl Fault for Growth {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        one(scene, &mut self.dice).map(|_| "one more node is invited".to_owned())
    }

    fn node(&self) -> u32 {
        self.new
    }

    fn held(&self) -> Vec<u32> {
        vec![self.new, self.leaving]
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if self.class == Class::GrowWhileCut {
            let alone = one(scene, &mut self.dice)?;
            let ways = between(&[alone], &others(scene, &[alone]));
            scene.arena.net().lay(self.number, &ways, Passage::held());
        }
        self.new = scene.claims.invited(scene.arena)?;
        scene.arena.begin(self.new)
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let serves = |line: &NodeLine| line.node == self.new && line.stands == NodeStands::Serving;
        // A node that is alone does not know.
        let known = scene.arena.statuses().iter().any(|status| status.nodes.iter().any(serves));
        known.then(|| format!("node {} serves", self.new))
    }

    /// Any node may be the one that goes.
    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let arena = scene.arena;
        arena.net().lift(self.number);
        if self.new == 0 {
            return Err("nobody came".to_owned());
        }
        arena.await_serving(self.new, BACK_MAX)?;
        arena.await_whole(MOVED_MAX)?;
        let leaving = self.who_leaves(scene)?;
        arena.remove(leaving)?;
        arena.await_end(leaving, MOVED_MAX)?;
        arena.await_whole(MOVED_MAX)?;
        Ok(format!("node {} came, and node {leaving} went", self.new))
    }
}

impl Growth {
    /// Any but those that are in the hands of others just now.
    fn who_leaves(&mut self, scene: Scene<'_>) -> Result<u32, String> {
        self.leaving = within(MOVED_MAX, "a node that can go", || {
            scene.claims.claim(|claimed| {
                let others: Vec<u32> = claimed.iter().copied().filter(|node| *node != self.new).collect();
                let free = other_victims(scene, &others);
                if free.is_empty() {
                    return Err("all are broken".to_owned());
                }
                let leaving = *self.dice.pick(&free);
                Ok((leaving, vec![leaving]))
            })
        })?;
        Ok(self.leaving)
    }
}

struct Shrink {
    dice: Dice,
    victim: u32,
    /// Who comes in its place.
    new: u32,
}

impl Fault for Shrink {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        self.victim = one(scene, &mut self.dice)?;
        Ok(format!("node {} is taken out", self.victim))
    }

    fn node(&self) -> u32 {
        self.victim
    }

    fn held(&self) -> Vec<u32> {
        vec![self.victim, self.new]
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        scene.arena.remove(self.victim)
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        (!scene.arena.up().contains(&self.victim)).then(|| format!("node {} has ended", self.victim))
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let arena = scene.arena;
        arena.await_end(self.victim, MOVED_MAX)?;
        let new = scene.claims.invited(arena)?;
        self.new = new;
        arena.restart(new, BACK_MAX)?;
        arena.await_whole(MOVED_MAX)?;
        Ok(format!("node {new} came in place of node {}", self.victim))
    }
}

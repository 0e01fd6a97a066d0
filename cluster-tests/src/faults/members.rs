//! Nodes come and go for good. The cluster is as large afterwards as it was before.

use std::time::Duration;

use conclave_server::admin::cluster::{NodeLine, NodeStands};

use super::choosing::{one, other_victims, others, two_talk};
use super::claims::MAJORITY;
use super::class::Class;
use super::fault::{BACK_MAX, Fault, Scene};
use crate::arena::Arena;
use crate::arena::lives::within;
use crate::arena::net::{Way, between};
use crate::arena::passage::Passage;
use crate::dice::Dice;

/// Until all replicas are where they should be.
const MOVED_MAX: Duration = Duration::from_secs(90);

pub(super) fn growth(class: Class, number: u32, dice: Dice) -> Box<dyn Fault> {
    Box::new(Growth { class, number, dice, new: 0, serves: false, leaving: 0, cut: Vec::new(), before: 0 })
}

pub(super) fn shrink(dice: Dice) -> Box<dyn Fault> {
    Box::new(Shrink { dice, victim: 0, new: 0, serves: false })
}

struct Growth {
    class: Class,
    number: u32,
    dice: Dice,
    new: u32,
    /// Then it is in our hands no more: whoever kills it brings it back.
    serves: bool,
    leaving: u32,
    /// What is cut while the new one comes.
    cut: Vec<Way>,
    /// Bytes that had been held back there before.
    before: u64,
}

impl Fault for Growth {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        if self.class != Class::GrowWhileCut {
            return Ok("one more node is invited".to_owned());
        }
        two_talk(scene)?;
        let alone = one(scene, &mut self.dice)?;
        self.cut = between(&[alone], &others(scene, &[alone]));
        Ok(format!("one more node is invited while node {alone} is alone"))
    }

    fn node(&self) -> u32 {
        self.new
    }

    fn held(&self) -> Vec<u32> {
        let is_cut = self.class == Class::GrowWhileCut && !self.serves;
        vec![if self.serves { 0 } else { self.new }, self.leaving, if is_cut { MAJORITY } else { 0 }]
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        self.before = self.held_back(scene);
        scene.arena.net().lay(self.number, &self.cut, Passage::held());
        self.new = scene.arena.invite(|node| scene.claims.add(node))?;
        scene.arena.begin(self.new)
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let held_back = self.held_back(scene) - self.before;
        if held_back == 0 && !self.cut.is_empty() {
            return None;
        }
        let serves = |line: &NodeLine| line.node == self.new && line.stands == NodeStands::Serving;
        // A node that is alone does not know.
        let known = scene.arena.statuses().iter().any(|status| status.nodes.iter().any(serves));
        known.then(|| format!("node {} serves; {held_back} bytes were held back", self.new))
    }

    fn felt_in_the_end(&mut self, scene: Scene<'_>) -> Option<String> {
        let held_back = self.held_back(scene) - self.before;
        let was_felt = self.serves && (held_back > 0 || self.cut.is_empty());
        was_felt.then(|| format!("node {} served in the end; {held_back} bytes were held back", self.new))
    }

    /// It may be killed with all others, again and again.
    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if !scene.arena.up().contains(&self.new) {
            let _ = scene.arena.begin(self.new);
        }
        Ok(())
    }

    /// A node comes only if a majority runs. Those that others bring back meanwhile may be cut off for so long.
    fn felt_max(&self) -> Duration {
        BACK_MAX / 2
    }

    /// Any node may be the one that goes, but for those that are in the hands of others just now.
    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (arena, new) = (scene.arena, self.new);
        arena.net().lift(self.number);
        if new == 0 {
            return Err("nobody came".to_owned());
        }
        come(scene, new)?;
        if self.class == Class::GrowWhileCut {
            scene.claims.release(&[MAJORITY]);
        }
        self.serves = true;
        self.leaving = within(MOVED_MAX, "a node that may go", || {
            scene.claims.claim(|claimed| {
                let free = other_victims(scene, claimed);
                let leaving = if free.is_empty() { Err("all are broken") } else { Ok(*self.dice.pick(&free)) }?;
                Ok((leaving, vec![leaving]))
            })
        })?;
        go(arena, self.leaving)?;
        arena.await_whole_again(MOVED_MAX)?;
        Ok(format!("node {new} came, and node {} went", self.leaving))
    }
}

impl Growth {
    fn held_back(&self, scene: Scene<'_>) -> u64 {
        self.cut.iter().map(|way| scene.arena.net().flow(*way).counts().held).sum()
    }
}

/// Until it serves: it may be killed with all others, again and again. From then on it is in nobody's hands.
fn come(scene: Scene<'_>, new: u32) -> Result<(), String> {
    within(BACK_MAX, &format!("node {new} serves"), || scene.arena.revive(&[new], BACK_MAX))?;
    scene.claims.release(&[new]);
    Ok(())
}

/// Until it has ended, for good.
fn go(arena: &Arena, leaving: u32) -> Result<(), String> {
    arena.remove(leaving)?;
    within(MOVED_MAX, &format!("node {leaving} is gone"), || arena.see_off(leaving))
}

struct Shrink {
    dice: Dice,
    victim: u32,
    /// Who comes in its place.
    new: u32,
    /// Then that one is in our hands no more: whoever kills it brings it back.
    serves: bool,
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
        vec![self.victim, if self.serves { 0 } else { self.new }]
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        scene.arena.remove(self.victim)
    }

    /// It may be killed with all others, again and again.
    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        let _ = scene.arena.see_off(self.victim);
        Ok(())
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        scene.arena.has_left(self.victim).then(|| format!("node {} is gone", self.victim))
    }

    /// Its replicas move when their groups can.
    fn felt_in_the_end(&mut self, scene: Scene<'_>) -> Option<String> {
        self.felt(scene)
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let arena = scene.arena;
        within(MOVED_MAX, &format!("node {} is gone", self.victim), || arena.see_off(self.victim))?;
        self.new = arena.invite(|node| scene.claims.add(node))?;
        come(scene, self.new)?;
        self.serves = true;
        arena.await_whole_again(MOVED_MAX)?;
        Ok(format!("node {} came in place of node {}", self.new, self.victim))
    }
}

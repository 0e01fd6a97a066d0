//! A node has lost what it had: its number is of no use any more, and another comes in its place.

use std::time::{Duration, Instant};

use super::choosing::{one, others};
use super::claims::MAJORITY;
use super::class::Class;
use super::fault::{BACK_MAX, Fault, Scene};
use crate::dice::Dice;

/// A node that must not serve ends within this time.
const REFUSED_MAX: Duration = Duration::from_secs(30);

/// Until another has all that the lost one had.
const REPLACED_MAX: Duration = Duration::from_secs(90);

pub(super) fn loss(class: Class, dice: Dice) -> Box<dyn Fault> {
    Box::new(Loss { class, dice, victim: 0, new: 0, refused: false })
}

struct Loss {
    class: Class,
    dice: Dice,
    victim: u32,
    /// Who comes in its place.
    new: u32,
    /// Whether the old one was seen to end by itself.
    refused: bool,
}

impl Fault for Loss {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        self.victim = one(scene, &mut self.dice)?;
        if others(scene, &[self.victim]).is_empty() {
            return Err("nobody would be left".to_owned());
        }
        let what = if self.class == Class::OldBackup { "gets an old copy of its disk" } else { "loses its log and its state" };
        Ok(format!("node {} {what}", self.victim))
    }

    fn node(&self) -> u32 {
        self.victim
    }

    fn held(&self) -> Vec<u32> {
        vec![self.victim, self.new, MAJORITY]
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        let (arena, victim) = (scene.arena, self.victim);
        arena.kill(victim)?;
        if self.class == Class::OldBackup {
            arena.back_up(victim)?;
            arena.restart(victim, BACK_MAX)?;
            arena.kill(victim)?;
            arena.restore(victim)?;
        } else {
            arena.lose_log(victim)?;
        }
        arena.begin_expecting_end(victim)
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let code = scene.arena.exit_code(self.victim)?;
        self.refused = !scene.arena.up().contains(&self.victim);
        self.refused.then(|| format!("node {} ended by itself with {code}: {}", self.victim, scene.arena.last_words(self.victim)))
    }

    fn felt_in_the_end(&mut self, scene: Scene<'_>) -> Option<String> {
        self.felt(scene)
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (arena, victim) = (scene.arena, self.victim);
        let refused = arena.await_end(victim, REFUSED_MAX);
        let refused = refused.map_err(|error| format!("node {victim} goes on with less than it had: {error}"));
        if refused.is_err() {
            arena.kill(victim)?;
        }
        let start = Instant::now();
        arena.remove(victim)?;
        let removed = start.elapsed();
        let new = arena.invite(|node| scene.claims.add(node))?;
        self.new = new;
        arena.restart(new, BACK_MAX)?;
        let serves = start.elapsed();
        arena.await_whole_again(REPLACED_MAX)?;
        let took = format!("removed after {removed:.1?}, replaced after {serves:.1?}, whole after {:.1?}", start.elapsed());
        refused.map(|()| format!("node {new} came in place of node {victim}: {took}"))
    }
}

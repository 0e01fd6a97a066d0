//! Disks are full, fail, are slow, forget, or are lost.

use std::time::{Duration, Instant};

use super::choosing::{home, one, other_victims, shuffled};
use super::class::Class;
use super::fault::{BACK_MAX, Fault, Scene};
use crate::dice::Dice;

/// Within this time a node ends that must not go on.
const END_MAX: Duration = Duration::from_secs(20);

/// A node that has not ended after this time on a full disk goes on.
const REFUSES_MAX: Duration = Duration::from_secs(4);

/// What a node reads when it starts.
const READS: [&str; 3] = ["read@/raft/:1:EIO", "read@/raft/log/:1:EIO", "read@/raft/state:1:EIO"];

/// What has room for it already may go well for a while on a full disk; then even that fails, as on disks that never write in place.
const FULL_AFTER: Duration = Duration::from_secs(2);

/// How slow a sync can be, in milliseconds.
const SLOW_MS: [u64; 5] = [100, 200, 500, 1000, 2000];

pub(super) fn failing(class: Class, dice: Dice) -> Box<dyn Fault> {
    Box::new(Failing { class, dice, victim: 0, before: 0, begun: Instant::now(), escalated: false, which: 0 })
}

pub(super) fn slow(dice: Dice) -> Box<dyn Fault> {
    Box::new(Slow { dice, victim: 0, ms: 0, before: 0 })
}

pub(super) fn power_loss(class: Class, dice: Dice) -> Box<dyn Fault> {
    Box::new(PowerLoss { class, dice, victims: Vec::new(), lost: String::new() })
}

/// Calls fail from now on: writes of a full disk, syncs, or the reads of a start.
struct Failing {
    class: Class,
    dice: Dice,
    victim: u32,
    /// Calls that had failed when it began.
    before: u64,
    begun: Instant,
    /// Whether a full disk takes nothing at all any more.
    escalated: bool,
    /// What cannot be read.
    which: usize,
}

impl Failing {
    fn order(&self) -> &'static str {
        match self.class {
            Class::FsyncFailure => "sync:1:EIO",
            Class::ReadError => READS[self.which],
            _ if self.escalated => "write:1:ENOSPC",
            _ => "space:1:ENOSPC",
        }
    }
}

impl Fault for Failing {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (home, why) = home(scene, &mut self.dice)?;
        let any = one(scene, &mut self.dice)?;
        self.victim = *self.dice.pick(&[home, any]);
        (self.escalated, self.which) = (self.dice.below(3) == 0, self.dice.below(READS.len()));
        Ok(format!("{} at node {}; {why} is node {home}", self.order(), self.victim))
    }

    fn node(&self) -> u32 {
        self.victim
    }

    fn held(&self) -> Vec<u32> {
        vec![self.victim]
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        (self.before, self.begun) = (scene.arena.suffered(self.victim)?.failed, Instant::now());
        if self.class == Class::ReadError {
            scene.arena.kill(self.victim)?;
            scene.arena.fail_calls(self.victim, Some(self.order()))?;
            return scene.arena.begin_expecting_end(self.victim);
        }
        scene.arena.expect_end(self.victim)?;
        scene.arena.fail_calls(self.victim, Some(self.order()))
    }

    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if self.class == Class::DiskFull && !self.escalated && self.begun.elapsed() > FULL_AFTER {
            self.escalated = true;
            return scene.arena.fail_calls(self.victim, Some(self.order()));
        }
        Ok(())
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let suffered = scene.arena.suffered(self.victim).ok()?;
        (suffered.failed > self.before).then(|| format!("failed: {}", suffered.hit.unwrap_or_default()))
    }

    /// A full disk can be refused; after the other failures a node must end, since it cannot know what it has. What was not synced is gone then.
    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (arena, victim) = (scene.arena, self.victim);
        let met = arena.suffered(victim)?.failed > self.before;
        let must_end = met && self.class != Class::DiskFull;
        // A node whose disk is full may go on, and refuse. Whether it does is seen while it is full.
        let ended = if met { arena.await_end(victim, if must_end { END_MAX } else { REFUSES_MAX }) } else { Ok(()) };
        arena.fail_calls(victim, None)?;
        match ended {
            Err(error) if must_end => return Err(format!("node {victim} goes on after {}: {error}", self.order())),
            _ if arena.up().contains(&victim) => {
                arena.expect_life(victim)?;
                arena.await_serving(victim, BACK_MAX)?;
                return Ok(format!("node {victim} went on"));
            }
            _ => {}
        }
        let code = arena.exit_code(victim);
        if self.class == Class::FsyncFailure {
            arena.lose_power(victim, Some(self.dice.below(usize::MAX) as u64))?;
        }
        arena.revive(&[victim], BACK_MAX)?;
        Ok(format!("node {victim} had ended with {code:?}, and serves again"))
    }
}

struct Slow {
    dice: Dice,
    victim: u32,
    ms: u64,
    /// Syncs that had been slow when it began.
    before: u64,
}

impl Fault for Slow {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (home, why) = home(scene, &mut self.dice)?;
        let any = one(scene, &mut self.dice)?;
        (self.victim, self.ms) = (*self.dice.pick(&[home, any]), *self.dice.pick(&SLOW_MS));
        Ok(format!("each sync of node {} takes {} ms more; {why} is node {home}", self.victim, self.ms))
    }

    fn node(&self) -> u32 {
        self.victim
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        self.before = scene.arena.suffered(self.victim)?.slowed;
        scene.arena.slow_syncs(self.victim, self.ms)
    }

    /// Its node may have gone for good.
    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if self.slowed(scene) == Some(0) && !scene.arena.nodes().contains(&self.victim) {
            return self.choose(scene).map_or(Ok(()), |_| self.begin(scene));
        }
        Ok(())
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let slowed = self.slowed(scene)?;
        (slowed > 0).then(|| format!("{slowed} syncs were slow"))
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        scene.arena.slow_syncs(self.victim, 0)?;
        Ok(format!("{} syncs were slow", scene.arena.suffered(self.victim)?.slowed - self.before))
    }
}

impl Slow {
    fn slowed(&self, scene: Scene<'_>) -> Option<u64> {
        Some(scene.arena.suffered(self.victim).ok()?.slowed - self.before)
    }
}

struct PowerLoss {
    class: Class,
    dice: Dice,
    victims: Vec<u32>,
    lost: String,
}

impl Fault for PowerLoss {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (home, why) = home(scene, &mut self.dice)?;
        let all = shuffled(other_victims(scene, &[]), &mut self.dice);
        self.victims = match all.first() {
            None => return Err("nobody is left".to_owned()),
            Some(_) if self.class == Class::PowerLossAll => all,
            Some(any) => vec![*self.dice.pick(&[home, *any])],
        };
        Ok(format!("the power of {:?} goes; {why} is node {home}", self.victims))
    }

    fn node(&self) -> u32 {
        if self.class == Class::PowerLossAll { 0 } else { self.victims.first().copied().unwrap_or_default() }
    }

    fn held(&self) -> Vec<u32> {
        self.victims.clone()
    }

    /// All at once, before anything else is done.
    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        let up = scene.arena.up();
        // Also those that are coming or going, who are brought back by whoever has them in hand.
        let others = up.iter().copied().filter(|node| self.class == Class::PowerLossAll && !self.victims.contains(node));
        let others: Vec<u32> = others.collect();
        self.victims.iter().filter(|node| up.contains(node)).try_for_each(|node| scene.arena.kill(*node))?;
        for node in self.victims.iter().chain(&others) {
            // Of every other nothing stays that was not synced, and of the others something.
            let whim = (self.dice.below(2) == 0).then(|| self.dice.below(usize::MAX) as u64);
            let lost = scene.arena.lose_power(*node, whim)?;
            self.lost += &format!("; node {node} lost {} writes and {} names", lost.changes, lost.names);
        }
        Ok(())
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let up = scene.arena.up();
        let gone = self.victims.iter().all(|node| !up.contains(node));
        gone.then(|| format!("{:?} are gone{}", self.victims, self.lost))
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        scene.arena.revive(&self.victims, BACK_MAX).map(|()| format!("{:?} serve again", self.victims))
    }
}

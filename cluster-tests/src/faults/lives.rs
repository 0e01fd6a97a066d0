//! Processes die, stand still, and come again.

use std::time::{Duration, Instant};

use conclave_server::admin::cluster::{ClusterStatus, NodeLine, NodeStands};

use super::choosing::{home, one, other_victims, shuffled};
use super::class::Class;
use super::fault::{BACK_MAX, Fault, Scene};
use crate::dice::Dice;

/// A node that is told to end hands over first, for 2 s at most, and lets its streams end.
const END_MAX: Duration = Duration::from_secs(30);

/// Deaths that make a loop.
const LOOPS_MIN: usize = 3;

/// Between two of them, in milliseconds: before it has read its log, or while it serves already.
const LOOP_MS: [u64; 4] = [30, 150, 600, 1500];

pub(super) fn kill(class: Class, dice: Dice) -> Box<dyn Fault> {
    Box::new(Kill { class, dice, victims: Vec::new() })
}

pub(super) fn freeze(dice: Dice) -> Box<dyn Fault> {
    Box::new(Freeze { dice, victim: 0 })
}

pub(super) fn restart_loop(dice: Dice) -> Box<dyn Fault> {
    Box::new(RestartLoop { dice, victim: 0, deaths: 0, next: Instant::now() })
}

pub(super) fn sigterm(dice: Dice) -> Box<dyn Fault> {
    Box::new(Sigterm { dice, victim: 0 })
}

pub(super) fn drain(dice: Dice) -> Box<dyn Fault> {
    Box::new(Drain { dice, victim: 0 })
}

struct Kill {
    class: Class,
    dice: Dice,
    victims: Vec<u32>,
}

impl Fault for Kill {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (home, why) = home(scene, &mut self.dice)?;
        let rest = shuffled(other_victims(scene, &[home]), &mut self.dice);
        let all = std::iter::once(home).chain(rest.iter().copied());
        self.victims = match self.class {
            Class::KillFollower => rest.into_iter().take(1).collect(),
            Class::KillTwo if rest.is_empty() => return Err("there are no two".to_owned()),
            Class::KillTwo => all.take(2).collect(),
            Class::KillAll => all.collect(),
            _ => vec![home],
        };
        Ok(format!("kill -9 of {:?}; {why} is node {home}", self.victims))
    }

    fn node(&self) -> u32 {
        self.victims.first().copied().unwrap_or_default()
    }

    fn held(&self) -> Vec<u32> {
        self.victims.clone()
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        self.victims.iter().try_for_each(|node| scene.arena.kill(*node))?;
        if self.class == Class::KillAll {
            // Also those that are coming or going, who are brought back by whoever has them in hand. They may not have begun, or have ended.
            let others = scene.arena.up().into_iter().filter(|node| !self.victims.contains(node));
            others.for_each(|node| drop(scene.arena.kill(node)));
        }
        Ok(())
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        gone(scene, &self.victims)
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        scene.arena.revive(&self.victims, BACK_MAX).map(|()| format!("{:?} serve again", self.victims))
    }
}

/// All have no process.
fn gone(scene: Scene<'_>, victims: &[u32]) -> Option<String> {
    let up = scene.arena.up();
    victims.iter().all(|node| !up.contains(node)).then(|| format!("the processes of {victims:?} are gone"))
}

struct Freeze {
    dice: Dice,
    victim: u32,
}

impl Fault for Freeze {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (home, why) = home(scene, &mut self.dice)?;
        let any = one(scene, &mut self.dice)?;
        self.victim = if self.dice.below(3) > 0 { home } else { any };
        Ok(format!("SIGSTOP to node {}; {why} is node {home}", self.victim))
    }

    fn node(&self) -> u32 {
        self.victim
    }

    fn held(&self) -> Vec<u32> {
        vec![self.victim]
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        scene.arena.freeze(self.victim)
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let pid = scene.arena.pid(self.victim)?.as_raw_nonzero();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
        // The state stands behind the name, which is in brackets.
        let stopped = stat.rsplit_once(") ").is_some_and(|(_, rest)| rest.starts_with('T'));
        stopped.then(|| format!("process {pid} is stopped"))
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        scene.arena.thaw(self.victim).map(|()| format!("SIGCONT to node {}", self.victim))
    }
}

struct RestartLoop {
    dice: Dice,
    victim: u32,
    deaths: usize,
    next: Instant,
}

impl Fault for RestartLoop {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        self.victim = one(scene, &mut self.dice)?;
        Ok(format!("node {} is killed and started again and again", self.victim))
    }

    fn node(&self) -> u32 {
        self.victim
    }

    fn held(&self) -> Vec<u32> {
        vec![self.victim]
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        scene.arena.kill(self.victim)?;
        scene.arena.begin(self.victim)?;
        self.deaths = 1;
        self.next = Instant::now() + Duration::from_millis(*self.dice.pick(&LOOP_MS));
        Ok(())
    }

    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if Instant::now() < self.next {
            return Ok(());
        }
        self.begin_again(scene)
    }

    fn felt(&mut self, _scene: Scene<'_>) -> Option<String> {
        (self.deaths >= LOOPS_MIN).then(|| format!("node {} died {} times", self.victim, self.deaths))
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        scene.arena.revive(&[self.victim], BACK_MAX)?;
        Ok(format!("node {} serves after {} deaths", self.victim, self.deaths))
    }
}

impl RestartLoop {
    fn begin_again(&mut self, scene: Scene<'_>) -> Result<(), String> {
        let deaths = self.deaths;
        self.begin(scene)?;
        self.deaths = deaths + 1;
        Ok(())
    }
}

struct Sigterm {
    dice: Dice,
    victim: u32,
}

impl Fault for Sigterm {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (home, why) = home(scene, &mut self.dice)?;
        let any = one(scene, &mut self.dice)?;
        self.victim = *self.dice.pick(&[home, any]);
        Ok(format!("SIGTERM to node {}; {why} is node {home}", self.victim))
    }

    fn node(&self) -> u32 {
        self.victim
    }

    fn held(&self) -> Vec<u32> {
        vec![self.victim]
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        scene.arena.tell_to_end(self.victim)
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        gone(scene, &[self.victim])
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        scene.arena.await_end(self.victim, END_MAX)?;
        scene.arena.revive(&[self.victim], BACK_MAX)?;
        Ok(format!("node {} serves again", self.victim))
    }
}

struct Drain {
    dice: Dice,
    victim: u32,
}

impl Fault for Drain {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (home, why) = home(scene, &mut self.dice)?;
        let any = one(scene, &mut self.dice)?;
        self.victim = *self.dice.pick(&[home, any]);
        Ok(format!("node {} is drained; {why} is node {home}", self.victim))
    }

    fn node(&self) -> u32 {
        self.victim
    }

    fn held(&self) -> Vec<u32> {
        vec![self.victim]
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        scene.arena.drain(self.victim)
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let drains =
            |line: &NodeLine| line.node == self.victim && matches!(line.stands, NodeStands::Draining | NodeStands::Drained);
        // A node that is alone does not know.
        let told = |status: &ClusterStatus| {
            status.nodes.iter().any(drains) && status.groups.iter().all(|group| group.leader != Some(self.victim))
        };
        scene.arena.statuses().iter().any(told).then(|| format!("node {} leads nothing any more", self.victim))
    }

    /// It stays drained for as long as its process lives.
    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        if scene.arena.up().contains(&self.victim) {
            scene.arena.tell_to_end(self.victim)?;
        }
        scene.arena.await_end(self.victim, END_MAX)?;
        scene.arena.revive(&[self.victim], BACK_MAX)?;
        Ok(format!("node {} was started anew and serves", self.victim))
    }
}

//! Connections of clients break, carry nothing, or little.

use std::time::{Duration, Instant};

use super::choosing::one;
use super::fault::{Fault, Scene};
use crate::arena::entrance::Living;
use crate::arena::flow::Counts;
use crate::arena::passage::Passage;
use crate::dice::Dice;

/// Bytes a second to and from all clients, each of whom has a wire of its own.
const SLOW: [u32; 3] = [300, 1_000, 5_000];

/// Between two resets, in milliseconds.
const RESETS_MS: [u64; 3] = [200, 700, 2000];

pub(super) fn resets(dice: Dice) -> Box<dyn Fault> {
    Box::new(Resets { of: Victims::new(dice), every: Duration::ZERO, next: Instant::now() })
}

pub(super) fn half_open(number: u32, dice: Dice) -> Box<dyn Fault> {
    Box::new(HalfOpen { of: Victims::new(dice), number, stranded: Vec::new() })
}

pub(super) fn slow(number: u32, dice: Dice) -> Box<dyn Fault> {
    Box::new(Slow { of: Victims::new(dice), number, bytes: 0 })
}

/// The clients of one node.
struct Victims {
    dice: Dice,
    node: u32,
    /// As long as it is counted what becomes of them.
    seen: Vec<(Living, Counts)>,
}

impl Victims {
    fn new(dice: Dice) -> Victims {
        Victims { dice, node: 0, seen: Vec::new() }
    }

    /// A node that has clients, if there is one.
    fn choose(&mut self, scene: Scene<'_>) -> Result<u32, String> {
        let any = one(scene, &mut self.dice)?;
        let has_clients = |node: &u32| scene.arena.entrance(*node).is_ok_and(|entrance| entrance.has_clients());
        let with_clients: Vec<u32> = scene.arena.awake().into_iter().filter(has_clients).collect();
        self.node = if with_clients.is_empty() { any } else { *self.dice.pick(&with_clients) };
        Ok(self.node)
    }

    /// Whether all its clients have gone elsewhere: it was killed, say.
    fn is_deserted(&self, scene: Scene<'_>) -> bool {
        !scene.arena.entrance(self.node).is_ok_and(|entrance| entrance.has_clients())
    }

    /// Those that live now; they are counted from now on.
    fn look(&mut self, scene: Scene<'_>) -> Result<Vec<Living>, String> {
        let living = scene.arena.entrance(self.node)?.living();
        for one in &living {
            if !self.seen.iter().any(|(seen, _)| seen.is(one)) {
                self.seen.push((one.clone(), one.counts()));
            }
        }
        Ok(living)
    }

    /// Since they were seen first.
    fn counts(&self) -> Counts {
        let since = |(living, before): &(Living, Counts)| living.counts().since(*before);
        self.seen.iter().map(since).fold(Counts::default(), Counts::and)
    }
}

struct Resets {
    of: Victims,
    every: Duration,
    next: Instant,
}

impl Fault for Resets {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (node, every) = (self.of.choose(scene)?, *self.of.dice.pick(&RESETS_MS));
        self.every = Duration::from_millis(every);
        Ok(format!("clients of node {node} are reset every {every} ms"))
    }

    fn node(&self) -> u32 {
        self.of.node
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        self.go_on(scene)
    }

    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if self.of.is_deserted(scene) && self.of.choose(scene).is_err() {
            // All nodes are down just now.
            return Ok(());
        }
        if Instant::now() < self.next {
            return Ok(());
        }
        let all = self.of.look(scene)?;
        for living in &all {
            living.there.break_all();
            living.back.break_all();
        }
        // Where nobody is connected just now it is whoever comes first.
        if !all.is_empty() {
            self.next = Instant::now() + self.every;
        }
        Ok(())
    }

    fn felt(&mut self, _scene: Scene<'_>) -> Option<String> {
        let reset = self.of.counts().reset;
        (reset > 0).then(|| format!("{reset} connections were reset"))
    }

    fn end(&mut self, _scene: Scene<'_>) -> Result<String, String> {
        Ok(format!("{} connections were reset", self.of.counts().reset))
    }
}

struct HalfOpen {
    of: Victims,
    number: u32,
    /// Those that carry nothing.
    stranded: Vec<Living>,
}

impl HalfOpen {
    /// Whether all that carry nothing are over: their node was killed, say. Whoever connects then is whole.
    fn is_over(&self, scene: Scene<'_>) -> Result<bool, String> {
        let living = scene.arena.entrance(self.of.node)?.living();
        Ok(!living.iter().any(|living| self.stranded.iter().any(|stranded| stranded.is(living))))
    }
}

impl Fault for HalfOpen {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let node = self.of.choose(scene)?;
        Ok(format!("about half of the connections of the clients of node {node} carry nothing any more"))
    }

    fn node(&self) -> u32 {
        self.of.node
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        for (at, living) in self.of.look(scene)?.iter().enumerate() {
            if at == 0 || self.of.dice.below(2) == 0 {
                living.lay(self.number, Passage::held());
                self.stranded.push(living.clone());
            }
        }
        Ok(())
    }

    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if self.of.counts().held == 0 && self.is_over(scene)? {
            // All nodes may be down just now.
            return self.of.choose(scene).map_or(Ok(()), |_| self.begin(scene));
        }
        Ok(())
    }

    fn felt(&mut self, _scene: Scene<'_>) -> Option<String> {
        let held = self.of.counts().held;
        (held > 0).then(|| format!("{held} bytes were held back"))
    }

    /// Some are reset, as by a machine in between that has forgotten them; of others all arrives after all.
    fn end(&mut self, _scene: Scene<'_>) -> Result<String, String> {
        let held = self.of.counts().held;
        for (living, _) in &self.of.seen {
            if self.of.dice.below(2) == 0 {
                living.there.break_all();
                living.back.break_all();
            }
            living.lift(self.number);
        }
        Ok(format!("{held} bytes were held back"))
    }
}

struct Slow {
    of: Victims,
    number: u32,
    bytes: u32,
}

impl Fault for Slow {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        (self.of.node, self.bytes) = (self.of.choose(scene)?, *self.of.dice.pick(&SLOW));
        Ok(format!("{} bytes a second for each client of node {}", self.bytes, self.of.node))
    }

    fn node(&self) -> u32 {
        self.of.node
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        self.of.look(scene)?;
        scene.arena.entrance(self.of.node)?.lay(self.number, Passage::slow(self.bytes));
        Ok(())
    }

    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if self.of.counts().delayed == 0 && self.of.is_deserted(scene) {
            // All nodes may be down just now.
            return self.of.choose(scene).map_or(Ok(()), |_| self.begin(scene));
        }
        self.of.look(scene).map(drop)
    }

    fn felt(&mut self, _scene: Scene<'_>) -> Option<String> {
        let delayed = self.of.counts().delayed;
        (delayed > 0).then(|| format!("{delayed} bytes were slow"))
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        for node in scene.arena.nodes_ever() {
            scene.arena.entrance(node)?.lift(self.number);
        }
        Ok(format!("{} bytes were slow", self.of.counts().delayed))
    }
}

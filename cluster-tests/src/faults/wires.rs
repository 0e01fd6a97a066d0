//! Wires between nodes are cut, late, slow, or break.

use std::sync::Arc;
use std::time::{Duration, Instant};

use super::choosing::{home, one, other_victims, others, shuffled, two_talk};
use super::class::Class;
use super::fault::{Fault, Scene};
use crate::arena::flow::{Counts, Flow};
use crate::arena::net::{Way, away, between};
use crate::arena::passage::Passage;
use crate::dice::Dice;

/// Least and most of a delay, in milliseconds: as between cities, as between continents, and longer than a heartbeat.
const DELAYS_MS: [(u64, u64); 3] = [(5, 30), (50, 200), (150, 600)];

/// Bytes a second of a slow link.
const SLOW: [u32; 3] = [2_000, 10_000, 40_000];

/// Between two resets, in milliseconds.
const RESETS_MS: [u64; 3] = [100, 400, 1500];

/// Resets that are several.
const RESETS_MIN: u64 = 3;

/// What is laid upon some directions and lifted again.
pub(super) fn lain(class: Class, number: u32, dice: Dice) -> Box<dyn Fault> {
    let (ways, passage, before) = (Vec::new(), Passage::default(), Counts::default());
    Box::new(Lain { class, number, dice, node: 0, ways, passage, before, anew: None })
}

pub(super) fn resets(dice: Dice) -> Box<dyn Fault> {
    Box::new(Broken { dice, node: 0, ways: Vec::new(), every: None, next: Instant::now(), before: Counts::default() })
}

pub(super) fn half_open(dice: Dice) -> Box<dyn Fault> {
    Box::new(Stranded { dice, node: 0, ways: Vec::new(), before: Counts::default() })
}

struct Lain {
    class: Class,
    number: u32,
    dice: Dice,
    node: u32,
    ways: Vec<Way>,
    passage: Passage,
    before: Counts,
    /// What was chosen at last, where nobody of the first choice was left.
    anew: Option<String>,
}

impl Fault for Lain {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        two_talk(scene)?;
        self.passage = Passage::held();
        let (what, ways) = match self.class {
            Class::Partition => self.partition(scene)?,
            Class::IsolateHome => self.isolate_home(scene)?,
            Class::OneWayCut => self.one_way(scene)?,
            Class::Bridge => self.bridge(scene)?,
            Class::Ring => self.ring(scene),
            Class::Delay => self.delay(scene)?,
            _ => self.slow(scene)?,
        };
        if ways.is_empty() {
            return Err(format!("too few to part: {what}"));
        }
        self.ways = ways;
        Ok(what)
    }

    fn node(&self) -> u32 {
        self.node
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        self.before = counts(scene, &self.ways);
        scene.arena.net().lay(self.number, &self.ways, self.passage);
        Ok(())
    }

    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if self.felt(scene).is_none() && are_over(scene, &self.ways) {
            scene.arena.net().lift(self.number);
            if let Ok(what) = self.choose(scene) {
                self.anew = Some(what);
                return self.begin(scene);
            }
        }
        Ok(())
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let now = counts(scene, &self.ways);
        let (held, delayed) = (now.held - self.before.held, now.delayed - self.before.delayed);
        if self.passage.held {
            (held > 0).then(|| format!("{held} bytes were held back"))
        } else {
            (delayed > 0).then(|| format!("{delayed} bytes were late"))
        }
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        scene.arena.net().lift(self.number);
        let now = counts(scene, &self.ways);
        let (held, delayed) = (now.held - self.before.held, now.delayed - self.before.delayed);
        let anew = self.anew.as_ref().map(|what| format!("; at last it was {what}")).unwrap_or_default();
        Ok(format!("whole; {held} bytes were held back, {delayed} late{anew}"))
    }
}

type Chosen = Result<(String, Vec<Way>), String>;

impl Lain {
    /// The home of a room is with the majority, or not.
    fn partition(&mut self, scene: Scene<'_>) -> Chosen {
        let (home, why) = home(scene, &mut self.dice)?;
        let rest = shuffled(other_victims(scene, &[home]), &mut self.dice);
        let with_home = self.dice.below(rest.len().max(1));
        let near: Vec<u32> = std::iter::once(home).chain(rest.into_iter().take(with_home)).collect();
        let far = others(scene, &near);
        self.node = home;
        Ok((format!("{near:?} | {far:?}; {why} is node {home}"), between(&near, &far)))
    }

    fn isolate_home(&mut self, scene: Scene<'_>) -> Chosen {
        let (home, why) = home(scene, &mut self.dice)?;
        self.node = home;
        Ok((format!("node {home} is alone, {why}"), between(&[home], &others(scene, &[home]))))
    }

    fn one_way(&mut self, scene: Scene<'_>) -> Chosen {
        let (home, why) = home(scene, &mut self.dice)?;
        let rest = shuffled(others(scene, &[home]), &mut self.dice);
        let far = &rest[..1 + self.dice.below(rest.len().max(1)).min(rest.len().saturating_sub(1))];
        self.node = home;
        let (what, ways) = if self.dice.below(2) == 0 {
            (format!("{far:?} do not hear node {home}"), away(&[home], far))
        } else {
            (format!("node {home} does not hear {far:?}"), away(far, &[home]))
        };
        Ok((format!("{what}, {why}"), ways))
    }

    /// Those that are spared hear each other: on one side of them is a single node then.
    fn bridge(&mut self, scene: Scene<'_>) -> Chosen {
        let alone = if scene.spared.is_empty() { Vec::new() } else { vec![one(scene, &mut self.dice)?] };
        let nodes = shuffled(others(scene, &alone), &mut self.dice);
        let (bridge, rest) = nodes.split_first().map_or((0, &[][..]), |(bridge, rest)| (*bridge, rest));
        let (near, far) = if alone.is_empty() { rest.split_at(rest.len() / 2) } else { (&alone[..], rest) };
        self.node = bridge;
        Ok((format!("{near:?} | {far:?}; both hear node {bridge}"), between(near, far)))
    }

    fn ring(&mut self, scene: Scene<'_>) -> (String, Vec<Way>) {
        let nodes = shuffled(scene.arena.nodes(), &mut self.dice);
        let apart = |one: usize, other: usize| (one + nodes.len() - other) % nodes.len();
        let places = 0..nodes.len();
        let pairs = places.clone().flat_map(|one| places.clone().map(move |other| (one, other)));
        let cut = pairs.filter(|(one, other)| ![0, 1, nodes.len() - 1].contains(&apart(*one, *other)));
        let ways = cut.map(|(one, other)| (nodes[one], nodes[other])).collect();
        (format!("a ring of {nodes:?}"), ways)
    }

    fn delay(&mut self, scene: Scene<'_>) -> Chosen {
        let (least, most) = *self.dice.pick(&DELAYS_MS);
        self.passage = Passage::late(Duration::from_millis(least), Duration::from_millis(most));
        let (whose, ways) = self.of_one_or_all(scene)?;
        Ok((format!("{least} to {most} ms late, {whose}"), ways))
    }

    fn slow(&mut self, scene: Scene<'_>) -> Chosen {
        let bytes = *self.dice.pick(&SLOW);
        self.passage = Passage::slow(bytes);
        let (whose, ways) = self.of_one_or_all(scene)?;
        Ok((format!("{bytes} bytes a second, {whose}"), ways))
    }

    fn of_one_or_all(&mut self, scene: Scene<'_>) -> Chosen {
        let victim = one(scene, &mut self.dice)?;
        if self.dice.below(2) == 0 && scene.spared.is_empty() {
            let nodes = scene.arena.nodes();
            return Ok(("between all".to_owned(), away(&nodes, &nodes)));
        }
        self.node = victim;
        Ok((format!("to and from node {victim}"), between(&[victim], &others(scene, &[victim]))))
    }
}

struct Broken {
    dice: Dice,
    node: u32,
    ways: Vec<Way>,
    every: Option<Duration>,
    next: Instant,
    before: Counts,
}

impl Fault for Broken {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        two_talk(scene)?;
        let (node, why) = home(scene, &mut self.dice)?;
        self.node = node;
        self.ways = between(&[node], &others(scene, &[node]));
        let every = *self.dice.pick(&RESETS_MS);
        self.every = Some(Duration::from_millis(every));
        Ok(format!("connections with node {node} are reset every {every} ms; it is {why}"))
    }

    fn node(&self) -> u32 {
        self.node
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        self.before = counts(scene, &self.ways);
        self.go_on(scene)
    }

    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if self.felt(scene).is_none() && are_over(scene, &self.ways) {
            return self.choose(scene).map_or(Ok(()), |_| self.begin(scene));
        }
        if Instant::now() >= self.next {
            flows(scene, &self.ways).iter().for_each(|flow| flow.break_all());
            self.next = Instant::now() + self.every.unwrap_or_default();
        }
        Ok(())
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let reset = counts(scene, &self.ways).reset - self.before.reset;
        (reset >= RESETS_MIN).then(|| format!("{reset} connections were reset"))
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        Ok(format!("{} connections were reset", counts(scene, &self.ways).reset - self.before.reset))
    }
}

struct Stranded {
    dice: Dice,
    node: u32,
    ways: Vec<Way>,
    before: Counts,
}

impl Fault for Stranded {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        two_talk(scene)?;
        let (node, why) = home(scene, &mut self.dice)?;
        let rest = shuffled(others(scene, &[node]), &mut self.dice);
        let far = &rest[..1 + self.dice.below(rest.len().max(1)).min(rest.len().saturating_sub(1))];
        (self.node, self.ways) = (node, between(&[node], far));
        Ok(format!("what connects node {node} and {far:?} carries nothing any more; it is {why}"))
    }

    fn node(&self) -> u32 {
        self.node
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        self.before = counts(scene, &self.ways);
        self.go_on(scene)
    }

    /// Connections may have been closed at this very moment, with the last of the nodes, say: then it is those that are made next.
    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if counts(scene, &self.ways).held == self.before.held {
            if are_over(scene, &self.ways) && self.choose(scene).is_ok() {
                self.before = counts(scene, &self.ways);
            }
            flows(scene, &self.ways).iter().for_each(|flow| flow.strand_all());
        }
        Ok(())
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let held = counts(scene, &self.ways).held - self.before.held;
        (held > 0).then(|| format!("{held} bytes go nowhere"))
    }

    /// Those connections are never whole again.
    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let now = counts(scene, &self.ways);
        Ok(format!("{} bytes went nowhere, {} by new connections", now.held - self.before.held, now.passed - self.before.passed))
    }
}

/// Whether none of these has a node at both its ends: they went for good, and others have to suffer instead.
fn are_over(scene: Scene<'_>, ways: &[Way]) -> bool {
    let nodes = scene.arena.nodes();
    !ways.iter().any(|(from, to)| nodes.contains(from) && nodes.contains(to))
}

fn flows(scene: Scene<'_>, ways: &[Way]) -> Vec<Arc<Flow>> {
    ways.iter().map(|way| scene.arena.net().flow(*way)).collect()
}

/// Of all these directions together.
fn counts(scene: Scene<'_>, ways: &[Way]) -> Counts {
    flows(scene, ways).iter().map(|flow| flow.counts()).fold(Counts::default(), Counts::and)
}

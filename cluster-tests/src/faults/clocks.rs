//! Clocks on the wall are wrong.

use super::choosing::{home, one};
use super::class::Class;
use super::fault::{Fault, Scene};
use crate::dice::Dice;

/// How far a clock jumps, in milliseconds, ahead or back.
const JUMPS_MS: [i64; 4] = [10_000, 60_000, 600_000, 3_600_000];

/// How much too fast a clock is, or too slow, in millionths: a bad one, and one that nobody would keep.
const DRIFTS_PPM: [i64; 3] = [500, 50_000, 500_000];

pub(super) fn wrong(class: Class, dice: Dice) -> Box<dyn Fault> {
    Box::new(Wrong { class, dice, victim: 0, ahead_ms: 0, drift_ppm: 0 })
}

struct Wrong {
    class: Class,
    dice: Dice,
    victim: u32,
    ahead_ms: i64,
    drift_ppm: i64,
}

impl Fault for Wrong {
    fn choose(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let (home, why) = home(scene, &mut self.dice)?;
        let any = one(scene, &mut self.dice)?;
        self.victim = *self.dice.pick(&[home, any]);
        let sign = *self.dice.pick(&[1, -1]);
        if self.class == Class::ClockDrift {
            self.drift_ppm = sign * *self.dice.pick(&DRIFTS_PPM);
        } else {
            self.ahead_ms = sign * *self.dice.pick(&JUMPS_MS);
        }
        let (ahead, drift) = (self.ahead_ms, self.drift_ppm);
        Ok(format!("the clock of node {} is {ahead} ms ahead and drifts by {drift} ppm; {why} is node {home}", self.victim))
    }

    fn node(&self) -> u32 {
        self.victim
    }

    fn begin(&mut self, scene: Scene<'_>) -> Result<(), String> {
        scene.arena.set_clock(self.victim, self.ahead_ms, self.drift_ppm)
    }

    /// Its node may have gone for good.
    fn go_on(&mut self, scene: Scene<'_>) -> Result<(), String> {
        if self.felt(scene).is_none() && !scene.arena.nodes().contains(&self.victim) {
            return self.choose(scene).map_or(Ok(()), |_| self.begin(scene));
        }
        Ok(())
    }

    fn felt(&mut self, scene: Scene<'_>) -> Option<String> {
        let reads = scene.arena.wrong_reads(self.victim).ok()?;
        (reads > 0).then(|| format!("the wrong time was read {reads} times"))
    }

    fn end(&mut self, scene: Scene<'_>) -> Result<String, String> {
        let reads = scene.arena.wrong_reads(self.victim)?;
        scene.arena.set_clock(self.victim, 0, 0).map(|()| format!("right again; the wrong time was read {reads} times"))
    }
}

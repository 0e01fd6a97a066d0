//! Ticks of the tasks that look at the clock now and then.

use std::sync::OnceLock;
use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

/// Ticks that fall together with all others of this process that have the same period, or a multiple of it: a node has many such tasks, and wakes once
/// for all of them rather than once for each. A tick that is missed is left out.
pub fn every(period: Duration) -> Interval {
    static BEGAN: OnceLock<Instant> = OnceLock::new();
    let (now, began) = (Instant::now(), *BEGAN.get_or_init(Instant::now));
    let passed = u32::try_from((now - began).as_millis() / period.as_millis().max(1)).unwrap_or(0);
    let mut ticks = interval_at(began + period * (passed + 1), period);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    ticks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn ticks_of_the_same_period_fall_together() {
        let period = Duration::from_millis(100);
        let mut one = every(period);
        tokio::time::advance(Duration::from_millis(30)).await;
        let mut other = every(period);
        let mut double = every(period * 2);
        let (first, second, third) = (one.tick().await, other.tick().await, double.tick().await);
        for later in [second, third] {
            assert_eq!((later - first).as_nanos() % period.as_nanos(), 0);
        }
    }
}

//! How fast a session may send: so many stanzas a second for long, and some more in a burst.

use std::time::Duration;

use tokio::time::Instant;

/// The rule.
#[derive(Clone, Copy, Debug)]
pub struct Pace {
    /// Stanzas a second in the long run; 0 means any number.
    pub per_second: u32,
    /// Stanzas that may come at once.
    pub burst: u32,
}

/// A session under the rule. It is not read while it is ahead of its pace, so it loses nothing; TCP tells it to wait.
#[derive(Debug)]
pub struct Meter {
    pace: Pace,
    /// When all that was sent so far would have been sent at the pace.
    level: Instant,
}

impl Meter {
    /// A session that has sent nothing.
    pub fn new(pace: Pace) -> Meter {
        Meter { pace, level: Instant::now() }
    }

    /// The session sent a stanza.
    pub fn count(&mut self) {
        if self.pace.per_second > 0 {
            self.level = self.level.max(Instant::now()) + Duration::from_secs(1) / self.pace.per_second;
        }
    }

    /// Until when it is not read; nothing if it may go on.
    pub fn pause(&self) -> Option<Instant> {
        if self.pace.per_second == 0 {
            return None;
        }
        let burst = Duration::from_secs(1) * self.pace.burst / self.pace.per_second;
        let free = self.level.checked_sub(burst)?;
        (free > Instant::now()).then_some(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_burst_is_free_and_then_the_pace_holds() {
        let mut meter = Meter::new(Pace { per_second: 10, burst: 5 });
        let start = Instant::now();
        for _ in 0..5 {
            meter.count();
        }
        assert_eq!(meter.pause(), None);
        meter.count();
        assert_eq!(meter.pause(), Some(start + Duration::from_millis(100)));
        tokio::time::advance(Duration::from_millis(100)).await;
        assert_eq!(meter.pause(), None);
    }

    #[tokio::test(start_paused = true)]
    async fn no_rule_never_pauses() {
        let mut meter = Meter::new(Pace { per_second: 0, burst: 0 });
        (0..1000).for_each(|_| meter.count());
        assert_eq!(meter.pause(), None);
    }
}

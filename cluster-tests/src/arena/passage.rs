//! How bytes pass in one direction.

use std::time::Duration;

/// What a direction does with bytes. They are never altered, and none is missing among others: what is lost below is sent again by TCP, so loss is
/// time, or the end of the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Passage {
    /// Nothing arrives, and nothing closes. What was sent meanwhile arrives when this is over.
    pub held: bool,
    /// What is there is reset, and so is whatever comes.
    pub closed: bool,
    /// Everything arrives so much later.
    pub delay: Duration,
    /// And up to so much more, as chance has it; the order stays.
    pub jitter: Duration,
    /// No more than this; 0 is no limit.
    pub bytes_per_second: u32,
}

impl Passage {
    /// Bytes are held back.
    pub fn held() -> Passage {
        Passage { held: true, ..Passage::default() }
    }

    /// Connections are reset.
    pub fn closed() -> Passage {
        Passage { closed: true, ..Passage::default() }
    }

    /// Bytes come late, by the least and up to the most.
    pub fn late(least: Duration, most: Duration) -> Passage {
        Passage { delay: least, jitter: most.saturating_sub(least), ..Passage::default() }
    }

    /// Bytes come slowly.
    pub fn slow(bytes_per_second: u32) -> Passage {
        Passage { bytes_per_second, ..Passage::default() }
    }

    /// Both at the same time: the worse of each.
    pub fn and(self, other: Passage) -> Passage {
        let limits = [self.bytes_per_second, other.bytes_per_second];
        Passage {
            held: self.held || other.held,
            closed: self.closed || other.closed,
            delay: self.delay.max(other.delay),
            jitter: self.jitter.max(other.jitter),
            bytes_per_second: limits.into_iter().filter(|limit| *limit > 0).min().unwrap_or(0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_passages_are_as_bad_as_the_worse_of_each() {
        let (short, long) = (Duration::from_millis(10), Duration::from_millis(30));
        let both = Passage::late(short, long).and(Passage::slow(500)).and(Passage::slow(100)).and(Passage::held());
        let worst = Passage { held: true, closed: false, delay: short, jitter: Duration::from_millis(20), bytes_per_second: 100 };
        assert_eq!(both, worst);
        assert_eq!(Passage::default().and(both), both);
    }
}

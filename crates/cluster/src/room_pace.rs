//! How many messages a room takes: so many a second for long, as many at once. A room that is flooded must not starve its shard.

use std::collections::BTreeMap;

use conclave_xmpp::{BareJid, StanzaError, Timestamp};

/// The rooms of a shard under one rule. Nothing is kept of a room that is within it.
#[derive(Debug, Default)]
pub struct RoomPace {
    /// When a room will have worked off all that it took, in microseconds.
    levels: BTreeMap<BareJid, u64>,
    /// How many rooms are kept before those that are within the rule are looked for.
    sweep_at: usize,
}

/// Rooms that are kept without looking.
const SWEEP_MIN: usize = 64;

const SECOND: u64 = 1_000_000;

impl RoomPace {
    /// Counts a message, or refuses it and says when to try again. A rate of 0 takes any number.
    pub fn count(&mut self, room: &BareJid, per_second: u32, now: Timestamp) -> Result<(), StanzaError> {
        let Some(cost) = SECOND.checked_div(u64::from(per_second)) else { return Ok(()) };
        let now = now.0.saturating_mul(1000);
        self.sweep(now);
        // Nobody is ever further ahead than this, so a level that is comes from a clock that was set back since.
        let level = self.levels.get(room).copied().unwrap_or(0).clamp(now, now + SECOND + cost);
        let ahead = level - now;
        let refused = ahead > SECOND;
        self.levels.insert(room.clone(), if refused { level } else { level + cost });
        if refused {
            let wait = (ahead - SECOND).div_ceil(1000);
            let text = format!("this room takes {per_second} messages a second; try again in {wait} ms");
            return Err(StanzaError::wait(text));
        }
        Ok(())
    }

    /// Forgets rooms that have worked off what they took. No clock ticks here, so it is done on the way, and seldom enough to cost next to nothing.
    fn sweep(&mut self, now: u64) {
        if self.levels.len() >= self.sweep_at {
            self.levels.retain(|_, level| *level > now);
            self.sweep_at = (self.levels.len() * 2).max(SWEEP_MIN);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_s_worth_is_free_and_then_the_rate_holds() {
        let mut pace = RoomPace::default();
        let [room, other] = ["r@c", "s@c"].map(|jid| BareJid::parse(jid).unwrap());
        let taken =
            |pace: &mut RoomPace, room: &BareJid, now| (0..100).filter(|_| pace.count(room, 10, Timestamp(now)).is_ok()).count();
        assert_eq!(taken(&mut pace, &room, 5000), 11);
        assert_eq!(taken(&mut pace, &other, 5000), 11, "each room has its own");
        assert_eq!(taken(&mut pace, &room, 5300), 3);
        assert_eq!(
            pace.count(&room, 10, Timestamp(5300)).unwrap_err().text.unwrap(),
            "this room takes 10 messages a second; try again in 100 ms"
        );
        assert_eq!(taken(&mut pace, &room, 60_000), 11);
        assert_eq!(taken(&mut pace, &room, 1000), 0, "a clock that is set back stops nobody");
        assert_eq!(taken(&mut pace, &room, 1200), 2, "for longer than the rule itself would");
        for number in 0..1000 {
            let room = BareJid::parse(&format!("r{number}@c")).unwrap();
            pace.count(&room, 10, Timestamp(70_000 + number * 1000)).unwrap();
        }
        assert!(pace.levels.len() <= SWEEP_MIN, "rooms within the rule are forgotten");
        assert_eq!((0..1000).filter(|_| pace.count(&room, 0, Timestamp(0)).is_ok()).count(), 1000);
    }
}

//! Which homes the edges of this node attend, and since when they attend none.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// One place for each shard.
#[derive(Debug)]
pub struct Homes(Mutex<BTreeMap<u16, Place>>);

#[derive(Clone, Copy, Debug)]
enum Place {
    At(u32),
    /// Nowhere since then; since ever, if nothing was ever known.
    Nowhere(Option<Instant>),
}

impl Homes {
    /// So many shards, of which nothing is known yet.
    pub fn new(shards: u16) -> Homes {
        Homes(Mutex::new((0..shards).map(|shard| (shard, Place::Nowhere(None))).collect()))
    }

    /// The home of a shard, if one is attended.
    pub fn of(&self, shard: u16) -> Option<u32> {
        match self.places().get(&shard)? {
            Place::At(node) => Some(*node),
            Place::Nowhere(_) => None,
        }
    }

    /// Shards without a home for at least so long.
    pub fn missing_for(&self, least: Duration) -> Vec<u16> {
        let missing = |place: &Place| match place {
            Place::At(_) => false,
            Place::Nowhere(since) => since.is_none_or(|since| since.elapsed() >= least),
        };
        self.places().iter().filter(|(_, place)| missing(place)).map(|(shard, _)| *shard).collect()
    }

    /// A home is attended, or none any more.
    pub fn note(&self, shard: u16, home: Option<u32>) {
        let mut places = self.places();
        let place = places.entry(shard).or_insert(Place::Nowhere(None));
        *place = match (home, *place) {
            (Some(node), _) => Place::At(node),
            (None, Place::At(_)) => Place::Nowhere(Some(Instant::now())),
            (None, nowhere) => nowhere,
        };
    }

    fn places(&self) -> MutexGuard<'_, BTreeMap<u16, Place>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_home_that_is_missing_for_a_moment_is_not_missing_for_long() {
        let homes = Homes::new(2);
        assert_eq!(homes.missing_for(Duration::from_secs(60)), [0, 1]);
        homes.note(0, Some(3));
        homes.note(1, Some(2));
        homes.note(1, None);
        homes.note(1, None);
        assert_eq!((homes.of(0), homes.of(1)), (Some(3), None));
        assert_eq!(homes.missing_for(Duration::ZERO), [1]);
        assert!(homes.missing_for(Duration::from_secs(60)).is_empty());
    }
}

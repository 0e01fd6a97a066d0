//! Which shard a room belongs to. The number of shards is chosen once, when a cluster is made.

use conclave_xmpp::BareJid;
use sha2::{Digest, Sha256};

/// From rooms to shards.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShardMap {
    shards: u16,
}

impl ShardMap {
    /// A map of `shards` shards; at least one.
    pub fn new(shards: u16) -> ShardMap {
        ShardMap { shards: shards.max(1) }
    }

    /// How many shards there are.
    pub fn shards(&self) -> u16 {
        self.shards
    }

    /// The shard of a room. The hash is the same on every machine and in every version.
    pub fn shard_of(&self, room: &BareJid) -> u16 {
        let digest = Sha256::digest(room.as_str().as_bytes());
        let number = digest.iter().take(8).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
        // The remainder is below `shards`, so it fits.
        (number % u64::from(self.shards)) as u16
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_spread_evenly_and_for_ever() {
        let map = ShardMap::new(16);
        let mut count = [0; 16];
        for number in 0..1600 {
            count[usize::from(map.shard_of(&BareJid::parse(&format!("room{number}@c")).unwrap()))] += 1;
        }
        assert!(count.iter().all(|count| (60..150).contains(count)), "{count:?}");
        // A stored cluster depends on this very value.
        assert_eq!(map.shard_of(&BareJid::parse("garden@conference.localhost").unwrap()), 3);
    }
}

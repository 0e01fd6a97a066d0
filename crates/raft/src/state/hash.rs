//! The hash of a whole state, kept up to date pair by pair.

use std::fmt;

use sha2::{Digest, Sha256};

/// Tells two states apart. It depends on the set of pairs alone, not on the order in which they came nor on what was there before.
///
/// It is the sum, modulo 2^256, of the SHA-256 of each pair. It finds faults; it is no proof against someone who may choose millions of pairs
/// freely, since sums of digests can be made to collide more cheaply than digests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StateHash([u64; 4]);

impl StateHash {
    /// Bytes of one.
    pub const BYTES: usize = 32;

    /// Of the state that has this pair and no other.
    pub(super) fn of_pair(key: &[u8], value: &[u8]) -> StateHash {
        let mut digest = Sha256::new();
        for part in [key, value] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        StateHash::from_bytes(digest.finalize().into())
    }

    /// Takes pairs in that were not there.
    pub(super) fn add(&mut self, other: StateHash) {
        let mut carry = false;
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            let (sum, over) = limb.overflowing_add(other);
            let (sum, over_by_carry) = sum.overflowing_add(u64::from(carry));
            (*limb, carry) = (sum, over || over_by_carry);
        }
    }

    /// Takes pairs out that were there.
    pub(super) fn subtract(&mut self, other: StateHash) {
        let mut borrow = false;
        for (limb, other) in self.0.iter_mut().zip(other.0) {
            let (rest, under) = limb.overflowing_sub(other);
            let (rest, under_by_borrow) = rest.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (rest, under || under_by_borrow);
        }
    }

    /// As it is stored and sent: a number, the lowest byte first.
    pub fn to_bytes(self) -> [u8; StateHash::BYTES] {
        let mut bytes = [0; StateHash::BYTES];
        for (place, limb) in bytes.chunks_exact_mut(8).zip(self.0) {
            place.copy_from_slice(&limb.to_le_bytes());
        }
        bytes
    }

    /// The reverse of [`StateHash::to_bytes`].
    pub fn from_bytes(bytes: [u8; StateHash::BYTES]) -> StateHash {
        let mut limbs = [0; 4];
        for (limb, place) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *limb = u64::from_le_bytes(*place);
        }
        StateHash(limbs)
    }
}

impl fmt::Display for StateHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_bytes().iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_is_added_can_be_taken_out(a: [u8; 32], b: [u8; 32], c: [u8; 32]) {
            let [a, b, c] = [a, b, c].map(StateHash::from_bytes);
            let mut sum = a;
            sum.add(b);
            sum.add(c);
            let mut other = c;
            other.add(a);
            other.add(b);
            prop_assert_eq!(sum, other);
            sum.subtract(b);
            sum.subtract(a);
            prop_assert_eq!(sum, c);
            prop_assert_eq!(StateHash::from_bytes(sum.to_bytes()), c);
        }
    }

    #[test]
    fn carries_go_through_all_limbs() {
        let mut hash = StateHash([u64::MAX; 4]);
        hash.add(StateHash([1, 0, 0, 0]));
        assert_eq!(hash, StateHash::default());
        hash.subtract(StateHash([1, 0, 0, 0]));
        assert_eq!(hash, StateHash([u64::MAX; 4]));
    }

    #[test]
    fn where_a_key_ends_matters() {
        assert_ne!(StateHash::of_pair(b"ab", b"c"), StateHash::of_pair(b"a", b"bc"));
        assert_eq!(StateHash::default().to_string(), "0".repeat(64));
    }
}

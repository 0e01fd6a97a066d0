//! Texts that nobody can guess, made from a seed: the machine draws no random numbers.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::sasl::Hash;

/// Bytes that go into each: 144 bits cannot be guessed, and make 24 characters.
const NONCE_BYTES: usize = 18;

pub(super) struct Nonces {
    seed: [u8; 32],
    made: u64,
}

impl Nonces {
    pub(super) fn new(seed: [u8; 32]) -> Nonces {
        Nonces { seed, made: 0 }
    }

    /// Never the same twice, and none tells anything about another. Letters, digits, `-` and `_`.
    pub(super) fn make(&mut self, purpose: &str) -> String {
        self.made += 1;
        let made = Hash::Sha256.hmac(&self.seed, format!("{purpose} {}", self.made).as_bytes());
        URL_SAFE_NO_PAD.encode(&made[..NONCE_BYTES])
    }
}

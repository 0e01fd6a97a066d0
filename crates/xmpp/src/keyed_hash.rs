//! HMAC-SHA-256, for ids that nobody can trace back or make up.

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The hash of a text under a secret key.
pub fn keyed_hash(key: &[u8; 32], text: &str) -> [u8; 32] {
    // HMAC takes a key of any length, so this cannot fail.
    let mut mac = <Hmac<Sha256> as KeyInit>::new_from_slice(key).expect("HMAC takes any key");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 4231 §4.3 has a shorter key; HMAC fills it up with zeros, and so does this.
    #[test]
    fn it_is_the_hmac_of_the_standard() {
        let mut key = [0; 32];
        key[..4].copy_from_slice(b"Jefe");
        let hash = keyed_hash(&key, "what do ya want for nothing?");
        let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
}

//! Randomness, from the operating system only.

/// 32 bytes that nobody can guess.
pub fn fresh() -> [u8; 32] {
    let mut seed = [0; 32];
    // Without randomness no nonce is safe, so no login may happen.
    getrandom::fill(&mut seed).expect("the operating system gives random bytes");
    seed
}

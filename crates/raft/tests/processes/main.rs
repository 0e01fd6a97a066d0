//! The crate as whole processes: killed, paused, without power, on failing and on damaged disks, while clients write.
//!
//! `cargo test -p conclave-raft --test processes kill::` runs one file of these. Each file says at its head which long form it has.
#![cfg(target_os = "linux")]

mod cluster;
mod cuts;
mod damage;
mod dice;
mod disk_faults;
mod kill;
mod membership;
mod pause;
mod power_loss;
mod record;

/// How many rounds of a test: so many, or what `CONCLAVE_ROUNDS` says.
fn rounds(short: u64) -> u64 {
    match std::env::var("CONCLAVE_ROUNDS") {
        Ok(rounds) => rounds.parse().unwrap_or_else(|_| panic!("CONCLAVE_ROUNDS is no number: {rounds:?}")),
        Err(_) => short,
    }
}

//! Runs that once found something, each a little shorter than it was then.

use std::path::Path;
use std::time::Duration;

use cluster_tests::faults::Class;
use cluster_tests::runner::{Order, run_and_judge};
use cluster_tests::traffic::Profile;

/// Faults come and go for so long.
const SAFETY: Duration = Duration::from_secs(8);

fn passes(order: &Order) {
    let program = Path::new(env!("CARGO_BIN_EXE_conclave-under-test"));
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos");
    assert!(run_and_judge(order, program, &dir), "all that is known of it is in {}", dir.join(order.name()).display());
}

fn order(seed: u64, traffic: Profile, faults: &[Class]) -> Order {
    Order { traffic, faults: faults.to_vec(), nodes: 3, safety: SAFETY, ..Order::of(seed) }
}

/// A log that refused one proposal and took the next made messages of people who had never entered, and rooms over rooms.
#[test]
fn what_the_log_refuses_is_asked_again() {
    passes(&order(11, Profile::Rooms, &[Class::KillHome]));
}

/// The last words of a session came behind the first of the next one of the same full JID, by way of another node, and took its seat.
#[test]
fn a_storm_of_clients_leaves_everybody_in_the_seat_that_is_theirs() {
    passes(&order(7, Profile::ReconnectStorm, &[Class::KillHome]));
}

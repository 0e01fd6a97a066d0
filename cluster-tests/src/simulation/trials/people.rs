//! People of a profile, all faults, and all promises that a run can be judged by.

use crate::judge::{Outcome, judge};
use crate::simulation::ALL;
use crate::traffic::Profile;
use crate::traffic::simulated::{Story, play};

/// How long faults come and go, in milliseconds of the simulation.
const SAFETY_MS: u64 = 4000;

/// Plays a profile.
fn of(profile: Profile, seed: u64) {
    let run = play(&Story { profile, faults: &ALL, safety_ms: SAFETY_MS, seed });
    let judgement = judge(&run);
    assert!(judgement.outcome != Outcome::Fail, "{judgement}");
}

pub fn people_chat(seed: u64) {
    of(Profile::Chat, seed);
}

pub fn people_churn(seed: u64) {
    of(Profile::Churn, seed);
}

pub fn people_moderation(seed: u64) {
    of(Profile::Moderation, seed);
}

pub fn people_rooms(seed: u64) {
    of(Profile::Rooms, seed);
}

pub fn people_nicks(seed: u64) {
    of(Profile::Nicks, seed);
}

pub fn people_presence(seed: u64) {
    of(Profile::Presence, seed);
}

pub fn people_reconnect_storm(seed: u64) {
    of(Profile::ReconnectStorm, seed);
}

pub fn people_whispers(seed: u64) {
    of(Profile::Whispers, seed);
}

pub fn people_mixed(seed: u64) {
    of(Profile::Mixed, seed);
}

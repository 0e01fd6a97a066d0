//! People of a profile, all faults, and all promises that a run can be judged by. Those that the profile is there for must have been put to the test.

use crate::judge::{Outcome, judge};
use crate::traffic::Profile;
use crate::traffic::simulated::{Story, play};

/// Plays a profile.
fn of(profile: Profile, seed: u64) {
    let judgement = judge(&play(&Story::of(profile, seed)));
    assert!(judgement.outcome == Outcome::Pass, "{judgement}");
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

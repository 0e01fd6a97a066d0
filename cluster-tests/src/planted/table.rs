//! Each bug with its proofs.

use super::{Planted, Proof};
use crate::traffic::Profile;
use crate::traffic::Profile::{Chat, Moderation, Nicks, Rooms, Whispers};

/// All of them, by name.
pub const PLANTED: &[Planted] = &[
    Planted {
        name: "acknowledge-before-commit",
        what: "The home takes what it proposes for committed.",
        proofs: &[simulated("a_crowd_talks_while_the_home_changes_and_streams_break", 0, "I21"), judged(Chat, 5, "I3")],
    },
    Planted {
        name: "ban-unseen",
        what: "Bans are not folded by who is not the home: the next home has never heard of them.",
        proofs: &[
            simulated("whoever_is_banned_says_nothing_and_hears_nothing_from_then_on", 0, "I21"),
            judged(Moderation, 2, "I10"),
        ],
    },
    Planted {
        name: "barrier-off",
        what: "The home answers without a proof that it still is the home.",
        proofs: &[simulated("a_deposed_home_answers_nothing", 0, "I16")],
    },
    Planted {
        name: "detach-endless",
        what: "The grace of a detached session never ends.",
        proofs: &[
            simulated("an_edge_dies_and_its_occupants_leave_once_or_come_back_unseen", 0, "I13"),
            judged(Rooms, 10, "I14"),
            run("rooms", &["kill_all"], 1, &["I14"]),
        ],
    },
    Planted {
        name: "duplicate-check-off",
        what: "A request that is repeated is judged afresh, though it is in the log.",
        proofs: &[simulated("a_crowd_talks_while_the_home_changes_and_streams_break", 3, "I4"), judged(Whispers, 0, "I4")],
    },
    Planted {
        name: "epoch-check-off",
        what: "An entry that was decided in a former epoch counts.",
        proofs: &[simulated("a_crowd_talks_while_the_home_changes_and_streams_break", 11, "I4"), judged(Whispers, 22, "I4")],
    },
    Planted {
        name: "expire-stale",
        what: "The end of a grace removes a session that has come back meanwhile.",
        proofs: &[simulated("a_node_that_is_taken_for_dead_by_mistake_goes_on_without_a_gap", 0, "I15"), judged(Nicks, 6, "I15")],
    },
    Planted {
        name: "frame-dropped",
        what: "An edge loses every 97th frame, and takes it for delivered.",
        proofs: &[simulated("a_crowd_talks_while_the_home_changes_and_streams_break", 0, "I2"), judged(Chat, 1, "I2")],
    },
    Planted {
        name: "gap-pull-off",
        what: "An edge is told that it has missed frames for good, though other replicas have them.",
        proofs: &[simulated("what_a_new_home_lacks_comes_from_another_replica", 0, "I2")],
    },
    Planted {
        name: "ghost-sweep-off",
        what: "Sessions of nodes that died are not detached.",
        proofs: &[simulated("an_edge_dies_and_its_occupants_leave_once_or_come_back_unseen", 0, "I13"), judged(Rooms, 10, "I14")],
    },
    Planted {
        name: "incarnation-ignored",
        what: "A node that lives again is taken for never having died.",
        proofs: &[
            simulated("a_node_that_is_taken_for_dead_by_mistake_goes_on_without_a_gap", 8, "I15"),
            judged(Rooms, 33, "I14"),
        ],
    },
    Planted {
        name: "judged-by-committed",
        what: "Rules judge by what is committed, and forget what is in flight.",
        proofs: &[simulated("of_two_that_want_a_nick_one_gets_it", 4, "I11"), judged(Nicks, 3, "I11")],
    },
    Planted {
        name: "refusal-overtakes",
        what: "Answers and refusals do not wait for what was proposed before them.",
        proofs: &[simulated("answers_come_in_the_order_of_what_was_asked", 0, "I1"), judged(Nicks, 0, "I1")],
    },
    Planted {
        name: "ring-too-short",
        what: "Replicas keep four frames, and do not say that the others are gone.",
        proofs: &[simulated("an_edge_that_missed_frames_for_good_is_told_so", 0, "I2"), judged(Chat, 0, "I2")],
    },
    Planted {
        name: "snapshot-without-occupancy",
        what: "A state that is handed over has no occupants.",
        proofs: &[simulated("an_edge_that_missed_frames_for_good_is_told_so", 0, "I13"), judged(Nicks, 0, "I13")],
    },
    Planted {
        name: "snapshot-without-repeats",
        what: "A state that is handed over does not know which requests are in the log.",
        proofs: &[simulated("a_crowd_talks_while_the_home_changes_and_streams_break", 0, "I21")],
    },
    Planted {
        name: "sync-skipped",
        what: "What the log has written is not synced before it is acknowledged.",
        proofs: &[run("chat", &["power_loss_all"], 1, &["I1", "I3"])],
    },
    Planted {
        name: "whisper-astray",
        what: "A private message goes to whoever sits next to the one that it is for.",
        proofs: &[simulated("a_private_message_reaches_its_occupant_alone", 0, "I19"), judged(Whispers, 0, "I19")],
    },
];

const fn simulated(trial: &'static str, seed: u64, promise: &'static str) -> Proof {
    Proof::Simulated { trial, seed, promise }
}

const fn judged(profile: Profile, seed: u64, promise: &'static str) -> Proof {
    Proof::Judged { profile, seed, promise }
}

const fn run(traffic: &'static str, faults: &'static [&'static str], seed: u64, promises: &'static [&'static str]) -> Proof {
    Proof::Run { traffic, faults, seed, promises }
}

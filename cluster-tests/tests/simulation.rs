//! Promises of a cluster under faults, each with many seeds. A seed that fails is named, and run alone with `CONCLAVE_SEED`.

use cluster_tests::simulation::{Trial, regressions};

/// A test for each trial, of the same name.
macro_rules! trials {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                play(stringify!($name));
            }
        )*

        #[test]
        fn every_trial_is_a_test() {
            let tests = [$(stringify!($name)),*];
            for trial in cluster_tests::simulation::TRIALS {
                assert!(tests.contains(&trial.name), "{} is none", trial.name);
            }
        }
    };
}

trials! {
    a_crowd_talks_while_the_home_changes_and_streams_break
    a_crowd_talks_while_everything_goes_wrong
    a_crowd_talks_on_one_node_and_on_five
    replicas_agree_byte_by_byte_whatever_they_were_restored_from
    of_two_that_want_a_nick_one_gets_it
    of_two_that_make_a_room_one_does
    whoever_is_banned_says_nothing_and_hears_nothing_from_then_on
    whoever_enters_behind_a_change_of_the_password_knew_the_new_one
    an_edge_dies_and_its_occupants_leave_once_or_come_back_unseen
    a_node_that_ends_on_purpose_says_so_first_and_its_clients_come_back_unseen
    a_node_that_is_taken_for_dead_by_mistake_goes_on_without_a_gap
    an_edge_that_is_cut_off_from_the_home_alone_hears_by_way_of_another_replica
    what_a_new_home_lacks_comes_from_another_replica
    an_edge_that_missed_frames_for_good_is_told_so
    whoever_lost_the_seat_while_its_node_was_taken_for_dead_is_told_so
    messages_from_user_to_user_arrive_once_and_in_order
    a_question_between_occupants_is_answered_once
    a_session_of_a_node_that_was_taken_for_dead_is_bound_again_unless_there_is_a_newer_one
    a_private_message_reaches_its_occupant_alone
    answers_come_in_the_order_of_what_was_asked
    a_deposed_home_answers_nothing
    people_chat
    people_churn
    people_moderation
    people_rooms
    people_nicks
    people_presence
    people_reconnect_storm
    people_whispers
    people_mixed
}

/// With each of its seeds, or with that of the environment's `CONCLAVE_SEED` alone.
fn play(name: &str) {
    let trial = Trial::named(name).expect("a trial has this name");
    let played = match std::env::var("CONCLAVE_SEED") {
        Ok(seed) => trial.run_seed(seed.parse().unwrap_or_else(|error| panic!("CONCLAVE_SEED is a number: {error}"))),
        Err(_) => trial.run_seeds(0..trial.seeds).map(|_| ()),
    };
    played.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn what_was_found_once_stays_mended() {
    for regression in regressions::all().unwrap_or_else(|error| panic!("{error}")) {
        regression.check().unwrap_or_else(|error| panic!("{error}"));
    }
}

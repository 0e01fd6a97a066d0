//! What the simulation puts to the test: each is a play of some clients and some faults, of which a seed decides everything.

mod absence;
mod answers;
mod people;
mod reach;
mod rivals;
mod talk;
mod users;

use std::fmt;
use std::panic::{UnwindSafe, catch_unwind};

use conclave_xmpp::{Element, ns};

use super::{Chaos, Fault, Settings, World};

/// One of them.
#[derive(Clone, Copy, Debug)]
pub struct Trial {
    /// By which it is called.
    pub name: &'static str,
    /// Seeds that a test plays; a longer run plays as many as it has time for.
    pub seeds: u64,
    play: fn(u64),
}

/// A seed with which a trial did not end as it must.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// The trial.
    pub trial: &'static str,
    /// The seed.
    pub seed: u64,
    /// What was not as it must be.
    pub why: String,
}

/// All of them.
pub const TRIALS: &[Trial] = &[
    trial(
        "a_crowd_talks_while_the_home_changes_and_streams_break",
        100,
        talk::a_crowd_talks_while_the_home_changes_and_streams_break,
    ),
    trial("a_crowd_talks_while_everything_goes_wrong", 100, talk::a_crowd_talks_while_everything_goes_wrong),
    trial("a_crowd_talks_on_one_node_and_on_five", 100, talk::a_crowd_talks_on_one_node_and_on_five),
    trial(
        "replicas_agree_byte_by_byte_whatever_they_were_restored_from",
        100,
        talk::replicas_agree_byte_by_byte_whatever_they_were_restored_from,
    ),
    trial("of_two_that_want_a_nick_one_gets_it", 100, rivals::of_two_that_want_a_nick_one_gets_it),
    trial("of_two_that_make_a_room_one_does", 100, rivals::of_two_that_make_a_room_one_does),
    trial(
        "whoever_is_banned_says_nothing_and_hears_nothing_from_then_on",
        100,
        rivals::whoever_is_banned_says_nothing_and_hears_nothing_from_then_on,
    ),
    trial(
        "whoever_enters_behind_a_change_of_the_password_knew_the_new_one",
        100,
        rivals::whoever_enters_behind_a_change_of_the_password_knew_the_new_one,
    ),
    trial(
        "an_edge_dies_and_its_occupants_leave_once_or_come_back_unseen",
        100,
        absence::an_edge_dies_and_its_occupants_leave_once_or_come_back_unseen,
    ),
    trial(
        "a_node_that_ends_on_purpose_says_so_first_and_its_clients_come_back_unseen",
        100,
        absence::a_node_that_ends_on_purpose_says_so_first_and_its_clients_come_back_unseen,
    ),
    trial(
        "a_node_that_is_taken_for_dead_by_mistake_goes_on_without_a_gap",
        100,
        absence::a_node_that_is_taken_for_dead_by_mistake_goes_on_without_a_gap,
    ),
    trial(
        "an_edge_that_is_cut_off_from_the_home_alone_hears_by_way_of_another_replica",
        100,
        reach::an_edge_that_is_cut_off_from_the_home_alone_hears_by_way_of_another_replica,
    ),
    trial("what_a_new_home_lacks_comes_from_another_replica", 100, reach::what_a_new_home_lacks_comes_from_another_replica),
    trial("an_edge_that_missed_frames_for_good_is_told_so", 100, reach::an_edge_that_missed_frames_for_good_is_told_so),
    trial(
        "whoever_lost_the_seat_while_its_node_was_taken_for_dead_is_told_so",
        100,
        reach::whoever_lost_the_seat_while_its_node_was_taken_for_dead_is_told_so,
    ),
    trial("messages_from_user_to_user_arrive_once_and_in_order", 300, users::messages_from_user_to_user_arrive_once_and_in_order),
    trial("a_question_between_occupants_is_answered_once", 300, users::a_question_between_occupants_is_answered_once),
    trial(
        "a_session_of_a_node_that_was_taken_for_dead_is_bound_again_unless_there_is_a_newer_one",
        300,
        users::a_session_of_a_node_that_was_taken_for_dead_is_bound_again_unless_there_is_a_newer_one,
    ),
    trial("a_private_message_reaches_its_occupant_alone", 100, answers::a_private_message_reaches_its_occupant_alone),
    trial("answers_come_in_the_order_of_what_was_asked", 100, answers::answers_come_in_the_order_of_what_was_asked),
    trial("a_deposed_home_answers_nothing", 100, answers::a_deposed_home_answers_nothing),
    trial("people_chat", 5, people::people_chat),
    trial("people_churn", 5, people::people_churn),
    trial("people_moderation", 5, people::people_moderation),
    trial("people_rooms", 5, people::people_rooms),
    trial("people_nicks", 5, people::people_nicks),
    trial("people_presence", 5, people::people_presence),
    trial("people_reconnect_storm", 5, people::people_reconnect_storm),
    trial("people_whispers", 5, people::people_whispers),
    trial("people_mixed", 5, people::people_mixed),
];

const fn trial(name: &'static str, seeds: u64, play: fn(u64)) -> Trial {
    Trial { name, seeds, play }
}

impl Trial {
    /// The trial of a name.
    pub fn named(name: &str) -> Option<&'static Trial> {
        TRIALS.iter().find(|trial| trial.name == name)
    }

    /// Plays it with a seed. The same seed plays the same, on any machine.
    pub fn run_seed(&self, seed: u64) -> Result<(), Failure> {
        let play = self.play;
        catch(move || play(seed)).map_err(|why| Failure { trial: self.name, seed, why })
    }
}

impl Failure {
    /// The command that plays this seed again, and no other.
    pub fn command(&self) -> String {
        format!("CONCLAVE_SEED={} cargo test -p cluster-tests --test simulation {}", self.seed, self.trial)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, seed {}: {}\n  again: {}", self.trial, self.seed, self.why, self.command())
    }
}

impl std::error::Error for Failure {}

/// A play ends early by a panic, which says why.
fn catch(play: impl FnOnce() + UnwindSafe) -> Result<(), String> {
    catch_unwind(play).map_err(|cause| match (cause.downcast_ref::<String>(), cause.downcast_ref::<&str>()) {
        (Some(why), _) => why.clone(),
        (None, Some(why)) => (*why).to_owned(),
        (None, None) => "a panic without words".to_owned(),
    })
}

/// A room with an owner on the first node, open.
fn open_room(seed: u64, settings: Settings) -> (World, usize) {
    let (world, crowd) = World::with_crowd(seed, settings, 1);
    (world, crowd.members[0])
}

/// Faults that nobody has to be told of.
const LIGHT: [Fault; 2] = [Fault::Move, Fault::Break];

/// Lets some things happen that go wrong, a little apart.
fn with_light_faults(world: &mut World) {
    let mut chaos = Chaos::of(&LIGHT);
    for _ in 0..world.up_to(2) {
        chaos.strike(world);
        let pause = world.up_to(30);
        world.run(pause);
    }
}

fn is_result(stanza: &Element, id: &str) -> bool {
    stanza.is("iq", ns::CLIENT) && stanza.attribute("id") == Some(id) && stanza.attribute("type") == Some("result")
}

//! One order per room: what is answered waits for what was proposed before it.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod bench;

use bench::{Bench, HERE, join, open, ping, say, session};
use conclave_cluster::bound_sessions::SessionRequest;
use conclave_cluster::codec::decode;
use conclave_cluster::frame::Direct;
use conclave_cluster::home::{HomeSettings, Output};
use conclave_cluster::request::{Ask, Request};
use conclave_cluster::{Incarnation, Lives};
use conclave_muc::Session;
use conclave_xmpp::{Element, FullJid, Jid, Stanza, Timestamp, ns};

#[test]
fn a_repeat_of_what_is_logged_or_in_flight_is_not_logged_again() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.commit();
    let message = Stanza::from_element(say("once")).unwrap();
    let ask = Ask::Room(bench.room.clone(), message);
    let request = Request { session: session("ann"), number: 50, floor: 50, ask };
    bench.repeat(&request);
    bench.repeat(&request);
    assert_eq!(bench.log.len(), 1);
    assert_eq!(bench.commit().len(), 1);
    bench.repeat(&request);
    assert!(bench.log.is_empty());
    // Another home knows it, too.
    let (records, mut out) = (bench.replica.freeze().collect::<Vec<_>>(), Vec::new());
    bench.replica.restore(Some(bench.index), &records).unwrap();
    bench.replica.begin(HERE, Timestamp(0), &mut out);
    bench.sort(out);
    bench.commit();
    bench.repeat(&request);
    assert!(bench.log.is_empty());
}

#[test]
fn an_entry_of_another_epoch_is_void() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    let late = bench.log.pop_front().unwrap();
    let mut out = Vec::new();
    bench.replica.begin(HERE, Timestamp(0), &mut out);
    bench.sort(out);
    bench.commit();
    bench.log.push_back(late);
    assert!(bench.commit().is_empty());
    assert_eq!(bench.replica.shard().room_count(), 0);
}

/// The log may refuse one proposal of an office and take the next, which was decided as if the first were there.
#[test]
fn an_entry_behind_one_that_the_log_refused_is_void_and_ends_the_office() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.commit();
    bench.ask("ann", open());
    bench.commit();
    bench.ask("bob", join("Bob"));
    bench.log.pop_front().unwrap();
    bench.ask("bob", say("from the room"));
    assert!(bench.commit().is_empty(), "he is not in the room");
    assert!(!bench.replica.is_home());
    // The next office is sound again, also at a replica that begins with what was stored.
    let (records, mut out) = (bench.replica.freeze().collect::<Vec<_>>(), Vec::new());
    bench.replica.restore(Some(bench.index), &records).unwrap();
    bench.replica.begin(HERE, Timestamp(0), &mut out);
    bench.sort(out);
    bench.commit();
    bench.ask("ann", say("again"));
    assert_eq!(bench.commit().len(), 1);
}

#[test]
fn a_question_is_answered_even_if_the_one_who_was_asked_leaves() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.commit();
    bench.ask("ann", open());
    bench.commit();
    bench.ask("bob", join("Bob"));
    bench.commit();
    let query = Element::new("query", ns::VERSION);
    let version = Element::new("iq", ns::CLIENT).with("to", "r@c/Bob").with("type", "get").with("id", "v").with_child(query);
    assert_eq!(bench.ask("ann", version).len(), 1);
    bench.leave("bob");
    let left = bench.commit();
    assert!(left.last().unwrap().contains(" id='v' type='error'"), "{left:?}");
}

#[test]
fn the_time_of_a_shard_never_goes_back() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.context.now = Timestamp(1);
    bench.ask("ann", say("earlier"));
    let times: Vec<Timestamp> = bench.log.iter().map(|entry| decode(entry).unwrap().time).collect();
    assert_eq!(times, [Timestamp(1_000_000); 2]);
}

/// A quiet shard's log tells when a grace ended, and not when somebody spoke last.
#[test]
fn what_nobody_asks_for_has_the_time_at_which_it_happens() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.commit();
    let mut out = Vec::new();
    bench.replica.living(Lives::new([(Incarnation { number: 2, ..HERE }, true)], 1), &mut out);
    bench.sort(out);
    bench.commit();
    let mut out = Vec::new();
    bench.replica.tick(1500, Timestamp(1_005_000), &mut out);
    bench.sort(out);
    assert_eq!(decode(bench.log.front().expect("the seat is vacated")).unwrap().time, Timestamp(1_005_000));
}

#[test]
fn nothing_is_seen_before_it_is_committed() {
    let mut bench = Bench::new();
    assert!(bench.ask("ann", join("Ann")).is_empty());
    assert!(bench.commit().iter().any(|sent| sent.contains("code='201'")));
}

#[test]
fn answers_and_refusals_wait_for_what_was_proposed_before_them() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.commit();
    assert!(bench.ask("ann", say("one")).is_empty());
    assert!(bench.ask("ann", ping()).is_empty(), "an answer");
    assert!(bench.ask("bob", join("Bob")).is_empty(), "a refusal: the room is locked");
    assert!(bench.ask("ann", say("two")).is_empty());
    let first = bench.commit();
    assert!(first[0].contains("one") && first[1].contains("type='result'") && first[2].contains("item-not-found"), "{first:?}");
    assert!(bench.commit()[0].contains("two"));
    assert!(bench.ask("ann", ping())[0].contains("type='result'"), "with nothing in flight an answer goes at once");
}

#[test]
fn rules_judge_the_room_with_everything_in_flight_folded_in() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.ask("ann", say("already in"));
    assert_eq!(bench.replica.in_flight(), 2, "the message is judged as by an occupant");
    bench.ask("bob", join("Bob"));
    assert_eq!(bench.replica.in_flight(), 2, "of two that create, one does");
    assert!(bench.commit().iter().any(|sent| sent.contains("code='201'")));
    assert!(bench.commit()[0].contains("already in"));
}

#[test]
fn a_session_leaves_every_room_in_which_it_sits_or_will() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    assert!(bench.leave("ann").is_empty());
    bench.commit();
    assert!(bench.commit()[0].contains("type='unavailable'"));
    assert_eq!(bench.replica.shard().room_count(), 0);
    bench.leave("ann");
    assert!(bench.log.is_empty());
}

#[test]
fn a_leave_that_is_repeated_does_not_undo_what_came_after_it() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.commit();
    let gone = Request { session: session("ann"), number: 20, floor: 20, ask: Ask::Gone(Vec::new()) };
    bench.repeat(&gone);
    bench.commit();
    bench.number = 20;
    bench.ask("ann", join("Ann"));
    bench.repeat(&gone);
    assert_eq!(bench.log.len(), 1, "the second join is in flight");
    bench.commit();
    bench.repeat(&gone);
    assert!(bench.log.is_empty());
    assert_eq!(bench.replica.shard().occupant_count(), 1);
}

#[test]
fn a_stanza_from_user_to_user_is_logged_once_and_who_is_typing_is_not() {
    let mut bench = Bench::new();
    let bind = |who: &str| Ask::Session(SessionRequest::Bind { session: session(who), attachment: Default::default() });
    bench.put("bob", bind("bob"));
    bench.commit();
    let to = Jid::from(session("bob").jid);
    let body = Element::new("body", ns::CLIENT).with_text("psst");
    let message =
        |payload: Element| Element::new("message", ns::CLIENT).with("to", "bob@h/1").with("type", "chat").with_child(payload);
    let ask = |payload: Element| Ask::User(to.clone(), Stanza::from_element(message(payload)).unwrap());
    let request = Request { session: session("ann"), number: 9, floor: 9, ask: ask(body) };
    assert!(bench.repeat(&request).is_empty(), "not before it is committed");
    bench.repeat(&request);
    assert_eq!(bench.log.len(), 1);
    let mut out = Vec::new();
    bench.replica.committed(bench.index + 1, &bench.log.pop_front().unwrap(), 0, &mut out).unwrap();
    bench.index += 1;
    let directs = out.iter().filter_map(|output| match output {
        Output::Frame(frame) => Some(frame.direct.clone()),
        Output::Propose(_) | Output::Barrier => None,
    });
    let bytes = b"<message to='bob@h/1' from='ann@h/1' type='chat'><body>psst</body></message>".to_vec();
    assert_eq!(directs.flatten().collect::<Vec<_>>(), [Direct::Stanza { session: session("bob"), node: 1, bytes }]);
    bench.repeat(&request);
    bench.put("ann", ask(Element::new("composing", ns::CHAT_STATES)));
    assert!(bench.log.is_empty());
}

#[test]
fn a_home_goes_by_another_setting_from_the_moment_in_which_it_is_told() {
    let mut bench = Bench::new();
    let second = |id: u64| Session { jid: FullJid::parse(&format!("bob@h/{id}")).unwrap(), id };
    let bind = |bench: &mut Bench, id: u64| {
        let (session, attachment) = (second(id), Default::default());
        let ask = Ask::Session(SessionRequest::Bind { session: session.clone(), attachment });
        bench.repeat(&Request { session, number: 1, floor: 1, ask });
        bench.log.len()
    };
    bench.replica.set(HomeSettings { grace_ms: 1000, sessions_per_account_max: 1 });
    assert_eq!(bind(&mut bench, 21), 1);
    assert_eq!(bind(&mut bench, 22), 1, "one session is enough now");
    bench.replica.set(HomeSettings { grace_ms: 1000, sessions_per_account_max: 2 });
    assert_eq!(bind(&mut bench, 23), 2);
    // So does the next that begins here.
    let mut out = Vec::new();
    bench.replica.begin(HERE, Timestamp(1_000_000), &mut out);
    bench.sort(out);
    bench.commit_all();
    assert_eq!(bind(&mut bench, 24), 0, "two sessions are enough");
}

#[test]
fn a_room_that_is_flooded_says_wait() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.commit();
    let refused: Vec<String> = (0..4).flat_map(|n| bench.ask("ann", say(&n.to_string()))).collect();
    assert!(refused.is_empty(), "even this answer waits its turn");
    let all: Vec<String> = (0..3).flat_map(|_| bench.commit()).collect();
    assert!(all[3].contains("resource-constraint") && all[3].contains("try again in"), "{all:?}");
}

#[test]
fn an_entry_that_cannot_be_read_is_never_skipped() {
    let mut bench = Bench::new();
    assert!(bench.replica.committed(2, b"\xff", 0, &mut Vec::new()).is_err());
}

//! Edges that live several lives, and edges that missed something for good: nobody sits unheard, and nobody is heard who does not sit.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod bench;

use std::cell::RefCell;

use bench::{Bench, join, open, say, session};
use conclave_cluster::answer::Verdict;
use conclave_cluster::bound_sessions::SessionRequest;
use conclave_cluster::delivery::{Delivery, Part, Views};
use conclave_cluster::delivery_codec::Attend;
use conclave_cluster::edge::Edge;
use conclave_cluster::home::Output;
use conclave_cluster::replica::Attendance;
use conclave_cluster::request::{Ask, Request};
use conclave_cluster::{Incarnation, Sessions};
use conclave_muc::{Attachment, Audience, SeatChange, Session};
use conclave_xmpp::{BareJid, Encoded, FullJid, Nick, Stanza, StanzaName, StanzaWriter, Timestamp};

const FIRST: Incarnation = Incarnation { node: 2, number: 1 };
const SECOND: Incarnation = Incarnation { node: 2, number: 2 };

fn enter(nick: &str) -> Ask {
    Ask::Room(BareJid::parse("r@c").unwrap(), Stanza::from_element(join(nick)).unwrap())
}

fn attend(edge: Incarnation, after: u64, lives: &[u32]) -> Attend {
    let (lives, after) = (lives.to_vec(), Some(after));
    Attend { shard: 0, incarnation: edge.number, lives, after, away_from_home: false, asked_others: true, astray: false }
}

/// A room with an owner at home, in which Bob is about to sit by way of the first life of the other node.
fn with_a_seat_in_flight() -> Bench {
    let mut bench = Bench::new();
    bench.living(&[(1, 1), (2, 1)]);
    bench.ask("ann", join("Ann"));
    bench.ask("ann", open());
    bench.commit_all();
    bench.ask_by(FIRST, "bob", "r@c", join("Bob"));
    bench
}

/// By which attachment he sits, and whether he is detached.
fn seat_of_bob(bench: &Bench) -> Option<(Attachment, bool)> {
    let room = bench.replica.shard().room(&bench.room)?;
    let seat = room.seats().map(|(_, seat)| seat).find(|seat| seat.session == session("bob"))?;
    Some((seat.attachment, seat.detached.is_some()))
}

#[test]
fn a_seat_in_flight_is_detached_with_the_life_by_which_it_was_asked_for() {
    let mut bench = with_a_seat_in_flight();
    bench.living(&[(1, 1), (2, 2)]);
    bench.commit_all();
    assert_eq!(seat_of_bob(&bench), Some((FIRST.attachment(), true)));
}

#[test]
fn a_seat_in_flight_moves_with_its_edge_to_the_next_life() {
    let mut bench = with_a_seat_in_flight();
    bench.living(&[(1, 1), (2, 2)]);
    let mut out = Vec::new();
    bench.replica.attend(SECOND, &attend(SECOND, bench.index, &[1, 2]), &mut out);
    bench.sort(out);
    bench.commit_all();
    assert_eq!(seat_of_bob(&bench), Some((SECOND.attachment(), false)));
}

#[test]
fn who_comes_back_from_an_edge_that_ends_takes_its_seat_and_no_other() {
    // What is in flight is detached, too; and meta has said nothing so far.
    let mut bench = with_a_seat_in_flight();
    bench.put_by(FIRST, session("node"), Ask::EdgeEnds);
    bench.commit_all();
    assert_eq!(seat_of_bob(&bench), Some((FIRST.attachment(), true)));
    let other = Session { jid: FullJid::parse("bob@h/other").unwrap(), id: 9 };
    bench.put_by(bench::HERE, other.clone(), enter("Bob"));
    bench.commit_all();
    let seats = bench.replica.shard().room(&bench.room).unwrap().seats().map(|(_, seat)| seat.session.clone());
    assert_eq!(seats.filter(|seat| *seat != session("ann")).collect::<Vec<_>>(), [other]);
}

#[test]
fn who_does_not_come_back_from_an_edge_that_ends_has_one_grace() {
    let mut bench = with_a_seat_in_flight();
    bench.put_by(FIRST, session("node"), Ask::EdgeEnds);
    bench.commit_all();
    // It says so again, to be sure; then meta does.
    bench.put_by(FIRST, session("node"), Ask::EdgeEnds);
    bench.living(&[(1, 1)]);
    assert!(bench.log.is_empty(), "that is known");
    bench.after_grace();
    bench.commit_all();
    assert_eq!(seat_of_bob(&bench), None);
}

#[test]
fn what_an_edge_that_ends_asks_all_the_same_is_detached_with_its_life() {
    let mut bench = with_a_seat_in_flight();
    bench.put_by(FIRST, session("node"), Ask::EdgeEnds);
    bench.ask_by(FIRST, "bob", "other@c", join("Bob"));
    bench.commit_all();
    assert_eq!(seat_of_bob(&bench), Some((FIRST.attachment(), true)));
    bench.living(&[(1, 1)]);
    bench.commit_all();
    let room = bench.replica.shard().room(&BareJid::parse("other@c").unwrap()).unwrap();
    assert_eq!(room.detached().count(), 1);
}

#[test]
fn an_edge_that_ends_is_answered_when_its_seats_are_detached_and_not_before() {
    let mut bench = with_a_seat_in_flight();
    let ends = Request { session: session("node"), number: 1, floor: 1, ask: Ask::EdgeEnds };
    let answered = |out: &[Output]| {
        let answers = out.iter().filter_map(|output| match output {
            Output::Frame(frame) => Some(&frame.answers),
            _ => None,
        });
        answers.flatten().any(|answer| answer.session == ends.session.id && answer.verdict == Verdict::Done)
    };
    let mut out = Vec::new();
    bench.replica.request(FIRST, &ends, &bench.context, &mut out);
    assert!(!answered(&out));
    bench.sort(out);
    for last in [false, true] {
        let entry = bench.log.pop_front().unwrap();
        bench.index += 1;
        let mut out = Vec::new();
        bench.replica.committed(bench.index, &entry, 0, &mut out).unwrap();
        assert_eq!((answered(&out), seat_of_bob(&bench)), (last, Some((FIRST.attachment(), last))));
        bench.sort(out);
    }
}

#[test]
fn the_sessions_of_an_edge_that_ends_are_bound_no_more() {
    let mut bench = Bench::new();
    bench.living(&[(1, 1), (2, 1)]);
    let bind = Ask::Session(SessionRequest::Bind { session: session("bob"), attachment: Attachment::default() });
    bench.put_by(FIRST, session("bob"), bind);
    bench.commit_all();
    assert!(bench.replica.shard().matters_to(FIRST.node));
    bench.put_by(FIRST, session("node"), Ask::EdgeEnds);
    bench.commit_all();
    assert!(!bench.replica.shard().matters_to(FIRST.node));
}

#[test]
fn who_enters_while_the_last_seat_expires_makes_the_room_anew() {
    let mut bench = Bench::new();
    bench.living(&[(1, 1), (2, 1), (3, 1)]);
    bench.ask_by(FIRST, "bob", "r@c", join("Bob"));
    bench.ask_by(Incarnation { node: 3, number: 1 }, "cid", "other@c", join("Cid"));
    bench.commit_all();
    // Both end at once: two entries in a row.
    bench.living(&[(1, 1)]);
    bench.commit_all();
    bench.after_grace();
    bench.ask("ann", join("Ann"));
    assert!(bench.commit_all().iter().any(|sent| sent.contains("code='201'")), "she is let in, as its creator");
}

#[test]
fn a_nick_is_free_when_its_seat_expires_in_a_room_that_is_never_quiet() {
    let mut bench = with_a_seat_in_flight();
    bench.commit_all();
    bench.living(&[(1, 1)]);
    bench.ask("ann", say("on and on"));
    // The entry that detaches him is committed, and the message is not.
    bench.commit();
    bench.after_grace();
    bench.ask("cid", join("Bob"));
    let sent = bench.commit_all();
    assert!(sent.last().is_some_and(|sent| sent.contains("<subject")), "he is let in: {sent:#?}");
}

/// Its frames are gone: what is read from the store has none.
fn forget(bench: &mut Bench) {
    let (records, mut out) = (bench.replica.freeze().collect::<Vec<_>>(), Vec::new());
    bench.replica.restore(Some(bench.index), &records).unwrap();
    bench.replica.begin(bench::HERE, Timestamp(0), &mut out);
    bench.sort(out);
    bench.commit_all();
}

#[test]
fn an_edge_begins_anew_once_however_often_it_attends() {
    let mut bench = with_a_seat_in_flight();
    bench.commit_all();
    let had = bench.index - 1;
    forget(&mut bench);
    let mut out = Vec::new();
    let joined = bench.replica.attend(FIRST, &attend(FIRST, had, &[1]), &mut out);
    let Attendance::Joined { from, reset: true, .. } = joined else { panic!("{joined:?}") };
    let again = Attend { astray: true, ..attend(FIRST, from, &[1]) };
    bench.replica.attend(FIRST, &again, &mut out);
    bench.sort(out);
    assert_eq!(bench.log.len(), 1, "it is on its way");
    bench.commit_all();
    assert_eq!(seat_of_bob(&bench), None);
    let mut out = Vec::new();
    let joined = bench.replica.attend(FIRST, &again, &mut out);
    let Attendance::Joined { reset: false, frames, .. } = joined else { panic!("{joined:?}") };
    assert_eq!(frames.last().unwrap().anew, Some(FIRST));
    bench.sort(out);
    assert!(bench.log.is_empty(), "it is among the frames that it is given");
    assert_eq!(bench.ask("ann", say("on")).len(), 0);
}

/// What sessions were sent, in this order.
#[derive(Default)]
struct Table(RefCell<Vec<String>>);

impl Sessions for Table {
    type Handle = String;

    fn find(&self, session: &Session) -> Option<String> {
        Some(session.jid.to_string())
    }

    fn send(&self, to: &String, stanza: &Encoded) {
        self.0.borrow_mut().push(String::from_utf8(stanza.for_receiver(to)).unwrap());
    }

    fn send_whole(&self, _: &String, _: &[u8]) -> bool {
        true
    }

    fn replaced(&self, _: &String) {}
}

fn taken(who: &str) -> Part {
    let nick = Nick::parse(who).unwrap();
    Part::Seat(SeatChange::Taken { session: session(who), attachment: FIRST.attachment(), nick, moderator: false })
}

fn said(text: &str) -> Part {
    let stanza = StanzaWriter::new(StanzaName::Message).attribute("id", text).finish();
    Part::Send { to: Audience::Everyone, subject: None, views: Views::Same(stanza), only: None }
}

fn frame(index: u64, parts: Vec<Part>) -> Delivery {
    Delivery { index: Some(index), rooms: vec![(BareJid::parse("r@c").unwrap(), parts)], ..Delivery::default() }
}

#[test]
fn who_is_to_hear_that_it_is_out_hears_nothing_before() {
    let (table, mut out) = (Table::default(), Vec::new());
    let mut edge: Edge<String> = Edge::new(2);
    edge.joined(Some(1), 0, false, 1, &mut out);
    edge.deliver(0, &frame(1, vec![taken("bob"), said("before")]), &table, &mut out).unwrap();
    // Frames are missing; one behind the hole says that he sits, as his edge moved.
    edge.joined(Some(9), 50, true, 1, &mut out);
    edge.deliver(50, &frame(51, vec![taken("bob"), taken("cid"), said("behind")]), &table, &mut out).unwrap();
    let anew = Delivery { anew: Some(FIRST), ..frame(52, Vec::new()) };
    edge.deliver(51, &anew, &table, &mut out).unwrap();
    let sent = table.0.take();
    assert_eq!(sent.len(), 3, "{sent:#?}");
    assert!(sent[0].contains("bob@h") && sent[0].contains("before"), "{}", sent[0]);
    assert!(sent[1].contains("cid@h") && sent[1].contains("behind"), "{}", sent[1]);
    assert!(sent[2].contains("bob@h") && sent[2].contains("333") && sent[2].contains("110"), "{}", sent[2]);
    assert!(!edge.is_astray());
}

#[test]
fn what_came_by_way_of_another_replica_does_not_come_again() {
    let (table, mut out) = (Table::default(), Vec::new());
    let mut edge: Edge<String> = Edge::new(2);
    edge.joined(Some(1), 0, false, 1, &mut out);
    edge.deliver(0, &frame(60, vec![taken("bob"), said("once")]), &table, &mut out).unwrap();
    edge.joined(Some(9), 50, true, 1, &mut out);
    edge.deliver(50, &frame(60, vec![taken("cid"), said("once")]), &table, &mut out).unwrap();
    assert_eq!(table.0.take().len(), 1);
}

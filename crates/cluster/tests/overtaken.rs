//! Answers that are lost with a link: what they were about is asked again, and is not done behind what the session asked later.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod bench;

use bench::{Bench, HERE, join, open, say, session};
use conclave_cluster::Sessions;
use conclave_cluster::answer::{Answer, Verdict};
use conclave_cluster::bound_sessions::SessionRequest;
use conclave_cluster::delivery::Delivery;
use conclave_cluster::delivery_codec::Attend;
use conclave_cluster::edge::{Edge, Output};
use conclave_cluster::request::{Ask, Request};
use conclave_muc::{Attachment, Session};
use conclave_xmpp::{BareJid, Element, Encoded, Stanza, Timestamp, ns};

fn request(who: &str, number: u64, stanza: Element) -> Request {
    let ask = Ask::Room(BareJid::parse("r@c").unwrap(), Stanza::from_element(stanza).unwrap());
    Request { session: session(who), number, floor: number, ask }
}

fn gone(who: &str, number: u64) -> Request {
    Request { session: session(who), number, floor: number, ask: Ask::Gone(Vec::new()) }
}

fn of_session(who: &str, number: u64, what: SessionRequest) -> Request {
    Request { session: session(who), number, floor: number, ask: Ask::Session(what) }
}

/// The edge attends by another link: what went by the former one is lost.
fn attend_anew(bench: &mut Bench) {
    let (lives, after) = (vec![HERE.number], Some(bench.index));
    let attend =
        Attend { shard: 0, incarnation: HERE.number, lives, after, away_from_home: false, asked_others: true, astray: false };
    let mut out = Vec::new();
    bench.replica.attend(HERE, &attend, &mut out);
    bench.sort(out);
}

/// A room that is open; its owner is Ann.
fn open_room() -> Bench {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.ask("ann", open());
    bench.commit_all();
    bench
}

#[test]
fn what_was_refused_is_not_done_behind_what_was_asked_later() {
    let mut bench = open_room();
    let early = request("bob", 60, say("too early"));
    assert!(bench.repeat(&early)[0].contains("not-acceptable"));
    bench.repeat(&request("bob", 61, join("Bob")));
    bench.commit_all();
    attend_anew(&mut bench);
    let answer = bench.repeat(&early);
    assert!(answer[0].contains("type='wait'"), "{answer:?}");
    assert!(bench.log.is_empty(), "he would speak behind his entrance");
}

#[test]
fn an_update_that_was_superseded_does_not_come_back() {
    let mut bench = open_room();
    let update = |show: &str| {
        let show = Element::new("show", ns::CLIENT).with_text(show);
        Element::new("presence", ns::CLIENT).with("to", "r@c/Ann").with_child(show)
    };
    let (older, newer) = (request("ann", 60, update("away")), request("ann", 61, update("dnd")));
    let mut out = Vec::new();
    bench.replica.superseded(HERE, &older, &mut out);
    bench.sort(out);
    bench.repeat(&newer);
    bench.commit_all();
    attend_anew(&mut bench);
    assert!(bench.repeat(&older).is_empty(), "nobody waits for an answer");
    assert!(bench.log.is_empty());
}

#[test]
fn who_has_left_leaves_again_behind_what_is_judged_afresh() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    bench.commit_all();
    let entrance = request("bob", 60, join("Bob"));
    assert!(bench.repeat(&entrance)[0].contains("item-not-found"), "the room is locked");
    attend_anew(&mut bench);
    let leaving = gone("bob", 61);
    bench.repeat(&leaving);
    bench.ask("ann", open());
    bench.commit_all();
    bench.repeat(&entrance);
    bench.repeat(&leaving);
    bench.commit_all();
    let room = bench.replica.shard().room(&bench.room).unwrap();
    assert!(room.seats().all(|(_, seat)| seat.session != session("bob")), "he sits, and nobody will take him out");
}

/// Nobody is connected any more.
struct Nobody;

impl Sessions for Nobody {
    type Handle = ();

    fn find(&self, _session: &Session) -> Option<()> {
        None
    }

    fn send(&self, (): &(), _stanza: &Encoded) {}

    fn send_whole(&self, (): &(), _bytes: &[u8]) -> bool {
        false
    }

    fn replaced(&self, (): &()) {}
}

/// Repeated behind the end that is in the log already, it would be bound for good.
#[test]
fn an_edge_does_not_ask_again_to_bind_what_is_bound_no_more() {
    let (mut edge, mut out) = (Edge::new(1), Vec::new());
    let of_bob =
        of_session("bob", 60, SessionRequest::Rebind { session: session("bob"), attachment: Attachment(1), priority: None });
    let of_ann =
        of_session("ann", 3, SessionRequest::Rebind { session: session("ann"), attachment: Attachment(1), priority: None });
    let end = of_session("bob", 61, SessionRequest::Unbind { session: session("bob") });
    edge.joined(Some(1), 0, false, 1, &mut out);
    for request in [&of_bob, &of_ann, &end] {
        edge.ask(request.clone(), 0, &mut out);
    }
    assert!(out.iter().any(|output| matches!(output, Output::Answered { number: 60, verdict: None, .. })), "{out:?}");
    out.clear();
    edge.left(&Nobody, &mut out);
    edge.joined(Some(1), 0, false, 1, &mut out);
    let asked = out.iter().filter_map(|output| if let Output::Ask(request) = output { Some(request.number) } else { None });
    assert_eq!(asked.collect::<Vec<_>>(), [3, 61]);
}

#[test]
fn an_edge_does_not_ask_again_what_was_asked_before_the_session_left() {
    let (mut edge, mut out) = (Edge::new(1), Vec::new());
    let [entrance, leaving] = [request("bob", 60, join("Bob")), gone("bob", 61)];
    let other = request("ann", 3, say("on it goes"));
    for request in [&entrance, &leaving, &other] {
        edge.ask(request.clone(), 0, &mut out);
    }
    edge.joined(Some(1), 0, false, 1, &mut out);
    let answer = Answer { session: leaving.session.id, number: leaving.number, verdict: Verdict::Done };
    let answered =
        Delivery { index: None, time: Timestamp(0), rooms: Vec::new(), direct: Vec::new(), answers: vec![answer], anew: None };
    out.clear();
    edge.deliver(0, &answered, &Nobody, &mut out).unwrap();
    let is_told = |output: &Output| matches!(output, Output::Answered { number: 60, verdict: None, .. });
    assert!(out.iter().any(is_told), "{out:?}");
    out.clear();
    edge.left(&Nobody, &mut out);
    edge.joined(Some(1), 0, false, 1, &mut out);
    let asked =
        out.iter().filter_map(|output| if let Output::Ask(request) = output { Some(request.session.clone()) } else { None });
    assert_eq!(asked.collect::<Vec<_>>(), [other.session]);
}

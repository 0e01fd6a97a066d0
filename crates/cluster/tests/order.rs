//! One order per room: what is answered waits for what was proposed before it.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::collections::VecDeque;
use std::sync::Arc;

use conclave_cluster::codec::decode;
use conclave_cluster::shard::departure;
use conclave_cluster::{Frame, Output, Shard};
use conclave_muc::{Asked, Attachment, Context, Effect, Request, Service, Session, View};
use conclave_xmpp::{BareJid, Element, FullJid, Stanza, Timestamp, ns};

struct Bench {
    shard: Shard,
    room: BareJid,
    context: Context,
    log: VecDeque<Vec<u8>>,
    index: u64,
}

impl Bench {
    fn new() -> Bench {
        let service = Service {
            admins: Vec::new(),
            creation_restricted: false,
            occupants_max: 10,
            history_max: 10,
            groupchat_bytes_max: 1000,
            room_messages_per_second: 2,
            lock_milliseconds: 1000,
            secret: [0; 32],
        };
        let context = Context { now: Timestamp(1_000_000), service: Arc::new(service), rooms_full: false };
        Bench { shard: Shard::default(), room: BareJid::parse("r@c").unwrap(), context, log: VecDeque::new(), index: 0 }
    }

    /// Asks, keeps what is proposed, and returns what is delivered at once.
    fn ask(&mut self, who: &str, stanza: Element) -> Vec<String> {
        let what = Asked::Stanza(Stanza::from_element(stanza).unwrap());
        let request = Request { session: session(who), attachment: Attachment(0), number: 1, floor: 1, what };
        let mut out = Vec::new();
        self.shard.request(&self.room, &request, &self.context, &mut out);
        self.sort(out)
    }

    /// Commits the oldest proposal.
    fn commit(&mut self) -> Vec<String> {
        let entry = self.log.pop_front().expect("something is proposed");
        self.index += 1;
        let mut out = Vec::new();
        self.shard.committed(self.index, &entry, &mut out).unwrap();
        self.sort(out)
    }

    fn sort(&mut self, out: Vec<Output>) -> Vec<String> {
        let mut delivered = Vec::new();
        for output in out {
            match output {
                Output::Propose(entry) => self.log.push_back(entry),
                Output::Deliver(frame) => delivered.extend(sent(&frame)),
            }
        }
        delivered
    }
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
    let mut out = Vec::new();
    bench.shard.leave_all(&departure(session("bob"), 2, Vec::new()), &bench.context.clone(), &mut out);
    bench.sort(out);
    let left = bench.commit();
    assert!(left.last().unwrap().contains(" id='v' type='error'"), "{left:?}");
}

fn open() -> Element {
    let x = Element::new("x", ns::DATA).with("type", "submit");
    let query = Element::new("query", ns::MUC_OWNER).with_child(x);
    Element::new("iq", ns::CLIENT).with("to", "r@c").with("type", "set").with("id", "o").with_child(query)
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

fn session(who: &str) -> Session {
    Session { jid: FullJid::parse(&format!("{who}@h/1")).unwrap(), id: 1 }
}

/// The kinds of the stanzas of a frame.
fn sent(frame: &Frame) -> Vec<String> {
    let stanza = |effect: &Effect| match effect {
        Effect::Send { what, .. } => Some(format!("{:?}", what.encode(View::Plain))),
        Effect::Seat(_) => None,
    };
    frame.effects.iter().filter_map(stanza).collect()
}

fn join(nick: &str) -> Element {
    Element::new("presence", ns::CLIENT).with("to", &format!("r@c/{nick}")).with_child(Element::new("x", ns::MUC))
}

fn say(text: &str) -> Element {
    let body = Element::new("body", ns::CLIENT).with_text(text);
    Element::new("message", ns::CLIENT).with("to", "r@c").with("type", "groupchat").with_child(body)
}

fn ping() -> Element {
    let ping = Element::new("ping", ns::PING);
    Element::new("iq", ns::CLIENT).with("to", "r@c").with("type", "get").with("id", "p").with_child(ping)
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
    assert_eq!(bench.shard.in_flight(), 2, "the message is judged as by an occupant");
    bench.ask("bob", join("Bob"));
    assert_eq!(bench.shard.in_flight(), 2, "of two that create, one does");
    assert!(bench.commit().iter().any(|sent| sent.contains("code='201'")));
    assert!(bench.commit()[0].contains("already in"));
}

#[test]
fn a_session_leaves_every_room_in_which_it_sits_or_will() {
    let mut bench = Bench::new();
    bench.ask("ann", join("Ann"));
    let mut out = Vec::new();
    let context = bench.context.clone();
    bench.shard.leave_all(&departure(session("ann"), 2, Vec::new()), &context, &mut out);
    assert!(bench.sort(out).is_empty());
    bench.commit();
    assert!(bench.commit()[0].contains("type='unavailable'"));
    assert_eq!(bench.shard.room_count(), 0);
    let mut out = Vec::new();
    bench.shard.leave_all(&departure(session("ann"), 3, Vec::new()), &context, &mut out);
    assert_eq!(out, Vec::new());
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
    assert!(bench.shard.committed(1, b"\xff", &mut Vec::new()).is_err());
}

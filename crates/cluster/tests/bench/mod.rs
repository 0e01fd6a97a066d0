//! One replica that is at home, and a log that commits when it is told to.

#![allow(dead_code)] // each test file uses some of it
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::collections::VecDeque;
use std::sync::Arc;

use conclave_cluster::answer::{Answer, Verdict};
use conclave_cluster::home::{HomeSettings, Output};
use conclave_cluster::request::{Ask, Request};
use conclave_cluster::{Frame, Incarnation, Lives, Replica};
use conclave_muc::{Context, Effect, Service, Session, View};
use conclave_xmpp::{BareJid, Element, FullJid, Stanza, Timestamp, ns};

pub const HERE: Incarnation = Incarnation { node: 1, number: 1 };

/// One replica that is at home.
pub struct Bench {
    pub replica: Replica,
    pub room: BareJid,
    pub context: Context,
    pub log: VecDeque<Vec<u8>>,
    pub index: u64,
    pub number: u64,
}

impl Bench {
    pub fn new() -> Bench {
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
        let replica = Replica::new(HomeSettings { grace_ms: 1000, sessions_per_account_max: 10 });
        let room = BareJid::parse("r@c").unwrap();
        let mut bench = Bench { replica, room, context, log: VecDeque::new(), index: 0, number: 0 };
        let mut out = Vec::new();
        bench.replica.living(Lives::new([(HERE, true)], 1), &mut out);
        bench.replica.begin(HERE, Timestamp(1_000_000), &mut out);
        bench.sort(out);
        bench.commit();
        bench
    }

    /// Asks, keeps what is proposed, and returns what is delivered at once.
    pub fn ask(&mut self, who: &str, stanza: Element) -> Vec<String> {
        let ask = Ask::Room(self.room.clone(), Stanza::from_element(stanza).unwrap());
        self.put(who, ask)
    }

    /// Leaves all rooms.
    pub fn leave(&mut self, who: &str) -> Vec<String> {
        self.put(who, Ask::Gone(Vec::new()))
    }

    pub fn put(&mut self, who: &str, ask: Ask) -> Vec<String> {
        self.number += 1;
        let request = Request { session: session(who), number: self.number, floor: self.number, ask };
        self.repeat(&request)
    }

    /// The same by way of another edge.
    pub fn ask_by(&mut self, edge: Incarnation, who: &str, room: &str, stanza: Element) -> Vec<String> {
        let ask = Ask::Room(BareJid::parse(room).unwrap(), Stanza::from_element(stanza).unwrap());
        self.put_by(edge, session(who), ask)
    }

    /// The same, whatever it is.
    pub fn put_by(&mut self, edge: Incarnation, session: Session, ask: Ask) -> Vec<String> {
        self.number += 1;
        let request = Request { session, number: self.number, floor: self.number, ask };
        let mut out = Vec::new();
        self.replica.request(edge, &request, &self.context, &mut out);
        self.sort(out)
    }

    /// Meta says who lives.
    pub fn living(&mut self, lives: &[(u32, u32)]) {
        let newest = lives.iter().map(|(node, number)| (Incarnation { node: *node, number: *number }, true));
        let mut out = Vec::new();
        self.replica.living(Lives::new(newest, 9), &mut out);
        self.sort(out);
    }

    /// The home looks at its clock when every grace is over that began so far.
    pub fn after_grace(&mut self) {
        let mut out = Vec::new();
        self.replica.tick(5000, Timestamp(1_005_000), &mut out);
        self.sort(out);
    }

    /// All that is proposed is committed.
    pub fn commit_all(&mut self) -> Vec<String> {
        let mut delivered = Vec::new();
        while !self.log.is_empty() {
            delivered.extend(self.commit());
        }
        delivered
    }

    pub fn repeat(&mut self, request: &Request) -> Vec<String> {
        let mut out = Vec::new();
        self.replica.request(HERE, request, &self.context, &mut out);
        self.sort(out)
    }

    /// Commits the oldest proposal.
    pub fn commit(&mut self) -> Vec<String> {
        let entry = self.log.pop_front().expect("something is proposed");
        self.index += 1;
        let mut out = Vec::new();
        self.replica.committed(self.index, &entry, 0, &mut out).unwrap();
        self.sort(out)
    }

    /// Every barrier is passed at once.
    pub fn sort(&mut self, out: Vec<Output>) -> Vec<String> {
        let mut delivered = Vec::new();
        for output in out {
            match output {
                Output::Propose(entry) => self.log.push_back(entry),
                Output::Frame(frame) => delivered.extend(sent(&frame)),
                Output::Barrier => {
                    let mut out = Vec::new();
                    self.replica.barrier_ended(true, &mut out);
                    delivered.extend(self.sort(out));
                }
            }
        }
        delivered
    }
}

pub fn open() -> Element {
    let x = Element::new("x", ns::DATA).with("type", "submit");
    let query = Element::new("query", ns::MUC_OWNER).with_child(x);
    Element::new("iq", ns::CLIENT).with("to", "r@c").with("type", "set").with("id", "o").with_child(query)
}

pub fn session(who: &str) -> Session {
    let id = who.bytes().map(u64::from).sum();
    Session { jid: FullJid::parse(&format!("{who}@h/1")).unwrap(), id }
}

/// The kinds of the stanzas of a frame.
pub fn sent(frame: &Frame) -> Vec<String> {
    let stanza = |effect: &Effect| match effect {
        Effect::Send { what, .. } => Some(format!("{:?}", what.encode(View::Plain))),
        Effect::Seat(_) => None,
    };
    let reply = |answer: &Answer| match &answer.verdict {
        Verdict::Reply(reply) => Some(format!("{reply:?}")),
        _ => None,
    };
    let effects = frame.sections.iter().flat_map(|section| &section.effects).filter_map(|routed| stanza(&routed.effect));
    effects.chain(frame.answers.iter().filter_map(reply)).collect()
}

pub fn join(nick: &str) -> Element {
    Element::new("presence", ns::CLIENT).with("to", &format!("r@c/{nick}")).with_child(Element::new("x", ns::MUC))
}

pub fn say(text: &str) -> Element {
    let body = Element::new("body", ns::CLIENT).with_text(text);
    Element::new("message", ns::CLIENT).with("to", "r@c").with("type", "groupchat").with_child(body)
}

pub fn ping() -> Element {
    let ping = Element::new("ping", ns::PING);
    Element::new("iq", ns::CLIENT).with("to", "r@c").with("type", "get").with("id", "p").with_child(ping)
}

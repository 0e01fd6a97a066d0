//! A stage for one room: lines of `name: stanza` in, lines of `name < stanza` out, in the order of sending.

#![allow(dead_code, missing_docs, clippy::unwrap_used)] // each test file uses a part of it

use std::collections::BTreeMap;
use std::sync::Arc;

use conclave_muc::{
    Asked, Attachment, Audience, Change, Context, Effect, Entry, Origin, Outcome, Request, Room, Seats, Service, Session, View,
};
use conclave_xmpp::parser::{Event, Limits, NAMESPACES_MAX, Parser};
use conclave_xmpp::{BareJid, Encoded, FullJid, Stanza, Timestamp};

const LIMITS: Limits = Limits {
    stanza_bytes_max: 100_000,
    depth_max: 50,
    attributes_max: 50,
    namespaces_max: NAMESPACES_MAX,
    stream_bytes_max: None,
};

pub struct Stage {
    pub room: Room,
    pub now: Timestamp,
    pub service: Service,
    pub rooms_full: bool,
    seats: Seats<FullJid>,
    pub index: u64,
    ids: BTreeMap<String, u64>,
    places: BTreeMap<String, u64>,
    out: String,
}

impl Stage {
    pub fn new() -> Stage {
        let service = Service {
            admins: vec![BareJid::parse("admin@h").unwrap()],
            creation_restricted: false,
            occupants_max: 100,
            history_max: 50,
            groupchat_bytes_max: 2000,
            room_messages_per_second: 0,
            lock_milliseconds: 300_000,
            secret: [7; 32],
        };
        Stage {
            room: Room::absent(BareJid::parse("r@c").unwrap()),
            now: Timestamp(1_700_000_000_000),
            service,
            rooms_full: false,
            seats: Seats::default(),
            index: 0,
            ids: BTreeMap::new(),
            places: BTreeMap::new(),
            out: String::new(),
        }
    }

    /// A room that `owner` has entered as `Owner` and opened as it is.
    pub fn opened() -> Stage {
        let mut stage = Stage::new();
        stage.play(
            "owner: <presence to='r@c/Owner'><x xmlns='http://jabber.org/protocol/muc'/></presence>
             owner: <iq id='open' type='set' to='r@c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'/></query></iq>",
        );
        stage
    }

    /// Plays lines and returns what was sent because of them. `name/resource` names another session of the same account.
    pub fn play(&mut self, script: &str) -> String {
        for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (who, stanza) = line.split_once(": ").expect("name: stanza");
            match stanza {
                "DETACHED" => self.happen(Change::Detach { attachment: self.attachment(who) }),
                "LOST" => self.happen(Change::Lost { attachment: self.attachment(who) }),
                "EXPIRED" => self.expire(who),
                "REATTACHED" => {
                    self.places.insert(who.to_owned(), self.index + 100);
                    self.happen(Change::Reattach { session: self.session(who), attachment: self.attachment(who) });
                }
                // What follows comes from another connection, of a session that is not the one before.
                "ELSEWHERE" => {
                    self.places.insert(who.to_owned(), self.index + 100);
                    *self.ids.entry(who.to_owned()).or_insert(1) += 1;
                }
                "GONE" => self.ask(who, Asked::Gone { presence: Vec::new() }),
                "BOUND ANEW" => *self.ids.entry(who.to_owned()).or_insert(1) += 1,
                // What follows comes from the session that was bound before.
                "FORMER" => *self.ids.entry(who.to_owned()).or_insert(1) -= 1,
                stanza => self.ask(who, Asked::Stanza(parse(stanza))),
            }
        }
        std::mem::take(&mut self.out)
    }

    /// Something happens to the room that no session asked for.
    pub fn happen(&mut self, change: Change) {
        self.index += 1;
        let effects = self.room.apply(&Entry { index: self.index, time: self.now, origin: None, change });
        self.send(&effects);
    }

    /// The grace of a session is over; of one that is not detached, as of the last entry.
    fn expire(&mut self, who: &str) {
        let session = self.session(who);
        let since =
            self.room.detached().find(|detached| detached.session == session).map_or(self.index, |detached| detached.since);
        self.happen(Change::Expire { session, since });
    }

    /// The session of that name which speaks now.
    pub fn session(&self, who: &str) -> Session {
        Session { jid: full(who), id: self.ids.get(who).copied().unwrap_or(1) }
    }

    /// Where its connection is: everybody has a place of its own, named after the account, until it goes elsewhere.
    pub fn attachment(&self, who: &str) -> Attachment {
        let account = who.split('/').next().unwrap_or(who);
        let first = account.bytes().fold(0u64, |sum, byte| sum.wrapping_mul(256) + u64::from(byte));
        Attachment(self.places.get(who).copied().unwrap_or(first))
    }

    /// What follows comes from there.
    #[allow(dead_code)] // not every file of tests needs it
    pub fn go_to(&mut self, who: &str, place: Attachment) {
        self.places.insert(who.to_owned(), place.0);
    }

    fn ask(&mut self, who: &str, what: Asked) {
        let request = Request { session: self.session(who), attachment: self.attachment(who), number: 1, floor: 1, what };
        let context = Context { now: self.now, service: Arc::new(self.service.clone()), rooms_full: self.rooms_full };
        match self.room.decide(&request, &context) {
            Ok(Outcome::Log(change)) => {
                let iq = match &request.what {
                    Asked::Stanza(Stanza::Iq(iq)) => iq.head.id.clone(),
                    _ => None,
                };
                self.index += 1;
                let origin =
                    Some(Origin { session: request.session.clone(), attachment: request.attachment, number: 1, floor: 1, iq });
                let effects = self.room.apply(&Entry { index: self.index, time: self.now, origin, change });
                self.send(&effects);
            }
            Ok(Outcome::Send(effects)) => self.send(&effects),
            Ok(Outcome::Ask(iq)) => self.send(&[Effect::answer(&iq.asked, iq.stanza)]),
            Ok(Outcome::Answered { asker, answer, .. }) => self.send(&[Effect::answer(&asker, answer)]),
            Ok(Outcome::Nothing) => {}
            Err(refusal) => {
                let Asked::Stanza(stanza) = &request.what else { panic!("only stanzas are refused") };
                if let Some(reply) = stanza.error_reply(&refusal.to_error(self.room.jid())) {
                    self.write(&request.session.jid, &reply);
                }
            }
        }
    }

    fn send(&mut self, effects: &[Effect]) {
        for effect in effects {
            match effect {
                Effect::Seat(change) => self.seats.fold(change, |session| Some(session.jid.clone())),
                Effect::Send { to, what } => {
                    let mut receivers = Vec::new();
                    match to {
                        Audience::Session(session) if self.seats.get(session).is_none() => {
                            receivers.push((session.jid.clone(), View::Plain));
                        }
                        to => self.seats.each(to, what.shown_nick(), |jid, view| receivers.push((jid.clone(), view))),
                    }
                    for (jid, view) in receivers {
                        self.write(&jid, &what.encode(view));
                    }
                }
            }
        }
    }

    fn write(&mut self, to: &FullJid, stanza: &Encoded) {
        let name = to.as_str().replace("@h/1", "").replace("@h", "");
        let text = format!("{stanza:?}").replace(" to='TO'", "");
        self.out.push_str(&format!("{name} < {}\n", shortened(&text)));
    }
}

/// The stanza without what is the same in all of them.
fn shortened(text: &str) -> String {
    let mut text = text
        .replace(" xmlns='http://jabber.org/protocol/muc#", " #='")
        .replace(" xmlns='http://jabber.org/protocol/muc'", " #='muc'")
        .replace(" xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'", "");
    while let Some(start) = text.find("<occupant-id ") {
        let end = start + text[start..].find("/>").unwrap() + 2;
        text.replace_range(start..end, "");
    }
    text
}

fn full(who: &str) -> FullJid {
    let jid = match who.split_once('/') {
        Some((account, resource)) => format!("{account}@h/{resource}"),
        None => format!("{who}@h/1"),
    };
    FullJid::parse(&jid).unwrap()
}

fn parse(stanza: &str) -> Stanza {
    let mut parser = Parser::new(LIMITS);
    parser.push(b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
    parser.push(stanza.as_bytes());
    loop {
        match parser.next().expect(stanza) {
            Some(Event::Element(element)) => return Stanza::from_element(element).expect(stanza),
            Some(_) => {}
            None => panic!("incomplete: {stanza}"),
        }
    }
}

/// What makes a presence a join.
pub const JOIN: &str = "<x xmlns='http://jabber.org/protocol/muc'/>";

pub fn join(who: &str, nick: &str) -> String {
    format!("{who}: <presence to='r@c/{nick}'>{JOIN}</presence>\n")
}

pub fn configure(fields: &[(&str, &str)]) -> String {
    let field = |(var, value): &(&str, &str)| format!("<field var='{var}'><value>{value}</value></field>");
    let fields: String = fields.iter().map(field).collect();
    format!(
        "owner: <iq id='c' type='set' to='r@c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>{fields}</x></query></iq>\n"
    )
}

pub fn admin(who: &str, items: &str) -> String {
    format!("{who}: <iq id='a' type='set' to='r@c'><query xmlns='http://jabber.org/protocol/muc#admin'>{items}</query></iq>\n")
}

pub fn list(who: &str, item: &str) -> String {
    format!("{who}: <iq id='l' type='get' to='r@c'><query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query></iq>\n")
}

/// Plays a script and compares everything that was sent.
#[track_caller]
pub fn check(stage: &mut Stage, script: &str, expected: &expect_test::Expect) {
    expected.assert_eq(&stage.play(script));
}

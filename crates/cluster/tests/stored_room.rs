//! A room that was kept and read again is the room that it was: it has the same records, decides alike, and everything that follows from it is
//! the same to the letter.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::collections::BTreeMap;
use std::sync::Arc;

use conclave_cluster::stored_room::{changes, read, records};
use conclave_muc::{Asked, Attachment, Change, Context, Entry, Origin, Outcome, Request, Room, Service, Session};
use conclave_xmpp::parser::{Event, Limits, NAMESPACES_MAX, Parser};
use conclave_xmpp::{BareJid, FullJid, Stanza, Timestamp};
use proptest::prelude::*;

type Records = BTreeMap<Vec<u8>, Vec<u8>>;

const ROOM: &str = "r@c";
const JOIN: &str = "<x xmlns='http://jabber.org/protocol/muc'/>";

fn bare(text: &str) -> BareJid {
    BareJid::parse(text).unwrap()
}

/// A room, its records as they were changed step by step, and a second room that is read from them before each step.
struct Kept {
    jid: BareJid,
    room: Room,
    records: Records,
    index: u64,
}

impl Kept {
    fn new(jid: &str) -> Kept {
        Kept { jid: bare(jid), room: Room::absent(bare(jid)), records: Records::new(), index: 0 }
    }

    fn reread(&self) -> Room {
        let mut rooms = read(self.records.iter().map(|(key, value)| (&key[..], &value[..]))).unwrap();
        let room = rooms.remove(&self.jid).unwrap_or_else(|| Room::absent(self.jid.clone()));
        assert!(rooms.is_empty());
        room
    }

    fn ask(&mut self, session: Session, attachment: Attachment, what: Asked) {
        let request = Request { session: session.clone(), attachment, number: 1, floor: 1, what };
        let context = Context { now: Timestamp(1_700_000_000_000 + self.index), service: service(), rooms_full: false };
        let decided = self.room.decide(&request, &context);
        assert_eq!(self.reread().decide(&request, &context), decided);
        if let Ok(Outcome::Log(change)) = decided {
            let iq = match &request.what {
                Asked::Stanza(Stanza::Iq(iq)) => iq.head.id.clone(),
                _ => None,
            };
            self.happen(Some(Origin { session, attachment, number: 1, floor: 1, iq }), change);
        }
    }

    fn happen(&mut self, origin: Option<Origin>, change: Change) {
        self.index += 1;
        let entry = Entry { index: self.index, time: Timestamp(1_700_000_000_000 + self.index), origin, change };
        let (before, mut reread) = (self.room.clone(), self.reread());
        let effects = self.room.apply(&entry);
        assert_eq!(reread.apply(&entry), effects);
        for (key, value) in changes(Some(&before), Some(&self.room)) {
            assert!(key.len() <= 1024 && key.starts_with(b"room/"));
            match value {
                Some(value) => drop(self.records.insert(key, value)),
                None => assert!(self.records.remove(&key).is_some(), "what was never kept is taken away"),
            }
        }
        assert_eq!(self.records, records(&self.room).into_iter().collect());
        assert_eq!(self.records, records(&reread).into_iter().collect());
    }
}

fn service() -> Arc<Service> {
    Arc::new(Service {
        admins: Vec::new(),
        creation_restricted: false,
        occupants_max: 100,
        history_max: 50,
        groupchat_bytes_max: 2000,
        room_messages_per_second: 0,
        lock_milliseconds: 300_000,
        secret: [7; 32],
    })
}

fn parse(stanza: &str) -> Stanza {
    let limits = Limits {
        stanza_bytes_max: 100_000,
        depth_max: 50,
        attributes_max: 50,
        namespaces_max: NAMESPACES_MAX,
        stream_bytes_max: None,
    };
    let mut parser = Parser::new(limits);
    parser.push(b"<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'>");
    parser.push(stanza.as_bytes());
    loop {
        match parser.next().unwrap() {
            Some(Event::Element(element)) => return Stanza::from_element(element).unwrap(),
            Some(_) => {}
            None => panic!("incomplete: {stanza}"),
        }
    }
}

fn form(namespace: &str, form: &str, fields: &str) -> String {
    format!(
        "<iq id='i' type='set' to='{ROOM}'><query xmlns='{namespace}'><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#{form}</value></field>{fields}</x></query></iq>"
    )
}

fn field(var: &str, value: &str) -> String {
    let fields = format!("<field var='muc#roomconfig_{var}'><value>{value}</value></field>");
    form("http://jabber.org/protocol/muc#owner", "roomconfig", &fields)
}

fn admin(item: &str) -> String {
    format!("<iq id='a' type='set' to='{ROOM}'><query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query></iq>")
}

/// What the first who comes and others may say. Most of it needs a rank that only some have, so it is refused now and then.
fn stanza() -> impl Strategy<Value = String> {
    let nick = prop::sample::select(vec!["Ann", "Bob", "Eve"]);
    let who = prop::sample::select(vec!["a@h", "b@h", "e@h", "h"]);
    let text = prop::sample::select(vec!["", "hi", "a&lt;b", "so long"]);
    let affiliation = prop::sample::select(vec!["outcast", "none", "member", "admin", "owner"]);
    let role = prop::sample::select(vec!["none", "visitor", "participant", "moderator"]);
    let setting = prop::sample::select(vec![
        ("persistentroom", "1"),
        ("persistentroom", "0"),
        ("whois", "anyone"),
        ("whois", "moderators"),
        ("presencebroadcast", "moderator"),
        ("presencebroadcast", "none"),
        ("membersonly", "0"),
        ("membersonly", "1"),
        ("historylength", "2"),
        ("historylength", "30"),
        ("roomname", "Den"),
        ("changesubject", "1"),
        ("reservednick", "1"),
        ("publicroom", "1"),
    ]);
    prop_oneof![
        6 => (nick.clone(), text.clone()).prop_map(|(nick, text)| {
            format!("<presence to='{ROOM}/{nick}'>{JOIN}<status>{text}</status></presence>")
        }),
        2 => (nick.clone(), text.clone())
            .prop_map(|(nick, text)| format!("<presence to='{ROOM}/{nick}'><status>{text}</status></presence>")),
        1 => nick.clone().prop_map(|nick| format!("<presence to='{ROOM}/{nick}' type='unavailable'/>")),
        4 => text.clone().prop_map(|text| {
            format!("<message to='{ROOM}' type='groupchat' id='m' xml:lang='de'><body>{text}</body></message>")
        }),
        1 => text.clone().prop_map(|text| format!("<message to='{ROOM}' type='groupchat'><subject>{text}</subject></message>")),
        1 => nick.clone().prop_map(|nick| format!("<message to='{ROOM}/{nick}' type='chat'><body>psst</body></message>")),
        1 => (nick.clone(), role).prop_map(|(nick, role)| admin(&format!("<item nick='{nick}' role='{role}'/>"))),
        2 => (who.clone(), affiliation.clone(), nick.clone(), text).prop_map(|(jid, affiliation, nick, text)| admin(&format!(
            "<item jid='{jid}' affiliation='{affiliation}' nick='{nick}'><reason>{text}</reason></item>"
        ))),
        1 => (who, affiliation).prop_map(|(jid, affiliation)| admin(&format!("<item jid='{jid}' affiliation='{affiliation}'/>"))),
        1 => nick.prop_map(|nick| form(
            "jabber:iq:register",
            "register",
            &format!("<field var='muc#register_roomnick'><value>{nick}</value></field>"),
        )),
        2 => prop::sample::select(vec!["member", "outcast"]).prop_map(|affiliation| {
            admin(&format!("<item affiliation='{affiliation}'/>")).replace("type='set'", "type='get'")
        }),
        2 => Just(format!("<iq id='q' type='get' to='{ROOM}'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>")),
        1 => Just(format!("<iq id='u' type='set' to='{ROOM}'><query xmlns='jabber:iq:register'><remove/></query></iq>")),
        3 => setting.prop_map(|(var, value)| field(var, value)),
        1 => Just(format!("<iq id='d' type='set' to='{ROOM}'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>")),
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Says { who: usize, stanza: String },
    BoundAnew { who: usize },
    Gone { who: usize },
    Detach { place: u64 },
    Reattach { who: usize, place: u64 },
    Expire { oldest: bool },
    Lost { place: u64 },
}

const SESSIONS: [&str; 5] = ["a@h/1", "a@h/2", "b@h/1", "b@h/2", "e@h/1"];

fn step() -> impl Strategy<Value = Step> {
    let (who, place) = (0..SESSIONS.len(), 0..3u64);
    prop_oneof![
        20 => (who.clone(), stanza()).prop_map(|(who, stanza)| Step::Says { who, stanza }),
        1 => who.clone().prop_map(|who| Step::BoundAnew { who }),
        1 => who.clone().prop_map(|who| Step::Gone { who }),
        2 => place.clone().prop_map(|place| Step::Detach { place }),
        1 => (who, place.clone()).prop_map(|(who, place)| Step::Reattach { who, place }),
        1 => any::<bool>().prop_map(|oldest| Step::Expire { oldest }),
        1 => place.prop_map(|place| Step::Lost { place }),
    ]
}

/// A room that is open, for one that is locked takes little.
fn opened() -> Kept {
    let mut kept = Kept::new(ROOM);
    says(&mut kept, "a@h/1", &format!("<presence to='{ROOM}/Ann'>{JOIN}</presence>"));
    says(&mut kept, "a@h/1", &field("roomname", "Burrow"));
    kept
}

fn play(kept: &mut Kept, steps: Vec<Step>) {
    let mut ids = [1u64; SESSIONS.len()];
    let session = |ids: &[u64], who: usize| Session { jid: FullJid::parse(SESSIONS[who]).unwrap(), id: ids[who] };
    let place = |who: usize, ids: &[u64]| Attachment((who as u64 + ids[who]) % 3);
    for step in steps {
        match step {
            Step::Says { who, stanza } => kept.ask(session(&ids, who), place(who, &ids), Asked::Stanza(parse(&stanza))),
            Step::Gone { who } => kept.ask(session(&ids, who), place(who, &ids), Asked::Gone { presence: Vec::new() }),
            Step::BoundAnew { who } => ids[who] += 1,
            Step::Detach { place } => kept.happen(None, Change::Detach { attachment: Attachment(place) }),
            Step::Lost { place } => kept.happen(None, Change::Lost { attachment: Attachment(place) }),
            Step::Reattach { who, place } => {
                kept.happen(None, Change::Reattach { session: session(&ids, who), attachment: Attachment(place) });
            }
            Step::Expire { oldest } => {
                let by_age = |detached: &conclave_muc::Detached| if oldest { detached.since } else { u64::MAX - detached.since };
                if let Some(detached) = kept.room.detached().min_by_key(by_age) {
                    kept.happen(None, Change::Expire { session: detached.session, since: detached.since });
                }
            }
        }
    }
}

proptest! {
    #[test]
    fn a_room_is_what_its_records_say(steps in prop::collection::vec(step(), 1..60)) {
        play(&mut opened(), steps);
    }

    #[test]
    fn changes_over_many_entries_are_enough(steps in prop::collection::vec(step(), 2..60), cut: prop::sample::Index) {
        let (mut kept, cut) = (opened(), cut.index(steps.len()));
        play(&mut kept, steps[..cut].to_vec());
        let (before, mut stored) = (kept.room.clone(), kept.records.clone());
        play(&mut kept, steps[cut..].to_vec());
        for (key, value) in changes(Some(&before), Some(&kept.room)) {
            match value {
                Some(value) => drop(stored.insert(key, value)),
                None => drop(stored.remove(&key)),
            }
        }
        prop_assert_eq!(stored, kept.records);
    }

    #[test]
    fn no_bytes_make_it_panic(part in "(head|subject|affiliate/x|occupant/x|history/x|other)", value: Vec<u8>) {
        let key = format!("room/{ROOM}\0{part}");
        let _ = read([(key.as_bytes(), &value[..])].into_iter());
    }
}

fn says(kept: &mut Kept, jid: &str, stanza: &str) {
    let session = Session { jid: FullJid::parse(jid).unwrap(), id: 1 };
    kept.ask(session, Attachment(1), Asked::Stanza(parse(stanza)));
}

#[test]
fn a_message_rewrites_nothing_but_itself() {
    let mut kept = Kept::new(ROOM);
    says(&mut kept, "a@h/1", &format!("<presence to='{ROOM}/Ann'>{JOIN}</presence>"));
    says(&mut kept, "a@h/1", &field("historylength", "2"));
    let hi = format!("<message to='{ROOM}' type='groupchat'><body>hi</body></message>");
    for _ in 0..3 {
        says(&mut kept, "a@h/1", &hi);
    }
    let before = kept.room.clone();
    assert_eq!(changes(Some(&before), Some(&kept.room)), []);
    says(&mut kept, "a@h/1", &hi);
    let keys: Vec<(String, bool)> = changes(Some(&before), Some(&kept.room))
        .into_iter()
        .map(|(key, value)| (String::from_utf8(key).unwrap(), value.is_some()))
        .collect();
    let key = |part: &str| format!("room/{ROOM}\0history/{part}");
    assert_eq!(keys, [(key("0000000000000004"), false), (key("0000000000000006"), true)]);
}

#[test]
fn the_longest_addresses_have_keys_that_the_store_takes() {
    // Each part of an address has at most 1023 bytes (RFC 7622 §3.1).
    let local = "l".repeat(1023);
    let mut kept = Kept::new(&format!("{local}@c"));
    let nick = "n".repeat(1023);
    says(&mut kept, &format!("{local}@h/{nick}"), &format!("<presence to='{local}@c/{nick}'>{JOIN}</presence>"));
    assert_eq!((kept.records.len(), kept.reread().occupant_count()), (3, 1));
    // Names that stand for themselves and names that do not are told apart, and so are rooms.
    let mut other = Kept::new(&format!("{local}@d"));
    says(&mut other, "a@h/1", &format!("<presence to='{local}@d/{nick}'>{JOIN}</presence>"));
    kept.records.append(&mut other.records);
    let rooms = read(kept.records.iter().map(|(key, value)| (&key[..], &value[..]))).unwrap();
    assert_eq!(rooms.into_keys().collect::<Vec<_>>(), [kept.jid, other.jid]);
}

#[test]
fn records_of_others_are_passed_over_and_damage_is_said() {
    let records: [(&[u8], &[u8]); 2] = [(b"head", b"\xff"), (b"session/x", b"\xff")];
    assert!(read(records.into_iter()).unwrap().is_empty());
    for (key, value, said) in [
        (&b"room/r@c"[..], &b""[..], "the end of a room's address"),
        (b"room/r@c\0subject", b"", "the head of a room"),
        (b"room/r@c\0colour", b"", "a part of a room that is known"),
        (b"room/r@c\0head", b"\x0a\x03r@c", "a choice of private messages"),
        (b"room/r@c\0occupant/x", b"\x18\x01", "a session of an occupant"),
        (b"room/r@c\0affiliate/x", b"", "an affiliation that is known"),
    ] {
        let error = read([(key, value)].into_iter()).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}

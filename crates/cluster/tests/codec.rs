//! Every kind of entry comes back from its bytes as it was, and a request that does not is answered.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use conclave_cluster::Incarnation;
use conclave_cluster::codec::{decode, encode};
use conclave_cluster::delivery_codec::ToHome;
use conclave_cluster::entry::{ShardChange, ShardEntry};
use conclave_cluster::request::{Ask, Request};
use conclave_muc::change::*;
use conclave_muc::config::{AllowPm, PresenceBroadcast};
use conclave_muc::{Affiliation, Attachment, Change, Origin, Role, RoomConfig, Seat, Session};
use conclave_xmpp::{BareJid, Element, Fragment, FullJid, Jid, MessageKind, Nick, Stanza, Timestamp, ns};

fn bare(text: &str) -> BareJid {
    BareJid::parse(text).unwrap()
}

fn session() -> Session {
    Session { jid: FullJid::parse("ann@h/phone").unwrap(), id: u64::MAX }
}

fn nick(text: &str) -> Nick {
    Nick::parse(text).unwrap()
}

fn fragment(text: &str) -> Fragment {
    Fragment::of([&Element::new("status", ns::CLIENT).with_text(text)])
}

fn seat() -> Seat {
    Seat { session: session(), attachment: Attachment(9), detached: None, presence: fragment("a<b") }
}

fn said(historic: bool) -> Said {
    Said { nick: nick("Ann"), id: Some("1".into()), lang: Some("de".into()), content: fragment("hi"), historic }
}

/// Every field differs from its default.
fn config() -> RoomConfig {
    RoomConfig {
        name: "Den".into(),
        description: "of foxes".into(),
        lang: "en".into(),
        public: true,
        persistent: true,
        members_only: true,
        moderated: true,
        secret: Some("sesame".into()),
        non_anonymous: true,
        change_subject: true,
        allow_invites: true,
        allow_pm: AllowPm::Affiliated,
        presence_broadcast: PresenceBroadcast { moderator: false, participant: false, visitor: false, none: true },
        member_list: vec![Role::Visitor, Role::Moderator],
        max_users: 7,
        history_length: 8,
        default_history: 9,
        archiving: false,
        enforce_nick: true,
    }
}

fn changes() -> Vec<Change> {
    let creation = Creation { config: config(), occupant_key: [5; 32] };
    let join = Join {
        seat: seat(),
        nick: nick("Ann"),
        role: Role::Visitor,
        renamed: true,
        replaces: FullJid::parse("ann@h/desk").ok(),
        history: HistoryWish { chars: Some(1), stanzas: Some(0), since: Some(Timestamp(3)) },
        creation: Some(Box::new(creation)),
    };
    let plain_join = Join { history: HistoryWish::default(), creation: None, renamed: false, role: Role::None, ..join.clone() };
    let affiliation = |jid, affiliation| Item::Affiliation {
        jid: bare(jid),
        affiliation,
        nick: None,
        reason: None,
        evicted: None,
        roles: Vec::new(),
    };
    let configure = |config, removed| Change::Configure(Configuration { config: Box::new(config), removed });
    let items = vec![
        Item::Role { nick: nick("Bob"), role: Role::Moderator, reason: None },
        Item::Role { nick: nick("Bob"), role: Role::Participant, reason: Some(String::new()) },
        affiliation("h", Affiliation::Outcast),
        affiliation("a@h", Affiliation::None),
        affiliation("a@h", Affiliation::Member),
        affiliation("a@h", Affiliation::Admin),
        Item::Affiliation {
            jid: bare("a@h"),
            affiliation: Affiliation::Owner,
            nick: Some(nick("A")),
            reason: Some("why".into()),
            evicted: Some(nick("A")),
            roles: vec![(nick("Ann"), Role::None), (nick("Bob"), Role::Participant)],
        },
    ];
    let moderation = Moderation { actor: Some(Actor { nick: Some(nick("Ann")), jid: session().jid }), items };
    let private = |kind| Private { from: nick("A"), to: nick("B"), kind, id: None, lang: None, content: fragment("psst") };
    let end = Destruction { alternate: Some(bare("s@c")), password: Some("p".into()), reason: Some("r".into()) };
    let allow = |allow_pm| configure(RoomConfig { allow_pm, secret: None, ..RoomConfig::default() }, Vec::new());
    vec![
        Change::Join(join),
        Change::Join(plain_join),
        Change::Leave(Leave { session: session(), presence: fragment("bye"), failed: true }),
        Change::Leave(Leave { session: session(), presence: Fragment::default(), failed: false }),
        Change::Presence(seat()),
        Change::Rename(Rename { seat: seat(), from: nick("A"), to: nick("B") }),
        Change::Message(said(true)),
        Change::Message(Said { id: None, lang: None, ..said(false) }),
        Change::Subject { said: said(false), text: "news".into() },
        Change::Private(private(MessageKind::Normal)),
        Change::Private(private(MessageKind::Chat)),
        Change::Private(private(MessageKind::Headline)),
        Change::Moderate(Moderation { actor: None, ..moderation.clone() }),
        Change::Moderate(Moderation { actor: Some(Actor { nick: None, jid: session().jid }), items: Vec::new() }),
        Change::Moderate(moderation),
        Change::Register { jid: bare("a@h"), nick: nick("A"), affiliation: Affiliation::Member },
        Change::Unregister { jid: bare("a@h") },
        configure(config(), vec![nick("A"), nick("B")]),
        allow(AllowPm::Anyone),
        allow(AllowPm::Participants),
        allow(AllowPm::Moderators),
        allow(AllowPm::Nobody),
        Change::Destroy(end),
        Change::Destroy(Destruction::default()),
        Change::Detach { attachment: Attachment(u64::MAX) },
        Change::Reattach { session: session(), attachment: Attachment(3) },
        Change::Expire { session: session(), since: 77 },
        Change::Lost { attachment: Attachment(4) },
    ]
}

fn entry(change: ShardChange) -> ShardEntry {
    ShardEntry { time: Timestamp(1_700_000_000_123), epoch: 5, number: 7, acknowledged: 6, change }
}

#[test]
fn entries_survive_their_encoding() {
    let origin = |iq: Option<&str>| Origin {
        session: session(),
        attachment: Attachment(1 << 32 | 2),
        number: 12,
        floor: 11,
        iq: iq.map(Into::into),
    };
    for change in changes() {
        for origin in [None, Some(origin(None)), Some(origin(Some("id")))] {
            let entry = entry(ShardChange::Room { room: bare("r@c"), origin, change: change.clone() });
            assert_eq!(decode(&encode(&entry)).as_ref(), Ok(&entry));
        }
    }
}

#[test]
fn entries_of_the_shard_itself_do_as_well() {
    for change in [
        ShardChange::Activate { home: Incarnation { node: 3, number: 4 }, office: 5 },
        ShardChange::Ended(Attachment(6)),
        ShardChange::Lost(Attachment(7)),
        ShardChange::Moved { from: Attachment(8), to: Attachment(9) },
    ] {
        let entry = entry(change);
        assert_eq!(decode(&encode(&entry)).as_ref(), Ok(&entry));
    }
}

#[test]
fn what_is_no_entry_is_refused_and_never_guessed() {
    for bytes in [&b""[..], b"\xff", b"\x12\x03r@c", b"\x12\x03r@c\x52\x00"] {
        let error = decode(bytes).unwrap_err().to_string();
        assert!(error.starts_with("what was stored or said cannot be read: "), "{error}");
    }
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_it_panic(bytes: Vec<u8>) {
        let _ = decode(&bytes);
    }
}

#[test]
fn what_is_asked_of_every_shard_is_read_as_it_was_said() {
    let session = Session { jid: FullJid::parse("h/node").unwrap(), id: 7 };
    for ask in [Ask::EdgeEnds, Ask::Listings, Ask::Rooms(None), Ask::Rooms(Some(BareJid::parse("r@c").unwrap()))] {
        let request = ToHome::Request(Box::new(Request { session: session.clone(), number: 3, floor: 2, ask }));
        assert_eq!(ToHome::decode(&request.encode()), Ok(request));
    }
}

#[test]
fn a_request_that_cannot_be_read_is_known_by_session_and_number() {
    let session = Session { jid: FullJid::parse("a@h/1").unwrap(), id: 7 };
    let text = "<message xmlns='jabber:client' to='b@h'><body>good</body></message>";
    let ask = Ask::User(Jid::parse("b@h").unwrap(), Stanza::from_text(text.as_bytes()).unwrap());
    let request = Request { session: session.clone(), number: 3, floor: 2, ask };
    let mut bytes = ToHome::Request(Box::new(request)).encode();
    let at = bytes.windows(6).position(|six| six == b"<body>").unwrap();
    bytes[at] = b'>';
    let unreadable = Request { session, number: 3, floor: 2, ask: Ask::Unreadable };
    assert_eq!(ToHome::decode(&bytes), Ok(ToHome::Request(Box::new(unreadable))));
}

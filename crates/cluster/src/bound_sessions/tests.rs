use conclave_muc::{Attachment, Session};
use conclave_xmpp::{BareJid, Element, Encoded, FullJid, Jid, Stanza, ns};
use expect_test::expect;
use proptest::prelude::*;

use super::codec::{decode_change, encode_change};
use super::*;
use crate::Incarnation;

fn session(jid: &str, id: u64) -> Session {
    Session { jid: FullJid::parse(jid).unwrap(), id }
}

fn bind(jid: &str, id: u64, attachment: u64) -> SessionRequest {
    SessionRequest::Bind { session: session(jid, id), attachment: Attachment(attachment) }
}

fn presence(jid: &str, id: u64, priority: Option<i8>) -> SessionRequest {
    SessionRequest::Presence { session: session(jid, id), priority }
}

fn unbind(jid: &str, id: u64) -> SessionRequest {
    SessionRequest::Unbind { session: session(jid, id) }
}

/// Decides and folds, one request after the other.
fn after(requests: &[SessionRequest]) -> BoundSessions {
    let mut sessions = BoundSessions::default();
    for request in requests {
        if let Some(change) = sessions.decide(request, usize::MAX).unwrap() {
            sessions.apply(&change);
        }
    }
    sessions
}

/// One line a session: JID, id, attachment, priority.
fn shown(sessions: &BoundSessions) -> String {
    let line = |bound: &BoundSession| {
        let priority = bound.priority.map_or("-".to_owned(), |priority| priority.to_string());
        format!("{} #{} @{} {priority}\n", bound.session.jid, bound.session.id, bound.attachment.0)
    };
    sessions.iter().map(line).collect()
}

fn stanza(name: &str, kind: Option<&str>) -> Stanza {
    let mut element = Element::new(name, ns::CLIENT).with("id", "1");
    if let Some(kind) = kind {
        element = element.with("type", kind);
    }
    if name == "iq" {
        element = element.with_child(Element::new("ping", ns::PING));
    }
    Stanza::from_element(element).unwrap()
}

const KINDS: &[(&str, Option<&str>)] = &[
    ("message", None),
    ("message", Some("chat")),
    ("message", Some("headline")),
    ("message", Some("groupchat")),
    ("message", Some("error")),
    ("presence", None),
    ("presence", Some("unavailable")),
    ("presence", Some("subscribe")),
    ("presence", Some("probe")),
    ("presence", Some("error")),
    ("iq", Some("get")),
    ("iq", Some("set")),
    ("iq", Some("result")),
    ("iq", Some("error")),
];

/// For each kind of stanza: who receives it at each of the addresses, or what its sender gets (`!` an error, `.` nothing).
fn routes(sessions: &BoundSessions, addresses: &[&str]) -> String {
    let mut out = String::new();
    for (name, kind) in KINDS {
        let stanza = stanza(name, *kind);
        out += &format!("{:<22}", format!("{name} {}", kind.unwrap_or("")));
        for address in addresses {
            let receivers = sessions.receivers(&Jid::parse(address).unwrap(), &stanza);
            let names: Vec<&str> = receivers.iter().filter_map(|bound| bound.session.jid.resource()).collect();
            let cell = match BoundSessions::unreachable(&stanza) {
                _ if !names.is_empty() => names.join(" "),
                Some(_) => "!".to_owned(),
                None => ".".to_owned(),
            };
            out += &format!("| {cell:<14}");
        }
        out.truncate(out.trim_end().len());
        out.push('\n');
    }
    out
}

#[test]
fn stanzas_reach_the_sessions_that_they_are_for() {
    let (minus, one, none, zero) = ("ada@h/minus", "ada@h/one", "ada@h/none", "ada@h/zero");
    let sessions = after(&[
        bind(minus, 1, 1),
        bind(one, 2, 1),
        bind(none, 3, 2),
        bind(zero, 4, 2),
        presence(minus, 1, Some(-1)),
        presence(one, 2, Some(1)),
        presence(zero, 4, Some(0)),
        // Its neighbours in the order of addresses receive nothing of hers.
        bind("ada-b@h/other", 5, 1),
        presence("ada-b@h/other", 5, Some(0)),
        bind("ada@h-b/other", 6, 1),
        presence("ada@h-b/other", 6, Some(0)),
    ]);
    // The columns: the account, a session of negative priority, one that is unavailable, one that is not there.
    expect![[r#"
        message               | one zero      | minus         | none          | one zero
        message chat          | one zero      | minus         | none          | one zero
        message headline      | one zero      | minus         | none          | .
        message groupchat     | !             | minus         | none          | !
        message error         | .             | minus         | none          | .
        presence              | minus one zero| minus         | none          | .
        presence unavailable  | minus one zero| minus         | none          | .
        presence subscribe    | .             | minus         | none          | .
        presence probe        | .             | minus         | none          | .
        presence error        | .             | minus         | none          | .
        iq get                | !             | minus         | none          | !
        iq set                | !             | minus         | none          | !
        iq result             | .             | minus         | none          | .
        iq error              | .             | minus         | none          | .
    "#]]
    .assert_eq(&routes(&sessions, &["ada@h", minus, none, "ada@h/gone"]));
}

#[test]
fn sessions_that_take_no_messages_receive_none_of_the_account() {
    let unavailable = after(&[bind("ada@h/none", 1, 1), presence("ada@h/none", 1, Some(5)), presence("ada@h/none", 1, None)]);
    let negative = after(&[bind("ada@h/minus", 1, 1), presence("ada@h/minus", 1, Some(i8::MIN))]);
    let text =
        |sessions: &BoundSessions| routes(sessions, &["ada@h", "ada@h/gone"]).lines().take(6).collect::<Vec<_>>().join("\n");
    expect![[r#"
        message               | !             | !
        message chat          | !             | !
        message headline      | .             | .
        message groupchat     | !             | !
        message error         | .             | .
        presence              | .             | ."#]]
    .assert_eq(&text(&after(&[])));
    assert_eq!(text(&unavailable), text(&after(&[])));
    expect![[r#"
        message               | !             | !
        message chat          | !             | !
        message headline      | .             | .
        message groupchat     | !             | !
        message error         | .             | .
        presence              | minus         | ."#]]
    .assert_eq(&text(&negative));
}

/// Rooms, which have other logs, tell by the ids which of two came later.
#[test]
fn whoever_takes_a_resource_over_has_a_higher_id() {
    let mut sessions = after(&[bind("ada@h/a", 9, 2)]);
    assert_eq!(sessions.decide(&bind("ada@h/a", 5, 1), usize::MAX), Err(SessionRefusal::Behind(9)));
    let later = sessions.decide(&bind("ada@h/a", 10, 1), usize::MAX).unwrap().unwrap();
    assert_eq!(sessions.apply(&later).len(), 1);
}

#[test]
fn a_resource_has_one_holder_and_the_later_one_wins() {
    // What is bound, who asks, what is decided, and who is told that it was replaced.
    let cases = [
        ("free", vec![], bind("ada@h/a", 5, 1)),
        ("another resource", vec![bind("ada@h/b", 4, 1)], bind("ada@h/a", 5, 1)),
        ("held here", vec![bind("ada@h/a", 4, 1)], bind("ada@h/a", 5, 1)),
        ("held elsewhere", vec![bind("ada@h/a", 4, 2)], bind("ada@h/a", 5, 1)),
        ("held by itself", vec![bind("ada@h/a", 5, 1)], bind("ada@h/a", 5, 1)),
        ("held by itself from elsewhere", vec![bind("ada@h/a", 5, 2), presence("ada@h/a", 5, Some(1))], bind("ada@h/a", 5, 1)),
    ];
    let mut text = String::new();
    for (name, before, request) in cases {
        let mut sessions = after(&before);
        let change = sessions.decide(&request, usize::MAX).unwrap();
        let told = change.as_ref().map(|change| sessions.apply(change)).unwrap_or_default();
        if let Some(SessionChange::Bound { replaces, .. }) = &change {
            assert_eq!(told, replaces.clone().into_iter().collect::<Vec<_>>(), "{name}: the log says who is told");
        }
        let told: Vec<String> = told.iter().map(|told| format!("#{} @{}", told.session.id, told.attachment.0)).collect();
        text +=
            &format!("{name}: {}, told: {told:?}\n{}", if change.is_some() { "changed" } else { "as it is" }, shown(&sessions));
    }
    expect![[r##"
        free: changed, told: []
        ada@h/a #5 @1 -
        another resource: changed, told: []
        ada@h/a #5 @1 -
        ada@h/b #4 @1 -
        held here: changed, told: ["#4 @1"]
        ada@h/a #5 @1 -
        held elsewhere: changed, told: ["#4 @2"]
        ada@h/a #5 @1 -
        held by itself: as it is, told: []
        ada@h/a #5 @1 -
        held by itself from elsewhere: changed, told: []
        ada@h/a #5 @1 1
    "##]]
    .assert_eq(&text);
}

#[test]
fn a_session_that_was_replaced_changes_nothing_any_more() {
    let sessions = after(&[bind("ada@h/a", 1, 1), bind("ada@h/a", 2, 2), presence("ada@h/a", 2, Some(3))]);
    for request in [
        unbind("ada@h/a", 1),
        unbind("ada@h/b", 2),
        unbind("ben@h/a", 2),
        presence("ada@h/a", 1, Some(7)),
        presence("ada@h/a", 2, Some(3)),
    ] {
        assert_eq!(sessions.decide(&request, 1), Ok(None), "{request:?}");
    }
    let (old, attachment) = (session("ada@h/a", 1), Attachment(1));
    for change in [
        SessionChange::Unbound { session: old.clone() },
        SessionChange::Priority { session: old.clone(), priority: Some(7) },
        SessionChange::Moved { session: old, attachment: Attachment(3) },
        SessionChange::Ended { attachment },
    ] {
        let mut folded = sessions.clone();
        assert_eq!(folded.apply(&change), []);
        assert_eq!(folded, sessions, "{change:?}");
    }
}

#[test]
fn an_account_has_so_many_sessions_and_no_more() {
    let sessions = after(&[bind("ada@h/a", 1, 1), bind("ada@h/b", 2, 1)]);
    for (request, max, refused) in [
        (bind("ada@h/c", 3, 1), 2, true),
        (bind("ada@h/c", 3, 1), 3, false),
        (bind("ada@h/a", 3, 1), 2, false),
        (bind("ada@h/a", 1, 2), 1, false),
        (bind("ada@h/a", 1, 1), 1, false),
        (bind("ben@h/a", 3, 1), 2, false),
        (bind("ben@h/a", 3, 1), 0, true),
    ] {
        let decided = sessions.decide(&request, max);
        assert_eq!(decided == Err(SessionRefusal::TooMany), refused, "{request:?} of {max}: {decided:?}");
    }
}

#[test]
fn sessions_end_and_move_with_their_attachment() {
    let mut sessions = after(&[
        bind("ada@h/a", 1, 1),
        bind("ada@h/b", 2, 2),
        bind("ben@h/a", 3, 1),
        presence("ada@h/b", 2, Some(4)),
        bind("cy@h/a", 4, 3),
        unbind("cy@h/a", 4),
    ]);
    assert_eq!(sessions.of_attachment(Attachment(1)), [session("ada@h/a", 1), session("ben@h/a", 3)]);
    assert_eq!(sessions.attachments(), BTreeSet::from([Attachment(1), Attachment(2)]));
    assert_eq!((sessions.len(), sessions.of(&BareJid::parse("ada@h").unwrap()).count()), (3, 2));
    sessions.apply(&SessionChange::Moved { session: session("ada@h/b", 2), attachment: Attachment(5) });
    sessions.apply(&SessionChange::Ended { attachment: Attachment(1) });
    sessions.apply(&SessionChange::Ended { attachment: Attachment(2) });
    assert_eq!(shown(&sessions), "ada@h/b #2 @5 4\n");
    assert_eq!((sessions.len(), sessions.attachments()), (1, BTreeSet::from([Attachment(5)])));
    sessions.apply(&SessionChange::Ended { attachment: Attachment(5) });
    assert_eq!(sessions, BoundSessions::default());
    assert!(sessions.is_empty());
}

fn sent(element: Element) -> String {
    let stanza = Stanza::from_element(element.with("to", "ben@h").with("from", "forged@h/a").with("id", "1")).unwrap();
    let encoded: Encoded = relayed(&FullJid::parse("ada@h/a").unwrap(), &stanza);
    String::from_utf8(encoded.for_receiver("ben@h")).unwrap()
}

#[test]
fn whoever_binds_again_loses_to_any_other_holder_but_an_earlier_one_of_its_node() {
    let rebind = |id, attachment| SessionRequest::Rebind {
        session: Session { jid: FullJid::parse("ada@h/a").unwrap(), id },
        attachment: Attachment(attachment),
        priority: Some(3),
    };
    let elsewhere = Incarnation { node: 2, number: 1 }.attachment().0;
    let cases = [
        ("free, whatever the limit", vec![bind("ada@h/b", 4, 1)], "ada@h/a #5 @2 3\nada@h/b #4 @1 -\n"),
        ("held by a later one", vec![bind("ada@h/a", 6, 1)], "Replaced"),
        ("held by an earlier one of another node, by what its clock says", vec![bind("ada@h/a", 4, elsewhere)], "Replaced"),
        ("held by itself", vec![bind("ada@h/a", 5, 2)], "as it is"),
        ("held by itself from its former life", vec![bind("ada@h/a", 5, 1)], "ada@h/a #5 @2 -\n"),
    ];
    for (name, before, expected) in cases {
        let mut sessions = after(&before);
        let became = match sessions.decide(&rebind(5, 2), 1) {
            Ok(Some(change)) => {
                assert_eq!(sessions.apply(&change), [], "{name}: nobody is replaced");
                shown(&sessions)
            }
            Ok(None) => "as it is".to_owned(),
            Err(refusal) => format!("{refusal:?}"),
        };
        assert_eq!(became, expected, "{name}");
    }
}

/// The node of both lives of a full JID was taken for dead. The first, of which it only knows that it goes, may come before the second.
#[test]
fn of_two_that_bind_again_the_later_one_holds_in_the_end() {
    let rebind = |id| SessionRequest::Rebind { session: session("ada@h/a", id), attachment: Attachment(2), priority: Some(3) };
    for order in [[4, 5], [5, 4]] {
        let mut sessions = after(&[bind("ada@h/a", 4, 1), bind("ada@h/a", 5, 1)]);
        sessions.apply(&SessionChange::Ended { attachment: Attachment(1) });
        let mut replaced = Vec::new();
        for id in order {
            match sessions.decide(&rebind(id), 1) {
                Ok(change) => replaced.extend(sessions.apply(&change.expect("it holds nothing yet"))),
                Err(refusal) => assert_eq!((id, refusal), (4, SessionRefusal::Replaced)),
            }
        }
        assert_eq!(shown(&sessions), "ada@h/a #5 @2 3\n", "{order:?}");
        let told: Vec<u64> = replaced.iter().map(|replaced| replaced.session.id).collect();
        assert_eq!(told, if order == [4, 5] { vec![4] } else { vec![] }, "{order:?}");
    }
}

#[test]
fn what_only_servers_may_say_is_not_relayed() {
    let children = ["urn:xmpp:mam:2", "urn:xmpp:carbons:2", "urn:example"].map(|namespace| Element::new("result", namespace));
    let private = Element::new("private", "urn:xmpp:carbons:2");
    let message = Element::new("message", ns::CLIENT).with("type", "chat").with_children(children).with_child(private);
    expect!["<message to='ben@h' from='ada@h/a' id='1' type='chat'><result xmlns='urn:example'/><private xmlns='urn:xmpp:carbons:2'/></message>"].assert_eq(&sent(message));
    expect!["<presence to='ben@h' from='ada@h/a' id='1'><result xmlns='urn:xmpp:mam:2'/></presence>"]
        .assert_eq(&sent(Element::new("presence", ns::CLIENT).with_child(Element::new("result", "urn:xmpp:mam:2"))));
}

#[test]
fn records_of_others_are_passed_over_and_damage_is_said() {
    let read = |key: &'static [u8], value: &'static [u8]| BoundSessions::read([(key, value)]);
    assert_eq!(read(b"room/1", b"\xff"), Ok(BoundSessions::default()));
    assert!(read(b"session/1", b"").is_err());
}

fn any_jid() -> impl Strategy<Value = FullJid> {
    (0..4_u8, 0..4_u8).prop_map(|(account, resource)| FullJid::parse(&format!("u{account}@h/r{resource}")).unwrap())
}

#[derive(Clone, Debug)]
enum Step {
    Asked(SessionRequest),
    Logged(SessionChange),
}

fn any_step() -> impl Strategy<Value = Step> {
    let session = || (any_jid(), 0..3_u64).prop_map(|(jid, id)| Session { jid, id });
    let attachment = || (0..4_u64).prop_map(Attachment);
    let priority = prop::option::of(any::<i8>());
    prop_oneof![
        4 => (session(), attachment()).prop_map(|(session, attachment)| Step::Asked(SessionRequest::Bind { session, attachment })),
        2 => (session(), attachment(), priority.clone()).prop_map(|(session, attachment, priority)| {
            Step::Asked(SessionRequest::Rebind { session, attachment, priority })
        }),
        2 => (session(), priority).prop_map(|(session, priority)| Step::Asked(SessionRequest::Presence { session, priority })),
        2 => session().prop_map(|session| Step::Asked(SessionRequest::Unbind { session })),
        1 => attachment().prop_map(|attachment| Step::Logged(SessionChange::Ended { attachment })),
        1 => (session(), attachment()).prop_map(|(session, attachment)| Step::Logged(SessionChange::Moved { session, attachment })),
    ]
}

fn read(records: &std::collections::BTreeMap<Vec<u8>, Vec<u8>>) -> BoundSessions {
    BoundSessions::read(records.iter().map(|(key, value)| (key.as_slice(), value.as_slice()))).unwrap()
}

proptest! {
    /// A store that is given every change has what a whole snapshot has, and reads back as what was folded.
    #[test]
    fn records_and_changes_agree(steps in prop::collection::vec(any_step(), 1..60), every in 1..8_usize) {
        let (mut sessions, mut stored_at) = (BoundSessions::default(), BoundSessions::default());
        let mut store = std::collections::BTreeMap::new();
        for (place, step) in steps.iter().enumerate() {
            let change = match step {
                Step::Asked(request) => sessions.decide(request, 3).unwrap_or_default(),
                Step::Logged(change) => Some(change.clone()),
            };
            if let Some(change) = change {
                prop_assert_eq!(&decode_change(&encode_change(&change)), &Ok(change.clone()));
                let (before, told) = (sessions.clone(), sessions.apply(&change));
                let ended = matches!(change, SessionChange::Bound { replaces: Some(_), .. });
                prop_assert_eq!(told.len(), usize::from(ended));
                if matches!(step, Step::Asked(_)) {
                    prop_assert_ne!(before, sessions.clone(), "what is logged changes something");
                }
            }
            if place % every == 0 {
                for (key, value) in BoundSessions::changes(&stored_at, &sessions) {
                    // Nothing is written twice, and nothing goes that was not there.
                    prop_assert_ne!(store.get(&key), value.as_ref());
                    match value {
                        Some(value) => store.insert(key, value),
                        None => store.remove(&key),
                    };
                }
                stored_at = sessions.clone();
                prop_assert_eq!(&store, &sessions.records().collect());
                prop_assert_eq!(&read(&store), &sessions);
            }
            prop_assert_eq!(sessions.len(), sessions.iter().count());
            let attached: usize = sessions.attachments().into_iter().map(|at| sessions.of_attachment(at).len()).sum();
            prop_assert_eq!(sessions.len(), attached);
            prop_assert!(store.keys().all(|key| key.len() == b"session/".len() + 32));
        }
    }
}

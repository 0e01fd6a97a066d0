//! Talking (§7.4, §7.5, §8.1, §17.4): to all, to one, and what a room does not pass on.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod stage;

use expect_test::expect;
use stage::{Stage, check, configure, join};

#[test]
fn talk_is_reflected_and_replayed() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c' id='m1'><body>one</body><stanza-id xmlns='urn:xmpp:sid:0' by='r@c' id='forged'/><x xmlns='http://jabber.org/protocol/muc#user'/></message>",
        &expect![[r#"
            ann < <message from='r@c/Ann' id='m1' type='groupchat'><body>one</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000004' by='r@c'/></message>
            owner < <message from='r@c/Ann' id='m1' type='groupchat'><body>one</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000004' by='r@c'/></message>
        "#]],
    );
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c'><body>two</body></message>",
        &expect![[r#"
        ann < <message from='r@c/Ann' id='0000000000000005' type='groupchat'><body>two</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000005' by='r@c'/></message>
        owner < <message from='r@c/Ann' id='0000000000000005' type='groupchat'><body>two</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000005' by='r@c'/></message>
    "#]],
    );
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c' id='s'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        &expect![[r#"
            ann < <message from='r@c/Ann' id='s' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>
            owner < <message from='r@c/Ann' id='s' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>
        "#]],
    );
    check(
        &mut stage,
        "owner: <message type='groupchat' to='r@c' id='t'><subject>news</subject></message>",
        &expect![[r#"
        ann < <message from='r@c/Owner' id='t' type='groupchat'><subject>news</subject><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000006' by='r@c'/></message>
        owner < <message from='r@c/Owner' id='t' type='groupchat'><subject>news</subject><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000006' by='r@c'/></message>
    "#]],
    );
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c' id='t'><subject>mine</subject></message>",
        &expect![[r#"
        ann < <message from='r@c' id='t' type='error'><error type='auth'><forbidden/><text>you may not change the subject of this room</text></error></message>
    "#]],
    );
    check(
        &mut stage,
        &join("bob", "Bob"),
        &expect![[r#"
        bob < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        bob < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
        ann < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        owner < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant' jid='bob@h/1'/></x></presence>
        bob < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant' jid='bob@h/1'/><status code='110'/></x></presence>
        bob < <message from='r@c/Ann' id='m1' type='groupchat'><body>one</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000004' by='r@c'/><delay xmlns='urn:xmpp:delay' from='r@c' stamp='2023-11-14T22:13:20.000Z'/></message>
        bob < <message from='r@c/Ann' id='0000000000000005' type='groupchat'><body>two</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000005' by='r@c'/><delay xmlns='urn:xmpp:delay' from='r@c' stamp='2023-11-14T22:13:20.000Z'/></message>
        bob < <message from='r@c/Owner' id='t' type='groupchat'><subject>news</subject><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000006' by='r@c'/><delay xmlns='urn:xmpp:delay' from='r@c' stamp='2023-11-14T22:13:20.000Z'/></message>
    "#]],
    );
    for (history, expected) in
        [("maxstanzas='1'", 1), ("maxstanzas='0'", 0), ("maxchars='0'", 0), ("maxchars='500'", 1), ("seconds='1'", 2)]
    {
        let script =
            format!("cat: <presence to='r@c/Cat'><x xmlns='http://jabber.org/protocol/muc'><history {history}/></x></presence>");
        let sent = stage.play(&script);
        assert_eq!(sent.matches("<body>").count(), expected, "{history}: {sent}");
        stage.play("cat: GONE");
    }
}

#[test]
fn who_is_not_in_the_room_has_no_say() {
    let mut stage = Stage::opened();
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c' id='1'><body>hi</body></message>
         ann: <message type='chat' to='r@c/Owner' id='2'><body>hi</body></message>
         ann: <iq type='get' to='r@c/Owner' id='3'><ping xmlns='urn:xmpp:ping'/></iq>
         ann: <presence type='probe' to='r@c/Owner'/>
         ann: <presence type='unavailable' to='r@c/Owner'/>",
        &expect![[r#"
            ann < <message from='r@c' id='1' type='error'><error type='cancel'><not-acceptable/><text>You are not currently connected to this chat</text></error></message>
            ann < <message from='r@c/Owner' id='2' type='error'><error type='cancel'><not-acceptable/><text>You are not currently connected to this chat</text></error></message>
            ann < <iq from='r@c/Owner' id='3' type='error'><error type='cancel'><not-acceptable/><text>You are not currently connected to this chat</text></error></iq>
            ann < <presence from='r@c/Owner' type='error'><error type='cancel'><not-acceptable/><text>You are not currently connected to this chat</text></error></presence>
        "#]],
    );
}

#[test]
fn private_messages_reach_one_occupant() {
    let mut stage = Stage::opened();
    stage.play(&format!("{}{}{}", join("ann", "Ann"), join("bob", "Bob"), join("bob/2", "Bob")));
    check(
        &mut stage,
        "ann: <message type='chat' to='r@c/Bob' id='1'><body>psst</body></message>
         ann: <message type='chat' to='r@c/Eve' id='2'><body>psst</body></message>
         ann: <message type='groupchat' to='r@c/Bob' id='3'><body>psst</body></message>",
        &expect![[r#"
            bob < <message from='r@c/Ann' id='1' type='chat'><body>psst</body><x #='user'/></message>
            bob/2 < <message from='r@c/Ann' id='1' type='chat'><body>psst</body><x #='user'/></message>
            ann < <message from='r@c/Eve' id='2' type='error'><error type='cancel'><item-not-found/><text>nobody of that nickname is in the room</text></error></message>
            ann < <message from='r@c/Bob' id='3' type='error'><error type='modify'><bad-request/><text>a private message is not of type groupchat</text></error></message>
        "#]],
    );
    stage.play(&configure(&[("muc#roomconfig_allowpm", "moderators")]));
    check(
        &mut stage,
        "ann: <message type='chat' to='r@c/Bob' id='4'><body>psst</body></message>
         owner: <message type='chat' to='r@c/Ann' id='5'><body>well?</body></message>",
        &expect![[r#"
            ann < <message from='r@c/Bob' id='4' type='error'><error type='cancel'><policy-violation/><text>private messages are not allowed here</text></error></message>
            ann < <message from='r@c/Owner' id='5' type='chat'><body>well?</body><x #='user'/></message>
        "#]],
    );
}

#[test]
fn occupants_ask_each_other_through_the_room() {
    let mut stage = Stage::opened();
    stage.play(&format!("{}{}", join("ann", "Ann"), join("ann/2", "Ann")));
    let asked = stage.play("ann: <iq id='q' type='get' to='r@c/Owner'><query xmlns='jabber:iq:version'/></iq>");
    let id = asked.split(" id='").nth(1).unwrap().split('\'').next().unwrap();
    assert!(asked.starts_with("owner < <iq from='r@c/Ann'") && !asked.contains("ann@h"), "{asked}");
    let answered = stage.play(&format!("owner: <iq id='{id}' type='result' to='r@c/Ann'/>"));
    assert_eq!(answered, "ann < <iq from='r@c/Owner' id='q' type='result'/>\n");
    assert_eq!(stage.play("owner: <iq id='0123456789abcdefq' type='result' to='r@c/Ann'/>"), "", "nobody asked that");
    stage.play("ann: <presence to='r@c/Anna'/>\nowner: <presence to='r@c/Boss'/>");
    let answered = stage.play(&format!("owner: <iq id='{id}' type='result' to='r@c/Ann'/>"));
    assert_eq!(answered, "ann < <iq from='r@c/Boss' id='q' type='result'/>\n", "whatever they are called by now");
    stage.play("owner: <presence to='r@c/Owner'/>\nann: <presence to='r@c/Ann'/>");
    check(
        &mut stage,
        "ann: <iq id='s' type='get' to='r@c/Ann'><ping xmlns='urn:xmpp:ping'/></iq>
         ann: <iq id='v' type='get' to='r@c/Owner'><vCard xmlns='vcard-temp'/></iq>
         ann: <iq id='n' type='get' to='r@c/Nobody'><ping xmlns='urn:xmpp:ping'/></iq>",
        &expect![[r#"
            ann < <iq from='r@c/Ann' id='s' type='result'/>
            ann < <iq from='r@c/Owner' id='v' type='error'><error type='cancel'><service-unavailable/><text>this account keeps no such thing</text></error></iq>
            ann < <iq from='r@c/Nobody' id='n' type='error'><error type='cancel'><item-not-found/><text>nobody of that nickname is in the room</text></error></iq>
        "#]],
    );
}

#[test]
fn only_errors_travel_as_errors_and_only_chat_states_as_chat_states() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    let refused = "<error type='modify'><not-acceptable xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error>";
    check(
        &mut stage,
        &format!(
            "ann: <message type='error' id='1' to='r@c/Owner'><body>psst</body></message>
             ann: <message type='error' id='2' to='r@c/Owner'><body>psst</body>{refused}</message>"
        ),
        &expect![[r#"
            owner < <message from='r@c/Ann' id='2' type='error'><error type='modify'><not-acceptable/></error></message>
        "#]],
    );
    for disguised in [
        "<composing xmlns='http://jabber.org/protocol/chatstates'>a long tale</composing>",
        "<tale xmlns='http://jabber.org/protocol/chatstates'/>",
        "<thread>a long tale</thread>",
    ] {
        let sent = stage.play(&format!("ann: <message type='groupchat' to='r@c'>{disguised}</message>"));
        assert!(sent.contains("<stanza-id "), "it is a message like any other: {sent}");
    }
}

#[test]
fn what_everybody_gets_has_a_bound() {
    let mut stage = Stage::opened();
    let long = "x".repeat(2001);
    for stanza in [
        format!("<message type='groupchat' to='r@c'><body>{long}</body></message>"),
        format!("<message type='groupchat' to='r@c'><subject>{long}</subject></message>"),
        format!("<presence to='r@c/Owner'><status>{long}</status></presence>"),
        format!("<presence to='r@c/Other'><status>{long}</status></presence>"),
    ] {
        let sent = stage.play(&format!("owner: {stanza}"));
        assert!(sent.contains("<policy-violation/>"), "{sent}");
    }
}

#[test]
fn stamps_and_hats_are_the_rooms_to_give() {
    let mut stage = Stage::opened();
    let forged = "<delay xmlns='urn:xmpp:delay' from='bob@h' stamp='2001-01-01T00:00:00Z'/><hats xmlns='urn:xmpp:hats:0'/><x xmlns='jabber:x:delay' stamp='20010101T00:00:00'/>";
    let sent = stage.play(&format!(
        "owner: <message type='groupchat' to='r@c'><body>hi</body>{forged}</message>
         owner: <presence to='r@c/Owner'>{forged}</presence>"
    ));
    assert!(!sent.contains("2001") && !sent.contains("hats"), "{sent}");
}

#[test]
fn history_has_a_bound_in_bytes() {
    let mut stage = Stage::opened();
    stage.service.groupchat_bytes_max = 65_536;
    stage.play(&configure(&[("muc#roomconfig_historylength", "50"), ("muc#roomconfig_defaulthistorymessages", "50")]));
    let long = "x".repeat(60_000);
    for _ in 0..20 {
        stage.play(&format!("owner: <message type='groupchat' to='r@c'><body>{long}</body></message>"));
    }
    assert_eq!(stage.play(&join("ann", "Ann")).matches("<body>").count(), 8);
}

#[test]
fn a_service_that_allows_less_than_before_shows_less_and_takes_the_form_as_it_was() {
    let mut stage = Stage::opened();
    for number in 0..10 {
        stage.play(&format!("owner: <message type='groupchat' to='r@c'><body>{number}</body></message>"));
    }
    stage.service.history_max = 3;
    assert_eq!(stage.play(&join("ann", "Ann")).matches("<body>").count(), 3);
    let as_it_was = [("muc#roomconfig_historylength", "20"), ("muc#roomconfig_roomname", "Den")];
    let said = stage.play(&configure(&as_it_was));
    assert!(said.contains("type='result'"), "{said}");
    let said = stage.play(&configure(&[("muc#roomconfig_historylength", "19")]));
    assert!(said.contains("bad-request") && said.contains("from 0 to 3"), "{said}");
}

#[test]
fn a_new_room_keeps_no_more_than_the_service_allows() {
    let mut stage = Stage::new();
    stage.service.history_max = 2;
    stage.play(&join("owner", "Owner"));
    stage.play(&configure(&[]));
    for number in 0..5 {
        stage.play(&format!("owner: <message type='groupchat' to='r@c'><body>{number}</body></message>"));
    }
    stage.service.history_max = 50;
    assert_eq!(stage.play(&join("ann", "Ann")).matches("<body>").count(), 2);
}

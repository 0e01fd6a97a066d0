//! What a room says, use case by use case: a script in, every stanza out.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod stage;

use conclave_xmpp::Timestamp;
use expect_test::{Expect, expect};
use stage::Stage;

const JOIN: &str = "<x xmlns='http://jabber.org/protocol/muc'/>";

fn join(who: &str, nick: &str) -> String {
    format!("{who}: <presence to='r@c/{nick}'>{JOIN}</presence>\n")
}

fn configure(fields: &[(&str, &str)]) -> String {
    let field = |(var, value): &(&str, &str)| format!("<field var='{var}'><value>{value}</value></field>");
    let fields: String = fields.iter().map(field).collect();
    format!(
        "owner: <iq id='c' type='set' to='r@c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='submit'>\
         <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field>{fields}</x></query></iq>\n"
    )
}

fn admin(who: &str, items: &str) -> String {
    format!("{who}: <iq id='a' type='set' to='r@c'><query xmlns='http://jabber.org/protocol/muc#admin'>{items}</query></iq>\n")
}

fn list(who: &str, item: &str) -> String {
    format!("{who}: <iq id='l' type='get' to='r@c'><query xmlns='http://jabber.org/protocol/muc#admin'>{item}</query></iq>\n")
}

#[track_caller]
fn check(stage: &mut Stage, script: &str, expected: Expect) {
    expected.assert_eq(&stage.play(script));
}

#[test]
fn a_new_room_is_locked_until_its_creator_opens_it() {
    let mut stage = Stage::new();
    check(
        &mut stage,
        &join("owner", "Owner"),
        expect![[r#"
        owner < <presence from='r@c/Owner'><x #='user'><status code='201'/><item affiliation='owner' role='moderator' jid='owner@h/1'/><status code='110'/></x></presence>
        owner < <message from='r@c' type='groupchat'><subject/></message>
    "#]],
    );
    check(
        &mut stage,
        &join("ann", "Ann"),
        expect![[r#"
        ann < <presence from='r@c/Ann' type='error'><x #='muc'/><error type='cancel' by='c'><item-not-found/><text>there is no such room</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        &configure(&[]),
        expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &join("ann", "Ann"),
        expect![[r#"
        ann < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/></x></presence>
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
        ann < <message from='r@c' type='groupchat'><subject/></message>
    "#]],
    );
}

#[test]
fn a_lock_that_nobody_lifts_opens_by_itself() {
    let mut stage = Stage::new();
    stage.play(&join("owner", "Owner"));
    stage.now = Timestamp(stage.now.0 + 299_999);
    assert!(stage.play(&join("ann", "Ann")).contains("item-not-found"));
    stage.now = Timestamp(stage.now.0 + 2);
    assert!(stage.play(&join("ann", "Ann")).contains("code='110'"));
}

#[test]
fn the_door_refuses_in_order() {
    let mut stage = Stage::opened();
    stage.play(&admin("owner", "<item affiliation='outcast' jid='bad@h'/><item affiliation='member' jid='mel@h' nick='Mel'/>"));
    check(
        &mut stage,
        &format!("{}{}", join("bad", "Bad"), join("ann", "Mel")),
        expect![[r#"
        bad < <presence from='r@c/Bad' type='error'><x #='muc'/><error type='auth' code='403' by='r@c'><forbidden/><text>you are banned from this room</text></error></presence>
        ann < <presence from='r@c/Mel' type='error'><x #='muc'/><error type='cancel' code='409' by='r@c'><conflict/><text>this nickname is reserved for somebody else</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        &join("ann", "Owner"),
        expect![[r#"
        ann < <presence from='r@c/Owner' type='error'><x #='muc'/><error type='cancel' code='409' by='r@c'><conflict/><text>this nickname is in use by somebody else</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        &format!("ann: <presence to='r@c'>{JOIN}</presence>"),
        expect![[r#"
        ann < <presence from='r@c' type='error'><x #='muc'/><error type='modify' by='r@c'><jid-malformed/><text>entering takes a nick: room@service/nick</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        "ann: <presence to='r@c/Ann'/>",
        expect![[r#"
        ann < <presence from='r@c/Ann' type='error'><error type='cancel' by='c'><item-not-found/><text>entering takes a presence with the muc element</text></error></presence>
    "#]],
    );
    stage.play(&configure(&[("muc#roomconfig_roomsecret", "sesame"), ("muc#roomconfig_membersonly", "1")]));
    check(
        &mut stage,
        &format!("{}{}", join("ann", "Ann"), join("mel", "Mel")),
        expect![[r#"
        ann < <presence from='r@c/Ann' type='error'><x #='muc'/><error type='auth' code='407' by='r@c'><registration-required/><text>this room is for members only</text></error></presence>
        mel < <presence from='r@c/Mel' type='error'><x #='muc'/><error type='auth' code='401' by='r@c'><not-authorized/><text>the password is missing or wrong</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        "mel: <presence to='r@c/Mel'><x xmlns='http://jabber.org/protocol/muc'><password>sesame</password></x></presence>",
        expect![[r#"
            mel < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
            owner < <presence from='r@c/Mel'><x #='user'><item affiliation='member' role='participant' jid='mel@h/1'/></x></presence>
            mel < <presence from='r@c/Mel'><x #='user'><item affiliation='member' role='participant' jid='mel@h/1'/><status code='110'/></x></presence>
            mel < <message from='r@c' type='groupchat'><subject/></message>
        "#]],
    );
}

#[test]
fn a_full_room_still_takes_admins() {
    let mut stage = Stage::opened();
    stage.play(&configure(&[("muc#roomconfig_maxusers", "1")]));
    stage.play(&admin("owner", "<item affiliation='admin' jid='ann@h'/>"));
    check(
        &mut stage,
        &join("bob", "Bob"),
        expect![[r#"
        bob < <presence from='r@c/Bob' type='error'><x #='muc'/><error type='wait' by='r@c'><service-unavailable/><text>the room is full; try again when somebody has left</text></error></presence>
    "#]],
    );
    assert!(stage.play(&join("ann", "Ann")).contains("code='110'"));
    assert!(stage.play(&join("ann/2", "Ann")).contains("code='110'"), "a further session takes no place");
}

#[test]
fn talk_is_reflected_and_replayed() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c' id='m1'><body>one</body><stanza-id xmlns='urn:xmpp:sid:0' by='r@c' id='forged'/><x xmlns='http://jabber.org/protocol/muc#user'/></message>",
        expect![[r#"
            ann < <message from='r@c/Ann' id='m1' type='groupchat'><body>one</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000004' by='r@c'/></message>
            owner < <message from='r@c/Ann' id='m1' type='groupchat'><body>one</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000004' by='r@c'/></message>
        "#]],
    );
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c'><body>two</body></message>",
        expect![[r#"
        ann < <message from='r@c/Ann' id='0000000000000005' type='groupchat'><body>two</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000005' by='r@c'/></message>
        owner < <message from='r@c/Ann' id='0000000000000005' type='groupchat'><body>two</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000005' by='r@c'/></message>
    "#]],
    );
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c' id='s'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>",
        expect![[r#"
            ann < <message from='r@c/Ann' id='s' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>
            owner < <message from='r@c/Ann' id='s' type='groupchat'><composing xmlns='http://jabber.org/protocol/chatstates'/></message>
        "#]],
    );
    check(
        &mut stage,
        "owner: <message type='groupchat' to='r@c' id='t'><subject>news</subject></message>",
        expect![[r#"
        ann < <message from='r@c/Owner' id='t' type='groupchat'><subject>news</subject><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000006' by='r@c'/></message>
        owner < <message from='r@c/Owner' id='t' type='groupchat'><subject>news</subject><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000006' by='r@c'/></message>
    "#]],
    );
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c' id='t'><subject>mine</subject></message>",
        expect![[r#"
        ann < <message from='r@c' id='t' type='error'><error type='auth'><forbidden/><text>you may not change the subject of this room</text></error></message>
    "#]],
    );
    check(
        &mut stage,
        &join("bob", "Bob"),
        expect![[r#"
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
        expect![[r#"
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
        expect![[r#"
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
        expect![[r#"
            ann < <message from='r@c/Bob' id='4' type='error'><error type='cancel'><policy-violation/><text>private messages are not allowed here</text></error></message>
            ann < <message from='r@c/Owner' id='5' type='chat'><body>well?</body><x #='user'/></message>
        "#]],
    );
}

#[test]
fn nicks_change_with_303_and_keep_the_role() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        "ann: <presence to='r@c/Anna'><show>away</show></presence>",
        expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='303'/><item affiliation='none' role='participant' jid='ann@h/1' nick='Anna'/><status code='110'/></x></presence>
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='303'/><item affiliation='none' role='participant' jid='ann@h/1' nick='Anna'/></x></presence>
        owner < <presence from='r@c/Anna'><show>away</show><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/></x></presence>
        ann < <presence from='r@c/Anna'><show>away</show><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
    "#]],
    );
    check(
        &mut stage,
        "ann: <presence to='r@c/Owner'/>",
        expect![[r#"
        ann < <presence from='r@c/Owner' type='error'><error type='cancel' code='409' by='r@c'><conflict/><text>this nickname is in use by somebody else</text></error></presence>
    "#]],
    );
}

#[test]
fn several_sessions_share_a_nick() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        &join("ann/2", "Ann"),
        expect![[r#"
        ann/2 < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><item affiliation='none' role='participant' jid='ann@h/2'/></x></presence>
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><item affiliation='none' role='participant' jid='ann@h/2'/><status code='110'/></x></presence>
        ann/2 < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><item affiliation='none' role='participant' jid='ann@h/2'/><status code='110'/></x></presence>
        ann/2 < <message from='r@c' type='groupchat'><subject/></message>
    "#]],
    );
    check(
        &mut stage,
        "ann/2: <presence to='r@c/Two'/>",
        expect![[r#"
            ann/2 < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='303'/><item affiliation='none' role='participant' jid='ann@h/2' nick='Two'/><status code='110'/></x></presence>
            ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
            ann/2 < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant'/></x></presence>
            owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/></x></presence>
            ann < <presence from='r@c/Two'><x #='user'><item affiliation='none' role='participant'/></x></presence>
            owner < <presence from='r@c/Two'><x #='user'><item affiliation='none' role='participant' jid='ann@h/2'/></x></presence>
            ann/2 < <presence from='r@c/Two'><x #='user'><item affiliation='none' role='participant' jid='ann@h/2'/><status code='110'/></x></presence>
        "#]],
    );
    check(
        &mut stage,
        "ann/2: <presence to='r@c/Ann'/>",
        expect![[r#"
        ann/2 < <presence from='r@c/Two' type='unavailable'><x #='user'><status code='303'/><item affiliation='none' role='participant' jid='ann@h/2' nick='Ann'/><status code='110'/></x></presence>
        ann < <presence from='r@c/Two' type='unavailable'><x #='user'><status code='303'/><item affiliation='none' role='participant' nick='Ann'/></x></presence>
        owner < <presence from='r@c/Two' type='unavailable'><x #='user'><status code='303'/><item affiliation='none' role='participant' jid='ann@h/2' nick='Ann'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><item affiliation='none' role='participant' jid='ann@h/2'/></x></presence>
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><item affiliation='none' role='participant' jid='ann@h/2'/><status code='110'/></x></presence>
        ann/2 < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><item affiliation='none' role='participant' jid='ann@h/2'/><status code='110'/></x></presence>
    "#]],
    );
    check(
        &mut stage,
        "ann: GONE",
        expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><item affiliation='none' role='none' jid='ann@h/1'/><status code='110'/></x></presence>
        ann/2 < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/2'/><status code='110'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/2'/></x></presence>
    "#]],
    );
    check(
        &mut stage,
        "ann/2: GONE",
        expect![[r#"
        ann/2 < <presence from='r@c/Ann' type='unavailable'><x #='user'><item affiliation='none' role='none' jid='ann@h/2'/><status code='110'/></x></presence>
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><item affiliation='none' role='none' jid='ann@h/2'/></x></presence>
    "#]],
    );
}

#[test]
fn a_jid_that_is_bound_anew_is_another_session() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    stage.play("ann: BOUND ANEW");
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c' id='1'><body>hi</body></message>",
        expect![[r#"
        ann < <message from='r@c' id='1' type='error'><error type='cancel'><not-acceptable/><text>You are not currently connected to this chat</text></error></message>
    "#]],
    );
    assert!(stage.play(&join("ann", "Other")).contains("r@c/Ann' type='unavailable'"));
    assert_eq!(stage.room.occupant_count(), 2);
}

#[test]
fn a_bounced_stanza_removes_the_session() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        "ann: <message type='error' to='r@c/Owner'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
        expect![[r#"
            ann < <presence from='r@c/Ann' type='unavailable'><status>Kicked: item not found</status><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/><status code='110'/></x></presence>
            owner < <presence from='r@c/Ann' type='unavailable'><status>Kicked: item not found</status><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/></x></presence>
        "#]],
    );
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        "ann: <message type='error' to='r@c'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
        expect![[""]],
    );
}

#[test]
fn roles_are_given_and_taken() {
    let mut stage = Stage::opened();
    stage.play(&format!("{}{}", join("ann", "Ann"), join("bob", "Bob")));
    check(
        &mut stage,
        &admin("owner", "<item nick='Ann' role='visitor'><reason>hush</reason></item>"),
        expect![[r#"
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='visitor' jid='ann@h/1'><actor nick='Owner'/><reason>hush</reason></item><status code='110'/></x></presence>
        bob < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='visitor'><actor nick='Owner'/><reason>hush</reason></item></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='visitor' jid='ann@h/1'><actor nick='Owner' jid='owner@h/1'/><reason>hush</reason></item></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c' id='1'><body>hi</body></message>",
        expect![[r#"
        ann < <message from='r@c' id='1' type='error'><error type='auth'><forbidden/><text>a visitor may not speak in a moderated room</text></error></message>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", "<item nick='Ann' role='moderator'/>"),
        expect![[r#"
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='moderator' jid='ann@h/1'><actor nick='Owner'/></item><status code='110'/></x></presence>
        bob < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='moderator'><actor nick='Owner'/></item></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='moderator' jid='ann@h/1'><actor nick='Owner' jid='owner@h/1'/></item></x></presence>
        ann < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant' jid='bob@h/1'/></x></presence>
        ann < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator' jid='owner@h/1'/></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &admin("ann", "<item nick='Owner' role='none'/>"),
        expect![[r#"
        ann < <iq from='r@c' id='a' type='error'><error type='cancel'><not-allowed/><text>nobody may be moderated by somebody of a lower affiliation</text></error></iq>
    "#]],
    );
    check(
        &mut stage,
        &admin("ann", "<item nick='Bob' role='none'><reason>out</reason></item>"),
        expect![[r#"
        bob < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='307'/><item affiliation='none' role='none' jid='bob@h/1'><actor nick='Ann'/><reason>out</reason></item><status code='110'/></x></presence>
        ann < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='307'/><item affiliation='none' role='none' jid='bob@h/1'><actor nick='Ann' jid='ann@h/1'/><reason>out</reason></item></x></presence>
        owner < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='307'/><item affiliation='none' role='none' jid='bob@h/1'><actor nick='Ann' jid='ann@h/1'/><reason>out</reason></item></x></presence>
        ann < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &list("ann", "<item role='moderator'/>"),
        expect![[r#"
        ann < <iq from='r@c' id='l' type='result'><query #='admin'><item affiliation='none' jid='ann@h/1' nick='Ann' role='moderator'/><item affiliation='owner' jid='owner@h/1' nick='Owner' role='moderator'/></query></iq>
    "#]],
    );
    check(
        &mut stage,
        &admin("bob", "<item nick='Ann' role='none'/>"),
        expect![[r#"
        bob < <iq from='r@c' id='a' type='error'><error type='auth'><forbidden/><text>only moderators may change roles</text></error></iq>
    "#]],
    );
}

#[test]
fn bans_hold_for_accounts_and_domains() {
    let mut stage = Stage::opened();
    stage.play(&format!("{}{}", join("ann", "Ann"), join("bob", "Bob")));
    check(
        &mut stage,
        &admin("owner", "<item jid='ann@h' affiliation='outcast'><reason>noise</reason></item>"),
        expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='301'/><item affiliation='outcast' role='none' jid='ann@h/1'><actor nick='Owner'/><reason>noise</reason></item><status code='110'/></x></presence>
        bob < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='301'/><item affiliation='outcast' role='none'><actor nick='Owner'/><reason>noise</reason></item></x></presence>
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='301'/><item affiliation='outcast' role='none' jid='ann@h/1'><actor nick='Owner' jid='owner@h/1'/><reason>noise</reason></item></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", "<item jid='eve@h' affiliation='outcast'/>"),
        expect![[r#"
        owner < <message from='r@c'><x #='user'><status code='301'/><item jid='eve@h' affiliation='outcast'/></x></message>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &list("owner", "<item affiliation='outcast'/>"),
        expect![[r#"
        owner < <iq from='r@c' id='l' type='result'><query #='admin'><item affiliation='outcast' jid='ann@h'><reason>noise</reason></item><item affiliation='outcast' jid='eve@h'/></query></iq>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", "<item jid='h' affiliation='outcast'/>"),
        expect![[r#"
        bob < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='301'/><item affiliation='outcast' role='none' jid='bob@h/1'><actor nick='Owner'/></item><status code='110'/></x></presence>
        owner < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='301'/><item affiliation='outcast' role='none' jid='bob@h/1'><actor nick='Owner' jid='owner@h/1'/></item></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    assert_eq!(stage.room.occupant_count(), 1, "the owner has an affiliation of its own");
    check(
        &mut stage,
        &admin("owner", "<item jid='owner@h' affiliation='outcast'/>"),
        expect![[r#"
        owner < <iq from='r@c' id='a' type='error'><error type='cancel'><conflict/><text>nobody may ban itself</text></error></iq>
    "#]],
    );
    check(
        &mut stage,
        &list("ann", "<item affiliation='outcast'/>"),
        expect![[r#"
        ann < <iq from='r@c' id='l' type='error'><error type='auth'><forbidden/><text>this list is not for you</text></error></iq>
    "#]],
    );
}

#[test]
fn a_set_is_applied_whole_or_not_at_all() {
    let mut stage = Stage::opened();
    let items = "<item jid='ann@h' affiliation='owner'/><item jid='owner@h' affiliation='none'/>";
    check(
        &mut stage,
        &admin("owner", "<item jid='ann@h' affiliation='member'/><item jid='owner@h' affiliation='none'/>"),
        expect![[r#"
        owner < <iq from='r@c' id='a' type='error'><error type='cancel'><conflict/><text>a room must keep an owner</text></error></iq>
    "#]],
    );
    check(
        &mut stage,
        &list("owner", "<item affiliation='member'/>"),
        expect![[r#"
        owner < <iq from='r@c' id='l' type='result'><query #='admin'/></iq>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", items),
        expect![[r#"
        owner < <message from='r@c'><x #='user'><item jid='ann@h' affiliation='owner'/></x></message>
        owner < <presence from='r@c/Owner'><x #='user'><item affiliation='none' role='participant' jid='owner@h/1'><actor nick='Owner'/></item><status code='110'/></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
}

#[test]
fn registering_reserves_a_nick() {
    let mut stage = Stage::opened();
    stage.play(&admin("owner", "<item jid='ann@h' affiliation='member'/>"));
    stage.play(&join("ann", "Ann"));
    let register = |who: &str, nick: &str| {
        format!(
            "{who}: <iq id='r' type='set' to='r@c'><query xmlns='jabber:iq:register'><x xmlns='jabber:x:data' type='submit'>\
             <field var='FORM_TYPE'><value>http://jabber.org/protocol/muc#register</value></field>\
             <field var='muc#register_roomnick'><value>{nick}</value></field></x></query></iq>"
        )
    };
    check(
        &mut stage,
        &register("bob", "Bob"),
        expect![[r#"
        bob < <iq from='r@c' id='r' type='error'><error type='auth'><registration-required/><text>only affiliated users may register here</text></error></iq>
    "#]],
    );
    check(
        &mut stage,
        &register("ann", "Owner"),
        expect![[r#"
        ann < <iq from='r@c' id='r' type='error'><error type='cancel'><conflict/><text>this nickname belongs to somebody else</text></error></iq>
    "#]],
    );
    check(
        &mut stage,
        &register("ann", "Ann"),
        expect![[r#"
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='member' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='member' role='participant' jid='ann@h/1'/></x></presence>
        ann < <iq from='r@c' id='r' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &register("ann", "Ann"),
        expect![[r#"
        ann < <iq from='r@c' id='r' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        "ann: <iq id='g' type='get' to='r@c'><query xmlns='jabber:iq:register'/></iq>",
        expect![[r#"
        ann < <iq from='r@c' id='g' type='result'><query xmlns='jabber:iq:register'><registered/><username>Ann</username></query></iq>
    "#]],
    );
    check(
        &mut stage,
        "ann: <iq id='u' type='set' to='r@c'><query xmlns='jabber:iq:register'><remove/></query></iq>",
        expect![[r#"
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/></x></presence>
        ann < <iq from='r@c' id='u' type='result'/>
    "#]],
    );
}

#[test]
fn members_only_removes_strangers_and_lost_members() {
    let mut stage = Stage::opened();
    stage.play(&admin("owner", "<item jid='ann@h' affiliation='member'/>"));
    stage.play(&format!("{}{}", join("ann", "Ann"), join("bob", "Bob")));
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_membersonly", "1")]),
        expect![[r#"
        bob < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='322'/><item affiliation='none' role='none' jid='bob@h/1'/><status code='110'/></x></presence>
        ann < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='322'/><item affiliation='none' role='none'/></x></presence>
        owner < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='322'/><item affiliation='none' role='none' jid='bob@h/1'/></x></presence>
        owner < <iq from='r@c' id='c' type='result'/>
        ann < <message from='r@c' type='groupchat'><x #='user'><status code='104'/></x></message>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='104'/></x></message>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", "<item jid='ann@h' affiliation='none'/>"),
        expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='321'/><item affiliation='none' role='none' jid='ann@h/1'><actor nick='Owner'/></item><status code='110'/></x></presence>
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='321'/><item affiliation='none' role='none' jid='ann@h/1'><actor nick='Owner' jid='owner@h/1'/></item></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", "<item jid='ann@h' affiliation='none'/>"),
        expect![[r#"
        owner < <message from='r@c'><x #='user'><status code='321'/><item jid='ann@h' affiliation='none'/></x></message>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
}

#[test]
fn the_configuration_is_checked_field_by_field() {
    let mut stage = Stage::opened();
    for (var, value) in [
        ("muc#roomconfig_persistentroom", "1"),
        ("muc#roomconfig_publicroom", "perhaps"),
        ("muc#roomconfig_whois", "nobody"),
        ("muc#roomconfig_maxusers", "101"),
        ("muc#roomconfig_passwordprotectedroom", "1"),
        ("muc#roomconfig_enablelogging", "1"),
        ("muc#roomconfig_colour", "blue"),
    ] {
        let sent = stage.play(&configure(&[(var, value)]));
        assert!(sent.contains("type='error'"), "{var}: {sent}");
    }
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_whois", "anyone")]),
        expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='172'/></x></message>
    "#]],
    );
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_roomname", "Den"), ("muc#roomconfig_whois", "moderators")]),
        expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='104'/><status code='173'/></x></message>
    "#]],
    );
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_roomname", "Den")]),
        expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        "owner: <iq id='f' type='get' to='r@c'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>",
        expect![[r#"
            owner < <iq from='r@c' id='f' type='result'><query #='owner'><x xmlns='jabber:x:data' type='form'><title>Configuration of this room</title><instructions>Fields that you leave out of your answer keep their value.</instructions><field type='hidden' var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field type='text-single' label='Name' var='muc#roomconfig_roomname'><value>Den</value></field><field type='text-single' label='Description' var='muc#roomconfig_roomdesc'><value/></field><field type='text-single' label='Language (a tag such as en or de-AT)' var='muc#roomconfig_lang'><value/></field><field type='boolean' label='The room stays when everybody has left' var='muc#roomconfig_persistentroom'><value>0</value></field><field type='boolean' label='The room is listed' var='muc#roomconfig_publicroom'><value>0</value></field><field type='boolean' label='Only members may enter' var='muc#roomconfig_membersonly'><value>0</value></field><field type='boolean' label='Members may invite others' var='muc#roomconfig_allowinvites'><value>0</value></field><field type='list-multi' label='Who may read the list of members' var='muc#roomconfig_getmemberlist'><option label='Moderators'><value>moderator</value></option><option label='Participants'><value>participant</value></option><option label='Visitors'><value>visitor</value></option><value>moderator</value></field><field type='boolean' label='A password is needed to enter' var='muc#roomconfig_passwordprotectedroom'><value>0</value></field><field type='text-private' label='The password' var='muc#roomconfig_roomsecret'><value/></field><field type='list-single' label='How many may be in the room' var='muc#roomconfig_maxusers'><option label='10'><value>10</value></option><option label='20'><value>20</value></option><option label='50'><value>50</value></option><option label='100'><value>100</value></option><option label='500'><value>500</value></option><option label='1000'><value>1000</value></option><option label='As many as the service allows'><value>none</value></option><value>none</value></field><field type='boolean' label='Newcomers need to be given voice' var='muc#roomconfig_moderatedroom'><value>0</value></field><field type='list-single' label='Who may see real JIDs' var='muc#roomconfig_whois'><option label='Moderators'><value>moderators</value></option><option label='Anyone'><value>anyone</value></option><value>moderators</value></field><field type='list-multi' label='Whose presence is shown' var='muc#roomconfig_presencebroadcast'><option label='Moderators'><value>moderator</value></option><option label='Participants'><value>participant</value></option><option label='Visitors'><value>visitor</value></option><option label='Members who are not in the room'><value>none</value></option><value>moderator</value><value>participant</value><value>visitor</value></field><field type='list-single' label='Who may send private messages' var='muc#roomconfig_allowpm'><option label='Anyone'><value>anyone</value></option><option label='Those with voice'><value>participants</value></option><option label='Moderators'><value>moderators</value></option><option label='Members'><value>affiliated</value></option><option label='Nobody'><value>none</value></option><value>anyone</value></field><field type='boolean' label='Participants may change the subject' var='muc#roomconfig_changesubject'><value>0</value></field><field type='text-single' label='Messages that are kept for newcomers, at most' var='muc#roomconfig_historylength'><value>20</value></field><field type='text-single' label='Messages that a newcomer is shown if it does not say' var='muc#roomconfig_defaulthistorymessages'><value>20</value></field><field type='boolean' label='The archive keeps what is said' var='muc#roomconfig_enablearchiving'><value>1</value></field><field type='boolean' label='What is said is logged publicly' var='muc#roomconfig_enablelogging'><value>0</value></field><field type='boolean' label='Those who have registered a nickname must use it' var='muc#roomconfig_reservednick'><value>0</value></field></x></query></iq>
        "#]],
    );
}

#[test]
fn the_broadcast_of_presence_is_chosen() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    stage.play(&admin("owner", "<item jid='mel@h' affiliation='member' nick='Mel'/><item jid='max@h' affiliation='member'/>"));
    let broadcast = |values: &str| {
        configure(&[])
            .replace("</x></query>", &format!("<field var='muc#roomconfig_presencebroadcast'>{values}</field></x></query>"))
    };
    check(
        &mut stage,
        &broadcast("<value>moderator</value>"),
        expect![[r#"
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><item affiliation='none' role='none' jid='ann@h/1'/></x></presence>
        owner < <iq from='r@c' id='c' type='result'/>
        ann < <message from='r@c' type='groupchat'><x #='user'><status code='104'/></x></message>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='104'/></x></message>
    "#]],
    );
    check(
        &mut stage,
        "ann: <presence to='r@c/Ann'><show>away</show></presence>",
        expect![[r#"
        ann < <presence from='r@c/Ann'><show>away</show><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
    "#]],
    );
    check(
        &mut stage,
        &broadcast("<value>moderator</value><value>participant</value><value>none</value>"),
        expect![[r#"
        owner < <presence from='r@c/Ann'><show>away</show><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/></x></presence>
        owner < <presence from='r@c' type='unavailable'><x #='user'><item affiliation='member' role='none' jid='max@h'/></x></presence>
        ann < <presence from='r@c/Mel' type='unavailable'><x #='user'><item affiliation='member' role='none' nick='Mel'/></x></presence>
        owner < <presence from='r@c/Mel' type='unavailable'><x #='user'><item affiliation='member' role='none' nick='Mel' jid='mel@h'/></x></presence>
        owner < <iq from='r@c' id='c' type='result'/>
        ann < <message from='r@c' type='groupchat'><x #='user'><status code='104'/></x></message>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='104'/></x></message>
    "#]],
    );
    check(
        &mut stage,
        &join("bob", "Bob"),
        expect![[r#"
        bob < <presence from='r@c/Ann'><show>away</show><x #='user'><item affiliation='none' role='participant'/></x></presence>
        bob < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
        bob < <presence from='r@c/Mel' type='unavailable'><x #='user'><item affiliation='member' role='none' nick='Mel'/></x></presence>
        ann < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        owner < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant' jid='bob@h/1'/></x></presence>
        bob < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant' jid='bob@h/1'/><status code='110'/></x></presence>
        bob < <message from='r@c' type='groupchat'><subject/></message>
    "#]],
    );
}

#[test]
fn a_room_ends_with_its_last_occupant_or_by_its_owner() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        "ann: <iq id='d' type='set' to='r@c'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy/></query></iq>
         owner: <iq id='d' type='set' to='r@c'><query xmlns='http://jabber.org/protocol/muc#owner'><destroy jid='s@c'><reason>moved</reason></destroy></query></iq>",
        expect![[r#"
            ann < <iq from='r@c' id='d' type='error'><error type='auth'><forbidden/><text>only owners may configure or destroy the room</text></error></iq>
            ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><destroy jid='s@c'><reason>moved</reason></destroy><item affiliation='none' role='none' jid='ann@h/1'/><status code='110'/></x></presence>
            owner < <presence from='r@c/Owner' type='unavailable'><x #='user'><destroy jid='s@c'><reason>moved</reason></destroy><item affiliation='none' role='none' jid='owner@h/1'/><status code='110'/></x></presence>
            owner < <iq from='r@c' id='d' type='result'/>
        "#]],
    );
    assert!(stage.room.is_absent());
    let mut stage = Stage::opened();
    stage.play("owner: GONE");
    assert!(stage.room.is_absent());
    let mut stage = Stage::new();
    stage.play(&join("owner", "Owner"));
    let cancel = "owner: <iq id='x' type='set' to='r@c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='cancel'/></query></iq>";
    check(
        &mut stage,
        cancel,
        expect![[r#"
        owner < <presence from='r@c/Owner' type='unavailable'><x #='user'><destroy/><item affiliation='none' role='none' jid='owner@h/1'/><status code='110'/></x></presence>
        owner < <iq from='r@c' id='x' type='result'/>
    "#]],
    );
    assert!(stage.room.is_absent());
}

#[test]
fn a_room_can_be_discovered() {
    let mut stage = Stage::opened();
    check(
        &mut stage,
        "ann: <iq id='1' type='get' to='r@c'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>
         ann: <iq id='2' type='get' to='r@c'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
         ann: <iq id='3' type='get' to='r@c'><query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/></iq>
         ann: <iq id='4' type='get' to='r@c'><query xmlns='urn:example:what'/></iq>
         ann: <iq id='5' type='get' to='r@c'><ping xmlns='urn:xmpp:ping'/></iq>",
        expect![[r#"
            ann < <iq from='r@c' id='1' type='result'><query xmlns='http://jabber.org/protocol/disco#info'><identity category='conference' type='text' name='r'/><feature var='http://jabber.org/protocol/muc'/><feature var='http://jabber.org/protocol/disco#info'/><feature var='http://jabber.org/protocol/disco#items'/><feature var='http://jabber.org/protocol/muc#stable_id'/><feature var='http://jabber.org/protocol/muc#self-ping-optimization'/><feature var='urn:xmpp:ping'/><feature var='jabber:iq:register'/><feature var='urn:xmpp:occupant-id:0'/><feature var='urn:xmpp:sid:0'/><feature var='muc_hidden'/><feature var='muc_temporary'/><feature var='muc_open'/><feature var='muc_semianonymous'/><feature var='muc_unmoderated'/><feature var='muc_unsecured'/><x xmlns='jabber:x:data' type='result'><field type='hidden' var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roominfo</value></field><field type='text-single' label='Description' var='muc#roominfo_description'><value/></field><field type='text-single' label='Number of occupants' var='muc#roominfo_occupants'><value>1</value></field><field type='text-single' label='Name' var='muc#roomconfig_roomname'><value/></field><field type='boolean' label='Participants may change the subject' var='muc#roomconfig_changesubject'><value>0</value></field><field type='boolean' label='Members may invite others' var='muc#roomconfig_allowinvites'><value>0</value></field><field type='text-single' label='Who may send private messages' var='muc#roomconfig_allowpm'><value>anyone</value></field></x></query></iq>
            ann < <iq from='r@c' id='2' type='result'><query xmlns='http://jabber.org/protocol/disco#items'/></iq>
            ann < <iq from='r@c' id='3' type='result'><query xmlns='http://jabber.org/protocol/disco#info' node='x-roomuser-item'/></iq>
            ann < <iq from='r@c' id='4' type='error'><error type='cancel'><service-unavailable/><text>a room does not do that</text></error></iq>
            ann < <iq from='r@c' id='5' type='result'/>
        "#]],
    );
    let mut absent = Stage::new();
    check(
        &mut absent,
        "ann: <iq id='1' type='get' to='r@c'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
        expect![[r#"
        ann < <iq from='r@c' id='1' type='error'><error type='cancel' by='c'><item-not-found/><text>there is no such room</text></error></iq>
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
    check(
        &mut stage,
        "ann: <iq id='s' type='get' to='r@c/Ann'><ping xmlns='urn:xmpp:ping'/></iq>
         ann: <iq id='v' type='get' to='r@c/Owner'><vCard xmlns='vcard-temp'/></iq>
         ann: <iq id='n' type='get' to='r@c/Nobody'><ping xmlns='urn:xmpp:ping'/></iq>",
        expect![[r#"
            ann < <iq from='r@c/Ann' id='s' type='result'/>
            ann < <iq from='r@c/Owner' id='v' type='error'><error type='cancel'><service-unavailable/><text>this account keeps no such thing</text></error></iq>
            ann < <iq from='r@c/Nobody' id='n' type='error'><error type='cancel'><item-not-found/><text>nobody of that nickname is in the room</text></error></iq>
        "#]],
    );
}

#[test]
fn a_probe_shows_an_occupant() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    stage.play(&admin("owner", "<item jid='mel@h' affiliation='member' nick='Mel'/>"));
    check(
        &mut stage,
        "ann: <presence type='probe' to='r@c/Owner'/>
         ann: <presence type='probe' to='r@c/Mel'/>
         ann: <presence type='probe' to='r@c/Nobody'/>",
        expect![[r#"
            ann < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
            ann < <presence from='r@c/Mel' type='unavailable'><x #='user'><item affiliation='member' role='none' nick='Mel'/></x></presence>
        "#]],
    );
}

#[test]
fn a_cancelled_form_ends_only_a_room_that_is_still_new() {
    let mut stage = Stage::new();
    stage.play(&join("owner", "Owner"));
    stage.now = Timestamp(stage.now.0 + 300_001);
    stage.play(&join("ann", "Ann"));
    stage.play("owner: <iq id='x' type='set' to='r@c'><query xmlns='http://jabber.org/protocol/muc#owner'><x xmlns='jabber:x:data' type='cancel'/></query></iq>");
    assert_eq!(stage.room.occupant_count(), 2);
}

#[test]
fn one_set_cannot_reserve_a_nick_twice() {
    let mut stage = Stage::opened();
    let twice = "<item jid='ann@h' affiliation='member' nick='Star'/><item jid='bob@h' affiliation='member' nick='Star'/>";
    assert!(stage.play(&admin("owner", twice)).contains("<conflict/>"));
    let moved = "<item jid='ann@h' affiliation='member' nick='Star'/><item jid='ann@h' affiliation='member' nick=''/><item jid='bob@h' affiliation='member' nick='Star'/>";
    assert!(
        stage.play(&admin("owner", moved)).contains("type='result'"),
        "each item is judged in the room as the ones before leave it"
    );
    assert!(stage.play(&join("ann", "Star")).contains("<conflict/>"));
    assert!(stage.play(&join("bob", "Star")).contains("code='110'"));
}

#[test]
fn a_session_that_was_replaced_takes_nothing_from_the_new_one() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    stage.play("ann: BOUND ANEW");
    stage.play(&join("ann", "Ann"));
    stage.play("ann: FORMER");
    check(&mut stage, &format!("{}ann: GONE", join("ann", "Ann")), expect![[""]]);
    assert_eq!(stage.room.occupant_count(), 2);
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
        expect![[r#"
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
fn whoever_is_outside_learns_nothing() {
    let mut stage = Stage::opened();
    let asks = |stage: &mut Stage, nick: &str| stage.play(&admin("eve", &format!("<item nick='{nick}' affiliation='outcast'/>")));
    assert_eq!(asks(&mut stage, "Owner"), asks(&mut stage, "Nobody"), "who is in the room");
    let mut locked = Stage::new();
    locked.play(&join("owner", "Owner"));
    let mut absent = Stage::new();
    for stanza in [
        "<message type='groupchat' to='r@c'><body>hi</body></message>",
        "<message type='chat' to='r@c/Owner'><body>hi</body></message>",
        "<iq type='get' id='1' to='r@c/Owner'><query xmlns='jabber:iq:version'/></iq>",
        "<iq type='get' id='1' to='r@c'><query xmlns='http://jabber.org/protocol/disco#info'/></iq>",
        "<iq type='get' id='1' to='r@c/Eve'><ping xmlns='urn:xmpp:ping'/></iq>",
        "<presence type='probe' to='r@c/Owner'/>",
    ] {
        let line = format!("eve: {stanza}");
        assert_eq!(locked.play(&line), absent.play(&line), "a room that is locked looks like none");
    }
}

#[test]
fn setting_what_already_holds_alters_nothing() {
    let mut stage = Stage::opened();
    stage.play(&admin("owner", "<item jid='ann@h' affiliation='member'><reason>kind</reason></item>"));
    stage.play(&join("ann", "Ann"));
    stage.play(&admin("owner", "<item nick='Ann' role='visitor'/>"));
    assert!(
        stage.play(&admin("owner", "<item jid='ann@h' affiliation='member'/>")).contains("role='visitor'"),
        "she is still mute"
    );
    assert!(stage.play(&list("owner", "<item affiliation='member'/>")).contains("<reason>kind</reason>"));
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
fn archiving_has_codes_of_its_own() {
    let mut stage = Stage::opened();
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_enablearchiving", "0")]),
        expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='171'/></x></message>
    "#]],
    );
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_enablearchiving", "1"), ("muc#roomconfig_whois", "anyone")]),
        expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='170'/><status code='172'/></x></message>
    "#]],
    );
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

//! Entering and leaving (§7.2, §7.14, §11.1): who gets in, what each is told, who is still there.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod stage;

use conclave_xmpp::Timestamp;
use expect_test::expect;
use stage::{JOIN, Stage, admin, check, configure, join};

#[test]
fn a_new_room_is_locked_until_its_creator_opens_it() {
    let mut stage = Stage::new();
    check(
        &mut stage,
        &join("owner", "Owner"),
        &expect![[r#"
        owner < <presence from='r@c/Owner'><x #='user'><status code='201'/><item affiliation='owner' role='moderator' jid='owner@h/1'/><status code='110'/></x></presence>
        owner < <message from='r@c' type='groupchat'><subject/></message>
    "#]],
    );
    check(
        &mut stage,
        &join("ann", "Ann"),
        &expect![[r#"
        ann < <presence from='r@c/Ann' type='error'><x #='muc'/><error type='cancel' by='c'><item-not-found/><text>there is no such room</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        &configure(&[]),
        &expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &join("ann", "Ann"),
        &expect![[r#"
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
        &expect![[r#"
        bad < <presence from='r@c/Bad' type='error'><x #='muc'/><error type='auth' code='403' by='r@c'><forbidden/><text>you are banned from this room</text></error></presence>
        ann < <presence from='r@c/Mel' type='error'><x #='muc'/><error type='cancel' code='409' by='r@c'><conflict/><text>this nickname is reserved for somebody else</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        &join("ann", "Owner"),
        &expect![[r#"
        ann < <presence from='r@c/Owner' type='error'><x #='muc'/><error type='cancel' code='409' by='r@c'><conflict/><text>this nickname is in use by somebody else</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        &format!("ann: <presence to='r@c'>{JOIN}</presence>"),
        &expect![[r#"
        ann < <presence from='r@c' type='error'><x #='muc'/><error type='modify' by='r@c'><jid-malformed/><text>entering takes a nick: room@service/nick</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        "ann: <presence to='r@c/Ann'/>",
        &expect![[r#"
        ann < <presence from='r@c/Ann' type='error'><error type='cancel' by='c'><item-not-found/><text>entering takes a presence with the muc element</text></error></presence>
    "#]],
    );
    stage.play(&configure(&[("muc#roomconfig_roomsecret", "sesame"), ("muc#roomconfig_membersonly", "1")]));
    check(
        &mut stage,
        &format!("{}{}", join("ann", "Ann"), join("mel", "Mel")),
        &expect![[r#"
        ann < <presence from='r@c/Ann' type='error'><x #='muc'/><error type='auth' code='407' by='r@c'><registration-required/><text>this room is for members only</text></error></presence>
        mel < <presence from='r@c/Mel' type='error'><x #='muc'/><error type='auth' code='401' by='r@c'><not-authorized/><text>the password is missing or wrong</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        "mel: <presence to='r@c/Mel'><x xmlns='http://jabber.org/protocol/muc'><password>sesame</password></x></presence>",
        &expect![[r#"
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
        &expect![[r#"
        bob < <presence from='r@c/Bob' type='error'><x #='muc'/><error type='wait' by='r@c'><service-unavailable/><text>the room is full; try again when somebody has left</text></error></presence>
    "#]],
    );
    assert!(stage.play(&join("ann", "Ann")).contains("code='110'"));
    assert!(stage.play(&join("ann/2", "Ann")).contains("code='110'"), "a further session takes no place");
}

#[test]
fn several_sessions_share_a_nick() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        &join("ann/2", "Ann"),
        &expect![[r#"
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
        &expect![[r#"
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
        &expect![[r#"
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
        &expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><item affiliation='none' role='none' jid='ann@h/1'/><status code='110'/></x></presence>
        ann/2 < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/2'/><status code='110'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/2'/></x></presence>
    "#]],
    );
    check(
        &mut stage,
        "ann/2: GONE",
        &expect![[r#"
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
        &expect![[r#"
        ann < <message from='r@c' id='1' type='error'><error type='cancel'><not-acceptable/><text>You are not currently connected to this chat</text></error></message>
    "#]],
    );
    assert!(stage.play(&join("ann", "Other")).contains("r@c/Ann' type='unavailable'"));
    assert_eq!(stage.room.occupant_count(), 2);
}

#[test]
fn a_session_that_was_replaced_takes_nothing_from_the_new_one() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    stage.play("ann: BOUND ANEW");
    stage.play(&join("ann", "Ann"));
    stage.play("ann: FORMER");
    check(&mut stage, &format!("{}ann: GONE", join("ann", "Ann")), &expect![[""]]);
    assert_eq!(stage.room.occupant_count(), 2);
}

#[test]
fn a_bounced_stanza_removes_the_session() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        "ann: <message type='error' to='r@c/Owner'><error type='cancel'><item-not-found xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
        &expect![[r#"
            ann < <presence from='r@c/Ann' type='unavailable'><status>Kicked: item not found</status><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/><status code='110'/></x></presence>
            owner < <presence from='r@c/Ann' type='unavailable'><status>Kicked: item not found</status><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/></x></presence>
        "#]],
    );
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        "ann: <message type='error' to='r@c'><error type='modify'><bad-request xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/></error></message>",
        &expect![[""]],
    );
}

#[test]
fn nicks_change_with_303_and_keep_the_role() {
    let mut stage = Stage::opened();
    stage.play(&join("ann", "Ann"));
    check(
        &mut stage,
        "ann: <presence to='r@c/Anna'><show>away</show></presence>",
        &expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='303'/><item affiliation='none' role='participant' jid='ann@h/1' nick='Anna'/><status code='110'/></x></presence>
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='303'/><item affiliation='none' role='participant' jid='ann@h/1' nick='Anna'/></x></presence>
        owner < <presence from='r@c/Anna'><show>away</show><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/></x></presence>
        ann < <presence from='r@c/Anna'><show>away</show><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
    "#]],
    );
    check(
        &mut stage,
        "ann: <presence to='r@c/Owner'/>",
        &expect![[r#"
        ann < <presence from='r@c/Owner' type='error'><error type='cancel' code='409' by='r@c'><conflict/><text>this nickname is in use by somebody else</text></error></presence>
    "#]],
    );
}

//! What owners do (§10): configuring, whose presence is shown, the end of a room.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod stage;

use conclave_xmpp::Timestamp;
use expect_test::expect;
use stage::{Stage, admin, check, configure, join};

#[test]
fn the_configuration_is_checked_field_by_field() {
    let mut stage = Stage::opened();
    for (var, value) in [
        ("muc#roomconfig_persistentroom", "for ever"),
        ("muc#roomconfig_publicroom", "perhaps"),
        ("muc#roomconfig_whois", "nobody"),
        ("muc#roomconfig_maxusers", "101"),
        ("muc#roomconfig_passwordprotectedroom", "1"),
        ("muc#roomconfig_enablelogging", "1"),
        ("muc#roomconfig_colour", "blue"),
        ("muc#roomconfig_roomname", "two&#xA;lines"),
    ] {
        let sent = stage.play(&configure(&[(var, value)]));
        assert!(sent.contains("type='error'"), "{var}: {sent}");
    }
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_whois", "anyone")]),
        &expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='172'/></x></message>
    "#]],
    );
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_roomname", "Den"), ("muc#roomconfig_whois", "moderators")]),
        &expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='104'/><status code='173'/></x></message>
    "#]],
    );
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_roomname", "Den")]),
        &expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        "owner: <iq id='f' type='get' to='r@c'><query xmlns='http://jabber.org/protocol/muc#owner'/></iq>",
        &expect![[r#"
            owner < <iq from='r@c' id='f' type='result'><query #='owner'><x xmlns='jabber:x:data' type='form'><title>Configuration of this room</title><instructions>Fields that you leave out of your answer keep their value.</instructions><field type='hidden' var='FORM_TYPE'><value>http://jabber.org/protocol/muc#roomconfig</value></field><field type='text-single' label='Name' var='muc#roomconfig_roomname'><value>Den</value></field><field type='text-single' label='Description' var='muc#roomconfig_roomdesc'><value/></field><field type='text-single' label='Language (a tag such as en or de-AT)' var='muc#roomconfig_lang'><value/></field><field type='boolean' label='The room stays when everybody has left' var='muc#roomconfig_persistentroom'><value>0</value></field><field type='boolean' label='The room is listed' var='muc#roomconfig_publicroom'><value>0</value></field><field type='boolean' label='Only members may enter' var='muc#roomconfig_membersonly'><value>0</value></field><field type='boolean' label='Members may invite others' var='muc#roomconfig_allowinvites'><value>0</value></field><field type='list-multi' label='Who may read the list of members' var='muc#roomconfig_getmemberlist'><option label='Moderators'><value>moderator</value></option><option label='Participants'><value>participant</value></option><option label='Visitors'><value>visitor</value></option><value>moderator</value></field><field type='boolean' label='A password is needed to enter' var='muc#roomconfig_passwordprotectedroom'><value>0</value></field><field type='text-private' label='The password' var='muc#roomconfig_roomsecret'><value/></field><field type='list-single' label='How many may be in the room' var='muc#roomconfig_maxusers'><option label='10'><value>10</value></option><option label='20'><value>20</value></option><option label='50'><value>50</value></option><option label='100'><value>100</value></option><option label='500'><value>500</value></option><option label='1000'><value>1000</value></option><option label='As many as the service allows'><value>none</value></option><value>none</value></field><field type='boolean' label='Newcomers need to be given voice' var='muc#roomconfig_moderatedroom'><value>0</value></field><field type='list-single' label='Who may see real JIDs' var='muc#roomconfig_whois'><option label='Moderators'><value>moderators</value></option><option label='Anyone'><value>anyone</value></option><value>moderators</value></field><field type='list-multi' label='Whose presence is shown' var='muc#roomconfig_presencebroadcast'><option label='Moderators'><value>moderator</value></option><option label='Participants'><value>participant</value></option><option label='Visitors'><value>visitor</value></option><option label='Members who are not in the room'><value>none</value></option><value>moderator</value><value>participant</value><value>visitor</value></field><field type='list-single' label='Who may send private messages' var='muc#roomconfig_allowpm'><option label='Anyone'><value>anyone</value></option><option label='Those with voice'><value>participants</value></option><option label='Moderators'><value>moderators</value></option><option label='Members'><value>affiliated</value></option><option label='Nobody'><value>none</value></option><value>anyone</value></field><field type='boolean' label='Participants may change the subject' var='muc#roomconfig_changesubject'><value>0</value></field><field type='text-single' label='Messages that are kept for newcomers, at most' var='muc#roomconfig_historylength'><value>20</value></field><field type='text-single' label='Messages that a newcomer is shown if it does not say' var='muc#roomconfig_defaulthistorymessages'><value>20</value></field><field type='boolean' label='What is said may be archived (there is no archive yet)' var='muc#roomconfig_enablearchiving'><value>1</value></field><field type='boolean' label='What is said is logged publicly' var='muc#roomconfig_enablelogging'><value>0</value></field><field type='boolean' label='Those who have registered a nickname must use it' var='muc#roomconfig_reservednick'><value>0</value></field></x></query></iq>
        "#]],
    );
}

#[test]
fn archiving_has_codes_of_its_own() {
    let mut stage = Stage::opened();
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_enablearchiving", "0")]),
        &expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='171'/></x></message>
    "#]],
    );
    check(
        &mut stage,
        &configure(&[("muc#roomconfig_enablearchiving", "1"), ("muc#roomconfig_whois", "anyone")]),
        &expect![[r#"
        owner < <iq from='r@c' id='c' type='result'/>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='170'/><status code='172'/></x></message>
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
        &expect![[r#"
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><item affiliation='none' role='none' jid='ann@h/1'/></x></presence>
        owner < <iq from='r@c' id='c' type='result'/>
        ann < <message from='r@c' type='groupchat'><x #='user'><status code='104'/></x></message>
        owner < <message from='r@c' type='groupchat'><x #='user'><status code='104'/></x></message>
    "#]],
    );
    check(
        &mut stage,
        "ann: <presence to='r@c/Ann'><show>away</show></presence>",
        &expect![[r#"
        ann < <presence from='r@c/Ann'><show>away</show><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
    "#]],
    );
    check(
        &mut stage,
        &broadcast("<value>moderator</value><value>participant</value><value>none</value>"),
        &expect![[r#"
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
        &expect![[r#"
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
        &expect![[r#"
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
        &expect![[r#"
        owner < <presence from='r@c/Owner' type='unavailable'><x #='user'><destroy/><item affiliation='none' role='none' jid='owner@h/1'/><status code='110'/></x></presence>
        owner < <iq from='r@c' id='x' type='result'/>
    "#]],
    );
    assert!(stage.room.is_absent());
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

//! What can be found out (§6, §17.3), and what cannot.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod stage;

use expect_test::expect;
use stage::{Stage, admin, check, join};

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
        &expect![[r#"
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
        &expect![[r#"
        ann < <iq from='r@c' id='1' type='error'><error type='cancel' by='c'><item-not-found/><text>there is no such room</text></error></iq>
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
        &expect![[r#"
            ann < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
            ann < <presence from='r@c/Mel' type='unavailable'><x #='user'><item affiliation='member' role='none' nick='Mel'/></x></presence>
        "#]],
    );
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

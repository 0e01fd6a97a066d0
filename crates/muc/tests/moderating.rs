//! Roles, affiliations and reserved nicks (§7.10, §8, §9).

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod stage;

use expect_test::expect;
use stage::{Stage, admin, check, configure, join, list};

#[test]
fn roles_are_given_and_taken() {
    let mut stage = Stage::opened();
    stage.play(&format!("{}{}", join("ann", "Ann"), join("bob", "Bob")));
    check(
        &mut stage,
        &admin("owner", "<item nick='Ann' role='visitor'><reason>hush</reason></item>"),
        &expect![[r#"
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='visitor' jid='ann@h/1'><actor nick='Owner'/><reason>hush</reason></item><status code='110'/></x></presence>
        bob < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='visitor'><actor nick='Owner'/><reason>hush</reason></item></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='visitor' jid='ann@h/1'><actor nick='Owner' jid='owner@h/1'/><reason>hush</reason></item></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        "ann: <message type='groupchat' to='r@c' id='1'><body>hi</body></message>",
        &expect![[r#"
        ann < <message from='r@c' id='1' type='error'><error type='auth'><forbidden/><text>a visitor may not speak in a moderated room</text></error></message>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", "<item nick='Ann' role='moderator'/>"),
        &expect![[r#"
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
        &expect![[r#"
        ann < <iq from='r@c' id='a' type='error'><error type='cancel'><not-allowed/><text>nobody may be moderated by somebody of a lower affiliation</text></error></iq>
    "#]],
    );
    check(
        &mut stage,
        &admin("ann", "<item nick='Bob' role='none'><reason>out</reason></item>"),
        &expect![[r#"
        bob < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='307'/><item affiliation='none' role='none' jid='bob@h/1'><actor nick='Ann'/><reason>out</reason></item><status code='110'/></x></presence>
        ann < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='307'/><item affiliation='none' role='none' jid='bob@h/1'><actor nick='Ann' jid='ann@h/1'/><reason>out</reason></item></x></presence>
        owner < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='307'/><item affiliation='none' role='none' jid='bob@h/1'><actor nick='Ann' jid='ann@h/1'/><reason>out</reason></item></x></presence>
        ann < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &list("ann", "<item role='moderator'/>"),
        &expect![[r#"
        ann < <iq from='r@c' id='l' type='result'><query #='admin'><item affiliation='none' jid='ann@h/1' nick='Ann' role='moderator'/><item affiliation='owner' jid='owner@h/1' nick='Owner' role='moderator'/></query></iq>
    "#]],
    );
    check(
        &mut stage,
        &admin("bob", "<item nick='Ann' role='none'/>"),
        &expect![[r#"
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
        &expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='301'/><item affiliation='outcast' role='none' jid='ann@h/1'><actor nick='Owner'/><reason>noise</reason></item><status code='110'/></x></presence>
        bob < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='301'/><item affiliation='outcast' role='none'><actor nick='Owner'/><reason>noise</reason></item></x></presence>
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='301'/><item affiliation='outcast' role='none' jid='ann@h/1'><actor nick='Owner' jid='owner@h/1'/><reason>noise</reason></item></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", "<item jid='eve@h' affiliation='outcast'/>"),
        &expect![[r#"
        owner < <message from='r@c'><x #='user'><status code='301'/><item jid='eve@h' affiliation='outcast'/></x></message>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &list("owner", "<item affiliation='outcast'/>"),
        &expect![[r#"
        owner < <iq from='r@c' id='l' type='result'><query #='admin'><item affiliation='outcast' jid='ann@h'><reason>noise</reason></item><item affiliation='outcast' jid='eve@h'/></query></iq>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", "<item jid='h' affiliation='outcast'/>"),
        &expect![[r#"
        bob < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='301'/><item affiliation='outcast' role='none' jid='bob@h/1'><actor nick='Owner'/></item><status code='110'/></x></presence>
        owner < <presence from='r@c/Bob' type='unavailable'><x #='user'><status code='301'/><item affiliation='outcast' role='none' jid='bob@h/1'><actor nick='Owner' jid='owner@h/1'/></item></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    assert_eq!(stage.room.occupant_count(), 1, "the owner has an affiliation of its own");
    check(
        &mut stage,
        &admin("owner", "<item jid='owner@h' affiliation='outcast'/>"),
        &expect![[r#"
        owner < <iq from='r@c' id='a' type='error'><error type='cancel'><conflict/><text>nobody may ban itself</text></error></iq>
    "#]],
    );
    check(
        &mut stage,
        &list("ann", "<item affiliation='outcast'/>"),
        &expect![[r#"
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
        &expect![[r#"
        owner < <iq from='r@c' id='a' type='error'><error type='cancel'><conflict/><text>a room must keep an owner</text></error></iq>
    "#]],
    );
    check(
        &mut stage,
        &list("owner", "<item affiliation='member'/>"),
        &expect![[r#"
        owner < <iq from='r@c' id='l' type='result'><query #='admin'/></iq>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", items),
        &expect![[r#"
        owner < <message from='r@c'><x #='user'><item jid='ann@h' affiliation='owner'/></x></message>
        owner < <presence from='r@c/Owner'><x #='user'><item affiliation='none' role='participant' jid='owner@h/1'><actor nick='Owner'/></item><status code='110'/></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
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
        &expect![[r#"
        bob < <iq from='r@c' id='r' type='error'><error type='auth'><registration-required/><text>only affiliated users may register here</text></error></iq>
    "#]],
    );
    check(
        &mut stage,
        &register("ann", "Owner"),
        &expect![[r#"
        ann < <iq from='r@c' id='r' type='error'><error type='cancel'><conflict/><text>this nickname belongs to somebody else</text></error></iq>
    "#]],
    );
    check(
        &mut stage,
        &register("ann", "Ann"),
        &expect![[r#"
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='member' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='member' role='participant' jid='ann@h/1'/></x></presence>
        ann < <iq from='r@c' id='r' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &register("ann", "Ann"),
        &expect![[r#"
        ann < <iq from='r@c' id='r' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        "ann: <iq id='g' type='get' to='r@c'><query xmlns='jabber:iq:register'/></iq>",
        &expect![[r#"
        ann < <iq from='r@c' id='g' type='result'><query xmlns='jabber:iq:register'><registered/><username>Ann</username></query></iq>
    "#]],
    );
    check(
        &mut stage,
        "ann: <iq id='u' type='set' to='r@c'><query xmlns='jabber:iq:register'><remove/></query></iq>",
        &expect![[r#"
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
        &expect![[r#"
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
        &expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='321'/><item affiliation='none' role='none' jid='ann@h/1'><actor nick='Owner'/></item><status code='110'/></x></presence>
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='321'/><item affiliation='none' role='none' jid='ann@h/1'><actor nick='Owner' jid='owner@h/1'/></item></x></presence>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
    check(
        &mut stage,
        &admin("owner", "<item jid='ann@h' affiliation='none'/>"),
        &expect![[r#"
        owner < <message from='r@c'><x #='user'><status code='321'/><item jid='ann@h' affiliation='none'/></x></message>
        owner < <iq from='r@c' id='a' type='result'/>
    "#]],
    );
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

//! Sessions whose connection is gone: they stay, come back unseen, or leave once; and persistent rooms, which wait for anybody.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod stage;

use conclave_muc::{Attachment, Change};
use expect_test::expect;
use proptest::prelude::*;
use stage::{JOIN, Stage, admin, check, configure, join};

/// `owner`, who sees real JIDs, `bob`, who does not, and `ann`, who is detached.
fn with_detached_ann() -> Stage {
    let mut stage = Stage::opened();
    stage.play(&join("bob", "Bob"));
    stage.play(&join("ann", "Ann"));
    check(&mut stage, "ann: DETACHED", &expect![[""]]);
    stage
}

#[test]
fn whoever_is_detached_is_still_there_for_everybody() {
    let mut stage = with_detached_ann();
    assert_eq!((stage.room.occupant_count(), stage.room.detached().count()), (3, 1));
    check(
        &mut stage,
        "bob: <message to='r@c/Ann' type='chat' id='1'><body>psst</body></message>
         bob: <presence to='r@c/Ann' type='probe'/>
         bob: <iq to='r@c/Ann' type='get' id='2'><query xmlns='jabber:iq:version'/></iq>",
        &expect![[r#"
            ann < <message from='r@c/Bob' id='1' type='chat'><body>psst</body><x #='user'/></message>
            bob < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant'/></x></presence>
            bob < <iq from='r@c/Ann' id='2' type='error'><error type='wait'><recipient-unavailable/><text>whom you ask is disconnected; try again later</text></error></iq>
        "#]],
    );
    check(
        &mut stage,
        &join("eve", "Ann"),
        &expect![[r#"
        eve < <presence from='r@c/Ann' type='error'><x #='muc'/><error type='cancel' code='409' by='r@c'><conflict/><text>this nickname is in use by somebody else</text></error></presence>
    "#]],
    );
    check(
        &mut stage,
        &join("eve", "Eve"),
        &expect![[r#"
        eve < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        eve < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        eve < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
        ann < <presence from='r@c/Eve'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        bob < <presence from='r@c/Eve'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        owner < <presence from='r@c/Eve'><x #='user'><item affiliation='none' role='participant' jid='eve@h/1'/></x></presence>
        eve < <presence from='r@c/Eve'><x #='user'><item affiliation='none' role='participant' jid='eve@h/1'/><status code='110'/></x></presence>
        eve < <message from='r@c' type='groupchat'><subject/></message>
    "#]],
    );
    check(
        &mut stage,
        "bob: <message to='r@c' type='groupchat' id='3'><body>hi</body></message>",
        &expect![[r#"
        ann < <message from='r@c/Bob' id='3' type='groupchat'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000008' by='r@c'/></message>
        bob < <message from='r@c/Bob' id='3' type='groupchat'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000008' by='r@c'/></message>
        eve < <message from='r@c/Bob' id='3' type='groupchat'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000008' by='r@c'/></message>
        owner < <message from='r@c/Bob' id='3' type='groupchat'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000008' by='r@c'/></message>
    "#]],
    );
}

#[test]
fn the_same_client_that_enters_again_is_seen_by_itself_alone() {
    let mut stage = with_detached_ann();
    stage.play("bob: <message to='r@c' type='groupchat' id='1'><body>missed</body></message>");
    check(
        &mut stage,
        &format!("ann: ELSEWHERE\n{}", join("ann", "Ann")),
        &expect![[r#"
            ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/><status code='110'/></x></presence>
            ann < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant'/></x></presence>
            ann < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
            ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
            ann < <message from='r@c/Bob' id='1' type='groupchat'><body>missed</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000006' by='r@c'/><delay xmlns='urn:xmpp:delay' from='r@c' stamp='2023-11-14T22:13:20.000Z'/></message>
            ann < <message from='r@c' type='groupchat'><subject/></message>
        "#]],
    );
    assert_eq!((stage.room.occupant_count(), stage.room.detached().count()), (3, 0));
    check(&mut stage, "ann: FORMER\nann: EXPIRED\nann: GONE", &expect![[""]]);
}

/// Its last words were on their way when the full JID was bound anew, and the new session was quicker.
#[test]
fn a_former_session_that_comes_too_late_takes_nothing_from_the_newer_one() {
    let mut stage = Stage::opened();
    stage.play(&format!("ann: ELSEWHERE\n{}", join("ann", "Ann")));
    let former = stage.attachment("ann");
    stage.go_to("ann", Attachment(former.0 + 1));
    check(&mut stage, &format!("ann: FORMER\n{}\n{}\nann: GONE", join("ann", "Ann"), join("ann", "Other")), &expect![[""]]);
    assert_eq!((stage.room.occupant_count(), stage.room.detached().count()), (2, 0));
}

#[test]
fn what_a_client_says_of_itself_when_it_comes_back_is_shown() {
    let mut stage = with_detached_ann();
    let away = format!("ann: ELSEWHERE\nann: <presence to='r@c/Ann'>{JOIN}<show>away</show></presence>");
    check(
        &mut stage,
        &away,
        &expect![[r#"
            ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/><status code='110'/></x></presence>
            ann < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant'/></x></presence>
            ann < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
            bob < <presence from='r@c/Ann'><show>away</show><x #='user'><item affiliation='none' role='participant'/></x></presence>
            owner < <presence from='r@c/Ann'><show>away</show><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/></x></presence>
            ann < <presence from='r@c/Ann'><show>away</show><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
            ann < <message from='r@c' type='groupchat'><subject/></message>
        "#]],
    );
}

#[test]
fn another_resource_is_news_for_those_who_see_real_jids() {
    let mut stage = with_detached_ann();
    check(
        &mut stage,
        &join("ann/new", "Ann"),
        &expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/><status code='110'/></x></presence>
        ann/new < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        ann/new < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/new'/></x></presence>
        ann/new < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/new'/><status code='110'/></x></presence>
        ann/new < <message from='r@c' type='groupchat'><subject/></message>
    "#]],
    );
    check(&mut stage, "ann: EXPIRED", &expect![[""]]);
    // Its own device that was replaced is nobody here any more.
    assert!(stage.play("ann: <message to='r@c' type='groupchat'><body>?</body></message>").contains("not-acceptable"));
    let mut stage = Stage::opened();
    stage.play(&configure(&[("muc#roomconfig_whois", "anyone")]));
    stage.play(&(join("bob", "Bob") + &join("ann", "Ann") + "ann: DETACHED"));
    let seen = stage.play(&join("ann/new", "Ann"));
    assert!(
        seen.contains("bob < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/new'/>"),
        "{seen}"
    );
}

#[test]
fn one_detached_session_is_replaced_the_own_one_or_the_oldest() {
    let mut stage = Stage::opened();
    stage.play(&join("bob", "Bob"));
    for who in ["ann/a", "ann/b", "ann/c"] {
        stage.play(&format!("{who}: ELSEWHERE\n{}", join(who, "Ann")));
    }
    stage.play("ann/b: DETACHED\nann/a: DETACHED");
    let resources =
        |stage: &Stage| stage.room.seats().map(|(_, seat)| seat.session.jid.to_string()).collect::<Vec<_>>().join(" ");
    expect!["ann@h/a ann@h/b ann@h/c bob@h/1 owner@h/1"].assert_eq(&resources(&stage));
    // The others' view is that of whoever spoke last, and that one never left.
    check(
        &mut stage,
        &format!("ann/d: ELSEWHERE\n{}", join("ann/d", "Ann")),
        &expect![[r#"
        ann/b < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/b'/><status code='110'/></x></presence>
        ann/d < <presence from='r@c/Bob'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        ann/d < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/a'/><item affiliation='none' role='participant' jid='ann@h/d'/><item affiliation='none' role='participant' jid='ann@h/c'/></x></presence>
        ann/a < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/a'/><item affiliation='none' role='participant' jid='ann@h/d'/><item affiliation='none' role='participant' jid='ann@h/c'/><status code='110'/></x></presence>
        ann/d < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/a'/><item affiliation='none' role='participant' jid='ann@h/d'/><item affiliation='none' role='participant' jid='ann@h/c'/><status code='110'/></x></presence>
        ann/c < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/a'/><item affiliation='none' role='participant' jid='ann@h/d'/><item affiliation='none' role='participant' jid='ann@h/c'/><status code='110'/></x></presence>
        ann/d < <message from='r@c' type='groupchat'><subject/></message>
    "#]],
    );
    expect!["ann@h/a ann@h/d ann@h/c bob@h/1 owner@h/1"].assert_eq(&resources(&stage));
    stage.play(&format!("ann/a: ELSEWHERE\n{}", join("ann/a", "Ann")));
    assert_eq!(stage.room.detached().count(), 0);
    stage.play(&format!("ann/e: ELSEWHERE\n{}", join("ann/e", "Ann")));
    expect!["ann@h/a ann@h/d ann@h/c ann@h/e bob@h/1 owner@h/1"].assert_eq(&resources(&stage));
}

#[test]
fn the_door_holds_for_those_who_come_back_too_but_the_room_is_never_full() {
    let mut stage = with_detached_ann();
    stage.play(&configure(&[("muc#roomconfig_maxusers", "3")]));
    assert!(stage.play(&join("eve", "Eve")).contains("service-unavailable"));
    stage.play(&configure(&[("muc#roomconfig_roomsecret", "sesame")]));
    stage.play("ann: ELSEWHERE");
    assert!(stage.play(&join("ann", "Ann")).contains("not-authorized"));
    let password = "<x xmlns='http://jabber.org/protocol/muc'><password>sesame</password></x>";
    stage.play(&format!("ann: <presence to='r@c/Ann'>{password}</presence>"));
    assert_eq!((stage.room.occupant_count(), stage.room.detached().count()), (3, 0));
    let mut stage = with_detached_ann();
    stage.play(&admin("owner", "<item jid='ann@h' affiliation='outcast'/>"));
    stage.play("ann: ELSEWHERE");
    assert!(stage.play(&join("ann", "Ann")).contains("forbidden"));
}

#[test]
fn the_role_is_kept_also_one_that_was_given_by_hand() {
    let mut stage = with_detached_ann();
    stage.play(&admin("owner", "<item nick='Ann' role='visitor'/>"));
    stage.play("ann: ELSEWHERE");
    let seen = stage.play(&join("ann", "Ann"));
    assert!(seen.contains("role='visitor' jid='ann@h/1'/><status code='110'/>"), "{seen}");
}

#[test]
fn a_session_that_moves_is_seen_by_nobody() {
    let mut stage = with_detached_ann();
    check(&mut stage, "ann: REATTACHED", &expect![[""]]);
    assert_eq!(stage.room.detached().count(), 0);
    check(&mut stage, "ann: EXPIRED", &expect![[""]]);
    let at = stage.attachment("ann");
    assert!(stage.room.attachments().contains(&at));
    // Its former place is nothing to it.
    stage.happen(Change::Detach { attachment: Attachment(at.0 - 1) });
    assert_eq!(stage.room.detached().count(), 0);
    // What it says of itself later does not move it back.
    stage.play("ann: <presence to='r@c/Ann'><show>away</show></presence>");
    assert!(stage.room.attachments().contains(&at));
    // One that is not here cannot move.
    check(&mut stage, "eve: REATTACHED", &expect![[""]]);
}

#[test]
fn a_grace_that_ends_is_one_departure() {
    let mut stage = with_detached_ann();
    check(
        &mut stage,
        "ann: EXPIRED",
        &expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/><status code='110'/></x></presence>
        bob < <presence from='r@c/Ann' type='unavailable'><x #='user'><item affiliation='none' role='none'/></x></presence>
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><item affiliation='none' role='none' jid='ann@h/1'/></x></presence>
    "#]],
    );
    check(&mut stage, "ann: EXPIRED", &expect![[""]]);
    assert_eq!(stage.room.occupant_count(), 2);
}

#[test]
fn a_grace_is_counted_from_when_the_connection_went() {
    let mut stage = with_detached_ann();
    let (session, since) = (stage.session("ann"), stage.index);
    // To hear of it again changes nothing.
    stage.play("ann: DETACHED");
    assert_eq!(stage.room.detached().map(|detached| detached.since).collect::<Vec<_>>(), [since]);
    // It came back, and went again: that is another grace.
    stage.play("ann: REATTACHED\nann: DETACHED");
    stage.happen(Change::Expire { session, since });
    assert_eq!(stage.play(""), "");
    assert!(stage.play("ann: EXPIRED").contains("unavailable"));
}

#[test]
fn a_client_that_is_back_before_anybody_missed_it_is_not_news_either() {
    let mut stage = Stage::opened();
    stage.play(&(join("bob", "Bob") + &join("ann", "Ann")));
    stage.play("ann: ELSEWHERE");
    let seen = stage.play(&join("ann", "Ann"));
    assert!(seen.lines().all(|line| line.starts_with("ann < ")), "{seen}");
}

#[test]
fn a_grace_that_ends_for_one_of_two_sessions_leaves_the_other() {
    let mut stage = with_detached_ann();
    stage.play(&format!("ann: REATTACHED\nann/2: ELSEWHERE\n{}ann/2: DETACHED", join("ann/2", "Ann")));
    check(
        &mut stage,
        "ann/2: EXPIRED",
        &expect![[r#"
        ann/2 < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/2'/><status code='110'/></x></presence>
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
        bob < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/></x></presence>
    "#]],
    );
}

#[test]
fn whose_frames_are_lost_is_told_and_leaves_once() {
    let mut stage = Stage::opened();
    stage.play(&(join("bob", "Bob") + &join("ann", "Ann") + &join("ann/2", "Ann")));
    check(
        &mut stage,
        "ann: LOST",
        &expect![[r#"
        ann < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/><item affiliation='none' role='none' jid='ann@h/2'/><status code='110'/></x></presence>
        ann/2 < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/><item affiliation='none' role='none' jid='ann@h/2'/><status code='110'/></x></presence>
        bob < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none'/></x></presence>
        owner < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/1'/><item affiliation='none' role='none' jid='ann@h/2'/></x></presence>
    "#]],
    );
    let mut stage = Stage::opened();
    stage.play(&(join("bob", "Bob") + &join("ann", "Ann") + "ann/2: ELSEWHERE\n" + &join("ann/2", "Ann")));
    check(
        &mut stage,
        "ann/2: LOST",
        &expect![[r#"
        ann/2 < <presence from='r@c/Ann' type='unavailable'><x #='user'><status code='333'/><item affiliation='none' role='none' jid='ann@h/2'/><status code='110'/></x></presence>
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
        bob < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant'/></x></presence>
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/></x></presence>
    "#]],
    );
}

#[test]
fn a_temporary_room_lives_as_long_as_somebody_may_come_back() {
    let mut stage = Stage::opened();
    stage.play("owner: DETACHED");
    assert!(!stage.room.is_absent());
    stage.play("owner: EXPIRED");
    assert!(stage.room.is_absent());
    // Nothing that comes too late brings it back.
    check(&mut stage, "owner: EXPIRED\nowner: REATTACHED\nowner: DETACHED\nowner: LOST", &expect![[""]]);
    assert!(stage.room.is_absent());
}

#[test]
fn a_persistent_room_waits_for_the_next_who_enters() {
    let mut stage = Stage::opened();
    stage.play(&configure(&[("muc#roomconfig_persistentroom", "1"), ("muc#roomconfig_roomname", "Den")]));
    stage.play(&admin("owner", "<item jid='mel@h' affiliation='member' nick='Mel'/>"));
    stage.play("owner: <message to='r@c' type='groupchat' id='s'><subject>foxes</subject></message>");
    stage.play("owner: <message to='r@c' type='groupchat' id='m'><body>hi</body></message>\nowner: GONE");
    assert_eq!((stage.room.is_absent(), stage.room.occupant_count()), (false, 0));
    check(
        &mut stage,
        &(join("ann", "Mel") + &join("ann", "Ann")),
        &expect![[r#"
        ann < <presence from='r@c/Mel' type='error'><x #='muc'/><error type='cancel' code='409' by='r@c'><conflict/><text>this nickname is reserved for somebody else</text></error></presence>
        ann < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/><status code='110'/></x></presence>
        ann < <message from='r@c/Owner' id='m' type='groupchat'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000006' by='r@c'/><delay xmlns='urn:xmpp:delay' from='r@c' stamp='2023-11-14T22:13:20.000Z'/></message>
        ann < <message from='r@c/Owner' id='s' type='groupchat'><subject>foxes</subject><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000005' by='r@c'/><delay xmlns='urn:xmpp:delay' from='r@c' stamp='2023-11-14T22:13:20.000Z'/></message>
    "#]],
    );
    check(
        &mut stage,
        &join("owner", "Owner"),
        &expect![[r#"
        owner < <presence from='r@c/Ann'><x #='user'><item affiliation='none' role='participant' jid='ann@h/1'/></x></presence>
        ann < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator'/></x></presence>
        owner < <presence from='r@c/Owner'><x #='user'><item affiliation='owner' role='moderator' jid='owner@h/1'/><status code='110'/></x></presence>
        owner < <message from='r@c/Owner' id='m' type='groupchat'><body>hi</body><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000006' by='r@c'/><delay xmlns='urn:xmpp:delay' from='r@c' stamp='2023-11-14T22:13:20.000Z'/></message>
        owner < <message from='r@c/Owner' id='s' type='groupchat'><subject>foxes</subject><stanza-id xmlns='urn:xmpp:sid:0' id='0000000000000005' by='r@c'/><delay xmlns='urn:xmpp:delay' from='r@c' stamp='2023-11-14T22:13:20.000Z'/></message>
    "#]],
    );
    // It becomes temporary, and ends with the last.
    stage.play(&configure(&[("muc#roomconfig_persistentroom", "0")]));
    stage.play("owner: GONE\nann: GONE");
    assert!(stage.room.is_absent());
}

#[test]
fn an_empty_room_ends_when_its_owner_makes_it_temporary() {
    let mut stage = Stage::opened();
    stage.play(&configure(&[("muc#roomconfig_persistentroom", "1")]));
    stage.play("owner: GONE");
    stage.play(&configure(&[("muc#roomconfig_persistentroom", "0")]));
    assert!(stage.room.is_absent());
}

const PEOPLE: [&str; 4] = ["ann", "ann/2", "bob", "eve"];

/// Of how many departures and arrivals of `nick` somebody is told.
fn told(sent: &str, who: &str, nick: &str) -> (usize, usize) {
    let of = |line: &&str| line.starts_with(&format!("{who} < <presence from='r@c/{nick}'"));
    let (gone, there): (Vec<&str>, _) = sent.lines().filter(of).partition(|line| line.contains("type='unavailable'"));
    (gone.len(), there.len())
}

proptest! {
    /// Whatever else happens: a detached occupant leaves exactly once for everybody, or, if it comes back first, never.
    #[test]
    fn a_detached_occupant_leaves_once_or_never(
        before in prop::collection::vec((0..PEOPLE.len(), 0..3usize), 0..8),
        returns: bool,
    ) {
        let mut stage = Stage::opened();
        for (who, what) in before {
            let who = PEOPLE[who];
            let nick = &who[..3];
            stage.play(&match what {
                0 => join(who, nick),
                1 => format!("{who}: <presence to='r@c/{nick}'><status>{who}</status></presence>"),
                _ => format!("{who}: <presence to='r@c/{nick}' type='unavailable'/>"),
            });
        }
        stage.play(&format!("zoe: ELSEWHERE\n{}", join("zoe", "Zoe")));
        let witnesses: Vec<String> = stage.room.seats().map(|(_, seat)| seat.session.jid.to_string()).collect();
        let mut sent = stage.play("zoe: DETACHED");
        prop_assert_eq!(&sent, "");
        let since = stage.index;
        let former = stage.session("zoe");
        if returns {
            sent += &stage.play(&format!("zoe: ELSEWHERE\n{}", join("zoe", "Zoe")));
        }
        stage.happen(Change::Expire { session: former.clone(), since });
        stage.happen(Change::Expire { session: former, since });
        sent += &stage.play("");
        for witness in witnesses.iter().filter(|witness| !witness.starts_with("zoe")) {
            let name = witness.replace("@h/1", "").replace("@h", "");
            prop_assert_eq!(told(&sent, &name, "Zoe"), if returns { (0, 0) } else { (1, 0) }, "{} of\n{}", name, sent);
        }
    }
}

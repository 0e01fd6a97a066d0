//! Clients that mean harm, or know no better, over real sockets: each gets its defined answer, memory stays flat, and others notice nothing.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod running;

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use running::{Bystanders, Client, HEADER, LIMIT, Running};

/// KiB by which the node may grow while it is mistreated: less than the ten megabytes of which it must keep nothing.
const GROWTH_MAX: u64 = 8 * 1024;

/// Messages between two looks at the memory, of 16 KiB each.
const ROUND: usize = 2000;

/// A node that keeps nothing more grows by less than that, in KiB.
const ROUND_GROWTH_MAX: u64 = 2 * 1024;

/// Far more than it takes.
const ROUNDS_MAX: usize = 30;

/// So many rounds one after the other that take no more.
const CALM_ROUNDS: usize = 5;

/// Messages that are sent before the first of them is heard.
const TALK_AT_ONCE: usize = 25;

/// Whoever is ended is heard for half a second more.
const HEARING_MIN: Duration = Duration::from_millis(400);

/// Far more than it takes.
const HEARING_TRIES: usize = 10;

const TEN_MEGABYTES: usize = 10 * 1024 * 1024;

fn deep(levels: usize) -> String {
    "<a>".repeat(levels)
}

fn wide(attributes: usize) -> String {
    let attributes: String = (0..attributes).map(|n| format!(" a{n}='1'")).collect();
    format!("<message{attributes}/>")
}

/// What may come after the header of somebody whom nobody knows yet, and the stream error that it gets.
#[test]
fn strangers_get_the_right_stream_error() {
    let server = Running::start();
    let mut bystanders = Bystanders::of(&server);
    let before = server.resident();
    let endless = format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{}", "A".repeat(TEN_MEGABYTES));
    let rows: Vec<(&str, Vec<u8>, &str)> = vec![
        ("tags that cross", b"<a><b></a></b>".to_vec(), "not-well-formed"),
        ("an attribute twice", b"<a b='1' b='2'/>".to_vec(), "not-well-formed"),
        ("invalid UTF-8", b"<a>\xff\xfe</a>".to_vec(), "unsupported-encoding"),
        ("a comment", b"<!-- psst -->".to_vec(), "restricted-xml"),
        ("a processing instruction", b"<?php echo ?>".to_vec(), "restricted-xml"),
        ("a doctype", b"<!DOCTYPE a [<!ENTITY b 'c'>]>".to_vec(), "restricted-xml"),
        ("an entity", b"<a>&b;</a>".to_vec(), "restricted-xml"),
        ("10 MB without a closing tag", endless.into_bytes(), "policy-violation"),
        ("a depth of 10,000", deep(10_000).into_bytes(), "nested more than"),
        ("100 attributes", wide(100).into_bytes(), "attributes"),
        ("100,000 attributes", wide(100_000).into_bytes(), "policy-violation"),
        ("a stanza before logging in", b"<message to='user2@localhost'/>".to_vec(), "not-authorized"),
        (
            "bind before logging in",
            b"<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>".to_vec(),
            "not-authorized",
        ),
    ];
    for (name, bytes, condition) in rows {
        let mut client = server.open();
        client.send_bytes(&bytes);
        assert_ended(&mut client, name, condition);
        bystanders.still_chat();
    }
    assert_flat(&server, before);
}

/// To close over what was not read would reset the connection: what stands between may then forget the last words.
#[test]
fn who_is_ended_is_told_why_whatever_it_had_under_way() {
    let server = Running::start();
    let heard_out = (0..HEARING_TRIES).find_map(|_| is_heard_out(&server));
    assert_eq!(heard_out, Some(true), "it is reset, or {HEARING_TRIES} times the machine was too slow to tell");
}

/// None if all took so long that the server may have closed.
fn is_heard_out(server: &Running) -> Option<bool> {
    let mut client = server.open();
    client.tcp.set_read_timeout(Some(LIMIT)).unwrap();
    let start = Instant::now();
    client.send_bytes(format!("<!-- psst -->{}", " ".repeat(200_000)).as_bytes());
    let mut end = String::new();
    let closed = client.tcp.read_to_string(&mut end);
    // Whoever was reset learns of it by the second of these at the latest.
    let blank = |_| {
        std::thread::sleep(Duration::from_millis(2));
        client.tcp.write_all(b" ").is_ok()
    };
    let is_well = closed.is_ok() && (0..20).all(blank);
    if !is_well && start.elapsed() >= HEARING_MIN {
        return None;
    }
    assert!(!is_well || end.contains("restricted-xml") && end.ends_with("</stream:stream>"), "{end}");
    Some(is_well)
}

#[track_caller]
fn assert_ended(client: &mut Client, name: &str, condition: &str) {
    let end = client.rest();
    // A condition, or words of the text where several limits share one.
    let is_text = condition.contains(' ') || condition == "attributes";
    let expected =
        if is_text { condition.to_owned() } else { format!("<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-streams'") };
    assert!(end.contains("<stream:error>") && end.contains(&expected), "{name}: {end}");
    assert!(end.ends_with("</stream:stream>"), "{name}: {end}");
}

#[track_caller]
fn assert_flat(server: &Running, before: u64) {
    let after = server.resident();
    assert!(after < before + GROWTH_MAX, "the node grew from {before} to {after} KiB");
}

/// Headers that cannot be.
#[test]
fn wrong_headers_get_the_right_stream_error() {
    let server = Running::start();
    let mut bystanders = Bystanders::of(&server);
    let header = |replaced: &str, by: &str| HEADER.replace(replaced, by).into_bytes();
    let utf16: Vec<u8> = HEADER.encode_utf16().flat_map(u16::to_be_bytes).collect();
    for (name, bytes, condition) in [
        (
            "another encoding",
            header("<?xml version='1.0'?>", "<?xml version='1.0' encoding='ISO-8859-1'?>"),
            "unsupported-encoding",
        ),
        ("UTF-16", utf16, "unsupported-encoding"),
        ("another host", header("to='localhost'", "to='example.org'"), "host-unknown"),
        ("another version", header(" version='1.0'>", " version='0.9'>"), "unsupported-version"),
        ("another namespace", header("http://etherx.jabber.org/streams", "urn:example"), "invalid-namespace"),
        ("other content", header("'jabber:client'", "'jabber:server'"), "invalid-namespace"),
        ("no stream at all", b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n".to_vec(), "not-well-formed"),
    ] {
        let mut client = server.connect();
        client.send_bytes(&bytes);
        assert_ended(&mut client, name, condition);
        bystanders.still_chat();
    }
}

/// What ends the stream of somebody who is bound.
#[test]
fn users_get_the_right_stream_error() {
    let server = Running::start();
    let mut bystanders = Bystanders::of(&server);
    let before = server.resident();
    let endless = format!("<message to='user2@localhost'><body>{}", "A".repeat(TEN_MEGABYTES));
    let rows = [
        ("malformed XML", "<message to=user2@localhost/>".to_owned(), "not-well-formed"),
        ("an unknown stanza", "<greeting to='user2@localhost'/>".to_owned(), "unsupported-stanza-type"),
        ("a forged from", "<message from='user2@localhost/bystander' to='user3@localhost'/>".to_owned(), "invalid-from"),
        ("10 MB without a closing tag", endless, "policy-violation"),
        ("a depth of 10,000", format!("<message>{}", deep(10_000)), "nested more than"),
        ("100,000 attributes", wide(100_000), "attributes"),
    ];
    for (name, text, condition) in rows {
        let mut client = server.bind("user", "hostile");
        client.send(&text);
        assert_ended(&mut client, name, condition);
        bystanders.still_chat();
    }
    assert_flat(&server, before);
}

#[test]
fn a_stanza_before_binding_ends_the_stream() {
    let server = Running::start();
    let mut client = server.log_in("user");
    client.send("<message to='user2@localhost'/>");
    assert_ended(&mut client, "before binding", "not-authorized");
}

/// What is only one stanza's fault, and the stanza error that it gets; the stream goes on.
#[test]
fn bad_stanzas_get_the_right_stanza_error() {
    let server = Running::start();
    let mut bystanders = Bystanders::of(&server);
    let mut client = server.bind("user", "clumsy");
    client.enter("hut", "Clumsy");
    let form = |fields: &str| {
        format!(
            "<iq type='set' id='1' to='hut@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'>\
             <x xmlns='jabber:x:data' type='submit'>{fields}</x></query></iq>"
        )
    };
    let form_type = |value: &str| format!("<field var='FORM_TYPE'><value>{value}</value></field>");
    let config = form_type("http://jabber.org/protocol/muc#roomconfig");
    let field = |var: &str, value: &str| form(&format!("{config}<field var='{var}'><value>{value}</value></field>"));
    let rows = [
        ("an unknown IQ type", "<iq type='take' id='1'><a xmlns='b'/></iq>".to_owned(), "bad-request"),
        ("an IQ without an id", "<iq type='get'><a xmlns='b'/></iq>".to_owned(), "bad-request"),
        ("an unknown presence type", "<presence type='asleep' to='hut@conference.localhost/Clumsy'/>".to_owned(), "bad-request"),
        ("a foreign domain", "<message to='somebody@example.org' id='1'/>".to_owned(), "remote-server-not-found"),
        ("a JID with two @", "<message to='a@b@localhost' id='1'/>".to_owned(), "jid-malformed"),
        ("a nick that cannot be prepared", "<presence to='hut@conference.localhost/\u{1f600}'/>".to_owned(), "jid-malformed"),
        ("a nick that cannot be seen", "<presence to='hut@conference.localhost/ &#xA0;'/>".to_owned(), "not-allowed"),
        ("another FORM_TYPE", form(&form_type("urn:example")), "bad-request"),
        ("no FORM_TYPE", form("<field var='muc#roomconfig_roomname'><value>Hut</value></field>"), "bad-request"),
        ("a value that is no boolean", field("muc#roomconfig_publicroom", "perhaps"), "bad-request"),
        ("a choice that there is not", field("muc#roomconfig_whois", "nobody"), "bad-request"),
        ("an unknown field", field("muc#roomconfig_colour", "blue"), "bad-request"),
        ("nobody's account", "<iq type='get' id='1' to='nobody@localhost'><a xmlns='b'/></iq>".to_owned(), "service-unavailable"),
        (
            "a second bind",
            "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>".to_owned(),
            "not-allowed",
        ),
    ];
    for (name, stanza, condition) in rows {
        client.send(&stanza);
        let answer = client.until("</error>");
        assert!(answer.contains(&format!("<{condition} xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'")), "{name}: {answer}");
    }
    client.open_room("hut");
    client.say("hut", "still here");
    bystanders.still_chat();
}

/// Says so many things before it listens, again and again, until the deaf one is shown to have left.
fn talk_until_gone(talker: &mut Client, at_once: usize) {
    // What is in the system's buffers does not count as read, so it takes some megabytes until the queue is full.
    let line = "x".repeat(16 * 1024);
    let start = Instant::now();
    for said in (0..).step_by(at_once) {
        for number in said..said + at_once {
            let body = format!("<body>{number} {line}</body>");
            talker.send(&format!("<message type='groupchat' to='hall@conference.localhost'>{body}</message>"));
        }
        let heard: String = (0..at_once).map(|_| talker.until("</message>")).collect();
        if heard.contains("type='unavailable'") && heard.contains("hall@conference.localhost/Deaf") {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(120), "the deaf one is still there after {said} messages");
    }
}

/// Talks, and listens, until the node has as much in memory as it ever keeps of what was said: for replicas that are a little late, and for edges that have
/// missed something. Returns how much it had at most. Memory that goes on growing fails here. One round that takes no more says little: the log is cut off
/// now and then, and what it took is given back.
fn talk_until_memory_is_flat(server: &Running, clients: &mut (Client, Client)) -> u64 {
    let line = "x".repeat(16 * 1024);
    let (mut most, mut calm) = (server.resident(), 0);
    for _ in 0..ROUNDS_MAX {
        for _ in 0..ROUND / TALK_AT_ONCE {
            for _ in 0..TALK_AT_ONCE {
                clients
                    .0
                    .send(&format!("<message type='groupchat' to='hall@conference.localhost'><body>{line}</body></message>"));
            }
            for client in [&mut clients.0, &mut clients.1] {
                (0..TALK_AT_ONCE).for_each(|_| drop(client.until("</message>")));
            }
        }
        let now = server.resident();
        calm = if now < most + ROUND_GROWTH_MAX { calm + 1 } else { 0 };
        most = most.max(now);
        if calm == CALM_ROUNDS {
            return most;
        }
    }
    panic!("after {ROUNDS_MAX} times {ROUND} messages the node still grows, to {} KiB", server.resident());
}

/// A hall with somebody who talks and somebody who is about to stop listening.
fn hall(server: &Running) -> (Client, Client) {
    let mut talker = server.bind("user", "talker");
    talker.enter("hall", "Talker");
    talker.open_room("hall");
    let mut deaf = server.bind("user2", "deaf");
    deaf.enter("hall", "Deaf");
    talker.until("role='participant'");
    (talker, deaf)
}

#[test]
fn a_client_that_never_reads_is_cut_off_and_its_room_goes_on() {
    let server = Running::start_with(&[("CONCLAVE_OUTBOUND_QUEUE_BYTES_MAX", "524288")]);
    let mut both = hall(&server);
    let before = talk_until_memory_is_flat(&server, &mut both);
    let (mut talker, mut deaf) = both;
    talk_until_gone(&mut talker, 1);
    talker.say("hall", "and on it goes");
    assert_flat(&server, before);
    assert!(deaf.rest().contains("<body>0 x"), "what was sent before is there");
}

#[test]
fn a_client_that_reads_too_slowly_is_told_why_it_is_cut_off() {
    let server = Running::start_with(&[("CONCLAVE_OUTBOUND_QUEUE_BYTES_MAX", "524288")]);
    let (mut talker, mut deaf) = hall(&server);
    let gone = Arc::new(AtomicBool::new(false));
    let noticed = gone.clone();
    let reader = std::thread::spawn(move || {
        let mut heard = 0;
        while !noticed.load(Ordering::Relaxed) {
            heard += deaf.sip(64 * 1024);
            std::thread::sleep(Duration::from_millis(50));
        }
        (heard, deaf.rest())
    });
    // A slow disk that had each of them alone would be as slow as the reader.
    talk_until_gone(&mut talker, TALK_AT_ONCE);
    gone.store(true, Ordering::Relaxed);
    let (heard, end) = reader.join().unwrap();
    assert!(
        heard > 0 && end.contains("<policy-violation ") && end.ends_with("</stream:stream>"),
        "the end: {}",
        &end[end.len() - 300..]
    );
}

#[test]
fn a_client_that_says_nothing_is_sent_away_and_blanks_do_not_help() {
    let server = Running::start_with(&[("CONCLAVE_UNAUTHENTICATED_SECONDS_MAX", "5")]);
    let mut bystanders = Bystanders::of(&server);
    let start = Instant::now();
    let mut silent = server.connect();
    let mut blank = server.open();
    while start.elapsed() < Duration::from_secs(4) {
        blank.send(" ");
        std::thread::sleep(Duration::from_millis(100));
    }
    for client in [&mut silent, &mut blank] {
        assert_ended(client, "too late", "connection-timeout");
    }
    assert!(start.elapsed() < Duration::from_secs(15), "it took {:?}", start.elapsed());
    bystanders.still_chat();
}

#[test]
fn a_thousand_connections_leave_nothing_behind() {
    let server = Running::start();
    let mut bystanders = Bystanders::of(&server);
    // The first hundred make room that the rest use again.
    let open_and_drop = |n: usize| {
        for number in 0..n {
            let mut tcp = TcpStream::connect(server.c2s).unwrap();
            if number % 2 == 0 {
                let _ = std::io::Write::write_all(&mut tcp, HEADER.as_bytes());
            }
        }
    };
    open_and_drop(100);
    bystanders.still_chat();
    let before = server.resident();
    open_and_drop(1000);
    bystanders.still_chat();
    assert_flat(&server, before);
    let descriptors = || std::fs::read_dir(format!("/proc/{}/fd", server.pid)).unwrap().count();
    let start = Instant::now();
    while descriptors() > 60 {
        assert!(start.elapsed() < running::LIMIT, "{} descriptors stay open", descriptors());
        std::thread::sleep(Duration::from_millis(20));
    }
}

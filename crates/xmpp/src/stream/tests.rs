//! Conversations as scripts: what the client says, what the server answers, and a snapshot of all that comes out.
//!
//! ```text
//! C: bytes             the client sends; {header}, {plain} and the like stand for usual ones
//! T: binding | none    TLS is up, with or without tls-exporter
//! L: known | unknown   what is stored of the account
//! B: NAME | taken      the session that was bound
//! X: fail | close      we end the stream
//! ```
//!
//! Every script is played twice, in whole pieces and byte by byte, and must come out the same.

use expect_test::{Expect, expect};

use super::*;
use crate::parser::{Limits, NAMESPACES_MAX};
use crate::sasl::ITERATIONS_MIN;
use crate::stanza_error::Condition;

mod ending;
mod headers;
mod login;
mod order;
mod stanzas;

const LIMITS: Limits = Limits {
    stanza_bytes_max: 10_000,
    depth_max: 16,
    attributes_max: 32,
    namespaces_max: NAMESPACES_MAX,
    stream_bytes_max: None,
};

/// How the client came.
#[derive(Clone, Copy)]
enum Way {
    /// TLS is required and not up.
    Plain,
    /// TLS is offered, and so is PLAIN without.
    Dev,
    /// TLS is offered, a password may not travel without.
    Optional,
    /// TLS 1.3 came first.
    Direct,
}

/// Plays a script and compares the transcript.
fn check(way: Way, script: &str, expected: Expect) {
    let whole = play(way, script, usize::MAX);
    assert_eq!(whole, play(way, script, 1), "byte by byte it is another conversation");
    expected.assert_eq(&whole);
}

/// Plays scripts that begin alike, each on a stream of its own, and compares what comes behind the beginning.
fn check_each(way: Way, before: &str, scripts: &[&str], expected: Expect) {
    let transcript: String = scripts.iter().map(|script| play_after(way, before, script)).collect();
    expected.assert_eq(&transcript);
}

fn play_after(way: Way, before: &str, script: &str) -> String {
    let script = format!("{before}\n{script}");
    let whole = play(way, &script, usize::MAX);
    assert_eq!(whole, play(way, &script, 1), "byte by byte it is another conversation");
    whole[play(way, before, usize::MAX).len()..].to_owned()
}

const OPEN: &str = "C: {header}";
const SECURE: &str = "C: {header}{starttls}\nT: binding\nC: {header}";
const LOGGED_IN: &str = "C: {header}{plain}\nL: known";
const RESTARTED: &str = "C: {header}{plain}\nL: known\nC: {header}";
const BOUND: &str = "C: {header}{plain}\nL: known\nC: {header}{bind}\nB: phone";

fn open(way: Way) -> Stream {
    let settings = StreamSettings {
        domain: "localhost".into(),
        tls: if matches!(way, Way::Plain) { TlsPolicy::Required } else { TlsPolicy::Optional },
        plain_without_tls: matches!(way, Way::Dev),
        before_authentication: LIMITS,
        authenticated: LIMITS,
        decoy_secret: [1; 32],
        iterations: ITERATIONS_MIN,
    };
    let direct = matches!(way, Way::Direct).then(|| ChannelBinding::TlsExporter(b"exported".to_vec()));
    Stream::new(Arc::new(settings), [2; 32], direct)
}

fn stored() -> Credentials {
    Credentials::derive("secret", b"0123456789abcdef", ITERATIONS_MIN).unwrap()
}

fn play(way: Way, script: &str, piece: usize) -> String {
    let mut stream = open(way);
    let mut transcript = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut out = Vec::new();
        step(&mut stream, line, piece, &mut out);
        transcript.push_str(line);
        transcript.push('\n');
        out.iter().for_each(|action| transcript.push_str(&shown(action)));
    }
    transcript
}

fn step(stream: &mut Stream, line: &str, piece: usize, out: &mut Vec<Action>) {
    let (who, what) = line.split_at(3);
    match (who, what) {
        ("C: ", bytes) => spelled_out(bytes).as_bytes().chunks(piece).for_each(|bytes| stream.received(bytes, out)),
        ("T: ", binding) => stream.tls_established((binding == "binding").then(|| b"exported".to_vec()), out),
        ("L: ", who) => stream.credentials((who == "known").then(stored).as_ref(), out),
        ("B: ", "taken") => stream.bound(Err(StanzaError::new(Condition::Conflict)), out),
        ("B: ", resource) => stream.bound(Ok(FullJid::parse(&format!("user@localhost/{resource}")).unwrap()), out),
        ("X: ", "close") => stream.close(out),
        ("X: ", "fail") => stream.fail(error(StreamCondition::SystemShutdown, "bye"), out),
        _ => panic!("the script says {line:?}"),
    }
}

fn spelled_out(bytes: &str) -> String {
    bytes
        .replace("{header}", &header("to='localhost' version='1.0'"))
        .replace("{starttls}", "<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
        .replace("{plain}", "<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>AHVzZXIAc2VjcmV0</auth>")
        .replace("{bind}", "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/></iq>")
        .replace("…", "urn:ietf:params:xml:ns:xmpp-")
}

fn header(attributes: &str) -> String {
    format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' {attributes}>"
    )
}

fn shown(action: &Action) -> String {
    match action {
        Action::Send(bytes) => format!("  S: {}\n", shortened(std::str::from_utf8(bytes).unwrap())),
        Action::Stanza(stanza) => format!("  stanza: {stanza:?}\n"),
        other => format!("  {other:?}\n"),
    }
}

fn shortened(sent: &str) -> String {
    let usual = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='";
    let sent = sent.replace("urn:ietf:params:xml:ns:xmpp-", "…").replace("</mechanism><mechanism>", " ");
    match sent.strip_prefix(usual).and_then(|rest| rest.split_once('\'')) {
        Some((id, rest)) => {
            assert_eq!(id.len(), 24, "{id}");
            format!("[header{rest}").replacen('>', "] ", 1)
        }
        None => sent,
    }
}

#[test]
fn our_header_has_all_that_the_rfc_wants() {
    let mut out = Vec::new();
    open(Way::Plain).received(header("to='localhost' version='1.0'").as_bytes(), &mut out);
    let [Action::Send(sent)] = &out[..] else { panic!("{out:?}") };
    expect!["<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' id='jAraVd_ytrEAiN6GxaVjZciL' from='localhost' version='1.0' xml:lang='en'><stream:features><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'><required/></starttls></stream:features>"].assert_eq(std::str::from_utf8(sent).unwrap());
}

#[test]
fn an_idle_session_is_small() {
    let mut stream = open(Way::Dev);
    BOUND.lines().for_each(|line| step(&mut stream, line, usize::MAX, &mut Vec::new()));
    assert_eq!(stream.session().unwrap().as_str(), "user@localhost/phone");
    assert!(stream.negotiation.is_none());
    assert!(size_of::<Stream>() < 512, "{} bytes", size_of::<Stream>());
}

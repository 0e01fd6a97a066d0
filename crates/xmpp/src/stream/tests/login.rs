//! SASL and bind on the stream.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::*;
use crate::sasl::Hash;

#[test]
fn attempts_fail_and_may_be_repeated() {
    check(
        Way::Dev,
        "C: {header}
         C: {plain}
         L: unknown
         C: <auth xmlns='…sasl' mechanism='PLAIN'>AHVzZXIAd3Jvbmc=</auth>
         L: known
         C: <auth xmlns='…sasl' mechanism='PLAIN'/>
         C: <abort xmlns='…sasl'/>
         C: <auth xmlns='…sasl' mechanism='PLAIN'/>
         C: <response xmlns='…sasl'>AHVzZXIAc2VjcmV0</response>
         L: known",
        expect![[r#"
            C: {header}
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'/><mechanisms xmlns='…sasl'><mechanism>SCRAM-SHA-256 SCRAM-SHA-1 PLAIN</mechanism></mechanisms></stream:features>
            C: {plain}
              LookUp { account: user@localhost }
            L: unknown
              S: <failure xmlns='…sasl'><not-authorized/></failure>
            C: <auth xmlns='…sasl' mechanism='PLAIN'>AHVzZXIAd3Jvbmc=</auth>
              LookUp { account: user@localhost }
            L: known
              S: <failure xmlns='…sasl'><not-authorized/></failure>
            C: <auth xmlns='…sasl' mechanism='PLAIN'/>
              S: <challenge xmlns='…sasl'/>
            C: <abort xmlns='…sasl'/>
              S: <failure xmlns='…sasl'><aborted/></failure>
            C: <auth xmlns='…sasl' mechanism='PLAIN'/>
              S: <challenge xmlns='…sasl'/>
            C: <response xmlns='…sasl'>AHVzZXIAc2VjcmV0</response>
              LookUp { account: user@localhost }
            L: known
              S: <success xmlns='…sasl'/>
              Authenticated { account: user@localhost }
        "#]],
    );
}

#[test]
fn but_not_for_ever() {
    let script = format!("C: {}", "<abort xmlns='…sasl'/>".repeat(9));
    check_each(
        Way::Dev,
        OPEN,
        &[&script],
        expect![[r#"
        C: <abort xmlns='…sasl'/><abort xmlns='…sasl'/><abort xmlns='…sasl'/><abort xmlns='…sasl'/><abort xmlns='…sasl'/><abort xmlns='…sasl'/><abort xmlns='…sasl'/><abort xmlns='…sasl'/><abort xmlns='…sasl'/>
          S: <failure xmlns='…sasl'><aborted/></failure>
          S: <failure xmlns='…sasl'><aborted/></failure>
          S: <failure xmlns='…sasl'><aborted/></failure>
          S: <failure xmlns='…sasl'><aborted/></failure>
          S: <failure xmlns='…sasl'><aborted/></failure>
          S: <stream:error><policy-violation xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>5 attempts to log in have failed</text></stream:error></stream:stream>
          Close
    "#]],
    );
}

#[test]
fn each_fault_has_its_condition() {
    let cases = [
        "<auth xmlns='…sasl' mechanism='DIGEST-MD5'/>",
        "<auth xmlns='…sasl'/>",
        "<auth xmlns='…sasl' mechanism='SCRAM-SHA-1-PLUS'/>",
        "<auth xmlns='…sasl' mechanism='PLAIN'>AHVzZXI</auth>",
        "<auth xmlns='…sasl' mechanism='PLAIN'> AHVzZXIAc2VjcmV0</auth>",
        "<auth xmlns='…sasl' mechanism='PLAIN'>=</auth>",
        "<auth xmlns='…sasl' mechanism='PLAIN'><a/></auth>",
        "<auth xmlns='…sasl' mechanism='PLAIN'>YWRtaW4AdXNlcgBzZWNyZXQ=</auth>",
        "<auth xmlns='…sasl' mechanism='PLAIN'/><auth xmlns='…sasl' mechanism='PLAIN'/>",
        "<auth xmlns='…sasl' mechanism='SCRAM-SHA-1'>biwsbT14LG49dXNlcixyPXg=</auth>",
        "<response xmlns='…sasl'/>",
        "<auth xmlns='urn:xmpp:sasl:1'/>",
        "<success xmlns='…sasl'/>",
    ];
    expect![[r#"
        C: <auth xmlns='…sasl' mechanism='DIGEST-MD5'/>
          S: <failure xmlns='…sasl'><invalid-mechanism/><text xml:lang='en'>the mechanism is none of those in the stream features</text></failure>
        C: <auth xmlns='…sasl'/>
          S: <failure xmlns='…sasl'><invalid-mechanism/><text xml:lang='en'>the mechanism is none of those in the stream features</text></failure>
        C: <auth xmlns='…sasl' mechanism='SCRAM-SHA-1-PLUS'/>
          S: <failure xmlns='…sasl'><encryption-required/><text xml:lang='en'>use STARTTLS first</text></failure>
        C: <auth xmlns='…sasl' mechanism='PLAIN'>AHVzZXI</auth>
          S: <failure xmlns='…sasl'><incorrect-encoding/><text xml:lang='en'>the data is not base64</text></failure>
        C: <auth xmlns='…sasl' mechanism='PLAIN'> AHVzZXIAc2VjcmV0</auth>
          S: <failure xmlns='…sasl'><incorrect-encoding/><text xml:lang='en'>the data is not base64</text></failure>
        C: <auth xmlns='…sasl' mechanism='PLAIN'>=</auth>
          S: <failure xmlns='…sasl'><malformed-request/><text xml:lang='en'>the message is not: authzid, NUL, name, NUL, password</text></failure>
        C: <auth xmlns='…sasl' mechanism='PLAIN'><a/></auth>
          S: <failure xmlns='…sasl'><malformed-request/><text xml:lang='en'>SASL data is text, not elements</text></failure>
        C: <auth xmlns='…sasl' mechanism='PLAIN'>YWRtaW4AdXNlcgBzZWNyZXQ=</auth>
          S: <failure xmlns='…sasl'><invalid-authzid/><text xml:lang='en'>the authorization identity is not the bare JID of the user</text></failure>
        C: <auth xmlns='…sasl' mechanism='PLAIN'/><auth xmlns='…sasl' mechanism='PLAIN'/>
          S: <challenge xmlns='…sasl'/>
          S: <failure xmlns='…sasl'><malformed-request/><text xml:lang='en'>an attempt is under way already</text></failure>
        C: <auth xmlns='…sasl' mechanism='SCRAM-SHA-1'>biwsbT14LG49dXNlcixyPXg=</auth>
          S: <failure xmlns='…sasl'><malformed-request/><text xml:lang='en'>mandatory extensions are not supported</text></failure>
        C: <response xmlns='…sasl'/>
          S: <failure xmlns='…sasl'><malformed-request/><text xml:lang='en'>no attempt is under way</text></failure>
        C: <auth xmlns='urn:xmpp:sasl:1'/>
          S: <stream:error><unsupported-stanza-type xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>&lt;auth xmlns='urn:xmpp:sasl:1'/&gt; is not understood here</text></stream:error></stream:stream>
          Close
        C: <success xmlns='…sasl'/>
          S: <stream:error><unsupported-stanza-type xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>&lt;success xmlns='…sasl'/&gt; is not understood here</text></stream:error></stream:stream>
          Close
    "#]].assert_eq(&cases.map(|case| play_after(Way::Dev, OPEN, &format!("C: {case}"))).concat());
}

/// What the client sends last with SCRAM-SHA-256-PLUS.
fn proof(bare: &str, challenge: &str) -> String {
    let salt = challenge.split(',').find_map(|part| part.strip_prefix("s=")).unwrap();
    let nonce = challenge.split(',').find_map(|part| part.strip_prefix("r=")).unwrap();
    let hash = Hash::Sha256;
    let client_key = hash.hmac(&hash.salted_password(b"secret", &STANDARD.decode(salt).unwrap(), ITERATIONS_MIN), b"Client Key");
    let last = format!("c={},r={nonce}", STANDARD.encode("p=tls-exporter,,exported"));
    let signature = hash.hmac(&hash.digest(&client_key), format!("{bare},{challenge},{last}").as_bytes());
    let proof: Vec<u8> = client_key.iter().zip(signature).map(|(key, signature)| key ^ signature).collect();
    STANDARD.encode(format!("{last},p={}", STANDARD.encode(proof)))
}

fn content(action: &Action) -> String {
    let Action::Send(sent) = action else { panic!("{action:?}") };
    let sent = std::str::from_utf8(sent).unwrap();
    let content = sent.split(['>', '<']).nth(2).unwrap();
    String::from_utf8(STANDARD.decode(content).unwrap()).unwrap()
}

#[test]
fn scram_is_bound_to_the_connection() {
    let mut stream = open(Way::Plain);
    let mut out = Vec::new();
    SECURE.lines().for_each(|line| step(&mut stream, line, usize::MAX, &mut out));
    let first = STANDARD.encode("p=tls-exporter,,n=user,r=client");
    let auth = format!("C: <auth xmlns='…sasl' mechanism='SCRAM-SHA-256-PLUS'>{first}</auth>");
    step(&mut stream, &auth, usize::MAX, &mut out);
    out.clear();
    step(&mut stream, "L: known", usize::MAX, &mut out);
    let response = format!("C: <response xmlns='…sasl'>{}</response>", proof("n=user,r=client", &content(&out[0])));
    out.clear();
    step(&mut stream, &response, usize::MAX, &mut out);
    assert!(content(&out[0]).starts_with("v="), "{out:?}");
    assert_eq!(out[1..], [Action::Authenticated { account: BareJid::parse("user@localhost").unwrap() }]);
    assert!(stream.is_authenticated());
}

#[test]
fn nonces_are_never_the_same() {
    let ids: std::collections::BTreeSet<String> = [[1; 32], [2; 32]]
        .into_iter()
        .flat_map(|seed| {
            let mut nonces = Nonces::new(seed);
            ["stream", "scram", "stream", "scram"].map(|purpose| nonces.make(purpose))
        })
        .collect();
    assert_eq!(ids.len(), 8);
}

#[test]
fn a_resource_is_wished_or_made() {
    let scripts = [
        "C: {bind}\nB: made",
        "C: <iq type='set' id='b'><bind xmlns='…bind'><resource/></bind></iq>",
        "C: <iq type='set' id='b'><bind xmlns='…bind'><resource>\u{fb01}eld</resource></bind></iq>\nB: other",
        "C: <iq type='set' id='b'><bind xmlns='…bind'><resource>\u{1f600}</resource></bind></iq>\nC: {bind}",
        "C: {bind}\nB: taken\nC: {bind}\nB: mine",
    ];
    check_each(
        Way::Dev,
        RESTARTED,
        &scripts,
        expect![[r#"
            C: {bind}
              Bind { resource: "YbHnpZ05MEJhaGRB4gx5RT0v" }
            B: made
              S: <iq id='b' type='result'><bind xmlns='…bind'><jid>user@localhost/made</jid></bind></iq>
            C: <iq type='set' id='b'><bind xmlns='…bind'><resource/></bind></iq>
              Bind { resource: "YbHnpZ05MEJhaGRB4gx5RT0v" }
            C: <iq type='set' id='b'><bind xmlns='…bind'><resource>ﬁeld</resource></bind></iq>
              Bind { resource: "field" }
            B: other
              S: <iq id='b' type='result'><bind xmlns='…bind'><jid>user@localhost/other</jid></bind></iq>
            C: <iq type='set' id='b'><bind xmlns='…bind'><resource>😀</resource></bind></iq>
              S: <iq id='b' type='error'><error type='modify'><bad-request xmlns='…stanzas'/><text xmlns='…stanzas'>resource: "😀" is not a JID: resource doesn’t pass resourceprep validation</text></error></iq>
            C: {bind}
              Bind { resource: "YbHnpZ05MEJhaGRB4gx5RT0v" }
            C: {bind}
              Bind { resource: "YbHnpZ05MEJhaGRB4gx5RT0v" }
            B: taken
              S: <iq id='b' type='error'><error type='cancel'><conflict xmlns='…stanzas'/></error></iq>
            C: {bind}
              Bind { resource: "5StNnb1jYOJ6_AcSTAM86JMo" }
            B: mine
              S: <iq id='b' type='result'><bind xmlns='…bind'><jid>user@localhost/mine</jid></bind></iq>
        "#]],
    );
    let refused = "C: {bind}\nB: taken\n".repeat(BIND_TRIES_MAX.into());
    let transcript = play_after(Way::Dev, RESTARTED, &refused);
    expect![[r#"
          Close
          S: <stream:error><policy-violation xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>10 attempts to bind a resource have failed</text></stream:error></stream:stream>"#]].assert_eq(&transcript.lines().rev().take(2).map(str::trim).collect::<Vec<_>>().join("\n"));
}

//! What a header must say.

use super::*;

#[test]
fn headers_are_judged() {
    let cases = [
        "version='1.0'",
        "to='' version='1.0'",
        "to='a@@b' version='1.0'",
        "to='example.org' version='1.0'",
        "to='user@localhost' version='1.0'",
        "to='localhost'",
        "to='localhost' version='0.9'",
        "to='localhost' version='1'",
        "to='localhost' version='x.y'",
        "to='localhost' version='1.0' from='@'",
        "to='localhost' version='1.1'",
        "to='LOCALHOST' version='1.0' from='user@localhost/phone' xml:lang='en-GB'",
        "to='localhost' version='1.0' xml:lang='de'",
    ];
    let mut transcript = String::new();
    for case in cases {
        for piece in [usize::MAX, 1] {
            let mut out = Vec::new();
            let mut stream = open(Way::Plain);
            header(case).as_bytes().chunks(piece).for_each(|bytes| stream.received(bytes, &mut out));
            if piece == 1 {
                transcript.push_str(&format!("{case}\n"));
                out.iter().for_each(|action| transcript.push_str(&shown(action)));
            }
        }
    }
    expect![[r#"
        version='1.0'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><improper-addressing xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>to: it is missing, and localhost is served here</text></stream:error></stream:stream>
          Close
        to='' version='1.0'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><improper-addressing xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>to: "" is not a JID: domain doesn’t pass idna validation</text></stream:error></stream:stream>
          Close
        to='a@@b' version='1.0'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><improper-addressing xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>to: "a@@b" is not a JID: second @ found before parsing the resource</text></stream:error></stream:stream>
          Close
        to='example.org' version='1.0'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><host-unknown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>to: example.org is not served here, localhost is</text></stream:error></stream:stream>
          Close
        to='user@localhost' version='1.0'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><host-unknown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>to: user@localhost is not served here, localhost is</text></stream:error></stream:stream>
          Close
        to='localhost'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><unsupported-version xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>the version of the stream must be 1.0 or later</text></stream:error></stream:stream>
          Close
        to='localhost' version='0.9'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><unsupported-version xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>the version of the stream must be 1.0 or later</text></stream:error></stream:stream>
          Close
        to='localhost' version='1'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><unsupported-version xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>the version of the stream must be 1.0 or later</text></stream:error></stream:stream>
          Close
        to='localhost' version='x.y'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><unsupported-version xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>the version of the stream must be 1.0 or later</text></stream:error></stream:stream>
          Close
        to='localhost' version='1.0' from='@'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><improper-addressing xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>from: "@" is not a JID: nodepart empty despite the presence of a @</text></stream:error></stream:stream>
          Close
        to='localhost' version='1.1'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'><required/></starttls></stream:features>
        to='LOCALHOST' version='1.0' from='user@localhost/phone' xml:lang='en-GB'
          S: [header from='localhost' to='user@localhost' version='1.0' xml:lang='en-GB'] <stream:features><starttls xmlns='…tls'><required/></starttls></stream:features>
        to='localhost' version='1.0' xml:lang='de'
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'><required/></starttls></stream:features>
    "#]].assert_eq(&transcript);
}

#[test]
fn a_stream_of_something_else_is_refused() {
    let scripts = [
        "C: <stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
        "C: <stream:stream xmlns='jabber:client' xmlns:stream='urn:example' to='localhost' version='1.0'>",
        "C: <stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>",
    ];
    check_each(
        Way::Plain,
        "",
        &scripts,
        expect![[r#"
            C: <stream:stream xmlns='jabber:server' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><invalid-namespace xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>the content namespace of a client's stream is jabber:client</text></stream:error></stream:stream>
              Close
            C: <stream:stream xmlns='jabber:client' xmlns:stream='urn:example' to='localhost' version='1.0'>
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><invalid-namespace xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>byte 1 of the header: the stream element must be in the namespace http://etherx.jabber.org/streams</text></stream:error></stream:stream>
              Close
            C: <stream:stream xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><invalid-namespace xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>the content namespace of a client's stream is jabber:client</text></stream:error></stream:stream>
              Close
        "#]],
    );
}

#[test]
fn a_header_comes_once_and_stays_the_same() {
    check_each(
        Way::Direct,
        OPEN,
        &["C: {header}<presence/>"],
        expect![[r#"
            C: {header}<presence/>
              S: <stream:error><restricted-xml xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>byte 2 of the stanza: processing instructions are not allowed, and an XML declaration only as the very first thing</text></stream:error></stream:stream>
              Close
        "#]],
    );
    for (attributes, expected) in [
        (
            "to='example.org'",
            expect![[r#"
        C: <?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='example.org' version='1.0'>
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><host-unknown xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>to: example.org is not served here, localhost is</text></stream:error></stream:stream>
          Close
    "#]],
        ),
        (
            "to='localhost' from='other@localhost'",
            expect![[r#"
        C: <?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' from='other@localhost' version='1.0'>
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><invalid-from xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>from: the login was that of user@localhost</text></stream:error></stream:stream>
          Close
    "#]],
        ),
    ] {
        let header = header(&format!("{attributes} version='1.0'"));
        check_each(Way::Direct, LOGGED_IN, &[&format!("C: {header}")], expected);
    }
}

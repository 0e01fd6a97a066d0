//! What a session may say.

use super::*;

fn said(stanza: &str) -> String {
    play_after(Way::Dev, BOUND, &format!("C: {stanza}"))
}

#[test]
fn the_sender_is_the_session() {
    let cases = [
        "<message to='a@localhost' id='1' type='chat'><body>x</body></message>",
        "<presence from='user@localhost/phone'/>",
        "<presence from='User@localhost'/>",
        "<presence from='user@localhost/laptop'/>",
        "<presence from='other@localhost'/>",
        "<presence from=''/>",
        "<iq type='set' id='s'><session xmlns='…session'/></iq>",
    ];
    expect![[r#"
        C: <message to='a@localhost' id='1' type='chat'><body>x</body></message>
          stanza: Message(Message { head: Head { to: Some(a@localhost), from: Some(user@localhost/phone), id: Some("1"), lang: None }, kind: Chat, payloads: [<body>x</body>] })
        C: <presence from='user@localhost/phone'/>
          stanza: Presence(Presence { head: Head { to: None, from: Some(user@localhost/phone), id: None, lang: None }, kind: Available, payloads: [] })
        C: <presence from='User@localhost'/>
          stanza: Presence(Presence { head: Head { to: None, from: Some(user@localhost/phone), id: None, lang: None }, kind: Available, payloads: [] })
        C: <presence from='user@localhost/laptop'/>
          S: <stream:error><invalid-from xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>from: this session is user@localhost/phone</text></stream:error></stream:stream>
          Close
        C: <presence from='other@localhost'/>
          S: <stream:error><invalid-from xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>from: this session is user@localhost/phone</text></stream:error></stream:stream>
          Close
        C: <presence from=''/>
          S: <stream:error><invalid-from xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>from: this session is user@localhost/phone</text></stream:error></stream:stream>
          Close
        C: <iq type='set' id='s'><session xmlns='…session'/></iq>
          stanza: Iq(Iq { head: Head { to: None, from: Some(user@localhost/phone), id: Some("s"), lang: None }, kind: Set, payloads: [<session xmlns='urn:ietf:params:xml:ns:xmpp-session'/>] })
    "#]].assert_eq(&cases.map(said).concat());
}

#[test]
fn what_is_wrong_is_answered() {
    let cases = [
        "{bind}",
        "<iq type='set' id='b' to='localhost'><bind xmlns='…bind'/></iq>",
        "<iq type='set' id='b' to='other@localhost'><bind xmlns='…bind'/></iq>",
        "<iq type='take' id='1'/>",
        "<message to='@'/><presence/>",
        "<message to='@' type='error'/><presence/>",
        "<query/>",
        "<r xmlns='urn:xmpp:sm:3'/>",
        "{plain}",
    ];
    expect![[r#"
        C: {bind}
          S: <iq to='user@localhost/phone' id='b' type='error'><error type='cancel'><not-allowed xmlns='…stanzas'/><text xmlns='…stanzas'>this stream has its resource already; open another one</text></error></iq>
        C: <iq type='set' id='b' to='localhost'><bind xmlns='…bind'/></iq>
          S: <iq to='user@localhost/phone' from='localhost' id='b' type='error'><error type='cancel'><not-allowed xmlns='…stanzas'/><text xmlns='…stanzas'>this stream has its resource already; open another one</text></error></iq>
        C: <iq type='set' id='b' to='other@localhost'><bind xmlns='…bind'/></iq>
          stanza: Iq(Iq { head: Head { to: Some(other@localhost), from: Some(user@localhost/phone), id: Some("b"), lang: None }, kind: Set, payloads: [<bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'/>] })
        C: <iq type='take' id='1'/>
          S: <iq to='user@localhost/phone' id='1' type='error'><error type='modify'><bad-request xmlns='…stanzas'/><text xmlns='…stanzas'>an IQ is of type get, set, result or error</text></error></iq>
        C: <message to='@'/><presence/>
          S: <message to='user@localhost/phone' from='@' type='error'><error type='modify'><jid-malformed xmlns='…stanzas'/><text xmlns='…stanzas'>to: "@" is not a JID: nodepart empty despite the presence of a @</text></error></message>
          stanza: Presence(Presence { head: Head { to: None, from: Some(user@localhost/phone), id: None, lang: None }, kind: Available, payloads: [] })
        C: <message to='@' type='error'/><presence/>
          stanza: Presence(Presence { head: Head { to: None, from: Some(user@localhost/phone), id: None, lang: None }, kind: Available, payloads: [] })
        C: <query/>
          S: <stream:error><unsupported-stanza-type xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>a stanza is a message, a presence or an IQ</text></stream:error></stream:stream>
          Close
        C: <r xmlns='urn:xmpp:sm:3'/>
          S: <stream:error><unsupported-stanza-type xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>&lt;r xmlns='urn:xmpp:sm:3'/&gt; is not understood here</text></stream:error></stream:stream>
          Close
        C: {plain}
          S: <stream:error><unsupported-stanza-type xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>&lt;auth xmlns='…sasl'/&gt; is not understood here</text></stream:error></stream:stream>
          Close
    "#]].assert_eq(&cases.map(said).concat());
}

#[test]
fn a_stanza_inherits_the_language_of_its_stream() {
    let mut stream = open(Way::Dev);
    let mut out = Vec::new();
    step(&mut stream, "C: {header}{plain}", usize::MAX, &mut out);
    step(&mut stream, "L: known", usize::MAX, &mut out);
    stream.received(header("to='localhost' version='1.0' xml:lang='de'").as_bytes(), &mut out);
    for line in ["C: {bind}", "B: phone", "C: <message/><message xml:lang='fr'/>"] {
        out.clear();
        step(&mut stream, line, usize::MAX, &mut out);
    }
    let languages: Vec<_> = out
        .iter()
        .map(|action| match action {
            Action::Stanza(stanza) => stanza.head().lang.as_deref(),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(languages, [Some("de"), Some("fr")]);
}

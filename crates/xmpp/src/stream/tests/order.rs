//! Every step in its turn, and what the wrong ones get.

use super::*;

#[test]
fn from_the_first_byte_to_the_last() {
    check(
        Way::Plain,
        "C: {header}
         C: {starttls}
         T: binding
         C: {header}
         C: {plain}
         L: known
         C: {header}
         C: <iq type='set' id='b' to='localhost'><bind xmlns='…bind'><resource>phone</resource></bind></iq>
         B: phone
         C: <presence/>
         C: </stream:stream>
         C: <presence/>
         X: close",
        expect![[r#"
            C: {header}
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'><required/></starttls></stream:features>
            C: {starttls}
              S: <proceed xmlns='…tls'/>
              StartTls
            T: binding
            C: {header}
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><mechanisms xmlns='…sasl'><mechanism>SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN</mechanism></mechanisms><sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding></stream:features>
            C: {plain}
              LookUp { account: user@localhost }
            L: known
              S: <success xmlns='…sasl'/>
              Authenticated { account: user@localhost }
            C: {header}
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><bind xmlns='…bind'/></stream:features>
            C: <iq type='set' id='b' to='localhost'><bind xmlns='…bind'><resource>phone</resource></bind></iq>
              Bind { resource: "phone" }
            B: phone
              S: <iq from='localhost' id='b' type='result'><bind xmlns='…bind'><jid>user@localhost/phone</jid></bind></iq>
            C: <presence/>
              stanza: Presence(Presence { head: Head { to: None, from: Some(user@localhost/phone), id: None, lang: None }, kind: Available, payloads: [] })
            C: </stream:stream>
              Closing
            C: <presence/>
            X: close
              S: </stream:stream>
              Close
        "#]],
    );
}

#[test]
fn without_waiting_for_answers() {
    check(
        Way::Direct,
        "C: {header}{plain}{header}{bind}<presence/></stream:stream>
         L: known
         B: laptop
         X: close",
        expect![[r#"
            C: {header}{plain}{header}{bind}<presence/></stream:stream>
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><mechanisms xmlns='…sasl'><mechanism>SCRAM-SHA-256-PLUS SCRAM-SHA-1-PLUS SCRAM-SHA-256 SCRAM-SHA-1 PLAIN</mechanism></mechanisms><sasl-channel-binding xmlns='urn:xmpp:sasl-cb:0'><channel-binding type='tls-exporter'/></sasl-channel-binding></stream:features>
              LookUp { account: user@localhost }
            L: known
              S: <success xmlns='…sasl'/>
              Authenticated { account: user@localhost }
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><bind xmlns='…bind'/></stream:features>
              Bind { resource: "YbHnpZ05MEJhaGRB4gx5RT0v" }
            B: laptop
              S: <iq id='b' type='result'><bind xmlns='…bind'><jid>user@localhost/laptop</jid></bind></iq>
              stanza: Presence(Presence { head: Head { to: None, from: Some(user@localhost/laptop), id: None, lang: None }, kind: Available, payloads: [] })
              Closing
            X: close
              S: </stream:stream>
              Close
        "#]],
    );
}

#[test]
fn tls_1_2_offers_no_binding() {
    check(
        Way::Plain,
        "C: {header}{starttls}
         T: none
         C: {header}",
        expect![[r#"
            C: {header}{starttls}
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'><required/></starttls></stream:features>
              S: <proceed xmlns='…tls'/>
              StartTls
            T: none
            C: {header}
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><mechanisms xmlns='…sasl'><mechanism>SCRAM-SHA-256 SCRAM-SHA-1 PLAIN</mechanism></mechanisms></stream:features>
        "#]],
    );
}

#[test]
fn without_tls_passwords_travel_only_where_they_may() {
    check(
        Way::Optional,
        "C: {header}{plain}",
        expect![[r#"
        C: {header}{plain}
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'/><mechanisms xmlns='…sasl'><mechanism>SCRAM-SHA-256 SCRAM-SHA-1</mechanism></mechanisms></stream:features>
          S: <failure xmlns='…sasl'><encryption-required/><text xml:lang='en'>use STARTTLS first</text></failure>
    "#]],
    );
    check(
        Way::Dev,
        "C: {header}{plain}",
        expect![[r#"
        C: {header}{plain}
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'/><mechanisms xmlns='…sasl'><mechanism>SCRAM-SHA-256 SCRAM-SHA-1 PLAIN</mechanism></mechanisms></stream:features>
          LookUp { account: user@localhost }
    "#]],
    );
}

#[test]
fn before_required_tls_there_is_nothing_else() {
    let scripts = ["C: {plain}", "C: {bind}", "C: <message/>", "C: <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>"];
    check_each(
        Way::Plain,
        OPEN,
        &scripts,
        expect![[r#"
        C: {plain}
          S: <failure xmlns='…sasl'><encryption-required/><text xml:lang='en'>use STARTTLS first</text></failure>
        C: {bind}
          S: <stream:error><not-authorized xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>log in first</text></stream:error></stream:stream>
          Close
        C: <message/>
          S: <stream:error><not-authorized xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>log in first</text></stream:error></stream:stream>
          Close
        C: <authenticate xmlns='urn:xmpp:sasl:2' mechanism='PLAIN'/>
          S: <stream:error><unsupported-stanza-type xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>&lt;authenticate xmlns='urn:xmpp:sasl:2'/&gt; is not understood here</text></stream:error></stream:stream>
          Close
    "#]],
    );
}

#[test]
fn what_follows_starttls_is_never_used() {
    let whole = play(Way::Plain, "C: {header}{starttls}{header}\nT: binding\nC: {header}", usize::MAX);
    expect![[r#"
        C: {header}{starttls}{header}
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'><required/></starttls></stream:features>
          S: <stream:error><policy-violation xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>nothing may follow &lt;starttls/&gt; until TLS is up</text></stream:error></stream:stream>
          Close
        T: binding
        C: {header}
    "#]].assert_eq(&whole);
    // Where it comes later than we could say so, nothing may be said any more.
    let bytes = play(Way::Plain, "C: {header}{starttls}<\nT: binding\nC: {header}", 1);
    expect![[r#"
        C: {header}{starttls}<
          S: [header from='localhost' version='1.0' xml:lang='en'] <stream:features><starttls xmlns='…tls'><required/></starttls></stream:features>
          S: <proceed xmlns='…tls'/>
          StartTls
          Close
        T: binding
        C: {header}
    "#]].assert_eq(&bytes);
}

#[test]
fn tls_comes_once_and_before_the_login() {
    check_each(
        Way::Plain,
        SECURE,
        &["C: {starttls}"],
        expect![[r#"
        C: {starttls}
          S: <failure xmlns='…tls'/></stream:stream>
          Close
    "#]],
    );
    check_each(
        Way::Direct,
        OPEN,
        &["C: {starttls}"],
        expect![[r#"
        C: {starttls}
          S: <failure xmlns='…tls'/></stream:stream>
          Close
    "#]],
    );
    check_each(
        Way::Dev,
        RESTARTED,
        &["C: {starttls}"],
        expect![[r#"
        C: {starttls}
          S: <failure xmlns='…tls'/></stream:stream>
          Close
    "#]],
    );
    check_each(
        Way::Dev,
        BOUND,
        &["C: {starttls}"],
        expect![[r#"
        C: {starttls}
          S: <failure xmlns='…tls'/></stream:stream>
          Close
    "#]],
    );
    check_each(
        Way::Dev,
        OPEN,
        &["C: <auth xmlns='…sasl' mechanism='PLAIN'/>{starttls}"],
        expect![[r#"
        C: <auth xmlns='…sasl' mechanism='PLAIN'/>{starttls}
          S: <challenge xmlns='…sasl'/>
          S: <failure xmlns='…tls'/></stream:stream>
          Close
    "#]],
    );
}

#[test]
fn after_the_login_comes_a_header_and_then_bind() {
    check_each(
        Way::Direct,
        LOGGED_IN,
        &["C: {plain}", "C: </stream:stream>"],
        expect![[r#"
            C: {plain}
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><invalid-namespace xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>byte 1 of the header: the stream element must be in the namespace http://etherx.jabber.org/streams</text></stream:error></stream:stream>
              Close
            C: </stream:stream>
              S: [header from='localhost' version='1.0' xml:lang='en'] <stream:error><not-well-formed xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>byte 1 of the header: this end tag closes nothing that is open</text></stream:error></stream:stream>
              Close
        "#]],
    );
    let scripts = [
        "C: {plain}",
        "C: <message to='localhost'/>",
        "C: <iq type='set' id='s'><session xmlns='…session'/></iq>",
        "C: <iq type='get' id='b'><bind xmlns='…bind'/></iq>",
        "C: <iq type='set'><bind xmlns='…bind'/></iq>",
        "C: <iq type='set' id='b' to='other@localhost'><bind xmlns='…bind'/></iq>",
        "C: <query/>",
        "C: <enable xmlns='urn:xmpp:sm:3'/>",
    ];
    check_each(
        Way::Direct,
        RESTARTED,
        &scripts,
        expect![[r#"
        C: {plain}
          S: <stream:error><unsupported-stanza-type xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>&lt;auth xmlns='…sasl'/&gt; is not understood here</text></stream:error></stream:stream>
          Close
        C: <message to='localhost'/>
          S: <stream:error><not-authorized xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bind a resource first, with an IQ of type set that has an id</text></stream:error></stream:stream>
          Close
        C: <iq type='set' id='s'><session xmlns='…session'/></iq>
          S: <stream:error><not-authorized xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bind a resource first, with an IQ of type set that has an id</text></stream:error></stream:stream>
          Close
        C: <iq type='get' id='b'><bind xmlns='…bind'/></iq>
          S: <stream:error><not-authorized xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bind a resource first, with an IQ of type set that has an id</text></stream:error></stream:stream>
          Close
        C: <iq type='set'><bind xmlns='…bind'/></iq>
          S: <stream:error><not-authorized xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bind a resource first, with an IQ of type set that has an id</text></stream:error></stream:stream>
          Close
        C: <iq type='set' id='b' to='other@localhost'><bind xmlns='…bind'/></iq>
          S: <stream:error><not-authorized xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>bind a resource first, with an IQ of type set that has an id</text></stream:error></stream:stream>
          Close
        C: <query/>
          S: <stream:error><unsupported-stanza-type xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>a stanza is a message, a presence or an IQ</text></stream:error></stream:stream>
          Close
        C: <enable xmlns='urn:xmpp:sm:3'/>
          S: <stream:error><unsupported-stanza-type xmlns='…streams'/><text xmlns='…streams' xml:lang='en'>&lt;enable xmlns='urn:xmpp:sm:3'/&gt; is not understood here</text></stream:error></stream:stream>
          Close
    "#]],
    );
}

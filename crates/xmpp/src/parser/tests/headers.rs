//! What a stream begins with.

use expect_test::expect;

use super::*;

fn check(lines: &[&[u8]], expected: expect_test::Expect) {
    let shown = lines.iter().map(|line| {
        let outcome = outcome_however_cut(LIMITS, line);
        let outcome = if outcome.is_empty() { "more is needed".to_owned() } else { outcome };
        format!("{}\n  {}\n", line.escape_ascii(), outcome.replace('\n', "\n  "))
    });
    expected.assert_eq(&shown.collect::<String>());
}

#[test]
fn headers_are_read() {
    check(
        &[
            b"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'></s:stream>",
            b"<?xml version=\"1.0\" encoding='utf-8' standalone='yes' ?>\n <stream:stream to='a&amp;b' \
              xmlns:stream='http://etherx.jabber.org/streams'>",
            b"\n <stream:stream xmlns:stream='http://etherx.jabber.org/streams' xmlns='jabber:server' >",
            b"<?xml version='1.0'?>",
        ],
        expect![[r#"
            <s:stream xmlns:s=\'http://etherx.jabber.org/streams\' xmlns=\'jabber:client\'></s:stream>
              open to=None in "jabber:client"
              close
            <?xml version=\"1.0\" encoding=\'utf-8\' standalone=\'yes\' ?>\n <stream:stream to=\'a&amp;b\' xmlns:stream=\'http://etherx.jabber.org/streams\'>
              open to=Some("a&b") in ""
            \n <stream:stream xmlns:stream=\'http://etherx.jabber.org/streams\' xmlns=\'jabber:server\' >
              open to=None in "jabber:server"
            <?xml version=\'1.0\'?>
              more is needed
        "#]],
    );
}

#[test]
fn every_attribute_of_a_header_is_read() {
    let mut parser = Parser::new(LIMITS);
    parser.push(
        b"<stream:stream from='c' to='u@c' id='7' version='1.0' xml:lang='en' xmlns='jabber:client' \
                  xmlns:stream='http://etherx.jabber.org/streams'>",
    );
    let some = |value: &str| Some(value.to_owned());
    let header = StreamHeader {
        to: some("u@c"),
        from: some("c"),
        version: some("1.0"),
        lang: some("en"),
        id: some("7"),
        default_namespace: ns::CLIENT.to_owned(),
    };
    assert_eq!(parser.next(), Ok(Some(Event::StreamOpen(header))));
}

#[test]
fn wrong_headers_are_refused() {
    check(
        &[
            b"GET / HTTP/1.1",
            b"\x16\x03\x01",
            b"\xff\xfe<\0",
            b"\xfe\xff\0<",
            b"\0<",
            b"<\0",
            b"\xef\xbb\xbf<stream:stream>",
            b" <?xml version='1.0'?>",
            b"<?xml version='1.0'?><?xml version='1.0'?>",
            b"<?xml-stylesheet?>",
            b"<?xml version='1.0' encoding='ISO-8859-1'?>",
            b"<?xml version='2.0'?>",
            b"<?xml encoding='UTF-8'?>",
            b"<?xml version='1.0' standalone='maybe'?>",
            b"<?xml version='1.0' standalone='yes' encoding='UTF-8'?>",
            b"<?xml version='1.0'encoding='UTF-8'?>",
            b"<?xml ?>",
            b"<!DOCTYPE stream>",
            b"<!-- c -->",
            b"<![CDATA[]]>",
            b"</stream:stream>",
            b"<stream:stream>",
            b"<stream:stream xmlns:stream='urn:x'>",
            b"<stream xmlns='jabber:client'>",
            b"<stream xmlns='http://etherx.jabber.org/streams'>",
            b"<s:a xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'>",
            b"<s:stream xmlns:s='http://etherx.jabber.org/streams' xmlns='jabber:client'/>",
            b"<s:stream xmlns:s='http://etherx.jabber.org/streams' to='a' to='b'>",
            b"<s:stream xmlns:s='http://etherx.jabber.org/streams' to='\xff'>",
        ],
        expect![[r#"
            GET / HTTP/1.1
              not-well-formed: byte 1 of the header: a stream begins with its header
            \x16\x03\x01
              not-well-formed: byte 1 of the header: this character is not allowed in XML
            \xff\xfe<\x00
              unsupported-encoding: byte 1 of the header: this is not UTF-8
            \xfe\xff\x00<
              unsupported-encoding: byte 1 of the header: this is not UTF-8
            \x00<
              unsupported-encoding: byte 1 of the header: this is not UTF-8
            <\x00
              unsupported-encoding: byte 2 of the header: this is not UTF-8
            \xef\xbb\xbf<stream:stream>
              not-well-formed: byte 1 of the header: a stream begins with its header
             <?xml version=\'1.0\'?>
              restricted-xml: byte 3 of the header: processing instructions are not allowed, and an XML declaration only as the very first thing
            <?xml version=\'1.0\'?><?xml version=\'1.0\'?>
              restricted-xml: byte 23 of the header: processing instructions are not allowed, and an XML declaration only as the very first thing
            <?xml-stylesheet?>
              restricted-xml: byte 6 of the header: processing instructions are not allowed, and an XML declaration only as the very first thing
            <?xml version=\'1.0\' encoding=\'ISO-8859-1\'?>
              unsupported-encoding: byte 1 of the header: only UTF-8 is understood
            <?xml version=\'2.0\'?>
              not-well-formed: byte 1 of the header: this is not an XML declaration
            <?xml encoding=\'UTF-8\'?>
              not-well-formed: byte 1 of the header: this is not an XML declaration
            <?xml version=\'1.0\' standalone=\'maybe\'?>
              not-well-formed: byte 1 of the header: this is not an XML declaration
            <?xml version=\'1.0\' standalone=\'yes\' encoding=\'UTF-8\'?>
              not-well-formed: byte 1 of the header: this is not an XML declaration
            <?xml version=\'1.0\'encoding=\'UTF-8\'?>
              not-well-formed: byte 20 of the header: white space must stand here, or the tag must end
            <?xml ?>
              not-well-formed: byte 1 of the header: this is not an XML declaration
            <!DOCTYPE stream>
              restricted-xml: byte 3 of the header: a document type is not allowed
            <!-- c -->
              restricted-xml: byte 3 of the header: comments are not allowed
            <![CDATA[]]>
              not-well-formed: byte 1 of the header: a stream begins with its header
            </stream:stream>
              not-well-formed: byte 1 of the header: this end tag closes nothing that is open
            <stream:stream>
              not-well-formed: byte 1 of the header: a prefix is not declared
            <stream:stream xmlns:stream=\'urn:x\'>
              invalid-namespace: byte 1 of the header: the stream element must be in the namespace http://etherx.jabber.org/streams
            <stream xmlns=\'jabber:client\'>
              invalid-namespace: byte 1 of the header: the stream element must be in the namespace http://etherx.jabber.org/streams
            <stream xmlns=\'http://etherx.jabber.org/streams\'>
              bad-namespace-prefix: byte 1 of the header: the stream element needs a prefix of its own
            <s:a xmlns:s=\'http://etherx.jabber.org/streams\' xmlns=\'jabber:client\'>
              bad-format: byte 1 of the header: the outermost element must be a stream
            <s:stream xmlns:s=\'http://etherx.jabber.org/streams\' xmlns=\'jabber:client\'/>
              bad-format: byte 1 of the header: a stream does not end in its header
            <s:stream xmlns:s=\'http://etherx.jabber.org/streams\' to=\'a\' to=\'b\'>
              not-well-formed: byte 1 of the header: an attribute stands twice in one tag
            <s:stream xmlns:s=\'http://etherx.jabber.org/streams\' to=\'\xff\'>
              unsupported-encoding: byte 58 of the header: this is not UTF-8
        "#]],
    );
}

#[test]
fn a_restart_forgets_the_stream_and_keeps_the_bytes() {
    let mut parser = Parser::new(LIMITS);
    parser.push(HEADER.replace("xmlns=", "xmlns:x='urn:x' xmlns=").as_bytes());
    assert!(matches!(parser.next(), Ok(Some(Event::StreamOpen(_)))));
    parser.push(format!("<x:a/>{HEADER}<x:a/>").as_bytes());
    assert!(matches!(parser.next(), Ok(Some(Event::Element(_)))));
    assert_eq!(parser.unread(), HEADER.len() + "<x:a/>".len());
    parser.restart();
    assert!(matches!(parser.next(), Ok(Some(Event::StreamOpen(_)))));
    let error = parser.next().unwrap_err();
    assert_eq!(error.condition, StreamCondition::NotWellFormed, "the prefix was another stream's");
    parser.restart();
    assert_eq!(parser.next(), Err(error));
}

#[test]
fn blanks_count_as_unread_until_they_are_met() {
    let mut parser = Parser::new(LIMITS);
    parser.push(HEADER.as_bytes());
    assert!(matches!(parser.next(), Ok(Some(Event::StreamOpen(_)))));
    parser.push(b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>\n");
    assert!(matches!(parser.next(), Ok(Some(Event::Element(_)))));
    assert_eq!(parser.unread(), 1);
    assert_eq!(parser.next(), Ok(None));
    assert_eq!(parser.unread(), 0);
    parser.restart();
    parser.push(b"\n");
    assert_eq!(parser.next(), Ok(None));
    assert_eq!(parser.unread(), 1);
}

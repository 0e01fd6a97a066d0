//! What comes within a stream, and what becomes of it.

use expect_test::expect;

use super::*;

/// Reads each line as what follows a header.
fn check(lines: &[&str], expected: expect_test::Expect) {
    let shown = lines.iter().map(|line| {
        let stream = [HEADER.as_bytes(), line.as_bytes()].concat();
        let outcome = outcome_however_cut(LIMITS, &stream);
        let (_, rest) = outcome.split_once('\n').unwrap_or(("", "more is needed"));
        format!("{}\n  {}\n", visible(line), rest.replace('\n', "\n  "))
    });
    expected.assert_eq(&shown.collect::<String>());
}

#[test]
fn stanzas_come_one_by_one() {
    check(
        &[
            "<message to='a'><body>hi</body></message>\n <presence/></stream:stream>junk",
            "<message",
            "<a><b/><b></b>t<c/></a >",
            " \t\r\n",
            "</stream:stream\n>",
        ],
        expect![[r#"
            <message to='a'><body>hi</body></message>\n <presence/></stream:stream>junk
              <message to='a'><body>hi</body></message>
              <presence/>
              close
            <message
              more is needed
            <a><b/><b></b>t<c/></a >
              <a><b/><b/>t<c/></a>
             \t\r\n
              more is needed
            </stream:stream\n>
              close
        "#]],
    );
}

#[test]
fn namespaces_are_resolved() {
    check(
        &[
            "<stream:features><a xmlns='urn:a'/></stream:features>",
            "<x:a xmlns:x='urn:x' x:b='1' b='2'><x:c xmlns:x='urn:y'/><d xmlns=''><e/></d></x:a>",
            "<a b='1' x:b='2' xmlns:x='urn:a&amp;b'/>",
            "<a xml:lang='de' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>",
            "<a xmlns:x='urn:x'/><x:b/>",
            "<x:a/>",
            "<a x:b='1'/>",
            "<a xmlns:x='urn:x' xmlns:y='urn:x' x:b='1' y:b='2'/>",
            "<a b='1' b='2'/>",
            "<a xmlns='urn:x' xmlns='urn:y'/>",
            "<a xmlns:x=''/>",
            "<a xmlns:xml='urn:x'/>",
            "<a xmlns:x='http://www.w3.org/XML/1998/namespace'/>",
            "<a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>",
            "<a xmlns='http://www.w3.org/2000/xmlns/'/>",
            "<xmlns:a/>",
            "<x:y:z xmlns:x='urn:x'/>",
            "<:a/>",
            "<a:/>",
        ],
        expect![[r#"
            <stream:features><a xmlns='urn:a'/></stream:features>
              <features xmlns='http://etherx.jabber.org/streams'><a xmlns='urn:a'/></features>
            <x:a xmlns:x='urn:x' x:b='1' b='2'><x:c xmlns:x='urn:y'/><d xmlns=''><e/></d></x:a>
              <a xmlns='urn:x' xmlns:a0='urn:x' a0:b='1' b='2'><c xmlns='urn:y'/><d xmlns=''><e/></d></a>
            <a b='1' x:b='2' xmlns:x='urn:a&amp;b'/>
              <a b='1' xmlns:a1='urn:a&amp;b' a1:b='2'/>
            <a xml:lang='de' xmlns:xml='http://www.w3.org/XML/1998/namespace'/>
              <a xml:lang='de'/>
            <a xmlns:x='urn:x'/><x:b/>
              <a/>
              not-well-formed: byte 1 of the stanza: a prefix is not declared
            <x:a/>
              not-well-formed: byte 1 of the stanza: a prefix is not declared
            <a x:b='1'/>
              not-well-formed: byte 1 of the stanza: a prefix is not declared
            <a xmlns:x='urn:x' xmlns:y='urn:x' x:b='1' y:b='2'/>
              not-well-formed: byte 1 of the stanza: an attribute stands twice in one tag
            <a b='1' b='2'/>
              not-well-formed: byte 1 of the stanza: an attribute stands twice in one tag
            <a xmlns='urn:x' xmlns='urn:y'/>
              not-well-formed: byte 1 of the stanza: an element declares a namespace twice
            <a xmlns:x=''/>
              not-well-formed: byte 1 of the stanza: a prefix must not be bound to nothing
            <a xmlns:xml='urn:x'/>
              not-well-formed: byte 1 of the stanza: the prefix xml and its namespace belong together
            <a xmlns:x='http://www.w3.org/XML/1998/namespace'/>
              not-well-formed: byte 1 of the stanza: the prefix xml and its namespace belong together
            <a xmlns:xmlns='http://www.w3.org/2000/xmlns/'/>
              not-well-formed: byte 1 of the stanza: the prefix xmlns and its namespace must not be declared
            <a xmlns='http://www.w3.org/2000/xmlns/'/>
              not-well-formed: byte 1 of the stanza: the prefix xmlns and its namespace must not be declared
            <xmlns:a/>
              not-well-formed: byte 1 of the stanza: a prefix is not declared
            <x:y:z xmlns:x='urn:x'/>
              not-well-formed: byte 5 of the stanza: white space must stand here, or the tag must end
            <:a/>
              not-well-formed: byte 2 of the stanza: no name begins so
            <a:/>
              not-well-formed: byte 2 of the stanza: this is not a name
        "#]],
    );
}

#[test]
fn text_and_values_are_normalised() {
    check(
        &[
            "<a>1\r\n2\r3\n4&#13;5</a>",
            "<a b='1\r\n2\r3\n4\t5&#13;&#10;&#9;6'/>",
            "<a>&lt;&gt;&amp;&apos;&quot;&#x1F600;&#128512;</a>",
            "<a b='&lt;&gt;&amp;&apos;&quot;&#x1F600;>'/>",
            "<a>1<![CDATA[<&]]>2<![CDATA[]]]]>3<![CDATA[]]>></a>",
        ],
        expect![[r#"
            <a>1\r\n2\r3\n4&#13;5</a>
              <a>1\n2\n3\n4&#xD;5</a>
            <a b='1\r\n2\r3\n4\t5&#13;&#10;&#9;6'/>
              <a b='1 2 3 4 5&#xD;&#xA;&#x9;6'/>
            <a>&lt;&gt;&amp;&apos;&quot;&#x1F600;&#128512;</a>
              <a>&lt;&gt;&amp;'"\u{1f600}\u{1f600}</a>
            <a b='&lt;&gt;&amp;&apos;&quot;&#x1F600;>'/>
              <a b='&lt;&gt;&amp;&apos;&quot;\u{1f600}&gt;'/>
            <a>1<![CDATA[<&]]>2<![CDATA[]]]]>3<![CDATA[]]>></a>
              <a>1&lt;&amp;2]]3&gt;</a>
        "#]],
    );
}

#[test]
fn what_is_not_well_formed_is_refused() {
    check(
        &[
            "<a></b>",
            "<a><b></a>",
            "</a>",
            "<a></a b='c'>",
            "<a></ a>",
            "<a></a/>",
            "<a b=c/>",
            "<a b='c/>",
            "<a b/>",
            "<a b='1'c='2'/>",
            "<a b='<'/>",
            "<a <b/>",
            "<a/ >",
            "< a/>",
            "<1/>",
            "<a 1='b'/>",
            "<a b='\u{1}'/>",
            "<a>\u{b}</a>",
            "<a>\u{fffe}</a>",
            "<a><![CDATA[\u{ffff}]]></a>",
            "<a>]]></a>",
            "<a>&</a>",
            "<a>&lt</a>",
            "<a>&#0;</a>",
            "<a>&#xD800;</a>",
            "<a>&#+65;</a>",
            "<a>&#X41;</a>",
            "<a>&#99999999999;</a>",
            "<a><!x></a>",
            "<a><![CDATX[]]></a>",
            "<a></>",
        ],
        expect![[r#"
            <a></b>
              not-well-formed: byte 4 of the stanza: this end tag does not close the innermost element
            <a><b></a>
              not-well-formed: byte 7 of the stanza: this end tag does not close the innermost element
            </a>
              not-well-formed: byte 1 of the stanza: this end tag closes nothing that is open
            <a></a b='c'>
              not-well-formed: byte 8 of the stanza: an end tag has nothing but a name
            <a></ a>
              not-well-formed: byte 6 of the stanza: this is not a name
            <a></a/>
              not-well-formed: byte 7 of the stanza: an end tag has nothing but a name
            <a b=c/>
              not-well-formed: byte 6 of the stanza: an attribute's value must stand in quotes
            <a b='c/>
              more is needed
            <a b/>
              not-well-formed: byte 5 of the stanza: an attribute needs a value
            <a b='1'c='2'/>
              not-well-formed: byte 9 of the stanza: white space must stand here, or the tag must end
            <a b='<'/>
              not-well-formed: byte 7 of the stanza: a tag has a < within it
            <a <b/>
              not-well-formed: byte 4 of the stanza: a tag has a < within it
            <a/ >
              not-well-formed: byte 3 of the stanza: white space must stand here, or the tag must end
            < a/>
              not-well-formed: byte 2 of the stanza: no name begins so
            <1/>
              not-well-formed: byte 2 of the stanza: no name begins so
            <a 1='b'/>
              not-well-formed: byte 4 of the stanza: this is not an attribute's name
            <a b='\u{1}'/>
              not-well-formed: byte 7 of the stanza: this character is not allowed in XML
            <a>\u{b}</a>
              not-well-formed: byte 4 of the stanza: this character is not allowed in XML
            <a>\u{fffe}</a>
              not-well-formed: byte 4 of the stanza: this character is not allowed in XML
            <a><![CDATA[\u{ffff}]]></a>
              not-well-formed: byte 13 of the stanza: this character is not allowed in XML
            <a>]]></a>
              not-well-formed: byte 4 of the stanza: ]]> must not stand in text
            <a>&</a>
              not-well-formed: byte 4 of the stanza: an & must begin a reference
            <a>&lt</a>
              not-well-formed: byte 4 of the stanza: an & must begin a reference
            <a>&#0;</a>
              not-well-formed: byte 4 of the stanza: this character is not allowed in XML
            <a>&#xD800;</a>
              not-well-formed: byte 4 of the stanza: this is not a reference to a character
            <a>&#+65;</a>
              not-well-formed: byte 4 of the stanza: this is not a reference to a character
            <a>&#X41;</a>
              not-well-formed: byte 4 of the stanza: this is not a reference to a character
            <a>&#99999999999;</a>
              not-well-formed: byte 4 of the stanza: this is not a reference to a character
            <a><!x></a>
              not-well-formed: byte 6 of the stanza: no markup begins so
            <a><![CDATX[]]></a>
              not-well-formed: byte 11 of the stanza: no markup begins so
            <a></>
              not-well-formed: byte 6 of the stanza: this is not a name
        "#]],
    );
}

#[test]
fn what_xmpp_does_not_allow_is_refused() {
    check(
        &[
            "<!-- c -->",
            "<a><!-- c --></a>",
            "<?p?>",
            "<a><?p?></a>",
            "<?xml version='1.0'?>",
            "<!DOCTYPE a>",
            "<a>&nbsp;</a>",
            "<a b='&x;'/>",
            "text",
            "<a/>text",
            "&#32;",
            "\u{1}",
            "\u{feff}",
            "<![CDATA[ ]]>",
            "<stream:stream>",
            "<stream:stream/>",
        ],
        expect![[r#"
            <!-- c -->
              restricted-xml: byte 3 of the stanza: comments are not allowed
            <a><!-- c --></a>
              restricted-xml: byte 6 of the stanza: comments are not allowed
            <?p?>
              restricted-xml: byte 2 of the stanza: processing instructions are not allowed, and an XML declaration only as the very first thing
            <a><?p?></a>
              restricted-xml: byte 5 of the stanza: processing instructions are not allowed, and an XML declaration only as the very first thing
            <?xml version='1.0'?>
              restricted-xml: byte 2 of the stanza: processing instructions are not allowed, and an XML declaration only as the very first thing
            <!DOCTYPE a>
              restricted-xml: byte 3 of the stanza: a document type is not allowed
            <a>&nbsp;</a>
              restricted-xml: byte 4 of the stanza: only lt, gt, amp, apos and quot may be referred to
            <a b='&x;'/>
              restricted-xml: byte 7 of the stanza: only lt, gt, amp, apos and quot may be referred to
            text
              bad-format: byte 1 of the stanza: text must stand within a stanza
            <a/>text
              <a/>
              bad-format: byte 1 of the stanza: text must stand within a stanza
            &#32;
              bad-format: byte 1 of the stanza: text must stand within a stanza
            \u{1}
              not-well-formed: byte 1 of the stanza: this character is not allowed in XML
            \u{feff}
              bad-format: byte 1 of the stanza: text must stand within a stanza
            <![CDATA[ ]]>
              bad-format: byte 1 of the stanza: text must stand within a stanza
            <stream:stream>
              bad-format: byte 1 of the stanza: a stream has one header
            <stream:stream/>
              bad-format: byte 1 of the stanza: a stream has one header
        "#]],
    );
}

#[test]
fn other_encodings_are_refused() {
    for bytes in [&b"<a>\xff</a>"[..], b"<a b='\xc3'/>", b"<a>\xed\xa0\x80</a>", b"<a>\xc0\x80</a>", b"<\xe9/>", b"\xff", b"\xa0"]
    {
        let outcome = outcome_however_cut(LIMITS, &[HEADER.as_bytes(), bytes].concat());
        assert!(outcome.contains("\nunsupported-encoding: byte "), "{}: {outcome}", bytes.escape_ascii());
    }
}

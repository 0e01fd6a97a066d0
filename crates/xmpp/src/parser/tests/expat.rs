//! Our verdicts beside those of expat, the reference of XML parsers, on some hundreds of stanzas good and bad.
//!
//! `expat.txt` is what `expat.py` prints. The first test needs the table alone, the second makes it anew where Python is.

use std::process::Command;

use expect_test::expect;

use super::*;

const TABLE: &str = include_str!("expat.txt");

const WIDE: Limits = Limits { depth_max: 100, attributes_max: 100, ..LIMITS };

#[test]
fn we_differ_from_expat_only_where_xmpp_is_stricter() {
    let mut differences = String::new();
    for row in TABLE.lines() {
        let (stanza, expected) = row.split_once('\t').unwrap();
        let bytes = unescaped(stanza);
        let stream = [HEADER.as_bytes(), &bytes, b"</stream:stream>"].concat();
        let (found, error) = verdict(&stream);
        if found != expected {
            differences.push_str(&format!("{stanza}\n  expat: {expected}\n  here:  {error}\n"));
        }
    }
    expect![[r#"
        <a/>>
          expat: (jabber:client|a)
          here:  bad-format
        <a><!-- b --></a>
          expat: (jabber:client|a)
          here:  restricted-xml
        <a><!----></a>
          expat: (jabber:client|a)
          here:  restricted-xml
        <!-- b -->
          expat: 
          here:  restricted-xml
        <a><?b c?></a>
          expat: (jabber:client|a)
          here:  restricted-xml
        <a><?b?></a>
          expat: (jabber:client|a)
          here:  restricted-xml
        <?b?>
          expat: 
          here:  restricted-xml
        text
          expat: 
          here:  bad-format
        <a/>text
          expat: (jabber:client|a)
          here:  bad-format
        &amp;
          expat: 
          here:  bad-format
        <![CDATA[a]]>
          expat: 
          here:  bad-format
        <stream:stream/>
          expat: (http://etherx.jabber.org/streams|stream)
          here:  bad-format
        <stream:stream></stream:stream>
          expat: (http://etherx.jabber.org/streams|stream)
          here:  bad-format
        '<x:a xmlns:x='urn:x' x:b='1' b = '2'\x0a><x:c/></x:a >
          expat: (urn:x|a @urn:x|b="1" @|b="2" (urn:x|c))
          here:  bad-format
        '<\xc3\xa9 \xc3\xa8='\xe2\x82\xac'>\xf0\x9f\x98\x80\xc2\xa0</\xc3\xa9>
          expat: (jabber:client|\u{e9} @|\u{e8}="\u{20ac}" "\u{1f600}\u{a0}")
          here:  bad-format
    "#]]
    .assert_eq(&differences);
}

#[test]
fn the_table_is_what_expat_says() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/src/parser/tests/expat.py");
    let Ok(output) = Command::new("python3").arg(script).output() else {
        eprintln!("python3 is not here: the table is taken as it is");
        return;
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said == TABLE, "make expat.txt anew with expat.py and look at what changed");
}

/// What was read in the notation of the table, or `-`; and our condition.
fn verdict(stream: &[u8]) -> (String, &'static str) {
    let mut parser = Parser::new(WIDE);
    parser.push(stream);
    let mut found = String::new();
    loop {
        match parser.next() {
            Ok(Some(Event::StreamOpen(_))) => {}
            Ok(Some(Event::Element(element))) => show(&mut found, &element),
            Ok(Some(Event::StreamClose)) => return (found, ""),
            Ok(None) => return ("-".to_owned(), "unfinished"),
            Err(error) => return ("-".to_owned(), error.condition.as_str()),
        }
    }
}

fn show(out: &mut String, element: &Element) {
    out.push_str(&format!("({}|{}", escaped(element.namespace()), escaped(element.name())));
    for attribute in element.attributes() {
        let namespace = escaped(attribute.namespace.as_deref().unwrap_or_default());
        out.push_str(&format!(" @{namespace}|{}=\"{}\"", escaped(&attribute.name), escaped(&attribute.value)));
    }
    for node in element.nodes() {
        out.push(' ');
        match node {
            Node::Element(child) => show(out, child),
            Node::Text(text) => out.push_str(&format!("\"{}\"", escaped(text))),
        }
    }
    out.push(')');
}

fn escaped(text: &str) -> String {
    let plain = |c: char| matches!(c, ' '..='~') && !matches!(c, '\\' | '"');
    text.chars().map(|c| if plain(c) { c.to_string() } else { c.escape_unicode().to_string() }).collect()
}

/// Turns `\x09` into the byte.
fn unescaped(text: &str) -> Vec<u8> {
    let mut pieces = text.split("\\x");
    let mut bytes = pieces.next().unwrap().as_bytes().to_vec();
    for piece in pieces {
        bytes.push(u8::from_str_radix(&piece[..2], 16).unwrap());
        bytes.extend_from_slice(&piece.as_bytes()[2..]);
    }
    bytes
}

//! Whatever is written is read back, and whatever comes is survived.

use proptest::prelude::*;

use super::*;
use crate::element::Attribute;

/// Room for what is written longer than it was read.
const WIDE: Limits = Limits { stanza_bytes_max: 1 << 20, ..LIMITS };

/// Every kind of character that XML allows, those that need escaping more often.
fn text() -> impl Strategy<Value = String> {
    let c = prop_oneof![
        prop::sample::select(vec!['<', '>', '&', '\'', '"', ']', '\t', '\n', '\r', ' ', ';', '\u{7f}', '\u{85}', '\u{2028}']),
        prop::char::range(' ', '~'),
        any::<char>().prop_filter("XML", |c| characters::is_char(*c)),
    ];
    prop::collection::vec(c, 0..12).prop_map(String::from_iter)
}

fn name() -> impl Strategy<Value = String> {
    "[a-zA-Z_é\u{10000}][a-zA-Z0-9._é\u{300}-]{0,6}".prop_filter("declarations", |name| name != "xmlns")
}

fn namespace() -> impl Strategy<Value = String> {
    prop::sample::select(vec!["", ns::CLIENT, ns::MUC, "urn:x", "a&'b"]).prop_map(str::to_owned)
}

fn start() -> impl Strategy<Value = Element> {
    let foreign = prop::sample::select(vec![None, Some(ns::XML), Some("urn:x"), Some("a<b")]);
    let attributes = prop::collection::btree_map((name(), foreign), text(), 0..4);
    (name(), namespace(), attributes).prop_map(|(name, namespace, attributes)| {
        let mut element = Element::new(&name, &namespace);
        for ((name, namespace), value) in attributes {
            let namespace = namespace.map(ns::intern);
            element.push_attribute(Attribute { name: name.into(), namespace, value: value.into() });
        }
        element
    })
}

fn element() -> impl Strategy<Value = Element> {
    start().prop_recursive(4, 24, 4, |inner| {
        (start(), prop::collection::vec((text(), inner), 0..4), text()).prop_map(|(mut element, children, last)| {
            for (text, child) in children {
                element.push_text(&text);
                element.push(child);
            }
            element.push_text(&last);
            element
        })
    })
}

/// Bytes that are often nearly XML.
fn bytes() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        &b"<"[..],
        b">",
        b"/",
        b"</",
        b"/>",
        b"<a>",
        b"</a>",
        b"<a/>",
        b"<a ",
        b"b='",
        b"'",
        b"\"",
        b"=",
        b"&",
        b"&lt;",
        b"&#x41;",
        b";",
        b"<![CDATA[",
        b"]]>",
        b"]",
        b"<!--",
        b"<?xml ",
        b"?>",
        b":",
        b"xmlns",
        b"xmlns:x='urn:x'",
        b"x:",
        b" ",
        b"\n",
        b"</stream:stream>",
        b"\xc3\xa9",
        b"\xc3",
        b"\xff",
        b"\0",
        b"\xef\xbf\xbf",
        b"\xf0\x9f\x98\x80",
    ]);
    let piece = prop_oneof![4 => pieces.prop_map(<[u8]>::to_vec), 1 => prop::collection::vec(any::<u8>(), 1..4)];
    prop::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn what_is_written_is_read_back(written in prop::collection::vec(element(), 1..3), size in 1..64_usize) {
        let mut stream = HEADER.to_owned();
        for element in &written {
            stream += &element.to_string();
        }
        let pieces: Vec<&[u8]> = stream.as_bytes().chunks(size).collect();
        prop_assert_eq!(elements(WIDE, &pieces), written, "{}", outcome(WIDE, &pieces));
    }

    #[test]
    fn whatever_comes_is_read_the_same_however_it_is_cut(bytes in bytes(), header in any::<bool>()) {
        let stream = if header { [HEADER.as_bytes(), &bytes].concat() } else { bytes };
        let single: Vec<&[u8]> = stream.chunks(1).collect();
        prop_assert_eq!(outcome(LIMITS, &[&stream]), outcome(LIMITS, &single));
    }

    #[test]
    fn what_is_read_can_be_written_and_read_again(bytes in bytes()) {
        let read = elements(LIMITS, &[HEADER.as_bytes(), &bytes]);
        let written: String = read.iter().map(Element::to_string).collect();
        prop_assert_eq!(elements(WIDE, &[HEADER.as_bytes(), written.as_bytes()]), read);
    }
}

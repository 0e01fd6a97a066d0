//! Limits hold at the byte that passes them, and what is idle is small.

use super::*;

/// Pushes pieces until there is an error; that, and the bytes pushed.
fn refused(limits: Limits, piece: &str, pieces_max: usize) -> (String, usize) {
    let mut parser = Parser::new(limits);
    parser.push(HEADER.as_bytes());
    assert!(matches!(parser.next(), Ok(Some(Event::StreamOpen(_)))));
    for count in 1..=pieces_max {
        parser.push(piece.as_bytes());
        loop {
            match parser.next() {
                Ok(None) => break,
                Ok(Some(_)) => {}
                Err(error) => return (line_of(&error), count * piece.len()),
            }
        }
    }
    panic!("nothing was refused");
}

fn line_of(error: &StreamError) -> String {
    format!("{}: {}", error.condition.as_str(), error.text.as_deref().unwrap_or_default())
}

#[test]
fn the_byte_that_passes_a_limit_is_the_last() {
    let strict = Limits { stream_bytes_max: Some(HEADER.len() + 100), ..LIMITS };
    for (limits, first, piece, expected, bytes) in [
        (LIMITS, "<a>", "t", "policy-violation: a stanza has more than 4096 bytes", 4097),
        (LIMITS, "<a b='", "t", "policy-violation: a stanza has more than 4096 bytes", 4097),
        (LIMITS, "<", "t", "policy-violation: a stanza has more than 4096 bytes", 4097),
        (LIMITS, "<a><![CDATA[", "]", "policy-violation: a stanza has more than 4096 bytes", 4097),
        (LIMITS, "", "<a>", "policy-violation: elements are nested more than 8 deep", 27),
        (LIMITS, "<a", " b=''", "policy-violation: an element has more than 16 attributes", 86),
        (strict, "", "<a/>", "policy-violation: more than", 101),
        (strict, "", " ", "policy-violation: more than", 101),
        (strict, "<a>", "t", "policy-violation: more than", 101),
    ] {
        let stream = format!("{HEADER}{first}{}", piece.repeat(10_000));
        let single: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        let mut parser = Parser::new(limits);
        let refused_at = single.iter().position(|byte| {
            parser.push(byte);
            loop {
                match parser.next() {
                    Ok(None) => return false,
                    Ok(Some(_)) => {}
                    Err(error) => {
                        assert!(line_of(&error).starts_with(expected), "{first}{piece}: {error}");
                        return true;
                    }
                }
            }
        });
        assert_eq!(refused_at.map(|at| at + 1 - HEADER.len()), Some(bytes), "{first}{piece}");
        assert_eq!(outcome(limits, &[stream.as_bytes()]), outcome(limits, &single), "{first}{piece}");
    }
}

#[test]
fn ten_megabytes_without_an_end_are_refused_at_once() {
    let limits = Limits { stanza_bytes_max: 65_536, ..LIMITS };
    let piece = format!("<a>{}", "t".repeat(9_997));
    assert_eq!(refused(limits, &piece, 1000), ("policy-violation: a stanza has more than 65536 bytes".to_owned(), 70_000));
}

#[test]
fn a_stanza_may_have_exactly_what_is_allowed() {
    let deep = format!("{}{}", "<a>".repeat(8), "</a>".repeat(8));
    let wide = format!("<a {}/>", (0..16).map(|number| format!(" a{number}=''")).collect::<String>());
    let long = format!("<a>{}</a>", "t".repeat(4096 - 7));
    for stanza in [deep, wide, long] {
        let outcome = outcome(LIMITS, &[HEADER.as_bytes(), stanza.as_bytes()]);
        assert_eq!(outcome.lines().count(), 2);
        assert!(!outcome.contains("policy-violation"), "{outcome}");
    }
}

#[test]
fn a_short_prefix_does_not_hide_a_long_namespace() {
    let namespace = "n".repeat(2000);
    let many = format!("<a xmlns:x='{namespace}'>{}</a>", "<x:b/>".repeat(300));
    let few = format!("<a xmlns:x='{namespace}'>{}</a>", "<x:b/>".repeat(5));
    let declared: String = (0..15).map(|number| format!(" xmlns:x{number}='urn:x'")).collect();
    let nested = |depth| format!("<a{declared}>").repeat(depth) + &"</a>".repeat(depth);
    let wider = Limits { depth_max: 1000, ..LIMITS };
    for (stanza, expected) in [
        (many, "policy-violation: the namespaces of a stanza, written out, take more than 16384 bytes"),
        (few, "<a>"),
        (nested(8), "<a><a>"),
        (nested(9), "policy-violation: more than 128 namespaces are declared at once"),
    ] {
        let outcome = outcome(wider, &[HEADER.as_bytes(), stanza.as_bytes()]);
        let last = outcome.lines().last().unwrap_or_default();
        assert!(last.starts_with(expected), "{last}");
    }
}

#[test]
fn limits_may_change_on_the_way() {
    let mut parser = Parser::new(Limits { stream_bytes_max: Some(HEADER.len() + 10), ..LIMITS });
    parser.push(HEADER.as_bytes());
    assert!(matches!(parser.next(), Ok(Some(Event::StreamOpen(_)))));
    parser.push(b"<a>12345");
    assert_eq!(parser.next(), Ok(None));
    parser.set_limits(LIMITS);
    parser.push(b"67890</a>");
    assert!(matches!(parser.next(), Ok(Some(Event::Element(_)))));
}

#[test]
fn an_idle_parser_is_small() {
    let mut parser = Parser::new(LIMITS);
    parser.push(HEADER.as_bytes());
    while parser.next().unwrap().is_some() {}
    parser.push(format!("<a><b><c>{}</c></b></a>", "t".repeat(4000)).as_bytes());
    while parser.next().unwrap().is_some() {}
    for _ in 0..100_000 {
        parser.push(b" ");
        assert_eq!(parser.next(), Ok(None));
    }
    let bytes = size_of::<Parser>() + parser.buffer.capacity() + parser.open.capacity() + parser.namespaces.capacity();
    assert!(bytes < 1024, "{bytes} bytes");
}

//! What is common to the tests of the parser.

mod expat;
mod headers;
mod limits;
mod properties;
mod stanzas;

use super::*;
use crate::element::Node;
use crate::ns;

/// A header as clients send it.
const HEADER: &str = "<?xml version='1.0'?><stream:stream to='c' version='1.0' xmlns='jabber:client' \
                      xmlns:stream='http://etherx.jabber.org/streams'>";

const LIMITS: Limits = Limits {
    stanza_bytes_max: 4096,
    depth_max: 8,
    attributes_max: 16,
    namespaces_max: super::NAMESPACES_MAX,
    stream_bytes_max: None,
};

/// What came of the bytes: one line for each event, and one for the error or for what is missing.
fn outcome(limits: Limits, pieces: &[&[u8]]) -> String {
    let mut parser = Parser::new(limits);
    let mut lines = Vec::new();
    for piece in pieces {
        parser.push(piece);
        loop {
            match parser.next() {
                Ok(None) => break,
                Ok(Some(event)) => lines.push(line(&event)),
                Err(error) => {
                    assert_eq!(parser.next(), Err(error.clone()), "an error stays");
                    assert_eq!(parser.unread(), 0, "nothing is held after an error");
                    lines.push(format!("{}: {}", error.condition.as_str(), error.text.unwrap_or_default()));
                    return lines.join("\n");
                }
            }
        }
    }
    lines.join("\n")
}

fn line(event: &Event) -> String {
    match event {
        Event::StreamOpen(header) => format!("open to={:?} in {:?}", header.to, header.default_namespace),
        Event::Element(element) => visible(&element.to_string()),
        Event::StreamClose => "close".to_owned(),
    }
}

/// The text in ASCII, on one line.
fn visible(text: &str) -> String {
    let plain = |c: char| c == ' ' || c.is_ascii_graphic();
    text.chars().map(|c| if plain(c) { c.to_string() } else { c.escape_default().to_string() }).collect()
}

/// The children of the stream that come before anything is wrong.
fn elements(limits: Limits, pieces: &[&[u8]]) -> Vec<Element> {
    let mut parser = Parser::new(limits);
    let mut elements = Vec::new();
    for piece in pieces {
        parser.push(piece);
        while let Ok(Some(event)) = parser.next() {
            if let Event::Element(element) = event {
                elements.push(element);
            }
        }
    }
    elements
}

/// The outcome, which must not depend on how the bytes are cut.
fn outcome_however_cut(limits: Limits, bytes: &[u8]) -> String {
    let whole = outcome(limits, &[bytes]);
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(outcome(limits, &single), whole, "byte by byte: {}", bytes.escape_ascii());
    for at in 0..bytes.len() {
        let (left, right) = bytes.split_at(at);
        assert_eq!(outcome(limits, &[left, right]), whole, "cut at {at}: {}", bytes.escape_ascii());
    }
    whole
}

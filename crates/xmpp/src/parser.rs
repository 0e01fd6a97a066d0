//! The bytes of an XML stream, as they come, made into the header and the complete children of the stream element.

mod limits;

use crate::element::Element;
use crate::stream_error::StreamError;

pub use limits::Limits;

/// Reads one XML stream after the other from the bytes of one connection.
pub struct Parser {
    limits: Limits,
    buffer: Vec<u8>,
}

/// What has arrived complete.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// `<stream:stream …>`
    StreamOpen(StreamHeader),
    /// A child of the stream element: a stanza, or a step of the negotiation.
    Element(Element),
    /// `</stream:stream>`
    StreamClose,
}

/// The stream element's attributes (RFC 6120 §4.7), unescaped; none is demanded.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamHeader {
    /// The receiver.
    pub to: Option<String>,
    /// The sender.
    pub from: Option<String>,
    /// `1.0`, or what the sender thinks of it.
    pub version: Option<String>,
    /// `xml:lang`.
    pub lang: Option<String>,
    /// The stream's id, from a server.
    pub id: Option<String>,
    /// The namespace of stanzas: `jabber:client` from a client.
    pub default_namespace: String,
}

impl Parser {
    /// A parser for a connection on which nothing was read yet.
    pub fn new(limits: Limits) -> Parser {
        Parser { limits, buffer: Vec::new() }
    }

    /// Takes bytes as they come, in pieces of any size.
    pub fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// What has arrived complete, or none if more bytes are needed. After an error there is only that same error.
    #[allow(clippy::should_implement_trait)]
    pub fn next(&mut self) -> Result<Option<Event>, StreamError> {
        Ok(None)
    }

    /// Expects a new stream on the same connection (RFC 6120 §4.3.3). Bytes not consumed yet are its beginning.
    pub fn restart(&mut self) {}

    /// Bytes pushed and not consumed; blanks that precede a header count.
    pub fn unread(&self) -> usize {
        self.buffer.len()
    }

    /// Sets other limits from here on; the bytes that were counted so far stay counted.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }
}

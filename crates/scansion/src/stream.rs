//! One direction of a stream: bytes in, stanzas out.

use conclave_xmpp::Element;
use conclave_xmpp::parser::{Event, Limits, NAMESPACES_MAX, Parser};

use crate::expect::SCANSION;

/// The limits towards the server under test, and towards a script. They keep a test from eating the machine's memory;
/// they are wide enough not to judge the server: that is what scripts are for.
const LIMITS: Limits = Limits {
    stanza_bytes_max: 16 * 1024 * 1024,
    depth_max: 256,
    attributes_max: 1024,
    namespaces_max: NAMESPACES_MAX,
    stream_bytes_max: None,
};

/// Reads a server's stream, or the stanzas of a script as if they were one.
pub struct IncomingStream {
    parser: Parser,
}

/// What came.
pub enum Incoming {
    /// The stream's header.
    Opened,
    /// A child of the stream: a stanza, or a step of the login.
    Stanza(Element),
    /// The end of the stream.
    Closed,
}

impl IncomingStream {
    /// A stream whose header has yet to come.
    pub fn of_server() -> IncomingStream {
        IncomingStream { parser: Parser::new(LIMITS) }
    }

    /// A stream that has its header, in which the prefix `scansion` is known.
    pub fn of_script() -> IncomingStream {
        let mut stream = IncomingStream::of_server();
        let header = format!(
            "<stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' \
             xmlns:scansion='{SCANSION}' version='1.0'>"
        );
        stream.push(header.as_bytes());
        stream
    }

    /// Takes bytes as they come.
    pub fn push(&mut self, bytes: &[u8]) {
        self.parser.push(bytes);
    }

    /// What has come completely; the error says what is wrong with the XML.
    pub fn read(&mut self) -> Result<Option<Incoming>, String> {
        Ok(self.parser.next().map_err(|error| error.to_string())?.map(|event| match event {
            Event::StreamOpen(_) => Incoming::Opened,
            Event::Element(element) => Incoming::Stanza(element),
            Event::StreamClose => Incoming::Closed,
        }))
    }
}

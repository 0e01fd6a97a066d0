//! The bytes of an XML stream, as they come, made into the header and the complete children of the stream element.
//!
//! ```text
//!  bytes ─► buffer ─► scanner ─► well_formed ─► open_elements ─► tree ─► Element
//!                     where a    is it a good   does it close    quick-xml, with
//!                     tag ends   tag or text?   what is open?    the stream's namespaces
//! ```
//!
//! All but the last step happen tag by tag, so that an error is known as early as it can be, and a limit at the byte that
//! passes it. Every byte is scanned once, however small the pieces are. Nobody validates: `invalid-xml` never comes.

mod buffer;
mod characters;
mod fault;
mod header;
mod limits;
mod namespaces;
mod open_elements;
mod scanner;
#[cfg(test)]
mod tests;
mod tree;
mod well_formed;

use std::ops::ControlFlow;

use compact_str::CompactString;

use crate::element::Element;
use crate::stream_error::{StreamCondition, StreamError};
use buffer::Buffer;
use characters::blanks_len;
use fault::Fault;
use limits::NAMESPACE_BYTES_FACTOR;
use namespaces::Namespaces;
use open_elements::OpenElements;
use scanner::{Place, Scanner, Token, TokenKind};

pub use limits::{Limits, NAMESPACES_MAX};

/// Reads one XML stream after the other from the bytes of one connection.
pub struct Parser {
    limits: Limits,
    buffer: Buffer,
    /// Bytes consumed since the parser began.
    consumed: usize,
    phase: Phase,
    scanner: Scanner,
    open: OpenElements,
    namespaces: Namespaces,
    /// The stream element's name as it is written, prefix and all.
    stream_name: CompactString,
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
    /// The namespace of stanzas: `jabber:client` from a client. Empty if none is declared; the parser takes any.
    pub default_namespace: String,
}

enum Phase {
    /// The header must come.
    Prolog,
    /// Children of the stream may come.
    Stream,
    /// The stream was closed; what follows is dropped (RFC 6120 §4.4).
    Closed,
    Failed(Box<StreamError>),
}

/// What a tag or a text turned out to be.
enum Found {
    /// More of the item must come.
    Piece,
    Header(StreamHeader),
    /// The end of a child of the stream.
    Stanza,
    Close,
}

#[derive(Clone, Copy)]
enum Limit {
    Stanza,
    Stream,
}

impl Limit {
    fn text(self, limits: &Limits) -> String {
        match self {
            Limit::Stanza => format!("a stanza has more than {} bytes", limits.stanza_bytes_max),
            Limit::Stream => {
                format!("more than {} bytes came before authentication", limits.stream_bytes_max.unwrap_or_default())
            }
        }
    }
}

type Step = Result<ControlFlow<Option<Event>>, Fault>;

impl Parser {
    /// A parser for a connection on which nothing was read yet.
    pub fn new(limits: Limits) -> Parser {
        Parser {
            limits,
            buffer: Buffer::default(),
            consumed: 0,
            phase: Phase::Prolog,
            scanner: Scanner::default(),
            open: OpenElements::default(),
            namespaces: Namespaces::new(limits.namespaces_max),
            stream_name: CompactString::default(),
        }
    }

    /// Takes bytes as they come, in pieces of any size. They are held until [`Parser::next`] has gone through them: who
    /// pushes without asking must count [`Parser::unread`].
    pub fn push(&mut self, bytes: &[u8]) {
        if matches!(self.phase, Phase::Prolog | Phase::Stream) {
            self.buffer.push(bytes);
        }
    }

    /// What has arrived complete, or none if more bytes are needed. After an error there is only that same error; after
    /// the end of the stream there is nothing until [`Parser::restart`].
    ///
    /// Errors: `not-well-formed`, `restricted-xml`, `unsupported-encoding`, `invalid-namespace`, `bad-namespace-prefix`,
    /// `bad-format`, and `policy-violation` for a limit.
    #[allow(clippy::should_implement_trait, reason = "it fails, and it can go on after none")]
    pub fn next(&mut self) -> Result<Option<Event>, StreamError> {
        loop {
            let item = match &self.phase {
                Phase::Prolog => "header",
                Phase::Stream => "stanza",
                Phase::Closed => return Ok(None),
                Phase::Failed(error) => return Err((**error).clone()),
            };
            match self.step() {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(event)) => return Ok(event),
                Err(fault) => self.end(Phase::Failed(Box::new(fault.into_error(item)))),
            }
        }
    }

    /// Expects a new stream on the same connection (RFC 6120 §4.3.3). Bytes not consumed yet are its beginning, and those
    /// consumed stay counted. An error stays.
    pub fn restart(&mut self) {
        if !matches!(self.phase, Phase::Failed(_)) {
            self.phase = Phase::Prolog;
            self.scanner = Scanner::default();
            self.open.clear();
            self.namespaces = Namespaces::new(self.limits.namespaces_max);
        }
    }

    /// Bytes pushed and not consumed. Blanks between stanzas are consumed as [`Parser::next`] meets them, those that
    /// precede a header together with it.
    pub fn unread(&self) -> usize {
        self.buffer.unread().len()
    }

    /// Sets other limits from here on; the bytes that were counted so far stay counted.
    pub fn set_limits(&mut self, limits: Limits) {
        self.limits = limits;
    }

    /// Reads up to the end of the next tag or text.
    fn step(&mut self) -> Step {
        let place = self.place();
        if place == Place::Stream && self.scanner.at() == 0 {
            self.skip_blanks();
        }
        let (room, limit) = self.room();
        let item = self.buffer.unread();
        let readable = &item[..item.len().min(room)];
        match self.scanner.next(readable, place, self.limits.attributes_max)? {
            Some(token) => self.token(&token, place),
            None if item.len() > room => Err(Fault::limit(limit.text(&self.limits))),
            None => Ok(ControlFlow::Break(None)),
        }
    }

    fn place(&self) -> Place {
        match self.phase {
            Phase::Stream if self.open.is_empty() => Place::Stream,
            Phase::Stream => Place::Stanza,
            _ => Place::Prolog,
        }
    }

    /// Keepalives between stanzas (RFC 6120 §4.6.1) leave nothing behind but their number.
    fn skip_blanks(&mut self) {
        let item = self.buffer.unread();
        let blanks = blanks_len(&item[..item.len().min(self.stream_room())]);
        self.consume(blanks);
    }

    /// How many bytes the item may have, and because of which limit.
    fn room(&self) -> (usize, Limit) {
        match self.stream_room() {
            room if room < self.limits.stanza_bytes_max => (room, Limit::Stream),
            _ => (self.limits.stanza_bytes_max, Limit::Stanza),
        }
    }

    fn stream_room(&self) -> usize {
        self.limits.stream_bytes_max.map_or(usize::MAX, |max| max.saturating_sub(self.consumed))
    }

    fn token(&mut self, token: &Token, place: Place) -> Step {
        match self.examine(token, place).map_err(|fault| fault.within(token.bytes.start))? {
            Found::Piece => Ok(ControlFlow::Continue(())),
            Found::Header(header) => {
                self.finish_item();
                self.phase = Phase::Stream;
                Ok(ControlFlow::Break(Some(Event::StreamOpen(header))))
            }
            Found::Stanza => {
                let element = self.stanza()?;
                self.finish_item();
                Ok(ControlFlow::Break(Some(Event::Element(element))))
            }
            Found::Close => {
                self.end(Phase::Closed);
                Ok(ControlFlow::Break(Some(Event::StreamClose)))
            }
        }
    }

    fn examine(&mut self, token: &Token, place: Place) -> Result<Found, Fault> {
        let item = self.buffer.unread();
        let text = str::from_utf8(&item[token.bytes.clone()]).map_err(|e| scanner::encoding(e.valid_up_to()))?;
        match (token.kind, place) {
            (TokenKind::Text, _) => well_formed::text(text)?,
            (TokenKind::Declaration, _) => well_formed::declaration(text)?,
            (TokenKind::CData, Place::Stanza) => well_formed::cdata(text)?,
            (TokenKind::StartTag, Place::Prolog) => {
                let name = well_formed::start_tag(text)?;
                self.stream_name = text[1..=name].into();
                return header::read(text, &mut self.namespaces).map(Found::Header);
            }
            (TokenKind::StartTag | TokenKind::EmptyTag, Place::Stream | Place::Stanza) => {
                let name = &text[1..=well_formed::start_tag(text)?];
                if place == Place::Stream && name == self.stream_name {
                    return Err(bad_format("a stream has one header"));
                }
                let start = token.bytes.start + 1;
                self.open.open(start..start + name.len(), self.limits.depth_max)?;
                if token.kind == TokenKind::EmptyTag {
                    self.open.close(item, name)?;
                }
            }
            (TokenKind::EndTag, Place::Stanza) => self.open.close(item, well_formed::end_tag(text)?)?,
            (TokenKind::EndTag, Place::Stream) if well_formed::end_tag(text)? == self.stream_name => return Ok(Found::Close),
            (TokenKind::EndTag, _) => return Err(Fault::malformed(0, "this end tag closes nothing that is open")),
            (TokenKind::EmptyTag, Place::Prolog) => return Err(bad_format("a stream does not end in its header")),
            (TokenKind::CData, Place::Prolog) => return Err(Fault::malformed(0, "a stream begins with its header")),
            (TokenKind::CData, Place::Stream) => return Err(bad_format("text must stand within a stanza")),
        }
        let complete = matches!(token.kind, TokenKind::EmptyTag | TokenKind::EndTag) && self.open.is_empty();
        Ok(if complete { Found::Stanza } else { Found::Piece })
    }

    fn stanza(&mut self) -> Result<Element, Fault> {
        let item = &self.buffer.unread()[..self.scanner.at()];
        let text = str::from_utf8(item).map_err(|e| scanner::encoding(e.valid_up_to()))?;
        tree::read(text, &mut self.namespaces, NAMESPACE_BYTES_FACTOR.saturating_mul(self.limits.stanza_bytes_max))
    }

    fn finish_item(&mut self) {
        self.consume(self.scanner.at());
        self.scanner = Scanner::default();
        self.open.clear();
    }

    fn consume(&mut self, count: usize) {
        self.buffer.consume(count);
        self.consumed = self.consumed.saturating_add(count);
    }

    /// Nothing will be read any more.
    fn end(&mut self, phase: Phase) {
        self.phase = phase;
        self.scanner = Scanner::default();
        self.buffer.clear();
        self.open.clear();
        self.namespaces = Namespaces::new(self.limits.namespaces_max);
    }
}

fn bad_format(what: &'static str) -> Fault {
    Fault::new(StreamCondition::BadFormat, 0, what)
}

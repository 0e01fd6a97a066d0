//! Finds where tags and text end, one byte after the other, and looks at no byte twice.
//!
//! It knows as much of XML as that takes: quotes hide a `>`, and nothing hides a `<`. Whether a tag is a good one is
//! asked elsewhere, once it is complete.

use std::ops::Range;

use super::characters::blanks_len;
use super::fault::Fault;
use crate::stream_error::StreamCondition;

const CDATA: &[u8] = b"[CDATA[";
const INSTRUCTION: &str = "processing instructions are not allowed, and an XML declaration only as the very first thing";

/// Where the scanner stands in the item: the header with all that precedes it, or a child of the stream.
#[derive(Default)]
pub(super) struct Scanner {
    at: usize,
    token_start: usize,
    attributes: usize,
    state: State,
}

/// A complete piece of an item.
#[derive(Debug)]
pub(super) struct Token {
    pub kind: TokenKind,
    pub bytes: Range<usize>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum TokenKind {
    Text,
    Declaration,
    StartTag,
    EmptyTag,
    EndTag,
    CData,
}

/// What is around the bytes to come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Place {
    /// Nothing yet: the header must come.
    Prolog,
    /// The stream element only.
    Stream,
    /// A child of the stream.
    Stanza,
}

#[derive(Default)]
enum State {
    #[default]
    Text,
    /// Behind `<`.
    Markup,
    /// In a start tag, perhaps in a quoted value.
    StartTag(Option<u8>),
    EndTag,
    /// Behind `<!` and so many bytes of `[CDATA[`.
    Bang(usize),
    /// In a CDATA section, behind so many `]`.
    CData(usize),
    /// Behind `<?` and so many bytes of `xml` and the blank that follows.
    Question(usize),
    /// In the XML declaration, behind a `?` or not.
    Declaration(bool),
}

impl Scanner {
    /// Bytes of the item that were looked at.
    pub fn at(&self) -> usize {
        self.at
    }

    /// The next complete piece of `item`, which begins where it began the last time; none if more bytes are needed.
    pub fn next(&mut self, item: &[u8], place: Place, attributes_max: usize) -> Result<Option<Token>, Fault> {
        while self.at < item.len() {
            let token = match self.state {
                State::Text => self.text(item, place)?,
                State::StartTag(quote) => self.start_tag(item, quote, attributes_max)?,
                _ => self.markup(item[self.at], place)?,
            };
            if let Some(kind) = token {
                let bytes = self.token_start..self.at;
                self.token_start = self.at;
                return Ok(Some(Token { kind, bytes }));
            }
        }
        Ok(None)
    }

    fn text(&mut self, item: &[u8], place: Place) -> Result<Option<TokenKind>, Fault> {
        let rest = &item[self.at..];
        if place != Place::Stanza {
            self.at += blanks_len(rest);
            self.token_start = self.at;
            return match item.get(self.at) {
                Some(b'<') => Ok(self.open()),
                Some(byte) => Err(stray(self.at, *byte, place)),
                None => Ok(None),
            };
        }
        let found = rest.iter().position(|byte| *byte == b'<');
        self.at += found.unwrap_or(rest.len());
        match found {
            None => Ok(None),
            Some(_) if self.at > self.token_start => Ok(Some(TokenKind::Text)),
            Some(_) => Ok(self.open()),
        }
    }

    fn open(&mut self) -> Option<TokenKind> {
        self.at += 1;
        self.state = State::Markup;
        None
    }

    /// One byte of everything that is neither text nor a start tag.
    fn markup(&mut self, byte: u8, place: Place) -> Result<Option<TokenKind>, Fault> {
        self.state = match (&self.state, byte) {
            (State::Markup, b'/') => State::EndTag,
            (State::Markup, b'!') => State::Bang(0),
            (State::Markup, b'?') if place == Place::Prolog && self.token_start == 0 => State::Question(0),
            (State::Markup, b'?') => return Err(Fault::restricted(self.at, INSTRUCTION)),
            (State::Markup, _) => return self.begin_start_tag(byte, place),
            (State::EndTag, b'<') => return Err(Fault::malformed(self.at, "a tag stands within a tag")),
            (State::EndTag, b'>') => return Ok(self.end(TokenKind::EndTag)),
            (State::EndTag, _) => State::EndTag,
            (State::Bang(0), b'-') => return Err(Fault::restricted(self.at, "comments are not allowed")),
            (State::Bang(0), b'D') => return Err(Fault::restricted(self.at, "a document type is not allowed")),
            (State::Bang(count), _) if CDATA[*count] != byte => return Err(Fault::malformed(self.at, "no markup begins so")),
            (State::Bang(count), _) if count + 1 == CDATA.len() => State::CData(0),
            (State::Bang(count), _) => State::Bang(count + 1),
            (State::CData(2..), b'>') => return Ok(self.end(TokenKind::CData)),
            (State::CData(count), b']') => State::CData(count + 1),
            (State::CData(_), _) => State::CData(0),
            (State::Question(3), b' ' | b'\t' | b'\r' | b'\n') => State::Declaration(false),
            (State::Question(count @ 0..3), _) if b"xml"[*count] == byte => State::Question(count + 1),
            (State::Question(_), _) => return Err(Fault::restricted(self.at, INSTRUCTION)),
            (State::Declaration(true), b'>') => return Ok(self.end(TokenKind::Declaration)),
            (State::Declaration(_), _) => State::Declaration(byte == b'?'),
            (State::Text | State::StartTag(_), _) => return Ok(None),
        };
        self.at += 1;
        Ok(None)
    }

    fn begin_start_tag(&mut self, byte: u8, place: Place) -> Result<Option<TokenKind>, Fault> {
        match byte {
            0 if place == Place::Prolog => Err(encoding(self.at)),
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => {
                self.attributes = 0;
                self.state = State::StartTag(None);
                Ok(None)
            }
            _ => Err(Fault::malformed(self.at, "no name begins so")),
        }
    }

    /// The rest of a start tag, or what there is of it.
    fn start_tag(&mut self, item: &[u8], mut quote: Option<u8>, attributes_max: usize) -> Result<Option<TokenKind>, Fault> {
        while let Some(byte) = item.get(self.at).copied() {
            match (quote, byte) {
                (_, b'<') => return Err(Fault::malformed(self.at, "a tag has a < within it")),
                (Some(open), _) if open == byte => quote = None,
                (None, b'"' | b'\'') => {
                    quote = Some(byte);
                    self.attributes += 1;
                    if self.attributes > attributes_max {
                        return Err(Fault::limit(format!("an element has more than {attributes_max} attributes")));
                    }
                }
                (None, b'>') if item[self.at - 1] == b'/' => return Ok(self.end(TokenKind::EmptyTag)),
                (None, b'>') => return Ok(self.end(TokenKind::StartTag)),
                _ => {}
            }
            self.at += 1;
        }
        self.state = State::StartTag(quote);
        Ok(None)
    }

    fn end(&mut self, kind: TokenKind) -> Option<TokenKind> {
        self.at += 1;
        self.state = State::Text;
        Some(kind)
    }
}

/// Something other than a blank outside of all stanzas.
fn stray(at: usize, byte: u8, place: Place) -> Fault {
    match byte {
        // These begin no character of UTF-8; the last two begin UTF-16.
        0x80..0xC2 | 0xF5.. => encoding(at),
        0 if place == Place::Prolog => encoding(at),
        0..0x20 => Fault::malformed(at, "this character is not allowed in XML"),
        _ if place == Place::Prolog => Fault::malformed(at, "a stream begins with its header"),
        _ => Fault::new(StreamCondition::BadFormat, at, "text must stand within a stanza"),
    }
}

/// RFC 6120 §11.6 allows UTF-8 only, and §4.9.3.22 names this condition for bytes that are not.
pub(super) fn encoding(at: usize) -> Fault {
    Fault::new(StreamCondition::UnsupportedEncoding, at, "this is not UTF-8")
}

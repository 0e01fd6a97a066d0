//! Stanzas as bytes, made once and sent to many.

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;

use crate::element::{Element, escape_attribute};
use crate::ns;

/// What stands inside a stanza, as text: well-formed, escaped, and complete where `jabber:client` is in force.
///
/// A fragment is made from elements and never from what a client wrote, so it may be spliced into any stanza.
#[derive(Clone, PartialEq, Eq)]
pub struct Fragment(Arc<str>);

impl Fragment {
    /// Writes elements one behind the other.
    pub fn of<'a>(elements: impl IntoIterator<Item = &'a Element>) -> Fragment {
        let mut out = String::new();
        for element in elements {
            element.write(&mut out, ns::CLIENT);
        }
        Fragment(Arc::from(out))
    }

    /// A fragment that was written by [`Fragment::of`] and stored since.
    pub fn from_stored(text: &str) -> Fragment {
        Fragment(Arc::from(text))
    }

    /// The XML.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether nothing stands in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Default for Fragment {
    fn default() -> Fragment {
        Fragment(Arc::from(""))
    }
}

impl fmt::Debug for Fragment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The three stanzas (RFC 6120 §4.1.3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum StanzaName {
    /// `<message/>`
    Message,
    /// `<presence/>`
    Presence,
    /// `<iq/>`
    Iq,
}

impl StanzaName {
    /// The element's name.
    pub fn as_str(self) -> &'static str {
        match self {
            StanzaName::Message => "message",
            StanzaName::Presence => "presence",
            StanzaName::Iq => "iq",
        }
    }

    /// The stanza's first bytes, up to and with the opening quote of `to`.
    pub fn head(self) -> &'static [u8] {
        match self {
            StanzaName::Message => b"<message to='",
            StanzaName::Presence => b"<presence to='",
            StanzaName::Iq => b"<iq to='",
        }
    }
}

/// A stanza ready for any number of receivers: head, then the receiver's escaped JID, then `rest`.
#[derive(Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Which stanza.
    pub name: StanzaName,
    /// From the closing quote of `to` to the end.
    pub rest: Bytes,
}

impl Encoded {
    /// The whole stanza for one receiver.
    pub fn for_receiver(&self, to: &str) -> Vec<u8> {
        let mut escaped = String::new();
        escape_attribute(&mut escaped, to);
        [self.name.head(), escaped.as_bytes(), &self.rest].concat()
    }

    /// Bytes on the wire for a receiver whose escaped JID has `to` bytes.
    pub fn len_with(&self, to: usize) -> usize {
        self.name.head().len() + to + self.rest.len()
    }
}

impl fmt::Debug for Encoded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.for_receiver("TO")))
    }
}

/// Writes a stanza from its parts without building a tree first.
pub struct StanzaWriter {
    name: StanzaName,
    out: String,
    open: bool,
}

impl StanzaWriter {
    /// Begins a stanza whose `to` comes later.
    pub fn new(name: StanzaName) -> StanzaWriter {
        StanzaWriter { name, out: String::from("'"), open: true }
    }

    /// Adds an attribute; all attributes come before all content.
    #[must_use]
    pub fn attribute(mut self, name: &str, value: &str) -> StanzaWriter {
        debug_assert!(self.open, "attributes come before content");
        self.out.push(' ');
        self.out.push_str(name);
        self.out.push_str("='");
        escape_attribute(&mut self.out, value);
        self.out.push('\'');
        self
    }

    /// Adds an attribute, if there is a value.
    #[must_use]
    pub fn attribute_some(self, name: &str, value: Option<&str>) -> StanzaWriter {
        match value {
            Some(value) => self.attribute(name, value),
            None => self,
        }
    }

    /// Adds content that is XML already.
    #[must_use]
    pub fn fragment(mut self, fragment: &Fragment) -> StanzaWriter {
        if !fragment.is_empty() {
            self.close_tag();
            self.out.push_str(fragment.as_str());
        }
        self
    }

    /// Adds an element.
    #[must_use]
    pub fn element(mut self, element: &Element) -> StanzaWriter {
        self.close_tag();
        element.write(&mut self.out, ns::CLIENT);
        self
    }

    /// Ends the stanza.
    pub fn finish(mut self) -> Encoded {
        if self.open {
            self.out.push_str("/>");
        } else {
            self.out.push_str("</");
            self.out.push_str(self.name.as_str());
            self.out.push('>');
        }
        Encoded { name: self.name, rest: Bytes::from(self.out) }
    }

    fn close_tag(&mut self) {
        if self.open {
            self.out.push('>');
            self.open = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_encoding_serves_every_receiver() {
        let body = Element::new("body", ns::CLIENT).with_text("hi");
        let encoded = StanzaWriter::new(StanzaName::Message).attribute("from", "r@c/o'n").element(&body).finish();
        for (to, escaped) in [("a@b/c", "a@b/c"), ("a@b/<", "a@b/&lt;")] {
            let expected = format!("<message to='{escaped}' from='r@c/o&apos;n'><body>hi</body></message>");
            assert_eq!(String::from_utf8(encoded.for_receiver(to)).unwrap(), expected);
            assert_eq!(encoded.len_with(escaped.len()), expected.len());
        }
    }

    #[test]
    fn a_stanza_without_content_closes_itself() {
        let encoded = StanzaWriter::new(StanzaName::Iq).attribute("type", "result").fragment(&Fragment::default()).finish();
        assert_eq!(encoded.for_receiver("a@b"), b"<iq to='a@b' type='result'/>");
    }
}

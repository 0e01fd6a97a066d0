//! A small owned XML tree: what a stanza carries.

use std::borrow::Cow;
use std::fmt;

use compact_str::CompactString;

use crate::ns;

/// An element with its namespace resolved: prefixes are gone, and are made anew only where output needs one.
#[derive(Clone, PartialEq, Eq)]
pub struct Element {
    name: CompactString,
    namespace: Cow<'static, str>,
    attributes: Vec<Attribute>,
    children: Vec<Node>,
}

/// An attribute; most have no namespace.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Attribute {
    /// The local name.
    pub name: CompactString,
    /// The namespace of a prefixed attribute, such as `xml:lang`.
    pub namespace: Option<Cow<'static, str>>,
    /// The value, unescaped.
    pub value: CompactString,
}

/// What an element contains.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Node {
    /// A child element.
    Element(Element),
    /// Character data, unescaped.
    Text(String),
}

impl Element {
    /// An empty element.
    pub fn new(name: &str, namespace: &str) -> Element {
        Element { name: name.into(), namespace: ns::intern(namespace), attributes: Vec::new(), children: Vec::new() }
    }

    /// The local name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The namespace; empty if there is none.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Whether this is the element that the standard calls `name` in `namespace`.
    pub fn is(&self, name: &str, namespace: &str) -> bool {
        self.name == name && self.namespace == namespace
    }

    /// All attributes, in the order in which they came.
    pub fn attributes(&self) -> &[Attribute] {
        &self.attributes
    }

    /// The value of an attribute without a namespace.
    pub fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|a| a.namespace.is_none() && a.name == name).map(|a| a.value.as_str())
    }

    /// `xml:lang`.
    pub fn lang(&self) -> Option<&str> {
        self.attributes.iter().find(|a| a.namespace.as_deref() == Some(ns::XML) && a.name == "lang").map(|a| a.value.as_str())
    }

    /// Sets an attribute without a namespace.
    pub fn set(&mut self, name: &str, value: &str) {
        self.remove(name);
        self.attributes.push(Attribute { name: name.into(), namespace: None, value: value.into() });
    }

    /// Removes an attribute without a namespace.
    pub fn remove(&mut self, name: &str) {
        self.attributes.retain(|a| a.namespace.is_some() || a.name != name);
    }

    /// Adds an attribute as it was parsed; the parser has checked that it stands once.
    pub fn push_attribute(&mut self, attribute: Attribute) {
        self.attributes.push(attribute);
    }

    /// This element with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: &str) -> Element {
        self.set(name, value);
        self
    }

    /// This element with one more attribute, if there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<&str>) -> Element {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// This element with one more child.
    #[must_use]
    pub fn with_child(mut self, child: Element) -> Element {
        self.push(child);
        self
    }

    /// This element with more children.
    #[must_use]
    pub fn with_children(mut self, children: impl IntoIterator<Item = Element>) -> Element {
        self.children.extend(children.into_iter().map(Node::Element));
        self
    }

    /// This element with character data behind what it has.
    #[must_use]
    pub fn with_text(mut self, text: &str) -> Element {
        self.push_text(text);
        self
    }

    /// Adds a child.
    pub fn push(&mut self, child: Element) {
        self.children.push(Node::Element(child));
    }

    /// Adds character data; adjacent pieces become one.
    pub fn push_text(&mut self, text: &str) {
        match self.children.last_mut() {
            Some(Node::Text(last)) => last.push_str(text),
            _ if text.is_empty() => {}
            _ => self.children.push(Node::Text(text.to_owned())),
        }
    }

    /// Everything inside, in order.
    pub fn nodes(&self) -> &[Node] {
        &self.children
    }

    /// The child elements, in order.
    pub fn children(&self) -> impl Iterator<Item = &Element> {
        self.children.iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The child elements, leaving the rest behind.
    pub fn into_children(self) -> impl Iterator<Item = Element> {
        self.children.into_iter().filter_map(|node| match node {
            Node::Element(element) => Some(element),
            Node::Text(_) => None,
        })
    }

    /// The first child called `name` in `namespace`.
    pub fn child(&self, name: &str, namespace: &str) -> Option<&Element> {
        self.children().find(|child| child.is(name, namespace))
    }

    /// The character data directly inside.
    pub fn text(&self) -> String {
        self.children
            .iter()
            .filter_map(|node| match node {
                Node::Text(text) => Some(text.as_str()),
                Node::Element(_) => None,
            })
            .collect()
    }

    /// Writes the element where `context` is the default namespace in force.
    pub fn write(&self, out: &mut String, context: &str) {
        out.push('<');
        out.push_str(&self.name);
        if self.namespace != context {
            out.push_str(" xmlns='");
            escape_attribute(out, &self.namespace);
            out.push('\'');
        }
        for (number, attribute) in self.attributes.iter().enumerate() {
            let same = |other: &Attribute| other.namespace == attribute.namespace;
            let first = self.attributes.iter().position(same).unwrap_or(number);
            write_attribute(out, attribute, first, first == number);
        }
        if self.children.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        for node in &self.children {
            match node {
                Node::Element(child) => child.write(out, &self.namespace),
                Node::Text(text) => escape_text(out, text),
            }
        }
        out.push_str("</");
        out.push_str(&self.name);
        out.push('>');
    }
}

/// The prefix of a namespace is that of the first attribute in it, which declares it.
fn write_attribute(out: &mut String, attribute: &Attribute, first: usize, declares: bool) {
    use std::fmt::Write;
    out.push(' ');
    match attribute.namespace.as_deref() {
        None => {}
        Some(ns::XML) => out.push_str("xml:"),
        Some(namespace) => {
            // Writing to a String cannot fail.
            if declares {
                let _ = write!(out, "xmlns:a{first}='");
                escape_attribute(out, namespace);
                out.push_str("' ");
            }
            let _ = write!(out, "a{first}:");
        }
    }
    out.push_str(&attribute.name);
    out.push_str("='");
    escape_attribute(out, &attribute.value);
    out.push('\'');
}

/// Character data as XML (XML 1.0 §2.4). A carriage return would be read back as a line feed, so it is written as a reference.
pub fn escape_text(out: &mut String, text: &str) {
    escape(out, text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\r' => Some("&#xD;"),
        _ => None,
    });
}

/// An attribute's value as XML, for either quote. White space other than a blank would be normalised by the reader (XML 1.0 §3.3.3).
pub fn escape_attribute(out: &mut String, text: &str) {
    escape(out, text, |c| match c {
        '&' => Some("&amp;"),
        '<' => Some("&lt;"),
        '>' => Some("&gt;"),
        '\'' => Some("&apos;"),
        '"' => Some("&quot;"),
        '\t' => Some("&#x9;"),
        '\n' => Some("&#xA;"),
        '\r' => Some("&#xD;"),
        _ => None,
    });
}

fn escape(out: &mut String, text: &str, reference: impl Fn(char) -> Option<&'static str>) {
    let mut written = 0;
    // All escaped characters are ASCII, so byte positions are character positions.
    for (at, byte) in text.bytes().enumerate() {
        if let Some(reference) = reference(char::from(byte)).filter(|_| byte.is_ascii()) {
            out.push_str(&text[written..at]);
            out.push_str(reference);
            written = at + 1;
        }
    }
    out.push_str(&text[written..]);
}

/// As a stanza on a client's stream would carry it: `jabber:client` is in force.
impl fmt::Display for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out, ns::CLIENT);
        f.write_str(&out)
    }
}

impl fmt::Debug for Element {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn namespaces_are_written_only_where_they_change() {
        let x = Element::new("x", ns::MUC_USER).with_child(Element::new("status", ns::MUC_USER).with("code", "110"));
        let presence = Element::new("presence", ns::CLIENT).with("from", "r@c/n").with_child(x);
        assert_eq!(
            presence.to_string(),
            "<presence from='r@c/n'><x xmlns='http://jabber.org/protocol/muc#user'><status code='110'/></x></presence>"
        );
    }

    #[test]
    fn everything_that_a_reader_would_change_is_escaped() {
        let body = Element::new("body", ns::CLIENT).with("a", "'\"<&>\n\u{e9}").with_text("a<b>&]]>\r\u{1f600}");
        assert_eq!(body.to_string(), "<body a='&apos;&quot;&lt;&amp;&gt;&#xA;\u{e9}'>a&lt;b&gt;&amp;]]&gt;&#xD;\u{1f600}</body>");
    }

    #[test]
    fn a_foreign_attribute_gets_a_prefix_of_its_own() {
        let mut body = Element::new("body", ns::CLIENT);
        for (name, namespace) in [("lang", ns::XML), ("mood", "urn:example")] {
            body.push_attribute(Attribute { name: name.into(), namespace: Some(ns::intern(namespace)), value: "v".into() });
        }
        assert_eq!(body.to_string(), "<body xml:lang='v' xmlns:a1='urn:example' a1:mood='v'/>");
        assert_eq!(body.lang(), Some("v"));
    }
}

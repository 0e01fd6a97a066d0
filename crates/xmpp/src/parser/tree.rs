//! Makes a complete stanza into an [`Element`]. quick-xml reads it; what it would let pass was checked before.

use quick_xml::XmlVersion;
use quick_xml::escape::resolve_xml_entity;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::reader::Reader;

use super::fault::Fault;
use super::namespaces::Namespaces;
use crate::element::{Attribute, Element};
use crate::ns;

/// Reads a stanza where the stream's `namespaces` are in force. `namespace_bytes_max` bounds what prefixes stand for.
pub(super) fn read(stanza: &str, namespaces: &mut Namespaces, namespace_bytes_max: usize) -> Result<Element, Fault> {
    let mut tree = Tree { open: Vec::new(), namespaces, namespace_bytes: 0, namespace_bytes_max };
    let mut reader = Reader::from_str(stanza);
    loop {
        let at = usize::try_from(reader.buffer_position()).unwrap_or(stanza.len());
        let event = reader.read_event().map_err(|_| unreadable(at))?;
        if let Some(element) = tree.event(event).map_err(|fault| fault.within(at))? {
            return Ok(element);
        }
    }
}

/// Reads a start tag by itself: the header's.
pub(super) fn read_start_tag(tag: &str, namespaces: &mut Namespaces) -> Result<Element, Fault> {
    match Reader::from_str(tag).read_event() {
        Ok(Event::Start(start)) => element(&start, namespaces),
        _ => Err(unreadable(0)),
    }
}

struct Tree<'a> {
    /// Outermost first.
    open: Vec<Element>,
    namespaces: &'a mut Namespaces,
    namespace_bytes: usize,
    namespace_bytes_max: usize,
}

impl Tree<'_> {
    /// The element that this event completes, if it is the outermost.
    fn event(&mut self, event: Event<'_>) -> Result<Option<Element>, Fault> {
        match event {
            Event::Start(tag) => {
                let element = self.element(&tag)?;
                self.open.push(element);
                return Ok(None);
            }
            Event::Empty(tag) => {
                let element = self.element(&tag)?;
                return Ok(self.close(element));
            }
            Event::End(_) => {
                let element = self.open.pop().ok_or_else(|| unreadable(0))?;
                return Ok(self.close(element));
            }
            Event::Text(text) => self.text(&text.xml10_content())?,
            Event::CData(section) => self.text(&section.xml10_content())?,
            Event::GeneralRef(reference) => self.reference(&reference)?,
            Event::Decl(_) | Event::PI(_) | Event::DocType(_) | Event::Comment(_) | Event::Eof => return Err(unreadable(0)),
        }
        Ok(None)
    }

    fn element(&mut self, tag: &BytesStart<'_>) -> Result<Element, Fault> {
        let element = element(tag, self.namespaces)?;
        let foreign = element.attributes().iter().filter_map(|attribute| attribute.namespace.as_deref());
        let attributes: usize = foreign.filter(|namespace| *namespace != ns::XML).map(str::len).sum();
        self.namespace_bytes += element.namespace().len() + attributes;
        if self.namespace_bytes > self.namespace_bytes_max {
            let max = self.namespace_bytes_max;
            return Err(Fault::limit(format!("the namespaces of a stanza, written out, take more than {max} bytes")));
        }
        Ok(element)
    }

    fn close(&mut self, element: Element) -> Option<Element> {
        self.namespaces.leave();
        match self.open.last_mut() {
            Some(parent) => {
                parent.push(element);
                None
            }
            None => Some(element),
        }
    }

    fn text(&mut self, text: &str) -> Result<(), Fault> {
        self.open.last_mut().ok_or_else(|| unreadable(0))?.push_text(text);
        Ok(())
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Fault> {
        match reference.resolve_char_ref() {
            Ok(Some(c)) => self.text(c.encode_utf8(&mut [0; 4])),
            _ => self.text(resolve_xml_entity(reference).ok_or_else(|| unreadable(0))?),
        }
    }
}

/// Enters the element of a start tag.
fn element(tag: &BytesStart<'_>, namespaces: &mut Namespaces) -> Result<Element, Fault> {
    namespaces.enter();
    // Declarations hold for attributes that precede them.
    if tag.attributes_raw().contains("xmlns") {
        each_attribute(tag, |prefix, name, value| match (prefix, name) {
            (None, "xmlns") => namespaces.declare("", value),
            (Some("xmlns"), prefix) => namespaces.declare(prefix, value),
            _ => Ok(()),
        })?;
    }
    let name = tag.name();
    let namespace = match name.prefix() {
        Some(prefix) => namespaces.of_prefix(prefix.into_inner())?,
        None => namespaces.default_namespace(),
    };
    let mut element = Element::new(name.local_name().into_inner(), namespace);
    each_attribute(tag, |prefix, name, value| match (prefix, name) {
        (None, "xmlns") | (Some("xmlns"), _) => Ok(()),
        (prefix, name) => add_attribute(&mut element, namespaces, prefix, name, value),
    })?;
    Ok(element)
}

/// Shows prefix, local name and normalised value (XML 1.0 §3.3.3) of each attribute.
fn each_attribute(
    tag: &BytesStart<'_>,
    mut each: impl FnMut(Option<&str>, &str, &str) -> Result<(), Fault>,
) -> Result<(), Fault> {
    for attribute in tag.attributes().with_checks(false) {
        let attribute = attribute.map_err(|_| unreadable(0))?;
        let value = attribute.normalized_value(XmlVersion::Implicit1_0).map_err(|_| unreadable(0))?;
        let prefix = attribute.key.prefix().map(|prefix| prefix.into_inner());
        each(prefix, attribute.key.local_name().into_inner(), &value)?;
    }
    Ok(())
}

fn add_attribute(
    element: &mut Element,
    namespaces: &Namespaces,
    prefix: Option<&str>,
    name: &str,
    value: &str,
) -> Result<(), Fault> {
    let namespace = prefix.map(|prefix| namespaces.of_prefix(prefix)).transpose()?;
    let mut others = element.attributes().iter();
    if others.any(|other| other.name == name && other.namespace.as_deref() == namespace) {
        return Err(Fault::malformed(0, "an attribute stands twice in one tag"));
    }
    element.push_attribute(Attribute { name: name.into(), namespace: namespace.map(ns::intern), value: value.into() });
    Ok(())
}

/// The scanner and the checks have let something pass that quick-xml refuses.
fn unreadable(at: usize) -> Fault {
    Fault::malformed(at, "this XML cannot be read")
}

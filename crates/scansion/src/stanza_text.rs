//! The stanzas that a script writes out, with the addresses of its clients put in.

use conclave_xmpp::element::{Attribute, escape_attribute};
use conclave_xmpp::{Element, FullJid, Node};

use crate::expect::SCANSION;
use crate::stream::{Incoming, IncomingStream};

/// What is wrong with a line of a script.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong, and what would be right.
    pub what: String,
}

/// A client's name and its full address, which is known before it connects.
pub type Named<'a> = (&'a str, &'a FullJid);

/// Reads any number of stanzas, each with the line on which it begins.
///
/// `${N's JID}` and `${N's full JID}` are replaced before the XML is read, so that an apostrophe in them does no harm
/// within an attribute.
pub fn stanzas(body: &[(usize, &str)], clients: &[Named<'_>]) -> Result<Vec<(usize, Element)>, Fault> {
    let mut stream = IncomingStream::of_script();
    let mut found = Vec::new();
    let mut begun: Option<usize> = None;
    for &(line, text) in body {
        let between = begun.is_none();
        if text.trim().is_empty() || (between && crate::block::is_comment(text)) {
            stream.push(b"\n");
            continue;
        }
        let first = *begun.get_or_insert(line);
        let text = with_addresses(text, clients).map_err(|what| Fault { line, what })?;
        stream.push(if between { text.trim_start() } else { &text }.as_bytes());
        stream.push(b"\n");
        while let Some(incoming) = stream.read().map_err(|what| Fault { line, what })? {
            match incoming {
                Incoming::Opened => {}
                Incoming::Stanza(mut stanza) => {
                    without_layout(&mut stanza);
                    found.push((first, stanza));
                    begun = None;
                }
                Incoming::Closed => {
                    return Err(Fault { line, what: "a script closes a stream with `disconnects`".to_owned() });
                }
            }
        }
    }
    match begun {
        None => Ok(found),
        Some(line) => Err(Fault { line, what: "the stanza that begins here has no end".to_owned() }),
    }
}

fn with_addresses(text: &str, clients: &[Named<'_>]) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, reference)) = rest.split_once("${") {
        let (reference, after) = reference.split_once('}').ok_or_else(|| "`${` without `}`".to_owned())?;
        out.push_str(before);
        escape_attribute(&mut out, &address(reference, clients)?);
        rest = after;
    }
    out.push_str(rest);
    Ok(out)
}

fn address(reference: &str, clients: &[Named<'_>]) -> Result<String, String> {
    let full = reference.strip_suffix("'s full JID");
    let name = full.or_else(|| reference.strip_suffix("'s JID"));
    let name = name.ok_or_else(|| format!("`${{{reference}}}`: write `${{NAME's JID}}` or `${{NAME's full JID}}`"))?;
    match clients.iter().find(|(known, _)| *known == name) {
        Some((_, jid)) if full.is_some() => Ok(jid.as_str().to_owned()),
        Some((_, jid)) => Ok(jid.to_bare().as_str().to_owned()),
        None => Err(format!("`${{{reference}}}`: there is no client `{name}`")),
    }
}

/// Drops the white space that only lays out the script: beside elements, or over several lines with nothing else.
fn without_layout(element: &mut Element) {
    let has_children = element.children().next().is_some();
    let is_layout = |text: &str| text.trim().is_empty() && (has_children || text.contains('\n'));
    let mut kept = hull(element, |_| true);
    for node in element.nodes() {
        match node {
            Node::Text(text) if is_layout(text) => {}
            Node::Text(text) => kept.push_text(text),
            Node::Element(child) => {
                let mut child = child.clone();
                without_layout(&mut child);
                kept.push(child);
            }
        }
    }
    *element = kept;
}

/// The stanza without what speaks to the matcher only.
pub fn without_directives(element: &Element) -> Element {
    let mut kept = hull(element, |attribute| attribute.namespace.as_deref() != Some(SCANSION));
    for node in element.nodes() {
        match node {
            Node::Text(text) => kept.push_text(text),
            Node::Element(child) => kept.push(without_directives(child)),
        }
    }
    kept
}

/// An element with the same name and those of its attributes that are kept, and nothing inside.
fn hull(element: &Element, keep: impl Fn(&Attribute) -> bool) -> Element {
    let mut hull = Element::new(element.name(), element.namespace());
    for attribute in element.attributes().iter().filter(|a| keep(a)) {
        hull.push_attribute(attribute.clone());
    }
    hull
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<(usize, String)>, Fault> {
        let jid = FullJid::parse("mara@hall.example/o'clock").expect("a JID");
        let body: Vec<(usize, &str)> = text.lines().enumerate().map(|(index, line)| (index + 1, line)).collect();
        let read = stanzas(&body, &[("Mara", &jid), ("Mara's phone", &jid)])?;
        Ok(read.into_iter().map(|(line, stanza)| (line, stanza.to_string())).collect())
    }

    #[test]
    fn several_stanzas_each_with_its_line_and_without_layout() {
        let text = "\t<presence>\n\t\t<x xmlns='urn:x'>\n\t\t</x>\n\t</presence>\n\n\t# between\n\t<message><body> a\n b</body></message>";
        let expected = [(1, "<presence><x xmlns='urn:x'/></presence>"), (7, "<message><body> a\n b</body></message>")];
        assert_eq!(read(text).expect("stanzas"), expected.map(|(line, stanza)| (line, stanza.to_owned())));
    }

    #[test]
    fn addresses_are_put_in_and_escaped() {
        let text = "<a one='${Mara's JID}' two='${Mara's phone's full JID}'>${Mara's full JID}</a>";
        let expected = "<a one='mara@hall.example' two='mara@hall.example/o&apos;clock'>mara@hall.example/o'clock</a>";
        assert_eq!(read(text).expect("stanzas"), [(1, expected.to_owned())]);
    }

    #[test]
    fn faults_name_the_line() {
        let table = [
            ("\n<a b='${Nobody's JID}'/>", 2, "no client `Nobody`"),
            ("<a b='${Mara's shoe}'/>", 1, "write `${NAME's JID}`"),
            ("<a b='${Mara's JID'/>", 1, "without `}`"),
            ("<a/>\n<b>\n<c/>\n", 2, "no end"),
            ("<a>\n</b>\n", 2, ""),
            ("<a/>\nwords\n", 2, ""),
        ];
        for (text, line, what) in table {
            let fault = read(text).expect_err(text);
            assert_eq!(fault.line, line, "{text}: {fault:?}");
            assert!(fault.what.contains(what), "{text}: {fault:?}");
        }
    }

    #[test]
    fn directives_are_not_sent() {
        let body = [(1, "<a scansion:strict='true' b='c'><d scansion:strict='false'>text</d></a>")];
        let read = stanzas(&body, &[]).expect("stanzas");
        assert_eq!(without_directives(&read[0].1).to_string(), "<a b='c'><d>text</d></a>");
    }
}

//! Does a stanza satisfy what a script expects of it?
//!
//! An element of `jabber:client` is compared loosely: what is expected must be there, what else is there is free. An
//! element with a namespace of its own, and everything below it, is compared strictly: exactly these attributes,
//! exactly these children in this order. `scansion:strict` on an element overrides that for this element alone.
//! Text is compared only where the script gives some, without the white space around it.

use std::fmt;

use conclave_xmpp::element::Attribute;
use conclave_xmpp::{Element, ns};

use crate::pairing::pair;

/// The namespace behind the prefix `scansion` in scripts.
pub const SCANSION: &str = "urn:conclave:scansion";

/// One thing in which a stanza is not what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The element, as the names on the way to it: `presence/x/item`.
    pub path: String,
    /// What is wrong there, as the end of a sentence about it.
    pub what: String,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.path, self.what)
    }
}

/// Whether `received` satisfies `expected`.
pub fn satisfies(received: &Element, expected: &Element) -> bool {
    differences(received, expected).is_empty()
}

/// Everything in which `received` falls short of `expected`; empty if it satisfies it.
pub fn differences(received: &Element, expected: &Element) -> Vec<Difference> {
    let mut found = Vec::new();
    compare(received, expected, Place { path: expected.name().to_owned(), foreign: false }, &mut found);
    found
}

/// Where in the stanza we are.
struct Place {
    path: String,
    /// Whether the element stands below one that is not of `jabber:client`.
    foreign: bool,
}

impl Place {
    fn below(&self, child: &Element, foreign: bool) -> Place {
        Place { path: format!("{}/{}", self.path, child.name()), foreign }
    }

    fn differs(&self, what: String) -> Difference {
        Difference { path: self.path.clone(), what }
    }
}

fn compare(received: &Element, expected: &Element, place: Place, found: &mut Vec<Difference>) {
    if !received.is(expected.name(), expected.namespace()) {
        found.push(place.differs(format!("is {}, expected {}", named(received), named(expected))));
        return;
    }
    let foreign = place.foreign || expected.namespace() != ns::CLIENT;
    let strict = asked_strict(expected).unwrap_or(foreign);
    compare_attributes(received, expected, strict, &place, found);
    compare_text(received, expected, &place, found);
    if strict {
        compare_children_in_order(received, expected, foreign, &place, found);
    } else {
        compare_children_anywhere(received, expected, foreign, &place, found);
    }
}

/// What `scansion:strict` says on this element.
fn asked_strict(expected: &Element) -> Option<bool> {
    let asked = expected.attributes().iter().find(|a| is_directive(a) && a.name == "strict")?;
    Some(asked.value == "true")
}

fn is_directive(attribute: &Attribute) -> bool {
    attribute.namespace.as_deref() == Some(SCANSION)
}

fn compare_attributes(received: &Element, expected: &Element, strict: bool, place: &Place, found: &mut Vec<Difference>) {
    for wanted in expected.attributes().iter().filter(|a| !is_directive(a)) {
        match received.attributes().iter().find(|a| same_name(a, wanted)) {
            None => found.push(place.differs(format!("lacks {}='{}'", wanted.name, wanted.value))),
            Some(got) if is_any(&wanted.value) || got.value == wanted.value => {}
            Some(got) => found.push(place.differs(format!("has {}='{}', expected '{}'", got.name, got.value, wanted.value))),
        }
    }
    if !strict {
        return;
    }
    for got in received.attributes() {
        if !expected.attributes().iter().any(|wanted| same_name(got, wanted)) {
            found.push(place.differs(format!("has {}='{}', which is not expected", got.name, got.value)));
        }
    }
}

fn same_name(one: &Attribute, other: &Attribute) -> bool {
    one.name == other.name && one.namespace == other.namespace
}

/// `{scansion:any}` and `{scansion:capture:x}`: present, with any value. A capture is not compared with an earlier one.
fn is_any(value: &str) -> bool {
    value == "{scansion:any}" || (value.starts_with("{scansion:capture:") && value.ends_with('}'))
}

fn compare_text(received: &Element, expected: &Element, place: &Place, found: &mut Vec<Difference>) {
    let (wanted, got) = (expected.text(), received.text());
    if !wanted.trim().is_empty() && wanted.trim() != got.trim() {
        found.push(place.differs(format!("has the text \"{}\", expected \"{}\"", got.trim(), wanted.trim())));
    }
}

fn compare_children_in_order(received: &Element, expected: &Element, foreign: bool, place: &Place, found: &mut Vec<Difference>) {
    let same_names = received.children().map(named).eq(expected.children().map(named));
    if !same_names {
        found.push(place.differs(format!("contains {}, expected {}", contents(received), contents(expected))));
        return;
    }
    for (got, wanted) in received.children().zip(expected.children()) {
        compare(got, wanted, place.below(wanted, foreign), found);
    }
}

/// Each expected child needs a received one of its own, wherever it stands.
fn compare_children_anywhere(received: &Element, expected: &Element, foreign: bool, place: &Place, found: &mut Vec<Difference>) {
    let got: Vec<&Element> = received.children().collect();
    let wanted: Vec<&Element> = expected.children().collect();
    let fits = |w: usize, g: usize| {
        let mut differences = Vec::new();
        compare(got[g], wanted[w], place.below(wanted[w], foreign), &mut differences);
        differences.is_empty()
    };
    let partners = pair(wanted.len(), got.len(), fits);
    for (child, _) in wanted.iter().zip(&partners).filter(|(_, partner)| partner.is_none()) {
        let free = |g: &usize| !partners.contains(&Some(*g));
        match (0..got.len()).filter(free).find(|g| got[*g].is(child.name(), child.namespace())) {
            Some(nearest) => compare(got[nearest], child, place.below(child, foreign), found),
            None => found.push(place.differs(format!("lacks {}", named(child)))),
        }
    }
}

fn named(element: &Element) -> String {
    match element.namespace() {
        ns::CLIENT => format!("<{}/>", element.name()),
        namespace => format!("<{} xmlns='{namespace}'/>", element.name()),
    }
}

fn contents(element: &Element) -> String {
    let names: Vec<String> = element
        .children()
        .map(|child| match child.namespace() == element.namespace() {
            true => format!("<{}/>", child.name()),
            false => named(child),
        })
        .collect();
    if names.is_empty() { "no element".to_owned() } else { names.join(" ") }
}

#[cfg(test)]
#[path = "expect_tests.rs"]
mod tests;

//! The matcher refuses every stanza that is wrong: for each stanza that a script expects, one that satisfies it is made
//! and then spoilt in every way that matters; and the expectation is spoilt against the stanza.

use std::path::{Path, PathBuf};

use conclave_scansion::expect::{SCANSION, satisfies};
use conclave_scansion::{Act, Script, files};
use conclave_xmpp::element::Attribute;
use conclave_xmpp::{Element, Node, ns};

/// The way to an element from the stanza: which child, and which child of that.
type Way = Vec<usize>;

/// A spoilt stanza: what was done to it, and whether it may still satisfy the expectation.
struct Mutation {
    what: String,
    stanza: Element,
    harmless: bool,
}

#[test]
fn a_spoilt_stanza_never_satisfies_a_script() {
    let mut counted = std::collections::BTreeMap::new();
    for (place, expected) in expectations() {
        let good = satisfying(&expected);
        assert!(satisfies(&good, &expected), "{place}: {good} does not satisfy {expected}");
        for mutation in spoilt(&good, &expected) {
            let satisfied = satisfies(&mutation.stanza, &expected);
            assert_eq!(satisfied, mutation.harmless, "{place}: {}: {} for {expected}", mutation.what, mutation.stanza);
            let kind = mutation.what.split(" of ").next().unwrap_or_default().to_owned();
            *counted.entry((kind, mutation.harmless)).or_insert(0) += 1;
        }
    }
    // Every kind occurred; else the scripts would prove less than it seems.
    let kinds: Vec<(&str, bool)> = counted.keys().map(|(kind, harmless)| (kind.as_str(), *harmless)).collect();
    let expected = [
        ("attribute added", false),
        ("attribute added", true),
        ("attribute changed", false),
        ("attribute changed", true),
        ("attribute dropped", false),
        ("child added", false),
        ("child added", true),
        ("child dropped", false),
        ("children swapped", false),
        ("children swapped", true),
        ("name changed", false),
        ("namespace changed", false),
        ("text added", true),
        ("text changed", false),
    ];
    assert_eq!(kinds, expected, "{counted:?}");
}

#[test]
fn a_spoilt_expectation_is_never_satisfied() {
    let mut count = 0;
    for (place, expected) in expectations() {
        let good = satisfying(&expected);
        for way in ways(&expected) {
            for spoilt in demands_more(&expected, &way) {
                assert!(!satisfies(&good, &spoilt), "{place}: {good} satisfies {spoilt}");
                count += 1;
            }
            if is_strict(&expected, &way) {
                for spoilt in demands_less(&expected, &way) {
                    assert!(!satisfies(&good, &spoilt), "{place}: {good} satisfies {spoilt}");
                    count += 1;
                }
            }
        }
    }
    assert!(count > 100, "only {count} expectations were spoilt");
}

/// Every stanza that the scripts here, and those of `CONCLAVE_SCENARIOS`, expect.
fn expectations() -> Vec<(String, Element)> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mutations");
    let more = std::env::var_os("CONCLAVE_SCENARIOS");
    // The test command runs elsewhere than this test: a relative path is seen from the workspace.
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let more: Vec<PathBuf> = more.iter().flat_map(std::env::split_paths).map(|path| workspace.join(path)).collect();
    let paths = std::iter::once(own).chain(more).flat_map(|folder| files::scripts(&folder).expect("a folder of scripts"));
    let mut found = Vec::new();
    for path in paths {
        let script = Script::read(&path).expect("a script");
        for step in script.steps {
            if let Act::Receive(stanzas) = step.act {
                found.extend(stanzas.into_iter().map(|(line, stanza)| (format!("{}:{line}", path.display()), stanza)));
            }
        }
    }
    found
}

/// The smallest stanza that the expectation accepts.
fn satisfying(expected: &Element) -> Element {
    let mut stanza = Element::new(expected.name(), expected.namespace());
    for attribute in expected.attributes().iter().filter(|a| !is_directive(a)) {
        let value = if is_any(attribute) { "whatever".into() } else { attribute.value.clone() };
        stanza.push_attribute(Attribute { value, ..attribute.clone() });
    }
    for node in expected.nodes() {
        match node {
            Node::Element(child) => stanza.push(satisfying(child)),
            Node::Text(text) => stanza.push_text(text),
        }
    }
    stanza
}

fn spoilt(good: &Element, expected: &Element) -> Vec<Mutation> {
    let mut mutations = Vec::new();
    for way in ways(expected) {
        let wanted = at(expected, &way);
        let strict = is_strict(expected, &way);
        let mut add = |what: &str, harmless: bool, change: &dyn Fn(&Element) -> Element| {
            let what = format!("{what} of {} at {way:?}", wanted.name());
            mutations.push(Mutation { what, stanza: changed(good, &way, change), harmless });
        };
        add("name changed", false, &|e| rebuilt(e, "other", e.namespace()));
        add("namespace changed", false, &|e| rebuilt(e, e.name(), "urn:other"));
        add("attribute added", !strict, &|e| e.clone().with("extra", "1"));
        add("child added", !strict, &|e| e.clone().with_child(Element::new("extra", e.namespace())));
        for attribute in wanted.attributes().iter().filter(|a| !is_directive(a)) {
            add("attribute dropped", false, &|e| without_attribute(e, &attribute.name));
            add("attribute changed", is_any(attribute), &|e| e.clone().with(&attribute.name, "changed"));
        }
        match wanted.text().trim().is_empty() {
            true => add("text added", true, &|e| e.clone().with_text("words")),
            false => add("text changed", false, &|e| e.clone().with_text("words")),
        }
        let children = wanted.children().count();
        for child in 0..children {
            add("child dropped", false, &|e| with_children(e, |children| drop(children.remove(child))));
        }
        for child in 1..children {
            if wanted.children().nth(child - 1) == wanted.children().nth(child) {
                continue;
            }
            add("children swapped", !strict, &|e| with_children(e, |children| children.swap(child - 1, child)));
        }
    }
    mutations
}

fn demands_more(expected: &Element, way: &Way) -> Vec<Element> {
    vec![
        changed(expected, way, &|e| e.clone().with("extra", "1")),
        changed(expected, way, &|e| e.clone().with("extra", "{scansion:any}")),
        changed(expected, way, &|e| e.clone().with_child(Element::new("extra", e.namespace()))),
        changed(expected, way, &|e| e.clone().with_text("words")),
        changed(expected, way, &|e| rebuilt(e, "other", e.namespace())),
    ]
}

fn demands_less(expected: &Element, way: &Way) -> Vec<Element> {
    let wanted = at(expected, way);
    let attributes = wanted.attributes().iter().filter(|a| !is_directive(a));
    let fewer = attributes.map(|attribute| changed(expected, way, &|e| without_attribute(e, &attribute.name)));
    let children = (0..wanted.children().count())
        .map(|child| changed(expected, way, &|e| with_children(e, |children| drop(children.remove(child)))));
    fewer.chain(children).collect()
}

fn ways(element: &Element) -> Vec<Way> {
    let mut ways = vec![Vec::new()];
    for (index, child) in element.children().enumerate() {
        ways.extend(ways_below(index, child));
    }
    ways
}

fn ways_below(index: usize, child: &Element) -> impl Iterator<Item = Way> {
    ways(child).into_iter().map(move |mut way| {
        way.insert(0, index);
        way
    })
}

fn at<'a>(element: &'a Element, way: &[usize]) -> &'a Element {
    way.iter().fold(element, |element, index| element.children().nth(*index).expect("a child"))
}

/// What the language says, told a second time.
fn is_strict(expected: &Element, way: &[usize]) -> bool {
    let here = at(expected, way);
    if let Some(asked) = here.attributes().iter().find(|a| is_directive(a)) {
        return asked.value == "true";
    }
    (0..=way.len()).any(|depth| at(expected, &way[..depth]).namespace() != ns::CLIENT)
}

fn is_directive(attribute: &Attribute) -> bool {
    attribute.namespace.as_deref() == Some(SCANSION)
}

fn is_any(attribute: &Attribute) -> bool {
    attribute.value.starts_with("{scansion:")
}

fn changed(element: &Element, way: &[usize], change: &dyn Fn(&Element) -> Element) -> Element {
    let Some((first, rest)) = way.split_first() else { return change(element) };
    with_children(element, |children| children[*first] = changed(&children[*first], rest, change))
}

/// The element with other children; its text comes first.
fn with_children(element: &Element, change: impl FnOnce(&mut Vec<Element>)) -> Element {
    let mut children: Vec<Element> = element.children().cloned().collect();
    change(&mut children);
    let mut hull = Element::new(element.name(), element.namespace());
    element.attributes().iter().for_each(|attribute| hull.push_attribute(attribute.clone()));
    hull.with_text(&element.text()).with_children(children)
}

fn rebuilt(element: &Element, name: &str, namespace: &str) -> Element {
    let mut other = Element::new(name, namespace);
    element.attributes().iter().for_each(|attribute| other.push_attribute(attribute.clone()));
    other.with_text(&element.text()).with_children(element.children().cloned())
}

fn without_attribute(element: &Element, name: &str) -> Element {
    let mut fewer = element.clone();
    fewer.remove(name);
    fewer
}

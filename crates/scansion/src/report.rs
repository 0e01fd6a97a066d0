//! What a failed script looks like to the person who must mend the server.

use std::fmt;

use conclave_xmpp::{Element, Node, ns};

use crate::expect::{Difference, SCANSION, differences};
use crate::extra::Entry;
use crate::ledger::Fate;
use crate::outcome::{Failure, Outcome, Reason};

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.script.path.display();
        match &self.failure {
            None => write!(f, "ok    {path}"),
            Some(failure) => {
                write!(f, "FAIL  {path}")?;
                if let Some(title) = &self.script.title {
                    write!(f, " ({title})")?;
                }
                writeln!(f)?;
                self.write_failure(f, failure)?;
                if self.exact { f.write_str(&self.order()) } else { Ok(()) }
            }
        }
    }
}

impl Outcome {
    /// Per client, everything that it received in the order in which it came, and what took it. A failure in exact mode
    /// shows this as well.
    pub fn order(&self) -> String {
        let mut out = String::new();
        for (client, cast) in self.script.clients.iter().enumerate() {
            out.push_str(&format!("  {} received in this order:\n", cast.name));
            for (number, arrival) in self.ledger.of(client).enumerate() {
                out.push_str(&format!("{:>6}. {:<14} {}\n", number + 1, fate(arrival.fate), arrival.stanza));
            }
        }
        out
    }

    fn write_failure(&self, f: &mut fmt::Formatter<'_>, failure: &Failure) -> fmt::Result {
        let path = self.script.path.display();
        match failure.step.map(|index| (index, &self.script.steps[index])) {
            Some((index, step)) => writeln!(f, "{path}:{}: step {}: `{}`", failure.line, index + 1, step.text)?,
            None => writeln!(f, "{path}: after the last step")?,
        }
        writeln!(f, "  {}", failure.reason)?;
        match (&failure.reason, failure.step) {
            (Reason::NotReceived { expected, waited, closed, .. }, Some(index)) => {
                match closed {
                    Some(error) => writeln!(f, "  because {error}")?,
                    None => writeln!(f, "  within {} ms", waited.as_millis())?,
                }
                writeln!(f, "  expected:\n{}", indented(&pretty(expected), 4))?;
                self.write_received(f, self.script.steps[index].client, Some(expected))
            }
            (Reason::NotExact { stale, .. }, _) => self.write_not_exact(f, stale),
            (_, Some(index)) => self.write_received(f, self.script.steps[index].client, None),
            (_, None) => Ok(()),
        }
    }

    /// What the client received since the last match; the nearest one with all in which it differs.
    fn write_received(&self, f: &mut fmt::Formatter<'_>, client: usize, expected: Option<&Element>) -> fmt::Result {
        let name = &self.script.clients[client].name;
        let received = self.ledger.since_last_match(client);
        if received.is_empty() {
            return writeln!(f, "  {name} received nothing since the last match");
        }
        writeln!(f, "  {name} received since the last match:")?;
        let nearest = expected.and_then(|expected| nearest(&received, expected));
        for (number, stanza) in received.iter().enumerate() {
            writeln!(f, "{}", numbered(number + 1, &pretty(stanza)))?;
            if let Some((_, differences)) = nearest.as_ref().filter(|(at, _)| *at == number) {
                for difference in differences {
                    writeln!(f, "      ^ {difference}")?;
                }
            }
        }
        Ok(())
    }

    fn write_not_exact(&self, f: &mut fmt::Formatter<'_>, stale: &[Entry]) -> fmt::Result {
        for (client, cast) in self.script.clients.iter().enumerate() {
            for arrival in self.ledger.of(client).filter(|a| matches!(a.fate, Fate::Waiting | Fate::PassedOver)) {
                writeln!(f, "  {} received, and no line expects:\n{}", cast.name, indented(&pretty(&arrival.stanza), 4))?;
            }
        }
        for entry in stale {
            let name = &self.script.clients[entry.client].name;
            writeln!(f, "  line {} of the .extra file was not used: {name} may receive:", entry.line)?;
            writeln!(f, "{}", indented(&pretty(&entry.stanza), 4))?;
        }
        Ok(())
    }
}

fn fate(fate: Fate) -> String {
    match fate {
        Fate::Expected(line) => format!("line {line}"),
        Fate::Allowed(line) => format!(".extra line {line}"),
        Fate::Waiting | Fate::PassedOver => "not expected".to_owned(),
    }
}

/// The one that differs least; of another kind of stanza only if there is nothing else.
fn nearest(received: &[&Element], expected: &Element) -> Option<(usize, Vec<Difference>)> {
    let candidates = received.iter().enumerate().map(|(at, stanza)| (at, differences(stanza, expected)));
    candidates.min_by_key(|(at, differences)| {
        let same_kind = received[*at].is(expected.name(), expected.namespace());
        (!same_kind, differences.len())
    })
}

/// The element over several lines, each child on its own.
pub fn pretty(element: &Element) -> String {
    let mut out = String::new();
    write_pretty(element, ns::CLIENT, 0, &mut out);
    out
}

fn write_pretty(element: &Element, context: &str, depth: usize, out: &mut String) {
    let margin = "  ".repeat(depth);
    out.push_str(&margin);
    if element.children().next().is_none() {
        let mut text = String::new();
        element.write(&mut text, context);
        out.push_str(&with_prefix(element, text));
        return;
    }
    let mut start = Element::new(element.name(), element.namespace());
    element.attributes().iter().for_each(|attribute| start.push_attribute(attribute.clone()));
    let mut text = String::new();
    start.write(&mut text, context);
    out.push_str(with_prefix(element, text).trim_end_matches("/>"));
    out.push('>');
    for node in element.nodes() {
        out.push('\n');
        match node {
            Node::Element(child) => write_pretty(child, element.namespace(), depth + 1, out),
            Node::Text(text) => out.push_str(&format!("{margin}  {}", text.trim())),
        }
    }
    out.push_str(&format!("\n{margin}</{}>", element.name()));
}

/// Shows directives as the script writes them.
fn with_prefix(element: &Element, mut text: String) -> String {
    for number in 0..element.attributes().len() {
        text = text.replace(&format!(" xmlns:a{number}='{SCANSION}' a{number}:"), " scansion:");
    }
    text
}

fn indented(text: &str, by: usize) -> String {
    let margin = " ".repeat(by);
    text.lines().map(|line| format!("{margin}{line}")).collect::<Vec<_>>().join("\n")
}

fn numbered(number: usize, text: &str) -> String {
    let text = indented(text, 6);
    let label = format!("{number:>4}.");
    format!("{label}{}", &text[label.len()..])
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;
    use crate::stanza_text::stanzas;

    #[test]
    fn elements_are_laid_out_as_scripts_write_them() {
        let text = "<presence from='a@b/c'><x xmlns='urn:x' scansion:strict='false'><item a='1'/>words</x><status>ok</status></presence>";
        let read = stanzas(&[(1, text)], &[]).expect("a stanza");
        expect![[r#"
            <presence from='a@b/c'>
              <x xmlns='urn:x' scansion:strict='false'>
                <item a='1'/>
                words
              </x>
              <status>ok</status>
            </presence>"#]]
        .assert_eq(&pretty(&read[0].1));
    }
}

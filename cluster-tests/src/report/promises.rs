//! The table of promises with their verdicts.

use std::fmt::Write;

use super::html::{count, text};
use crate::verdict::{Breach, Verdict};

/// Breaches that are written out for one promise, at most: the first ones say it.
const BREACHES_MAX: usize = 10;

/// Lines that are written out for one breach, at most.
const LINES_MAX: usize = 20;

/// What each number promises.
const WORDS: [(&str, &str); 23] = [
    ("I1", "Everybody in a room sees its messages in one order."),
    ("I2", "Who stays in a room sees every message once: no hole, no repeat."),
    ("I3", "What was acknowledged is never lost."),
    ("I4", "One send is at most one message, whatever was retried."),
    ("I5", "Every message was sent by somebody in the room, and arrives as it was sent."),
    ("I6", "What timed out happened once or never, and that does not change."),
    ("I7", "Who enters is shown the past, and then everything from there on."),
    ("I8", "The archive holds what was said, in its order."),
    ("I9", "Affiliations, configuration, subject and registrations change and are read as if one call came after the other."),
    ("I10", "Who is banned, kicked or without voice neither speaks nor hears nor comes back."),
    ("I11", "A nick is one person's, and a registered one its owner's."),
    ("I12", "There is one room of a name at a time, made by one, and nothing of it outlives its end."),
    ("I13", "Soon after the last fault all lists of who is there are the same, and true."),
    ("I14", "Who is gone is shown as gone, once and in time."),
    ("I15", "Who is there is never shown as gone, and who is removed is told."),
    ("I16", "Who asks whether it is in the room is told the truth."),
    ("I17", "A stream that is resumed is as if it had never broken."),
    ("I18", "A minority refuses, and says so in time."),
    ("I19", "Private messages and real addresses reach those they are for, and nobody else."),
    ("I20", "Service is back in time."),
    ("I21", "Replicas agree."),
    ("I22", "All holds while versions are mixed."),
    ("I23", "Memory, queues and disk stay within bounds."),
];

/// The worst first.
pub(super) fn table(verdicts: &[(&str, &str, Verdict)]) -> String {
    let mut rows: Vec<&(&str, &str, Verdict)> = verdicts.iter().collect();
    rows.sort_by_key(|(_, _, verdict)| match verdict {
        Verdict::Fail(_) => 0,
        Verdict::Inconclusive(_) => 1,
        Verdict::Pass { .. } => 2,
        Verdict::Untested(_) => 3,
    });
    let mut out = "<table><tr><th>Promise</th><th></th><th class='n'>Checked</th><th>Verdict</th></tr>".to_owned();
    for (number, title, verdict) in rows {
        let words = WORDS.iter().find(|(known, _)| known == number).map_or("", |(_, words)| words);
        let (class, word, checked) = match verdict {
            Verdict::Pass { checked } => ("pass", "kept", count(*checked)),
            Verdict::Fail(breaches) => ("fail", "broken", format!("{} ×", count(breaches.len()))),
            Verdict::Inconclusive(_) => ("open", "inconclusive", String::new()),
            Verdict::Untested(_) => ("idle", "untested", String::new()),
        };
        let _ = write!(out, "<tr><td class='w'><b>{}</b> {}</td><td>{words}", text(number), text(title));
        match verdict {
            Verdict::Inconclusive(why) | Verdict::Untested(why) => {
                let _ = write!(out, "<br/><span class='soft'>{}</span>", text(why));
            }
            Verdict::Fail(breaches) => out += &proofs(breaches),
            Verdict::Pass { .. } => {}
        }
        let _ = write!(out, "</td><td class='n'>{checked}</td><td><span class='mark {class}'>{word}</span></td></tr>");
    }
    out + "</table>"
}

fn proofs(breaches: &[Breach]) -> String {
    let mut out = String::new();
    for (at, breach) in breaches.iter().take(BREACHES_MAX).enumerate() {
        // The first one is open, so that it is there on paper too.
        let open = if at == 0 { " open='open'" } else { "" };
        let _ = write!(out, "<details{open}><summary>{}</summary><div class='proof'>", text(&breach.what));
        let entries = breach.entries.iter().map(|entry| serde_json::to_string(entry).unwrap_or_default());
        let records = breach.records.iter().cloned();
        let lines: Vec<String> = breach.proof.iter().map(ToString::to_string).chain(entries).chain(records).collect();
        for line in lines.iter().take(LINES_MAX) {
            let _ = writeln!(out, "{}", text(line));
        }
        if lines.len() > LINES_MAX {
            let _ = write!(out, "… and {} lines more", count(lines.len() - LINES_MAX));
        }
        if lines.is_empty() {
            out += "No single line shows it.";
        }
        out += "</div></details>";
    }
    if breaches.len() > BREACHES_MAX {
        let _ = write!(out, "<p class='soft'>… and {} more.</p>", count(breaches.len() - BREACHES_MAX));
    }
    out
}

//! I4, at most once per send: one client send yields at most one entry, whatever was retried.

use std::collections::{BTreeMap, BTreeSet};

use crate::act::Act;
use crate::committed::Committed;
use crate::evidence::{Evidence, Room};
use crate::history::{Event, History, Line};
use crate::journal::Deed;
use crate::verdict::{Breach, Findings, Verdict};

const NEVER: &str = "no send was ever seen again";

/// Checks every send of a run: messages to all, subjects, and messages to one.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    evidence.rooms.values().map(of_room).collect::<Findings>().verdict(NEVER)
}

/// Checks every send of the history: in M(r), and by the names under which anybody was shown it.
pub fn in_room(history: &History, committed: &Committed) -> Verdict {
    let messages = committed.messages.iter();
    let entries = messages.filter_map(|message| Some((message.send.as_deref()?, message.stanza_id.as_str())));
    found(&history.of_room(&committed.room), entries).verdict(NEVER)
}

fn of_room(room: &Room<'_>) -> Findings {
    let entries = room.entries.iter().filter_map(|entry| match &entry.deed {
        Deed::Message { send: Some(send), stanza_id, .. } => Some((send.as_str(), stanza_id.as_str())),
        Deed::Whisper { send: Some(send), .. } => Some((send.as_str(), "a private message")),
        _ => None,
    });
    let mut findings = found(&room.lines, entries);
    for breach in &mut findings.breaches {
        let concerned = |entry: &&&crate::journal::Entry| match &entry.deed {
            Deed::Message { send: Some(send), .. } | Deed::Whisper { send: Some(send), .. } => {
                breach.what.split(' ').next() == Some(send)
            }
            _ => false,
        };
        breach.entries = room.entries.iter().filter(concerned).map(|entry| (*entry).clone()).collect();
    }
    findings
}

fn found<'a>(lines: &[&'a Line], entries: impl Iterator<Item = (&'a str, &'a str)>) -> Findings {
    let mut sends: BTreeMap<&str, Traces<'_>> = BTreeMap::new();
    for line in lines {
        match &line.event {
            Event::Invoke { send, act: Act::Say { .. } | Act::Subject { .. } | Act::Whisper { .. } } => {
                sends.entry(send).or_default().invoked = Some(line);
            }
            Event::Received { send: Some(send), stanza_id, .. } => sends.entry(send).or_default().shown(stanza_id, line),
            _ => {}
        }
    }
    for (send, name) in entries {
        let Some(traces) = sends.get_mut(send) else { continue };
        traces.entries += 1;
        traces.names.insert(name);
    }
    let breaches = sends.iter().filter_map(|(send, traces)| traces.breach(send)).collect();
    Findings { breaches, checked: sends.values().filter(|traces| !traces.names.is_empty()).count() }
}

/// What one send left behind.
#[derive(Default)]
struct Traces<'a> {
    invoked: Option<&'a Line>,
    /// Entries of M(r).
    entries: usize,
    /// What the room calls it, by anybody's account.
    names: BTreeSet<&'a str>,
    /// The first line with each name.
    lines: Vec<&'a Line>,
}

impl<'a> Traces<'a> {
    fn shown(&mut self, stanza_id: &'a str, line: &'a Line) {
        if self.names.insert(stanza_id) {
            self.lines.push(line);
        }
    }

    fn breach(&self, send: &str) -> Option<Breach> {
        let several = self.entries > 1 || self.names.len() > 1;
        let names: Vec<&str> = self.names.iter().copied().collect();
        let what = || format!("{send} was sent once and is {} entries, seen as {}", self.entries, names.join(", "));
        let proof: Vec<&Line> = self.invoked.into_iter().chain(self.lines.iter().copied()).collect();
        several.then(|| Breach::new(what(), &proof))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{committed, history};

    #[test]
    fn once_or_never_passes() {
        let history = history("A invoke s1\nA received 1 s1\nB received 1 s1\nA invoke s2\nA unknown s2");
        assert_eq!(in_room(&history, &committed("1:s1")), Verdict::Pass { checked: 1 });
        assert_eq!(in_room(&history, &committed("1:s1 2:s2")), Verdict::Pass { checked: 2 });
    }

    #[test]
    fn a_send_that_is_two_entries_fails() {
        let history = history("A invoke s1\nA received 1 s1");
        let Verdict::Fail(breaches) = in_room(&history, &committed("1:s1 2:s1")) else { panic!("it passes") };
        assert_eq!(breaches[0].what, "s1 was sent once and is 2 entries, seen as 1, 2");
        assert_eq!(breaches[0].proof, history.lines);
        assert!(!in_room(&history, &committed("1:s1 1:s1")).passed());
    }

    #[test]
    fn a_send_that_is_shown_under_two_names_fails() {
        let history = history("A invoke s1\nA received 1 s1\nB received 2 s1");
        let Verdict::Fail(breaches) = in_room(&history, &committed("1:s1")) else { panic!("it passes") };
        assert_eq!(breaches[0].proof, history.lines);
    }

    #[test]
    fn a_send_that_is_never_seen_tests_nothing() {
        let history = history("A invoke s1\nA unknown s1");
        assert!(matches!(in_room(&history, &committed("")), Verdict::Untested(_)));
    }
}

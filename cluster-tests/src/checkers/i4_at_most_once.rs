//! I4, at most once per send: one client send yields at most one entry, whatever was retried.

use std::collections::{BTreeMap, BTreeSet};

use crate::act::Act;
use crate::committed::Committed;
use crate::history::{Event, History, Line};
use crate::verdict::{Breach, Verdict};

/// Checks every send of the history: in M(r), and by the names under which anybody was shown it.
pub fn check(history: &History, committed: &Committed) -> Verdict {
    let mut sends: BTreeMap<&str, Traces<'_>> = BTreeMap::new();
    for line in history.lines.iter().filter(|line| line.room == committed.room) {
        match &line.event {
            Event::Invoke { send, act: Act::Say { .. } } => sends.entry(send).or_default().invoked = Some(line),
            Event::Received { send: Some(send), stanza_id, .. } => sends.entry(send).or_default().shown(stanza_id, line),
            _ => {}
        }
    }
    for message in &committed.messages {
        let Some(traces) = message.send.as_deref().and_then(|send| sends.get_mut(send)) else { continue };
        traces.entries += 1;
        traces.names.insert(&message.stanza_id);
    }
    let breaches = sends.iter().filter_map(|(send, traces)| traces.breach(send)).collect();
    Verdict::of(breaches, sends.values().filter(|traces| !traces.names.is_empty()).count(), "no send was ever seen again")
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
        assert_eq!(check(&history, &committed("1:s1")), Verdict::Pass { checked: 1 });
        assert_eq!(check(&history, &committed("1:s1 2:s2")), Verdict::Pass { checked: 2 });
    }

    #[test]
    fn a_send_that_is_two_entries_fails() {
        let history = history("A invoke s1\nA received 1 s1");
        let Verdict::Fail(breaches) = check(&history, &committed("1:s1 2:s1")) else { panic!("it passes") };
        assert_eq!(breaches[0].what, "s1 was sent once and is 2 entries, seen as 1, 2");
        assert_eq!(breaches[0].proof, history.lines);
        assert!(!check(&history, &committed("1:s1 1:s1")).passed());
    }

    #[test]
    fn a_send_that_is_shown_under_two_names_fails() {
        let history = history("A invoke s1\nA received 1 s1\nB received 2 s1");
        let Verdict::Fail(breaches) = check(&history, &committed("1:s1")) else { panic!("it passes") };
        assert_eq!(breaches[0].proof, history.lines);
    }

    #[test]
    fn a_send_that_is_never_seen_tests_nothing() {
        let history = history("A invoke s1\nA unknown s1");
        assert!(matches!(check(&history, &committed("")), Verdict::Inconclusive(_)));
    }
}

//! I3, acknowledged is durable: a message whose sender saw its reflection is in M(r), under the name that the sender saw.

use std::collections::BTreeMap;

use crate::act::Answer;
use crate::committed::Committed;
use crate::history::{Event, History, Line};
use crate::verdict::{Breach, Verdict};

/// Checks every acknowledged send, and that a name means the same message to everybody.
pub fn check(history: &History, committed: &Committed) -> Verdict {
    let kept: BTreeMap<&str, Option<&str>> =
        committed.messages.iter().map(|message| (message.stanza_id.as_str(), message.send.as_deref())).collect();
    let (mut breaches, mut checked) = (Vec::new(), 0);
    for line in history.lines.iter().filter(|line| line.room == committed.room) {
        match &line.event {
            Event::Ok { send, answer: Answer::Reflected { stanza_id } } => {
                checked += 1;
                breaches.extend(lost(line, send, stanza_id, &kept));
            }
            Event::Received { stanza_id, send, .. } => breaches.extend(renamed(line, send.as_deref(), stanza_id, &kept)),
            _ => {}
        }
    }
    Verdict::of(breaches, checked, "no send was acknowledged")
}

fn lost(line: &Line, send: &str, stanza_id: &str, kept: &BTreeMap<&str, Option<&str>>) -> Option<Breach> {
    let what = match kept.get(stanza_id) {
        Some(Some(there)) if *there == send => return None,
        Some(there) => format!("{send} was acknowledged as {stanza_id}, but that is {} in the room", there.unwrap_or("nameless")),
        None => format!("{send} was acknowledged as {stanza_id}, but the room does not have it"),
    };
    Some(Breach::new(what, &[line]))
}

/// What the room does not have at all is I1's matter.
fn renamed(line: &Line, send: Option<&str>, stanza_id: &str, kept: &BTreeMap<&str, Option<&str>>) -> Option<Breach> {
    let there = *kept.get(stanza_id)?;
    let nameless = |send: Option<&str>| send.unwrap_or("nameless").to_owned();
    let what = || format!("{stanza_id} is {} to {}, but {} in the room", nameless(send), line.session, nameless(there));
    (there != send).then(|| Breach::new(what(), &[line]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{committed, history};

    #[test]
    fn what_was_acknowledged_and_is_there_passes() {
        let history = history("A invoke s1\nA received 1 s1\nA ok s1 1\nA invoke s2\nA unknown s2\nB received 1 s1");
        assert_eq!(check(&history, &committed("1:s1")), Verdict::Pass { checked: 1 });
        assert_eq!(check(&history, &committed("1:s1 2:s2")), Verdict::Pass { checked: 1 });
    }

    #[test]
    fn what_was_acknowledged_and_is_lost_fails() {
        let history = history("A invoke s1\nA ok s1 1\nA invoke s2\nA ok s2 2");
        let Verdict::Fail(breaches) = check(&history, &committed("1:s1")) else { panic!("it passes") };
        assert_eq!(breaches[0].what, "s2 was acknowledged as 2, but the room does not have it");
        assert_eq!(breaches[0].proof, history.lines[3..]);
    }

    #[test]
    fn a_name_that_means_two_messages_fails() {
        let acknowledged = check(&history("A ok s1 1"), &committed("1:s2"));
        assert!(acknowledged.to_string().contains("s1 was acknowledged as 1, but that is s2 in the room"), "{acknowledged}");
        let shown = check(&history("A ok s1 1\nB received 1 s9"), &committed("1:s1"));
        assert!(shown.to_string().contains("1 is s9 to B, but s1 in the room"), "{shown}");
    }

    #[test]
    fn without_an_acknowledgement_nothing_is_tested() {
        let history = history("A invoke s1\nA unknown s1");
        assert!(matches!(check(&history, &committed("1:s1")), Verdict::Inconclusive(_)));
    }
}

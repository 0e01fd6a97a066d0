//! I3, acknowledged is durable: a message whose sender saw its reflection is in M(r), under the name that the sender saw.

use std::collections::{BTreeMap, BTreeSet};

use crate::act::{Act, Answer};
use crate::committed::Committed;
use crate::evidence::{Evidence, Room};
use crate::history::{Event, History, Line};
use crate::journal::Deed;
use crate::verdict::{Breach, Findings, Verdict};

const NEVER: &str = "no send was acknowledged";

/// By what the room calls it, the send of each message.
type Kept<'a> = BTreeMap<&'a str, Option<&'a str>>;

/// Checks every acknowledged send of a run; subjects are messages too.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let of_room = |room| [Room::cite(room, found(&room.lines, &kept_of(room))), whispers(evidence, room)];
    evidence.rooms.values().flat_map(of_room).collect::<Findings>().verdict(NEVER)
}

/// Checks every acknowledged send of one room, and that a name means the same message to everybody.
pub fn in_room(history: &History, committed: &Committed) -> Verdict {
    let messages = committed.messages.iter();
    let kept = messages.map(|message| (message.stanza_id.as_str(), message.send.as_deref())).collect();
    found(&history.of_room(&committed.room), &kept).verdict(NEVER)
}

fn kept_of<'a>(room: &Room<'a>) -> Kept<'a> {
    let kept = room.entries.iter().filter_map(|entry| match &entry.deed {
        Deed::Message { stanza_id, send, .. } => Some((stanza_id.as_str(), send.as_deref())),
        _ => None,
    });
    kept.collect()
}

/// A room says nothing about a private message that it has passed on, but answers what was asked behind it.
fn whispers(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let logged = room.entries.iter().filter_map(|entry| match &entry.deed {
        Deed::Whisper { send, .. } => send.as_deref(),
        _ => None,
    });
    let logged: BTreeSet<&str> = logged.collect();
    let mut findings = Findings::default();
    for (send, asked) in evidence.asked.iter().filter(|(_, asked)| asked.line.room == room.jid) {
        let (Act::Whisper { .. }, Some(Answer::Done)) = (asked.act, asked.answer()) else { continue };
        findings.checked += 1;
        if !logged.contains(send) {
            let what = format!("the private message {send} was passed on, but the log does not have it");
            findings.breaches.push(Breach::new(what, &[asked.line].into_iter().chain(asked.end).collect::<Vec<_>>()));
        }
    }
    findings
}

fn found(lines: &[&Line], kept: &Kept<'_>) -> Findings {
    let mut findings = Findings::default();
    for line in lines {
        match &line.event {
            Event::Ok { send, answer: Answer::Reflected { stanza_id } } => {
                findings.checked += 1;
                findings.breaches.extend(lost(line, send, stanza_id, kept));
            }
            Event::Received { stanza_id, send, .. } => {
                findings.breaches.extend(renamed(line, send.as_deref(), stanza_id, kept));
            }
            _ => {}
        }
    }
    findings
}

fn lost(line: &Line, send: &str, stanza_id: &str, kept: &Kept<'_>) -> Option<Breach> {
    let what = match kept.get(stanza_id) {
        Some(Some(there)) if *there == send => return None,
        Some(there) => format!("{send} was acknowledged as {stanza_id}, but that is {} in the room", there.unwrap_or("nameless")),
        None => format!("{send} was acknowledged as {stanza_id}, but the room does not have it"),
    };
    Some(Breach::new(what, &[line]))
}

/// What the room does not have at all is I1's matter.
fn renamed(line: &Line, send: Option<&str>, stanza_id: &str, kept: &Kept<'_>) -> Option<Breach> {
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
    fn a_private_message_that_was_passed_on_is_in_the_log() {
        let judged = |logged: &str| {
            let run = crate::sketch::run(&format!("= create A ada\n{logged}A whisper w1 bob x\nA done w1"));
            check(&Evidence::of(&run))
        };
        assert!(judged("= whisper w1 ada bob A x\n").passed());
        assert_eq!(judged("").breaches(), ["the private message w1 was passed on, but the log does not have it"]);
    }

    #[test]
    fn what_was_acknowledged_and_is_there_passes() {
        let history = history("A invoke s1\nA received 1 s1\nA ok s1 1\nA invoke s2\nA unknown s2\nB received 1 s1");
        assert_eq!(in_room(&history, &committed("1:s1")), Verdict::Pass { checked: 1 });
        assert_eq!(in_room(&history, &committed("1:s1 2:s2")), Verdict::Pass { checked: 1 });
    }

    #[test]
    fn what_was_acknowledged_and_is_lost_fails() {
        let history = history("A invoke s1\nA ok s1 1\nA invoke s2\nA ok s2 2");
        let Verdict::Fail(breaches) = in_room(&history, &committed("1:s1")) else { panic!("it passes") };
        assert_eq!(breaches[0].what, "s2 was acknowledged as 2, but the room does not have it");
        assert_eq!(breaches[0].proof, history.lines[3..]);
    }

    #[test]
    fn a_name_that_means_two_messages_fails() {
        let acknowledged = in_room(&history("A ok s1 1"), &committed("1:s2"));
        assert!(acknowledged.to_string().contains("s1 was acknowledged as 1, but that is s2 in the room"), "{acknowledged}");
        let shown = in_room(&history("A ok s1 1\nB received 1 s9"), &committed("1:s1"));
        assert!(shown.to_string().contains("1 is s9 to B, but s1 in the room"), "{shown}");
    }

    #[test]
    fn without_an_acknowledgement_nothing_is_tested() {
        let history = history("A invoke s1\nA unknown s1");
        assert!(matches!(in_room(&history, &committed("1:s1")), Verdict::Untested(_)));
    }
}

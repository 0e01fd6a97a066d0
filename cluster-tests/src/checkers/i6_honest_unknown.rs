//! I6, honest unknown: a send that its sender gave up is in the log once or never, and everybody is told the same; one that was refused is not there.
//! Who is told to wait does not know: the node that says so may not reach those who have the message already.

use std::collections::BTreeMap;

use crate::act::Act;
use crate::evidence::{Evidence, Room};
use crate::history::{Event, Line};
use crate::journal::{Deed, Entry};
use crate::verdict::{Breach, Findings, Verdict};

/// Checks every message to all or to one that was refused, or of which its sender never learned what became of it.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let rooms = evidence.rooms.values();
    rooms.map(|room| of_room(evidence, room)).collect::<Findings>().verdict("every send was acknowledged")
}

fn of_room(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let (entries, shown) = (entries(room), shown(room));
    let mut findings = Findings::default();
    for line in &room.lines {
        let Event::Invoke { send, act: Act::Say { .. } | Act::Subject { .. } | Act::Whisper { .. } } = &line.event else {
            continue;
        };
        let Some(asked) = evidence.asked.get(send.as_str()) else { continue };
        let end = asked.end.map(|end| &end.event);
        if matches!(end, Some(Event::Ok { .. })) {
            continue;
        }
        findings.checked += 1;
        let there: &[&Entry] = entries.get(send.as_str()).map_or(&[], Vec::as_slice);
        let seen = shown.get(send.as_str()).copied();
        let is_refused = matches!(end, Some(Event::Refused { error, .. }) if !error.starts_with("wait"));
        let what = match (is_refused, there.len(), seen) {
            (true, 1.., _) => format!("{send} was refused, and the room has it"),
            (true, 0, Some(_)) => format!("{send} was refused, and is shown"),
            (false, 2.., _) => format!("{send} is {} times in the room", there.len()),
            (false, 0, Some(_)) => format!("{send} is shown, and the room does not have it"),
            _ => continue,
        };
        let proof: Vec<&Line> = [Some(asked.line), asked.end, seen].into_iter().flatten().collect();
        findings.breaches.push(Breach::new(what, &proof).with(there));
    }
    findings
}

fn entries<'a>(room: &Room<'a>) -> BTreeMap<&'a str, Vec<&'a Entry>> {
    let mut entries: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in &room.entries {
        if let Deed::Message { send: Some(send), .. } | Deed::Whisper { send: Some(send), .. } = &entry.deed {
            entries.entry(send).or_default().push(entry);
        }
    }
    entries
}

fn shown<'a>(room: &Room<'a>) -> BTreeMap<&'a str, &'a Line> {
    let shown = room.lines.iter().rev().filter_map(|line| match &line.event {
        Event::Received { send: Some(send), .. } => Some((send.as_str(), *line)),
        _ => None,
    });
    shown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::run;

    fn judged(text: &str) -> Verdict {
        check(&Evidence::of(&run(text)))
    }

    #[track_caller]
    fn breach(text: &str) -> String {
        judged(text).breaches().swap_remove(0)
    }

    #[test]
    fn what_was_given_up_may_be_there_or_not() {
        let text = "= create A ada\nA invoke s1\nA unknown s1\n= say 1 s1 ada A\nA invoke s2\nA unknown s2\nA invoke s3\nA refused s3 wait x\n= say 3 s3 ada A";
        assert_eq!(judged(text), Verdict::Pass { checked: 3 });
    }

    #[test]
    fn what_was_refused_is_not_there() {
        let refused = "= create A ada\nA invoke s1\nA refused s1 auth forbidden\n";
        assert_eq!(breach(&format!("{refused}= say 1 s1 ada A")), "s1 was refused, and the room has it");
        assert_eq!(breach(&format!("{refused}B received 1 s1")), "s1 was refused, and is shown");
    }

    #[test]
    fn what_was_given_up_is_not_there_twice_nor_shown_and_gone() {
        let unknown = "= create A ada\nA invoke s1\nA unknown s1\n";
        assert_eq!(breach(&format!("{unknown}= say 1 s1 ada A\n= say 2 s1 ada A")), "s1 is 2 times in the room");
        assert_eq!(breach(&format!("{unknown}B received 1 s1")), "s1 is shown, and the room does not have it");
    }

    #[test]
    fn without_doubt_nothing_is_tested() {
        assert!(matches!(judged("= create A ada\nA invoke s1\n= say 1 s1 ada A\nA ok s1 1"), Verdict::Untested(_)));
    }
}

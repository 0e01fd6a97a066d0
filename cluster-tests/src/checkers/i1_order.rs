//! I1, order: what an occupant is shown is a subsequence of M(r) in the order of the log. So any two occupants agree. Refusals and answers have their
//! place in that order as well: they do not overtake what the same session asked for before.

use std::collections::BTreeMap;

use crate::act::Act;
use crate::committed::Committed;
use crate::evidence::{Evidence, Room, Session, Stay};
use crate::history::{Event, History, Line, by_session};
use crate::verdict::{Breach, Findings, Verdict};

const NEVER: &str = "nobody was shown a message while in the room";

/// Checks every stay of the run.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let of_room = |room: &Room<'_>| {
        let of_stay = |(session, stay): (&Session<'_>, &Stay<'_>)| {
            found(session.name, stay.lines.iter().map(|(line, _)| *line), &room.positions)
        };
        let mut findings = room.cite(room.stays().map(of_stay).collect());
        findings.breaches.extend(overtaken(evidence, room));
        findings
    };
    evidence.rooms.values().map(of_room).collect::<Findings>().verdict(NEVER)
}

/// Checks every session that was ever in one room. Repeats are I2's matter.
pub fn in_room(history: &History, committed: &Committed) -> Verdict {
    let positions = committed.positions().into_iter().map(|(name, position)| (name.to_owned(), position)).collect();
    let sessions = by_session(&history.of_room(&committed.room));
    let of_session = |(session, lines): (&str, Vec<&Line>)| found(session, lines.into_iter(), &positions);
    sessions.into_iter().map(of_session).collect::<Findings>().verdict(NEVER)
}

/// What is known of it was not decided when what was asked for before had not been done yet.
fn overtaken(evidence: &Evidence<'_>, room: &Room<'_>) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (session, lines) in by_session(&room.lines) {
        let mut pending: Vec<&str> = Vec::new();
        for line in lines {
            let (Event::Invoke { send, .. } | Event::Ok { send, .. } | Event::Refused { send, .. } | Event::Unknown { send }) =
                &line.event
            else {
                continue;
            };
            let Some(asked) = evidence.asked.get(send.as_str()) else { continue };
            if asked.line == line {
                pending.push(send);
                continue;
            }
            let earlier = pending.iter().take_while(|other| *other != send).filter_map(|other| evidence.asked.get(other));
            let before =
                earlier.filter(|_| knows(line, asked.act)).find(|earlier| is_logged(earlier.act) && earlier.answer().is_some());
            if let Some((earlier, done)) = before.and_then(|earlier| Some((earlier, earlier.end?))) {
                let what = format!("{session} is told of {send} before what it asked for earlier is done");
                breaches.push(Breach::new(what, &[earlier.line, asked.line, line, done]));
            }
            pending.retain(|other| other != send);
        }
    }
    breaches
}

/// Whether an answer says what the room is like at its place of the order.
fn knows(line: &Line, act: &Act) -> bool {
    match &line.event {
        Event::Ok { .. } => act.is_question(),
        Event::Refused { error, .. } => error.starts_with("auth") || error.starts_with("cancel"),
        _ => false,
    }
}

/// Whether it is an entry once it is done, and answered by that alone.
fn is_logged(act: &Act) -> bool {
    matches!(act, Act::Say { .. } | Act::Subject { .. } | Act::Role { .. } | Act::Affiliation { .. } | Act::Configure { .. })
}

fn found<'a>(session: &str, lines: impl Iterator<Item = &'a Line>, positions: &BTreeMap<String, usize>) -> Findings {
    let mut findings = Findings::default();
    let mut before: Option<(usize, &Line)> = None;
    for line in lines {
        let (stanza_id, delayed) = match &line.event {
            Event::Received { stanza_id, delayed, .. } => (stanza_id, delayed),
            // Whoever enters again is shown again what was there before.
            Event::Left { .. } => {
                before = None;
                continue;
            }
            _ => continue,
        };
        let Some(position) = positions.get(stanza_id).copied() else {
            let what = format!("{session} is shown {stanza_id}, which the room has not committed");
            findings.breaches.push(Breach::new(what, &[line]));
            continue;
        };
        match before {
            Some((higher, earlier)) if higher > position => {
                let what = format!("{session} is shown {stanza_id}, number {position} of the room, behind number {higher}");
                findings.breaches.push(Breach::new(what, &[earlier, line]));
            }
            _ => before = Some((position, line)),
        }
        findings.checked += usize::from(!delayed);
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{committed, history};

    #[test]
    fn subsequences_in_order_pass() {
        let history =
            history("A joined\nA received 1 s1\nB shown 1 s1\nB joined\nB received 3 s3\nA received 2 s2\nA received 3 s3");
        assert_eq!(in_room(&history, &committed("1:s1 2:s2 3:s3")), Verdict::Pass { checked: 4 });
    }

    #[test]
    fn two_who_see_another_order_fail() {
        let history = history("A joined\nB joined\nA received 1 s1\nA received 2 s2\nB received 2 s2\nB received 1 s1");
        let Verdict::Fail(breaches) = in_room(&history, &committed("1:s1 2:s2")) else { panic!("it passes") };
        assert_eq!(breaches.len(), 1);
        assert_eq!(breaches[0].what, "B is shown 1, number 0 of the room, behind number 1");
        assert_eq!(breaches[0].proof, history.lines[4..6]);
    }

    #[test]
    fn a_message_that_is_not_committed_fails() {
        let history = history("A joined\nA received 1 s1\nA received 7 s7");
        let Verdict::Fail(breaches) = in_room(&history, &committed("1:s1")) else { panic!("it passes") };
        assert_eq!(breaches[0].proof, history.lines[2..]);
    }

    #[test]
    fn who_enters_again_may_be_shown_the_same_again() {
        let again = "A joined\nA received 1 s1\nA received 2 s2\nA left itself\nA shown 1 s1\nA shown 2 s2\nA joined";
        assert_eq!(in_room(&history(again), &committed("1:s1 2:s2")), Verdict::Pass { checked: 2 });
    }

    #[test]
    fn who_enters_again_while_inside_is_shown_the_same_again() {
        let said = "= create A ada\n= say 1 s1 ada A\n= say 2 s2 ada A\n= say 3 s3 ada A\n";
        let twice =
            "A shown 1\nA shown 2\nA topic\nA joined\nA shown 1\nA shown 2\nA topic\nA shown 1\nA shown 2\nA topic\nA received 3";
        let judged = |text: &str| check(&Evidence::of(&crate::sketch::run(&format!("{said}{text}"))));
        assert_eq!(judged(twice), Verdict::Pass { checked: 1 });
        assert!(matches!(judged(&format!("{twice}\nA received 2")), Verdict::Fail(_)));
    }

    #[test]
    fn a_refusal_does_not_overtake_what_was_asked_before() {
        let asked = "= create A ada\nA joined\nA invoke s1\nA role k1 bob none\n= say 1 s1 ada A\n";
        let judged = |text: &str| check(&Evidence::of(&crate::sketch::run(&format!("{asked}{text}"))));
        assert!(judged("A received 1 s1\nA ok s1 1\nA refused k1 cancel item-not-found").passed());
        let overtaken = judged("A refused k1 cancel item-not-found\nA received 1 s1\nA ok s1 1");
        assert!(overtaken.to_string().contains("A is told of k1 before what it asked for earlier is done"), "{overtaken}");
        assert!(judged("A refused k1 wait resource-constraint\nA received 1 s1\nA ok s1 1").passed());
    }

    #[test]
    fn history_alone_tests_nothing() {
        let history = history("A invoke s1\nW shown 1 s1\nW joined");
        assert!(matches!(in_room(&history, &committed("1:s1")), Verdict::Untested(_)));
    }
}

//! I1, order: what an occupant is shown is a subsequence of M(r) in the order of the log. So any two occupants agree.

use crate::committed::Committed;
use crate::evidence::Evidence;
use crate::history::{Event, History, Line, by_session};
use crate::verdict::{Breach, Findings, Verdict};

const NEVER: &str = "nobody was shown a message while in the room";

/// Checks every session that was ever in a room of the run.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let rooms = evidence.rooms.values();
    rooms.map(|room| room.cite(found(&room.lines, &room.committed))).collect::<Findings>().verdict(NEVER)
}

/// Checks every session that was ever in one room. Repeats are I2's matter.
pub fn in_room(history: &History, committed: &Committed) -> Verdict {
    found(&history.of_room(&committed.room), committed).verdict(NEVER)
}

fn found(lines: &[&Line], committed: &Committed) -> Findings {
    let positions = committed.positions();
    let (mut breaches, mut checked) = (Vec::new(), 0);
    for (session, lines) in by_session(lines) {
        let mut before: Option<(usize, &Line)> = None;
        let mut live = false;
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
            // And whoever does so while inside is shown it again as well.
            if *delayed && std::mem::replace(&mut live, !delayed) {
                before = None;
            }
            live |= !delayed;
            let Some(position) = positions.get(stanza_id.as_str()).copied() else {
                breaches.push(Breach::new(format!("{session} is shown {stanza_id}, which the room has not committed"), &[line]));
                continue;
            };
            match before {
                Some((higher, earlier)) if higher > position => {
                    let what = format!("{session} is shown {stanza_id}, number {position} of the room, behind number {higher}");
                    breaches.push(Breach::new(what, &[earlier, line]));
                }
                _ => before = Some((position, line)),
            }
            checked += usize::from(!delayed);
        }
    }
    Findings { breaches, checked }
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
        let inside = "A joined\nA received 1 s1\nA received 2 s2\nA shown 1 s1\nA shown 2 s2\nA received 3 s3";
        assert_eq!(in_room(&history(inside), &committed("1:s1 2:s2 3:s3")), Verdict::Pass { checked: 3 });
        let back = format!("{inside}\nA received 2 s2");
        assert!(matches!(in_room(&history(&back), &committed("1:s1 2:s2 3:s3")), Verdict::Fail(_)));
    }

    #[test]
    fn history_alone_tests_nothing() {
        let history = history("A invoke s1\nW shown 1 s1\nW joined");
        assert!(matches!(in_room(&history, &committed("1:s1")), Verdict::Untested(_)));
    }
}

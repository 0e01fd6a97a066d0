//! I7, the join cut: who enters is shown who is there, then itself, then history, then the subject, and from there on what happens. The history ends
//! exactly before its entry in the log, has no hole, and is as long as was asked for, or as the room has.

use std::collections::BTreeSet;

use crate::evidence::{Evidence, Kept, Room, Session, Sight, Stay};
use crate::history::{Event, Line};
use crate::verdict::{Breach, Findings, Verdict};

/// Checks every stay.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let of_room = |room: &Room<'_>| {
        let mut findings: Findings = room.stays().map(|(session, stay)| of_stay(room, session, stay)).collect();
        if room.shows_all() && !room.seating.vague {
            findings.breaches.extend(lists(room));
        }
        findings.breaches.extend(lengths(room));
        findings
    };
    evidence.rooms.values().map(of_room).collect::<Findings>().verdict("nobody entered a room")
}

fn of_stay(room: &Room<'_>, session: &Session<'_>, stay: &Stay<'_>) -> Findings {
    let Some(joined) = stay.joined else { return Findings::default() };
    let mut breaches: Vec<Breach> = out_of_order(session, stay).into_iter().collect();
    breaches.extend(cut(room, session, stay, joined));
    Findings { breaches, checked: 1 }
}

/// Who is there when one enters is who is shown, and nobody else.
fn lists(room: &Room<'_>) -> Vec<Breach> {
    let (mut there, mut breaches) = (BTreeSet::new(), Vec::new());
    let mut turns = room.seating.turns.iter().peekable();
    for (index, session, stay) in placed(room) {
        while let Some((_, nick, comes)) = turns.next_if(|turn| turn.0 <= index) {
            if *comes {
                there.insert(*nick)
            } else {
                there.remove(nick)
            };
        }
        let Some((line, shown)) = list(stay).filter(|(_, shown)| *shown != there) else { continue };
        let differing: Vec<&str> = shown.symmetric_difference(&there).copied().collect();
        let what = format!("{} enters {} and is shown {shown:?}, where {there:?} are", session.name, room.jid);
        let entries: Vec<_> = differing.iter().filter_map(|nick| room.seating.last_of(nick)).collect();
        breaches.push(Breach::new(what, &[line]).with(&entries));
    }
    breaches
}

/// The stays of which it is known by which entry they began, in the order of the log.
fn placed<'r, 'a>(room: &'r Room<'a>) -> Vec<(u64, &'r Session<'a>, &'r Stay<'a>)> {
    let at = |stay: &Stay<'_>| stay.entered().filter(|_| stay.joined.is_some());
    let mut stays: Vec<_> = room.stays().filter_map(|(session, stay)| Some((at(stay)?, session, stay))).collect();
    stays.sort_by_key(|(index, _, _)| *index);
    stays
}

/// The presences up to one's own, which ends them.
fn list<'s, 'a>(stay: &'s Stay<'a>) -> Option<(&'a Line, BTreeSet<&'s str>)> {
    let mut shown = BTreeSet::new();
    for (line, presence) in stay.presences().filter(|(_, presence)| !presence.unavailable) {
        shown.insert(presence.nick.as_deref()?);
        if presence.is_own() {
            return Some((line, shown));
        }
    }
    None
}

/// What is shown when one enters, in this order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Part {
    Others,
    Itself,
    History,
    Subject,
    Live,
}

/// §7.2.2, §7.2.13, §7.2.15.
fn out_of_order(session: &Session<'_>, stay: &Stay<'_>) -> Option<Breach> {
    let mut last: Option<(Part, &Line)> = None;
    for (line, sight) in &stay.lines {
        let Some(part) = part(line, sight.as_ref(), last.map(|(part, _)| part)) else { continue };
        match last {
            Some((before, earlier)) if before > part => {
                let what = format!("{} is shown {part:?} behind {before:?} when it enters", session.name);
                return Some(Breach::new(what, &[earlier, line]));
            }
            _ => last = Some((part, line)),
        }
        if part == Part::Subject {
            return None;
        }
    }
    None
}

fn part(line: &Line, sight: Option<&Sight>, before: Option<Part>) -> Option<Part> {
    match (&line.event, sight) {
        (Event::Received { delayed, .. }, _) => Some(if *delayed { Part::History } else { Part::Live }),
        (_, Some(Sight::Subject { .. })) => Some(Part::Subject),
        // What is left of an earlier stay of the same address is no part of this one.
        (_, Some(Sight::Presence(presence))) if presence.unavailable && before.is_none() => None,
        (_, Some(Sight::Presence(presence))) if presence.is_own() => Some(Part::Itself),
        (_, Some(Sight::Presence(presence))) if presence.nick.is_some() => Some(Part::Others),
        _ => None,
    }
}

/// The history is a stretch of M(r) that ends where the session came in.
fn cut(room: &Room<'_>, session: &Session<'_>, stay: &Stay<'_>, joined: &Line) -> Vec<Breach> {
    let history = history(room, stay, joined);
    let torn = history.windows(2).find(|pair| pair[1].1 != pair[0].1 + 1);
    let mut breaches = Vec::new();
    if let Some([(earlier, from), (later, to)]) = torn {
        let what = format!("{} is shown number {to} of the room behind number {from}, in the history", session.name);
        breaches.push(Breach::new(what, &[earlier, later]));
    }
    let (Some((line, last)), Some(first)) = (history.last(), stay.entered()) else {
        return breaches;
    };
    // The next one was there already when the session came in.
    let next = room.committed.messages.get(last + 1).and_then(|message| room.message(&message.stanza_id));
    let skipped = next.filter(|next| next.index < first);
    breaches.extend(skipped.map(|entry| {
        let what = format!("{} is not shown the last of the history, which ends with number {last}", session.name);
        Breach::new(what, &[line, joined]).with(&[entry])
    }));
    breaches
}

/// What it was shown of M(r) before it was in: the lines, and the places there.
fn history<'a>(room: &Room<'_>, stay: &Stay<'a>, joined: &Line) -> Vec<(&'a Line, usize)> {
    let before = stay.shown().take_while(|(line, _, _)| line.at <= joined.at).filter(|shown| shown.2);
    before.filter_map(|(line, stanza_id, _)| Some((line, *room.positions.get(stanza_id)?))).collect()
}

/// The history is as long as was asked for, or as the room keeps, or as this life of the room has messages.
fn lengths(room: &Room<'_>) -> Vec<Breach> {
    let (mut kept, mut breaches, mut entries) = (Kept::default(), Vec::new(), room.entries.iter().peekable());
    for (index, session, stay) in placed(room) {
        while let Some(entry) = entries.next_if(|entry| entry.index <= index) {
            kept.fold(entry);
        }
        let Some(joined) = stay.joined else { continue };
        let shown = history(room, stay, joined).len();
        let fits = |wanted: &Option<usize>| wanted.is_none_or(|wanted| kept.shown_of(wanted).contains(&shown));
        if stay.wanted.is_empty() || stay.wanted.iter().any(fits) {
            continue;
        }
        let due: Vec<usize> = stay.wanted.iter().flatten().map(|wanted| *kept.shown_of(*wanted).end()).collect();
        let what = format!("{} is shown {shown} of the history of {}, and not {due:?}", session.name, room.jid);
        let entries: Vec<_> = room.entries.iter().copied().filter(|entry| entry.index == index).collect();
        breaches.push(Breach::new(what, &[joined]).with(&entries));
    }
    breaches
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

    const SAID: &str =
        "= create A ada\nA invoke s1\n= say 1 s1 ada A\n= say 2 s2 ada A\n= say 3 s3 ada A\n= join B bob\n= say 4 s4 ada A\n";

    #[test]
    fn the_end_of_what_was_said_before_and_then_what_is_said_passes() {
        let text = format!("{SAID}B sees ada\nB sees bob - 110\nB shown 2 s2\nB shown 3 s3\nB topic\nB joined\nB received 4 s4");
        assert_eq!(judged(&text), Verdict::Pass { checked: 1 });
    }

    #[test]
    fn a_history_with_a_hole_or_without_its_end_fails() {
        let hole = format!("{SAID}B sees ada\nB sees bob - 110\nB shown 1 s1\nB shown 3 s3\nB topic\nB joined\nB received 4 s4");
        assert_eq!(breach(&hole), "B is shown number 2 of the room behind number 0, in the history");
        let short = format!("{SAID}B sees ada\nB sees bob - 110\nB shown 1 s1\nB shown 2 s2\nB topic\nB joined\nB received 4 s4");
        assert_eq!(breach(&short), "B is not shown the last of the history, which ends with number 1");
    }

    /// What B is shown behind its request, where three were said before.
    fn asking(wanted: &str, shown: &[u32]) -> String {
        let shown: String = shown.iter().map(|number| format!("B shown {number} s{number}\n")).collect();
        let said = SAID.replace("= join B bob", &format!("B enter e1 bob - {wanted}\n= join B bob"));
        format!("{said}B sees ada\nB sees bob - 110\n{shown}B topic\nB joined\nB received 4 s4")
    }

    #[test]
    fn the_history_is_as_long_as_was_asked_for_or_as_there_is_one() {
        for (wanted, shown) in [("0", &[][..]), ("2", &[2, 3]), ("20", &[1, 2, 3])] {
            assert_eq!(judged(&asking(wanted, shown)), Verdict::Pass { checked: 1 }, "{wanted}");
        }
        assert_eq!(breach(&asking("2", &[])), "B is shown 0 of the history of r@s, and not [2]");
        assert_eq!(breach(&asking("20", &[2, 3])), "B is shown 2 of the history of r@s, and not [3]");
        assert_eq!(breach(&asking("0", &[3])), "B is shown 1 of the history of r@s, and not [0]");
    }

    #[test]
    fn a_room_forgets_what_it_may_not_keep_and_what_was_said_in_another_life() {
        let keeps = |length: &str, shown: &[u32]| {
            asking("20", shown).replace("= say 3", &format!("= configure historylength:{length}\n= say 3"))
        };
        assert_eq!(judged(&keeps("2", &[2, 3])), Verdict::Pass { checked: 1 });
        assert_eq!(breach(&keeps("2", &[1, 2, 3])), "B is shown 3 of the history of r@s, and not [2]");
        let anew = |shown: &[u32]| asking("20", shown).replace("= say 3", "= destroy\n= create A ada\n= say 3");
        assert_eq!(judged(&anew(&[3])), Verdict::Pass { checked: 1 });
        assert_eq!(breach(&anew(&[])), "B is shown 0 of the history of r@s, and not [1]");
        let maker = "= destroy\nB enter e1 bob - 20\n= create B bob\nB sees bob - 110\nB topic\nB joined";
        assert!(judged(&SAID.replace("= join B bob\n= say 4 s4 ada A", maker)).passed(), "who makes it anew is shown nothing");
    }

    #[test]
    fn who_may_have_been_let_in_by_either_request_is_shown_what_one_of_them_asks_for() {
        let twice = |shown: &[u32]| asking("20", shown).replace("B enter e1 bob - 20", "B enter e1 bob - 1\nB enter e2 bob - 20");
        assert!(judged(&twice(&[3])).passed() && judged(&twice(&[1, 2, 3])).passed());
        assert_eq!(breach(&twice(&[])), "B is shown 0 of the history of r@s, and not [1, 3]");
        assert!(judged(&asking("", &[])).passed(), "a run that does not say what is asked for");
    }

    #[test]
    fn who_is_not_shown_somebody_who_is_there_fails() {
        let text = format!("{SAID}B sees bob - 110\nB topic\nB joined\nB received 4 s4");
        assert_eq!(breach(&text), r#"B enters r@s and is shown {"bob"}, where {"ada", "bob"} are"#);
        let phantom = format!("{SAID}B sees ada\nB sees cid\nB sees bob - 110\nB topic\nB joined\nB received 4 s4");
        assert_eq!(breach(&phantom), r#"B enters r@s and is shown {"ada", "bob", "cid"}, where {"ada", "bob"} are"#);
    }

    #[test]
    fn what_is_shown_in_another_order_fails() {
        let early = format!("{SAID}B sees bob - 110\nB sees ada\nB topic\nB joined");
        assert_eq!(breach(&early), "B is shown Others behind Itself when it enters");
        let live = format!("{SAID}B sees ada\nB sees bob - 110\nB received 4 s4\nB topic\nB joined");
        assert_eq!(breach(&live), "B is shown Subject behind Live when it enters");
    }

    #[test]
    fn nobody_enters_nothing_is_tested() {
        assert!(matches!(judged(SAID), Verdict::Untested(_)));
    }
}

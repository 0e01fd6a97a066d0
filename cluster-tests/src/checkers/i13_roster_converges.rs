//! I13, the roster converges: when nothing is broken any more, what each client has been shown of who is there, what it is told when it asks
//! through any node, and what the administrator is told, is who is there.

use std::collections::BTreeSet;

use crate::act::{Act, Answer};
use crate::evidence::{Asked, Evidence, Room, Session, Stay, goodbyes};
use crate::history::{Line, Phase};
use crate::verdict::{Breach, Findings, Verdict};

/// How old what is shown may be, in microseconds: the promise's T_conv.
const CONVERGES_WITHIN: u64 = 5_000_000;

/// Checks everybody who is inside when the looking begins, and every answer about who is there.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let rooms = evidence.rooms.values().filter(|room| !room.seating.vague);
    let of_room =
        |room| [admitted(room), comings(room), views(evidence, room), answers(evidence, room)].into_iter().collect::<Findings>();
    rooms.map(of_room).collect::<Findings>().verdict("nobody was inside when all was whole, and nobody asked who is there")
}

/// Whoever was let in has an entry in the log.
fn admitted(room: &Room<'_>) -> Findings {
    let mut findings = Findings::default();
    for (session, stay) in room.stays().filter(|(_, stay)| stay.entry.is_none()) {
        let Some(joined) = stay.joined else { continue };
        let joins = room.seating.seats.iter().filter(|seat| seat.jid == session.jid).map(|seat| seat.taken);
        let what = format!("{} is let into {} by nothing that is in the log", session.name, room.jid);
        findings.breaches.push(Breach::new(what, &[joined]).with(&joins.collect::<Vec<_>>()));
    }
    findings
}

/// Whoever comes is shown to all who are there, and nobody is shown who is not.
fn comings(room: &Room<'_>) -> Findings {
    let mut findings = Findings::default();
    for (session, stay) in room.stays() {
        let found = goodbyes(room, session, stay);
        for (line, nick) in found.phantoms {
            let entries: Vec<_> = room.seating.last_of(&nick).into_iter().collect();
            let what = format!("{} is shown that {nick} is in {}, who is not", session.name, room.jid);
            findings.breaches.push(Breach::new(what, &[line]).with(&entries));
        }
        for (entry, nick) in found.unseen.into_iter().filter(|_| room.shows_all()) {
            let proof: Vec<&Line> = stay.joined.into_iter().chain(stay.last_shown()).collect();
            let what = format!("{} is not shown that {nick} comes into {}", session.name, room.jid);
            findings.breaches.push(Breach::new(what, &proof).with(&[entry]));
        }
    }
    findings
}

/// What those who are inside see as soon as they have to, when all is whole again, and when the looking begins.
fn views(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let looking = evidence.began(Phase::Looking);
    let whole = evidence.began(Phase::Liveness).map(|whole| whole + CONVERGES_WITHIN);
    let due = whole.filter(|whole| looking.is_some_and(|looking| *whole < looking));
    due.into_iter().chain(looking).map(|at| views_at(evidence, room, at)).collect()
}

fn views_at(evidence: &Evidence<'_>, room: &Room<'_>, at: u64) -> Findings {
    let mut findings = Findings::default();
    let Some(order) = evidence.order(room) else { return findings };
    let (from, to) = (order.surely_at(at.saturating_sub(CONVERGES_WITHIN)), order.possibly_at(at));
    // As long as the last fault is not over for so long, nobody has to know yet.
    let is_due = evidence.troubles.iter().all(|trouble| !trouble.touches(at.saturating_sub(CONVERGES_WITHIN), at));
    for (session, stay) in room.stays().filter(|(_, stay)| is_inside(stay, at)) {
        let is_right = room.seating.any_crowd(from, to, |nicks| *nicks == view(stay, at)) && room.shows_all();
        findings.checked += usize::from(is_right || is_due);
        if is_right || !is_due {
            continue;
        }
        findings.breaches.extend(astray(room, session, stay, (from, to), at));
    }
    findings
}

/// Inside since so long before that it should know.
fn is_inside(stay: &Stay<'_>, at: u64) -> bool {
    let ended = stay.left.map(|line| line.at).into_iter().chain(stay.told.as_ref().map(|(line, _)| line.at)).min();
    let begun = stay.joined.is_some_and(|line| line.at + CONVERGES_WITHIN <= at);
    begun && !stay.renewed && ended.is_none_or(|ended| ended > at)
}

/// The nicks that it has been shown, and not been shown to go, itself included.
fn view<'s>(stay: &'s Stay<'_>, until: u64) -> BTreeSet<&'s str> {
    let mut nicks = BTreeSet::new();
    for (_, presence) in stay.presences().take_while(|(line, _)| line.at <= until) {
        match presence.nick.as_deref() {
            Some(nick) if presence.unavailable => drop(nicks.remove(nick)),
            Some(nick) => drop(nicks.insert(nick)),
            None => {}
        }
    }
    nicks
}

fn astray(room: &Room<'_>, session: &Session<'_>, stay: &Stay<'_>, span: (u64, u64), at: u64) -> Option<Breach> {
    let sits =
        room.seating.seats.iter().any(|seat| seat.jid == session.jid && seat.taken.index <= span.1 && seat.ends_behind(span.0));
    let proof: Vec<_> = stay.joined.into_iter().chain(stay.last_shown()).collect();
    if !sits {
        return Some(Breach::new(format!("{} believes to be in {}, and does not sit there", session.name, room.jid), &proof));
    }
    if !room.shows_all() {
        return None;
    }
    let (seen, there) = (view(stay, at), room.seating.crowd_at(span.1));
    let line = |nick: &&str| stay.presences().filter(|(_, presence)| presence.nick.as_deref() == Some(nick)).last();
    let differing: Vec<&str> = seen.symmetric_difference(&there).copied().collect();
    let proof: Vec<_> = proof.into_iter().chain(differing.iter().filter_map(line).map(|(line, _)| line)).collect();
    let entries: Vec<_> = differing.iter().filter_map(|nick| room.seating.last_of(nick)).collect();
    let what = format!("{} sees {seen:?} in {}, where {there:?} are", session.name, room.jid);
    Some(Breach::new(what, &proof).with(&entries))
}

/// What is answered, by whichever node.
fn answers(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let mut findings = Findings::default();
    let Some(order) = evidence.order(room) else { return findings };
    let of_room = evidence.asked.values().filter(|asked| asked.line.room == room.jid && matches!(asked.act, Act::Occupants));
    for asked in of_room {
        let (Some(end), Some(answer)) = (asked.end, asked.answer()) else { continue };
        let (from, to) = (order.surely_at(asked.line.at), order.possibly_at(end.at));
        let is_true = match answer {
            Answer::Nicks { nicks } => {
                let told: BTreeSet<&str> = nicks.iter().map(String::as_str).collect();
                room.seating.any_crowd(from, to, |nicks| *nicks == told)
            }
            Answer::Count { occupants, detached } => {
                room.seating.counts(from, to).any(|counted| counted == (*occupants, *detached))
            }
            _ => continue,
        };
        findings.checked += 1;
        if !is_true {
            findings.breaches.push(untrue(room, asked, (from, to)));
        }
    }
    findings
}

fn untrue(room: &Room<'_>, asked: &Asked<'_>, span: (u64, u64)) -> Breach {
    let there = room.seating.crowd_at(span.1);
    let what = format!(
        "{} is told by node {} who is in {}, and it is not so at any time while it asks; in the end {there:?} are",
        asked.line.session, asked.line.node, room.jid
    );
    let proof: Vec<_> = [Some(asked.line), asked.end].into_iter().flatten().collect();
    let entries: Vec<_> = there.iter().filter_map(|nick| room.seating.last_of(nick)).collect();
    Breach::new(what, &proof).with(&entries)
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

    const BOTH: &str =
        "= create A ada\nA sees ada moderator 110\nA joined\n= join B bob\nB sees ada moderator\nB sees bob - 110\nB joined\n";
    const LOOK: &str = "@ 9\nA invoke s1\n= say 1 s1 ada A\nA received 1 s1\nB received 1 s1\n@ 20\n- phase looking\n";

    #[test]
    fn everybody_sees_who_is_there() {
        assert_eq!(judged(&format!("{BOTH}A sees bob\n{LOOK}")), Verdict::Pass { checked: 2 });
        let text = format!("{BOTH}A sees bob\n{LOOK}L occupants q1\nL nicks q1 ada bob\nL occupants q2\nL count q2 2 0");
        assert_eq!(judged(&text), Verdict::Pass { checked: 4 });
    }

    #[test]
    fn who_misses_somebody_is_astray() {
        assert_eq!(breach(&format!("{BOTH}{LOOK}")), "A is not shown that bob comes into r@s");
        let forgotten = format!("{BOTH}A sees bob\nA misses bob\n{LOOK}");
        assert_eq!(breach(&forgotten), r#"A sees {"ada"} in r@s, where {"ada", "bob"} are"#);
        let ghost = format!("{BOTH}A sees bob\n= leave B\nB left itself\n{LOOK}");
        assert_eq!(breach(&ghost), r#"A sees {"ada", "bob"} in r@s, where {"ada"} are"#);
    }

    #[test]
    fn five_seconds_after_all_is_whole_everybody_knows_and_not_only_in_the_end() {
        let whole = "@ 7\nA invoke s1\n= say 1 s1 ada A\nA received 1 s1\nB received 1 s1\n@ 8\n- phase liveness";
        let late = |knows| format!("{BOTH}A sees bob\nA misses bob\n{whole}\n@ {knows}\nA sees bob\n@ 20\n- phase looking");
        assert_eq!(breach(&late(14)), r#"A sees {"ada"} in r@s, where {"ada", "bob"} are"#);
        assert_eq!(judged(&late(12)), Verdict::Pass { checked: 4 });
    }

    #[test]
    fn nobody_has_to_know_while_something_is_broken() {
        let said = "A invoke s1\n= say 1 s1 ada A\nA received 1 s1\nB received 1 s1";
        let forgotten = format!("{BOTH}A sees bob\nA misses bob\n{said}\n");
        let broken = |ended| {
            format!("{forgotten}@ 3\n- fault 1 freeze begun 1\n@ {ended}\n- fault 1 freeze ended 1\n@ 20\n- phase looking")
        };
        assert!(matches!(judged(&broken(14)), Verdict::Fail(_)));
        assert_eq!(judged(&broken(16)), Verdict::Pass { checked: 1 }, "B sees both");
    }

    #[test]
    fn who_is_shown_and_not_there_is_a_phantom() {
        let text = format!("{BOTH}A sees bob\nA sees cid\nA misses cid\n{LOOK}");
        assert_eq!(breach(&text), "A is shown that cid is in r@s, who is not");
        let late = format!("{BOTH}A sees bob\nA sees cid\n{LOOK}= join C cid\nC joined");
        assert_eq!(breach(&late), "A is shown that cid is in r@s, who is not");
    }

    #[test]
    fn what_is_fresh_may_still_come() {
        let fresh = format!("{BOTH}A sees bob\n@ 17\n= leave B\nB left itself\n@ 20\n- phase looking");
        assert_eq!(judged(&fresh), Verdict::Pass { checked: 1 });
    }

    #[test]
    fn who_believes_to_be_inside_sits_there() {
        let text = "= create A ada\nA sees ada moderator 110\nA joined\nB sees bob - 110\nB joined\n".to_owned() + LOOK;
        assert_eq!(breach(&text), "B is let into r@s by nothing that is in the log");
        let gone = format!("{BOTH}A sees bob\n= leave B\nA misses bob\n{LOOK}");
        assert_eq!(breach(&gone), "B believes to be in r@s, and does not sit there");
    }

    #[test]
    fn an_answer_that_was_never_true_fails() {
        let text = format!("{BOTH}A sees bob\n{LOOK}L occupants q1\nL nicks q1 ada");
        assert!(breach(&text).starts_with("L is told by node 1 who is in r@s, and it is not so"));
        let text = format!("{BOTH}A sees bob\n{LOOK}L occupants q1\nL count q1 2 1");
        assert!(breach(&text).starts_with("L is told by node 1 who is in r@s, and it is not so"));
    }

    #[test]
    fn nobody_looks_nothing_is_tested() {
        assert!(matches!(judged(BOTH), Verdict::Untested(_)));
    }
}

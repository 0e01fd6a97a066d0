//! I14, no ghosts: whoever went is shown to go, exactly once, to everybody who stays; and whoever does not come back goes within the grace and
//! five seconds.

use std::collections::BTreeMap;

use crate::evidence::{Evidence, Gone, Room, Seat, goodbyes};
use crate::history::{Line, Phase, Stage};
use crate::journal::Deed;
use crate::verdict::{Breach, Findings, Verdict};

/// What may pass between the end of a grace and the last one who is shown it, in microseconds.
const SHOWN_WITHIN: u64 = 5_000_000;

/// Checks every departure with everybody who stayed, and everybody who went without a word.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let rooms = evidence.rooms.values().filter(|room| room.shows_all());
    rooms.map(|room| of_room(evidence, room)).collect::<Findings>().verdict("nobody went while somebody stayed")
}

fn of_room(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let mut findings = ghosts(evidence, room);
    findings.extend(late(evidence, room));
    if room.seating.vague {
        return findings;
    }
    for (session, stay) in room.stays() {
        let found = goodbyes(room, session, stay);
        findings.checked += found.matched.len();
        for departure in found.missed {
            let what = format!("{} is not shown that {} goes", session.name, departure.nick);
            let proof: Vec<&Line> = stay.joined.into_iter().chain(stay.last_shown()).collect();
            findings.breaches.push(Breach::new(what, &proof).with(&[departure.entry]));
        }
        for unfounded in found.unfounded {
            let Some(earlier) = unfounded.repeats else { continue };
            let what = format!("{} is shown twice that {} goes", session.name, unfounded.nick);
            findings.breaches.push(Breach::new(what, &[earlier, unfounded.line]));
        }
    }
    findings
}

/// Who is still there when all is over, and has no session any more.
fn ghosts(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let mut findings = Findings::default();
    let (Some(end), Some(order)) = (evidence.began(Phase::Looking), evidence.order(room)) else { return findings };
    let grace = evidence.run.plan.grace_ms * 1000 + SHOWN_WITHIN;
    let to = order.possibly_at(end);
    let last = last_lines(room);
    let activated = room.shard.map_or(0, |shard| activated(evidence, shard, to)).min(end);
    for seat in room.seating.seats.iter().filter(|seat: &&Seat<'_>| seat.covers(to)) {
        let Some((line, false)) = last.get(seat.jid) else { continue };
        let since = line.at.max(activated).max(quiet_since(evidence));
        if end <= since + grace {
            continue;
        }
        findings.checked += 1;
        let what =
            format!("{} is still there as {}, {} s after its last session ended", seat.jid, seat.nick, (end - since) / 1_000_000);
        findings.breaches.push(Breach::new(what, &[line]).with(&[seat.taken]));
    }
    findings
}

/// Whose grace was over later than it should. Timers begin anew with a home, and wait while something is broken.
fn late(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let mut findings = Findings::default();
    let Some(order) = evidence.order(room) else { return findings };
    let grace = evidence.run.plan.grace_ms * 1000 + SHOWN_WITHIN;
    for seat in &room.seating.seats {
        let (Some((entry, Gone::Expired)), Some(detached)) = (seat.until, seat.detached.last()) else { continue };
        let over = order.decided(entry.index);
        let broken = evidence.troubles.iter().filter(|trouble| trouble.begun.at <= over);
        let quiet = broken.map(|trouble| trouble.ended.map_or(u64::MAX, |line| line.at)).max().unwrap_or(0);
        let since = order.done(detached.index).max(activated(evidence, entry.shard, entry.index)).max(quiet);
        findings.checked += usize::from(since != u64::MAX);
        if over > since.saturating_add(grace) {
            let what = format!("{} has its grace for {} s as {}", seat.jid, (over - since) / 1_000_000, seat.nick);
            findings.breaches.push(Breach::new(what, &[]).with(&[detached, entry]));
        }
    }
    findings
}

/// For each full JID the last line of its sessions, and whether one of them is in the room still.
fn last_lines<'a>(room: &Room<'a>) -> BTreeMap<&'a str, (&'a Line, bool)> {
    let mut last: BTreeMap<&str, (&Line, bool)> = BTreeMap::new();
    for (session, stay) in room.stays() {
        let Some((line, _)) = stay.lines.last() else { continue };
        let known = last.entry(session.jid).or_insert((line, false));
        let later = if line.at > known.0.at { line } else { known.0 };
        // Whoever waits to be let in may be in any moment.
        let asks = || stay.lines.iter().any(|(line, _)| line.event.asks_to_enter());
        *known = (later, known.1 || (stay.left.is_none() && (stay.joined.is_some() || asks())));
    }
    last
}

/// When the home of a shard that was the last up to an index had surely begun: its timers begin anew with it.
fn activated(evidence: &Evidence<'_>, shard: u16, index: u64) -> u64 {
    let Some(order) = evidence.orders.get(&shard) else { return 0 };
    let of_shard = evidence.run.journal.iter().filter(|entry| entry.shard == shard && entry.index <= index);
    let homes = of_shard.filter(|entry| matches!(entry.deed, Deed::Activate { .. }));
    homes.map(|entry| order.done(entry.index)).max().unwrap_or(0)
}

/// Since when nothing was broken any more.
fn quiet_since(evidence: &Evidence<'_>) -> u64 {
    let ends = evidence.faults.iter().filter(|(_, fault)| fault.stage == Stage::Ended).map(|(line, _)| line.at);
    ends.chain(evidence.began(Phase::Liveness)).max().unwrap_or(0)
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

    const BOTH: &str = "= create A ada\nA joined\n= join B bob\nB joined\nA sees bob\n";

    #[test]
    fn who_goes_is_shown_to_go_once() {
        let text = format!("{BOTH}= leave B\nB left itself\nA misses bob\nA invoke s1\n= say 1 s1 ada A\nA received 1 s1");
        assert_eq!(judged(&text), Verdict::Pass { checked: 1 });
    }

    #[test]
    fn who_is_not_shown_that_somebody_goes_is_left_with_a_ghost() {
        let text = format!("{BOTH}= leave B\nB left itself\nA invoke s1\n= say 1 s1 ada A\nA received 1 s1");
        assert_eq!(breach(&text), "A is not shown that bob goes");
    }

    #[test]
    fn nobody_goes_twice() {
        let text =
            format!("{BOTH}= leave B\nB left itself\nA misses bob\nA misses bob\nA invoke s1\n= say 1 s1 ada A\nA received 1 s1");
        assert_eq!(breach(&text), "A is shown twice that bob goes");
    }

    #[test]
    fn a_grace_that_is_over_is_not_late() {
        let gone = |broken: &str, at: u64| {
            let cut = "= create A ada\nA joined\n= via=2 join B bob\nB joined\nA sees bob\n@ 1\nB left cut\n= detach 2\n";
            let said = "@ 2\nA invoke s1\n= say 1 s1 ada A\nA received 1 s1\n";
            judged(&format!(
                "{cut}{said}{broken}@ {at}\n= expire B\nA misses bob\nA invoke s2\n= say 2 s2 ada A\nA received 2 s2"
            ))
        };
        assert_eq!(gone("", 36), Verdict::Pass { checked: 2 });
        assert_eq!(gone("", 39).breaches(), ["B has its grace for 36 s as bob"]);
        assert!(gone("@ 5\n- fault 1 freeze begun 1\n- fault 1 freeze ended 1\n", 39).passed());
    }

    #[test]
    fn who_does_not_come_back_goes_when_the_grace_is_over() {
        let cut = format!("{BOTH}@ 1\nB left cut\n= detach 1\n- phase liveness\n");
        assert!(matches!(judged(&format!("{cut}@ 35\n- phase looking")), Verdict::Untested(_)));
        assert_eq!(breach(&format!("{cut}@ 38\n- phase looking")), "B is still there as bob, 36 s after its last session ended");
        assert!(matches!(
            judged(&format!("{cut}@ 32\n= expire B\n@ 33\nA misses bob\n@ 45\n- phase looking")),
            Verdict::Pass { .. }
        ));
    }

    #[test]
    fn an_answer_behind_an_earlier_leaving_is_no_stay() {
        let earlier =
            "= leave B\nB left itself\nA misses bob\nB refused p1 cancel not-acceptable\n= join B bob\nB#2 joined\nA sees bob\n";
        let ghost = format!("{BOTH}{earlier}@ 1\nB#2 left cut\n= detach 1\n- phase liveness\n@ 38\n- phase looking");
        assert_eq!(breach(&ghost), "B is still there as bob, 36 s after its last session ended");
    }

    #[test]
    fn nobody_goes_nothing_is_tested() {
        assert!(matches!(judged(BOTH), Verdict::Untested(_)));
    }
}

//! I15, no false departure: who stays is never shown as gone, and who is removed is told so itself.

use std::collections::BTreeMap;

use crate::evidence::{Evidence, Gone, Order, Room, Seat, Session, Stay, goodbyes};
use crate::history::{Line, Phase};
use crate::verdict::{Breach, Findings, Verdict};

/// A grace is never cut short by more than this, in milliseconds: clocks of nodes are read at other moments than their timers run from.
const GRACE_TOLERANCE: u64 = 500;

/// Whoever is removed knows it after so long, in microseconds: edges are silent for 20 s at most, and clients and nodes share a machine.
const TOLD_WITHIN: u64 = 30_000_000;

/// Checks every farewell that anybody was shown, and everybody who was removed.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let rooms = evidence.rooms.values().filter(|room| !room.seating.vague);
    rooms
        .map(|room| of_room(evidence, room))
        .collect::<Findings>()
        .verdict("nobody was shown to go or removed, and nothing was broken")
}

fn of_room(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let mut findings = Findings::default();
    if room.shows_all() {
        for (session, stay) in room.stays() {
            let found = goodbyes(room, session, stay);
            // Whoever is in a room while something is broken could be shown to leave, and is not.
            findings.checked += found.matched.len() + usize::from(stay.entry.is_some() && is_troubled(evidence, stay));
            for unfounded in found.unfounded.iter().filter(|unfounded| unfounded.repeats.is_none()) {
                let what = format!("{} is shown that {} goes, who does not", session.name, unfounded.nick);
                let sits = room.seating.seats.iter().rfind(|seat| seat.nick == unfounded.nick);
                let entries: Vec<_> = sits.map(|seat| seat.taken).into_iter().collect();
                findings.breaches.push(Breach::new(what, &[unfounded.line]).with(&entries));
            }
        }
    }
    findings.extend(removed(evidence, room));
    findings.breaches.extend(cut_short(evidence, room));
    findings.breaches.extend(told_without_cause(evidence, room));
    findings.breaches.extend(told_while_it_sits(evidence, room));
    findings
}

/// Nobody is told that it is out, in whatever way, before its seat came to its end.
fn told_while_it_sits(evidence: &Evidence<'_>, room: &Room<'_>) -> Vec<Breach> {
    let Some(order) = evidence.order(room) else { return Vec::new() };
    let false_farewell = |(session, stay): (&Session<'_>, &Stay<'_>)| {
        let ((line, presence), (first, _)) = (stay.told.as_ref()?, stay.entry?);
        let end = room.seating.end_of(session.jid, first).map(|(entry, _)| entry);
        if end.is_some_and(|end| order.decided(end.index) <= line.at) {
            return None;
        }
        let what = format!("{} is told {:?}, that it is out, and sits", session.name, presence.codes);
        Some(Breach::new(what, &[line]).with(&end.into_iter().collect::<Vec<_>>()))
    };
    room.stays().filter_map(false_farewell).collect()
}

fn is_troubled(evidence: &Evidence<'_>, stay: &Stay<'_>) -> bool {
    let (from, to) = (stay.joined.map_or(0, |line| line.at), stay.left.map_or(u64::MAX, |line| line.at));
    evidence.troubles.iter().any(|trouble| trouble.touches(from, to))
}

/// A full JID is not told more often that it was removed for a technical problem than a seat of it ended: nobody hears it twice, or and still sits.
fn told_without_cause(evidence: &Evidence<'_>, room: &Room<'_>) -> Vec<Breach> {
    let Some(order) = evidence.order(room) else { return Vec::new() };
    let mut told: BTreeMap<&str, Vec<&Line>> = BTreeMap::new();
    for (session, stay) in room.stays() {
        let farewells = stay.presences().filter(|(_, presence)| presence.is_farewell() && presence.is_failure());
        told.entry(session.jid).or_default().extend(farewells.map(|(line, _)| line));
    }
    let mut breaches = Vec::new();
    for (jid, mut lines) in told {
        lines.sort_by_key(|line| line.at);
        let ends = room.seating.seats.iter().filter(|seat| seat.jid == jid).filter_map(|seat| seat.until);
        let mut ends: Vec<u64> =
            ends.filter(|(_, how)| *how != Gone::Renamed).map(|(entry, _)| order.decided(entry.index)).collect();
        ends.sort_unstable();
        let without = lines.iter().enumerate().find(|(number, line)| ends.get(*number).is_none_or(|end| *end > line.at));
        breaches.extend(without.map(|(number, line)| {
            let what =
                format!("{jid} is told for the {}. time that it is out, and {} of its seats ended", number + 1, ends.len());
            Breach::new(what, &[line])
        }));
    }
    breaches
}

/// Everybody who was removed, and everybody who went without having asked to.
fn removed(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let mut findings = Findings::default();
    let Some(order) = evidence.order(room) else { return findings };
    let end = evidence.began(Phase::Looking).unwrap_or(u64::MAX);
    for seat in &room.seating.seats {
        let Some((entry, how)) = seat.until.filter(|(_, how)| !matches!(how, Gone::Renamed | Gone::Replaced)) else { continue };
        let Some((session, stay)) = stay_of(order, room, seat, entry.index) else { continue };
        findings.checked += usize::from(how != Gone::Left);
        let told = stay.told.as_ref().map(|(line, _)| *line);
        let knows = [told, stay.left, stay.wishes].into_iter().flatten().map(|line| line.at).min();
        let done = order.done(entry.index);
        let must_know = stay.seen > entry.index || done <= end;
        if knows.map_or(must_know, |knows| knows > done.saturating_add(TOLD_WITHIN)) {
            let what = format!("{} is removed from {} and not told", session.name, room.jid);
            let proof: Vec<&Line> = stay.joined.into_iter().chain(stay.last_shown()).collect();
            findings.breaches.push(Breach::new(what, &proof).with(&[seat.taken, entry]));
        }
        findings.breaches.extend(told_wrong(order, session, stay, seat, how).map(|breach| breach.with(&[entry])));
    }
    findings
}

/// §16.6: the code that says why. A node that has missed how it was can but say that there was a problem.
fn told_wrong(order: &Order, session: &Session<'_>, stay: &Stay<'_>, seat: &Seat<'_>, how: Gone) -> Option<Breach> {
    let (line, presence) = stay.told.as_ref()?;
    let codes: &[u16] = match how {
        Gone::Kicked => &[307],
        Gone::Disaffiliated => &[301, 307, 321],
        Gone::Closed => &[322],
        Gone::Lost | Gone::Expired => &[333],
        Gone::Left | Gone::Destroyed | Gone::Replaced | Gone::Renamed => return None,
    };
    let was_missed = seat.missed.is_some_and(|lost| order.decided(lost.index) <= line.at);
    let says = codes.iter().any(|code| presence.codes.contains(code)) || (was_missed && presence.is_failure());
    let what = || format!("{} is removed, which has the code {codes:?}, and is told {:?}", session.name, presence.codes);
    // Who asked to leave, or was cut off, may have been told of another end first.
    (!says && stay.wishes.is_none()).then(|| Breach::new(what(), &[line]))
}

/// The stay that a seat was, at the index of its end.
fn stay_of<'r, 'a>(order: &Order, room: &'r Room<'a>, seat: &Seat<'a>, end: u64) -> Option<(&'r Session<'a>, &'r Stay<'a>)> {
    let of_jid = room.stays().filter(|(session, stay)| session.jid == seat.jid && stay.entry.is_some());
    let (session, stay) = of_jid.filter(|(_, stay)| stay.entry.is_some_and(|(_, last)| last < end)).last()?;
    // A seat that was taken and never used is nobody's stay.
    let uses = stay.entry.is_some_and(|(first, last)| first <= seat.taken.index && (last == first || seat.taken.index >= last));
    // Nor is one that was taken when the stay was over already, by an asking whose answer came too late.
    let over = stay.left.is_some_and(|left| left.at < order.decided(seat.taken.index));
    (uses && !over).then_some((session, stay))
}

/// Who was detached has all of its grace to come back. Only entries of clocks that agree can tell.
fn cut_short(evidence: &Evidence<'_>, room: &Room<'_>) -> Vec<Breach> {
    if evidence.run.plan.faults.iter().any(|class| class.contains("clock")) {
        return Vec::new();
    }
    let grace = evidence.run.plan.grace_ms;
    let early = |seat: &&Seat<'_>| {
        let (Some((entry, Gone::Expired)), Some(detached)) = (seat.until, seat.detached.last()) else { return false };
        entry.time.saturating_sub(detached.time) + GRACE_TOLERANCE < grace
    };
    let breach = |seat: &Seat<'_>| {
        let what = format!("{} has not all of its grace to come back as {}", seat.jid, seat.nick);
        let entries: Vec<_> = seat.detached.last().copied().into_iter().chain(seat.until.map(|(entry, _)| entry)).collect();
        Breach::new(what, &[]).with(&entries)
    };
    room.seating.seats.iter().filter(early).map(breach).collect()
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
    const BROKEN: &str = "- fault 1 freeze begun 1\n";
    const SAID: &str = "A invoke s1\n= say 1 s1 ada A\nA received 1 s1\n";

    #[test]
    fn who_goes_may_be_shown_to_go() {
        assert_eq!(judged(&format!("{BOTH}= leave B\nB left itself\nA misses bob\n{SAID}")), Verdict::Pass { checked: 1 });
        let kick = format!("{BOTH}= role bob none\nB misses bob none 307,110\nB left removed\nA misses bob none 307\n{SAID}");
        assert_eq!(judged(&kick), Verdict::Pass { checked: 2 });
        let rename = format!("{BOTH}= rename B bob rob\nA misses bob participant 303\nA sees rob\n{SAID}");
        assert_eq!(judged(&rename), Verdict::Pass { checked: 1 });
        assert!(matches!(judged(&format!("{BOTH}{SAID}")), Verdict::Untested(_)), "nothing is broken, and nobody goes");
    }

    #[test]
    fn who_comes_back_within_the_grace_was_never_away() {
        let back = format!("{BOTH}{BROKEN}B left cut\n= detach 1\n= return B bob\nB#2 joined\n");
        assert_eq!(judged(&format!("{back}{SAID}")), Verdict::Pass { checked: 3 });
        assert_eq!(breach(&format!("{back}A misses bob\n{SAID}")), "A is shown that bob goes, who does not");
    }

    #[test]
    fn a_farewell_stands_where_the_departure_does() {
        let early = format!("{BOTH}A misses bob\n{SAID}= leave B\nB left itself\nA invoke s2\n= say 2 s2 ada A\nA received 2 s2");
        assert_eq!(breach(&early), "A is shown that bob goes, who does not");
    }

    #[test]
    fn who_is_removed_is_told_and_why() {
        let silent = format!("{BOTH}= role bob none\nA misses bob none 307\n{SAID}B received 1 s1\n");
        assert_eq!(breach(&silent), "B is removed from r@s and not told");
        let late = format!("{BOTH}= role bob none\nA misses bob none 307\n{SAID}@ 40\nB left cut");
        assert_eq!(breach(&late), "B is removed from r@s and not told");
        let wrong = format!("{BOTH}= role bob none\nB misses bob none 110\nB left removed\nA misses bob none 307\n{SAID}");
        assert_eq!(breach(&wrong), "B is removed, which has the code [307], and is told [110]");
    }

    #[test]
    fn a_node_that_has_missed_the_end_of_a_seat_cannot_say_how_it_was() {
        let elsewhere = "= create A ada\nA joined\n= via=2 join B bob\nB joined\nA sees bob\n";
        let told = format!("A misses bob none 307\nB misses bob none 333,110\nB left removed\n{SAID}");
        assert_eq!(judged(&format!("{elsewhere}= role bob none\n= lost 2\n{told}")), Verdict::Pass { checked: 2 });
        for knows in ["= lost 2\n= via=2 join B bob\n= role bob none", "= role bob none\n= lost 3"] {
            let wrong = format!("{elsewhere}{knows}\n{told}");
            assert_eq!(breach(&wrong), "B is removed, which has the code [307], and is told [333, 110]", "{knows}");
        }
        let before = format!("{elsewhere}= role bob none\n{told}= lost 2\n");
        assert_eq!(breach(&before), "B is removed, which has the code [307], and is told [333, 110]");
    }

    #[test]
    fn a_grace_is_not_cut_short() {
        let cut = format!("{BOTH}@ 1\nB left cut\n= detach 1\n");
        assert_eq!(
            breach(&format!("{cut}@ 20\n= expire B\nA misses bob\n{SAID}")),
            "B has not all of its grace to come back as bob"
        );
        assert!(judged(&format!("{cut}@ 31\n= expire B\nA misses bob\n{SAID}")).passed());
        let void = format!("{BROKEN}{cut}= return B bob\nB#2 joined\n@ 20\n= expire B\n{SAID}");
        assert_eq!(judged(&void), Verdict::Pass { checked: 3 });
    }

    #[test]
    fn nobody_is_told_twice_or_in_vain_that_it_is_out() {
        let lost = format!("{BOTH}= detach 1\n@ 31\n= expire B\nB misses bob none 333,110\nB left removed\n");
        assert!(judged(&format!("{lost}A misses bob\n{SAID}")).passed());
        let twice = format!("{lost}B misses bob none 333,110\nA misses bob\n{SAID}");
        assert_eq!(breach(&twice), "B is told for the 2. time that it is out, and 1 of its seats ended");
        let in_vain = format!("{BOTH}B misses bob none 333,110\nB left removed\n{SAID}");
        assert_eq!(breach(&in_vain), "B is told for the 1. time that it is out, and 0 of its seats ended");
        for codes in ["307,110", "110"] {
            let sits = format!("{BOTH}B misses bob none {codes}\nB left removed\n{SAID}");
            let codes = codes.replace(',', ", ");
            assert_eq!(breach(&sits), format!("B is told [{codes}], that it is out, and sits"));
        }
    }

    #[test]
    fn nobody_inside_tests_nothing() {
        assert!(matches!(judged("= create A ada"), Verdict::Untested(_)));
    }
}

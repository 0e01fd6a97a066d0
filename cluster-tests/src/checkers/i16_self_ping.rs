//! I16, the self-ping is honest (XEP-0410): who asks is told to be in the room if and only if it sat there at some moment while it asked.

use crate::act::{Act, Answer};
use crate::evidence::{Asked, Evidence, Room, full};
use crate::verdict::{Breach, Findings, Verdict};

/// Checks every answer to a ping.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let pings = evidence.asked.values().filter(|asked| matches!(asked.act, Act::Ping));
    pings.map(|asked| of_ping(evidence, asked)).collect::<Findings>().verdict("nobody who asked whether it is there was answered")
}

fn of_ping(evidence: &Evidence<'_>, asked: &Asked<'_>) -> Findings {
    let (Some(Answer::Joined { joined }), Some(end)) = (asked.answer(), asked.end) else { return Findings::default() };
    let Some(room) = evidence.rooms.get(asked.line.room.as_str()).filter(|room| !room.seating.vague) else {
        return Findings::default();
    };
    let span = evidence.order(room).map_or((0, 0), |order| (order.surely_at(asked.line.at), order.possibly_at(end.at)));
    let jid = full(&asked.line.session);
    // A session that has not come in yet is told so, also where another one of its JID still has a seat.
    let is_stranger = !*joined && !has_come(room, asked);
    let breach = (!is_stranger && !could_be(room, jid, *joined, span)).then(|| {
        let what = match joined {
            true => format!("{} is told to be in {}, and never sat there while it asked", asked.line.session, room.jid),
            false => format!("{} is told not to be in {}, and sat there all the while it asked", asked.line.session, room.jid),
        };
        let last = room.seating.seats.iter().rfind(|seat| seat.jid == jid && seat.taken.index <= span.1);
        let entries: Vec<_> =
            last.into_iter().flat_map(|seat| [Some(seat.taken), seat.until.map(|until| until.0)]).flatten().collect();
        Breach::new(what, &[asked.line, end]).with(&entries)
    });
    Findings { breaches: breach.into_iter().collect(), checked: 1 }
}

fn has_come(room: &Room<'_>, asked: &Asked<'_>) -> bool {
    let stays = room.stays().filter(|(session, _)| session.name == asked.line.session);
    let at = asked.line.at;
    stays
        .into_iter()
        .any(|(_, stay)| stay.joined.is_some_and(|joined| joined.at <= at) && stay.left.is_none_or(|left| left.at > at))
}

/// Whether it is so behind any of the entries from one to another.
fn could_be(room: &Room<'_>, jid: &str, sits: bool, (from, to): (u64, u64)) -> bool {
    let seats = room.seating.seats.iter().filter(|seat| seat.jid == jid);
    if sits {
        return seats.into_iter().any(|seat| seat.taken.index <= to && seat.ends_behind(from));
    }
    // A seat that a session has taken over is the former one's no more; which of them asks cannot be told.
    let mut covered = from;
    for seat in seats {
        let is_whole = seat.taken.index <= covered && seat.ends_behind(covered);
        if is_whole {
            covered = seat.until.map_or(u64::MAX, |(entry, _)| entry.index);
        }
    }
    let changes_hands = |seat: &crate::evidence::Seat<'_>| seat.jid == jid && seat.taken.index > from && seat.taken.index <= to;
    covered <= to || room.seating.seats.iter().any(changes_hands)
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

    const SAID: &str = "A invoke s1\n= say 1 s1 ada A\nA received 1 s1\n";

    #[test]
    fn who_is_in_is_told_so_and_who_is_not_is_told_not() {
        let text =
            format!("= create A ada\nA joined\n= join B bob\n{SAID}@ 1\nB ping p1\nB pong p1 true\nC ping p2\nC pong p2 false");
        assert_eq!(judged(&text), Verdict::Pass { checked: 2 });
        let meanwhile = format!(
            "= create A ada\nA joined\n{SAID}@ 1\nB ping p1\n= join B bob\nB pong p1 true\nB ping p2\n@ 2\n= leave B\nB pong p2 false"
        );
        assert_eq!(judged(&meanwhile), Verdict::Pass { checked: 2 });
    }

    #[test]
    fn an_answer_that_was_never_true_fails() {
        let out = format!("= create A ada\nA joined\n= join B bob\n= leave B\n{SAID}@ 1\nB ping p1\nB pong p1 true");
        assert_eq!(breach(&out), "B is told to be in r@s, and never sat there while it asked");
        let inside = format!("= create A ada\nA joined\n= join B bob\nB joined\n{SAID}@ 1\nB ping p1\nB pong p1 false");
        assert_eq!(breach(&inside), "B is told not to be in r@s, and sat there all the while it asked");
    }

    #[test]
    fn nobody_asks_nothing_is_tested() {
        assert!(matches!(judged("= create A ada\nA ping p1\nA unknown p1"), Verdict::Untested(_)));
    }
}

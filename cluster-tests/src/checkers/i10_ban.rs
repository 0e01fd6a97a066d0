//! I10, the ban: whoever is banned is out, stays out, and neither says nor hears anything, through any node. The same holds for a room that lets in
//! members only, for its password, and for a kick; who has no voice is I5's matter.

use std::collections::BTreeMap;

use crate::act::{Act, Answer};
use crate::evidence::{Evidence, Gone, Ranks, Room, Seat, Session, Sight, bare, full};
use crate::history::{Event, Line};
use crate::journal::{Deed, Entry, Standing};
use crate::verdict::{Breach, Findings, Verdict};

/// §7.2.6 to §7.2.8: what is said at the door to whoever is banned, no member, or without the password.
const BARS: [&str; 3] = ["forbidden", "registration-required", "not-authorized"];

/// Checks every entry behind which somebody has no place in a room, and everybody who goes in.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let of_room =
        |room| [rules(room), kept_out(evidence, room), deaf(room), kept(evidence, room)].into_iter().collect::<Findings>();
    evidence.rooms.values().map(of_room).collect::<Findings>().verdict("nobody was banned, kicked or kept out")
}

/// The log by itself: nobody sits who has no place, and nobody comes in.
fn rules(room: &Room<'_>) -> Findings {
    let (mut ranks, mut findings) = (Ranks::default(), Findings::default());
    for entry in &room.entries {
        if let Deed::Join { jid, creates: false, .. } = &entry.deed {
            findings.checked += usize::from(ranks.members_only || ranks.password().is_some());
            findings.breaches.extend(admission(room, &ranks, entry, jid));
        }
        ranks.fold(entry);
        if is_strict(entry) {
            findings.checked += put_out(room, entry);
            findings.breaches.extend(remaining(room, &ranks, entry));
        }
    }
    findings
}

/// How many have to go by it.
fn put_out(room: &Room<'_>, entry: &Entry) -> usize {
    let by_it = |seat: &&Seat<'_>| {
        seat.until.is_some_and(|(end, how)| {
            end.index == entry.index && matches!(how, Gone::Kicked | Gone::Disaffiliated | Gone::Closed)
        })
    };
    room.seating.seats.iter().filter(by_it).count()
}

/// How many were kept out at the door.
fn kept_out(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let of_room = evidence.asked.values().filter(|asked| asked.line.room == room.jid);
    let barred = of_room.filter(|asked| match (asked.act, asked.end.map(|end| &end.event)) {
        (Act::Enter { .. }, Some(Event::Refused { error, .. })) => BARS.iter().any(|bar| error.ends_with(bar)),
        _ => false,
    });
    Findings { breaches: Vec::new(), checked: barred.count() }
}

/// Whether it may take somebody's place or voice, or what one needs to come in.
fn is_strict(entry: &Entry) -> bool {
    match &entry.deed {
        Deed::Moderate { items } => items.iter().any(|item| match item {
            Standing::Role { role, .. } => role == "none" || role == "visitor",
            Standing::Affiliation { affiliation, .. } => affiliation == "outcast" || affiliation == "none",
        }),
        Deed::Configure { fields, .. } => {
            fields.get("membersonly").is_some_and(|value| value == "1")
                || fields.get("roomsecret").is_some_and(|secret| !secret.is_empty())
        }
        _ => false,
    }
}

fn admission(room: &Room<'_>, ranks: &Ranks<'_>, entry: &Entry, jid: &str) -> Option<Breach> {
    if let Some(why) = ranks.bars(bare(jid)) {
        return Some(Breach::new(format!("{jid} is let into {}, and is {why}", room.jid), &[]).with(&[entry]));
    }
    let secret = ranks.password()?;
    // Who is in, and asks to be shown everything anew, needs no password.
    let before = room.seating.seats.iter().filter(|seat| seat.jid == jid && seat.taken.index < entry.index);
    let is_in = before
        .max_by_key(|seat| seat.taken.index)
        .is_some_and(|seat| seat.ends_behind(entry.index - 1) && same_session(seat.taken, entry));
    let (session, stay) =
        room.stays().find(|(session, stay)| session.jid == jid && stay.entry == Some((entry.index, entry.index)))?;
    // Who was told to wait, and asks again, may be let in by any of these times.
    let meanwhile = stay.asked..=stay.joined.map_or(u64::MAX, |joined| joined.at);
    let lines = session.stays.iter().flat_map(|stay| &stay.lines).filter(|(line, _)| meanwhile.contains(&line.at));
    let asked = lines.filter_map(|(line, _)| match &line.event {
        Event::Invoke { act: Act::Enter { password, .. }, .. } => Some((*line, password.as_deref())),
        _ => None,
    });
    let asked: Vec<(&Line, Option<&str>)> = asked.collect();
    let (line, given) = asked.last()?;
    let knew = asked.iter().any(|(_, given)| *given == Some(secret));
    let what = || format!("{} is let into {} with {given:?}, and the password is {secret:?}", session.name, room.jid);
    (!is_in && !knew).then(|| Breach::new(what(), &[line]).with(&[entry]))
}

fn same_session(one: &Entry, other: &Entry) -> bool {
    one.origin.map(|origin| origin.0) == other.origin.map(|origin| origin.0)
}

/// Who still sits there, and should not.
fn remaining(room: &Room<'_>, ranks: &Ranks<'_>, entry: &Entry) -> Vec<Breach> {
    let seats = room.seating.seats.iter().filter(|seat| seat.covers(entry.index));
    let barred = seats.filter_map(|seat| Some((seat, ranks.bars(bare(seat.jid))?)));
    barred
        .map(|(seat, why)| {
            Breach::new(format!("{} still sits in {}, and is {why}", seat.jid, room.jid), &[]).with(&[seat.taken, entry])
        })
        .collect()
}

/// Whoever was removed hears nothing of what comes behind.
fn deaf(room: &Room<'_>) -> Findings {
    let mut findings = Findings::default();
    for (session, stay) in room.stays() {
        let Some((removal, _)) = stay.entered().and_then(|entered| room.seating.end_of(session.jid, entered)) else { continue };
        let heard = stay.shown().filter(|shown| !shown.2).find_map(|(line, stanza_id, _)| {
            let entry = room.message(stanza_id)?;
            (entry.index > removal.index).then_some((line, entry))
        });
        if let Some((line, entry)) = heard {
            let what = format!("{} is shown what is said in {} when it has no seat there any more", session.name, room.jid);
            findings.breaches.push(Breach::new(what, &[line]).with(&[removal, entry]));
        }
    }
    findings.breaches.extend(room.sessions.iter().flat_map(overheard));
    findings
}

/// Whoever was told that it is out is shown nothing until it asks to be let in again: no message, no presence of others.
fn overheard<'a>(session: &'a Session<'_>) -> impl Iterator<Item = Breach> + 'a {
    let behind = session.stays.iter().zip(session.stays.iter().skip(1)).filter(|(before, _)| before.told.is_some());
    behind.filter_map(|(before, stay)| {
        let mut outside = stay.lines.iter().take_while(|(line, _)| !line.event.asks_to_enter());
        let (line, _) = outside.find(|(line, sight)| is_of_inside(line, sight.as_ref()))?;
        let farewell = before.told.as_ref().map(|(line, _)| *line);
        let what = format!("{} is shown what happens in the room when it was told that it is out", session.name);
        Some(Breach::new(what, &farewell.into_iter().chain([*line]).collect::<Vec<_>>()))
    })
}

fn is_of_inside(line: &Line, sight: Option<&Sight>) -> bool {
    match sight {
        Some(Sight::Presence(presence)) => presence.nick.is_some() && !presence.is_own(),
        _ => matches!(line.event, Event::Received { .. }),
    }
}

/// What was acknowledged is in the log, as often as it was.
fn kept(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let mut done: BTreeMap<Deal<'_>, Vec<&Line>> = BTreeMap::new();
    for asked in evidence.asked.values().filter(|asked| asked.line.room == room.jid) {
        let (Some(Answer::Done), Some(deal)) = (asked.answer(), Deal::asked(full(&asked.line.session), asked.act)) else {
            continue;
        };
        done.entry(deal).or_default().push(asked.line);
    }
    let mut logged: BTreeMap<Deal<'_>, usize> = BTreeMap::new();
    for entry in &room.entries {
        if let (Deed::Moderate { items }, Some(by)) = (&entry.deed, entry.by.as_deref()) {
            items.iter().for_each(|item| *logged.entry(Deal::logged(by, item)).or_default() += 1);
        }
    }
    let lost = done.iter().filter(|(deal, lines)| logged.get(deal).copied().unwrap_or(0) < lines.len());
    let breach = |(deal, lines): (&Deal<'_>, &Vec<&Line>)| {
        let what = format!(
            "{} was told {} times that {} is {} in {}, and the log has it less often",
            deal.by,
            lines.len(),
            deal.whom,
            deal.what,
            room.jid
        );
        Breach::new(what, lines)
    };
    Findings { breaches: lost.map(breach).collect(), checked: 0 }
}

/// Who does what to whom.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Deal<'a> {
    by: &'a str,
    whom: &'a str,
    what: &'a str,
}

impl<'a> Deal<'a> {
    fn asked(by: &'a str, act: &'a Act) -> Option<Deal<'a>> {
        match act {
            Act::Role { nick, role } => Some(Deal { by, whom: nick, what: role }),
            Act::Affiliation { jid, affiliation } => Some(Deal { by, whom: jid, what: affiliation }),
            _ => None,
        }
    }

    fn logged(by: &'a str, item: &'a Standing) -> Deal<'a> {
        match item {
            Standing::Role { nick, role } => Deal { by, whom: nick, what: role },
            Standing::Affiliation { jid, affiliation, .. } => Deal { by, whom: jid, what: affiliation },
        }
    }
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

    const BOTH: &str = "= create a@s/1 ada\na@s/1 joined\n= join b@s/1 bob\nb@s/1 joined\n";

    #[test]
    fn who_is_banned_goes_and_comes_back_when_it_may() {
        let text = format!(
            "{BOTH}a@s/1 affiliation k1 b@s outcast\n= by=a@s/1 affiliation b@s outcast bob\na@s/1 done k1\nb@s/1 left removed\n\
             = by=a@s/1 affiliation b@s none\n= join b@s/1 bob\nb@s/1 joined"
        );
        assert_eq!(judged(&text), Verdict::Pass { checked: 1 });
    }

    #[test]
    fn who_is_banned_and_stays_or_comes_back_fails() {
        assert_eq!(breach(&format!("{BOTH}= affiliation b@s outcast")), "b@s/1 still sits in r@s, and is banned");
        let again = format!("{BOTH}= affiliation b@s outcast bob\n= join b@s/2 bob");
        assert_eq!(breach(&again), "b@s/2 is let into r@s, and is banned");
        let domain = format!("{BOTH}= affiliation other outcast\n= join c@other/2 cid");
        assert_eq!(breach(&domain), "c@other/2 is let into r@s, and is banned");
    }

    #[test]
    fn members_only_and_passwords_keep_others_out() {
        let closed = format!("{BOTH}= affiliation b@s member\n= configure membersonly:1\n");
        assert!(matches!(judged(&closed), Verdict::Untested(_)), "nobody has to go, and nobody comes");
        let knocks = format!("{closed}c@s/1 enter e1 cid\nc@s/1 refused e1 auth registration-required\n");
        assert_eq!(judged(&knocks), Verdict::Pass { checked: 1 });
        assert!(breach(&format!("{closed}= join c@s/1 cid")).starts_with("c@s/1 is let into r@s, and is no member"));
        let secret = format!(
            "{BOTH}= configure roomsecret:sesame\nc@s/1 enter e1 cid PASSWORD\n= join c@s/1 cid\nc@s/1 sees cid - 110\nc@s/1 joined"
        );
        assert!(judged(&secret.replace("PASSWORD", "sesame")).passed());
        assert_eq!(
            breach(&secret.replace("PASSWORD", "x")),
            r#"c@s/1 is let into r@s with Some("x"), and the password is "sesame""#
        );
    }

    #[test]
    fn who_is_kicked_hears_nothing() {
        let text =
            format!("{BOTH}= role bob none\na@s/1 invoke s1\n= say 1 s1 ada a@s/1\na@s/1 received 1 s1\nb@s/1 received 1 s1");
        assert_eq!(breach(&text), "b@s/1 is shown what is said in r@s when it has no seat there any more");
        let told = format!("{BOTH}= role bob none\nb@s/1 misses bob none 307,110\nb@s/1 left removed\n");
        for later in ["received 1 s1", "sees cid", "misses cid"] {
            assert_eq!(
                breach(&format!("{told}b@s/1 {later}")),
                "b@s/1 is shown what happens in the room when it was told that it is out"
            );
        }
    }

    #[test]
    fn a_ban_that_was_acknowledged_is_in_the_log() {
        let text = format!("{BOTH}= role bob visitor\na@s/1 affiliation k1 b@s outcast\na@s/1 done k1");
        assert_eq!(breach(&text), "a@s/1 was told 1 times that b@s is outcast in r@s, and the log has it less often");
    }

    #[test]
    fn an_open_room_tests_nothing() {
        assert!(matches!(judged(BOTH), Verdict::Untested(_)));
    }
}

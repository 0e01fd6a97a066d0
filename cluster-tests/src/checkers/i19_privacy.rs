//! I19, privacy: a private message reaches those who sit under the nick that it is for, and nobody else; and a real JID is shown to those only who may
//! see it (§7.2.3, §13).

use std::collections::BTreeMap;

use crate::evidence::{Evidence, Room, Session, Sight, Stay, Whois, bare};
use crate::history::Line;
use crate::journal::{Deed, Entry};
use crate::verdict::{Breach, Findings, Verdict};

/// Checks every private message and every JID that anybody was shown.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let of_room = |room| [whispers(room), jids(room)].into_iter().collect::<Findings>();
    evidence
        .rooms
        .values()
        .map(of_room)
        .collect::<Findings>()
        .verdict("nobody was told anything in private, or shown somebody without the JID")
}

fn whispers(room: &Room<'_>) -> Findings {
    let sent: BTreeMap<&str, &Entry> = room
        .entries
        .iter()
        .filter_map(|entry| match &entry.deed {
            Deed::Whisper { send: Some(send), .. } => Some((send.as_str(), *entry)),
            _ => None,
        })
        .collect();
    let mut findings = Findings::default();
    for (session, stay) in room.stays() {
        let mut heard: BTreeMap<&str, &Line> = BTreeMap::new();
        for (line, sight) in &stay.lines {
            let Some(Sight::Whisper { from, send: Some(send) }) = sight else { continue };
            findings.checked += 1;
            let entry = sent.get(send.as_str()).copied();
            let twice = heard.insert(send, line);
            let what =
                strayed(room, session, (from, send), entry).or(twice.map(|_| format!("{} is told {send} twice", session.name)));
            let proof: Vec<&Line> = twice.into_iter().chain([*line]).collect();
            let entries: Vec<&Entry> = entry.into_iter().collect();
            findings.breaches.extend(what.map(|what| Breach::new(what, &proof).with(&entries)));
        }
    }
    findings
}

fn strayed(room: &Room<'_>, session: &Session<'_>, (from, send): (&str, &str), entry: Option<&Entry>) -> Option<String> {
    let Some(entry) = entry else { return Some(format!("{} is told {send} in private, which is not in the log", session.name)) };
    let Deed::Whisper { from: sender, to, .. } = &entry.deed else { return None };
    if sender != from {
        return Some(format!("{} is told {send} by {from}, and it is by {sender}", session.name));
    }
    let is_target = room.seating.seats.iter().any(|seat| seat.jid == session.jid && seat.nick == to && seat.covers(entry.index));
    (!is_target && !room.seating.vague).then(|| format!("{} is told {send} in private, which is for {to}", session.name))
}

fn jids(room: &Room<'_>) -> Findings {
    let whois = Whois::of(room);
    let of_stay = |(session, stay): (&Session<'_>, &Stay<'_>)| match whois.may_see(session, stay) {
        Some(may_see) => by_the_log(session, stay, &may_see),
        None => as_told(session, stay),
    };
    room.stays().map(of_stay).collect()
}

/// Each line may show JIDs or may not.
fn by_the_log(session: &Session<'_>, stay: &Stay<'_>, may_see: &[bool]) -> Findings {
    let mut findings = Findings::default();
    for ((line, sight), _) in stay.lines.iter().zip(may_see).filter(|(_, may_see)| !**may_see) {
        findings.checked += usize::from(is_of_another(sight.as_ref()));
        if shows_others(session, sight.as_ref()) {
            findings.breaches.push(told(session, line));
        }
    }
    findings
}

/// What could show a JID that is not one's own.
fn is_of_another(sight: Option<&Sight>) -> bool {
    matches!(sight, Some(Sight::Presence(presence)) if !presence.is_own())
}

fn shows_others(session: &Session<'_>, sight: Option<&Sight>) -> bool {
    let jids = match sight {
        Some(Sight::Presence(presence)) => &presence.jids,
        Some(Sight::Notice(jids)) => jids,
        _ => return false,
    };
    jids.iter().any(|jid| bare(jid) != bare(session.jid))
}

/// What a session knows of whether it may see JIDs, where its place in the log is not known: it is told before it is shown any, but for those who
/// are there when it comes.
#[derive(Default)]
struct Eyes<'s, 'a> {
    moderator: bool,
    for_all: bool,
    /// Shown before it was told what it is itself.
    early: Vec<&'s (&'a Line, Option<Sight>)>,
    inside: bool,
}

fn as_told(session: &Session<'_>, stay: &Stay<'_>) -> Findings {
    let (mut eyes, mut findings) = (Eyes::default(), Findings::default());
    for shown in &stay.lines {
        match &shown.1 {
            Some(Sight::Presence(presence)) if presence.is_own() => {
                eyes.open(&presence.role, &presence.codes, presence.unavailable);
            }
            Some(Sight::Codes(codes)) => eyes.codes(codes),
            _ => {}
        }
        eyes.early.push(shown);
        if !eyes.inside {
            continue;
        }
        for (line, sight) in std::mem::take(&mut eyes.early).into_iter().filter(|_| !eyes.may_see()) {
            findings.checked += usize::from(is_of_another(sight.as_ref()));
            if shows_others(session, sight.as_ref()) {
                findings.breaches.push(told(session, line));
            }
        }
    }
    findings
}

impl Eyes<'_, '_> {
    fn open(&mut self, role: &str, codes: &[u16], leaves: bool) {
        // What it is in the room does not end before its seat does.
        if !leaves {
            self.moderator = role == "moderator";
            self.inside = true;
        }
        self.codes(codes);
    }

    fn codes(&mut self, codes: &[u16]) {
        let says = |code| codes.contains(&code);
        self.for_all = (self.for_all || says(100) || says(172)) && !says(173);
    }

    fn may_see(&self) -> bool {
        self.moderator || self.for_all
    }
}

fn told(session: &Session<'_>, line: &Line) -> Breach {
    Breach::new(
        format!("{} is shown the JID of somebody else, and is no moderator, nor does the room show them to all", session.name),
        &[line],
    )
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

    const THREE: &str =
        "= create a@s/1 ada\n= join b@s/1 bob\n= join c@s/1 cid\na@s/1 whisper w1 bob x\n= whisper w1 ada bob a@s/1 x\n";

    #[test]
    fn a_whisper_is_for_one() {
        assert_eq!(judged(&format!("{THREE}b@s/1 whispered ada w1")), Verdict::Pass { checked: 1 });
        assert_eq!(breach(&format!("{THREE}c@s/1 whispered ada w1")), "c@s/1 is told w1 in private, which is for bob");
        assert_eq!(breach(&format!("{THREE}b@s/1 whispered cid w1")), "b@s/1 is told w1 by cid, and it is by ada");
        assert_eq!(breach(&format!("{THREE}b@s/1 whispered ada w2")), "b@s/1 is told w2 in private, which is not in the log");
        assert_eq!(breach(&format!("{THREE}b@s/1 whispered ada w1\nb@s/1 whispered ada w1")), "b@s/1 is told w1 twice");
    }

    /// What bob is shown at the door, when the log has this before it.
    fn at_the_door(before: &str, others: &str, own: &str) -> String {
        format!(
            "= create a@s/1 ada\n{before}= join b@s/1 bob\nb@s/1 sees {others}\nb@s/1 sees {own}\nb@s/1 topic\nb@s/1 joined\n"
        )
    }

    const SHOWN: &str = "b@s/1 is shown the JID of somebody else, and is no moderator, nor does the room show them to all";

    #[test]
    fn what_the_log_says_counts_and_not_what_one_is_told() {
        let lie = at_the_door("", "ada moderator - a@s/1", "bob moderator 100,110 b@s/1");
        assert_eq!(breach(&lie), SHOWN);
        let hidden = at_the_door("", "ada moderator", "bob participant 110 b@s/1");
        assert_eq!(judged(&hidden), Verdict::Pass { checked: 1 });
        let anyone = at_the_door("= configure whois:anyone\n", "ada moderator - a@s/1", "bob participant 110 b@s/1");
        assert!(matches!(judged(&anyone), Verdict::Untested(_)), "nothing is hidden there");
        let no_more = at_the_door(
            "= configure whois:anyone\n= configure whois:moderators\n",
            "ada moderator - a@s/1",
            "bob participant 100,110 b@s/1",
        );
        assert_eq!(breach(&no_more), SHOWN);
    }

    #[test]
    fn who_becomes_a_moderator_sees_them_until_it_is_none() {
        let inside = at_the_door("", "ada moderator", "bob participant 110 b@s/1");
        let made = format!("{inside}= role bob moderator\nb@s/1 sees cid - - c@s/1\n");
        assert_eq!(judged(&made), Verdict::Pass { checked: 1 });
        let at_once = format!("{made}= role bob participant\nb@s/1 sees cid - - c@s/1\n");
        assert_eq!(judged(&at_once), Verdict::Pass { checked: 1 });
        let later =
            format!("{made}= role bob participant\n= say 1 s1 ada a@s/1\nb@s/1 received 1 s1\nb@s/1 sees cid - - c@s/1\n");
        assert_eq!(breach(&later), SHOWN);
    }

    #[test]
    fn where_the_log_does_not_say_what_one_is_told_counts() {
        let moderator = "a@s/1 sees bob - - b@s/1\na@s/1 sees ada moderator 110 a@s/1\na@s/1 joined\na@s/1 sees cid - - c@s/1";
        assert!(matches!(judged(moderator), Verdict::Untested(_)));
        let all = "b@s/1 sees ada moderator - a@s/1\nb@s/1 sees bob participant 100,110 b@s/1\nb@s/1 sees cid - - c@s/1";
        assert!(matches!(judged(all), Verdict::Untested(_)));
        let early = "b@s/1 sees ada moderator - a@s/1\nb@s/1 sees bob participant 110 b@s/1";
        assert_eq!(breach(early), SHOWN);
        let no_more = "b@s/1 sees bob moderator 110 b@s/1\nb@s/1 sees bob participant 110 b@s/1\nb@s/1 sees cid - - c@s/1";
        assert_eq!(breach(no_more), SHOWN);
        let hidden = "b@s/1 sees ada\nb@s/1 sees bob participant 110 b@s/1\nb@s/1 sees cid";
        assert_eq!(judged(hidden), Verdict::Pass { checked: 2 });
    }

    #[test]
    fn nobody_is_shown_nothing_is_tested() {
        assert!(matches!(judged("= create a@s/1 ada"), Verdict::Untested(_)));
    }
}

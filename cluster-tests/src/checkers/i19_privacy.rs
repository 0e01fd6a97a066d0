//! I19, privacy: a private message reaches those who sit under the nick that it is for, and nobody else; and a real JID is shown to those only who may
//! see it (§7.2.3, §13).

use std::collections::BTreeMap;

use crate::evidence::{Evidence, Room, Session, Sight, Stay, bare};
use crate::history::Line;
use crate::journal::{Deed, Entry};
use crate::verdict::{Breach, Findings, Verdict};

/// Checks every private message and every JID that anybody was shown.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let of_room = |room| [whispers(room), jids(room)].into_iter().collect::<Findings>();
    evidence.rooms.values().map(of_room).collect::<Findings>().verdict("nobody was told anything in private, or shown anybody")
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
    room.stays().map(|(session, stay)| of_stay(session, stay)).collect()
}

/// What a session knows of whether it may see JIDs: it is told before it is shown any, but for those who are there when it comes.
#[derive(Default)]
struct Eyes<'a> {
    moderator: bool,
    for_all: bool,
    /// Shown before it was told what it is itself.
    early: Vec<&'a Line>,
    inside: bool,
}

fn of_stay(session: &Session<'_>, stay: &Stay<'_>) -> Findings {
    let (mut eyes, mut findings, own) = (Eyes::default(), Findings::default(), bare(session.jid));
    for (line, sight) in &stay.lines {
        let jids = match sight {
            Some(Sight::Presence(presence)) => {
                findings.checked += 1;
                if presence.is_own() {
                    eyes.open(&presence.role, &presence.codes, presence.unavailable);
                    findings.breaches.extend(eyes.early().map(|line| told(session, line)));
                }
                &presence.jids
            }
            Some(Sight::Notice(jids)) => jids,
            Some(Sight::Codes(codes)) => {
                eyes.codes(codes);
                continue;
            }
            _ => continue,
        };
        if jids.iter().all(|jid| bare(jid) == own) || eyes.may_see() {
            continue;
        }
        if eyes.inside { findings.breaches.push(told(session, line)) } else { eyes.early.push(line) }
    }
    findings
}

impl<'a> Eyes<'a> {
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

    /// Those that it was not to see after all.
    fn early(&mut self) -> impl Iterator<Item = &'a Line> + use<'a> {
        let early = std::mem::take(&mut self.early);
        let may = self.may_see();
        early.into_iter().filter(move |_| !may)
    }
}

fn told(session: &Session<'_>, line: &Line) -> Breach {
    Breach::new(
        format!("{} is shown the JID of somebody else, and is no moderator in a room that shows them to all", session.name),
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

    #[test]
    fn moderators_see_jids_and_others_where_all_do() {
        let moderator = "a@s/1 sees bob - - b@s/1\na@s/1 sees ada moderator 110 a@s/1\na@s/1 joined\na@s/1 sees cid - - c@s/1";
        assert_eq!(judged(moderator), Verdict::Pass { checked: 3 });
        let all = "b@s/1 sees ada moderator - a@s/1\nb@s/1 sees bob participant 100,110 b@s/1\nb@s/1 sees cid - - c@s/1";
        assert_eq!(judged(all), Verdict::Pass { checked: 3 });
    }

    #[test]
    fn others_see_no_jid_but_their_own() {
        let early = "b@s/1 sees ada moderator - a@s/1\nb@s/1 sees bob participant 110 b@s/1";
        assert!(breach(early).starts_with("b@s/1 is shown the JID of somebody else"));
        let no_more = "a@s/1 sees ada moderator 110 a@s/1\na@s/1 sees ada participant 110 a@s/1\na@s/1 sees cid - - c@s/1";
        assert!(breach(no_more).starts_with("a@s/1 is shown the JID of somebody else"));
        assert!(judged("b@s/1 sees ada\nb@s/1 sees bob participant 110 b@s/1\nb@s/1 sees cid").passed());
    }

    #[test]
    fn nobody_is_shown_nothing_is_tested() {
        assert!(matches!(judged("= create a@s/1 ada"), Verdict::Untested(_)));
    }
}

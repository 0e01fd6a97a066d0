//! What is no message with a text to all, and yet to be missed: subjects, which are for everybody, and private messages, which are for whoever sits under
//! the nick. Behind the beginning of a stay and before its end none may be missing.

use std::collections::BTreeSet;

use crate::evidence::{Room, Session, Sight, Stay};
use crate::journal::{Deed, Entry};
use crate::verdict::{Breach, Findings};

/// Checks every stay of which it is known between which entries it was.
pub(super) fn check(room: &Room<'_>) -> Findings {
    let for_somebody = |entry: &&&Entry| is_subject(entry).is_some() || matches!(entry.deed, Deed::Whisper { send: Some(_), .. });
    let due: Vec<&Entry> = room.entries.iter().filter(for_somebody).copied().collect();
    if room.seating.vague || due.is_empty() {
        return Findings::default();
    }
    room.stays().map(|(session, stay)| of_stay(room, session, stay, &due)).collect()
}

fn of_stay(room: &Room<'_>, session: &Session<'_>, stay: &Stay<'_>, due: &[&Entry]) -> Findings {
    let Some(entered) = stay.entered() else { return Findings::default() };
    let sights = || stay.lines.iter().filter_map(|(_, sight)| sight.as_ref());
    let heard = sights().filter_map(|sight| match sight {
        Sight::Whisper { send: Some(send), .. } | Sight::Subject { send: Some(send), .. } => Some(send.as_str()),
        _ => None,
    });
    let heard: BTreeSet<&str> = heard.collect();
    let mut findings = Findings::default();
    for entry in due.iter().filter(|entry| entered < entry.index && entry.index < stay.seen) {
        let (what, send) = match (&entry.deed, is_subject(entry)) {
            (_, Some(send)) => ("the subject", send),
            (Deed::Whisper { send: Some(send), to, .. }, _) if sits(room, session, to, entry) => {
                ("the private message", send.as_str())
            }
            _ => continue,
        };
        findings.checked += 1;
        if !heard.contains(send) {
            let proof: Vec<_> = stay.joined.into_iter().chain(stay.last_shown()).collect();
            let what = format!("{} is not shown {what} {send}", session.name);
            findings.breaches.push(Breach::new(what, &proof).with(&[entry]));
        }
    }
    findings
}

/// The sender's id of a message that says but what the talk is about.
fn is_subject(entry: &Entry) -> Option<&str> {
    match &entry.deed {
        Deed::Message { send: Some(send), body: None, subject: Some(_), .. } => Some(send),
        _ => None,
    }
}

fn sits(room: &Room<'_>, session: &Session<'_>, nick: &str, entry: &Entry) -> bool {
    room.seating.seats.iter().any(|seat| seat.jid == session.jid && seat.nick == nick && seat.covers(entry.index))
}

#[cfg(test)]
mod tests {
    use crate::evidence::Evidence;
    use crate::sketch::run;
    use crate::verdict::Verdict;

    fn judged(text: &str) -> Verdict {
        super::super::check(&Evidence::of(&run(text)))
    }

    const BOTH: &str = "= create A ada\nA joined\n= join B bob\nB joined\n";
    const SAID: &str = "A invoke s1\n= say 1 s1 ada A\nA received 1 s1\n";

    #[test]
    fn a_private_message_is_missed_by_the_one_that_it_is_for() {
        let whisper = format!("{BOTH}A whisper w1 bob x\n= whisper w1 ada bob A x\n");
        let missed = judged(&format!("{whisper}{SAID}B received 1 s1"));
        assert_eq!(missed.breaches(), ["B is not shown the private message w1"]);
        assert_eq!(judged(&format!("{whisper}B whispered ada w1\n{SAID}B received 1 s1")), Verdict::Pass { checked: 3 });
    }

    #[test]
    fn a_subject_is_missed_by_everybody() {
        let subject = format!("{BOTH}A subject t1 x\n= subject 9 t1 ada A x\nA topic t1\n");
        let missed = judged(&format!("{subject}{SAID}B received 1 s1"));
        assert_eq!(missed.breaches(), ["B is not shown the subject t1"]);
        assert_eq!(judged(&format!("{subject}B topic t1\n{SAID}B received 1 s1")), Verdict::Pass { checked: 4 });
    }
}

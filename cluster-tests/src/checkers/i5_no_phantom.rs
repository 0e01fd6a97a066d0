//! I5, no phantom and no damage: every message of the log is what somebody who was in the room, and might speak, asked for; and what anybody is
//! shown of it is what was sent.

use crate::act::Act;
use crate::evidence::{Asked, Evidence, Room, full};
use crate::history::{Event, Line};
use crate::journal::{Deed, Entry};
use crate::traffic::payload::payload;
use crate::verdict::{Breach, Findings, Verdict};

/// Checks every message of the journal, and every message that anybody was shown.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let found = |room| [entries(evidence, room), shown(room)].into_iter().collect::<Findings>();
    evidence.rooms.values().map(found).collect::<Findings>().verdict("nothing was said")
}

/// What the log has, against what was asked for.
fn entries(evidence: &Evidence<'_>, room: &Room<'_>) -> Findings {
    let mut findings = Findings::default();
    for entry in &room.entries {
        let Some(send) = send(&entry.deed) else { continue };
        findings.checked += 1;
        let asked = send.and_then(|send| evidence.asked.get(send));
        let wrong = match asked {
            None => Some(format!("nobody asked for {}", send.unwrap_or("a message without an id"))),
            Some(asked) => wrong(room, entry, asked),
        };
        let proof: Vec<&Line> = asked.iter().flat_map(|asked| [Some(asked.line), asked.end]).flatten().collect();
        findings.breaches.extend(wrong.map(|what| Breach::new(what, &proof).with(&[entry])));
    }
    findings
}

/// The send that a message names; nothing if the deed is none.
fn send(deed: &Deed) -> Option<Option<&str>> {
    match deed {
        Deed::Message { send, .. } | Deed::Whisper { send, .. } => Some(send.as_deref()),
        _ => None,
    }
}

fn wrong(room: &Room<'_>, entry: &Entry, asked: &Asked<'_>) -> Option<String> {
    let name = send(&entry.deed).flatten().unwrap_or_default();
    if asked.line.room != room.jid {
        return Some(format!("{name} was sent to {} and is in {}", asked.line.room, room.jid));
    }
    if let Some(by) = entry.by.as_deref().filter(|by| *by != full(&asked.line.session)) {
        return Some(format!("{name} was sent by {} and is of {by} in the log", asked.line.session));
    }
    damage(&entry.deed, asked.act, name).or_else(|| standing(room, entry, name))
}

/// A text that is not given is the send's name.
fn damage(deed: &Deed, act: &Act, name: &str) -> Option<String> {
    let is_same = match (deed, act) {
        (Deed::Message { body: Some(body), .. }, Act::Say { body: said }) => body == said.as_deref().unwrap_or(name),
        (Deed::Message { subject: Some(subject), .. }, Act::Subject { text }) => subject == text,
        // Who unsets the subject sends an empty one.
        (Deed::Message { body: None, subject: None, .. }, Act::Subject { text }) => text.is_empty(),
        (Deed::Whisper { to, body, .. }, Act::Whisper { to: receiver, body: said }) => {
            to == receiver && body.as_ref() == Some(said)
        }
        _ => false,
    };
    (!is_same).then(|| format!("{name} is not in the log as it was sent"))
}

/// Whether it was said from a seat, with voice (§5.1.1).
fn standing(room: &Room<'_>, entry: &Entry, name: &str) -> Option<String> {
    let (Deed::Message { nick, .. } | Deed::Whisper { from: nick, .. }) = &entry.deed else { return None };
    let standing = room.seating.standing.get(&entry.index)?;
    // The journal says by whom, or the nick alone has to do.
    let sits = entry.by.is_none() || standing.nick == Some(nick.as_str());
    let is_whisper = matches!(entry.deed, Deed::Whisper { .. });
    if !sits && !room.seating.vague {
        return Some(format!("{name} was said as {nick} by somebody who sat {}", standing.nick.unwrap_or("nowhere")));
    }
    let mute = !is_whisper && matches!(standing.role, "visitor" | "none");
    mute.then(|| format!("{name} was said as {nick}, a {}, who has no voice", standing.role))
}

/// What anybody was shown, against what the log has. What the log does not have at all is I1's matter.
fn shown(room: &Room<'_>) -> Findings {
    let mut findings = Findings::default();
    for line in &room.lines {
        let Event::Received { stanza_id, nick, body, stanza, .. } = &line.event else { continue };
        let Some(entry) = room.message(stanza_id) else { continue };
        let Deed::Message { nick: speaker, body: said, send, .. } = &entry.deed else { continue };
        let carries = |stanza: &String| send.as_ref().is_some_and(|send| stanza.contains(&payload(send).to_string()));
        let is_same = nick.as_ref().is_none_or(|nick| nick == speaker)
            && body.as_ref().is_none_or(|body| Some(body) == said.as_ref())
            && stanza.as_ref().is_none_or(carries);
        if !is_same {
            let what = format!("{} is shown {stanza_id} otherwise than it was said", line.session);
            findings.breaches.push(Breach::new(what, &[line]).with(&[entry]));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::run;

    #[track_caller]
    fn breach(text: &str) -> String {
        check(&Evidence::of(&run(text))).breaches().swap_remove(0)
    }

    #[test]
    fn what_was_sent_from_a_seat_passes() {
        let text = "= create A ada\nA joined\nA invoke s1\nA say s2 hallo\n= say 1 s1 ada A\n= say 2 s2 ada A hallo\n\
                    A subject s3 news\n= subject 3 s3 ada A news\nA whisper w1 bob psst\n= whisper w1 ada bob A psst";
        assert_eq!(check(&Evidence::of(&run(text))), Verdict::Pass { checked: 4 });
    }

    #[test]
    fn what_nobody_sent_fails() {
        assert_eq!(breach("= create A ada\n= say 1 s1 ada A"), "nobody asked for s1");
        assert_eq!(
            breach("= create A ada\n= join B bob\nB invoke s1\n= say 1 s1 ada A"),
            "s1 was sent by B and is of A in the log"
        );
    }

    #[test]
    fn what_was_damaged_fails() {
        let text = "= create A ada\nA say s1 hallo\n= say 1 s1 ada A hullo";
        assert_eq!(breach(text), "s1 is not in the log as it was sent");
        let mut run = run("= create A ada\nA say s1 hallo\n= say 1 s1 ada A hallo\nB received 1 s1");
        let Event::Received { body, .. } = &mut run.history.lines[1].event else { panic!("it is shown") };
        *body = Some("hullo".to_owned());
        let Verdict::Fail(breaches) = check(&Evidence::of(&run)) else { panic!("it passes") };
        assert_eq!(breaches[0].what, "B is shown 1 otherwise than it was said");
    }

    #[test]
    fn a_message_that_has_lost_what_it_carried_fails() {
        let mut run = run("= create A ada\nA say s1 hallo\n= say 1 s1 ada A hallo\nB received 1 s1");
        let mut shown = |carried: &str| {
            let Event::Received { stanza, .. } = &mut run.history.lines[1].event else { panic!("it is shown") };
            *stanza = Some(format!("<message><body>hallo</body>{carried}</message>"));
            check(&Evidence::of(&run))
        };
        let carried = payload("s1").to_string();
        assert!(shown(&carried).passed());
        for damaged in [String::new(), carried.replace("&lt;", ""), payload("s2").to_string()] {
            assert!(!shown(&damaged).passed(), "{damaged}");
        }
    }

    #[test]
    fn who_does_not_sit_or_has_no_voice_cannot_speak() {
        let gone = "= create A ada\n= join B bob\n= leave B\nB invoke s1\n= say 1 s1 bob B";
        assert_eq!(breach(gone), "s1 was said as bob by somebody who sat nowhere");
        let kicked = "= create A ada\n= join B bob\n= role bob visitor\nB invoke s1\n= say 1 s1 bob B";
        assert_eq!(breach(kicked), "s1 was said as bob, a visitor, who has no voice");
    }

    #[test]
    fn silence_tests_nothing() {
        assert!(matches!(check(&Evidence::of(&run("= create A ada"))), Verdict::Untested(_)));
    }
}

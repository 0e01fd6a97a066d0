//! I2, gap-free and exactly once: who stays in a room is shown every message of M(r) while there, once. No hole, no repeat.
//!
//! A stay begins behind the history that was shown with the join, which ends exactly before it (I7), and in any case before a message that
//! was sent only when the session knew itself inside. It ends with the last message that was shown before the session left, and not before
//! the entry by which it went, if the room told it so, nor before what was done five seconds earlier, where all is whole; for one that was never
//! seen to leave, with the end of M(r). What is no message with a text to all is looked at by itself.

mod subjects_and_whispers;

use std::collections::{BTreeMap, BTreeSet};

use crate::act::Act;
use crate::committed::Committed;
use crate::evidence::{self, Evidence};
use crate::history::{Event, History, Line, by_session};
use crate::journal::Entry;
use crate::verdict::{Breach, Findings, Verdict};

const NEVER: &str = "nobody was in the room while somebody spoke";

/// Checks every stay of every session of a run.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let rooms = evidence.rooms.values();
    rooms.flat_map(|room| [of_room(room), subjects_and_whispers::check(room)]).collect::<Findings>().verdict(NEVER)
}

/// Checks every stay of every session in one room that is the same all the time.
pub fn in_room(history: &History, committed: &Committed) -> Verdict {
    let lines = history.of_room(&committed.room);
    let (positions, sent) = (committed.positions(), sent(&lines, committed));
    let room = Room { committed, positions, sent, lives: &[], logged: &|_| None };
    let mut findings = Findings::default();
    for (session, lines) in by_session(&lines) {
        findings.extend(stays(&lines).iter().map(|stay| room.of_stay(session, stay)).collect());
    }
    findings.verdict(NEVER)
}

fn of_room(room: &evidence::Room<'_>) -> Findings {
    let committed = &room.committed;
    let logged = |name: &str| room.message(name).cloned();
    let sent = sent(&room.lines, committed);
    let known = Room { committed, positions: committed.positions(), sent, lives: &room.lives, logged: &logged };
    let reach = |seen: u64| {
        committed.messages.partition_point(|message| room.message(&message.stanza_id).is_some_and(|entry| entry.index <= seen))
    };
    room.cite(room.stays().map(|(session, stay)| known.of_stay(session.name, &Stay::of(stay, reach(stay.seen)))).collect())
}

/// The entry of a message, if there is a journal.
type Logged<'a> = &'a dyn Fn(&str) -> Option<Entry>;

/// What is known of the room, for looking things up.
struct Room<'a> {
    committed: &'a Committed,
    positions: BTreeMap<&'a str, usize>,
    /// By position: when the last of the sends began that are no further.
    sent: Vec<u64>,
    /// The positions at which the room began anew.
    lives: &'a [usize],
    logged: Logged<'a>,
}

/// One time that a session was in the room.
#[derive(Default)]
struct Stay<'a> {
    joined: Option<&'a Line>,
    left: Option<&'a Line>,
    /// Every message that it was shown, with what the room calls it, and whether that was history.
    shown: Vec<(&'a Line, &'a str, bool)>,
    /// How many messages of M(r) were said when it ended at the earliest.
    said: usize,
}

fn sent(lines: &[&Line], committed: &Committed) -> Vec<u64> {
    let sends = lines.iter().filter_map(|line| match &line.event {
        Event::Invoke { send, act: Act::Say { .. } } => Some((send.as_str(), line.at)),
        _ => None,
    });
    let invoked: BTreeMap<&str, u64> = sends.collect();
    let mut last = 0;
    let at = |message: &crate::committed::Message| {
        last = last.max(message.send.as_deref().and_then(|send| invoked.get(send)).copied().unwrap_or(0));
        last
    };
    committed.messages.iter().map(at).collect()
}

fn stays<'a>(lines: &[&'a Line]) -> Vec<Stay<'a>> {
    let mut stays = vec![Stay::default()];
    for line in lines {
        let last = stays.len() - 1;
        match &line.event {
            Event::Joined => stays[last].joined = Some(line),
            Event::Left { .. } => {
                stays[last].left = Some(line);
                stays.push(Stay::default());
            }
            Event::Received { stanza_id, delayed, .. } => stays[last].shown.push((line, stanza_id, *delayed)),
            _ => {}
        }
    }
    stays
}

impl<'a> Stay<'a> {
    /// Whoever is shown all anew without having left is in another stay from there on.
    fn of(stay: &evidence::Stay<'a>, said: usize) -> Stay<'a> {
        Stay { joined: stay.joined, left: stay.end(), shown: stay.shown().collect(), said }
    }
}

impl Room<'_> {
    fn of_stay(&self, session: &str, stay: &Stay<'_>) -> Findings {
        let required = self.required(stay);
        let checked = required.len();
        let mut breaches = self.repeats(session, stay);
        breaches.extend(self.holes(session, stay, required));
        Findings { breaches, checked }
    }

    fn repeats(&self, session: &str, stay: &Stay<'_>) -> Vec<Breach> {
        let mut first: BTreeMap<&str, &Line> = BTreeMap::new();
        let mut breaches = Vec::new();
        for (line, stanza_id, _) in &stay.shown {
            match first.get(stanza_id) {
                Some(earlier) => breaches.push(Breach::new(format!("{session} is shown {stanza_id} again"), &[earlier, line])),
                None => drop(first.insert(stanza_id, line)),
            }
        }
        breaches
    }

    /// The positions of M(r) that the stay must have been shown live.
    fn required(&self, stay: &Stay<'_>) -> std::ops::Range<usize> {
        let Some(joined) = stay.joined else { return 0..0 };
        let position = |stanza_id: &str| self.positions.get(stanza_id).copied();
        let behind_history =
            stay.shown.iter().filter(|shown| shown.2).filter_map(|shown| position(shown.1)).max().map(|last| last + 1);
        let first_live = stay.shown.iter().filter(|shown| !shown.2).find_map(|shown| position(shown.1));
        let sent_later = Some(self.sent.partition_point(|at| *at <= joined.at)).filter(|place| *place < self.sent.len());
        let last_shown = stay.shown.iter().filter_map(|shown| position(shown.1)).max().map(|last| last + 1);
        let all = self.end_of_life(last_shown);
        let end = if stay.left.is_some() { last_shown.unwrap_or(0).max(stay.said) } else { all };
        let begin = behind_history.into_iter().chain(first_live).chain(sent_later).min().unwrap_or(end);
        begin..end.max(begin)
    }

    /// A room that is made again is another, and who was in the former is not in it.
    fn end_of_life(&self, shown: Option<usize>) -> usize {
        let next = self.lives.iter().find(|begin| shown.is_some_and(|shown| **begin >= shown));
        next.copied().unwrap_or(self.committed.messages.len())
    }

    /// Runs of required messages that were not shown; one breach for each run.
    fn holes(&self, session: &str, stay: &Stay<'_>, required: std::ops::Range<usize>) -> Vec<Breach> {
        let shown: BTreeSet<usize> = stay.shown.iter().filter_map(|shown| self.positions.get(shown.1).copied()).collect();
        let missing: Vec<usize> = required.filter(|position| !shown.contains(position)).collect();
        let runs = missing.chunk_by(|one, next| *next == one + 1);
        runs.filter_map(|run| Some(self.hole(session, stay, *run.first()?, *run.last()?))).collect()
    }

    fn hole(&self, session: &str, stay: &Stay<'_>, first: usize, last: usize) -> Breach {
        let name = |position: usize| &self.committed.messages[position].stanza_id;
        let at = |line: &&(&Line, &str, bool)| self.positions.get(line.1).copied();
        let before = stay.shown.iter().filter(|line| at(line).is_some_and(|at| at < first)).max_by_key(at);
        let behind = stay.shown.iter().filter(|line| at(line).is_some_and(|at| at > last)).min_by_key(at);
        let what = format!("{session} is not shown {} messages of its stay, {} to {}", last - first + 1, name(first), name(last));
        let before = before.map(|line| line.0).or(stay.joined);
        let proof: Vec<&Line> = before.into_iter().chain(behind.map(|line| line.0).or(stay.left)).collect();
        let ends = if first == last { vec![first] } else { vec![first, last] };
        let entries: Vec<Entry> = ends.into_iter().filter_map(|position| (self.logged)(name(position))).collect();
        Breach::new(what, &proof).with(&entries.iter().collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::{committed, history};

    #[track_caller]
    fn breaches(text: &str, sequence: &str) -> Vec<String> {
        in_room(&history(text), &committed(sequence)).breaches()
    }

    #[test]
    fn every_message_of_a_stay_once_passes() {
        let text = "A joined\nA invoke s1\nA received 1 s1\nB shown 1 s1\nB joined\nA invoke s2\nA received 2 s2\nB received 2 s2\n\
                    B left cut\nA invoke s3\nA received 3 s3";
        assert_eq!(in_room(&history(text), &committed("1:s1 2:s2 3:s3")), Verdict::Pass { checked: 4 });
    }

    #[test]
    fn a_hole_fails_in_the_middle_and_at_both_ends() {
        let middle = "A joined\nA received 1\nA received 4";
        assert_eq!(breaches(middle, "1:s1 2:s2 3:s3 4:s4"), ["A is not shown 2 messages of its stay, 2 to 3"]);
        let behind_the_history = "A shown 1\nA joined\nA received 3";
        assert_eq!(breaches(behind_the_history, "1:s1 2:s2 3:s3"), ["A is not shown 1 messages of its stay, 2 to 2"]);
        let sent_when_inside = "A joined\nB invoke s1\nA received 2";
        assert_eq!(breaches(sent_when_inside, "1:s1 2:s2"), ["A is not shown 1 messages of its stay, 1 to 1"]);
        let never_shown_the_last = "A joined\nA received 1";
        assert_eq!(breaches(never_shown_the_last, "1:s1 2:s2"), ["A is not shown 1 messages of its stay, 2 to 2"]);
    }

    #[test]
    fn a_hole_is_proved_by_what_stands_around_it() {
        let history = history("A joined\nA received 1\nB joined\nA received 3");
        let Verdict::Fail(found) = in_room(&history, &committed("1:s1 2:s2 3:s3")) else { panic!("it passes") };
        assert_eq!(found[0].proof, [history.lines[1].clone(), history.lines[3].clone()]);
    }

    #[test]
    fn a_hole_in_a_run_is_proved_by_the_log_as_well() {
        let run = crate::sketch::run(
            "= create A ada\nA joined\n= say 1 s1 ada A\n= say 2 s2 ada A\n= say 3 s3 ada A\nA received 1\nA received 3",
        );
        let Verdict::Fail(found) = check(&Evidence::of(&run)) else { panic!("it passes") };
        assert_eq!(found[0].entries, [2, 1, 3].map(|at| run.journal[at].clone()));
    }

    const BOTH: &str = "= create A ada\nA joined\n= join B bob\nB joined\n";

    #[test]
    fn what_comes_before_one_is_told_that_it_is_out_is_missed() {
        let said = format!("{BOTH}A invoke s1\n= say 1 s1 ada A\nA received 1 s1\n= role bob none\n");
        let told = |codes: &str| {
            let text = format!("{said}B misses bob none {codes},110\nB left removed");
            check(&Evidence::of(&crate::sketch::run(&text)))
        };
        assert_eq!(told("307").breaches(), ["B is not shown 1 messages of its stay, 1 to 1"]);
        assert!(told("333").passed(), "it says itself that something is missing");
    }

    #[test]
    fn whoever_is_there_when_all_is_whole_is_shown_what_was_done() {
        let until = |seconds: u32| {
            let said = "- phase liveness\n@ 1\nA invoke s1\n= say 1 s1 ada A\nA received 1 s1\n";
            let text = format!("{BOTH}{said}@ {seconds}\nB left cut\n");
            check(&Evidence::of(&crate::sketch::run(&text)))
        };
        assert_eq!(until(7).breaches(), ["B is not shown 1 messages of its stay, 1 to 1"]);
        assert!(until(5).passed(), "it may have been on its way");
    }

    #[test]
    fn lives_of_a_room_are_not_mixed_up() {
        let text = "= create A ada\nA joined\n= say 1 s1 ada A\nA received 1\n= destroy\n= create B bob\nB joined\n= say 2 s2 bob B\nB received 2";
        assert_eq!(check(&Evidence::of(&crate::sketch::run(text))), Verdict::Pass { checked: 2 });
    }

    #[test]
    fn a_repeat_fails_within_a_stay_only() {
        assert_eq!(breaches("A joined\nA received 1\nA received 1", "1:s1"), ["A is shown 1 again"]);
        assert_eq!(breaches("A shown 1\nA joined\nA received 1", "1:s1"), ["A is shown 1 again"]);
        let two_stays = "A joined\nA received 1\nA left cut\nA shown 1\nA joined\nA received 2";
        assert_eq!(in_room(&history(two_stays), &committed("1:s1 2:s2")), Verdict::Pass { checked: 2 });
    }

    #[test]
    fn nobody_inside_tests_nothing() {
        assert!(matches!(in_room(&history("W shown 1\nW joined"), &committed("1:s1")), Verdict::Untested(_)));
    }
}

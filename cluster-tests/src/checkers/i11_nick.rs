//! I11, nick: at each index of the log a nick maps to one bare JID, and a registered one to its owner. Of those who want the same nick one gets it,
//! and the others are told `conflict`. The order is the log's; whether it is one of the calls that registered nicks is searched for with I9.

use std::collections::{BTreeMap, BTreeSet};

use crate::act::{Act, Answer};
use crate::history::Line;
use crate::journal::{Deed, Entry, Standing};
use crate::linearizability::calls::{Call, Outcome, bare_jid, calls, rooms};
use crate::linearizability::clock::Clock;
use crate::linearizability::folded::{Kept, tells_of};
use crate::linearizability::keys::{Key, explain};
use crate::linearizability::seats::{Seats, entries_of_shard};
use crate::run_dir::Run;
use crate::verdict::{Breach, Verdict};

/// Checks every room. Where the journal does not tell of it, only registrations can be judged.
pub fn check(run: &Run) -> Verdict {
    let (mut breaches, mut checked) = (Vec::new(), 0);
    let mut gave_up = None;
    for room in rooms(&run.history) {
        let calls = calls(&run.history, room);
        if !tells_of(run, room) {
            for nick in calls.iter().filter_map(registered).collect::<BTreeSet<_>>() {
                let explained = explain(&Key::Owner(nick.to_owned()), &calls);
                breaches.extend(explained.breach);
                checked += explained.checked;
                gave_up = gave_up.or(explained.gave_up.then(|| format!("the search of owners of {nick} reached its limit")));
            }
            continue;
        }
        let entries = entries_of_shard(&run.journal, room);
        let judged = Judged { room, clock: Clock::of(&run.history, &entries, room), claims: claims(&entries, room), entries };
        breaches.extend(judged.folded(&calls));
        breaches.extend(judged.unlogged(&calls));
        breaches.extend(calls.iter().filter_map(|call| judged.groundless(call)));
        checked += contended(&calls);
    }
    match gave_up {
        Some(why) if breaches.is_empty() => Verdict::Inconclusive(why),
        _ => Verdict::of(breaches, checked, "nobody wanted a nick that somebody else wanted"),
    }
}

/// How many wanted a nick that somebody else wanted as well.
fn contended(calls: &[Call<'_>]) -> usize {
    let mut wish: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for call in calls {
        if let Some(nick) = wanted(call) {
            wish.entry(nick).or_default().insert(call.by());
        }
    }
    let is_wanted = |call: &&Call<'_>| wanted(call).is_some_and(|nick| wish[nick].len() > 1);
    calls.iter().filter(|call| call.outcome != Outcome::Unknown).filter(is_wanted).count()
}

struct Judged<'a> {
    room: &'a str,
    clock: Clock,
    claims: Claims,
    /// Of the whole shard, by index.
    entries: Vec<&'a Entry>,
}

/// For each nick the bare JIDs that bore it or had it registered, each time with the index from which on.
type Claims = BTreeMap<String, Vec<(u64, BTreeSet<String>)>>;

fn claims(entries: &[&Entry], room: &str) -> Claims {
    let (mut seats, mut kept, mut claims) = (Seats::default(), Kept::default(), Claims::new());
    let mut before: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for entry in entries.iter().filter(|entry| entry.room.as_deref() == Some(room) || entry.left.iter().any(|(of, _)| of == room))
    {
        if matches!(entry.deed, Deed::Message { .. } | Deed::Whisper { .. } | Deed::Presence { .. }) {
            continue;
        }
        seats.apply(room, entry);
        if entry.room.as_deref() == Some(room) {
            kept = kept.after(&entry.deed);
        }
        let mut now: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        let registered = kept.nicks.iter().map(|(jid, nick)| (nick.as_str(), jid.as_str()));
        for (nick, jid) in seats.bearers().chain(registered) {
            now.entry(nick.to_owned()).or_default().insert(jid.to_owned());
        }
        for nick in before.keys().chain(now.keys()).filter(|nick| before.get(*nick) != now.get(*nick)) {
            claims.entry(nick.clone()).or_default().push((entry.index, now.get(nick).cloned().unwrap_or_default()));
        }
        before = now;
    }
    claims
}

/// The nick that a call asks for.
fn wanted<'a>(call: &Call<'a>) -> Option<&'a str> {
    match call.act {
        Act::Enter { nick, .. } | Act::Rename { nick } | Act::Register { nick } => Some(nick),
        _ => None,
    }
}

fn registered<'a>(call: &Call<'a>) -> Option<&'a str> {
    wanted(call).filter(|_| matches!(call.act, Act::Register { .. }))
}

impl<'a> Judged<'a> {
    /// Everyone who gets a nick in the log while it is somebody else's.
    fn folded(&self, calls: &[Call<'_>]) -> Vec<Breach> {
        let (mut seats, mut kept, mut breaches) = (Seats::default(), Kept::default(), Vec::new());
        for entry in &self.entries {
            let creates = matches!(entry.deed, Deed::Join { creates: true, .. });
            let here = entry.room.as_deref() == Some(self.room);
            for (jid, nick) in gets(entry).into_iter().filter(|_| here && !creates) {
                // Those who have to go by this very entry bear it no longer.
                let mut others = seats.clone();
                others.leave(self.room, entry);
                let bearer = others.bearer(nick, jid).filter(|bearer| *bearer != jid).map(|bearer| format!("borne by {bearer}"));
                let owner = kept.owner(nick).filter(|owner| *owner != jid).map(|owner| format!("registered by {owner}"));
                let taken: Vec<String> = bearer.into_iter().chain(owner).collect();
                if !taken.is_empty() {
                    let what = format!(
                        "{}: {jid} gets the nick {nick} by entry {}, which is {}",
                        self.room,
                        entry.index,
                        taken.join(" and ")
                    );
                    breaches.push(Breach::new(what, &lines_of(calls, entry, nick)).with(&[entry]));
                }
            }
            seats.apply(self.room, entry);
            if entry.room.as_deref() == Some(self.room) {
                kept = kept.after(&entry.deed);
            }
        }
        breaches
    }

    /// Those who are told that they are in under a nick, or have another, and the log does not say so.
    fn unlogged(&self, calls: &[Call<'_>]) -> Vec<Breach> {
        let mut logged: BTreeMap<(&str, &str), usize> = BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| entry.room.as_deref() == Some(self.room)) {
            if let Deed::Join { jid, nick, .. } = &entry.deed {
                *logged.entry((jid, nick)).or_default() += 1;
            }
        }
        let mut breaches: Vec<Breach> = calls.iter().filter_map(|call| self.never_called(call)).collect();
        for call in calls.iter().filter(|call| !call.inside) {
            let Some(Answer::Inside { nick, .. }) = call.answer() else { continue };
            match logged.get_mut(&(call.by(), nick.as_str())).filter(|left| **left > 0) {
                Some(left) => *left -= 1,
                None => {
                    let what =
                        format!("{}: {} is told that it is in as {nick}, and the log has no such join", self.room, call.by());
                    breaches.push(Breach::new(what, &call.lines()));
                }
            }
        }
        breaches
    }

    /// Who is told that it has another nick, and never had it.
    fn never_called(&self, call: &Call<'_>) -> Option<Breach> {
        let (Act::Rename { nick }, Some(_)) = (call.act, call.answer()) else { return None };
        let has = |entry: &&Entry| match &entry.deed {
            Deed::Join { jid, nick: taken, .. } | Deed::Rename { jid, to: taken, .. } => jid == call.by() && taken == nick,
            _ => false,
        };
        let mut here = self.entries.iter().copied().filter(|entry| entry.room.as_deref() == Some(self.room));
        let what = || format!("{}: {} is told that it is called {nick}, and the log does not say so", self.room, call.by());
        (!here.any(|entry| has(&entry))).then(|| Breach::new(what(), &call.lines()))
    }

    /// Who is told `conflict` though the nick was nobody else's all the time.
    fn groundless(&self, call: &Call<'_>) -> Option<Breach> {
        let nick = wanted(call)?;
        let Outcome::Refused(error) = call.outcome else { return None };
        let (ended, _) = call.ended.filter(|_| error.contains("conflict"))?;
        let from = self.clock.certainly_by(call.invoked);
        let to = self.clock.possibly_by(ended);
        let what = || format!("{}: {} is refused the nick {nick}, which was nobody else's then", self.room, call.by());
        (!self.was_taken(nick, call.bare(), from, to)).then(|| Breach::new(what(), &call.lines()))
    }

    /// Whether somebody else bore a nick, or had it registered, after any of these entries.
    fn was_taken(&self, nick: &str, by: &str, from: u64, to: u64) -> bool {
        let Some(claims) = self.claims.get(nick) else { return false };
        let first = claims.partition_point(|(index, _)| *index <= from).saturating_sub(1);
        let within = claims[first..].iter().take_while(|(index, _)| *index <= to);
        within.flat_map(|(_, jids)| jids).any(|jid| jid != by)
    }
}

/// Who gets which nick by an entry.
fn gets(entry: &Entry) -> Vec<(&str, &str)> {
    match &entry.deed {
        Deed::Join { jid, nick, .. } | Deed::Rename { jid, to: nick, .. } => vec![(bare_jid(jid), nick)],
        Deed::Register { jid, nick } => vec![(jid, nick)],
        Deed::Moderate { items } => items.iter().filter_map(reserved).collect(),
        _ => Vec::new(),
    }
}

fn reserved(item: &Standing) -> Option<(&str, &str)> {
    match item {
        Standing::Affiliation { jid, nick: Some(nick), .. } => Some((jid, nick)),
        _ => None,
    }
}

/// What the clients have of it.
fn lines_of<'a>(calls: &[Call<'a>], entry: &Entry, nick: &str) -> Vec<&'a Line> {
    let by = |call: &Call<'_>| {
        entry.by.as_deref() == Some(call.by()) || matches!(&entry.deed, Deed::Join { jid, .. } if jid == call.by())
    };
    let about = |call: &&Call<'a>| wanted(call) == Some(nick) && (by(call) || call.answer().is_some());
    calls.iter().filter(about).flat_map(|call| call.lines()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linearizability::sketch::run;

    #[track_caller]
    fn breaches(history: &str, journal: &str) -> Vec<String> {
        check(&run(history, journal)).breaches()
    }

    #[track_caller]
    fn passes(history: &str, journal: &str, checked: usize) {
        assert_eq!(check(&run(history, journal)), Verdict::Pass { checked });
    }

    const RACE: &str = "a/x asks e1 enter n\nb/y asks e2 enter n\na/x told e1 inside n none\nb/y refused e2 cancel/conflict";

    #[test]
    fn of_two_who_race_one_gets_the_nick() {
        passes(RACE, "1 c/z creates c\n2 a/x join n", 2);
        let both = RACE.replace("refused e2 cancel/conflict", "told e2 inside n none");
        let found = breaches(&both, "1 c/z creates c\n2 a/x join n\n3 b/y join n");
        assert_eq!(found, ["r@s: b gets the nick n by entry 3, which is borne by a"]);
        let Verdict::Fail(proved) = check(&run(&both, "1 c/z creates c\n2 a/x join n\n3 b/y join n")) else {
            panic!("it passes")
        };
        assert_eq!(proved[0].proof.len(), 4, "both calls with their answers");
    }

    #[test]
    fn a_nick_is_free_again_when_its_bearer_has_left() {
        let journal = "1 c/z creates c\n2 a/x join n\n3 a/x leave left a/x\n4 b/y join n";
        passes(&RACE.replace("refused e2 cancel/conflict", "told e2 inside n none"), journal, 2);
        let renamed = "1 c/z creates c\n2 a/x join n\n3 a/x rename n m\n4 b/y join n\n5 c/z rename c m";
        let history = format!(
            "{}\nc/z asks r1 rename m\nc/z told r1 done",
            RACE.replace("refused e2 cancel/conflict", "told e2 inside n none")
        );
        assert_eq!(breaches(&history, renamed), ["r@s: c gets the nick m by entry 5, which is borne by a"]);
    }

    #[test]
    fn several_devices_share_a_nick_and_one_comes_back() {
        let history = "a/x asks e1 enter n\na/x told e1 inside n none\na/y asks e2 enter n\na/y told e2 inside n none";
        passes(history, "1 c/z creates c\n2 a/x join n\n3 a/y join n", 2);
        passes(history, "1 c/z creates c\n2 a/x join n\n3 a/y join n a/x", 2);
    }

    #[test]
    fn a_registered_nick_is_its_owners() {
        let history = "a/x asks s1 register n\na/x told s1 done\nb/y asks e2 enter n\nb/y told e2 inside n none";
        let found = breaches(history, "1 c/z creates c\n2 a/x register n\n3 b/y join n");
        assert_eq!(found, ["r@s: b gets the nick n by entry 3, which is registered by a"]);
        let found = breaches(history, "1 c/z creates c\n3 b/y join n\n4 a/x register n");
        assert_eq!(found, ["r@s: a gets the nick n by entry 4, which is borne by b"]);
        passes(history, "1 c/z creates c\n2 a/x register n\n3 a/x unregister\n4 b/y join n", 2);
    }

    #[test]
    fn who_is_in_is_in_the_log() {
        let found = breaches(RACE, "1 c/z creates c\n2 d/w join n");
        assert_eq!(found, ["r@s: a/x is told that it is in as n, and the log has no such join"]);
    }

    #[test]
    fn who_is_called_otherwise_is_called_so_in_the_log() {
        let history = format!("{RACE}\na/x asks r1 rename m\na/x told r1 done");
        passes(&history, "1 c/z creates c\n2 a/x join n\n3 a/x rename n m", 2);
        let found = breaches(&history, "1 c/z creates c\n2 a/x join n");
        assert_eq!(found, ["r@s: a/x is told that it is called m, and the log does not say so"]);
    }

    #[test]
    fn a_conflict_with_nobody_fails() {
        let history = format!("c/z asks m1 say\nc/z told m1 reflected i3\n{RACE}\nc/z asks m2 say\nc/z told m2 reflected i9");
        let journal =
            "1 c/z creates c\n2 d/w join n\n3 c/z message i3 m1\n4 d/w leave left d/w\n5 a/x join m\n9 c/z message i9 m2";
        let alone = history.replace("a/x told e1 inside n", "a/x told e1 inside m");
        passes(&alone, journal, 2);
        let gone = journal.replace("4 d/w leave left d/w\n", "").replace("3 c/z", "2 d/w leave left d/w\n3 c/z");
        assert_eq!(breaches(&alone, &gone), ["r@s: b/y is refused the nick n, which was nobody else's then"]);
    }

    #[test]
    fn without_a_log_owners_are_judged_by_what_they_were_told() {
        let history =
            "a/x asks e1 enter a\na/x told e1 created a\na/x asks s1 register n\na/x told s1 done\nb/y asks s2 register n";
        passes(&format!("{history}\nb/y refused s2 cancel/conflict"), "", 2);
        let found = breaches(&format!("{history}\nb/y told s2 done"), "");
        assert!(found[0].contains("what b/y was told of Owner(\"n\")"), "{found:?}");
    }

    #[test]
    fn a_run_in_which_nobody_wants_a_nick_tests_nothing() {
        assert!(matches!(check(&run("a/x asks s1 say\na/x told s1 reflected 1", "1 a/x message 1")), Verdict::Untested(_)));
    }
}

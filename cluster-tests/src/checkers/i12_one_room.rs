//! I12, one room: at most one incarnation of a room at once, and of those who race to make it exactly one is told 201. Nothing of an old incarnation is
//! delivered when its end was acknowledged, and a room that is made again inherits no affiliation. The order is the log's; whether it is one of the calls is
//! searched for with I9.

use std::collections::{BTreeMap, BTreeSet};

use crate::act::{Act, Answer};
use crate::history::{Event, Line};
use crate::journal::{Deed, Entry, Standing};
use crate::linearizability::calls::{Call, Outcome, bare_jid, calls, rooms};
use crate::linearizability::folded::tells_of;
use crate::linearizability::keys::{Key, explain};
use crate::linearizability::seats::{Seats, entries_of_shard};
use crate::run_dir::Run;
use crate::verdict::{Breach, Verdict};

/// Checks every room. Where the journal does not tell of it, only what the makers were told can be judged.
pub fn check(run: &Run) -> Verdict {
    let (mut breaches, mut checked) = (Vec::new(), 0);
    let mut gave_up = None;
    for room in rooms(&run.history) {
        let calls = calls(&run.history, room);
        breaches.extend(made_over(run, room, &calls));
        if !tells_of(run, room) {
            let explained = explain(&Key::Existence, &calls);
            breaches.extend(explained.breach);
            checked += explained.checked;
            gave_up = gave_up.or(explained.gave_up.then(|| format!("the search of makers of {room} reached its limit")));
            continue;
        }
        let lives = Lives::of(run, room);
        breaches.extend(lives.overlapping());
        breaches.extend(lives.makers(&calls));
        breaches.extend(lives.late(run, &calls));
        breaches.extend(lives.inherited(&calls));
        checked += lives.contested(&calls);
    }
    match gave_up {
        Some(why) if breaches.is_empty() => Verdict::Inconclusive(why),
        _ => Verdict::of(breaches, checked, "nobody raced to make a room, and none was made again"),
    }
}

/// The incarnations of one room.
struct Lives<'a> {
    room: &'a str,
    /// Of the whole shard, by index.
    entries: Vec<&'a Entry>,
    /// By index.
    lives: Vec<Life<'a>>,
    /// Which incarnation each message is of.
    messages: BTreeMap<&'a str, usize>,
}

struct Life<'a> {
    /// Who makes it, full JID.
    maker: &'a str,
    /// The entry that destroys it, if one does. A temporary room may end without.
    destroyed: Option<&'a Entry>,
    /// Every affiliation that anybody has ever had in it, with the bare JID.
    granted: BTreeSet<(&'a str, &'a str)>,
}

/// By the number of a line, which incarnation had been destroyed by then, for all to know.
type Dead = BTreeMap<usize, usize>;

impl<'a> Lives<'a> {
    fn of(run: &'a Run, room: &'a str) -> Lives<'a> {
        let entries = entries_of_shard(&run.journal, room);
        let mut lives = Lives { room, entries: Vec::new(), lives: Vec::new(), messages: BTreeMap::new() };
        for entry in entries.iter().copied().filter(|entry| entry.room.as_deref() == Some(room)) {
            if let Deed::Join { jid, creates: true, .. } = &entry.deed {
                let granted = BTreeSet::from([(bare_jid(jid), "owner")]);
                lives.lives.push(Life { maker: jid, destroyed: None, granted });
            }
            let number = lives.lives.len();
            let Some(life) = lives.lives.last_mut() else { continue };
            match &entry.deed {
                Deed::Destroy => life.destroyed = life.destroyed.or(Some(entry)),
                Deed::Message { stanza_id, .. } => drop(lives.messages.insert(stanza_id, number)),
                Deed::Moderate { items } => life.granted.extend(items.iter().filter_map(granted)),
                _ => {}
            }
        }
        Lives { entries, ..lives }
    }

    /// Incarnations of which something could be broken: those that end or come behind another, and one that several wanted to make.
    fn contested(&self, calls: &[Call<'_>]) -> usize {
        let enters = || calls.iter().filter(|call| matches!(call.act, Act::Enter { .. }));
        let known = enters().filter(|call| is_made(call)).filter_map(|call| call.ended).map(|(number, _)| number).min();
        let wanted: BTreeSet<&str> =
            enters().filter(|call| known.is_none_or(|known| call.invoked < known)).map(|call| call.by()).collect();
        match &self.lives[..] {
            [only] if only.destroyed.is_none() => usize::from(wanted.len() > 1),
            lives => lives.len(),
        }
    }

    /// What is made while it is there, and what happens where nothing is.
    fn overlapping(&self) -> Vec<Breach> {
        let (mut seats, mut breaches, mut made, mut persistent) = (Seats::default(), Vec::new(), false, false);
        for entry in &self.entries {
            if entry.room.as_deref() == Some(self.room) {
                let creates = matches!(entry.deed, Deed::Join { creates: true, .. });
                let there = made && (persistent || !seats.is_empty());
                let what = match (creates, there, made) {
                    (true, true, _) => Some("makes the room anew while it is there"),
                    (false, _, false) if needs_a_room(&entry.deed) => Some("happens in a room that is not there"),
                    _ => None,
                };
                let breach = |what| Breach::new(format!("{}: entry {} {what}", self.room, entry.index), &[]).with(&[entry]);
                breaches.extend(what.map(breach));
                (made, persistent) = match &entry.deed {
                    Deed::Destroy => (false, false),
                    Deed::Configure { fields, .. } => (made, fields.get("persistentroom").is_some_and(|value| value == "1")),
                    _ if creates => (true, false),
                    _ => (made, persistent),
                };
            }
            seats.apply(self.room, entry);
        }
        breaches
    }

    /// For each incarnation one 201, to whoever made it.
    fn makers(&self, calls: &[Call<'_>]) -> Vec<Breach> {
        let enters: Vec<&Call<'_>> = calls.iter().filter(|call| matches!(call.act, Act::Enter { .. })).collect();
        let all: BTreeSet<&str> = enters.iter().map(|call| call.by()).collect();
        let judge = |by: &str| {
            let made = self.lives.iter().filter(|life| life.maker == by).count();
            let own: Vec<&&Call<'_>> = enters.iter().filter(|call| call.by() == by).collect();
            let told: Vec<&&Call<'_>> = own.iter().copied().filter(|call| is_made(call)).collect();
            let open = own.iter().filter(|call| call.outcome == Outcome::Unknown).count();
            let (calls, what) = match () {
                () if told.len() > made => {
                    (&told, format!("is told {} times that it made the room, and made it {made} times", told.len()))
                }
                () if made > told.len() + open => {
                    (&own, format!("made the room {made} times, and is told so {} times", told.len()))
                }
                () => return None,
            };
            let lines: Vec<&Line> = calls.iter().flat_map(|call| call.lines()).collect();
            Some(Breach::new(format!("{}: {by} {what}", self.room), &lines))
        };
        all.into_iter().filter_map(judge).collect()
    }

    /// By when the destruction of which incarnation had been acknowledged. Of one session's destructions the n-th that was acknowledged is its n-th
    /// in the log, or a later one.
    fn dead(&self, calls: &[Call<'_>]) -> Dead {
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        let mut dead = Dead::new();
        for call in calls.iter().filter(|call| matches!((call.act, call.answer()), (Act::Destroy, Some(_)))) {
            let nth = count.entry(call.by()).or_default();
            let by = |life: &Life<'_>| life.destroyed.is_some_and(|entry| entry.by.as_deref() == Some(call.by()));
            let number = self.lives.iter().enumerate().filter(|(_, life)| by(life)).nth(*nth).map(|(at, _)| at + 1);
            dead.extend(call.returned().zip(number));
            *nth += 1;
        }
        let mut last = 0;
        for number in dead.values_mut() {
            last = last.max(*number);
            *number = last;
        }
        dead
    }

    /// What is delivered of an incarnation that the session has left behind, or that was over when it came.
    fn late(&self, run: &Run, calls: &[Call<'_>]) -> Vec<Breach> {
        let dead = self.dead(calls);
        let came: BTreeMap<usize, usize> = calls
            .iter()
            .filter(|call| matches!(call.act, Act::Enter { .. }))
            .map(|call| (call.invoked, dead.range(..call.invoked).next_back().map_or(0, |(_, number)| *number)))
            .collect();
        let mut at_least: BTreeMap<&str, (usize, &Line)> = BTreeMap::new();
        let mut breaches = Vec::new();
        for (number, line) in run.history.lines.iter().enumerate().filter(|(_, line)| line.room == self.room) {
            let known = at_least.entry(&line.session).or_insert((0, line));
            match &line.event {
                Event::Invoke { .. } => {
                    if let Some(over) = came.get(&number).filter(|over| **over >= known.0) {
                        *known = (over + 1, line);
                    }
                }
                Event::Received { stanza_id, .. } => {
                    let Some(of) = self.messages.get(stanza_id.as_str()).copied() else { continue };
                    if of < known.0 {
                        let what = format!(
                            "{}: {} is shown {stanza_id} of incarnation {of}, after incarnation {}",
                            self.room, line.session, known.0
                        );
                        breaches.push(Breach::new(what, &[known.1, line]));
                    } else {
                        *known = (of, line);
                    }
                }
                _ => {}
            }
        }
        breaches
    }

    /// Affiliations of an incarnation that is over, and that nobody was given since.
    fn inherited(&self, calls: &[Call<'_>]) -> Vec<Breach> {
        let dead = self.dead(calls);
        let judge = |call: &Call<'_>| {
            let over = dead.range(..call.invoked).next_back().map(|(_, number)| *number)?;
            let (old, new) = self.lives.split_at(over.min(self.lives.len()));
            let granted = |lives: &[Life<'_>], held: &(&str, &str)| lives.iter().any(|life| life.granted.contains(held));
            let held = held(call).into_iter().find(|held| granted(old, held) && !granted(new, held))?;
            let what =
                format!("{}: {} is {} as in an incarnation that is over, and nobody made it so since", self.room, held.0, held.1);
            Some(Breach::new(what, &call.lines()))
        };
        calls.iter().filter_map(judge).collect()
    }
}

/// The room is made by somebody while somebody else is in it: came before, never left, and is heard there afterwards.
fn made_over(run: &Run, room: &str, calls: &[Call<'_>]) -> Vec<Breach> {
    let made: Vec<&Call<'_>> = calls.iter().filter(|call| is_made(call)).collect();
    let said = calls.iter().filter(|call| matches!(call.answer(), Some(Answer::Reflected { .. })));
    let mut said: BTreeMap<usize, &Call<'_>> = said.map(|call| (call.invoked, call)).collect();
    let mut stays: BTreeMap<&str, (usize, &Line)> = BTreeMap::new();
    let mut breaches = Vec::new();
    for (number, line) in run.history.lines.iter().enumerate().filter(|(_, line)| line.room == room) {
        match &line.event {
            Event::Joined => drop(stays.insert(&line.session, (number, line))),
            Event::Left { .. } => drop(stays.remove(line.session.as_str())),
            _ => {}
        }
        let Some(said) = said.remove(&number) else { continue };
        let Some((joined, came)) = stays.get(line.session.as_str()) else { continue };
        let within = |made: &&&Call<'_>| made.invoked > *joined && made.returned().is_some_and(|end| end < number);
        if let Some(made) = made.iter().find(|made| within(made)) {
            let what = format!("{room}: {} makes the room while {} is in it", made.asked.session, line.session);
            let proof: Vec<&Line> = [*came].into_iter().chain(made.lines()).chain(said.lines()).collect();
            breaches.push(Breach::new(what, &proof));
            stays.remove(line.session.as_str());
        }
    }
    breaches
}

fn is_made(call: &Call<'_>) -> bool {
    matches!(call.answer(), Some(Answer::Inside { created: true, .. }))
}

fn needs_a_room(deed: &Deed) -> bool {
    matches!(
        deed,
        Deed::Join { .. }
            | Deed::Rename { .. }
            | Deed::Message { .. }
            | Deed::Whisper { .. }
            | Deed::Moderate { .. }
            | Deed::Register { .. }
            | Deed::Unregister { .. }
            | Deed::Configure { .. }
            | Deed::Destroy
    )
}

fn granted(item: &Standing) -> Option<(&str, &str)> {
    match item {
        Standing::Affiliation { jid, affiliation, .. } => Some((jid, affiliation)),
        Standing::Role { .. } => None,
    }
}

/// The affiliations that an answer tells of, with the bare JIDs that have them.
fn held<'a>(call: &Call<'a>) -> Vec<(&'a str, &'a str)> {
    match (call.act, call.answer()) {
        (Act::Affiliations { affiliation }, Some(Answer::Jids { jids })) => {
            jids.iter().map(|jid| (jid.as_str(), affiliation.as_str())).collect()
        }
        (_, Some(Answer::Inside { affiliation, .. })) if !call.inside => vec![(call.bare(), affiliation)],
        _ => Vec::new(),
    }
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

    const RACE: &str = "a/x asks e1 enter a\nb/y asks e2 enter b\na/x told e1 created a\nb/y told e2 inside b none";

    #[test]
    fn of_two_who_race_one_makes_the_room() {
        passes(RACE, "1 a/x creates a\n2 b/y join b", 1);
        let both = RACE.replace("inside b none", "created b");
        let found = breaches(&both, "1 a/x creates a\n2 b/y join b");
        assert_eq!(found, ["r@s: b/y is told 1 times that it made the room, and made it 0 times"]);
        let found = breaches(&both, "1 a/x creates a\n2 b/y creates b");
        assert!(found[0].starts_with("r@s: entry 2 makes the room anew while it is there"), "{found:?}");
    }

    #[test]
    fn who_makes_the_room_is_told_so() {
        let silent = RACE.replace("created a", "inside a owner");
        assert_eq!(
            breaches(&silent, "1 a/x creates a\n2 b/y join b"),
            ["r@s: a/x made the room 1 times, and is told so 0 times"]
        );
        passes(&RACE.replace("told e1 created a", "unknown e1"), "1 a/x creates a\n2 b/y join b", 1);
        passes(&RACE.replace("told e1 created a", "unknown e1"), "1 c/z creates a\n2 b/y join b", 1);
    }

    #[test]
    fn a_temporary_room_ends_with_its_last_occupant_and_a_persistent_one_does_not() {
        let both = "a/x asks e1 enter a\na/x told e1 created a\nb/y asks e2 enter b\nb/y told e2 created b";
        passes(both, "1 a/x creates a\n2 a/x leave left a/x\n3 b/y creates b", 2);
        let found = breaches(both, "1 a/x creates a\n2 a/x configure persistentroom=1\n3 a/x leave left a/x\n4 b/y creates b");
        assert!(found[0].starts_with("r@s: entry 4 makes the room anew while it is there"), "{found:?}");
    }

    #[test]
    fn nothing_happens_in_a_room_that_is_not_there() {
        let history = "a/x asks e1 enter a\na/x told e1 created a\na/x asks d1 destroy\na/x told d1 done";
        passes(history, "1 a/x creates a\n2 a/x destroy", 1);
        let found = breaches(history, "1 a/x creates a\n2 a/x destroy\n3 b/y join b");
        assert!(found[0].starts_with("r@s: entry 3 happens in a room that is not there"), "{found:?}");
    }

    /// Made, talked in, destroyed, and made again.
    const TWO: &str =
        "a/x asks e1 enter a\na/x told e1 created a\na/x received i2\na/x asks d1 destroy\na/x told d1 done\na/x left destroyed
        b/y asks e2 enter b\nb/y told e2 created b";
    const TWO_LOG: &str =
        "1 a/x creates a\n2 a/x message i2\n3 a/x affiliation c member\n4 a/x destroy\n5 b/y creates b\n6 b/y message i6";

    #[test]
    fn what_was_said_before_the_end_is_not_shown_behind_it() {
        passes(&format!("{TWO}\nb/y received i6"), TWO_LOG, 2);
        let found = breaches(&format!("{TWO}\nb/y shown i2"), TWO_LOG);
        assert_eq!(found, ["r@s: b/y is shown i2 of incarnation 1, after incarnation 2"]);
        let late = "a/x asks e1 enter a\na/x told e1 created a\na/x received i6\na/x received i2\nb/y asks e2 enter b\nb/y told e2 created b";
        assert_eq!(breaches(late, TWO_LOG), ["r@s: a/x is shown i2 of incarnation 1, after incarnation 2"]);
        // Somebody else may be shown late what was said in time.
        passes(&format!("c/z received i2\n{TWO}\nc/z received i2"), TWO_LOG, 2);
    }

    #[test]
    fn a_room_that_is_made_again_inherits_no_affiliation() {
        let asks = format!("{TWO}\nb/y asks q1 affiliations member\nb/y told q1 jids");
        passes(&asks, TWO_LOG, 2);
        let found = breaches(&format!("{asks} c"), TWO_LOG);
        assert_eq!(found, ["r@s: c is member as in an incarnation that is over, and nobody made it so since"]);
        passes(&format!("{asks} c"), &format!("{TWO_LOG}\n7 b/y affiliation c member"), 2);
        let enters = format!("{TWO}\na/z asks e3 enter a\na/z told e3 inside a owner");
        let found = breaches(&enters, &format!("{TWO_LOG}\n7 a/z join a"));
        assert_eq!(found, ["r@s: a is owner as in an incarnation that is over, and nobody made it so since"]);
    }

    #[test]
    fn without_a_log_a_room_is_judged_by_what_was_told() {
        let inside = "a/x joined\nb/y asks e2 enter b\nb/y told e2 created b\na/x asks s1 say\na/x told s1 reflected 1";
        let history = format!("a/x asks e1 enter a\na/x told e1 created a\n{inside}");
        assert_eq!(breaches(&history, ""), ["r@s: b/y makes the room while a/x is in it"]);
        let left = history.replace("a/x asks s1", "a/x left itself\na/x asks s1");
        passes(&left, "", 2);
        let over = "a/x asks e1 enter a\na/x told e1 created a\na/x asks d1 destroy\na/x told d1 done\nb/y asks e2 enter b\nb/y told e2 inside b none";
        assert!(breaches(over, "")[0].contains("Existence"));
    }

    #[test]
    fn a_run_in_which_no_room_is_made_tests_nothing() {
        assert!(matches!(check(&run("a/x asks s1 say\na/x told s1 reflected 1", "1 - leave")), Verdict::Untested(_)));
    }
}

//! I9, linearizable: affiliations, configuration, subject and registrations of a room change and are read as if one call came after the other. What
//! was acknowledged is never lost, and no room is ever without an owner.

use crate::journal::Entry;
use crate::linearizability::calls::{Call, calls, rooms};
use crate::linearizability::folded::{Folded, entries_of, tells_of};
use crate::linearizability::keys::{explain, keys};
use crate::linearizability::witness::compare;
use crate::run_dir::Run;
use crate::verdict::{Breach, Verdict};

/// Checks every room: against the log, where the log of the room is whole, and else each key by itself.
pub fn check(run: &Run) -> Verdict {
    let mut sums = Sums::default();
    for room in rooms(&run.history) {
        let calls = calls(&run.history, room);
        let all = entries_of(&run.journal, room);
        match tells_of(run, room) {
            true => sums.by_log(room, &calls, &Folded::of(&run.journal, room), &all),
            false => sums.by_keys(room, &calls),
        }
    }
    match sums.gave_up.as_slice() {
        [room, ..] if sums.breaches.is_empty() => {
            Verdict::Inconclusive(format!("the search of an order for {room} reached its limit"))
        }
        _ => Verdict::of(sums.breaches, sums.checked, "nobody asked for what a room keeps"),
    }
}

#[derive(Default)]
struct Sums<'a> {
    breaches: Vec<Breach>,
    checked: usize,
    gave_up: Vec<&'a str>,
}

impl<'a> Sums<'a> {
    fn by_log(&mut self, room: &'a str, calls: &[Call<'_>], folded: &Folded<'_>, all: &[&Entry]) {
        let compared = compare(calls, folded, all);
        self.add(room, compared.breaches, compared.checked, compared.gave_up);
        let ownerless = folded.entries.iter().zip(folded.kept.iter().skip(1)).find(|(_, kept)| {
            // A room that ended is not without an owner.
            kept.exists && !kept.affiliations.values().any(|affiliation| affiliation == "owner")
        });
        let what = |entry: &Entry| format!("{room} has no owner any more behind entry {} of shard {}", entry.index, entry.shard);
        self.breaches.extend(ownerless.map(|(entry, _)| Breach::new(what(entry), &[]).with(&[entry])));
    }

    fn by_keys(&mut self, room: &'a str, calls: &[Call<'_>]) {
        for key in keys(calls) {
            let explained = explain(&key, calls);
            self.add(room, explained.breach.into_iter().collect(), explained.checked, explained.gave_up);
        }
    }

    fn add(&mut self, room: &'a str, breaches: Vec<Breach>, checked: usize, gave_up: bool) {
        let in_room = |breach: Breach| Breach { what: format!("{room}: {}", breach.what), ..breach };
        self.breaches.extend(breaches.into_iter().map(in_room));
        self.checked += checked;
        self.gave_up.extend(gave_up.then_some(room));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    const MADE: &str = "a/x asks e1 enter alice\na/x told e1 created alice\n";
    const MADE_LOG: &str = "1 a/x creates alice\n";

    #[test]
    fn what_was_changed_is_read() {
        let history = "a/x asks s1 affiliation b member\na/x told s1 done\na/x asks s2 configure name=tea\na/x told s2 done
            a/x asks s3 affiliations member\na/x told s3 jids b\na/x asks s4 configuration\na/x told s4 fields name=tea public=0
            a/x asks s5 subject cake\na/x told s5 reflected 4\nb/y asks s6 enter bob\nb/y told s6 inside bob member
            b/y seen <message><subject>cake</subject></message>\nb/y asks s7 register bob\nb/y told s7 done
            b/y asks s8 registration\nb/y told s8 nicks bob\nb/y asks s9 unregister\nb/y told s9 done
            b/y asks s10 registration\nb/y refused s10 auth/registration-required\na/x asks s11 affiliations member\na/x told s11 jids";
        let journal = "2 a/x affiliation b member\n3 a/x configure name=tea public=0\n4 a/x subject 4 cake\n5 b/y join bob
            6 b/y register bob\n7 b/y affiliation b none";
        passes(&format!("{MADE}{history}"), &format!("{MADE_LOG}{journal}"), 11);
        passes(&format!("{MADE}{history}"), "", 19);
    }

    #[test]
    fn a_change_that_was_acknowledged_and_is_not_in_the_log_fails() {
        let history = format!("{MADE}a/x asks s1 affiliation b member\na/x told s1 done");
        assert_eq!(breaches(&history, MADE_LOG), ["r@s: a/x is told that this is done, and the log has no entry of it"]);
        let history = history.replace("told s1 done", "unknown s1");
        passes(&history, MADE_LOG, 1);
        passes(&history, &format!("{MADE_LOG}2 a/x affiliation b member"), 1);
    }

    #[test]
    fn one_entry_is_not_two_calls() {
        let twice = "a/x asks s1 affiliation b member\na/x told s1 done\na/x asks s2 affiliation b member\na/x told s2 done";
        let found = breaches(&format!("{MADE}{twice}"), &format!("{MADE_LOG}2 a/x affiliation b member"));
        assert!(found[0].contains("a/x is told that this is done, and in the log it is not done by then"), "{found:?}");
    }

    #[test]
    fn one_call_is_not_two_entries() {
        let once = format!("{MADE}a/x asks s1 affiliation b member\na/x told s1 done");
        let found = breaches(&once, &format!("{MADE_LOG}2 a/x affiliation b member\n3 a/x affiliation b member"));
        assert!(found[0].contains("the log goes on behind all calls"), "{found:?}");
    }

    #[test]
    fn a_change_that_was_refused_and_is_in_the_log_fails() {
        let history = format!("{MADE}a/x asks s1 affiliation b member\na/x refused s1 auth/forbidden");
        let found = breaches(&history, &format!("{MADE_LOG}2 a/x affiliation b member"));
        assert!(
            found[0].starts_with("r@s: was refused to whoever asked for what the log has: entry 2 of shard 1: "),
            "{found:?}"
        );
        let history = history.replace("auth/forbidden", "wait/resource-constraint");
        passes(&history, &format!("{MADE_LOG}2 a/x affiliation b member"), 1);
        let found = breaches(MADE, &format!("{MADE_LOG}2 a/x affiliation b member"));
        assert!(found[0].starts_with("r@s: nobody asked for what the log has: entry 2"), "{found:?}");
        passes(MADE, &format!("{MADE_LOG}2 - affiliation b member"), 1);
    }

    #[test]
    fn an_old_list_fails() {
        let old = "a/x asks s1 affiliation b outcast\na/x told s1 done\na/x asks s2 affiliations outcast\na/x told s2 jids";
        let (history, journal) = (format!("{MADE}{old}"), format!("{MADE_LOG}2 a/x affiliation b outcast"));
        let found = breaches(&history, &journal);
        assert!(found[0].contains("those with outcast are [b], and not []"), "{found:?}");
        let found = breaches(&history, "");
        assert!(found[0].starts_with("r@s: no order of the calls explains what a/x was told of Affiliation(\"b\")"), "{found:?}");
        let Verdict::Fail(proved) = check(&run(&history, &journal)) else { panic!("it passes") };
        assert_eq!(proved[0].proof.len(), 2, "the question and its answer");
        // A question that was asked before the answer may be answered by either.
        let both = "a/x asks s1 affiliation b outcast\na/y asks s2 affiliations outcast\na/x told s1 done\na/y told s2 jids";
        passes(&format!("{MADE}{both}"), &journal, 3);
    }

    #[test]
    fn answers_against_the_order_of_the_log_fail() {
        let race = "a/x asks s1 configure name=tea\na/y asks s2 configure name=cake\na/x told s1 done\na/y told s2 done
            a/x asks s3 configuration\na/x told s3 fields name=cake";
        let history = format!("{MADE}{race}");
        passes(&history, &format!("{MADE_LOG}2 a/x configure name=tea\n3 a/y configure name=cake"), 4);
        let found = breaches(&history, &format!("{MADE_LOG}2 a/y configure name=cake\n3 a/x configure name=tea"));
        assert!(found[0].contains("name is \"tea\", and not \"cake\""), "{found:?}");
        passes(&history, "", 6);
    }

    #[test]
    fn a_change_that_is_undone_by_a_new_home_fails() {
        let history = "a/x asks s1 register alice\na/x told s1 done\na/x asks s2 registration\na/x told s2 nicks";
        let found = breaches(&format!("{MADE}{history}"), &format!("{MADE_LOG}2 a/x register alice"));
        assert!(found[0].contains("a has the nick alice, and not no nick"), "{found:?}");
        assert!(breaches(&format!("{MADE}{history}"), "")[0].contains("Nick(\"a\")"));
    }

    #[test]
    fn who_enters_is_told_what_it_is_at_that_place_of_the_log() {
        let enters = "a/x asks s1 affiliation b admin\nb/y asks s2 enter bob\na/x told s1 done\nb/y told s2 inside bob none";
        let history = format!("{MADE}{enters}");
        passes(&history, &format!("{MADE_LOG}2 b/y join bob\n3 a/x affiliation b admin"), 3);
        let found = breaches(&history, &format!("{MADE_LOG}2 a/x affiliation b admin\n3 b/y join bob"));
        assert!(found[0].contains("b is admin, and not none"), "{found:?}");
    }

    #[test]
    fn a_room_without_an_owner_fails() {
        let history = format!("{MADE}a/x asks s1 affiliation a none\na/x told s1 done");
        let found = breaches(&history, &format!("{MADE_LOG}2 a/x affiliation a none"));
        assert_eq!(found, ["r@s has no owner any more behind entry 2 of shard 1"]);
        let history = format!("{MADE}a/x asks s1 destroy\na/x told s1 done");
        passes(&history, &format!("{MADE_LOG}2 a/x destroy"), 2);
    }

    #[test]
    fn a_room_that_is_made_again_keeps_nothing() {
        let again = "a/x asks s1 affiliation b member\na/x told s1 done\na/x asks s2 destroy\na/x told s2 done
            c/z asks s3 enter carol\nc/z told s3 created carol\nc/z asks s4 affiliations owner\nc/z told s4 jids c
            c/z asks s5 affiliations member\nc/z told s5 jids";
        let journal = "2 a/x affiliation b member\n3 a/x destroy\n4 c/z creates carol";
        passes(&format!("{MADE}{again}"), &format!("{MADE_LOG}{journal}"), 6);
        let inherits = again.replace("s5 jids", "s5 jids b");
        assert!(!check(&run(&format!("{MADE}{inherits}"), &format!("{MADE_LOG}{journal}"))).passed());
        assert!(!check(&run(&format!("{MADE}{inherits}"), "")).passed());
    }

    #[test]
    fn a_room_whose_log_is_missing_is_judged_by_what_was_told() {
        let history = format!("{MADE}a/x asks s1 affiliation b member\na/x told s1 done");
        let mut run = run(&history, "1 - leave");
        run.journal[0].room = Some("other@s".to_owned());
        assert!(!check(&run).passed(), "nothing is missing, so it was lost");
        let replica = json!({"node": 1, "shard": 2, "applied": 9, "hash": "", "entries": null, "digests": []});
        run.replicas.push(serde_json::from_value(replica).expect("a replica"));
        assert_eq!(check(&run), Verdict::Pass { checked: 4 });
    }

    #[test]
    fn a_run_in_which_nobody_asks_tests_nothing() {
        assert!(matches!(check(&run("a/x asks s1 say\na/x told s1 reflected 1", "")), Verdict::Untested(_)));
    }
}

//! All verdicts of a run. Whatever is not proved to be kept is red: a promise that was broken, and a run that does not say.
//!
//! Not judged yet are I8 (the archive is what the room committed), I17 (stream management) and I22 (versions side by side): what they speak of is
//! not built. A plan that names them is inconclusive.

mod conclusive;
mod table;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::checkers::*;
use crate::evidence::Evidence;
use crate::run_dir::{NoRun, Run};
use crate::sums::Sums;
use crate::verdict::{Breach, Verdict};

/// Breaches of one promise that are written to `verdicts.json`, at most: a thousand say no more than a hundred.
const WRITTEN_MAX: usize = 100;

/// A promise's number, what it says in a few words, and who checks it.
pub(crate) struct Promise {
    pub number: &'static str,
    pub title: &'static str,
    check: for<'a, 'b> fn(&'a Evidence<'b>) -> Verdict,
    /// Whether it can be judged by what clients saw alone.
    without_journal: bool,
}

const fn promise(number: &'static str, title: &'static str, check: for<'a, 'b> fn(&'a Evidence<'b>) -> Verdict) -> Promise {
    Promise { number, title, check, without_journal: false }
}

impl Promise {
    const fn without_journal(self) -> Promise {
        Promise { without_journal: true, ..self }
    }
}

/// All promises that are judged.
pub(crate) const PROMISES: &[Promise] = &[
    promise("I1", "order", i1_order::check),
    promise("I2", "gap-free, once", i2_gap_free::check),
    promise("I3", "acknowledged is durable", i3_durable::check),
    promise("I4", "at most once per send", i4_at_most_once::check),
    promise("I5", "no phantom, no damage", i5_no_phantom::check),
    promise("I6", "honest unknown", i6_honest_unknown::check),
    promise("I7", "join cut", i7_join_cut::check),
    promise("I9", "affiliations, settings", |evidence| i9_linearizable::check(evidence.run)).without_journal(),
    promise("I10", "bans and other bars", i10_ban::check),
    promise("I11", "nicks", |evidence| i11_nick::check(evidence.run)).without_journal(),
    promise("I12", "one room", |evidence| i12_one_room::check(evidence.run)).without_journal(),
    promise("I13", "roster converges", i13_roster_converges::check),
    promise("I14", "no ghosts", i14_no_ghosts::check),
    promise("I15", "no false departure", i15_no_false_departure::check),
    promise("I16", "self-ping is honest", i16_self_ping::check),
    promise("I18", "a minority refuses", i18_minority_refuses::check),
    promise("I19", "privacy", i19_privacy::check),
    promise("I20", "recovery", i20_recovery::check).without_journal(),
    promise("I21", "replicas agree", i21_replicas_agree::check),
    promise("I23", "bounded", i23_bounded::check).without_journal(),
];

/// What became of a run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// Every promise that was put to the test was kept, and all that were to be were.
    Pass,
    /// A promise was broken.
    Fail,
    /// None was seen to be broken, but the run does not say all that it should.
    Inconclusive,
}

/// All that is to be said of a run.
#[derive(Clone, PartialEq, Debug)]
pub struct Judgement {
    /// In a word.
    pub outcome: Outcome,
    /// Why the run does not say all that it should, if so; apart from single promises.
    pub missing: Vec<String>,
    /// What the runner itself saw that must not be: the run fails by any of it.
    pub findings: Vec<String>,
    /// For each promise its number, what it says, and the verdict.
    pub verdicts: Vec<(&'static str, &'static str, Verdict)>,
    /// Sends and what became of them.
    pub totals: Sums,
}

/// Judges a run.
pub fn judge(run: &Run) -> Judgement {
    let evidence = Evidence::of(run);
    let missing = conclusive::missing(&evidence);
    let verdict = |promise: &Promise| {
        let named = run.plan.promises.iter().any(|named| named == promise.number);
        let is_judged = promise.without_journal || !run.journal.is_empty();
        let verdict =
            if is_judged { (promise.check)(&evidence) } else { Verdict::Inconclusive("there is no journal".to_owned()) };
        let verdict = match verdict {
            Verdict::Untested(why) if named => Verdict::Inconclusive(why),
            verdict => verdict,
        };
        (promise.number, promise.title, verdict)
    };
    let verdicts: Vec<_> = PROMISES.iter().map(verdict).collect();
    let any = |is: fn(&Verdict) -> bool| verdicts.iter().any(|(_, _, verdict)| is(verdict));
    let findings: Vec<String> = run.findings.iter().map(|finding| finding.what.clone()).collect();
    let outcome = if !findings.is_empty() || any(|verdict| matches!(verdict, Verdict::Fail(_))) {
        Outcome::Fail
    } else if !missing.is_empty() || any(|verdict| matches!(verdict, Verdict::Inconclusive(_))) {
        Outcome::Inconclusive
    } else {
        Outcome::Pass
    };
    Judgement { outcome, missing, findings, verdicts, totals: Sums::of(run) }
}

impl Outcome {
    /// As tables have it.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Pass => "pass",
            Outcome::Fail => "FAIL",
            Outcome::Inconclusive => "inconclusive",
        }
    }
}

impl Judgement {
    /// Writes `verdicts.json` into the run's directory.
    pub fn write(&self, dir: &Path) -> Result<(), NoRun> {
        let path = dir.join("verdicts.json");
        fs::write(&path, format!("{:#}\n", self.to_json())).map_err(|error| NoRun { path, why: error.to_string() })
    }

    /// As `verdicts.json` has it.
    pub fn to_json(&self) -> Value {
        let verdicts = self.verdicts.iter().map(|(number, title, verdict)| {
            let (checked, why, breaches): (_, Option<&str>, &[Breach]) = match verdict {
                Verdict::Pass { checked } => (Some(*checked), None, &[]),
                Verdict::Fail(breaches) => (None, None, breaches),
                Verdict::Inconclusive(why) | Verdict::Untested(why) => (None, Some(why), &[]),
            };
            json!({
                "promise": number, "title": title, "verdict": verdict.word().to_lowercase(), "checked": checked, "why": why,
                "breaches": breaches.iter().take(WRITTEN_MAX).map(breach_json).collect::<Vec<_>>(), "broken": breaches.len(),
            })
        });
        json!({
            "outcome": self.outcome.word().to_lowercase(), "missing": self.missing, "findings": self.findings, "verdicts": verdicts.collect::<Vec<_>>(),
            "totals": self.totals,
        })
    }

    /// The verdict on a promise by its number; none if nobody judges it.
    pub fn verdict(&self, number: &str) -> Option<&Verdict> {
        self.verdicts.iter().find(|(other, _, _)| *other == number).map(|(_, _, verdict)| verdict)
    }
}

fn breach_json(breach: &Breach) -> Value {
    json!({ "what": breach.what, "proof": breach.proof, "entries": breach.entries, "records": breach.records })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::run;

    /// A run that is short and whole.
    const WHOLE: &str = "- phase setting\nA enter e1 ada\n= create A ada\nA sees ada moderator 201,110\nA made e1 ada\nA joined\n\
                         A invoke s1\n= say 1 s1 ada A\nA received 1 s1\nA ok s1 1\n- phase looking\n- phase over";

    #[test]
    fn a_run_that_is_whole_passes_and_what_it_was_not_for_is_untested() {
        let mut run = run(WHOLE);
        run.plan.promises = ["I1", "I3"].map(str::to_owned).to_vec();
        let judgement = judge(&run);
        assert_eq!((judgement.outcome, judgement.missing.as_slice()), (Outcome::Pass, [].as_slice()));
        assert!(matches!(judgement.verdict("I21"), Some(Verdict::Untested(_))));
        let totals = Sums { operations: 2, sent: 1, acknowledged: 1, delivered: 1, ..Sums::default() };
        assert_eq!(judgement.totals, Sums { lost: judgement.totals.lost, out_of_order: judgement.totals.out_of_order, ..totals });
        assert_eq!(judgement.to_json()["verdicts"][0]["verdict"], "pass");
        assert!(judgement.to_string().contains("  I1  order                        pass          1 checked\n"), "{judgement}");
    }

    #[test]
    fn a_breach_is_a_fail_and_is_written_with_its_proof() {
        let judgement = judge(&run(&WHOLE.replace("= say 1 s1 ada A\n", "= say 2 s2 ada A\n")));
        assert_eq!(judgement.outcome, Outcome::Fail);
        let dir = tempfile::tempdir().expect("a directory");
        judgement.write(dir.path()).expect("written");
        let written: Value =
            serde_json::from_str(&fs::read_to_string(dir.path().join("verdicts.json")).expect("a file")).expect("JSON");
        assert_eq!(written["outcome"], "fail");
        assert_eq!(written["verdicts"][0]["breaches"][0]["proof"][0]["stanza_id"], "1");
        let what = "I1 order: FAIL, 1 times\n  A is shown 1, which the room has not committed\n    {\"at\":9,";
        assert!(judgement.to_string().contains(what), "{judgement}");
    }

    #[track_caller]
    fn missing(text: &str, change: impl FnOnce(&mut Run)) -> String {
        let mut run = run(text);
        change(&mut run);
        let judgement = judge(&run);
        assert_eq!(judgement.outcome, Outcome::Inconclusive);
        judgement.missing.join("; ")
    }

    #[test]
    fn a_run_that_does_not_say_all_is_inconclusive() {
        assert_eq!(missing(&WHOLE.replace("\n- phase over", ""), |_| {}), "the run broke off before its end");
        assert_eq!(missing("- phase over", |_| {}), "there is no journal");
        let shards = missing(WHOLE, |run| {
            let of_shard = |shard| crate::journal::Replica {
                node: 1,
                shard: Some(shard),
                applied: 9,
                hash: String::new(),
                entries: Some((1, 9)),
                digests: Vec::new(),
            };
            run.replicas = vec![of_shard(1), of_shard(2)];
        });
        assert_eq!(shards, "the journal has nothing of shard 2");
        let fault = format!("- fault 1 kill begun 2\n{WHOLE}");
        assert_eq!(missing(&fault, |_| {}), "fault 1, kill, was never felt: 2");
        let class = missing(WHOLE, |run| run.plan.faults.push("freeze".to_owned()));
        assert_eq!(class, "there was to be a fault freeze, and there was none");
        let waits = format!("A role r1 bob visitor\nA refused r1 wait resource-constraint\n{WHOLE}");
        assert_eq!(missing(&waits, |_| {}), "nobody who asked for role was ever answered");
        assert_eq!(
            missing(WHOLE, |run| run.plan.promises.push("I8".to_owned())),
            "I8 is to be put to the test, and nobody judges it"
        );
    }

    #[test]
    fn a_run_without_a_journal_breaks_no_promise() {
        let without: String = WHOLE.lines().filter(|line| !line.starts_with('=')).map(|line| format!("{line}\n")).collect();
        let judgement = judge(&run(&without));
        assert_eq!(judgement.outcome, Outcome::Inconclusive, "{judgement}");
    }

    #[test]
    fn a_promise_that_the_run_was_for_and_that_was_not_tested_is_inconclusive() {
        let mut run = run(WHOLE);
        run.plan.promises.push("I14".to_owned());
        let judgement = judge(&run);
        assert_eq!(judgement.outcome, Outcome::Inconclusive);
        assert!(matches!(judgement.verdict("I14"), Some(Verdict::Inconclusive(_))));
    }
}

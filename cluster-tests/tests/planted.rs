//! Every bug that can be planted is found: with it a trial fails, and by the promise that it should, or the judge says of a play that the promise was
//! broken; without it the same seed shows nothing. `cargo test -p cluster-tests --features planted --test planted`

#![cfg(feature = "planted")]

use std::collections::BTreeSet;
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use cluster_tests::judge::{Judgement, Outcome, judge};
use cluster_tests::planted::{PLANTED, Planted, Proof};
use cluster_tests::simulation::{Failure, Trial};
use cluster_tests::traffic::Profile;
use cluster_tests::traffic::simulated::{Story, play};
use cluster_tests::verdict::Verdict;
use conclave_server::planted;

/// A bug is planted in the whole process, so only one test at a time may have one: the others wait here.
static GARDEN: Mutex<()> = Mutex::new(());

macro_rules! bugs {
    ($($test:ident: $name:literal)*) => {
        $(
            #[test]
            fn $test() {
                found($name);
            }
        )*

        #[test]
        fn every_bug_has_a_test_and_a_place_in_the_table() {
            let tested = [$($name),*];
            for name in planted::names() {
                let known = Planted::named(name).unwrap_or_else(|| panic!("{name} is not in the table"));
                let simulated = known.proofs.iter().any(|proof| !matches!(proof, Proof::Run { .. }));
                assert_eq!(tested.contains(&name), simulated, "{name}: is there a test?");
            }
            for known in PLANTED {
                assert!(planted::names().contains(&known.name), "{} cannot be planted", known.name);
                assert!(!known.proofs.is_empty(), "nothing finds {}", known.name);
            }
        }
    };
}

bugs! {
    acknowledge_before_commit: "acknowledge-before-commit"
    ban_unseen: "ban-unseen"
    detach_endless: "detach-endless"
    duplicate_check_off: "duplicate-check-off"
    epoch_check_off: "epoch-check-off"
    expire_stale: "expire-stale"
    frame_dropped: "frame-dropped"
    gap_pull_off: "gap-pull-off"
    ghost_sweep_off: "ghost-sweep-off"
    incarnation_ignored: "incarnation-ignored"
    judged_by_committed: "judged-by-committed"
    ring_too_short: "ring-too-short"
    snapshot_without_occupancy: "snapshot-without-occupancy"
    barrier_off: "barrier-off"
    refusal_overtakes: "refusal-overtakes"
    whisper_astray: "whisper-astray"
    snapshot_without_repeats: "snapshot-without-repeats"
}

/// It takes a minute or two: what a broken node leaves behind is awaited in vain. Runs are made and judged in processes of their own, in which nobody else
/// has planted anything.
#[test]
fn sync_skipped() {
    found_by_runs("sync-skipped");
}

#[test]
fn detach_endless_in_processes() {
    found_by_runs("detach-endless");
}

fn found_by_runs(name: &str) {
    let known = Planted::named(name).expect("it is in the table");
    for proof in known.proofs {
        if let Proof::Run { traffic, faults, seed, promises } = proof {
            let (seed, faults) = (seed.to_string(), faults.join(","));
            let run = ["--seed", &seed, "--traffic", traffic, "--faults", &faults];
            let (passes, broken) = chaos(&[&run[..], &["--planted", known.name]].concat());
            assert!(!passes, "the bug is not found");
            promises.iter().for_each(|promise| assert!(broken.contains(*promise), "{promise} is not found broken: {broken:?}"));
            assert_eq!(chaos(&run), (true, BTreeSet::new()), "without the bug");
        }
    }
}

/// Whether a run passes, and the promises that it finds broken.
fn chaos(arguments: &[&str]) -> (bool, BTreeSet<String>) {
    let dir = tempfile::tempdir().expect("a directory for the run");
    let run = Command::new(env!("CARGO_BIN_EXE_chaos")).arg("run").args(arguments).arg("--dir").arg(dir.path()).status();
    let passes = run.expect("the run is made").success();
    let made =
        std::fs::read_dir(dir.path()).expect("it is there").next().expect("the run has a directory").expect("it can be read");
    let judged = std::fs::read(made.path().join("verdicts.json")).expect("the run was judged");
    let judged: serde_json::Value = serde_json::from_slice(&judged).expect("verdicts are JSON");
    let verdicts = judged["verdicts"].as_array().expect("there are verdicts");
    let broken = verdicts.iter().filter(|is| is["verdict"] == "fail").filter_map(|is| is["promise"].as_str());
    (passes, broken.map(str::to_owned).collect())
}

/// What runs in the simulation.
fn found(name: &str) {
    let _only_one = GARDEN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = Planted::named(name).expect("it is in the table");
    for proof in known.proofs {
        match proof {
            Proof::Simulated { trial, seed, promise } => trial_finds(name, trial, *seed, promise),
            Proof::Judged { profile, seed, promise } => judge_finds(name, *profile, *seed, promise),
            Proof::Run { .. } => {}
        }
    }
}

fn trial_finds(name: &str, trial: &str, seed: u64, promise: &str) {
    let trial = Trial::named(trial).expect("a trial has this name");
    let Failure { why, .. } = with(name, || trial.run_seed(seed)).expect_err("the bug is not found");
    assert!(is_broken(promise, &why), "not {promise}: {why}");
    trial.run_seed(seed).unwrap_or_else(|failure| panic!("without the bug: {failure}"));
}

/// Whether a trial says that a promise was broken: by a line that begins with its number. A line that only names it says nothing.
fn is_broken(promise: &str, why: &str) -> bool {
    let said = why.strip_prefix("assertion `left == right` failed: ").unwrap_or(why);
    let mut named = said.lines().filter_map(|line| line.strip_prefix(promise));
    named.any(|rest| rest.starts_with(": ") || rest.starts_with(' ') && rest.contains(": FAIL"))
}

fn judge_finds(name: &str, profile: Profile, seed: u64, promise: &str) {
    let judged = || -> Judgement { judge(&play(&Story::of(profile, seed))) };
    let broken = with(name, judged);
    assert!(matches!(broken.verdict(promise), Some(Verdict::Fail(_))), "{promise} is not found broken:\n{broken}");
    let whole = judged();
    assert!(whole.outcome == Outcome::Pass, "without the bug:\n{whole}");
}

fn with<T>(name: &str, act: impl FnOnce() -> T) -> T {
    planted::plant(name).expect("it can be planted");
    let done = act();
    planted::weed();
    done
}

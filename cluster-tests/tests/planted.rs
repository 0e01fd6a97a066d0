//! Every bug that can be planted is found: with it a trial fails, and by the promise that it should; without it the same trial with the same seed
//! does not. `cargo test -p cluster-tests --features planted --test planted`

#![cfg(feature = "planted")]

use std::path::Path;
use std::sync::{Mutex, PoisonError};

use cluster_tests::faults::Class;
use cluster_tests::planted::{PLANTED, Planted, Proof};
use cluster_tests::runner::{self, Order};
use cluster_tests::simulation::{Failure, Trial};
use cluster_tests::traffic::Profile;
use conclave_server::planted;

/// A bug is planted in the whole process, so only one test at a time may have one: the others wait here.
static GARDEN: Mutex<()> = Mutex::new(());

macro_rules! bugs {
    ($($test:ident: $name:literal)*) => {
        $(
            #[test]
            fn $test() {
                simulation_finds($name);
            }
        )*

        #[test]
        fn every_bug_has_a_test_and_a_place_in_the_table() {
            let tested = [$($name),*];
            for name in planted::names() {
                let known = Planted::named(name).unwrap_or_else(|| panic!("{name} is not in the table"));
                let simulated = known.proofs.iter().any(|proof| matches!(proof, Proof::Simulated { .. }));
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

/// It takes a minute or two: what a broken node leaves behind is awaited in vain.
#[test]
fn sync_skipped() {
    let known = Planted::named("sync-skipped").expect("it is in the table");
    for proof in known.proofs {
        if let Proof::Run { traffic, faults, seed, promises } = proof {
            let faults: Vec<Class> = faults.iter().map(|class| Class::named(class).expect("a class has this name")).collect();
            let traffic = Profile::parse(traffic).expect("a profile has this name");
            let (nodes, planted) = (runner::nodes_for(&faults), Some(known.name.to_owned()));
            let order = Order { seed: *seed, traffic, faults, nodes, safety: runner::SAFETY, planted };
            let dir = tempfile::tempdir().expect("a directory for the run");
            let passed = runner::run_and_judge(&order, Path::new(env!("CARGO_BIN_EXE_conclave-under-test")), dir.path());
            assert!(!passed, "the bug is not found");
            let judged = std::fs::read(dir.path().join(order.name()).join("verdicts.json")).expect("the run was judged");
            let judged: serde_json::Value = serde_json::from_slice(&judged).expect("verdicts are JSON");
            let verdicts = judged["verdicts"].as_array().expect("there are verdicts");
            let broken = |promise: &str| verdicts.iter().any(|is| is["promise"] == promise && is["verdict"] == "fail");
            promises.iter().for_each(|promise| assert!(broken(promise), "{promise} is not found broken"));
        }
    }
}

fn simulation_finds(name: &str) {
    let _only_one = GARDEN.lock().unwrap_or_else(PoisonError::into_inner);
    let known = Planted::named(name).expect("it is in the table");
    for proof in known.proofs {
        if let Proof::Simulated { trial, seed, promise } = proof {
            let trial = Trial::named(trial).expect("a trial has this name");
            planted::plant(name).expect("it can be planted");
            let found = trial.run_seed(*seed);
            planted::weed();
            let Failure { why, .. } = found.expect_err("the bug is not found");
            assert!(why.contains(&format!("{promise} ")) || why.contains(&format!("{promise}: ")), "not {promise}: {why}");
            trial.run_seed(*seed).unwrap_or_else(|failure| panic!("without the bug: {failure}"));
        }
    }
}

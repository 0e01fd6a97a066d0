//! Runs that once found something, each a little shorter than it was then: `runs.txt`.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use cluster_tests::runner::{Order, Regression, regressions, run_and_judge};

/// Faults come and go for so long.
const SAFETY: Duration = Duration::from_secs(8);

/// Runs at the same time.
const ABREAST: usize = 3;

/// With `CONCLAVE_EVERY_RUN=1` those, too, that are played only if they are asked for.
#[test]
fn what_runs_found_once_stays_mended() {
    let every = std::env::var_os("CONCLAVE_EVERY_RUN").is_some();
    let all = regressions().unwrap_or_else(|error| panic!("{error}"));
    let played: Vec<_> = all.into_iter().filter(|regression| regression.always || every).collect();
    let next = AtomicUsize::new(0);
    let play = || std::iter::from_fn(|| played.get(next.fetch_add(1, Ordering::Relaxed))).filter_map(back).collect::<Vec<_>>();
    let back: Vec<String> = std::thread::scope(|scope| {
        let players: Vec<_> = (0..ABREAST).map(|_| scope.spawn(play)).collect();
        players.into_iter().flat_map(|player| player.join().unwrap_or_else(|_| vec!["a run panicked".to_owned()])).collect()
    });
    assert!(back.is_empty(), "{}", back.join("\n"));
}

/// What is wrong, if it has come back.
fn back(regression: &Regression) -> Option<String> {
    let order = Order { safety: SAFETY, ..regression.order.clone() };
    let program = Path::new(env!("CARGO_BIN_EXE_conclave-under-test"));
    // Several have the same seed.
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("chaos").join(order.traffic.name());
    let what = || format!("{order}: {}; all that is known of it is in {}", regression.what, dir.join(order.name()).display());
    (!run_and_judge(&order, program, &dir)).then(what)
}

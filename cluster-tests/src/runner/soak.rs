//! Run after run for as long as told.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::row::{Row, never_tested, table};
use super::{Order, judged, run};

/// A line for each run, in the directory of all.
const ROWS: &str = "soak.jsonl";

/// Runs orders by the seeds from the first on, so many at a time, until the time is over; what is under way then is ended properly. Every run's line is printed
/// and stands in `dir/soak.jsonl`; the table of all is printed in the end, and stands in `dir/soak.html`. Whether all passed, and
/// together put every promise to the test.
pub fn soak(long: Duration, first: u64, abreast: usize, program: &Path, dir: &Path) -> bool {
    let (start, next) = (Instant::now(), AtomicU64::new(first));
    let rows = Mutex::new(Vec::new());
    let line = || {
        while start.elapsed() < long {
            let order = Order::of(next.fetch_add(1, Ordering::Relaxed));
            let row = one(&order, program, dir);
            let mut rows = rows.lock().unwrap_or_else(PoisonError::into_inner);
            println!("{order}: {} ({} of {:?})", row.outcome, rows.len() + 1, start.elapsed());
            row.red.iter().for_each(|red| println!("    {red}"));
            let kept = keep(&row, &dir.join(ROWS));
            rows.push(row);
            if let Err(error) = kept {
                rows.push(Row::without_a_run(&order, format!("{}: {error}", dir.join(ROWS).display())));
                return;
            }
        }
    };
    if let Err(error) = fs::create_dir_all(dir) {
        eprintln!("{}: {error}", dir.display());
        return false;
    }
    std::thread::scope(|scope| (0..abreast.max(1)).for_each(|_| drop(scope.spawn(line))));
    let rows = rows.into_inner().unwrap_or_else(PoisonError::into_inner);
    println!("{}", table(&rows));
    let untested = never_tested(&rows);
    if !untested.is_empty() {
        println!("inconclusive: {} runs, and none put to the test: {}", rows.len(), untested.join(", "));
    }
    let page = dir.join("soak.html");
    if let Err(error) = fs::write(&page, crate::report::summary(&rows)) {
        eprintln!("{}: {error}", page.display());
    }
    !rows.is_empty() && untested.is_empty() && rows.iter().all(Row::passed)
}

/// Behind those of earlier calls for the same directory.
fn keep(row: &Row, path: &Path) -> io::Result<()> {
    let text = serde_json::to_string(row)?;
    let mut kept = File::options().create(true).append(true).open(path)?;
    writeln!(kept, "{text}")
}

fn one(order: &Order, program: &Path, dir: &Path) -> Row {
    match run(order, program, dir).and_then(|dir| judged(&dir)) {
        Ok((row, _)) => row,
        Err(why) => Row::without_a_run(order, why),
    }
}

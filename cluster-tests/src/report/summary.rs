//! What many runs came to, by classes of faults.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::Outcome;
use super::html::{count, document, text};
use super::sums::Sums;
use crate::run_dir::Run;
use crate::verdict::Verdict;

/// One run of many.
#[derive(Clone, PartialEq, Debug)]
pub struct Row {
    /// By which it can be repeated.
    pub seed: u64,
    /// The profile.
    pub traffic: String,
    /// Classes of faults; in the table it counts for each of them.
    pub faults: Vec<String>,
    /// How it came out.
    pub outcome: Outcome,
    /// Names of the promises that were broken, or were not put to the test and should have been.
    pub red: Vec<String>,
    /// What became of its messages.
    pub sums: Sums,
    /// Its directory, for whoever wants to read on.
    pub dir: String,
}

/// What is told of several runs.
#[derive(Clone, Copy, Default)]
struct Total {
    runs: usize,
    passed: usize,
    failed: usize,
    inconclusive: usize,
    sums: Option<Sums>,
}

const HEADS: [&str; 12] = [
    "fault",
    "runs",
    "operations",
    "passed",
    "failed",
    "inconclusive",
    "sent",
    "acknowledged",
    "delivered",
    "lost",
    "doubled",
    "out of order",
];

impl Row {
    /// Of a run that was judged.
    pub fn of(run: &Run, judgement: &[(&str, Verdict)], dir: &str) -> Row {
        let red = |(promise, verdict): &&(&str, Verdict)| match verdict {
            Verdict::Pass { .. } => false,
            Verdict::Fail(_) => true,
            Verdict::Inconclusive(_) => super::promises::is_asked(run, promise),
        };
        Row {
            seed: run.plan.seed,
            traffic: run.plan.traffic.clone(),
            faults: run.plan.faults.clone(),
            outcome: Outcome::of(run, judgement),
            red: judgement.iter().filter(red).map(|(promise, _)| (*promise).to_owned()).collect(),
            sums: Sums::of(run),
            dir: dir.to_owned(),
        }
    }
}

/// As a table for a terminal: a line for each class of faults and one for all, and then each run that is red.
pub fn summary(rows: &[Row]) -> String {
    let table: Vec<[String; 12]> =
        std::iter::once(HEADS.map(str::to_owned)).chain(lines(rows, |number| number.to_string())).collect();
    let widths: Vec<usize> =
        (0..HEADS.len()).map(|at| table.iter().map(|line| line[at].chars().count()).max().unwrap_or(0)).collect();
    let mut out = String::new();
    for (number, line) in table.iter().enumerate() {
        if number == 1 || number + 1 == table.len() {
            let _ = writeln!(out, "{}", "─".repeat(widths.iter().sum::<usize>() + 2 * (widths.len() - 1)));
        }
        let _ = write!(out, "{:<1$}", line[0], widths[0]);
        let cells = line.iter().zip(&widths).skip(1).map(|(cell, width)| format!("  {cell:>width$}"));
        out.extend(cells.chain(["\n".to_owned()]));
    }
    for row in rows.iter().filter(|row| row.outcome != Outcome::Passed) {
        let _ = writeln!(out, "seed {} {}: {} ({}) {}", row.seed, row.traffic, row.outcome.word(), row.red.join(", "), row.dir);
    }
    // A terminal obeys what it is shown; nothing from outside may give it orders.
    out.chars().map(|c| if c.is_control() && c != '\n' { '\u{fffd}' } else { c }).collect()
}

/// The same as a page.
pub fn summary_page(rows: &[Row]) -> String {
    let worst = rows.iter().map(|row| row.outcome).max().unwrap_or(Outcome::Inconclusive);
    let red = rows.iter().filter(|row| row.outcome != Outcome::Passed).count();
    let says = match (rows.len(), red) {
        (0, _) => "No run".to_owned(),
        (all, 0) => format!("All {} runs passed", count(all)),
        (all, red) => format!("{} of {} runs are red", count(red), count(all)),
    };
    let mut body = format!("<header class='{}'><p class='over'>Many runs</p><h1>{says}</h1></header>", worst.word());
    body += "<section><h2>By classes of faults</h2><table><tr>";
    body += &HEADS.map(|head| format!("<th{}>{head}</th>", if head == HEADS[0] { "" } else { " class='n'" })).concat();
    body += "</tr>";
    for line in lines(rows, count) {
        let cells = line
            .iter()
            .enumerate()
            .map(|(at, cell)| format!("<td class='{}'>{}</td>", if at > 0 { "n" } else { "w" }, text(cell)));
        let _ = write!(body, "<tr>{}</tr>", cells.collect::<String>());
    }
    body += "</table></section>";
    if red > 0 {
        let _ = write!(body, "<section><h2>Red runs</h2>{}</section>", red_runs(rows));
    }
    document(&format!("Many runs: {says}"), &body)
}

fn red_runs(rows: &[Row]) -> String {
    let mut out =
        "<table><tr><th class='n'>Seed</th><th>Traffic</th><th>Faults</th><th>Promises</th><th>Directory</th></tr>".to_owned();
    for row in rows.iter().filter(|row| row.outcome != Outcome::Passed) {
        let mark = if row.outcome == Outcome::Failed { "fail" } else { "open" };
        let _ = write!(
            out,
            "<tr><td class='n'>{}</td><td>{}</td><td>{}</td><td><span class='mark {mark}'>{}</span> {}</td><td><code>{}</code></td></tr>",
            row.seed,
            text(&row.traffic),
            text(&row.faults.join(", ")),
            row.outcome.word(),
            text(&row.red.join(", ")),
            text(&row.dir)
        );
    }
    out + "</table>"
}

/// One for each class, and the last one for all.
fn lines(rows: &[Row], shown: fn(usize) -> String) -> Vec<[String; 12]> {
    let mut classes: BTreeMap<&str, Total> = BTreeMap::new();
    let mut all = Total::default();
    for row in rows {
        all.add(row);
        if row.faults.is_empty() {
            classes.entry("none").or_default().add(row);
        }
        row.faults.iter().for_each(|class| classes.entry(class).or_default().add(row));
    }
    classes.into_iter().map(|(class, total)| total.line(class, shown)).chain([all.line("all runs", shown)]).collect()
}

impl Total {
    fn add(&mut self, row: &Row) {
        self.runs += 1;
        match row.outcome {
            Outcome::Passed => self.passed += 1,
            Outcome::Failed => self.failed += 1,
            Outcome::Inconclusive => self.inconclusive += 1,
        }
        self.sums = Some(self.sums.map_or(row.sums, |sums| sums.and(row.sums)));
    }

    fn line(&self, name: &str, shown: fn(usize) -> String) -> [String; 12] {
        let sums = self.sums.unwrap_or_default();
        let known = |number: Option<usize>| number.map_or("?".to_owned(), shown);
        [
            name.to_owned(),
            shown(self.runs),
            shown(sums.operations),
            shown(self.passed),
            shown(self.failed),
            shown(self.inconclusive),
            shown(sums.sent),
            shown(sums.acknowledged),
            shown(sums.delivered),
            known(sums.lost),
            shown(sums.doubled),
            known(sums.out_of_order),
        ]
    }
}

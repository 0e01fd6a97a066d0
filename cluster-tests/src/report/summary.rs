//! What many runs came to, by classes of faults.

use std::collections::BTreeMap;
use std::fmt::Write;

use super::html::{count, document, text};
use crate::judge::Outcome;
use crate::runner::Row;

const HEADS: [&str; 12] = [
    "Fault",
    "Runs",
    "Operations",
    "Passed",
    "Failed",
    "Inconclusive",
    "Sent",
    "Acknowledged",
    "Delivered",
    "Lost",
    "Doubled",
    "Out of order",
];

/// `soak.html`: a line for each class of faults and one for all runs, and then each run that is red.
pub fn summary(rows: &[Row]) -> String {
    let red: Vec<&Row> = rows.iter().filter(|row| row.outcome != Outcome::Pass.word()).collect();
    let failed = red.iter().any(|row| row.outcome == Outcome::Fail.word());
    let (class, says) = match (rows.len(), red.len()) {
        (0, _) => ("inconclusive", "No run".to_owned()),
        (all, 0) => ("passed", format!("All {} runs passed", count(all))),
        (all, some) => {
            (if failed { "failed" } else { "inconclusive" }, format!("{} of {} runs are red", count(some), count(all)))
        }
    };
    let mut body = format!("<header class='{class}'><p class='over'>Many runs</p><h1>{says}</h1></header>");
    let _ = write!(body, "<section><h2>By classes of faults</h2>{}</section>", classes(rows));
    if !red.is_empty() {
        let _ = write!(body, "<section><h2>Red runs</h2>{}</section>", red_runs(&red));
    }
    document(&format!("Many runs: {says}"), &body)
}

/// A run counts for each of its classes.
fn classes(rows: &[Row]) -> String {
    let mut classes: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        row.faults.iter().for_each(|class| classes.entry(class).or_default().push(row));
    }
    let heads = HEADS.map(|head| format!("<th{}>{head}</th>", if head == HEADS[0] { "" } else { " class='n'" })).concat();
    let lines = classes.iter().map(|(class, rows)| line(class, rows));
    let all: Vec<&Row> = rows.iter().collect();
    let lines: String = lines.chain([line("all runs", &all)]).collect();
    format!("<table><tr>{heads}</tr>{lines}</table>")
}

fn line(name: &str, rows: &[&Row]) -> String {
    let sum = |of: fn(&Row) -> usize| rows.iter().map(|row| of(row)).sum::<usize>();
    let of = |outcome: Outcome| rows.iter().filter(|row| row.outcome == outcome.word()).count();
    let numbers = [
        rows.len(),
        sum(|row| row.operations),
        of(Outcome::Pass),
        of(Outcome::Fail),
        of(Outcome::Inconclusive),
        sum(|row| row.sent),
        sum(|row| row.acknowledged),
        sum(|row| row.delivered),
        sum(|row| row.lost),
        sum(|row| row.doubled),
        sum(|row| row.out_of_order),
    ];
    let cells = numbers.map(|number| format!("<td class='n'>{}</td>", count(number))).concat();
    format!("<tr><td class='w'>{}</td>{cells}</tr>", text(name))
}

fn red_runs(rows: &[&Row]) -> String {
    let mut out = "<table><tr><th class='n'>Seed</th><th>Traffic</th><th>Faults</th><th></th><th>Why</th></tr>".to_owned();
    for row in rows {
        let mark = if row.outcome == Outcome::Fail.word() { "fail" } else { "open" };
        let why: String = row.red.iter().map(|why| format!("<div>{}</div>", text(why))).collect();
        let _ = write!(
            out,
            "<tr><td class='n'>{}</td><td>{}</td><td>{}</td><td><span class='mark {mark}'>{}</span></td><td>{why}</td></tr>",
            row.seed,
            text(&row.traffic),
            text(&row.faults.join(", ")),
            text(&row.outcome.to_lowercase()),
        );
    }
    out + "</table>"
}

//! What is kept of each run of many, and the table of all.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::Order;
use crate::judge::{Judgement, Outcome, PROMISES};
use crate::run_dir::Plan;
use crate::verdict::Verdict;

/// In so many runs each promise is put to the test: the rarest is in one of ten or fifteen.
const ALL_TESTED_IN: usize = 100;

/// One run.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Row {
    /// Its seed.
    pub seed: u64,
    /// What clients did.
    pub traffic: String,
    /// What was done to the nodes.
    pub faults: Vec<String>,
    /// `pass`, `FAIL` or `inconclusive`.
    pub outcome: String,
    /// What is red about it, in short.
    pub red: Vec<String>,
    /// Things that were asked for.
    pub operations: usize,
    /// Messages to all that were sent.
    pub sent: usize,
    /// Of which so many were acknowledged.
    pub acknowledged: usize,
    /// Times that somebody was shown one while in the room.
    pub delivered: usize,
    /// Breaches of I2 and I3: messages that are in no log, or were not shown just once to somebody who was there.
    pub lost: usize,
    /// Sends that are several entries of the log, and messages that were shown again, history apart: the latter are breaches of I2, too.
    pub doubled: usize,
    /// Times that somebody was shown one behind another that stands later in the log, history apart.
    pub out_of_order: usize,
    /// The numbers of the promises that were put to the test.
    #[serde(default)]
    pub tested: Vec<String>,
}

impl Row {
    /// Of a run that was judged.
    pub fn of(plan: &Plan, judgement: &Judgement) -> Row {
        let broken = |numbers: &[&str]| {
            let of = judgement.verdicts.iter().filter(|(number, _, _)| numbers.contains(number));
            of.map(|(_, _, verdict)| if let Verdict::Fail(breaches) = verdict { breaches.len() } else { 0 }).sum()
        };
        let red = judgement.verdicts.iter().filter_map(|(number, _, verdict)| match verdict {
            Verdict::Fail(breaches) => Some(format!("{number}: {}", breaches.first().map_or("", |breach| &breach.what))),
            Verdict::Inconclusive(why) => Some(format!("{number} inconclusive: {why}")),
            _ => None,
        });
        let is_tested = |verdict: &Verdict| matches!(verdict, Verdict::Pass { .. } | Verdict::Fail(_));
        let tested = judgement.verdicts.iter().filter(|(_, _, verdict)| is_tested(verdict));
        let totals = &judgement.totals;
        Row {
            seed: plan.seed,
            traffic: plan.traffic.clone(),
            faults: plan.faults.clone(),
            outcome: judgement.outcome.word().to_owned(),
            red: judgement.findings.iter().chain(&judgement.missing).cloned().chain(red).collect(),
            operations: totals.operations,
            sent: totals.sent,
            acknowledged: totals.acknowledged,
            delivered: totals.delivered,
            lost: broken(&["I2", "I3"]),
            doubled: totals.doubled,
            out_of_order: totals.out_of_order.unwrap_or_else(|| broken(&["I1"])),
            tested: tested.map(|(number, _, _)| (*number).to_owned()).collect(),
        }
    }

    /// Whether nothing about it is red.
    pub fn passed(&self) -> bool {
        self.outcome == Outcome::Pass.word()
    }

    /// Of one that did not come about.
    pub fn without_a_run(order: &Order, why: String) -> Row {
        Row {
            seed: order.seed,
            traffic: order.traffic.name().to_owned(),
            faults: order.faults.iter().map(|class| class.name().to_owned()).collect(),
            outcome: Outcome::Inconclusive.word().to_owned(),
            red: vec![why],
            operations: 0,
            sent: 0,
            acknowledged: 0,
            delivered: 0,
            lost: 0,
            doubled: 0,
            out_of_order: 0,
            tested: Vec::new(),
        }
    }
}

/// By class of faults: runs, operations and verdicts; then the sums over all runs.
pub fn table(rows: &[Row]) -> String {
    let mut classes: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        row.faults.iter().for_each(|class| classes.entry(class).or_default().push(row));
    }
    let count = |rows: &[&Row], outcome: Outcome| rows.iter().filter(|row| row.outcome == outcome.word()).count();
    let line = |name: &str, rows: &[&Row]| {
        let operations: usize = rows.iter().map(|row| row.operations).sum();
        let [pass, fail, open] = [Outcome::Pass, Outcome::Fail, Outcome::Inconclusive].map(|outcome| count(rows, outcome));
        format!("{name:<18} {:>5} {operations:>11} {pass:>6} {fail:>5} {open:>13}", rows.len())
    };
    let mut text =
        format!("{:<18} {:>5} {:>11} {:>6} {:>5} {:>13}\n", "FAULT", "RUNS", "OPERATIONS", "PASS", "FAIL", "INCONCLUSIVE");
    for (class, rows) in &classes {
        // Writing to a string does not fail.
        let _ = writeln!(text, "{}", line(class, rows));
    }
    let _ = writeln!(text, "{}", line("all runs", &rows.iter().collect::<Vec<_>>()));
    let sum = |of: fn(&Row) -> usize| rows.iter().map(of).sum::<usize>();
    let _ = writeln!(
        text,
        "messages: sent {}, acknowledged {}, delivered {}, lost {}, doubled {}, out of order {}",
        sum(|row| row.sent),
        sum(|row| row.acknowledged),
        sum(|row| row.delivered),
        sum(|row| row.lost),
        sum(|row| row.doubled),
        sum(|row| row.out_of_order)
    );
    let _ = writeln!(text, "put to the test in so many runs: {}", tested(rows));
    text
}

/// Each promise with the number of runs that put it to the test.
fn tested(rows: &[Row]) -> String {
    let count = |number: &str| rows.iter().filter(|row| row.tested.iter().any(|tested| tested == number)).count();
    let each: Vec<String> = PROMISES.iter().map(|promise| format!("{} {}", promise.number, count(promise.number))).collect();
    each.join(", ")
}

/// The promises that none of so many runs put to the test, though chance should have brought that about.
pub fn never_tested(rows: &[Row]) -> Vec<&'static str> {
    let is_tested = |number: &str| rows.iter().any(|row| row.tested.iter().any(|tested| tested == number));
    let numbers = PROMISES.iter().map(|promise| promise.number);
    if rows.len() < ALL_TESTED_IN { Vec::new() } else { numbers.filter(|number| !is_tested(number)).collect() }
}

#[cfg(test)]
mod tests {
    use expect_test::expect;

    use super::*;

    #[test]
    fn a_run_counts_for_each_of_its_classes() {
        let row = |seed, faults: &[&str], outcome: Outcome| Row {
            faults: faults.iter().map(|class| (*class).to_owned()).collect(),
            outcome: outcome.word().to_owned(),
            operations: 10,
            sent: 4,
            acknowledged: 3,
            delivered: 12,
            tested: vec!["I1".to_owned(), format!("I{}", 2 * seed)],
            ..Row::without_a_run(&Order::of(seed), String::new())
        };
        let rows = [row(1, &["drain", "kill_home"], Outcome::Pass), row(2, &["drain"], Outcome::Inconclusive)];
        expect![[r#"
            FAULT               RUNS  OPERATIONS   PASS  FAIL  INCONCLUSIVE
            drain                  2          20      1     0             1
            kill_home              1          10      1     0             0
            all runs               2          20      1     0             1
            messages: sent 8, acknowledged 6, delivered 24, lost 0, doubled 0, out of order 0
            put to the test in so many runs: I1 2, I2 1, I3 0, I4 1, I5 0, I6 0, I7 0, I9 0, I10 0, I11 0, I12 0, I13 0, I14 0, I15 0, I16 0, I18 0, I19 0, I20 0, I21 0, I23 0
        "#]]
        .assert_eq(&table(&rows));
    }

    #[test]
    fn many_runs_put_every_promise_to_the_test() {
        let row = |seed| Row { tested: vec!["I1".to_owned()], ..Row::without_a_run(&Order::of(seed), String::new()) };
        let few: Vec<Row> = (0..10).map(row).collect();
        assert!(never_tested(&few).is_empty());
        let many: Vec<Row> = (0..200).map(row).collect();
        assert_eq!(never_tested(&many).len(), PROMISES.len() - 1);
    }
}

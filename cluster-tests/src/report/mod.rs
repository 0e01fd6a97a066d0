//! What a run was like, on one page that a person likes to read; and what many runs came to, as a table.
//!
//! The page stands alone: no script, no other file. It is dark where the reader's system is, and prints.

mod facts;
#[cfg(test)]
mod fake;
mod faults;
mod gaps;
mod html;
mod plot;
mod promises;
mod style;
mod summary;
mod sums;
mod timeline;

use std::fmt::Write;

pub use summary::{Row, summary, summary_page};
pub use sums::Sums;

use crate::report::html::text;
use crate::report::timeline::Axis;
use crate::run_dir::Run;
use crate::verdict::Verdict;

/// How all promises together came out.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Outcome {
    /// Whatever the run was there to put to the test was, and was kept.
    Passed,
    /// Nothing was broken, and something was not put to the test.
    Inconclusive,
    /// Something was broken.
    Failed,
}

impl Outcome {
    /// Of a run: what it was not there to test may stay untested.
    pub fn of(run: &Run, judgement: &[(&str, Verdict)]) -> Outcome {
        let outcome = |(promise, verdict): &(&str, Verdict)| match verdict {
            Verdict::Pass { .. } => Outcome::Passed,
            Verdict::Fail(_) => Outcome::Failed,
            Verdict::Inconclusive(_) if promises::is_asked(run, promise) => Outcome::Inconclusive,
            Verdict::Inconclusive(_) => Outcome::Passed,
        };
        judgement.iter().map(outcome).max().unwrap_or(Outcome::Inconclusive)
    }

    /// In a word.
    pub fn word(self) -> &'static str {
        match self {
            Outcome::Passed => "passed",
            Outcome::Inconclusive => "inconclusive",
            Outcome::Failed => "failed",
        }
    }
}

/// `report.html` of a run: each promise by its name, `I1 order`, with what its checker said.
pub fn page(run: &Run, judgement: &[(&str, Verdict)]) -> String {
    let axis = Axis::of(run);
    let outcome = Outcome::of(run, judgement);
    let mut body = headline(run, judgement, outcome);
    body += &facts::messages(&Sums::of(run));
    body += &facts::plan(run);
    body += &section("Promises", &promises::table(run, judgement));
    let legend = timeline::legend(run);
    body += &section("What happened when", &format!("{}{legend}{}", timeline::chart(run, &axis), plot::all(run, &axis)));
    body += &section("Silence", &gaps::all(run, &axis));
    body += &section("Faults", &faults::table(run));
    html::document(&format!("Seed {}: {}", run.plan.seed, outcome.word()), &body)
}

fn headline(run: &Run, judgement: &[(&str, Verdict)], outcome: Outcome) -> String {
    let count = |is: fn(&Verdict) -> bool| judgement.iter().filter(|(_, verdict)| is(verdict)).count();
    let (kept, broken) = (count(Verdict::passed), count(|verdict| matches!(verdict, Verdict::Fail(_))));
    let says = match outcome {
        Outcome::Passed => "Every promise was kept".to_owned(),
        Outcome::Inconclusive => "Nothing was broken, and not all was put to the test".to_owned(),
        Outcome::Failed if broken == 1 => "One promise was broken".to_owned(),
        Outcome::Failed => format!("{broken} promises were broken"),
    };
    let mut out = String::new();
    let _ = write!(
        out,
        "<header class='{}'><p class='over'>Seed {} · {} · {} nodes</p><h1>{}</h1>\
         <p>{kept} kept, {broken} broken, {} not put to the test.</p></header>",
        outcome.word(),
        run.plan.seed,
        text(&run.plan.traffic),
        run.plan.nodes,
        says,
        judgement.len() - kept - broken
    );
    out
}

fn section(title: &str, inside: &str) -> String {
    format!("<section><h2>{title}</h2>{inside}</section>")
}

#[cfg(test)]
mod tests {
    use conclave_xmpp::stanza_text;

    use super::*;

    /// Every element ends, nothing from outside is markup, and no number is none. With `CONCLAVE_REPORT=DIR` pages are left there to be looked at.
    #[track_caller]
    fn check_page(name: &str, page: &str) {
        if let Some(dir) = std::env::var_os("CONCLAVE_REPORT") {
            std::fs::write(std::path::Path::new(&dir).join(format!("{name}.html")), page).expect("a directory");
        }
        let (_, html) = page.split_once('\n').expect("the type of the document");
        stanza_text::element(html.trim().as_bytes()).expect("well-formed");
        for never in ["<script", "http://", "https://", "NaN", "inf ", "<evil>"] {
            assert!(!page.contains(never), "{name} has {never}");
        }
    }

    #[test]
    fn a_page_of_a_long_run_tells_all() {
        let run = fake::run(7);
        let page = page(&run, &fake::judgement(&run));
        check_page("red", &page);
        for must in [
            "One promise was broken",
            "Seed 7 · mixed · 3 nodes",
            "chaos run --seed 7 --traffic mixed --faults kill,one_way_cut,freeze",
            "at home on node 2",
            "Deliveries per second",
            "&lt;evil&gt;",
            "<b>I2 gap-free, once</b>",
            "is not shown 2 messages",
            ">safety</text>",
            "Faults meanwhile",
        ] {
            assert!(page.contains(must), "{must}");
        }
        assert_eq!(page.matches("becomes home of a shard").count(), 1);
        assert_eq!(page.matches("<title>shard ").count(), 4 + 2, "four homes in the beginning, and two after the kill");
    }

    #[test]
    fn a_page_of_a_good_run_is_green_and_one_of_nothing_is_not() {
        let run = fake::run(8);
        let good: Vec<_> =
            fake::judgement(&run).into_iter().filter(|(_, verdict)| !matches!(verdict, Verdict::Fail(_))).collect();
        assert_eq!(Outcome::of(&run, &good), Outcome::Inconclusive, "I9 was to be tested");
        let tested: Vec<_> = good.into_iter().filter(|(promise, _)| !promise.starts_with("I9 ")).collect();
        assert_eq!(Outcome::of(&run, &tested), Outcome::Passed, "I11 was not");
        let green = page(&run, &tested);
        check_page("green", &green);
        assert!(green.contains("<header class='passed'>") && green.contains("Every promise was kept"));

        let nothing = fake::nothing();
        let page = page(&nothing, &[]);
        check_page("nothing", &page);
        assert!(page.contains("<header class='inconclusive'>") && page.contains("Nobody was in a room."));
    }

    #[test]
    fn sums_are_what_was_made_up() {
        let mut run = fake::run(7);
        let sums = Sums::of(&run);
        assert_eq!((sums.lost, sums.doubled, sums.out_of_order), (Some(0), 0, Some(0)));
        assert!(sums.sent > 1000 && sums.sent == sums.acknowledged + sums.refused + sums.unknown, "{sums:?}");
        let (lost, doubled, disordered) = fake::spoil(&mut run);
        let sums = Sums::of(&run);
        assert_eq!((sums.lost, sums.doubled, sums.out_of_order), (Some(lost), doubled, Some(disordered)));
        run.journal.clear();
        assert_eq!(Sums::of(&run).lost, None);
    }

    #[test]
    fn many_runs_are_a_table() {
        let rows: Vec<Row> = (0..12).map(fake::row).collect();
        let table = summary(&rows);
        let lines: Vec<&str> = table.lines().collect();
        assert!(lines[0].starts_with("fault") && lines[0].ends_with("out of order"), "{table}");
        let all = lines.iter().find(|line| line.starts_with("all runs")).expect("a line for all");
        assert_eq!(all.split_whitespace().skip(2).take(5).collect::<Vec<_>>(), ["12", "12000", "10", "1", "1"], "{table}");
        assert_eq!(lines.iter().filter(|line| line.starts_with("seed ")).count(), 2, "{table}");
        assert!(!table.contains('\u{1b}'), "no orders to the terminal");
        let page = summary_page(&rows);
        check_page("soak", &page);
        assert!(page.contains("2 of 12 runs are red") && page.contains("<td class='w'>kill</td>"));
        assert!(summary(&[]).contains("all runs"));
    }
}

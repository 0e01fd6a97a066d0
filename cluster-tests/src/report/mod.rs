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
mod timeline;

pub use summary::summary;

use crate::judge::{Judgement, Outcome};
use crate::report::html::{count, text};
use crate::report::timeline::Axis;
use crate::run_dir::Run;
use crate::verdict::Verdict;

/// `report.html` of a run that was judged.
pub fn page(run: &Run, judgement: &Judgement) -> String {
    let axis = Axis::of(run);
    let mut body = headline(run, judgement);
    body += &facts::messages(&judgement.totals);
    body += &facts::plan(run);
    body += &section("Promises", &promises::table(&judgement.verdicts));
    let legend = timeline::legend(run);
    body += &section("What happened when", &format!("{}{legend}{}", timeline::chart(run, &axis), plot::all(run, &axis)));
    body += &section("Silence", &gaps::all(run, &axis));
    body += &section("Faults", &faults::table(run));
    html::document(&format!("Seed {}: {}", run.plan.seed, class(judgement.outcome)), &body)
}

/// How a page shows an outcome.
fn class(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Pass => "passed",
        Outcome::Fail => "failed",
        Outcome::Inconclusive => "inconclusive",
    }
}

fn headline(run: &Run, judgement: &Judgement) -> String {
    let number = |is: fn(&Verdict) -> bool| judgement.verdicts.iter().filter(|(_, _, verdict)| is(verdict)).count();
    let (kept, broken) = (number(Verdict::passed), number(|verdict| matches!(verdict, Verdict::Fail(_))));
    let says = match (judgement.outcome, broken) {
        (Outcome::Pass, _) => "Every promise was kept".to_owned(),
        (Outcome::Inconclusive, _) => "Nothing was seen to be broken, and the run does not say all".to_owned(),
        (Outcome::Fail, 0) => "Something happened that must not".to_owned(),
        (Outcome::Fail, 1) => "One promise was broken".to_owned(),
        (Outcome::Fail, broken) => format!("{broken} promises were broken"),
    };
    let rest = judgement.verdicts.len() - kept - broken;
    let list = |items: &[String]| items.iter().map(|item| format!("<li>{}</li>", text(item))).collect::<String>();
    let also = format!("{}{}", list(&judgement.findings), list(&judgement.missing));
    format!(
        "<header class='{}'><p class='over'>Seed {} · {} · {} nodes</p><h1>{says}</h1>\
         <p>{kept} kept, {broken} broken, {rest} not put to the test; {} operations.</p>{}</header>",
        class(judgement.outcome),
        run.plan.seed,
        text(&run.plan.traffic),
        run.plan.nodes,
        count(judgement.totals.operations),
        if also.is_empty() { also } else { format!("<ul>{also}</ul>") }
    )
}

fn section(title: &str, inside: &str) -> String {
    format!("<section><h2>{title}</h2>{inside}</section>")
}

#[cfg(test)]
mod tests {
    use conclave_xmpp::stanza_text;

    use super::*;
    use crate::sums::Sums;

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
        let page = page(&run, &fake::judgement());
        check_page("red", &page);
        for must in [
            "One promise was broken",
            "<li>fault 3, freeze, was never felt: &lt;evil&gt;</li>",
            "Seed 7 · mixed · 3 nodes",
            "chaos run --seed 7 --traffic mixed --faults kill,one_way_cut,freeze --seconds 40",
            "at home on node 2",
            "Deliveries per second",
            "&lt;evil&gt;",
            "<b>I2</b> gap-free, once",
            "is not shown 2 messages",
            "&quot;deed&quot;:&quot;activate&quot;",
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
        let good = page(&fake::run(8), &fake::good());
        check_page("green", &good);
        assert!(good.contains("<header class='passed'>") && good.contains("Every promise was kept"));
        let nothing = fake::nothing();
        let page = page(&nothing, &crate::judge::judge(&nothing));
        check_page("nothing", &page);
        assert!(page.contains("<header class='inconclusive'>") && page.contains("Nobody was in a room."));
        assert!(page.contains("<li>there is no journal</li>"));
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
        let page = summary(&(0..12).map(fake::row).collect::<Vec<_>>());
        check_page("soak", &page);
        for must in [
            "<h1>2 of 12 runs are red</h1>",
            "<td class='w'>kill</td>",
            "<td class='w'>all runs</td><td class='n'>12</td><td class='n'>12\u{202f}000</td><td class='n'>10</td>",
            "I2: &lt;evil&gt;",
        ] {
            assert!(page.contains(must), "{must}");
        }
        check_page("no soak", &summary(&[]));
    }
}

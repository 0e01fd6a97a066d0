//! A judgement for people, in a terminal.

use std::fmt;

use super::Judgement;
use crate::verdict::Verdict;

impl fmt::Display for Judgement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, title, verdict) in &self.verdicts {
            let rest = match verdict {
                Verdict::Pass { checked } => format!("{checked} checked"),
                Verdict::Inconclusive(why) | Verdict::Untested(why) => why.clone(),
                Verdict::Fail(breaches) => format!("{} times", breaches.len()),
            };
            writeln!(f, "{number:>4}  {title:<28} {:<13} {rest}", verdict.word())?;
        }
        let totals = &self.totals;
        writeln!(
            f,
            "      {} operations; {} messages sent, {} acknowledged, shown {} times",
            totals.operations, totals.sent, totals.acknowledged, totals.delivered
        )?;
        self.findings.iter().try_for_each(|what| writeln!(f, "      FAIL: {what}"))?;
        self.missing.iter().try_for_each(|why| writeln!(f, "      inconclusive: {why}"))?;
        writeln!(f, "      {}", self.outcome.word())?;
        let broken = self.verdicts.iter().filter(|(_, _, verdict)| matches!(verdict, Verdict::Fail(_)));
        broken.into_iter().try_for_each(|(number, title, verdict)| writeln!(f, "\n{number} {title}: {verdict}"))
    }
}

//! What was to happen, and what became of the messages.

use std::fmt::Write;

use super::html::{count, text, time};
use crate::run_dir::{Plan, Run};
use crate::sums::Sums;

/// The plan, and how to see it again.
pub(super) fn plan(run: &Run) -> String {
    let plan = &run.plan;
    let list = |items: &[String], none: &str| if items.is_empty() { none.to_owned() } else { items.join(", ") };
    let facts = [
        ("Traffic", plan.traffic.clone()),
        ("Faults", list(&plan.faults, "none")),
        ("Nodes", plan.nodes.to_string()),
        ("With faults", time(plan.safety_ms * 1000)),
        ("Without, behind them", time(plan.liveness_ms * 1000)),
        ("Grace", time(plan.grace_ms * 1000)),
        ("To be tested", list(&plan.promises, "whatever the run happens to test")),
        ("Program", plan.program.clone()),
    ];
    let mut out = "<section><h2>Plan</h2><dl>".to_owned();
    for (name, value) in facts {
        let _ = write!(out, "<dt>{name}</dt><dd>{}</dd>", text(&value));
    }
    if let Some(planted) = &plan.planted {
        let _ = write!(out, "<dt>Broken on purpose</dt><dd class='wide'><span class='mark fail'>{}</span></dd>", text(planted));
    }
    let _ = write!(out, "<dt>Again</dt><dd class='wide'><code>{}</code></dd></dl></section>", text(&command(plan)));
    out
}

/// The command that repeats a run.
pub(super) fn command(plan: &Plan) -> String {
    let mut command = format!("chaos run --seed {} --traffic {}", plan.seed, plan.traffic);
    if !plan.faults.is_empty() {
        let _ = write!(command, " --faults {}", plan.faults.join(","));
    }
    let _ = write!(command, " --seconds {}", plan.safety_ms / 1000);
    if let Some(planted) = &plan.planted {
        let _ = write!(command, " --planted {planted}");
    }
    command
}

/// The sums as cards.
pub(super) fn messages(sums: &Sums) -> String {
    let mut out = "<div class='cards'>".to_owned();
    let plain = [("operations", sums.operations), ("sent", sums.sent), ("acknowledged", sums.acknowledged)];
    let more = [("refused", sums.refused), ("unknown", sums.unknown), ("delivered", sums.delivered)];
    for (name, number) in plain.into_iter().chain(more) {
        let _ = write!(out, "<div><b>{}</b><span>{name}</span></div>", count(number));
    }
    for (name, number) in [("lost", sums.lost), ("doubled", Some(sums.doubled)), ("out of order", sums.out_of_order)] {
        let (class, shown) = match number {
            None => ("", "?".to_owned()),
            Some(0) => ("zero", "0".to_owned()),
            Some(number) => ("some", count(number)),
        };
        let _ = write!(out, "<div class='{class}'><b>{shown}</b><span>{name}</span></div>");
    }
    out + "</div>"
}

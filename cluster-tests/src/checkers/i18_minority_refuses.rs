//! I18, a minority refuses: through a node that reaches no majority of a room's replicas nothing is done and nothing is known; whoever asks is told to
//! wait, within five seconds.

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::{Asked, Evidence, Trouble};
use crate::faults::Class;
use crate::history::{Event, Line};
use crate::verdict::{Breach, Findings, Verdict};

/// Until whoever asks has an answer, in microseconds: the promise's five seconds, and two more, for the client that writes it down runs on the same
/// machine as all nodes.
const ANSWERS_WITHIN: u64 = 7_000_000;

/// So long before a cut is written down as taken back it is taken back already, in microseconds.
const TAKEN_BACK: u64 = 200_000;

/// Checks everything that was asked for through a node while it was cut off with a minority.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    // The replicas of the end say nothing of those that there were before they moved.
    if evidence.run.plan.faults.iter().filter_map(|name| Class::named(name)).any(Class::moves_replicas) {
        return Verdict::Untested("replicas moved, and nobody knows which there were".to_owned());
    }
    let replicas = replicas(evidence);
    let cuts = evidence.troubles.iter().filter_map(Cut::of).collect::<Vec<_>>();
    let of_cut = |cut: &Cut<'_>| of_cut(evidence, cut, &replicas);
    cuts.iter().map(of_cut).collect::<Findings>().verdict("nobody asked for anything where a minority was")
}

/// Nodes that hear only those on their own side.
struct Cut<'a> {
    trouble: &'a Trouble<'a>,
    sides: Vec<BTreeSet<u32>>,
    from: u64,
    to: u64,
}

impl<'a> Cut<'a> {
    /// One that was felt and taken back; nothing if it leaves anybody in doubt.
    fn of(trouble: &'a Trouble<'a>) -> Option<Cut<'a>> {
        let sides = match trouble.class {
            "partition" => sides(trouble.detail)?,
            "isolate_home" => vec![[trouble.node].into()],
            _ => return None,
        };
        Some(Cut { trouble, sides, from: trouble.felt?.at, to: trouble.ended?.at.saturating_sub(TAKEN_BACK) })
    }

    /// Whether a node reaches no majority of these replicas.
    fn is_in_minority(&self, node: u32, replicas: &BTreeSet<u32>) -> bool {
        let of_node = self.sides.iter().find(|side| side.contains(&node));
        of_node.is_some_and(|side| side.intersection(replicas).count() * 2 <= replicas.len())
    }
}

/// `[1, 2] | [3]; and so on`.
fn sides(detail: &str) -> Option<Vec<BTreeSet<u32>>> {
    let (sides, _) = detail.split_once(';').unwrap_or((detail, ""));
    let side = |side: &str| {
        let inner = side.trim().strip_prefix('[')?.strip_suffix(']')?;
        inner.split(',').map(|node| node.trim().parse().ok()).collect::<Option<BTreeSet<u32>>>()
    };
    sides.split('|').map(side).collect()
}

/// The nodes that have a replica of each shard in the end.
fn replicas(evidence: &Evidence<'_>) -> BTreeMap<u16, BTreeSet<u32>> {
    let mut replicas: BTreeMap<u16, BTreeSet<u32>> = BTreeMap::new();
    for replica in &evidence.run.replicas {
        if let Some(shard) = replica.shard {
            replicas.entry(shard).or_default().insert(replica.node);
        }
    }
    replicas
}

fn of_cut(evidence: &Evidence<'_>, cut: &Cut<'_>, replicas: &BTreeMap<u16, BTreeSet<u32>>) -> Findings {
    let mut findings = Findings::default();
    let all: BTreeSet<u32> = (1..=evidence.run.plan.nodes).collect();
    let asked = evidence.asked.values().filter(|asked| asked.line.at >= cut.from && asked.line.at < cut.to);
    for asked in asked {
        let shard = evidence.rooms.get(asked.line.room.as_str()).and_then(|room| room.shard);
        // A room that never was is anywhere; then the whole cluster must be in two.
        let replicas = shard.and_then(|shard| replicas.get(&shard)).unwrap_or(&all);
        if !cut.is_in_minority(asked.line.node, replicas) {
            continue;
        }
        findings.checked += 1;
        let what = done(cut, asked).or_else(|| late(evidence, cut, asked));
        let proof: Vec<&Line> =
            [Some(cut.trouble.begun), Some(asked.line), asked.end, cut.trouble.ended].into_iter().flatten().collect();
        findings.breaches.extend(what.map(|what| Breach::new(what, &proof)));
    }
    findings
}

/// An answer, where there is nobody who could know.
fn done(cut: &Cut<'_>, asked: &Asked<'_>) -> Option<String> {
    let end = asked.end.filter(|end| end.at < cut.to)?;
    let told = match &end.event {
        Event::Ok { .. } => "done".to_owned(),
        Event::Refused { error, .. } if !error.starts_with("wait") => format!("refused with {error}"),
        _ => return None,
    };
    Some(format!("{} is {told} through node {}, which reaches no majority", asked.act.kind(), asked.line.node))
}

/// Whoever asks is not left without an answer, unless something else was wrong as well.
fn late(evidence: &Evidence<'_>, cut: &Cut<'_>, asked: &Asked<'_>) -> Option<String> {
    let limit = asked.line.at + ANSWERS_WITHIN;
    let others = evidence.troubles.iter().filter(|other| other.begun != cut.trouble.begun);
    let is_late = limit <= cut.to && asked.end.is_none_or(|end| end.at > limit);
    let is_alone = others.into_iter().all(|other| !other.touches(asked.line.at, limit));
    let what =
        || format!("{} through node {} has no answer within {} s", asked.act.kind(), asked.line.node, ANSWERS_WITHIN / 1_000_000);
    (is_late && is_alone && !evidence.naps.are_in(asked, ANSWERS_WITHIN)).then(what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::run;

    /// Sessions of a sketch are on node 1, which is alone from 1 s to 20 s.
    fn judged(text: &str) -> Verdict {
        let cut = "@ 1\n- fault 1 partition begun 2\n- fault 1 partition felt 2\n@ 2\n";
        let mut run = run(&format!("= create A ada\nA joined\n{cut}{text}\n@ 20\n- fault 1 partition ended 2\n"));
        for line in &mut run.history.lines {
            if let Event::Fault(fault) = &mut line.event {
                fault.detail = "[2, 3] | [1]; the home of r@s is node 2".to_owned();
            }
        }
        check(&Evidence::of(&run))
    }

    #[track_caller]
    fn breach(text: &str) -> String {
        judged(text).breaches().swap_remove(0)
    }

    #[test]
    fn who_is_told_to_wait_is_told_the_truth() {
        let text =
            "A invoke s1\nA invoke s2\n@ 6\nA refused s1 wait resource-constraint\nA unknown s2\nA left cut\n@ 19\nA invoke s3";
        assert_eq!(judged(text), Verdict::Pass { checked: 3 });
    }

    #[test]
    fn nothing_is_done_by_a_minority() {
        assert_eq!(breach("A invoke s1\nA ok s1 1"), "say is done through node 1, which reaches no majority");
        let told = breach("A enter e1 ada\nA refused e1 auth forbidden");
        assert_eq!(told, "enter is refused with auth forbidden through node 1, which reaches no majority");
    }

    #[test]
    fn nobody_waits_for_long() {
        assert_eq!(
            breach("A invoke s1\n@ 10\nA refused s1 wait resource-constraint"),
            "say through node 1 has no answer within 7 s"
        );
        assert!(judged("- fault 2 freeze begun 1\nA invoke s1\n@ 10\nA refused s1 wait x").passed());
    }

    #[test]
    fn where_replicas_move_nobody_knows_who_is_a_minority() {
        let mut run = run("= create A ada\nA joined\n");
        run.plan.faults = ["partition", "shrink"].map(str::to_owned).into();
        assert!(matches!(check(&Evidence::of(&run)), Verdict::Untested(why) if why.contains("moved")));
    }

    #[test]
    fn a_cut_in_which_nobody_asks_tests_nothing() {
        assert!(matches!(judged(""), Verdict::Untested(_)));
        assert_eq!(sides("[1, 2] | [3]; x"), Some(vec![[1, 2].into(), [3].into()]));
        assert_eq!(sides("node 1 is alone"), None);
    }
}

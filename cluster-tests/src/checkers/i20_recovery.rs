//! I20, recovery: when one node is killed, what others send is acknowledged again within three seconds; when a node is drained or ends in order, nobody
//! waits for more than half a second.
//!
//! Clients and nodes share a machine that does other things as well. So the limits are what was promised, and with it ten times what the slowest of a
//! hundred sends took in the same run while nothing was broken, and for as long as the machine itself was late just then.

use crate::act::Act;
use crate::evidence::{Asked, Evidence, Trouble};
use crate::history::{Event, Line, Phase};
use crate::verdict::{Breach, Findings, Verdict};

/// After a kill, in microseconds.
const KILL_MAX: u64 = 3_000_000;

/// While a node hands over, in microseconds.
const DRAIN_MAX: u64 = 500_000;

/// Times what sends take while nothing is broken.
const NOISE_FACTOR: u64 = 10;

/// More than this is no noise, in microseconds.
const NOISE_MAX: u64 = 5_000_000;

/// Whoever sends within this time of a kill meets it, in microseconds.
const MEETS: u64 = 1_000_000;

/// Checks every node that is killed or hands over while nothing else is broken.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let usual = usual(evidence);
    let noise = |from: u64, to: u64| (usual + evidence.stalls.within(from, to)).min(NOISE_MAX);
    let of_trouble = |trouble: &Trouble<'_>| match trouble.class {
        "kill_home" | "kill_follower" if evidence.run.plan.nodes >= 3 => {
            let begun = trouble.begun.at;
            killed(evidence, trouble, KILL_MAX + noise(begun, begun + MEETS + KILL_MAX + usual))
        }
        "drain" | "sigterm" if evidence.run.plan.nodes >= 3 => {
            let over = trouble.felt.map_or(trouble.begun.at, |felt| felt.at + DRAIN_MAX + usual);
            drained(evidence, trouble, DRAIN_MAX + noise(trouble.begun.at, over))
        }
        _ => Findings::default(),
    };
    let troubles = evidence.troubles.iter();
    troubles.map(of_trouble).collect::<Findings>().verdict("nobody sent while a node went, or something else was broken too")
}

/// What can be put down to the machine as it was while nothing was broken.
fn usual(evidence: &Evidence<'_>) -> u64 {
    let (Some(from), Some(to)) = (evidence.began(Phase::Liveness), evidence.began(Phase::Looking)) else { return NOISE_MAX };
    let quiet = evidence.asked.values().filter(|asked| (from..to).contains(&asked.line.at) && is_message(asked));
    let mut took: Vec<u64> = quiet.filter_map(|asked| Some(acknowledged(asked)?.at - asked.line.at)).collect();
    took.sort_unstable();
    let slow = took.get(took.len() * 99 / 100).copied();
    slow.map_or(NOISE_MAX, |slow| (slow * NOISE_FACTOR).min(NOISE_MAX))
}

fn is_message(asked: &Asked<'_>) -> bool {
    matches!(asked.act, Act::Say { .. })
}

/// A refusal that does not mean to wait is an answer too.
fn acknowledged<'a>(asked: &Asked<'a>) -> Option<&'a Line> {
    asked.end.filter(|end| match &end.event {
        Event::Ok { .. } => true,
        Event::Refused { error, .. } => !error.starts_with("wait"),
        _ => false,
    })
}

/// Whoever lost its connection, or broke it off, or slept, did not wait for an answer.
fn waits(evidence: &Evidence<'_>, asked: &Asked<'_>, limit: u64) -> bool {
    let broke_off = asked.end.is_some_and(|end| matches!(end.event, Event::Unknown { .. }) && end.at < asked.line.at + limit);
    !broke_off && !evidence.naps.are_in(asked, limit)
}

fn is_alone(evidence: &Evidence<'_>, trouble: &Trouble<'_>, from: u64, to: u64) -> bool {
    evidence.troubles.iter().all(|other| other.begun == trouble.begun || !other.touches(from, to))
}

/// In every room those who are elsewhere are answered in time: 99 of a hundred, and all where there are fewer.
fn killed(evidence: &Evidence<'_>, trouble: &Trouble<'_>, limit: u64) -> Findings {
    let begun = trouble.begun.at;
    let mut findings = Findings::default();
    if !is_alone(evidence, trouble, begun, begun + limit) {
        return findings;
    }
    for room in evidence.rooms.values() {
        let sends = evidence.asked.values().filter(|asked| asked.line.room == room.jid && is_message(asked));
        let meet = sends.filter(|asked| asked.line.node != trouble.node && (begun..begun + MEETS).contains(&asked.line.at));
        let waited: Vec<&Asked<'_>> = meet.filter(|asked| waits(evidence, asked, limit)).collect();
        findings.checked += usize::from(!waited.is_empty());
        let is_late = |asked: &&&Asked<'_>| acknowledged(asked).is_none_or(|line| line.at > asked.line.at + limit);
        let late: Vec<&&Asked<'_>> = waited.iter().filter(is_late).collect();
        if late.len() > waited.len() / 100 {
            let (of, number) = (waited.len(), late.len());
            let (room, limit, node) = (room.jid, limit / 1000, trouble.node);
            let what = format!("{number} of {of} sends to {room} are not answered within {limit} ms when node {node} is killed");
            let first = late.first().copied();
            let proof = [Some(trouble.begun), first.map(|asked| asked.line), first.and_then(|asked| asked.end)];
            findings.breaches.push(Breach::new(what, &proof.into_iter().flatten().collect::<Vec<_>>()));
        }
    }
    findings
}

/// Whatever is sent while a node hands over is acknowledged, and not late.
fn drained(evidence: &Evidence<'_>, trouble: &Trouble<'_>, limit: u64) -> Findings {
    let mut findings = Findings::default();
    let Some(felt) = trouble.felt.filter(|felt| is_alone(evidence, trouble, trouble.begun.at, felt.at + limit)) else {
        return findings;
    };
    let sends = evidence.asked.values().filter(|asked| is_message(asked) && asked.line.node != trouble.node);
    for asked in sends.filter(|asked| (trouble.begun.at..felt.at).contains(&asked.line.at)) {
        if !waits(evidence, asked, limit) {
            continue;
        }
        findings.checked += 1;
        let what = match acknowledged(asked) {
            Some(end) if end.at <= asked.line.at + limit => continue,
            Some(_) => format!("a send takes more than {} ms while node {} hands over", limit / 1000, trouble.node),
            None => format!("a send is not acknowledged while node {} hands over", trouble.node),
        };
        let proof: Vec<&Line> = [Some(trouble.begun), Some(asked.line), asked.end, Some(felt)].into_iter().flatten().collect();
        findings.breaches.push(Breach::new(what, &proof));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::run;

    /// Sessions of a sketch are on node 1; while nothing is broken a send takes 1 us, ten times that is the noise.
    fn judged(text: &str) -> Verdict {
        let quiet = "- fault 1 X ended 2\n- phase liveness\nA invoke q1\nA ok q1 9\n- phase looking\n";
        check(&Evidence::of(&run(&format!("@ 1\n- fault 1 X begun 2\n- fault 1 X felt 2\n{text}\n@ 30\n{quiet}"))))
    }

    #[track_caller]
    fn breach(verdict: Verdict) -> String {
        verdict.breaches().swap_remove(0)
    }

    fn kill(text: &str) -> Verdict {
        let quiet = "- fault 1 kill_home ended 2\n- phase liveness\nA invoke q1\nA ok q1 9\n- phase looking\n";
        check(&Evidence::of(&run(&format!("@ 1\n- fault 1 kill_home begun 2\n{text}\n@ 30\n{quiet}"))))
    }

    fn drain(text: &str) -> Verdict {
        let quiet = "- fault 1 drain ended 2\n- phase liveness\nA invoke q1\nA ok q1 9\n- phase looking\n";
        check(&Evidence::of(&run(&format!("@ 1\n- fault 1 drain begun 2\n{text}\n@ 3\n- fault 1 drain felt 2\n@ 30\n{quiet}"))))
    }

    #[test]
    fn whoever_sleeps_waits_for_nothing() {
        assert!(matches!(kill("A invoke s1\n@ 9\nA slept 2\nA ok s1 1"), Verdict::Untested(_)));
        assert!(matches!(drain("A invoke s1\n@ 2\nA slept 1\nA ok s1 1"), Verdict::Untested(_)));
        assert!(!kill("A invoke s1\n@ 9\nA ok s1 1\n@ 20\nA slept 10").passed(), "it was awake then");
    }

    #[test]
    fn who_is_answered_soon_after_a_kill_passes() {
        assert_eq!(kill("A invoke s1\n@ 3\nA ok s1 1"), Verdict::Pass { checked: 1 });
        let many: String = (0..99).map(|at| format!("A invoke s{at}\nA ok s{at} {at}\n")).collect();
        assert_eq!(kill(&format!("{many}A invoke s99\n@ 9\nA ok s99 99")), Verdict::Pass { checked: 1 });
    }

    #[test]
    fn who_waits_for_long_after_a_kill_fails() {
        assert_eq!(
            breach(kill("A invoke s1\n@ 5\nA ok s1 1")),
            "1 of 1 sends to r@s are not answered within 3000 ms when node 2 is killed"
        );
        assert!(matches!(kill("A invoke s1\nA unknown s1"), Verdict::Untested(_)), "it went by itself");
        assert!(matches!(kill("- fault 2 freeze begun 3\nA invoke s1\n@ 5\nA ok s1 1"), Verdict::Untested(_)));
    }

    #[test]
    fn a_machine_that_was_late_excuses_as_much() {
        assert!(kill("A invoke s1\n@ 3\nmachine stalled 2\n@ 4.9\nA ok s1 1").passed());
        assert_eq!(
            breach(kill("A invoke s1\n@ 3\nmachine stalled 2\n@ 5.1\nA ok s1 1")),
            "1 of 1 sends to r@s are not answered within 4000 ms when node 2 is killed"
        );
        assert!(!kill("@ 1\nmachine stalled 0\nA invoke s1\n@ 5\nA ok s1 1").passed(), "it was over then");
        assert!(!kill("A invoke s1\n@ 20\nmachine stalled 2\nA ok s1 1").passed(), "but for no more than 5 s");
        assert!(drain("A invoke s1\n@ 2\nmachine stalled 1\n@ 2.4\nA ok s1 1").passed());
        assert!(!drain("A invoke s1\n@ 2\nmachine stalled 1\n@ 2.6\nA ok s1 1").passed());
    }

    #[test]
    fn two_of_a_hundred_are_too_many() {
        let many: String = (0..98).map(|at| format!("A invoke s{at}\nA ok s{at} {at}\n")).collect();
        let late = kill(&format!("{many}A invoke s98\nA invoke s99\n@ 9\nA ok s98 98\nA unknown s99"));
        assert_eq!(breach(late), "2 of 100 sends to r@s are not answered within 3000 ms when node 2 is killed");
    }

    #[test]
    fn nobody_waits_in_vain_while_a_node_hands_over() {
        assert_eq!(breach(drain("A invoke s1\n@ 20\nA unknown s1")), "a send is not acknowledged while node 2 hands over");
        assert!(matches!(drain("A invoke s1\n@ 1.3\nA unknown s1"), Verdict::Untested(_)), "it went by itself");
    }

    #[test]
    fn nobody_waits_for_long_while_a_node_hands_over() {
        assert_eq!(drain("A invoke s1\n@ 1.4\nA ok s1 1"), Verdict::Pass { checked: 1 });
        assert_eq!(breach(drain("A invoke s1\n@ 1.6\nA ok s1 1")), "a send takes more than 500 ms while node 2 hands over");
    }

    #[test]
    fn without_a_node_that_goes_nothing_is_tested() {
        assert!(matches!(judged("A invoke s1\n@ 3\nA ok s1 1"), Verdict::Untested(_)));
    }
}

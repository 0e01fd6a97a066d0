//! What a run must have had to say anything: an end, its logs, faults that had an effect, and operations that came through.

use std::collections::{BTreeMap, BTreeSet};

use super::PROMISES;
use crate::evidence::{Evidence, lacking};
use crate::history::{Event, Phase, Stage};

/// Why a run does not say all that it should, one sentence each.
pub(super) fn missing(evidence: &Evidence<'_>) -> Vec<String> {
    let mut missing = Vec::new();
    if evidence.began(Phase::Over).is_none() {
        missing.push("the run broke off before its end".to_owned());
    }
    missing.extend(of_the_journal(evidence));
    missing.extend(of_the_faults(evidence));
    missing.extend(of_the_operations(evidence));
    let judged = |number: &String| PROMISES.iter().any(|promise| promise.number == number);
    let unjudged = evidence.run.plan.promises.iter().filter(|number| !judged(number));
    missing.extend(unjudged.map(|number| format!("{number} is to be put to the test, and nobody judges it")));
    missing
}

fn of_the_journal(evidence: &Evidence<'_>) -> Vec<String> {
    if evidence.run.journal.is_empty() {
        return vec!["there is no journal".to_owned()];
    }
    let lacking = lacking(evidence.run);
    let mut missing: Vec<String> = lacking.iter().map(|shard| format!("the journal has nothing of shard {shard}")).collect();
    let mut first: BTreeMap<u16, u64> = BTreeMap::new();
    for replica in &evidence.run.replicas {
        if let (Some(shard), Some((begin, _))) = (replica.shard, replica.entries) {
            let first = first.entry(shard).or_insert(begin);
            *first = begin.min(*first);
        }
    }
    // Raft counts from 1, some from 0.
    let torn = first.iter().filter(|(_, begin)| **begin > 1);
    missing.extend(torn.map(|(shard, begin)| format!("no log of shard {shard} goes back behind entry {begin}")));
    missing
}

fn of_the_faults(evidence: &Evidence<'_>) -> Vec<String> {
    let (mut begun, mut felt, mut classes) = (BTreeMap::new(), BTreeSet::new(), BTreeSet::new());
    for (_, fault) in &evidence.faults {
        match fault.stage {
            Stage::Begun => {
                classes.insert(fault.class.as_str());
                begun.insert(fault.fault, fault);
            }
            Stage::Felt => drop(felt.insert(fault.fault)),
            Stage::Ended => {}
        }
    }
    let unfelt = begun.values().filter(|fault| !felt.contains(&fault.fault));
    let unfelt = unfelt.map(|fault| format!("fault {}, {}, was never felt: {}", fault.fault, fault.class, fault.detail));
    let never = evidence.run.plan.faults.iter().filter(|class| !classes.contains(class.as_str()));
    unfelt.chain(never.map(|class| format!("there was to be a fault {class}, and there was none"))).collect()
}

/// Every kind of operation must have been judged by a room once: done, or refused for a reason that will not pass by waiting.
fn of_the_operations(evidence: &Evidence<'_>) -> Vec<String> {
    let mut judged: BTreeMap<&str, bool> = BTreeMap::new();
    for asked in evidence.asked.values() {
        let by_room = asked.end.is_some_and(|line| match &line.event {
            Event::Ok { .. } => true,
            Event::Refused { error, .. } => !error.starts_with("wait"),
            _ => false,
        });
        *judged.entry(asked.act.kind()).or_default() |= by_room;
    }
    let never = judged.iter().filter(|(_, judged)| !**judged);
    never.map(|(kind, _)| format!("nobody who asked for {kind} was ever answered")).collect()
}

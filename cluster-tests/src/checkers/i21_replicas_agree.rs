//! I21, replicas agree: equal state at equal index, and the same entry at every index of any two logs.

use std::collections::BTreeMap;

use crate::evidence::Evidence;
use crate::journal::Replica;
use crate::verdict::{Breach, Findings, Verdict};

/// Checks every two replicas of every group.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let mut groups: BTreeMap<Option<u16>, Vec<&Replica>> = BTreeMap::new();
    for replica in &evidence.run.replicas {
        groups.entry(replica.shard).or_default().push(replica);
    }
    groups.values().map(|replicas| of_group(replicas)).collect::<Findings>().verdict("no group has two replicas")
}

fn of_group(replicas: &[&Replica]) -> Findings {
    let mut findings = Findings::default();
    for (at, one) in replicas.iter().enumerate() {
        for other in &replicas[at + 1..] {
            findings.checked += 1;
            let wrong = [applied(one, other), state(one, other), entries(one, other)];
            findings.breaches.extend(wrong.into_iter().flatten().map(|what| Breach::new(what, &[])));
        }
    }
    findings
}

/// All is over, and whoever is there has everything.
fn applied(one: &Replica, other: &Replica) -> Option<String> {
    let what = || format!("{} has applied {}, and {} {}", name(one), one.applied, name(other), other.applied);
    (one.applied != other.applied).then(what)
}

fn state(one: &Replica, other: &Replica) -> Option<String> {
    let differ = one.applied == other.applied && one.hash != other.hash;
    let what = || format!("{} and {} differ at {}: {} and {}", name(one), name(other), one.applied, one.hash, other.hash);
    differ.then(what)
}

/// The first place where both have an entry, and not the same.
fn entries(one: &Replica, other: &Replica) -> Option<String> {
    let (of_one, of_other) = (by_index(one), by_index(other));
    let index = of_one.iter().find(|(index, digest)| of_other.get(index).is_some_and(|other| other != *digest))?.0;
    Some(format!("{} and {} have not the same entry {index}", name(one), name(other)))
}

fn by_index(replica: &Replica) -> BTreeMap<u64, u64> {
    let first = replica.entries.map_or(0, |(first, _)| first);
    (first..).zip(replica.digests.iter().copied()).collect()
}

fn name(replica: &Replica) -> String {
    let shard = replica.shard.map_or("meta".to_owned(), |shard| format!("shard {shard}"));
    format!("node {}'s {shard}", replica.node)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::run;

    fn replica(node: u32, applied: u64, hash: &str, first: u64, digests: &[u64]) -> Replica {
        let last = first + digests.len() as u64 - 1;
        Replica { node, shard: Some(3), applied, hash: hash.to_owned(), entries: Some((first, last)), digests: digests.to_vec() }
    }

    fn judged(replicas: &[Replica]) -> Verdict {
        let mut run = run("");
        run.replicas = replicas.to_vec();
        check(&Evidence::of(&run))
    }

    #[test]
    fn replicas_that_are_the_same_pass() {
        let verdict = judged(&[replica(1, 9, "a", 1, &[7, 8, 9]), replica(2, 9, "a", 2, &[8, 9])]);
        assert_eq!(verdict, Verdict::Pass { checked: 1 });
    }

    #[test]
    fn what_differs_fails() {
        let one = replica(1, 9, "a", 1, &[7, 8, 9]);
        let differs = |other: Replica| match judged(&[one.clone(), other]) {
            Verdict::Fail(breaches) => breaches[0].what.clone(),
            other => panic!("{other}"),
        };
        assert_eq!(differs(replica(2, 9, "b", 1, &[7, 8, 9])), "node 1's shard 3 and node 2's shard 3 differ at 9: a and b");
        assert_eq!(differs(replica(2, 9, "a", 2, &[8, 1])), "node 1's shard 3 and node 2's shard 3 have not the same entry 3");
        assert_eq!(differs(replica(2, 8, "b", 1, &[7])), "node 1's shard 3 has applied 9, and node 2's shard 3 8");
    }

    #[test]
    fn one_replica_tests_nothing() {
        assert!(matches!(judged(&[replica(1, 9, "a", 1, &[7])]), Verdict::Untested(_)));
    }
}

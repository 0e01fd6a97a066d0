//! I21, replicas agree: equal state at equal index, and the same entry at every index of any two logs; and no replica that
//! stays behind. What the program makes of the log is what the log says.

use std::collections::{BTreeMap, BTreeSet};

use crate::evidence::{Evidence, Gone, Room, Seat};
use crate::history::Phase;
use crate::journal::{Deed, Replica};
use crate::verdict::{Breach, Findings, Verdict};

/// Checks every two replicas of every group, and that each has what was done before the looking began.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let mut groups: BTreeMap<Option<u16>, Vec<&Replica>> = BTreeMap::new();
    for replica in &evidence.run.replicas {
        groups.entry(replica.shard).or_default().push(replica);
    }
    let of_group = |(shard, replicas): (&Option<u16>, &Vec<&Replica>)| {
        let mut findings = pairs(replicas);
        findings.breaches.extend(replicas.iter().filter_map(|replica| behind(evidence, *shard, replica)));
        findings
    };
    let mut findings: Findings = groups.iter().map(of_group).collect();
    // A journal that says so of nobody is none of a program that says so.
    if evidence.run.journal.iter().any(|entry| !entry.left.is_empty()) {
        findings.breaches.extend(evidence.rooms.values().filter(|room| !room.seating.vague).flat_map(|room| seats(room)));
    }
    findings.verdict("no group has two replicas")
}

/// Who lost a seat by an entry, as the program folds the log, against what the log says by itself.
fn seats(room: &Room<'_>) -> Option<Breach> {
    let ours: BTreeSet<(u64, &str)> = room.seating.seats.iter().filter_map(lost).collect();
    let all = room.entries.iter().flat_map(|entry| entry.left.iter().map(move |(of, jid)| (of, entry.index, jid.as_str())));
    let theirs: BTreeSet<(u64, &str)> = all.filter(|(of, _, _)| *of == room.jid).map(|(_, index, jid)| (index, jid)).collect();
    let (index, jid) = ours.symmetric_difference(&theirs).next()?;
    let says = if ours.contains(&(*index, *jid)) {
        "by the log, and not by the replicas"
    } else {
        "by the replicas, and not by the log"
    };
    let what = format!("{jid} has no seat in {} any more from entry {index} on {says}", room.jid);
    let entry = room.entries.iter().copied().find(|entry| entry.index == *index);
    Some(Breach::new(what, &[]).with(&entry.into_iter().collect::<Vec<_>>()))
}

fn lost<'a>(seat: &Seat<'a>) -> Option<(u64, &'a str)> {
    let (entry, how) = seat.until.filter(|(_, how)| *how != Gone::Renamed)?;
    // Who comes back by its own JID has not lost the seat.
    let comes_back = how == Gone::Replaced && matches!(&entry.deed, Deed::Join { jid, .. } if jid == seat.jid);
    (!comes_back).then_some((entry.index, seat.jid))
}

fn pairs(replicas: &[&Replica]) -> Findings {
    let mut findings = Findings::default();
    for (at, one) in replicas.iter().enumerate() {
        for other in &replicas[at + 1..] {
            findings.checked += 1;
            findings.breaches.extend([state(one, other), entries(one, other)].into_iter().flatten());
        }
    }
    findings
}

/// Nodes end one behind the other, and what the last ones do in the end the first ones do not see. But all of them were whole when the looking
/// began.
fn behind(evidence: &Evidence<'_>, shard: Option<u16>, replica: &Replica) -> Option<Breach> {
    let due = evidence.orders.get(&shard?)?.due_at(evidence.began(Phase::Looking)?);
    let entry = evidence.run.journal.iter().find(|entry| Some(entry.shard) == shard && entry.index == due);
    let what = || format!("{} has applied {}, and {due} was there before the looking began", name(replica), replica.applied);
    (replica.applied < due).then(|| Breach::new(what(), &[]).with(&entry.into_iter().collect::<Vec<_>>()))
}

fn state(one: &Replica, other: &Replica) -> Option<Breach> {
    let differ = one.applied == other.applied && one.hash != other.hash;
    let what = || format!("{} and {} differ at {}: {} and {}", name(one), name(other), one.applied, one.hash, other.hash);
    let proof = |replica: &Replica| Replica { entries: None, digests: Vec::new(), ..replica.clone() };
    differ.then(|| Breach::new(what(), &[]).recorded(&[&proof(one), &proof(other)]))
}

/// The first place where both have an entry, and not the same. What neither has applied may never have been committed.
fn entries(one: &Replica, other: &Replica) -> Option<Breach> {
    let (of_one, of_other) = (by_index(one), by_index(other));
    let both = one.applied.min(other.applied);
    let index = of_one
        .iter()
        .take_while(|(index, _)| **index <= both)
        .find(|(index, digest)| of_other.get(index).is_some_and(|other| other != *digest))?
        .0;
    let proof = |replica: &Replica, digests: &BTreeMap<u64, u64>| Replica {
        entries: Some((*index, *index)),
        digests: digests.get(index).copied().into_iter().collect(),
        ..replica.clone()
    };
    let what = format!("{} and {} have not the same entry {index}", name(one), name(other));
    Some(Breach::new(what, &[]).recorded(&[&proof(one, &of_one), &proof(other, &of_other)]))
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
        let differs = |other: Replica| judged(&[one.clone(), other]).breaches().swap_remove(0);
        assert_eq!(differs(replica(2, 9, "b", 1, &[7, 8, 9])), "node 1's shard 3 and node 2's shard 3 differ at 9: a and b");
        assert_eq!(differs(replica(2, 9, "a", 2, &[8, 1])), "node 1's shard 3 and node 2's shard 3 have not the same entry 3");
        let verdict = judged(&[one.clone(), replica(2, 9, "a", 2, &[8, 1])]).to_string();
        assert!(
            verdict.contains(r#"recorded {"node":2,"shard":3,"applied":9,"hash":"a","entries":[3,3],"digests":[1]}"#),
            "{verdict}"
        );
    }

    #[test]
    fn what_was_never_committed_may_differ() {
        assert!(judged(&[replica(1, 2, "a", 1, &[7, 8, 9]), replica(2, 2, "a", 1, &[7, 8, 1])]).passed());
    }

    #[test]
    fn a_replica_that_stays_behind_fails() {
        let text =
            "= create A ada\nA joined\nA invoke s1\n= say 1 s1 ada A\nA received 1 s1\n@ 5\n- phase looking\n@ 6\n= leave A";
        let mut run = run(text);
        let of_shard = |node, applied| Replica { shard: Some(1), ..replica(node, applied, "a", 1, &[7, 8, 9]) };
        run.replicas = vec![of_shard(1, 3), of_shard(2, 2)];
        assert!(check(&Evidence::of(&run)).passed());
        run.replicas[1].applied = 1;
        let Verdict::Fail(breaches) = check(&Evidence::of(&run)) else { panic!("it passes") };
        assert_eq!(breaches[0].what, "node 2's shard 1 has applied 1, and 2 was there before the looking began");
    }

    #[test]
    fn what_the_program_makes_of_the_log_is_what_it_says() {
        let mut run = run("= create A ada\n= join B bob\n= leave B\n= join C cid");
        run.replicas = vec![replica(1, 9, "a", 1, &[7]), replica(2, 9, "a", 1, &[7])];
        run.journal[2].left = vec![("r@s".to_owned(), "B".to_owned())];
        assert!(check(&Evidence::of(&run)).passed());
        run.journal[3].left = vec![("r@s".to_owned(), "A".to_owned())];
        let Verdict::Fail(breaches) = check(&Evidence::of(&run)) else { panic!("it passes") };
        assert_eq!(breaches[0].what, "A has no seat in r@s any more from entry 4 on by the replicas, and not by the log");
    }

    #[test]
    fn one_replica_tests_nothing() {
        assert!(matches!(judged(&[replica(1, 9, "a", 1, &[7])]), Verdict::Untested(_)));
    }
}

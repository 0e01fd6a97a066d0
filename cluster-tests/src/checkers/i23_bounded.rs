//! I23, bounded: what a node takes of memory, disk and files has a bound, and does not grow for ever.

use std::collections::BTreeMap;

use crate::evidence::Evidence;
use crate::run_dir::Sample;
use crate::verdict::{Breach, Findings, Verdict};

/// Memory of a node, in bytes. Runs of a dozen clients and four nodes take up to 93 MiB; above that there is room for the queues of all clients of
/// a node at their bound, which is 4 MiB each, for the history of rooms in longer runs, and for another half of it all.
const MEMORY_MAX: u64 = 256 * MIB;

/// Of a node's directory, whatever happens in it, in bytes: stores that are empty take 17 MiB, and while one is written anew it is there twice.
const DISK_MAX: u64 = 40 * MIB;

/// And for each thing that clients asked for, in bytes: its entry, the entries that follow from it, and its part of checkpoints. Runs take some 300;
/// a long text is 3000.
const DISK_OF_OPERATION: u64 = 4 * 1024;

/// Open files and sockets: clients of a run are not a hundred, and nodes a handful.
const FILES_MAX: u64 = 1024;

/// A run of less than this says nothing about growth, in microseconds: it has hardly begun.
const GROWTH_SHOWS: u64 = 600_000_000;

/// In the last quarter of a long run a node takes at most so much more memory than in the second, in bytes.
const GROWTH_MAX: u64 = 64 * MIB;

const MIB: u64 = 1024 * 1024;

/// Checks every sample.
pub(crate) fn check(evidence: &Evidence<'_>) -> Verdict {
    let run = evidence.run;
    let disk = DISK_MAX + DISK_OF_OPERATION * evidence.asked.len() as u64;
    let mut nodes: BTreeMap<u32, Vec<&Sample>> = BTreeMap::new();
    run.samples.iter().for_each(|sample| nodes.entry(sample.node).or_default().push(sample));
    let of_node = |(node, samples): (&u32, &Vec<&Sample>)| {
        let breaches = [
            above(*node, samples, "bytes of memory", MEMORY_MAX, |sample| sample.rss_bytes),
            above(*node, samples, "bytes of disk", disk, |sample| sample.disk_bytes),
            above(*node, samples, "files", FILES_MAX, |sample| sample.files),
            growth(*node, samples),
        ];
        Findings { breaches: breaches.into_iter().flatten().collect(), checked: samples.len() }
    };
    nodes.iter().map(of_node).collect::<Findings>().verdict("nobody looked what the nodes take")
}

fn above(node: u32, samples: &[&Sample], what: &str, max: u64, of: impl Fn(&Sample) -> u64) -> Option<Breach> {
    let most = samples.iter().max_by_key(|sample| of(sample)).filter(|sample| of(sample) > max)?;
    let what = format!("node {node} takes {} {what} at {} s, and the bound is {max}", of(most), most.at / 1_000_000);
    Some(Breach::new(what, &[]).recorded(&[*most]))
}

fn growth(node: u32, samples: &[&Sample]) -> Option<Breach> {
    let (from, to) = (samples.first()?.at, samples.last()?.at);
    let quarter = (to - from) / 4;
    let most = |begin: u64| {
        let within = samples.iter().copied().filter(|sample| (begin..=begin + quarter).contains(&sample.at));
        within.max_by_key(|sample| sample.rss_bytes)
    };
    let (early, late) = (most(from + quarter)?, most(to - quarter)?);
    let grows = to - from >= GROWTH_SHOWS && late.rss_bytes > early.rss_bytes + GROWTH_MAX;
    let what = || format!("node {node} takes {} bytes of memory at first, and {} in the end", early.rss_bytes, late.rss_bytes);
    grows.then(|| Breach::new(what(), &[]).recorded(&[early, late]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sketch::run;

    fn judged(samples: &[(u64, u64)]) -> Verdict {
        let mut run = run("");
        let sample = |(seconds, mib): &(u64, u64)| Sample {
            at: seconds * 1_000_000,
            node: 2,
            rss_bytes: mib * MIB,
            disk_bytes: MIB,
            files: 30,
        };
        run.samples = samples.iter().map(sample).collect();
        check(&Evidence::of(&run))
    }

    #[track_caller]
    fn breach(verdict: Verdict) -> String {
        verdict.breaches().swap_remove(0)
    }

    #[test]
    fn what_stays_below_its_bound_passes() {
        assert_eq!(judged(&[(1, 90), (2, 120), (3, 100)]), Verdict::Pass { checked: 3 });
        assert_eq!(judged(&[(0, 90), (300, 100), (900, 130), (1200, 140)]), Verdict::Pass { checked: 4 });
    }

    #[test]
    fn what_is_above_it_fails() {
        let what = "node 2 takes 314572800 bytes of memory at 2 s, and the bound is 268435456";
        let verdict = judged(&[(1, 90), (2, 300)]);
        assert!(verdict.to_string().contains(r#"recorded {"at":2000000,"node":2,"rss_bytes":314572800,"#), "{verdict}");
        assert_eq!(breach(verdict), what);
    }

    #[test]
    fn what_grows_for_ever_fails() {
        let what = "node 2 takes 104857600 bytes of memory at first, and 209715200 in the end";
        assert_eq!(breach(judged(&[(0, 90), (400, 100), (1000, 200), (1200, 190)])), what);
    }

    #[test]
    fn without_samples_nothing_is_tested() {
        assert!(matches!(judged(&[]), Verdict::Untested(_)));
    }
}

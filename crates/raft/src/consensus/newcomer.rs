//! A voter that another voter has never heard of.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

use std::collections::BTreeSet;

use bytes::Bytes;

use super::trial::Trial;
use crate::{Leader, NodeId};

/// Without the vote of the one that has heard nothing nobody leads, and without its disk nothing is committed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_voter_follows_one_of_whom_it_has_never_heard() {
    let trial = Trial::start_where(|node, other| node != 2 || other != 4).await;
    let leader = trial.leader().await;
    if leader != 1 {
        trial.limited("another leads", trial.groups[&leader].transfer(Some(NodeId(1)))).await.unwrap();
    }
    trial.adds(1, 4).await;
    trial.limited("node 4 votes", trial.groups[&1].replace(NodeId(3), NodeId(4))).await.unwrap();
    trial.within("node 4 knows that it votes", || (trial.voters(4) == BTreeSet::from([1, 2, 4])).then_some(())).await;
    trial.nodes[&1].shutdown().await;

    let leads = || match trial.groups[&4].leader().now() {
        Leader::Us(leadership) => Some(leadership),
        Leader::Other(_) | Leader::Nobody => None,
    };
    let leadership = trial.within("the new one leads", leads).await;
    let proposed = trial.groups[&4].propose(leadership, Bytes::from_static(b"to both"));
    trial.limited("it is on both disks", proposed).await.unwrap();
    trial.end().await;
}

//! Whatever is asked in whatever order: what must always hold of placement, homes and numbers.

use std::collections::BTreeSet;

use super::*;

const SHARDS: u16 = 16;

#[derive(Clone, Debug)]
enum Asked {
    Invite,
    Register(u32),
    End(u32),
    Drain(u32),
    Remove(u32),
    /// The group of a shard becomes what it should be.
    Follow(u16),
    /// All groups do.
    FollowAll,
}

fn asked() -> impl Strategy<Value = Asked> {
    let node = || 1..9_u32;
    prop_oneof![
        2 => Just(Asked::Invite),
        6 => node().prop_map(Asked::Register),
        2 => node().prop_map(Asked::End),
        1 => node().prop_map(Asked::Drain),
        2 => node().prop_map(Asked::Remove),
        4 => (0..SHARDS).prop_map(Asked::Follow),
        2 => Just(Asked::FollowAll),
    ]
}

fn requests(meta: &Meta, asked: &Asked) -> Vec<MetaRequest> {
    let follow = |shard: u16| {
        let target = meta.placement(shard).map(|placement| placement.target.clone());
        target.map(|voters| MetaRequest::Made { shard, voters })
    };
    match asked {
        Asked::Invite => vec![MetaRequest::Invite { peer: "h:1".to_owned() }],
        Asked::Register(node) => vec![register(*node)],
        Asked::End(node) => {
            let number = meta.nodes().get(node).map_or(0, |entry| entry.incarnation);
            vec![MetaRequest::End { incarnation: Incarnation { node: *node, number }, why: EndReason::Silent }]
        }
        Asked::Drain(node) => vec![MetaRequest::Drain { node: *node }],
        Asked::Remove(node) => vec![MetaRequest::Remove { node: *node }],
        Asked::Follow(shard) => follow(*shard).into_iter().collect(),
        Asked::FollowAll => (0..SHARDS).filter_map(follow).collect(),
    }
}

fn begun(nodes: u32, shards: u16) -> Meta {
    let mut meta = Meta::default();
    let MetaRequest::Begin { cluster, wait_for, secret, authority, nodes, service, .. } = begin(nodes, nodes) else {
        unreachable!()
    };
    ask(&mut meta, MetaRequest::Begin { cluster, shards, wait_for, secret, authority, nodes, service }).unwrap();
    meta
}

/// All nodes registered, all groups as they should be.
fn settled(nodes: u32, shards: u16) -> Meta {
    let mut meta = begun(nodes, shards);
    (1..=nodes).for_each(|node| drop(ask(&mut meta, register(node)).unwrap()));
    follow_all(&mut meta);
    meta
}

fn follow_all(meta: &mut Meta) {
    for shard in 0..meta.shards() {
        let voters = meta.placement(shard).unwrap().target.clone();
        ask(meta, MetaRequest::Made { shard, voters }).unwrap();
    }
}

fn members(meta: &Meta) -> BTreeSet<u32> {
    let members = meta.nodes().iter().filter(|(_, entry)| entry.state == NodeState::Member);
    members.map(|(node, _)| *node).collect()
}

fn placed(meta: &Meta) -> impl Iterator<Item = (u16, &Placement)> {
    (0..meta.shards()).filter_map(|shard| Some((shard, meta.placement(shard)?)))
}

fn holds_of_placement(meta: &Meta) {
    let members = members(meta);
    for (shard, placement) in placed(meta) {
        let target: BTreeSet<u32> = placement.target.iter().copied().collect();
        assert_eq!(target.iter().copied().collect::<Vec<_>>(), placement.target, "shard {shard}: ascending, each once");
        assert_eq!(placement.maker.is_some(), placement.voters.is_empty(), "shard {shard}: one node makes it until it is made");
        if placement.maker.is_none() {
            assert_eq!(target.len(), REPLICAS.min(members.len()), "shard {shard}: {placement:?}");
            assert!(target.is_subset(&members), "shard {shard}: {placement:?}");
        }
    }
    if placed(meta).all(|(_, placement)| placement.maker.is_none()) && placed(meta).next().is_some() {
        let mut counts: BTreeMap<u32, usize> = members.iter().map(|node| (*node, 0)).collect();
        placed(meta).for_each(|(_, placement)| placement.target.iter().for_each(|node| *counts.get_mut(node).unwrap() += 1));
        assert!(counts.values().max().unwrap() - counts.values().min().unwrap() <= 1, "{counts:?}");
    }
}

fn able(meta: &Meta, placement: &Placement) -> BTreeSet<u32> {
    let votes = |node: &u32| placement.voters.is_empty() || placement.voters.contains(node);
    let runs = |node: &u32| {
        let entry = &meta.nodes()[node];
        entry.state == NodeState::Member && entry.lives && !entry.draining
    };
    placement.target.iter().copied().filter(|node| votes(node) && runs(node)).collect()
}

/// As even as can be: by Hall's theorem, somebody has to have as many as the shards that only some nodes can lead, shared among these.
fn holds_of_homes(meta: &Meta) {
    let homes = meta.preferred_homes();
    let mut candidates: BTreeMap<u16, BTreeSet<u32>> = placed(meta).map(|(shard, at)| (shard, able(meta, at))).collect();
    candidates.retain(|_, able| !able.is_empty());
    assert_eq!(homes.keys().collect::<Vec<_>>(), candidates.keys().collect::<Vec<_>>());
    assert!(homes.iter().all(|(shard, home)| candidates[shard].contains(home)));
    let nodes: Vec<u32> = candidates.values().flatten().copied().collect::<BTreeSet<u32>>().into_iter().collect();
    let (mut ceiling, mut floor) = (0, usize::MAX);
    for some in 1..1_usize << nodes.len() {
        let some: BTreeSet<u32> = nodes.iter().enumerate().filter(|(at, _)| some >> at & 1 == 1).map(|(_, node)| *node).collect();
        ceiling = ceiling.max(candidates.values().filter(|able| able.is_subset(&some)).count().div_ceil(some.len()));
        floor = floor.min(candidates.values().filter(|able| !able.is_disjoint(&some)).count() / some.len());
    }
    let led = nodes.iter().map(|node| homes.values().filter(|home| *home == node).count());
    if !nodes.is_empty() {
        assert_eq!((led.clone().max(), led.min()), (Some(ceiling), Some(floor)), "{homes:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn whatever_happens(first in 1..5_u32, history in proptest::collection::vec(asked(), 0..60)) {
        let mut meta = begun(first, SHARDS);
        let (mut numbers, mut incarnations) = (BTreeSet::new(), BTreeSet::new());
        numbers.extend(1..=first);
        for asked in history {
            for request in requests(&meta, &asked) {
                let before = meta.clone();
                let done = ask(&mut meta, request.clone());
                if let Ok(MetaDone::Invited(node)) = done {
                    prop_assert!(numbers.insert(node), "{node} was used before");
                }
                if let Ok(MetaDone::Registered(incarnation)) = done {
                    prop_assert!(incarnations.insert(incarnation) && meta.is_current(incarnation));
                }
                for (shard, was) in placed(&before).filter(|(_, was)| was.maker.is_some()) {
                    let is = meta.placement(shard).unwrap();
                    prop_assert!(is.maker == was.maker || !is.voters.is_empty(), "{:?} {:?} {:?}", request, was, is);
                }
                let gone = before.meta_voters().into_iter().filter(|node| !meta.meta_voters().contains(node));
                gone.for_each(|node| assert!(!members(&meta).contains(&node), "{node} lost its vote by {request:?}"));
                prop_assert_eq!(meta.meta_voters().len(), REPLICAS.min(members(&meta).len()));
                holds_of_placement(&meta);
            }
            holds_of_homes(&meta);
        }
    }
}

/// How many shards have another home.
fn moved(before: &BTreeMap<u16, u32>, after: &BTreeMap<u16, u32>) -> usize {
    before.iter().filter(|(shard, home)| after.get(shard) != Some(home)).count()
}

#[test]
fn homes_move_little_when_a_node_goes_or_comes() {
    for (nodes, shards) in (2..9).flat_map(|nodes| [8, 16, 32].map(|shards| (nodes, shards))) {
        let whole = settled(nodes, shards);
        let before = whole.preferred_homes();
        for node in 1..=nodes {
            let mut meta = whole.clone();
            let incarnation = Incarnation { node, number: 1 };
            ask(&mut meta, MetaRequest::End { incarnation, why: EndReason::Silent }).unwrap();
            let had = before.values().filter(|home| **home == node).count();
            let others = moved(&before, &meta.preferred_homes()) - had;
            assert!(others <= 3, "node {node} of {nodes}, {shards} shards: {others} that it did not have moved");
            ask(&mut meta, register(node)).unwrap();
            assert_eq!(meta.preferred_homes(), before, "node {node} of {nodes} is back");
        }
        let mut meta = whole.clone();
        ask(&mut meta, MetaRequest::Invite { peer: "h:1".to_owned() }).unwrap();
        ask(&mut meta, register(nodes + 1)).unwrap();
        let changed: Vec<_> =
            placed(&whole).filter(|(shard, was)| meta.placement(*shard).unwrap().target != was.target).collect();
        for (shard, was) in &changed {
            let kept = meta.placement(*shard).unwrap().target.iter().filter(|node| was.target.contains(node)).count();
            assert_eq!(kept, was.target.len().min(REPLICAS - 1), "shard {shard} loses one for the new node, and no more");
        }
        follow_all(&mut meta);
        let after = meta.preferred_homes();
        let has = after.values().filter(|home| **home == nodes + 1).count();
        let moved = moved(&before, &after);
        assert!(moved <= 3 * has + 2, "{nodes} nodes, {shards} shards: {moved} moved so that the new one has {has}");
    }
}

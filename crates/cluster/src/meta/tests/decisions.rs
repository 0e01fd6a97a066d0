//! What is asked in which state, and what is answered, as tables.

use expect_test::expect;

use super::*;

fn end(node: u32, number: u32) -> MetaRequest {
    MetaRequest::End { incarnation: Incarnation { node, number }, why: EndReason::Silent }
}

fn made(shard: u16, voters: &[u32]) -> MetaRequest {
    MetaRequest::Made { shard, voters: voters.to_vec() }
}

fn named(cluster: &str, numbers: &[u32]) -> MetaRequest {
    let MetaRequest::Begin { shards, wait_for, secret, authority, service, .. } = begin(1, 1) else { unreachable!() };
    let nodes = numbers.iter().map(|node| NewNode { node: *node, peer: "h:1".to_owned() }).collect();
    MetaRequest::Begin { cluster: cluster.to_owned(), shards, wait_for, secret, authority, nodes, service }
}

fn raise(to: u32) -> MetaRequest {
    MetaRequest::RaiseFeatureLevel { to }
}

/// In a cluster of so many nodes, after these requests.
fn after(nodes: u32, requests: &[MetaRequest]) -> Meta {
    let mut meta = cluster_of(nodes);
    requests.iter().for_each(|request| drop(ask(&mut meta, request.clone()).unwrap()));
    meta
}

#[test]
fn a_refusal_says_what_can_be_done() {
    let (drain, remove) = (|node| MetaRequest::Drain { node }, |node| MetaRequest::Remove { node });
    let mut unmade = Meta::default();
    ask(&mut unmade, begin(2, 2)).unwrap();
    (1..=2).for_each(|node| drop(ask(&mut unmade, register(node)).unwrap()));
    let mut last = after(1, &[]);
    last.apply(&MetaChange::Node(u32::MAX, NodeEntry { incarnation: u32::MAX, ..last.nodes()[&1].clone() }));
    let refusals: Vec<String> = [
        (Meta::default(), register(1)),
        (Meta::default(), named("", &[1])),
        (Meta::default(), named("-c", &[1])),
        (Meta::default(), named("Upper", &[1])),
        (Meta::default(), named("two.labels", &[1])),
        (Meta::default(), named("c", &[])),
        (Meta::default(), named("c", &[0])),
        (Meta::default(), named("c", &[1, 1])),
        (after(1, &[]), named("another", &[1])),
        (after(1, &[]), register(2)),
        (after(1, &[]), drain(1)),
        (after(2, &[drain(1)]), drain(2)),
        (after(2, &[end(1, 1)]), remove(2)),
        (after(3, &[]), remove(4)),
        (after(3, &[end(3, 1)]), remove(2)),
        (unmade, remove(1)),
        (last.clone(), MetaRequest::Invite { peer: "h:1".to_owned() }),
        (last, register(u32::MAX)),
        (after(1, &[register_at(1, 3), raise(3)]), raise(2)),
        (after(1, &[register_at(1, 3), raise(3)]), register_at(1, 2)),
        (after(3, &[register_at(1, 3)]), raise(3)),
    ]
    .into_iter()
    .map(|(mut meta, request)| ask(&mut meta, request).unwrap_err().to_string())
    .collect();
    expect![[r#"
        the cluster has not begun yet; try again when its first node runs
        a cluster cannot begin like this: its name "" is no DNS label
        a cluster cannot begin like this: its name "-c" is no DNS label
        a cluster cannot begin like this: its name "Upper" is no DNS label
        a cluster cannot begin like this: its name "two.labels" is no DNS label
        a cluster cannot begin like this: it has no node
        a cluster cannot begin like this: its nodes are not numbered from 1, each by a number of its own
        a cluster cannot begin like this: its nodes are not numbered from 1, each by a number of its own
        the cluster has begun already
        there is no node 2: it was removed, or its invitation has run out; `conclave cluster status` lists those that there are
        node 1 is the only one that runs and could serve; start or join another first
        node 2 is the only one that runs and could serve; start or join another first
        node 2 is the only one that runs and could serve; start or join another first
        there is no node 4: it was removed, or its invitation has run out; `conclave cluster status` lists those that there are
        node 2 cannot be taken out now: with the nodes that do not run (3) away as well, some shards would have no majority; start those first, or take them out before it
        node 1 is about to make the replicas of a shard; start it if it does not run, and try again in a moment
        there is no number left for it; a new cluster has to be made
        there is no number left for it; a new cluster has to be made
        the feature level is 3 and never goes back
        node 1 does not speak feature level 3: start a newer version of the program there first
        nodes 2, 3 do not speak feature level 3: start a newer version of the program there first"#]].assert_eq(&refusals.join("\n"));
}

#[test]
fn what_is_so_already_is_not_logged_again() {
    let (drain, remove) = (|node| MetaRequest::Drain { node }, |node| MetaRequest::Remove { node });
    for (meta, request) in [
        (after(1, &[]), begin(1, 1)),
        (after(3, &[end(2, 1)]), end(2, 1)),
        (after(3, &[register(2)]), end(2, 1)),
        (after(3, &[]), end(9, 1)),
        (after(2, &[drain(1)]), drain(1)),
        // Asked again, although it would be refused by now.
        (after(2, &[drain(1), end(2, 1)]), drain(1)),
        (after(3, &[remove(1)]), remove(1)),
        (after(3, &[]), made(0, &[3, 1, 2, 2])),
        // Nobody would make it any more.
        (after(3, &[]), made(0, &[])),
        (after(3, &[]), made(8, &[1])),
        (after(1, &[register_at(1, 3), raise(3)]), raise(3)),
        (after(1, &[]), raise(FEATURE_LEVEL_FIRST)),
    ] {
        assert_eq!(meta.decide(&request), Ok((Vec::new(), MetaDone::Done)), "{request:?}");
    }
}

#[test]
fn a_dead_node_is_taken_out_when_the_others_are_enough() {
    let mut meta = after(3, &[end(3, 1), MetaRequest::Remove { node: 3 }]);
    assert_eq!((meta.placement(0).unwrap().target.as_slice(), meta.meta_voters()), ([1, 2].as_slice(), vec![1, 2]));
    (0..8).for_each(|shard| drop(ask(&mut meta, made(shard, &[1, 2])).unwrap()));
    assert!(!meta.nodes().contains_key(&3));
    ask(&mut meta, MetaRequest::Remove { node: 2 }).unwrap();
}

#[test]
fn whoever_makes_a_group_makes_it_to_the_end() {
    let mut meta = Meta::default();
    ask(&mut meta, begin(3, 4)).unwrap();
    (1..=3).for_each(|node| drop(ask(&mut meta, register(node)).unwrap()));
    let placements = |meta: &Meta| (0..8).map(|shard| meta.placement(shard).unwrap().clone()).collect::<Vec<_>>();
    let before = placements(&meta);
    ask(&mut meta, register(4)).unwrap();
    assert_eq!(placements(&meta), before, "a second group of the same name could be made");
    (0..8).for_each(|shard| drop(ask(&mut meta, made(shard, &[1, 2, 3])).unwrap()));
    assert!(placements(&meta).iter().any(|placement| placement.target.contains(&4)));
    assert!(placements(&meta).iter().all(|placement| placement.maker.is_none()));
}

#[test]
fn who_votes_on_meta_changes_only_when_it_must() {
    let mut meta = Meta::default();
    ask(&mut meta, begin(3, 5)).unwrap();
    for (request, voters) in [
        (register(1), vec![1]),
        (register(4), vec![1, 4]),
        (register(3), vec![1, 3, 4]),
        (register(2), vec![1, 3, 4]),
        (register(5), vec![1, 3, 4]),
        (end(3, 1), vec![1, 3, 4]),
        (end(2, 1), vec![1, 3, 4]),
        (register(3), vec![1, 3, 4]),
        (MetaRequest::Drain { node: 1 }, vec![1, 3, 4]),
    ] {
        ask(&mut meta, request.clone()).unwrap();
        assert_eq!(meta.meta_voters(), voters, "{request:?}");
    }
    (0..8).for_each(|shard| {
        let voters = meta.placement(shard).unwrap().target.clone();
        drop(ask(&mut meta, made(shard, &voters)).unwrap());
    });
    ask(&mut meta, MetaRequest::Remove { node: 4 }).unwrap();
    assert_eq!(meta.meta_voters(), [1, 3, 5], "node 2 does not run");
}

#[test]
fn secrets_are_not_printed() {
    let meta = cluster_of(1);
    let printed = format!("{meta:?} {:?} {:?}", meta.authority(), begin(1, 1));
    assert!(!printed.contains("key-of-the-authority"), "{printed}");
}

fn registering(node: u32, service: ServiceSettings) -> MetaRequest {
    let MetaRequest::Register { peer, version, clients, http, feature_level, .. } = register(node) else { unreachable!() };
    MetaRequest::Register { node, peer, version, clients, http, feature_level, service }
}

fn set(key: &str, value: &str) -> MetaRequest {
    MetaRequest::Set { key: key.to_owned(), value: value.to_owned() }
}

#[test]
fn a_node_of_another_domain_does_not_come() {
    let mut meta = cluster_of(3);
    let refused = ask(&mut meta, registering(3, settings(&[("domain", "other.org")]))).unwrap_err().to_string();
    assert!(refused.starts_with("`domain` of node 3 is \"other.org\", and this service is at \"example.org\""), "{refused}");
    let refused = ask(&mut meta, set("domain", "other.org")).unwrap_err();
    assert_eq!(refused, MetaRefusal::Lasting("domain".to_owned()));
    assert_eq!(ask(&mut meta, set("domain", "example.org")), Ok(MetaDone::Set("example.org".to_owned())), "it is so");
}

#[test]
fn the_service_is_as_it_began_until_it_is_set() {
    let mut meta = cluster_of(2);
    assert_eq!(meta.service(), &settings(&[("domain", "example.org"), ("admins", "")]));
    // What a node's own file says does not count any more, but for what nobody has said before.
    ask(&mut meta, registering(2, settings(&[("admins", "b@example.org"), ("rooms_max", "7")]))).unwrap();
    assert_eq!(meta.service(), &settings(&[("domain", "example.org"), ("admins", ""), ("rooms_max", "7")]));
    assert_eq!(ask(&mut meta, set("admins", "a@example.org")), Ok(MetaDone::Set(String::new())));
    ask(&mut meta, registering(1, settings(&[("admins", "c@example.org"), ("rooms_max", "8")]))).unwrap();
    assert_eq!(meta.service(), &settings(&[("domain", "example.org"), ("admins", "a@example.org"), ("rooms_max", "7")]));
    assert_eq!(ask(&mut meta, set("colour", "red")), Err(MetaRefusal::NoSuchSetting("colour".to_owned())));
}

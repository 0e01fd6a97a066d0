mod decisions;
mod feature_levels;
mod histories;

use conclave_xmpp::{BareJid, Credentials};
use proptest::prelude::*;

use super::*;
use crate::accounts::AccountRequest;

fn begin(wait_for: u32, nodes: u32) -> MetaRequest {
    MetaRequest::Begin {
        cluster: "c".to_owned(),
        shards: 8,
        wait_for,
        secret: Secret([7; 32]),
        authority: Authority { certificate: "certificate".to_owned(), key: "key-of-the-authority".to_owned() },
        nodes: (1..=nodes).map(|node| NewNode { node, peer: format!("h{node}:1") }).collect(),
        service: settings(&[("domain", "example.org"), ("admins", "")]),
    }
}

fn settings(pairs: &[(&str, &str)]) -> ServiceSettings {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn register(node: u32) -> MetaRequest {
    register_at(node, FEATURE_LEVEL)
}

/// As a program that speaks this feature level.
fn register_at(node: u32, feature_level: u32) -> MetaRequest {
    let (peer, version) = (format!("h{node}:1"), "1".to_owned());
    let service = settings(&[("domain", "example.org")]);
    MetaRequest::Register { node, peer, version, clients: Vec::new(), http: None, feature_level, service }
}

/// Asks, applies, and checks on the way that requests, outcomes, entries and records survive their bytes.
fn ask(meta: &mut Meta, request: MetaRequest) -> Result<MetaDone, MetaRefusal> {
    assert_eq!(codec::decode_request(&codec::encode_request(&request)).unwrap(), request);
    let before = meta.clone();
    let outcome = meta.decide(&request).map(|(changes, done)| {
        let changes = codec::decode_entry(&codec::encode_entry(&changes)).unwrap();
        changes.iter().for_each(|change| meta.apply(change));
        done
    });
    assert_eq!(codec::decode_outcome(&codec::encode_outcome(&outcome)).unwrap(), outcome);
    let mut records: std::collections::BTreeMap<_, _> = before.records().into_iter().collect();
    for (key, value) in Meta::changes(&before, meta) {
        match value {
            Some(value) => drop(records.insert(key, value)),
            None => drop(records.remove(&key)),
        }
    }
    let whole: Vec<_> = records.into_iter().collect();
    let mut expected = meta.records();
    expected.sort();
    assert_eq!(whole, expected);
    let mut read = Meta::read(&whole).unwrap().records();
    read.sort();
    assert_eq!(read, expected);
    outcome
}

pub(super) fn cluster_of(nodes: u32) -> Meta {
    let mut meta = Meta::default();
    ask(&mut meta, begin(nodes, nodes)).unwrap();
    (1..=nodes).for_each(|node| drop(ask(&mut meta, register(node)).unwrap()));
    for shard in 0..8 {
        let voters = meta.placement(shard).unwrap().target.clone();
        ask(&mut meta, MetaRequest::Made { shard, voters }).unwrap();
    }
    meta
}

#[test]
fn shards_are_placed_when_enough_nodes_are_there() {
    let mut meta = Meta::default();
    assert_eq!(ask(&mut meta, register(1)), Err(MetaRefusal::NotBegun));
    ask(&mut meta, begin(3, 3)).unwrap();
    assert_eq!(ask(&mut meta, begin(3, 3)), Ok(MetaDone::Done), "asked again");
    for node in 1..=3 {
        assert_eq!(meta.placement(0), None);
        let number = Incarnation { node, number: 1 };
        assert_eq!(ask(&mut meta, register(node)), Ok(MetaDone::Registered(number)));
    }
    let placement = meta.placement(5).unwrap();
    assert_eq!((placement.target.as_slice(), placement.voters.as_slice()), ([1, 2, 3].as_slice(), [].as_slice()));
    assert!(placement.maker.is_some());
    assert_eq!(meta.meta_voters(), [1, 2, 3]);
}

#[test]
fn a_shard_that_is_being_made_is_not_placed_anew() {
    let mut meta = Meta::default();
    ask(&mut meta, begin(1, 2)).unwrap();
    ask(&mut meta, register(1)).unwrap();
    let before = meta.placement(0).unwrap().clone();
    assert_eq!(before.maker, Some(1));
    ask(&mut meta, register(2)).unwrap();
    assert_eq!(meta.placement(0), Some(&before), "there would be a second maker");
    ask(&mut meta, MetaRequest::Made { shard: 0, voters: vec![1] }).unwrap();
    assert_eq!(meta.placement(0).unwrap().target, [1, 2]);
}

#[test]
fn a_new_incarnation_ends_the_former() {
    let mut meta = cluster_of(3);
    let (first, second) = (Incarnation { node: 2, number: 1 }, Incarnation { node: 2, number: 2 });
    assert!(meta.is_current(first));
    ask(&mut meta, register(2)).unwrap();
    assert!(!meta.is_current(first) && meta.is_current(second));
    ask(&mut meta, MetaRequest::End { incarnation: first, why: EndReason::Silent }).unwrap();
    assert!(meta.is_current(second), "an end of the former is void");
    ask(&mut meta, MetaRequest::End { incarnation: second, why: EndReason::Silent }).unwrap();
    assert!(!meta.is_current(second));
    assert!((0..8).all(|shard| meta.preferred_home(shard) != Some(2)));
    assert_eq!(meta.placement(0).unwrap().target, [1, 2, 3], "it may come back");
}

#[test]
fn a_node_that_was_taken_for_dead_while_it_was_drained_runs() {
    let mut meta = cluster_of(3);
    let cut_off = Incarnation { node: 2, number: 1 };
    ask(&mut meta, MetaRequest::Drain { node: 2 }).unwrap();
    ask(&mut meta, MetaRequest::End { incarnation: cut_off, why: EndReason::Silent }).unwrap();
    assert!(!meta.nodes()[&2].runs());
    ask(&mut meta, MetaRequest::End { incarnation: cut_off, why: EndReason::Drained }).unwrap();
    assert!(meta.nodes()[&2].runs() && !meta.is_current(cut_off));
    ask(&mut meta, MetaRequest::End { incarnation: cut_off, why: EndReason::Stopped }).unwrap();
    assert!(!meta.nodes()[&2].runs());
}

#[test]
fn a_drained_node_can_be_taken_out_of_two_until_it_is_silent() {
    let mut meta = cluster_of(2);
    let drained = Incarnation { node: 2, number: 1 };
    ask(&mut meta, MetaRequest::Drain { node: 2 }).unwrap();
    ask(&mut meta, MetaRequest::End { incarnation: drained, why: EndReason::Drained }).unwrap();
    assert!(!meta.is_current(drained) && meta.nodes()[&2].runs(), "its clients are gone, its replicas are not");
    let mut silent = meta.clone();
    ask(&mut meta, MetaRequest::Remove { node: 2 }).unwrap();
    ask(&mut silent, MetaRequest::End { incarnation: drained, why: EndReason::Silent }).unwrap();
    assert!(!silent.nodes()[&2].runs());
    assert!(matches!(ask(&mut silent, MetaRequest::Remove { node: 2 }), Err(MetaRefusal::TooFewRun { .. })));
    ask(&mut silent, register(2)).unwrap();
    assert!(silent.is_current(Incarnation { node: 2, number: 2 }) && !silent.nodes()[&2].drained);
}

#[test]
fn invitations_have_a_bound_and_run_out() {
    let mut meta = cluster_of(1);
    let invite = || MetaRequest::Invite { peer: "h:1".to_owned() };
    for number in 0..64 {
        assert_eq!(ask(&mut meta, invite()), Ok(MetaDone::Invited(2 + number)));
    }
    assert_eq!(ask(&mut meta, invite()), Err(MetaRefusal::TooManyInvited { max: 64 }));
    ask(&mut meta, MetaRequest::Remove { node: 2 }).unwrap();
    assert_eq!(ask(&mut meta, invite()), Ok(MetaDone::Invited(66)));
    assert_eq!(meta.open_invitations(), (3..=66).collect());
    ask(&mut meta, register(66)).unwrap();
    for node in 1..=66 {
        ask(&mut meta, MetaRequest::Withdraw { node }).unwrap();
    }
    assert_eq!(meta.nodes().keys().copied().collect::<Vec<_>>(), [1, 66], "who has come stays");
    assert_eq!(ask(&mut meta, register(3)), Err(MetaRefusal::NoSuchNode(3)));
    assert_eq!(ask(&mut meta, invite()), Ok(MetaDone::Invited(67)));
}

#[test]
fn nodes_come_and_go() {
    let mut meta = cluster_of(3);
    let fourth = ask(&mut meta, MetaRequest::Invite { peer: "h4:1".to_owned() }).unwrap();
    assert_eq!(fourth, MetaDone::Invited(4));
    assert!((0..8).all(|shard| meta.placement(shard).unwrap().target == [1, 2, 3]));
    assert_eq!(meta.meta_voters(), [1, 2, 3]);
    ask(&mut meta, register(4)).unwrap();
    let with_fourth: Vec<u16> = (0..8).filter(|shard| meta.placement(*shard).unwrap().target.contains(&4)).collect();
    assert!((5..=6).contains(&with_fourth.len()), "{with_fourth:?}");

    ask(&mut meta, MetaRequest::Remove { node: 1 }).unwrap();
    assert!((0..8).all(|shard| meta.placement(shard).unwrap().target == [2, 3, 4]));
    assert_eq!(meta.meta_voters(), [2, 3, 4]);
    for shard in 0..8 {
        assert!(meta.nodes().contains_key(&1));
        ask(&mut meta, MetaRequest::Made { shard, voters: vec![2, 3, 4] }).unwrap();
    }
    assert!(!meta.nodes().contains_key(&1));
    assert_eq!(ask(&mut meta, register(1)), Err(MetaRefusal::NoSuchNode(1)));
    assert_eq!(
        ask(&mut meta, MetaRequest::Invite { peer: String::new() }),
        Ok(MetaDone::Invited(5)),
        "numbers are not used again"
    );
}

#[test]
fn the_last_node_stays() {
    let mut meta = cluster_of(1);
    assert_eq!(ask(&mut meta, MetaRequest::Remove { node: 1 }), Err(MetaRefusal::LastNode(1)));
    assert_eq!(ask(&mut meta, MetaRequest::Drain { node: 1 }), Err(MetaRefusal::LastNode(1)));
    assert_eq!(ask(&mut meta, MetaRequest::Drain { node: 9 }), Err(MetaRefusal::NoSuchNode(9)));
}

#[test]
fn accounts_are_a_part() {
    let mut meta = cluster_of(1);
    let jid = BareJid::parse("romeo@example.org").unwrap();
    let add = |salt: u8| {
        let credentials = Credentials::derive("secret", &[salt; 16], 4096).unwrap();
        MetaRequest::Account(AccountRequest::Add(jid.clone(), credentials))
    };
    // The second time whoever asked had not heard of the first.
    for _ in 0..2 {
        assert_eq!(ask(&mut meta, add(1)), Ok(MetaDone::Account(jid.clone())));
    }
    assert!(matches!(ask(&mut meta, add(2)), Err(MetaRefusal::Account(_))));
    ask(&mut meta, MetaRequest::Account(AccountRequest::Delete(jid.clone()))).unwrap();
    assert!(meta.accounts().credentials(&jid).is_none());
}

proptest! {
    #[test]
    fn leaders_are_balanced(nodes in 1..7_u32, away in 0..7_u32) {
        let mut meta = cluster_of(nodes);
        let count = |meta: &Meta| {
            let mut led = BTreeMap::new();
            (0..8).filter_map(|shard| meta.preferred_home(shard)).for_each(|home| *led.entry(home).or_insert(0) += 1);
            led
        };
        let led = count(&meta);
        prop_assert_eq!(led.values().sum::<i32>(), 8);
        prop_assert!(led.values().max().unwrap() - led.values().min().unwrap() <= 1 || led.len() < nodes as usize, "{:?}", led);
        if away >= 1 && away <= nodes && nodes > 1 {
            ask(&mut meta, MetaRequest::Drain { node: away }).unwrap();
            prop_assert!(!count(&meta).contains_key(&away));
            prop_assert_eq!(count(&meta).values().sum::<i32>(), 8);
        }
    }
}

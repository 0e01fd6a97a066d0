//! A rolling upgrade as the register sees it.

use super::*;

fn raise(meta: &mut Meta) -> Result<MetaDone, MetaRefusal> {
    let to = meta.feature_level_to_ask_for();
    ask(meta, MetaRequest::RaiseFeatureLevel { to })
}

fn behind(nodes: &[u32], level: u32) -> Result<MetaDone, MetaRefusal> {
    Err(MetaRefusal::Behind { nodes: nodes.to_vec(), level })
}

#[test]
fn the_level_rises_when_the_last_node_is_new() {
    let mut meta = cluster_of(3);
    assert_eq!((meta.feature_level(), meta.feature_level_to_ask_for()), (FEATURE_LEVEL_FIRST, FEATURE_LEVEL_FIRST));
    ask(&mut meta, register_at(1, 3)).unwrap();
    assert_eq!(raise(&mut meta), behind(&[2, 3], 3));
    ask(&mut meta, register_at(3, 2)).unwrap();
    // One that does not run has its log, and will read on in it.
    ask(&mut meta, MetaRequest::End { incarnation: Incarnation { node: 2, number: 1 }, why: EndReason::Silent }).unwrap();
    assert_eq!(raise(&mut meta), behind(&[2, 3], 3));
    assert_eq!(meta.feature_level(), FEATURE_LEVEL_FIRST);
    ask(&mut meta, register_at(2, 3)).unwrap();
    // All speak 2, though not 3.
    assert_eq!((raise(&mut meta), meta.feature_level()), (Ok(MetaDone::Done), 2));
    assert_eq!(raise(&mut meta), behind(&[3], 3));
    ask(&mut meta, register_at(3, 3)).unwrap();
    assert_eq!((raise(&mut meta), meta.feature_level()), (Ok(MetaDone::Done), 3));
    assert_eq!((raise(&mut meta), meta.feature_level()), (Ok(MetaDone::Done), 3));
}

#[test]
fn an_old_program_does_not_come_back_behind_the_level() {
    let mut meta = cluster_of(2);
    (1..=2).for_each(|node| drop(ask(&mut meta, register_at(node, 2)).unwrap()));
    ask(&mut meta, MetaRequest::Invite { peer: "h3:1".to_owned() }).unwrap();
    raise(&mut meta).unwrap();
    let before = meta.nodes()[&1].clone();
    assert_eq!(ask(&mut meta, register_at(1, 1)), behind(&[1], 2));
    assert_eq!(ask(&mut meta, register_at(3, 1)), behind(&[3], 2));
    assert_eq!(meta.nodes()[&1], before);
    ask(&mut meta, register_at(3, 2)).unwrap();
}

#[test]
fn who_says_no_level_speaks_the_first() {
    // As a program would that knows of no levels: the same bytes without the last field.
    let bytes = codec::encode_request(&register_at(1, 0));
    assert_eq!(codec::decode_request(&bytes).unwrap(), register_at(1, FEATURE_LEVEL_FIRST));
}

use super::damage::{Whole, with_sled};
use super::*;

#[test]
fn records_that_sled_thinks_whole_are_checked() {
    let whole = Whole::new();
    let said = |damage: &dyn Fn(&sled::Db)| {
        let dir = whole.copy();
        with_sled(dir.path(), damage);
        let error = whole.examine(dir.path()).unwrap_err();
        let reason = error.to_string().replace(dir.path().to_str().unwrap(), "DIR");
        assert!(whole.is_damaged(dir.path()));
        reason
    };
    let of_group_2 = |sled: &sled::Db, chunk: u32| {
        let mut keys = sled.scan_prefix(record::group_prefix(2)).keys().map(Result::unwrap);
        keys.find(|key| key.ends_with(&chunk.to_be_bytes())).unwrap()
    };
    let change = |key: &[u8], sled: &sled::Db| {
        let mut bytes = sled.get(key).unwrap().unwrap().to_vec();
        *bytes.last_mut().unwrap() ^= 1;
        sled.insert(key, bytes).unwrap();
    };
    let texts = [
        said(&|sled| change(&head::Head::key(2), sled)),
        said(&|sled| drop(sled.remove(head::Head::key(2)).unwrap())),
        said(&|sled| drop(sled.insert(head::Head::key(2), b"").unwrap())),
        said(&|sled| drop(sled.insert("h?", b"").unwrap())),
        said(&|sled| change(&of_group_2(sled, 0), sled)),
        said(&|sled| change(&of_group_2(sled, 3), sled)),
        said(&|sled| drop(sled.remove(of_group_2(sled, 0)).unwrap())),
        said(&|sled| drop(sled.remove(of_group_2(sled, 3)).unwrap())),
        said(&|sled| {
            let from = of_group_2(sled, 3);
            let (value, to) = (sled.get(&from).unwrap().unwrap(), of_group_2(sled, 4));
            sled.insert(to, value).unwrap();
        }),
        said(&|sled| {
            let last = of_group_2(sled, 7);
            let stray = [&last[..last.len() - 4], &8_u32.to_be_bytes()].concat();
            sled.insert(stray, record::seal(b"", b"x")).unwrap();
        }),
        said(&|sled| drop(sled.insert([record::group_prefix(2).as_slice(), b"short"].concat(), b"x").unwrap())),
        said(&|sled| drop(sled.insert("w stray", b"").unwrap())),
        said(&|sled| drop(sled.insert(head::saves_key(), b"12345678").unwrap())),
    ];
    expect_test::expect![[r#"
        DIR/state is damaged: a head: the checksum of a record is wrong
        DIR/state is damaged: group 2: there are records that no head knows
        DIR/state is damaged: a head: a record has no checksum
        DIR/state is damaged: a head: its key is no group
        DIR/state is damaged: group 2: the checksum of a record is wrong
        DIR/state is damaged: group 2: the checksum of a record is wrong
        DIR/state is damaged: group 2: its head counts 60 pairs, and 59 are there
        DIR/state is damaged: group 2: chunk 3 of a record is missing
        DIR/state is damaged: group 2: the checksum of a record is wrong
        DIR/state is damaged: group 2: chunk 8 of a record has none before it
        DIR/state is damaged: group 2: there are records that no head knows
        DIR/state is damaged: a mark: a record has no checksum
        DIR/state is damaged: the count of saves is wrong"#]]
    .assert_eq(&texts.join("\n"));
}

/// Pairs that are whole, but not those that the head speaks of.
#[test]
fn a_state_that_is_not_its_heads_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    save(&store, GROUP, 1, vec![set("a", "1"), set("b", "2")]);
    store.close();
    let first = std::cell::RefCell::new(BTreeMap::new());
    with_sled(dir.path(), |sled| {
        first.borrow_mut().extend(sled.scan_prefix(record::group_prefix(GROUP)).map(Result::unwrap));
    });
    let store = open(dir.path());
    save(&store, GROUP, 2, vec![set("a", "3"), set("c", "4")]);
    store.close();
    let load = || StateStore::open(dir.path()).unwrap().load(GROUP).unwrap_err().to_string();
    // The record of `a` is what it was at 1.
    with_sled(dir.path(), |sled| first.borrow().iter().for_each(|(key, value)| drop(sled.insert(key, value).unwrap())));
    let text = load();
    assert!(text.contains("its head has the hash"), "{text}");
    with_sled(dir.path(), |sled| first.borrow().keys().for_each(|key| drop(sled.remove(key).unwrap())));
    let text = load();
    assert!(text.contains("its head counts 3 pairs, and 1 are there"), "{text}");
}

#[test]
fn a_newer_form_is_not_called_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    save(&store, GROUP, 1, vec![set("a", "1")]);
    store.close();
    with_sled(dir.path(), |sled| {
        let key = head::Head::key(GROUP);
        drop(sled.insert(key.clone(), record::seal(&key, &2_u32.to_be_bytes())).unwrap());
    });
    let error = StateStore::open(dir.path()).err().unwrap();
    assert!(matches!(error, StateError::Format { found: 2, known: 1, .. }), "{error}");
}

/// What a crash leaves in the middle of a replacement: a marked generation, of which some is there.
#[test]
fn a_replacement_that_was_cut_short_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let pairs = some_pairs(10, 100);
    replace(&store, GROUP, 1, &pairs);
    for group in [GROUP, GROUP + 1] {
        let new = some_pairs(2500, 10).into_iter().collect();
        let filled = store.shared.live("fill", |writer| {
            let generation = writer.begin(group)?;
            writer.fill(group, &mut head::Head::empty(generation), &new)?;
            writer.sync()
        });
        filled.unwrap();
    }
    store.close();
    let store = open(dir.path());
    assert_stored(&store, GROUP, 1, &pairs);
    assert!(store.load(GROUP + 1).unwrap().is_none());
    store.close();
    with_sled(dir.path(), |sled| assert_eq!(sled.len(), 10 + 1 + 1));
}

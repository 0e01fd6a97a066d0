use super::*;

/// Around what fits into one chunk, and what is far longer. The longest of them all is tried once below.
const LENGTHS: [usize; 12] = [0, 1, 300, 4047, 4051, 4095, 4096, 4097, 8141, 8142, 8143, 100_000];

#[test]
fn what_was_saved_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let pairs: Pairs = LENGTHS.iter().map(|length| (Bytes::from(format!("of {length}")), value(*length, 1))).collect();
    let store = open(dir.path());
    assert!(store.load(GROUP).unwrap().is_none());
    assert_eq!(store.summary(GROUP), None);
    let hash = save(&store, GROUP, 5, pairs.clone().into_iter().map(|(key, value)| (key, Some(value))).collect());
    assert_eq!(hash, hash_of(&pairs));
    assert_stored(&store, GROUP, 5, &pairs);
    store.close();
    let store = open(dir.path());
    assert_stored(&store, GROUP, 5, &pairs);
    assert!(store.load(GROUP + 1).unwrap().is_none());
}

#[test]
fn values_shrink_and_grow_and_nothing_of_them_stays() {
    let dir = tempfile::tempdir().unwrap();
    let mut store = open(dir.path());
    let mut index = 0;
    for from in LENGTHS {
        for to in LENGTHS {
            for length in [from, to] {
                index += 1;
                save(&store, GROUP, index, vec![set("it", value(length, index as usize)), set("other", "same")]);
            }
            let stored = store.load(GROUP).unwrap().unwrap();
            assert_eq!(as_map(&stored)[&b"it"[..]], value(to, index as usize), "{from} -> {to}");
        }
        drop(store);
        store = open(dir.path());
    }
    save(&store, GROUP, index + 1, vec![remove("it"), remove("other"), remove("never there")]);
    assert_stored(&store, GROUP, index + 1, &Pairs::new());
    assert_eq!(store.summary(GROUP).unwrap().1, StateHash::default());
}

#[test]
fn the_longest_keys_and_values_are_kept_and_longer_ones_refused() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let key = |length: usize, n: usize| Bytes::from(format!("{n:0>length$}"));
    // Enough for several inner pages of sled: they must not become blobs, which a save would stop at.
    let mut pairs: Pairs = (0..6000).map(|n| (key(KEY_BYTES_MAX, n), value(10, n))).collect();
    pairs.insert(Bytes::new(), Bytes::new());
    pairs.insert(key(3, 1), value(VALUE_BYTES_MAX, 1));
    save(&store, GROUP, 1, pairs.clone().into_iter().map(|(key, value)| (key, Some(value))).collect());
    drop(store);
    let store = open(dir.path());
    assert_stored(&store, GROUP, 1, &pairs);

    let refused =
        |note: Bytes, changes| store.save(GROUP, 2, note, changes, Box::new(|_| panic!("refused"))).unwrap_err().to_string();
    let texts = [
        refused(note(2), vec![(key(KEY_BYTES_MAX + 1, 1), None)]),
        refused(note(2), vec![set("a", value(VALUE_BYTES_MAX + 1, 1))]),
        refused(value(NOTE_BYTES_MAX + 1, 1), Vec::new()),
        store.replace(GROUP, 2, note(2), [Ok((key(KEY_BYTES_MAX + 1, 1), Bytes::new()))].into_iter()).unwrap_err().to_string(),
    ];
    expect_test::expect![[r#"
        a key of 1025 bytes is longer than can be kept, 1024
        a value of 16777217 bytes is longer than can be kept, 16777216
        a note of 3073 bytes is longer than can be kept, 3072
        a key of 1025 bytes is longer than can be kept, 1024"#]]
    .assert_eq(&texts.join("\n"));
    assert_stored(&store, GROUP, 1, &pairs);
}

#[test]
fn groups_do_not_touch_one_another() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    for group in [0, 1, u32::MAX] {
        save(&store, group, 3, vec![set("who", group.to_string()), set("shared", "x")]);
    }
    save(&store, 1, 4, vec![remove("shared")]);
    store.forget(0).unwrap();
    store.forget(99).unwrap();
    drop(store);
    let store = open(dir.path());
    assert!(store.load(0).unwrap().is_none());
    assert_eq!(store.summary(0), None);
    assert_stored(&store, 1, 4, &Pairs::from([("who".into(), "1".into())]));
    let last = Pairs::from([("who".into(), u32::MAX.to_string().into()), ("shared".into(), "x".into())]);
    assert_stored(&store, u32::MAX, 3, &last);
    // A group that comes back begins with nothing.
    save(&store, 0, 1, vec![set("new", "1")]);
    assert_stored(&store, 0, 1, &Pairs::from([("new".into(), "1".into())]));
}

#[test]
fn a_replacement_leaves_nothing_of_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let old = some_pairs(3000, 500);
    replace(&store, GROUP, 1, &old);
    assert_stored(&store, GROUP, 1, &old);
    let new = some_pairs(2000, 700);
    assert_eq!(replace(&store, GROUP, 9, &new), hash_of(&new));
    assert_stored(&store, GROUP, 9, &new);
    save(&store, GROUP, 10, vec![remove("key 1")]);
    drop(store);
    let store = open(dir.path());
    let mut new = new;
    new.remove(&b"key 1"[..]);
    assert_stored(&store, GROUP, 10, &new);
}

#[test]
fn a_replacement_that_fails_leaves_what_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let old = some_pairs(10, 100);
    replace(&store, GROUP, 1, &old);
    let broken = some_pairs(3000, 1000).into_iter().map(Ok).chain([Err(StateError::Closed)]);
    assert!(matches!(store.replace(GROUP, 2, note(2), broken), Err(StateError::Closed)));
    assert_stored(&store, GROUP, 1, &old);
    // Twice in one piece, and in pieces that are far apart.
    for others in [1, 3000] {
        let twice = some_pairs(others, 1000).into_iter().chain([("key 0".into(), "again".into())]).map(Ok);
        assert!(matches!(store.replace(GROUP, 2, note(2), twice), Err(StateError::Refused { .. })));
        assert_stored(&store, GROUP, 1, &old);
    }
    drop(store);
    assert_stored(&open(dir.path()), GROUP, 1, &old);
}

use super::*;

#[test]
fn one_checkpoint_of_a_group_waits_and_others_are_told_so() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    // The thread is held in the first `done`, so that what comes then has to wait.
    let (release, held) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    let hold = move |_| {
        entered.send(()).unwrap();
        held.recv_timeout(PATIENCE).unwrap();
    };
    store.save(GROUP, 1, note(1), vec![set("a", "1")], Box::new(hold)).unwrap();
    inside.recv_timeout(PATIENCE).unwrap();
    let (done, told) = mpsc::channel();
    for group in [GROUP, GROUP + 1] {
        let done = done.clone();
        store.save(group, 2, note(2), vec![set("a", "2")], Box::new(move |_| done.send(group).unwrap())).unwrap();
    }
    let full = store.save(GROUP, 3, note(3), vec![set("a", "3")], Box::new(|_| panic!("refused")));
    assert!(matches!(full, Err(StateError::Busy { group: GROUP })));
    assert_eq!(store.summary(GROUP).unwrap().0, 1);
    release.send(()).unwrap();
    let mut groups = [told.recv_timeout(PATIENCE).unwrap(), told.recv_timeout(PATIENCE).unwrap()];
    groups.sort_unstable();
    assert_eq!(groups, [GROUP, GROUP + 1]);
    assert_stored(&store, GROUP, 2, &Pairs::from([("a".into(), "2".into())]));
}

#[test]
fn a_replacement_drops_the_checkpoint_that_waits() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let (release, held) = mpsc::channel::<()>();
    let (entered, inside) = mpsc::channel();
    let hold = move |_| {
        entered.send(()).unwrap();
        held.recv_timeout(PATIENCE).unwrap();
    };
    store.save(GROUP, 1, note(1), vec![set("a", "1")], Box::new(hold)).unwrap();
    inside.recv_timeout(PATIENCE).unwrap();
    store.save(GROUP, 20, note(20), vec![set("late", "2")], Box::new(|_| panic!("dropped"))).unwrap();
    let new = some_pairs(3, 10);
    replace(&store, GROUP, 9, &new);
    release.send(()).unwrap();
    let behind = store.save(GROUP, 3, note(3), Vec::new(), Box::new(|_| panic!("refused")));
    assert!(matches!(behind, Err(StateError::Backwards { index: 3, stored: 9, .. })));
    store.close();
    assert_stored(&open(dir.path()), GROUP, 9, &new);
}

#[test]
fn closing_writes_what_waits_and_takes_no_more() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let other = store.clone();
    assert!(matches!(StateStore::open(dir.path()), Err(StateError::Held { .. })));
    let (done, told) = mpsc::channel();
    store.save(GROUP, 1, note(1), vec![set("a", "1")], Box::new(move |hash| done.send(hash).unwrap())).unwrap();
    store.close();
    told.try_recv().unwrap();
    assert!(matches!(other.save(GROUP, 2, note(2), Vec::new(), Box::new(|_| ())), Err(StateError::Closed)));
    assert!(matches!(other.load(GROUP), Err(StateError::Closed)));
    assert!(matches!(other.forget(GROUP), Err(StateError::Closed)));
    assert_stored(&open(dir.path()), GROUP, 1, &Pairs::from([("a".into(), "1".into())]));
}

#[test]
fn the_last_clone_may_be_dropped_by_a_checkpoint() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    let clone = store.clone();
    let (done, told) = mpsc::channel();
    let last = move |_| {
        drop(clone);
        done.send(()).unwrap();
    };
    store.save(GROUP, 1, note(1), vec![set("a", "1")], Box::new(last)).unwrap();
    drop(store);
    told.recv_timeout(PATIENCE).unwrap();
}

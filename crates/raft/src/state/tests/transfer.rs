use super::*;

const INDEX: u64 = 42;

fn snapshot(dir: &Path, pairs: &Pairs) -> SnapshotFile {
    SnapshotFile::write(dir, GROUP, INDEX, note(INDEX), pairs.clone().into_iter()).unwrap()
}

fn contents(file: &SnapshotFile) -> Vec<u8> {
    file.chunk(0, usize::MAX).unwrap().to_vec()
}

fn receive(dir: &Path, name: &str, bytes: &[u8]) -> Result<SnapshotFile, StateError> {
    let mut incoming = Incoming::begin(dir, GROUP, name, bytes.len() as u64)?;
    let from = incoming.received();
    incoming.write(from, &bytes[from as usize..])?;
    incoming.finish()
}

fn files(dir: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(dir.join("snapshots")).unwrap();
    let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_snapshot_arrives_as_it_was_sent() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut pairs = some_pairs(3000, 100);
    pairs.insert("long".into(), value(1_000_000, 3));
    pairs.insert(Bytes::new(), Bytes::new());
    for pairs in [pairs, some_pairs(1, 0), Pairs::new()] {
        let sent = snapshot(from.path(), &pairs);
        assert_eq!((sent.count, sent.hash), (pairs.len() as u64, hash_of(&pairs)));
        let mut incoming = Incoming::begin(to.path(), GROUP, sent.name(), sent.size).unwrap();
        while incoming.received() < sent.size {
            let chunk = sent.chunk(incoming.received(), 50_000).unwrap();
            incoming.write(incoming.received(), &chunk).unwrap();
        }
        assert!(sent.chunk(sent.size, 1).unwrap().is_empty());
        let received = incoming.finish().unwrap();
        assert_eq!((received.group, received.index, &received.note), (GROUP, INDEX, &note(INDEX)));
        assert_eq!(
            (received.size, received.count, received.hash, received.name()),
            (sent.size, sent.count, sent.hash, sent.name())
        );
        assert_eq!(received.pairs().collect::<Result<Pairs, _>>().unwrap(), pairs);

        let store = open(to.path());
        store.replace(GROUP, INDEX, received.note.clone(), received.pairs()).unwrap();
        assert_stored(&store, GROUP, INDEX, &pairs);
    }
}

#[test]
fn a_snapshot_is_deleted_with_its_last_clone() {
    let dir = tempfile::tempdir().unwrap();
    let file = snapshot(dir.path(), &some_pairs(3, 3));
    let clone = file.clone();
    let pairs = file.pairs();
    drop(file);
    assert_eq!(files(dir.path()), [format!("{}.out", clone.name())]);
    assert!(!contents(&clone).is_empty());
    drop(clone);
    assert!(files(dir.path()).is_empty());
    assert_eq!(pairs.map(Result::unwrap).count(), 3);

    let too_long = [(Bytes::from(vec![0; KEY_BYTES_MAX + 1]), Bytes::new())].into_iter();
    let error = SnapshotFile::write(dir.path(), GROUP, INDEX, note(1), too_long).unwrap_err();
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
    assert!(files(dir.path()).is_empty());
}

/// However much there is, what was given is in the file but for one block.
#[test]
fn a_snapshot_is_written_while_its_pairs_are_made() {
    let dir = tempfile::tempdir().unwrap();
    let length = || std::fs::read_dir(dir.path().join("snapshots")).unwrap().next().unwrap().unwrap().metadata().unwrap().len();
    let mut given = 0;
    let pairs = (0..20_000).map(|n| {
        assert!(length() + 70_000 > given, "{given} bytes were given, and {} are written", length());
        given += 1000;
        (Bytes::from(format!("key {n}")), value(1000, n))
    });
    let file = SnapshotFile::write(dir.path(), GROUP, INDEX, note(INDEX), pairs).unwrap();
    assert!(file.size > 20_000_000);
}

#[test]
fn a_transfer_goes_on_wherever_it_broke_off() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pairs = some_pairs(20, 20);
    let sent = snapshot(from.path(), &pairs);
    let bytes = contents(&sent);
    for cut in 0..=bytes.len() {
        let mut incoming = Incoming::begin(to.path(), GROUP, sent.name(), sent.size).unwrap();
        assert_eq!(incoming.received(), 0);
        incoming.write(0, &bytes[..cut]).unwrap();
        drop(incoming);
        let mut incoming = Incoming::begin(to.path(), GROUP, sent.name(), sent.size).unwrap();
        assert_eq!(incoming.received(), cut as u64);
        incoming.write(cut as u64, &bytes[cut..]).unwrap();
        assert_eq!(incoming.finish().unwrap().pairs().collect::<Result<Pairs, _>>().unwrap(), pairs, "{cut}");
    }
}

#[test]
fn bytes_for_another_place_change_nothing() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sent = snapshot(from.path(), &some_pairs(5, 5));
    let bytes = contents(&sent);
    let mut incoming = Incoming::begin(to.path(), GROUP, sent.name(), sent.size).unwrap();
    assert_eq!(incoming.write(0, &bytes[..10]).unwrap(), 10);
    for offset in [0, 9, 11, u64::MAX] {
        assert_eq!(incoming.write(offset, b"other").unwrap(), 10);
    }
    assert_eq!(incoming.write(10, b"").unwrap(), 10);
    assert!(matches!(incoming.write(10, &vec![0; bytes.len()]), Err(StateError::Refused { .. })));
    assert_eq!(incoming.write(10, &bytes[10..]).unwrap(), sent.size);
    incoming.finish().unwrap();

    let mut incoming = Incoming::begin(to.path(), GROUP, sent.name(), sent.size).unwrap();
    incoming.write(0, &bytes[..10]).unwrap();
    let error = incoming.finish().unwrap_err().to_string();
    assert_eq!(error, format!("a snapshot is refused: 10 of its {} bytes are here", sent.size));
    assert_eq!(Incoming::begin(to.path(), GROUP, sent.name(), sent.size).unwrap().received(), 10);
    // As many as before, or more than are announced now: that is another file.
    assert_eq!(Incoming::begin(to.path(), GROUP, sent.name(), 9).unwrap().received(), 0);
}

#[test]
fn another_transfer_of_the_group_takes_the_place_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let begin = |group, name: &str| Incoming::begin(dir.path(), group, name, 100).unwrap();
    begin(7, "7-1-00000000000000aa").write(0, b"x").unwrap();
    begin(8, "8-1-00000000000000aa").write(0, b"x").unwrap();
    begin(7, "7-2-00000000000000aa");
    assert_eq!(files(dir.path()), ["7-2-00000000000000aa.part", "8-1-00000000000000aa.part"]);
    assert!(pending(dir.path()).unwrap().is_empty());
    assert_eq!(begin(8, "8-1-00000000000000aa").received(), 1);
}

#[test]
fn only_our_own_names_become_paths() {
    let dir = tempfile::tempdir().unwrap();
    let long = format!("7-1-{:0>5000}", "aa");
    let names = [
        "",
        ".",
        "..",
        "../x",
        "/etc/passwd",
        "7",
        "7-1",
        "7-1-",
        "7-1-aa",
        "07-1-00000000000000aa",
        "+7-1-00000000000000aa",
        "7-1-00000000000000AA",
        "7-1-00000000000000aa/../../x",
        "7-1-00000000000000aa.part",
        "7-1-00000000000000aa\0",
        "7-1--0000000000000aa",
        "8-1-00000000000000aa",
        "4294967303-1-00000000000000aa",
        "7-18446744073709551616-00000000000000aa",
        &long,
    ];
    for name in names {
        assert!(matches!(Incoming::begin(dir.path(), 7, name, 10), Err(StateError::Refused { .. })), "{name}");
    }
    assert!(matches!(Incoming::begin(dir.path(), 7, "7-1-00000000000000aa", u64::MAX), Err(StateError::Refused { .. })));
    assert!(std::fs::read_dir(dir.path()).unwrap().next().is_none());
    Incoming::begin(dir.path(), 7, "7-1-00000000000000aa", 10).unwrap();
}

#[test]
fn a_name_that_is_not_what_the_file_says_is_refused() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let sent = snapshot(from.path(), &some_pairs(5, 5));
    let error = receive(to.path(), "7-43-00000000000000aa", &contents(&sent)).unwrap_err().to_string();
    assert!(error.contains("it is of group 7 at 42, which is not what its name says"), "{error}");
    assert!(files(to.path()).is_empty());
}

#[test]
fn a_crash_before_the_installation_is_made_good() {
    let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let pairs = some_pairs(50, 50);
    let sent = snapshot(from.path(), &pairs);
    let received = receive(to.path(), sent.name(), &contents(&sent)).unwrap();
    let path = received.path.clone();
    // What a crash leaves: the file, and one that was to be sent.
    std::mem::forget(received);
    std::mem::forget(snapshot(to.path(), &pairs));
    // An older one and a damaged one beside it.
    let older = SnapshotFile::write(from.path(), GROUP, INDEX - 1, note(INDEX), some_pairs(1, 1).into_iter()).unwrap();
    std::mem::forget(receive(to.path(), older.name(), &contents(&older)).unwrap());
    let damaged = to.path().join("snapshots/9-1-00000000000000aa.install");
    std::fs::write(&damaged, &contents(&sent)[1..]).unwrap();

    let found = pending(to.path()).unwrap();
    assert_eq!(found.iter().map(|file| (file.group, file.index, &file.path)).collect::<Vec<_>>(), [(GROUP, INDEX, &path)]);
    assert_eq!(found[0].pairs().collect::<Result<Pairs, _>>().unwrap(), pairs);
    let name = path.file_name().unwrap().to_str().unwrap();
    assert_eq!(files(to.path()), [name, "9-1-00000000000000aa.damaged"]);
    drop(found);
    assert_eq!(files(to.path()), ["9-1-00000000000000aa.damaged"]);
    assert!(pending(to.path()).unwrap().is_empty());
}

#[test]
fn a_file_that_changes_under_the_reader_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let file = snapshot(dir.path(), &some_pairs(5000, 100));
    let mut bytes = contents(&file);
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file.path, &bytes).unwrap();
    let store = open(dir.path());
    assert!(matches!(store.replace(GROUP, INDEX, note(INDEX), file.pairs()), Err(StateError::Damaged { .. })));
    // Nothing of the block in which it is was given out.
    let given = file.pairs().take_while(Result::is_ok).count();
    assert!((1000..2500).contains(&given), "{given}");
    assert!(store.load(GROUP).unwrap().is_none());
}

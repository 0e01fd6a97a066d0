use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::*;

/// A store with some history, closed, and what is in it.
pub(super) struct Whole {
    dir: tempfile::TempDir,
    groups: BTreeMap<u32, (u64, Pairs)>,
}

impl Whole {
    pub(super) fn new() -> Whole {
        let dir = tempfile::tempdir().unwrap();
        let mut groups = BTreeMap::new();
        for round in 0..3 {
            // Sled writes a file of its own with every opening.
            let store = open(dir.path());
            for group in 0..3 {
                let index = 10 + round;
                let (stored, pairs): &mut (u64, Pairs) = groups.entry(group).or_default();
                let new = some_pairs(60, 200 + round as usize);
                pairs.extend(new.clone());
                pairs.insert("long".into(), value(30_000, round as usize));
                let changes = pairs.clone().into_iter().map(|(key, value)| (key, Some(value))).collect();
                save(&store, group, index, changes);
                pairs.remove(&b"key 5"[..]);
                save(&store, group, index, vec![remove("key 5")]);
                *stored = index;
            }
            let (_, pairs) = &groups[&1];
            replace(&store, 1, 10 + round, pairs);
            store.close();
        }
        Whole { dir, groups }
    }

    /// A copy to be damaged.
    pub(super) fn copy(&self) -> tempfile::TempDir {
        let to = tempfile::tempdir().unwrap();
        copy(self.dir.path(), to.path());
        to
    }

    /// Opens and loads everything: an error, or all that was saved. Never less, never a panic, and never for ever.
    pub(super) fn examine(&self, dir: &Path) -> Result<(), StateError> {
        let (groups, dir) = (self.groups.clone(), dir.to_owned());
        let (done, told) = mpsc::channel();
        let examination = std::thread::spawn(move || {
            let result = StateStore::open(&dir).and_then(|store| {
                for (group, (index, pairs)) in &groups {
                    let stored = store.load(*group)?.expect("nothing is there, and nobody says so");
                    assert_eq!((stored.index, &as_map(&stored), stored.note.clone()), (*index, pairs, note(*index)));
                }
                Ok(())
            });
            let _ = done.send(());
            result
        });
        let in_time = told.recv_timeout(PATIENCE);
        assert_ne!(in_time, Err(mpsc::RecvTimeoutError::Timeout), "it waits for ever");
        examination.join().unwrap()
    }

    /// As [`Whole::examine`]; the only error is that it is damaged, and it does not mend by being opened.
    pub(super) fn is_damaged(&self, dir: &Path) -> bool {
        let mut damaged = false;
        for _ in 0..2 {
            match self.examine(dir) {
                Ok(()) => assert!(!damaged, "what was damaged is whole by being opened"),
                Err(StateError::Damaged { .. }) => damaged = true,
                Err(error) => panic!("{error}"),
            }
        }
        damaged
    }
}

fn copy(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, to) = {
            let entry = entry.unwrap();
            (entry.path(), to.join(entry.file_name()))
        };
        if path.is_dir() {
            std::fs::create_dir(&to).unwrap();
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

fn flip(path: &Path, place: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, place).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], place).unwrap();
}

fn database(dir: &Path) -> PathBuf {
    dir.join("state/db")
}

/// Writes to the database behind the store's back.
pub(super) fn with_sled(dir: &Path, write: impl FnOnce(&sled::Db)) {
    let config = sled::Config::new().path(dir.join("state")).flush_every_ms(None);
    let start = std::time::Instant::now();
    let sled = loop {
        match config.open() {
            // A process that another test starts has our files open, locks and all, until it becomes another program.
            Err(sled::Error::Io(cause)) if cause.to_string().contains("lock") && start.elapsed() < super::PATIENCE => {
                std::thread::yield_now();
            }
            opened => break opened.unwrap(),
        }
    };
    write(&sled);
    sled.flush().unwrap();
}

#[test]
fn a_flipped_bit_anywhere_in_the_database_is_never_passed_over() {
    let whole = Whole::new();
    assert!(!whole.is_damaged(whole.copy().path()));
    let bytes = std::fs::read(database(whole.dir.path())).unwrap();
    // Most of the file is padding: places with something in them, evenly, and the first bytes of all segments.
    let used: Vec<u64> = (0..bytes.len() as u64).filter(|place| bytes[*place as usize] > 7).collect();
    let sampled = used.iter().copied().step_by(used.len() / 120);
    let headers =
        (0..bytes.len() as u64).step_by(512 * 1024).flat_map(|segment| [segment, segment + 5, segment + 13, segment + 20]);
    let mut damaged = 0;
    for place in sampled.chain(headers).collect::<Vec<_>>() {
        let dir = whole.copy();
        flip(&database(dir.path()), place);
        damaged += usize::from(whole.is_damaged(dir.path()));
    }
    assert!(damaged > 20, "{damaged}");
}

#[test]
fn a_database_that_is_cut_is_never_passed_over() {
    let whole = Whole::new();
    let length = std::fs::metadata(database(whole.dir.path())).unwrap().len();
    let mut damaged = 0;
    for part in 0..20 {
        let dir = whole.copy();
        OpenOptions::new().write(true).open(database(dir.path())).unwrap().set_len(length * part / 20).unwrap();
        damaged += usize::from(whole.is_damaged(dir.path()));
    }
    assert!(damaged > 10, "{damaged}");
}

#[test]
fn what_sled_keeps_beside_the_database_is_checked_as_well() {
    let whole = Whole::new();
    let beside: Vec<_> =
        std::fs::read_dir(whole.dir.path().join("state")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    for name in beside.iter().filter(|name| *name != "db" && *name != "blobs") {
        let length = std::fs::metadata(whole.dir.path().join("state").join(name)).unwrap().len();
        for place in (0..length).step_by((length as usize / 40).max(1)) {
            let dir = whole.copy();
            flip(&dir.path().join("state").join(name), place);
            whole.is_damaged(dir.path());
        }
    }
}

#[test]
fn a_database_that_is_gone_is_missed() {
    let whole = Whole::new();
    let removals: [fn(&Path); 4] = [
        |dir| std::fs::remove_dir_all(dir.join("state")).unwrap(),
        |dir| std::fs::remove_file(database(dir)).unwrap(),
        |dir| std::fs::write(database(dir), b"").unwrap(),
        |dir| std::fs::remove_file(dir.join("state.saves")).unwrap(),
    ];
    for (number, remove) in removals.into_iter().enumerate() {
        let dir = whole.copy();
        remove(dir.path());
        assert!(whole.is_damaged(dir.path()), "{number}");
    }
    let dir = whole.copy();
    std::fs::remove_dir_all(dir.path().join("state")).unwrap();
    assert!(whole.is_damaged(dir.path()));
    assert!(!dir.path().join("state").exists(), "something new is where the old was");
    // All of it at once is a new node; what it should have, only the log knows.
    let dir = whole.copy();
    std::fs::remove_dir_all(dir.path().join("state")).unwrap();
    std::fs::remove_file(dir.path().join("state.saves")).unwrap();
    assert!(open(dir.path()).load(1).unwrap().is_none());
}

#[test]
fn an_older_copy_of_the_database_is_missed() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    save(&store, GROUP, 1, vec![set("a", "1")]);
    store.close();
    let old = tempfile::tempdir().unwrap();
    copy(dir.path(), old.path());
    let store = open(dir.path());
    save(&store, GROUP, 2, vec![set("a", "2")]);
    store.close();
    std::fs::remove_dir_all(dir.path().join("state")).unwrap();
    std::fs::rename(old.path().join("state"), dir.path().join("state")).unwrap();
    let error = StateStore::open(dir.path()).err().unwrap();
    let path = dir.path().join("state");
    assert_eq!(error.to_string(), format!("{} is damaged: it was written 2 times, and what is there ends at 1", path.display()));
}

/// The database is written before the count: a crash in between is no damage.
#[test]
fn a_count_that_is_behind_is_no_damage() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path());
    save(&store, GROUP, 1, vec![set("a", "1")]);
    let before = std::fs::read(dir.path().join("state.saves")).unwrap();
    save(&store, GROUP, 2, vec![set("a", "2")]);
    store.close();
    std::fs::write(dir.path().join("state.saves"), before).unwrap();
    let store = open(dir.path());
    assert_stored(&store, GROUP, 2, &Pairs::from([("a".into(), "2".into())]));
    save(&store, GROUP, 3, vec![set("a", "3")]);
    store.close();
    assert_stored(&open(dir.path()), GROUP, 3, &Pairs::from([("a".into(), "3".into())]));
}

#[test]
fn files_that_were_never_synced_are_not_trusted() {
    let whole = Whole::new();
    let dir = whole.copy();
    std::fs::write(dir.path().join("state/blobs/0"), b"x").unwrap();
    assert!(whole.is_damaged(dir.path()));

    // They come in the middle of life.
    let dir = whole.copy();
    let database = database::Database::open(&dir.path().join("state")).unwrap();
    database.sync().unwrap();
    std::fs::write(dir.path().join("state/blobs/0"), b"x").unwrap();
    assert!(matches!(database.sync(), Err(StateError::Damaged { .. })));
}

#[test]
fn a_panic_of_sled_is_damage() {
    let error = database::guarded::<()>(Path::new("state"), || panic!("at {}", 5)).unwrap_err();
    assert_eq!(error.to_string(), "state is damaged: sled panicked on it: at 5");
}

#[test]
fn what_is_set_aside_is_kept_and_makes_room() {
    let whole = Whole::new();
    let dir = whole.copy();
    let before = std::fs::read(database(dir.path())).unwrap();
    let aside = set_aside(dir.path()).unwrap();
    assert_eq!(aside, dir.path().join("state.damaged-1"));
    assert_eq!(std::fs::read(aside.join("db")).unwrap(), before);
    assert!(aside.join("state.saves").exists());
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1);
    let store = open(dir.path());
    assert!(store.load(1).unwrap().is_none());
    save(&store, 1, 1, vec![set("a", "1")]);
    store.close();
    // A crash between the two moves: the count is still there, so what is gone is missed, and goes once more.
    std::fs::rename(dir.path().join("state"), dir.path().join("state.damaged-2")).unwrap();
    assert!(matches!(StateStore::open(dir.path()), Err(StateError::Damaged { .. })));
    assert_eq!(set_aside(dir.path()).unwrap(), dir.path().join("state.damaged-3"));
    assert!(open(dir.path()).load(1).unwrap().is_none());
}

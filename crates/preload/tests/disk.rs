//! The disk on its own: this test program runs itself again with the library in front, and looks at what is left.

#![cfg(target_os = "linux")]

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead as _, BufReader, Write as _};
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Command, Stdio};

use conclave_preload::{Disk, Orders};

const SCRIPT: &str = "FORGETFUL_TRIAL_SCRIPT";

/// What each step answered, and the files that are left.
struct Trial {
    answers: String,
    hit: Option<String>,
    disk: Disk,
    root: tempfile::TempDir,
}

/// Runs steps, one a line, on a disk that has `old` with the content `oldold`, and `sub/`, synced since long.
fn try_out(script: &str, orders: &Orders) -> Trial {
    let root = tempfile::tempdir().expect("a temporary directory");
    let dir = root.path().join("disk");
    fs::create_dir_all(dir.join("sub")).expect("a directory");
    fs::write(dir.join("old"), "oldold").expect("a file");
    let disk = Disk::new(&dir, &root.path().join("journal")).expect("a disk");
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    command.args(["steps", "--exact", "--test-threads=1"]).env(SCRIPT, script).current_dir(&dir);
    disk.preload(&mut command, orders).expect("the command is told");
    let output = command.output().expect("this program starts again");
    let answers = fs::read_to_string(root.path().join("answers")).unwrap_or_default();
    assert!(output.status.success(), "{output:?}");
    Trial { answers, hit: disk.hit(), disk, root }
}

impl Trial {
    fn lose_power(&self, whim: Option<u64>) -> String {
        self.disk.lose_power(whim).expect("the power goes");
        let mut files = BTreeMap::new();
        list(&self.root.path().join("disk"), "", &mut files);
        files.into_iter().map(|(name, content)| format!("{name}={content} ")).collect::<String>().trim_end().to_owned()
    }
}

fn list(dir: &Path, prefix: &str, files: &mut BTreeMap<String, String>) {
    for entry in fs::read_dir(dir).expect("a directory") {
        let entry = entry.expect("an entry");
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            list(&entry.path(), &format!("{name}/"), files);
            files.insert(format!("{name}/"), String::new());
        } else {
            files.insert(name, String::from_utf8_lossy(&fs::read(entry.path()).expect("a file")).replace('\0', "_"));
        }
    }
}

/// Not a test of its own: the steps that `try_out` sends. Does nothing without them.
#[test]
fn steps() {
    let Ok(script) = std::env::var(SCRIPT) else { return };
    let mut answers = String::new();
    for line in script.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        match step(&words) {
            Ok(()) => answers += "ok ",
            Err(error) => answers += &format!("{} ", error.raw_os_error().unwrap_or(-1)),
        }
    }
    fs::write("../answers", answers.trim_end()).expect("answers can be written");
}

fn step(words: &[&str]) -> io::Result<()> {
    match words {
        ["create", name] => File::create(name).map(drop),
        ["write", name, at, text] => open(name)?.write_all_at(text.as_bytes(), at.parse().expect("a number")),
        ["append", name, text] => OpenOptions::new().append(true).open(name)?.write_all(text.as_bytes()),
        ["read", name] => fs::metadata(name)?.is_dir().then_some(()).map_or_else(|| fs::read(name).map(drop), Ok),
        ["overwrite", name, text] => fs::write(name, text),
        ["truncate", name, length] => open(name)?.set_len(length.parse().expect("a number")),
        ["sync", name] => open(name)?.sync_all(),
        ["datasync", name] => open(name)?.sync_data(),
        ["syncdir", name] => File::open(name)?.sync_all(),
        ["rename", from, to] => fs::rename(from, to),
        ["link", from, to] => fs::hard_link(from, to),
        ["remove", name] => fs::remove_file(name),
        ["mkdir", name] => fs::create_dir(name),
        ["rmtree", name] => fs::remove_dir_all(name),
        ["copy", from, to] => fs::copy(from, to).map(drop),
        ["allocate", name, length] => {
            rustix::fs::fallocate(open(name)?, rustix::fs::FallocateFlags::empty(), 0, length.parse().expect("a number"))?;
            Ok(())
        }
        ["sled", "insert", value] => {
            let db = sled::Config::new().path("db").flush_every_ms(None).open()?;
            db.insert("key", *value)?;
            db.flush()?;
            Ok(())
        }
        _ => panic!("{words:?} is no step"),
    }
}

fn open(name: &str) -> io::Result<File> {
    OpenOptions::new().read(true).write(true).open(name)
}

/// Steps, and what is left when the power goes behind them.
const LEFT: &[(&str, &str, &str)] = &[
    ("nothing happens", "", "old=oldold sub/="),
    ("an unsynced write is lost", "write old 2 NEW", "old=oldold sub/="),
    ("a synced one is kept", "write old 2 NEW\nsync old", "old=olNEWd sub/="),
    ("so with data alone, and its length", "append old NEW\ndatasync old", "old=oldoldNEW sub/="),
    ("what is written behind the sync is lost", "write old 0 1\ndatasync old\nwrite old 1 2", "old=1ldold sub/="),
    ("growth is lost", "append old NEW", "old=oldold sub/="),
    ("a cut is undone", "truncate old 2", "old=oldold sub/="),
    ("a synced cut is kept", "truncate old 2\nsync old", "old=ol sub/="),
    ("an overwritten file is as before", "overwrite old x", "old=oldold sub/="),
    ("a new name is lost, synced or not", "create new\nappend new text\nsync new", "old=oldold sub/="),
    ("unless its directory was synced", "create new\nappend new text\nsync new\nsyncdir .", "new=text old=oldold sub/="),
    ("a name without its data", "create new\nappend new text\nsyncdir .", "new= old=oldold sub/="),
    ("a rename is undone", "rename old new", "old=oldold sub/="),
    ("a synced rename is kept", "rename old new\nsyncdir .", "new=oldold sub/="),
    (
        "a rename over a file is undone on both",
        "create new\nappend new text\nsync new\nsyncdir .\nrename new old",
        "new=text old=oldold sub/=",
    ),
    ("and kept on both", "create new\nappend new text\nsync new\nrename new old\nsyncdir .", "old=text sub/="),
    ("a replaced file without data", "create new\nappend new text\nrename new old\nsyncdir .", "old= sub/="),
    ("a removed file comes back", "remove old", "old=oldold sub/="),
    ("without what it never synced", "append old more\nremove old", "old=oldold sub/="),
    ("a removal can be synced", "remove old\nsyncdir .", "sub/="),
    ("a directory is a name", "mkdir new\ncreate new/file\nsync new/file\nsyncdir new", "old=oldold sub/="),
    ("kept when both are synced", "mkdir new\ncreate new/file\nsyncdir new\nsyncdir .", "new/= new/file= old=oldold sub/="),
    ("a tree comes back", "create sub/file\nsyncdir sub\nrmtree sub", "old=oldold sub/= sub/file="),
    ("a link is a name", "link old new", "old=oldold sub/="),
    ("a copy in the kernel is not overlooked", "copy old new\nsyncdir .", "new= old=oldold sub/="),
    ("allocated room is lost", "allocate old 9", "old=oldold sub/="),
    ("and kept", "allocate old 9\ndatasync old", "old=oldold___ sub/="),
];

#[test]
fn what_was_not_synced_is_lost() {
    for (name, script, left) in LEFT {
        let trial = try_out(script, &Orders::default());
        assert!(trial.answers.split(' ').all(|answer| answer == "ok" || answer.is_empty()), "{name}: {}", trial.answers);
        assert_eq!(trial.lose_power(None), *left, "{name}");
    }
}

#[test]
fn with_a_whim_it_is_something_between() {
    let mut seen = std::collections::BTreeSet::new();
    for seed in 0..24 {
        let trial = try_out("write old 2 NEW\ncreate new\nappend new x", &Orders::default());
        seen.insert(trial.lose_power(Some(seed)));
    }
    let possible = ["old=oldold sub/=", "old=olNEWd sub/=", "new= old=oldold sub/=", "new=x old=olNEWd sub/="];
    assert!(possible.iter().all(|left| seen.contains(*left)), "{seen:?}");
}

#[test]
fn a_lying_sync_keeps_nothing() {
    for (lie, script, left) in [
        ("fdatasync", "write old 0 N\ndatasync old", "old=oldold sub/="),
        ("fdatasync", "write old 0 N\nsync old", "old=Nldold sub/="),
        ("sync", "write old 0 N\nsync old", "old=oldold sub/="),
        (
            "sync@/old",
            "write old 0 N\nsync old\ncreate sub/b\nappend sub/b x\nsync sub/b\nsyncdir sub",
            "old=oldold sub/= sub/b=x",
        ),
        ("syncdir", "create new\nsyncdir .", "old=oldold sub/="),
    ] {
        let trial = try_out(script, &Orders::lie(lie));
        assert_eq!(trial.lose_power(None), left, "{lie}: {script}");
    }
}

#[test]
fn from_the_nth_call_on_all_fail() {
    const EIO: i32 = 5;
    const ENOSPC: i32 = 28;
    for (order, script, answers, hit) in [
        ("write:2:EIO", "write old 0 1\nwrite old 0 2\nwrite old 0 3", format!("ok {EIO} {EIO}"), Some("write 2 /old")),
        ("write@sub:1:ENOSPC", "create sub/a\nwrite old 0 1\nwrite sub/a 0 1", format!("ok ok {ENOSPC}"), Some("write 1 /sub/a")),
        ("sync:2:EIO", "datasync old\nsync old\nwrite old 0 1", format!("ok {EIO} ok"), Some("fsync 2 /old")),
        ("fdatasync:1:EIO", "sync old\ndatasync old", format!("ok {EIO}"), Some("fdatasync 1 /old")),
        ("syncdir:1:EIO", "sync old\nsyncdir .", format!("ok {EIO}"), Some("syncdir 1")),
        ("rename:1:EIO", "rename old new", format!("{EIO}"), Some("rename 1 /old")),
        ("create:1:ENOSPC", "sync old\ncreate new", format!("ok {ENOSPC}"), Some("create 1 /new")),
        ("truncate:1:EIO", "truncate old 1", format!("{EIO}"), Some("truncate 1 /old")),
        ("fallocate:1:ENOSPC", "allocate old 100", format!("{ENOSPC}"), Some("fallocate 1 /old")),
        ("unlink:1:EIO", "remove old", format!("{EIO}"), Some("unlink 1 /old")),
        ("mkdir:1:EIO", "mkdir new", format!("{EIO}"), Some("mkdir 1 /new")),
        // A disk that is full takes what it has room for already.
        ("space:1:ENOSPC", "write old 0 1\nappend old x\ncreate new", format!("ok {ENOSPC} {ENOSPC}"), Some("grow 1 /old")),
        ("read@old:1:EIO", "write old 0 1\nread old\nread sub", format!("ok {EIO} ok"), Some("read 1 /old")),
        ("write:2:EIO:once", "write old 0 1\nwrite old 0 2\nwrite old 0 3", format!("ok {EIO} ok"), Some("write 2 /old")),
        ("write:9:EIO", "write old 0 1", "ok".to_owned(), None),
    ] {
        let trial = try_out(script, &Orders::fail(order));
        assert_eq!((trial.answers.as_str(), trial.hit.as_deref()), (answers.as_str(), hit), "{order}: {script}");
    }
}

/// Orders that come while the process runs, and are taken back again.
#[test]
fn orders_are_heard_while_the_process_runs() {
    let root = tempfile::tempdir().expect("a temporary directory");
    let dir = root.path().join("disk");
    fs::create_dir(&dir).expect("a directory");
    let disk = Disk::new(&dir, &root.path().join("journal")).expect("a disk");
    let mut command = Command::new("sh");
    command.args(["-c", "while read text; do echo $text >> log && echo well || echo ill; done"]).current_dir(&dir);
    disk.preload(&mut command, &Orders::default()).expect("the command is told");
    let mut shell = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a shell");
    let (mut said, mut answers) = (shell.stdin.take().expect("a pipe"), BufReader::new(shell.stdout.take().expect("a pipe")));
    let mut answer = |text: &str| {
        let mut answer = String::new();
        writeln!(said, "{text}").expect("it reads");
        answers.read_line(&mut answer).expect("it answers");
        answer.trim().to_owned()
    };
    assert_eq!(answer("one"), "well");
    disk.order(&Orders::fail("space:1:ENOSPC")).expect("it is told");
    assert_eq!((answer("two").as_str(), disk.hit().as_deref()), ("ill", Some("grow 1 /log")));
    disk.order(&Orders::default()).expect("it is told");
    assert_eq!((answer("three").as_str(), disk.hit(), disk.failed().expect("a count")), ("well", None, 1));
    drop(said);
    shell.wait().expect("it ends");
    assert_eq!(fs::read_to_string(dir.join("log")).expect("a file"), "one\nthree\n");
}

/// What sled calls a flush is none: the reason why whoever uses it must sync its file too.
#[test]
fn sleds_flush_alone_is_lost() {
    for (script, left) in [("sled insert one", None), ("sled insert one\nsync db/db\nsyncdir db\nsyncdir .", Some("one"))] {
        let trial = try_out(script, &Orders::default());
        trial.disk.lose_power(None).expect("the power goes");
        let db = sled::open(trial.root.path().join("disk/db")).expect("the database opens");
        let value = db.get("key").expect("the database can be read");
        assert_eq!(value.as_deref(), left.map(str::as_bytes), "{script}");
    }
}

//! The disk of one process, made forgetful and faulty: `forgetful.c` says how. Linux only, as the library is.
//!
//! A process is started with the library preloaded; it is killed; then `Disk::lose_power` takes back what it had not synced.

mod journal;
mod power;
#[cfg(test)]
mod trial;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

pub use power::Lost;

/// What the library is told. The grammar stands at the head of `forgetful.c`.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// `call[@part]:nth:ERROR`
    pub fail: Option<String>,
    /// `call[@part]`
    pub lie: Option<String>,
    /// Milliseconds before each sync.
    pub slow_sync_ms: Option<u64>,
}

impl Orders {
    pub fn fail(order: &str) -> Self {
        Self { fail: Some(order.to_owned()), ..Self::default() }
    }

    pub fn lie(order: &str) -> Self {
        Self { lie: Some(order.to_owned()), ..Self::default() }
    }
}

/// A directory whose files forget, and the journal that remembers for them.
#[derive(Debug, Clone)]
pub struct Disk {
    dir: PathBuf,
    journal: PathBuf,
}

impl Disk {
    /// `dir` must exist; `journal` lies elsewhere, on the same file system.
    pub fn new(dir: &Path, journal: &Path) -> Self {
        assert!(!journal.starts_with(dir), "the journal would journal itself");
        let dir = dir.canonicalize().unwrap_or_else(|error| panic!("{}: {error}", dir.display()));
        Self { dir, journal: journal.to_owned() }
    }

    /// Has `command` run on this disk. Whatever an earlier process left unsynced stays so.
    pub fn preload(&self, command: &mut Command, orders: &Orders) {
        journal::cut_torn_tail(&self.journal);
        let _ = fs::remove_file(self.hit_file());
        command.env("LD_PRELOAD", library()).env("FORGETFUL_DIR", &self.dir).env("FORGETFUL_JOURNAL", &self.journal);
        let slow = orders.slow_sync_ms.map(|ms| ms.to_string());
        let orders = [("FAIL", &orders.fail), ("LIE", &orders.lie), ("SLOW_SYNC_MS", &slow)];
        for (name, order) in orders {
            match order {
                Some(order) => command.env(format!("FORGETFUL_{name}"), order),
                None => command.env_remove(format!("FORGETFUL_{name}")),
            };
        }
    }

    /// The first call that was made to fail: its name, which one it was, and the path below the directory.
    pub fn hit(&self) -> Option<String> {
        fs::read_to_string(self.hit_file()).ok().map(|line| line.trim_end().to_owned())
    }

    /// The power goes. The process must be dead.
    ///
    /// Without a whim everything that was not synced is lost. With one (a seed), some of it stays, sector by sector, as disks do that write in
    /// an order of their own.
    pub fn lose_power(&self, whim: Option<u64>) -> Lost {
        let lost = power::lose(&self.dir, &self.aside(), &journal::read(&self.journal), whim);
        let _ = fs::remove_file(&self.journal);
        let _ = fs::remove_dir_all(self.aside());
        lost
    }

    fn aside(&self) -> PathBuf {
        self.beside(".aside")
    }

    fn hit_file(&self) -> PathBuf {
        self.beside(".hit")
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = self.journal.clone().into_os_string();
        name.push(ending);
        name.into()
    }
}

/// The library, compiled once for each test run.
fn library() -> &'static Path {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(|| {
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/processes/forgetful/forgetful.c");
        let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
        fs::create_dir_all(target).expect("the target directory can be written");
        // Its own name first, so that no other test run preloads half a library.
        let fresh = target.join(format!("forgetful-{}.so", std::process::id()));
        let compiler = std::env::var_os("CC").unwrap_or_else(|| "cc".into());
        let built =
            Command::new(&compiler).args(["-shared", "-fPIC", "-O1", "-Wall", "-Werror", "-o"]).arg(&fresh).arg(&source).status();
        assert!(
            built.as_ref().is_ok_and(|status| status.success()),
            "{compiler:?} does not compile {}: {built:?}",
            source.display()
        );
        let library = target.join("forgetful.so");
        fs::rename(&fresh, &library).expect("the library takes its place");
        library
    })
}

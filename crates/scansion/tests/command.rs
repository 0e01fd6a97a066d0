//! The program `scansion`: what it plays, what it prints, how it ends.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const SCRIPT: &str =
    "# Nobody answers\n[Client] Mara\n\tjid: mara@one.example\n\tpassword: x\n-----\nMara connects\nMara disconnects\n";

/// A folder for one test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, files: &[(&str, &str)]) -> Folder {
        let folder = std::env::temp_dir().join(format!("scansion-command-{name}-{}", std::process::id()));
        for (file, text) in files {
            let path = folder.join(file);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
            std::fs::write(path, text).expect("a file");
        }
        Folder(folder)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("removed");
    }
}

fn scansion(path: &Path, arguments: &[&str]) -> (Option<i32>, String) {
    let program = env!("CARGO_BIN_EXE_scansion");
    let Output { status, stdout, stderr } = Command::new(program).arg(path).args(arguments).output().expect("the program runs");
    let printed = [stdout, stderr].concat();
    (status.code(), String::from_utf8_lossy(&printed).replace(&path.display().to_string(), "DIR"))
}

#[test]
fn steps_are_listed_with_their_numbers_and_nothing_is_played() {
    let folder = Folder::with("list", &[("b.scs", SCRIPT), ("a/c.scs", SCRIPT), ("notes.txt", "")]);
    let listed = "    1  line 6     Mara connects\n    2  line 7     Mara disconnects\n";
    let expected = format!("DIR/a/c.scs\n{listed}DIR/b.scs\n{listed}");
    assert_eq!(scansion(&folder.0, &["--list-steps"]), (Some(0), expected));
}

#[test]
fn scripts_that_fail_or_cannot_be_read_are_counted() {
    // Nothing listens on the port of multiplexers (1), least of all an XMPP server.
    let folder = Folder::with("fail", &[("a.scs", SCRIPT), ("b.scs", "Mara connects\n")]);
    let (code, printed) = scansion(&folder.0, &["--at", "127.0.0.1:1", "--repeat", "2"]);
    assert_eq!(code, Some(1), "{printed}");
    assert_eq!(
        printed.matches("DIR/a.scs:6: step 1: `Mara connects`\n  cannot connect to 127.0.0.1:1: ").count(),
        2,
        "{printed}"
    );
    assert_eq!(printed.matches("FAIL  DIR/b.scs:1: ").count(), 2, "{printed}");
    assert!(printed.ends_with("0 passed, 4 failed\n"), "{printed}");
}

#[test]
fn nothing_to_play_is_an_error_of_its_own() {
    let folder = Folder::with("none", &[("notes.txt", "")]);
    assert_eq!(scansion(&folder.0, &[]), (Some(2), "scansion: there is no .scs file in these folders\n".to_owned()));
    let (code, printed) = scansion(&folder.0.join("absent"), &[]);
    assert_eq!((code, printed.starts_with("scansion: DIR: ")), (Some(2), true), "{printed}");
    let (code, printed) = scansion(&folder.0, &["--at", "nowhere"]);
    assert_eq!((code, printed.contains("`nowhere` is no address: write host:port")), (Some(2), true), "{printed}");
}

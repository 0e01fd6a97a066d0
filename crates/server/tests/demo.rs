//! `conclave demo` as somebody sees it who has just built the program.

#![allow(clippy::unwrap_used)]

use std::process::{Command, Stdio};

#[test]
fn a_killed_home_is_a_pause_and_no_departure() {
    let shown = Command::new(env!("CARGO_BIN_EXE_conclave")).arg("demo").stdin(Stdio::null()).output().unwrap();
    let (said, errors) = (String::from_utf8(shown.stdout).unwrap(), String::from_utf8(shown.stderr).unwrap());
    assert!(shown.status.success(), "{said}{errors}");
    for words in [
        "is killed: kill -9",
        "is back through another node",
        "shown leaving: nobody",
        "lost: nothing; doubled: nothing",
        "all: yes",
    ] {
        assert!(said.contains(words), "no \"{words}\" in: {said}");
    }
}

use clap::Parser;
use expect_test::expect;

use super::*;
use crate::args::{Arguments, Command};
use crate::run::Running;
use crate::run::tests::settings;

/// As typed behind `conclave user`; what it says, or why not.
async fn typed(words: &str, dir: &Path) -> String {
    let line = words.replace("DIR", dir.to_str().unwrap());
    let arguments = ["conclave", "user"].into_iter().chain(line.split(' '));
    let Command::User(user) = Arguments::try_parse_from(arguments).unwrap().command else { panic!("{words}") };
    let said = tokio::task::spawn_blocking(move || {
        let mut out = Vec::new();
        match run(&user, &mut out) {
            Ok(()) => String::from_utf8(out).unwrap(),
            Err(error) => format!("not done: {error}\n"),
        }
    });
    said.await.unwrap().replace(dir.to_str().unwrap(), "DIR")
}

#[tokio::test]
async fn accounts_are_managed_beside_a_running_node() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("password"), "secret\nanything else\n").unwrap();
    std::fs::write(dir.path().join("empty"), "\n").unwrap();
    std::fs::write(dir.path().join("conclave.toml"), "domain = \"localhost\"\ndir = \".\"\ncertificate = \"c\"\nkey = \"k\"\n")
        .unwrap();
    let mut said = typed("list --dir DIR", dir.path()).await;
    let running = Running::start(settings(dir.path(), &[])).await.unwrap();
    for words in [
        "add romeo --password-file DIR/password --dir DIR",
        "add Juliet@localhost --password-file DIR/password --config DIR/conclave.toml",
        "add romeo --password-file DIR/password --dir DIR",
        "add romeo@example.org --password-file DIR/password --dir DIR",
        "add tybalt --password-file DIR/empty --dir DIR",
        "add tybalt --password-file DIR/absent --dir DIR",
        "--dir DIR list",
        "passwd romeo --password-file DIR/password --dir DIR",
        "passwd tybalt --password-file DIR/password --dir DIR",
        "del romeo --dir DIR",
        "del romeo --dir DIR",
        "list --dir DIR",
        "list --dir DIR/elsewhere",
    ] {
        said += &format!("> {words}\n{}", typed(words, dir.path()).await);
    }
    expect![[r#"
        not done: no node is running here: nobody listens on DIR/admin.sock. Start one with `conclave serve`, or name the directory of one that runs with --dir
        > add romeo --password-file DIR/password --dir DIR
        romeo@localhost added
        > add Juliet@localhost --password-file DIR/password --config DIR/conclave.toml
        juliet@localhost added
        > add romeo --password-file DIR/password --dir DIR
        not done: the account romeo@localhost exists already; another password is set with `passwd`
        > add romeo@example.org --password-file DIR/password --dir DIR
        not done: romeo@example.org is not an account of this server, whose domain is localhost
        > add tybalt --password-file DIR/empty --dir DIR
        not done: the password is empty
        > add tybalt --password-file DIR/absent --dir DIR
        not done: the password cannot be read from DIR/absent: No such file or directory (os error 2)
        > --dir DIR list
        juliet@localhost
        romeo@localhost
        > passwd romeo --password-file DIR/password --dir DIR
        romeo@localhost has a new password
        > passwd tybalt --password-file DIR/password --dir DIR
        not done: there is no account tybalt@localhost
        > del romeo --dir DIR
        romeo@localhost deleted
        > del romeo --dir DIR
        not done: there is no account romeo@localhost
        > list --dir DIR
        juliet@localhost
        > list --dir DIR/elsewhere
        not done: no node is running here: nobody listens on DIR/elsewhere/admin.sock. Start one with `conclave serve`, or name the directory of one that runs with --dir
    "#]].assert_eq(&said);
    let juliet = conclave_xmpp::BareJid::parse("juliet@localhost").unwrap();
    assert!(running.node.accounts.credentials(&juliet).unwrap().verify_plain("secret"));
    running.stop().await;
}

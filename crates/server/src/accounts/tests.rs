use std::path::Path;

use expect_test::expect;

use super::*;
use crate::run::Running;
use crate::run::tests::settings;

async fn start(directory: &Path) -> Running {
    Running::start(settings(directory, &[("CONCLAVE_DOMAIN", "example.org")])).await.unwrap()
}

fn names(accounts: &Accounts) -> String {
    accounts.behind(None, 10).iter().map(BareJid::to_string).collect::<Vec<_>>().join(" ")
}

fn fits(accounts: &Accounts, account: &str, password: &str) -> bool {
    accounts.credentials(&BareJid::parse(account).unwrap()).is_some_and(|credentials| credentials.verify_plain(password))
}

#[tokio::test]
async fn accounts_and_secrets_survive() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(directory.path()).await;
    let accounts = &running.node.accounts;
    accounts.add("romeo", "secret").await.unwrap();
    accounts.add("Juliet@Example.ORG", "rose").await.unwrap();
    accounts.add("tybalt", "cat").await.unwrap();
    accounts.set_password("juliet", "thorn").await.unwrap();
    accounts.delete("tybalt@example.org").await.unwrap();
    let decoy = accounts.decoy().secret;
    assert_ne!(decoy, accounts.secret("something else"));

    running.stop().await;
    let running = start(directory.path()).await;
    let accounts = &running.node.accounts;
    assert_eq!(names(accounts), "juliet@example.org romeo@example.org");
    assert!(fits(accounts, "romeo@example.org", "secret"));
    assert!(fits(accounts, "juliet@example.org", "thorn"));
    assert!(!fits(accounts, "juliet@example.org", "rose"));
    assert_eq!(accounts.decoy().secret, decoy);
    running.stop().await;
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_nothing_happens() {
    let directory = tempfile::tempdir().unwrap();
    let running = start(directory.path()).await;
    let accounts = &running.node.accounts;
    accounts.add("romeo", "secret").await.unwrap();
    let long = "a".repeat(ACCOUNT_BYTES_MAX);
    let said = [
        accounts.add("romeo", "other").await,
        accounts.add("romeo@example.com", "other").await,
        accounts.add("@example.org", "other").await,
        accounts.add("a b", "other").await,
        accounts.add("romeo@example.org/phone", "other").await,
        accounts.add(&long, "other").await,
        accounts.add("", "other").await,
        accounts.add("juliet", "").await,
        accounts.set_password("juliet", "other").await,
        accounts.delete("juliet").await,
    ];
    let said: Vec<String> = said.into_iter().map(|outcome| outcome.unwrap_err().to_string()).collect();
    expect![[r#"
        the account romeo@example.org exists already; another password is set with `passwd`
        romeo@example.com is not an account of this server, whose domain is example.org
        "@example.org" is not a JID: nodepart empty despite the presence of a @
        "a b@example.org" is not a JID: localpart doesn’t pass nodeprep validation
        "romeo@example.org/phone" is not a JID: a resource does not belong here
        the name is too long: 256 bytes, domain and all, at most
        "@example.org" is not a JID: nodepart empty despite the presence of a @
        the password is empty
        there is no account juliet@example.org
        there is no account juliet@example.org"#]]
    .assert_eq(&said.join("\n"));
    assert_eq!(names(accounts), "romeo@example.org");
    assert!(fits(accounts, "romeo@example.org", "secret"));
    running.stop().await;
}

use std::os::unix::fs::PermissionsExt;
use std::sync::mpsc;

use conclave_xmpp::sasl::ITERATIONS_MIN;
use expect_test::expect;

use super::*;

async fn open(directory: &Path) -> Result<Arc<Accounts>, StoreError> {
    let domain = BareJid::parse("example.org").unwrap();
    Accounts::open(&directory.join("accounts"), domain, ITERATIONS_MIN, Box::new(|_| {})).await
}

fn names(accounts: &Accounts) -> String {
    accounts.behind(None, 10).iter().map(BareJid::to_string).collect::<Vec<_>>().join(" ")
}

fn fits(accounts: &Accounts, account: &str, password: &str) -> bool {
    accounts.credentials(&BareJid::parse(account).unwrap()).is_some_and(|credentials| credentials.verify_plain(password))
}

async fn reopen(directory: &Path, accounts: Arc<Accounts>) -> Arc<Accounts> {
    drop(accounts);
    open(directory).await.unwrap()
}

#[tokio::test]
async fn accounts_and_secrets_survive() {
    let directory = tempfile::tempdir().unwrap();
    let accounts = open(directory.path()).await.unwrap();
    accounts.add("romeo", "secret").await.unwrap();
    accounts.add("Juliet@Example.ORG", "rose").await.unwrap();
    accounts.add("tybalt", "cat").await.unwrap();
    accounts.set_password("juliet", "thorn").await.unwrap();
    accounts.delete("tybalt@example.org").await.unwrap();
    let decoy = accounts.decoy().secret;
    assert_ne!(decoy, accounts.secret("something else"));

    let accounts = reopen(directory.path(), accounts).await;
    assert_eq!(names(&accounts), "juliet@example.org romeo@example.org");
    assert!(fits(&accounts, "romeo@example.org", "secret"));
    assert!(fits(&accounts, "juliet@example.org", "thorn"));
    assert!(!fits(&accounts, "juliet@example.org", "rose"));
    assert_eq!(accounts.decoy().secret, decoy);
    let mode = std::fs::metadata(directory.path().join("accounts")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o700);
}

#[tokio::test]
async fn what_cannot_be_is_refused_and_nothing_happens() {
    let directory = tempfile::tempdir().unwrap();
    let accounts = open(directory.path()).await.unwrap();
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
    assert_eq!(names(&accounts), "romeo@example.org");
    assert!(fits(&accounts, "romeo@example.org", "secret"));
}

#[tokio::test]
async fn a_deletion_is_told_when_it_is_done() {
    let directory = tempfile::tempdir().unwrap();
    let (deleted, told) = mpsc::channel();
    let on_deleted: OnDeleted = Box::new(move |account| deleted.send(account.to_string()).unwrap());
    let domain = BareJid::parse("example.org").unwrap();
    let accounts = Accounts::open(directory.path(), domain, ITERATIONS_MIN, on_deleted).await.unwrap();
    accounts.add("romeo", "secret").await.unwrap();
    accounts.delete("romeo").await.unwrap();
    accounts.delete("romeo").await.unwrap_err();
    assert_eq!(told.try_iter().collect::<Vec<_>>(), ["romeo@example.org"]);
}

#[tokio::test]
async fn a_directory_that_cannot_be_used_is_named_with_the_reason() {
    let directory = tempfile::tempdir().unwrap();
    let said = |outcome: Result<Arc<Accounts>, StoreError>| {
        outcome.err().unwrap().to_string().replace(&format!("{}/", directory.path().display()), "")
    };
    let accounts = open(directory.path()).await.unwrap();
    expect!["the accounts in accounts are held by another process; does a node with this directory run already?"]
        .assert_eq(&said(open(directory.path()).await));
    drop(accounts);

    let blobs = directory.path().join("accounts/blobs");
    std::fs::create_dir_all(&blobs).unwrap();
    std::fs::write(blobs.join("0"), "x").unwrap();
    expect!["the accounts in accounts cannot be trusted: accounts/blobs is not empty, and what is in there may never have reached the disk; put a copy of the directory in its place, or move it away to begin with no accounts"].assert_eq(&said(open(directory.path()).await));
    std::fs::remove_file(blobs.join("0")).unwrap();

    sled::open(directory.path().join("accounts")).unwrap().insert("account/romeo@example.org", "torn").unwrap();
    expect!["the accounts in accounts: a record of an account cannot be read: failed to decode Protobuf message: unexpected end group tag; was it written by a newer version?"].assert_eq(&said(open(directory.path()).await));

    sled::open(directory.path().join("accounts")).unwrap().insert("form", "2").unwrap();
    expect!["the accounts in accounts have a form that this version does not know; was a newer one here?"]
        .assert_eq(&said(open(directory.path()).await));

    std::fs::remove_dir_all(directory.path().join("accounts")).unwrap();
    std::fs::write(directory.path().join("accounts"), "a file").unwrap();
    expect!["the accounts in accounts cannot be opened: File exists (os error 17)"]
        .assert_eq(&said(open(directory.path()).await));
}

/// What is longer than a page goes to files that are not synced: the longest names must not make any.
#[test]
fn the_longest_names_stay_in_the_database_itself() {
    let directory = tempfile::tempdir().unwrap();
    let (store, _) = Store::open(directory.path()).unwrap();
    let credentials = Credentials::derive("password", b"0123456789abcdef", ITERATIONS_MIN).unwrap();
    let mut batch = sled::Batch::default();
    for number in 0..6000 {
        let jid = BareJid::parse(&format!("{number:0>240}@example.org")).unwrap();
        batch.insert([b"account/", jid.as_str().as_bytes()].concat(), codec::encode_credentials(&credentials));
    }
    store.database.apply_batch(batch).unwrap();
    store.write(&AccountChange::Delete(BareJid::parse("nobody@example.org").unwrap())).unwrap();
    drop(store);
    let (_, accounts) = Store::open(directory.path()).unwrap();
    assert_eq!(accounts.behind(None).count(), 6000);
}

/// Sled opens a damaged database without a word; to take that for a new one would be to forget all accounts.
#[tokio::test]
async fn a_damaged_database_is_not_taken_for_a_new_one() {
    for damaged_at in [0, 300, 4000, usize::MAX] {
        let directory = tempfile::tempdir().unwrap();
        let accounts = open(directory.path()).await.unwrap();
        for name in 0..20 {
            accounts.add(&format!("romeo{name}"), "secret").await.unwrap();
        }
        drop(reopen(directory.path(), accounts).await);
        let path = directory.path().join("accounts/db");
        let mut bytes = std::fs::read(&path).unwrap();
        match bytes.get_mut(damaged_at..) {
            Some(behind) => behind.iter_mut().take(64).for_each(|byte| *byte ^= 0x5a),
            None => bytes.clear(),
        }
        std::fs::write(&path, bytes).unwrap();
        let error = open(directory.path()).await.err().unwrap();
        assert!(matches!(error, StoreError::Lost { written: 21, .. } | StoreError::Unopenable(..)), "{damaged_at}: {error}");
    }
}

use conclave_xmpp::BareJid;
use expect_test::expect;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::UnixStream;

use super::listener::page;
use super::*;
use crate::accounts::ACCOUNT_BYTES_MAX;
use crate::run::Running;
use crate::run::tests::settings;

/// Says all of it, then reads until the node has said everything.
async fn conversation(directory: &Path, said: &[u8]) -> String {
    let mut stream = UnixStream::connect(socket(directory)).await.unwrap();
    // The node may have enough before we have said everything.
    let _ = stream.write_all(said).await;
    let _ = stream.shutdown().await;
    let mut answers = Vec::new();
    // It may close before it has read everything, which resets the connection behind its answer.
    let _ = stream.read_to_end(&mut answers).await;
    String::from_utf8(answers).unwrap()
}

#[tokio::test]
async fn every_line_is_answered_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(settings(directory.path(), &[])).await.unwrap();
    let asked = r#"{"ask":"user_add","name":"romeo","password":"secret"}
{"ask":"user_add","name":"romeo","password":"secret"}
{"ask":"user_add","name":"romeo@example.org","password":"secret"}
{"ask":"user_add","name":"juliet","password":""}
{"ask":"user_passwd","name":"juliet","password":"x"}
{"ask":"user_list"}
{"ask":"user_list","behind":"romeo@localhost"}
{"ask":"user_del","name":"romeo@localhost"}
{"ask":"user_list","behind":null}
"#;
    expect![[r#"
        {"answer":"done","account":"romeo@localhost"}
        {"answer":"refused","reason":"exists","text":"the account romeo@localhost exists already; another password is set with `passwd`"}
        {"answer":"refused","reason":"invalid","text":"romeo@example.org is not an account of this server, whose domain is localhost"}
        {"answer":"refused","reason":"invalid","text":"the password is empty"}
        {"answer":"refused","reason":"absent","text":"there is no account juliet@localhost"}
        {"answer":"accounts","accounts":["romeo@localhost"],"more":false}
        {"answer":"accounts","accounts":[],"more":false}
        {"answer":"done","account":"romeo@localhost"}
        {"answer":"accounts","accounts":[],"more":false}
    "#]].assert_eq(&conversation(directory.path(), asked.as_bytes()).await);
    running.stop().await;
}

#[tokio::test]
async fn what_is_no_request_is_said_and_does_no_harm() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(settings(directory.path(), &[])).await.unwrap();
    let asked = b"\n{\n\xff\n{\"ask\":\"reboot\"}\n{\"ask\":\"user_add\",\"name\":\"romeo\"}\n{\"ask\":\"user_del\",\"name\":\"romeo\",\"force\":true}\n\
        [1]\n{\"ask\":\"user_list\"}\n{\"ask\":\"sta";
    expect![[r#"
        {"answer":"refused","reason":"malformed","text":"that is no request: EOF while parsing a value at line 1 column 0"}
        {"answer":"refused","reason":"malformed","text":"that is no request: EOF while parsing an object at line 1 column 1"}
        {"answer":"refused","reason":"malformed","text":"that is no request: expected value at line 1 column 1"}
        {"answer":"refused","reason":"malformed","text":"that is no request: unknown variant `reboot`, expected one of `status`, `user_add`, `user_passwd`, `user_del`, `user_list`, `cluster_status`, `invite`, `drain`, `remove`, `upgrade`, `settings`, `set`, `room_list`, `room_show` at line 1 column 15"}
        {"answer":"refused","reason":"malformed","text":"that is no request: missing field `password`"}
        {"answer":"refused","reason":"malformed","text":"that is no request: unknown field `force`, expected `name`"}
        {"answer":"refused","reason":"malformed","text":"that is no request: invalid type: integer `1`, expected variant identifier at line 1 column 2"}
        {"answer":"accounts","accounts":[],"more":false}
    "#]].assert_eq(&conversation(directory.path(), asked).await);
    running.stop().await;
}

#[tokio::test]
async fn a_line_without_end_is_not_read_to_its_end() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(settings(directory.path(), &[])).await.unwrap();
    let answers = conversation(directory.path(), &vec![b' '; 4 * LINE_BYTES_MAX]).await;
    expect![[r#"
        {"answer":"refused","reason":"malformed","text":"that is no request: a line is longer than 65536 bytes"}
    "#]]
    .assert_eq(&answers);
    let longest = format!("{}{{\"ask\":\"user_list\"}}\n", " ".repeat(LINE_BYTES_MAX - 19));
    assert_eq!(
        conversation(directory.path(), longest.as_bytes()).await,
        "{\"answer\":\"accounts\",\"accounts\":[],\"more\":false}\n"
    );
    running.stop().await;
}

/// Time stands still but for the deadlines.
#[tokio::test(start_paused = true)]
async fn who_says_nothing_is_sent_away() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(settings(directory.path(), &[])).await.unwrap();
    let mut stream = UnixStream::connect(socket(directory.path())).await.unwrap();
    assert_eq!(stream.read(&mut [0]).await.unwrap(), 0);
    running.stop().await;
}

#[tokio::test]
async fn the_status_says_where_the_node_listens() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(settings(directory.path(), &[])).await.unwrap();
    let answer = conversation(directory.path(), b"{\"ask\":\"status\"}\n").await;
    let expected = Answer::Status(Status {
        pid: std::process::id(),
        domain: "localhost".to_owned(),
        service_domain: "conference.localhost".to_owned(),
        addresses: running.node.addresses.clone(),
    });
    assert_eq!(serde_json::from_str::<Answer>(&answer).unwrap(), expected);
    running.stop().await;
}

#[test]
fn a_page_of_the_longest_names_fits_a_line() {
    let name = |number: usize| BareJid::parse(&format!("{number:0>width$}@localhost", width = ACCOUNT_BYTES_MAX - 10)).unwrap();
    let accounts: Vec<BareJid> = (0..LIST_MAX + 1).map(name).collect();
    let full = page(&accounts);
    assert!(serde_json::to_string(&full).unwrap().len() < LINE_BYTES_MAX);
    let counted = |answer| match answer {
        Answer::Accounts { accounts, more } => (accounts.len(), more),
        other => panic!("{other:?}"),
    };
    assert_eq!(counted(full), (LIST_MAX, true));
    assert_eq!(counted(page(&accounts[..LIST_MAX])), (LIST_MAX, false));
}

#[tokio::test]
async fn settings_of_the_service_are_listed_and_set() {
    let directory = tempfile::tempdir().unwrap();
    let running = Running::start(settings(directory.path(), &[])).await.unwrap();
    let asked = r#"{"ask":"set","key":"admins","value":"b@localhost a@localhost"}
{"ask":"set","key":"rooms_max","value":"10000"}
{"ask":"set","key":"rooms_max","value":"none"}
{"ask":"set","key":"domain","value":"other.example"}
{"ask":"set","key":"colour","value":"red"}
{"ask":"settings"}
"#;
    expect![[r#"
        {"answer":"set","from":"","to":"a@localhost b@localhost"}
        {"answer":"set","from":"10000","to":"10000"}
        {"answer":"refused","reason":"invalid","text":"`rooms_max` cannot be \"none\"; it takes a number from 1 to 10000000 (rooms)"}
        {"answer":"refused","reason":"unavailable","text":"`domain` is as it was when the cluster was made, for ever: accounts and rooms are named by it"}
        {"answer":"refused","reason":"invalid","text":"there is no setting `colour`; those of the service are domain, service_domain, detach_grace_ms, node_silent_ms, admins, room_creation, groupchat_bytes_max, sessions_per_account_max, room_messages_per_second, rooms_max, occupants_per_room_max, history_max, room_lock_seconds_max"}
        {"answer":"settings","settings":[{"key":"domain","value":"localhost"},{"key":"service_domain","value":"conference.localhost"},{"key":"detach_grace_ms","value":"30000"},{"key":"node_silent_ms","value":"5000"},{"key":"admins","value":"a@localhost b@localhost"},{"key":"room_creation","value":"anyone"},{"key":"groupchat_bytes_max","value":"65536"},{"key":"sessions_per_account_max","value":"32"},{"key":"room_messages_per_second","value":"200"},{"key":"rooms_max","value":"10000"},{"key":"occupants_per_room_max","value":"1000"},{"key":"history_max","value":"100"},{"key":"room_lock_seconds_max","value":"300"}]}
    "#]].assert_eq(&conversation(directory.path(), asked.as_bytes()).await);
    running.stop().await;
}

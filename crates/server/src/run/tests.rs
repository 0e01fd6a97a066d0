use std::ffi::OsString;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use conclave_cluster::meta::MetaRequest;
use conclave_xmpp::BareJid;
use expect_test::expect;
use tokio::net::TcpStream;

use super::*;
use crate::sessions::End;
use crate::settings::SettingFlags;

/// Settings of a node for a test: loopback, any port, no certificate, quick passwords.
pub(crate) fn settings(dir: &Path, more: &[(&str, &str)]) -> Settings {
    let usual = [
        ("CONCLAVE_DOMAIN", "localhost"),
        ("CONCLAVE_DIR", dir.to_str().unwrap()),
        ("CONCLAVE_C2S", "127.0.0.1:0"),
        ("CONCLAVE_PLAIN_WITHOUT_TLS", "loopback"),
        ("CONCLAVE_PASSWORD_ITERATIONS", "4096"),
    ];
    let environment = usual.iter().chain(more).map(|(name, value)| (OsString::from(name), OsString::from(value)));
    Settings::load(None, environment, &SettingFlags::default()).unwrap()
}

async fn refusal(settings: Settings, dir: &Path) -> String {
    let error = Running::start(settings).await.err().unwrap();
    error.to_string().replace(dir.to_str().unwrap(), "DIR")
}

#[tokio::test]
async fn a_node_that_stopped_listens_no_more_and_can_start_again() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(settings(dir.path(), &[])).await.unwrap();
    let address = running.node.addresses.c2s[0];
    assert_ne!(address.port(), 0);
    // It says nothing, and must not keep the node from ending.
    let _silent = TcpStream::connect(address).await.unwrap();
    tokio::time::timeout(Duration::from_secs(10), running.stop()).await.unwrap();
    TcpStream::connect(address).await.unwrap_err();
    assert!(!admin::socket(dir.path()).exists());
    Running::start(settings(dir.path(), &[])).await.unwrap().stop().await;
}

#[tokio::test]
async fn what_keeps_a_node_from_starting_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let holder = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let taken = holder.local_addr().unwrap();
    let said = refusal(settings(dir.path(), &[("CONCLAVE_C2S", &taken.to_string())]), dir.path()).await;
    expect!["cannot listen on ADDRESS: Address already in use (os error 98). Another process has this port; end it, or choose another port"].assert_eq(&said.replace(&taken.to_string(), "ADDRESS"));
    drop(holder);

    std::fs::write(dir.path().join("file"), "").unwrap();
    let said = refusal(settings(&dir.path().join("file/dir"), &[]), dir.path()).await;
    expect!["the data directory DIR/file/dir cannot be made: Not a directory (os error 20); another one is set with `dir`"]
        .assert_eq(&said);

    let certificate = [("CONCLAVE_CERTIFICATE", "/nowhere.pem"), ("CONCLAVE_KEY", "/nowhere.pem")];
    expect!["/nowhere.pem cannot be read: No such file or directory (os error 2)"]
        .assert_eq(&refusal(settings(dir.path(), &certificate), dir.path()).await);

    let long = dir.path().join("d".repeat(100));
    let length = admin::socket(&long).as_os_str().len().to_string();
    let said = refusal(settings(&long, &[]), dir.path()).await;
    expect!["the administration socket DIR/LONG/admin.sock cannot be made: path must be shorter than SUN_LEN. Its path has LENGTH bytes, and the system takes about 100: choose a data directory with a shorter one"].assert_eq(&said.replace(&"d".repeat(100), "LONG").replace(&length, "LENGTH"));
}

#[tokio::test]
async fn only_its_user_can_administer_a_node() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(settings(&dir.path().join("data"), &[])).await.unwrap();
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&dir.path().join("data")), 0o700);
    assert_eq!(mode(&admin::socket(&dir.path().join("data"))), 0o600);
    running.stop().await;
}

#[tokio::test]
async fn the_sessions_of_a_deleted_account_end() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(settings(dir.path(), &[])).await.unwrap();
    running.node.accounts.add("romeo", "secret").await.unwrap();
    let (bound, _inflow) = running.node.sessions.bind(&BareJid::parse("romeo@localhost").unwrap(), "phone").unwrap();
    running.node.accounts.delete("romeo").await.unwrap();
    assert_eq!(tokio::time::timeout(Duration::from_secs(1), bound.ended()).await.unwrap(), End::AccountDeleted);
    running.stop().await;
}

#[tokio::test]
async fn what_a_node_is_told_of_the_service_counts_at_the_beginning_only() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(settings(dir.path(), &[("CONCLAVE_ROOMS_MAX", "5")])).await.unwrap();
    assert_eq!(holds(&running, "rooms_max"), "5");
    running.stop().await;
    let running = Running::start(settings(dir.path(), &[("CONCLAVE_ROOMS_MAX", "7")])).await.unwrap();
    assert_eq!(holds(&running, "rooms_max"), "5");
    let terms = crate::home_terms::follow(&running.node.settings, [0; 32], running.node.cluster.meta());
    assert_eq!(terms.borrow().rooms_max, 5);
    let set = |key: &str, value: &str| MetaRequest::Set { key: key.to_owned(), value: value.to_owned() };
    running.node.cluster.ask(set("rooms_max", "9")).await.unwrap();
    let mut terms = terms;
    let followed = terms.wait_for(|terms| terms.rooms_max == 9);
    tokio::time::timeout(Duration::from_secs(10), followed).await.unwrap().unwrap();
    running.stop().await;

    let said = refusal(settings(dir.path(), &[("CONCLAVE_DOMAIN", "other.example")]), dir.path()).await;
    expect![[r#"the cluster does not register this node: `domain` of node 1 is "other.example", and this service is at "localhost" for ever: set it so, or make a new cluster for another service"#]].assert_eq(&said);
}

fn holds(running: &Running, key: &str) -> String {
    running.node.cluster.meta().borrow().service()[key].clone()
}

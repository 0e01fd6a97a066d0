use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::Path;

use expect_test::{Expect, expect};

use super::*;

const MINIMAL: &str = "domain = \"example.org\"\ncertificate = \"cert.pem\"\nkey = \"key.pem\"\n";

struct Loaded {
    outcome: Result<Settings, SettingsError>,
    directory: tempfile::TempDir,
}

fn load(file: &str, environment: &[(&str, &str)], flags: &[(&'static str, &str)]) -> Loaded {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("conclave.toml");
    std::fs::write(&path, file).unwrap();
    let environment: Vec<(OsString, OsString)> =
        environment.iter().map(|(name, value)| (OsString::from(name), OsString::from(value))).collect();
    Loaded { outcome: Settings::load(Some(&path), environment, &SettingFlags::of(flags)), directory }
}

impl Loaded {
    fn settings(self) -> Settings {
        self.outcome.unwrap()
    }

    fn complaints(self) -> String {
        let directory = format!("{}/", self.directory.path().display());
        self.outcome.unwrap_err().to_string().replace(&directory, "")
    }
}

fn check_file(file: &str, expected: Expect) {
    expected.assert_eq(&load(file, &[], &[]).complaints());
}

#[test]
fn what_is_not_said_has_a_default() {
    let loaded = load(MINIMAL, &[], &[]);
    let directory = loaded.directory.path().to_owned();
    let settings = loaded.settings();
    assert_eq!(settings.service_domain.as_str(), "conference.example.org");
    assert_eq!(settings.dir, Path::new(DIRECTORY_DEFAULT));
    assert_eq!(settings.c2s, ["[::]:5222".parse().unwrap()]);
    assert_eq!(settings.c2s_tls, ["[::]:5223".parse().unwrap()]);
    assert_eq!(settings.plain_without_tls, PlainWithoutTls::Never);
    assert_eq!(settings.limits, Limits::default());
    // Relative paths of the file lie beside the file.
    assert_eq!(settings.certificate.unwrap().certificate, directory.join("cert.pem"));
}

#[test]
fn the_environment_goes_over_the_file_and_flags_over_both() {
    let file = format!("{MINIMAL}log = \"warn\"\n[limits]\nrooms_max = 1\noccupants_per_room_max = 2\nhistory_max = 3\n");
    let environment = [("CONCLAVE_OCCUPANTS_PER_ROOM_MAX", "20"), ("CONCLAVE_HISTORY_MAX", "30"), ("CONCLAVE_KEY", "other.pem")];
    let settings = load(&file, &environment, &[("history_max", "300"), ("admins", "a@example.org,b@example.org")]).settings();
    let Limits { rooms_max, occupants_per_room_max, history_max, .. } = settings.limits;
    assert_eq!((rooms_max, occupants_per_room_max, history_max), (1, 20, 300));
    assert_eq!(settings.admins.iter().map(|jid| jid.as_str()).collect::<Vec<_>>(), ["a@example.org", "b@example.org"]);
    // Relative paths of the environment lie where the node is started.
    assert_eq!(settings.certificate.unwrap().key, Path::new("other.pem"));
}

#[test]
fn every_key_can_be_given_in_all_three_ways() {
    for key in key::Key::all() {
        let word = match &key.takes {
            key::Takes::Number { range, .. } => range.end().to_string(),
            _ => "?".to_owned(),
        };
        let mut given = Vec::new();
        let mut complaints = Vec::new();
        environment::read([(OsString::from(key.variable()), OsString::from(&word))], &mut given, &mut complaints);
        SettingFlags::of(&[(key.name, &word)]).read(&mut given);
        assert_eq!(given.iter().map(|given| given.key.name).collect::<Vec<_>>(), [key.name, key.name]);
        assert!(complaints.is_empty());
        let twin = key::Key::all().filter(|other| other.name == key.name).count();
        assert_eq!(twin, 1, "{} would have two meanings in the environment", key.name);
    }
}

#[test]
fn other_variables_are_passed_over() {
    let environment = [
        ("HOME", "/"),
        ("CONCLAVE_PASSWORD", "x"),
        ("CONCLAVE_SCENARIOS", "y"),
        ("CONCLAVE_PORT_5222_TCP", "tcp://10.0.0.1:5222"),
        ("CONCLAVE_SERVICE_HOST", "10.0.0.1"),
    ];
    load(MINIMAL, &environment, &[]).settings();
}

#[test]
fn an_unknown_key_is_named_with_its_place_and_what_there_is() {
    check_file(
        &format!("{MINIMAL}\n  domian = \"x\"\n"),
        expect![[r#"
            the settings cannot be used
              conclave.toml:5:3: there is no key `domian`; there are: domain, service_domain, dir, c2s, c2s_tls, http, peer_listen, peer_advertise, initial_nodes, shards, detach_grace_ms, node_silent_ms, certificate, key, plain_without_tls, admins, room_creation, password_iterations, log, log_format, and the table [limits]"#]],
    );
    check_file(
        &format!("{MINIMAL}\n[limits]\nrooms = 3\n"),
        expect![[r#"
        the settings cannot be used
          conclave.toml:6:1: there is no key `rooms` in [limits]; there are: stanza_bytes_max, groupchat_bytes_max, unauthenticated_bytes_max, unauthenticated_seconds_max, depth_max, attributes_max, connections_max, connections_per_address_max, sessions_per_account_max, outbound_queue_bytes_max, outbound_queue_stanzas_max, session_stanzas_per_second, session_stanzas_burst, room_messages_per_second, rooms_max, occupants_per_room_max, history_max, log_entries_kept, room_lock_seconds_max"#]],
    );
    check_file(
        &format!("{MINIMAL}rooms_max = 3\n[limits]\nlog = \"info\"\n"),
        expect![[r#"
        the settings cannot be used
          conclave.toml:4:1: `rooms_max` belongs into the table [limits]
          conclave.toml:6:1: `log` belongs above all tables, at the top of the file"#]],
    );
    check_file(
        &format!("{MINIMAL}[tls]\nkey = \"x\"\n"),
        expect![[r#"
            the settings cannot be used
              conclave.toml:4:2: there is no key `tls`; there are: domain, service_domain, dir, c2s, c2s_tls, http, peer_listen, peer_advertise, initial_nodes, shards, detach_grace_ms, node_silent_ms, certificate, key, plain_without_tls, admins, room_creation, password_iterations, log, log_format, and the table [limits]"#]],
    );
}

#[test]
fn a_wrong_value_is_shown_with_what_is_allowed() {
    for (lines, expected) in [
        (
            "[limits]\nstanza_bytes_max = 12",
            expect![[r#"
            the settings cannot be used
              conclave.toml:5:20: `stanza_bytes_max` cannot be 12; it takes a number from 10000 to 16777216 (bytes)"#]],
        ),
        (
            "[limits]\nstanza_bytes_max = \"262144\"",
            expect![[r#"
            the settings cannot be used
              conclave.toml:5:20: `stanza_bytes_max` cannot be "262144"; it takes a number from 10000 to 16777216 (bytes)"#]],
        ),
        (
            "peer_listen = \"node1.example.org:7400\"",
            expect![[r#"
                the settings cannot be used
                  conclave.toml:4:15: `peer_listen` cannot be "node1.example.org:7400"; it takes an IP address with a port, such as "10.0.0.1:7400""#]],
        ),
        (
            "peer_advertise = \"node1.example.org\"",
            expect![[r#"
                the settings cannot be used
                  conclave.toml:4:18: `peer_advertise` cannot be "node1.example.org"; it takes a host and a port, such as "node1.example.org:7400""#]],
        ),
        (
            "[limits]\nsession_stanzas_per_second = -1",
            expect![[r#"
            the settings cannot be used
              conclave.toml:5:30: `session_stanzas_per_second` cannot be -1; it takes a number from 0 to 1000000 (stanzas a second; 0 for no limit)"#]],
        ),
        (
            "[limits]\nrooms_max = 0x7fffffffffff",
            expect![[r#"
            the settings cannot be used
              conclave.toml:5:13: `rooms_max` cannot be 140737488355327; it takes a number from 1 to 10000000 (rooms)"#]],
        ),
        (
            "[limits]\nrooms_max = 1.5",
            expect![[r#"
            the settings cannot be used
              conclave.toml:5:13: `rooms_max` cannot be of the type float; it takes a number from 1 to 10000000 (rooms)"#]],
        ),
        (
            "limits = 3",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:1: `limits` is a table; its keys stand below a line [limits]"#]],
        ),
        (
            "plain_without_tls = true",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:21: `plain_without_tls` cannot be of the type boolean; it takes "never" or "loopback""#]],
        ),
        (
            "plain_without_tls = \"always\"",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:21: `plain_without_tls` cannot be "always"; it takes "never" or "loopback""#]],
        ),
        (
            "room_creation = \"nobody\"",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:17: `room_creation` cannot be "nobody"; it takes "anyone" or "admins""#]],
        ),
        (
            "log = \"inof\"",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:7: `log` cannot be "inof" ("inof" is neither a level nor a target with one); it takes off, error, warn, info, debug or trace, and after a comma levels of targets, such as "info,conclave_server=debug""#]],
        ),
        (
            "log_format = \"xml\"",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:14: `log_format` cannot be "xml"; it takes "human" or "json""#]],
        ),
        (
            "dir = \"\"",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:7: `dir` cannot be ""; it takes a directory, which is made if it is missing"#]],
        ),
        (
            "service_domain = \"rooms@example.org\"",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:18: `service_domain` cannot be "rooms@example.org" (that is an account); it takes the domain of the rooms, such as "conference.example.org""#]],
        ),
        (
            "admins = [\"admin\"]",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:10: `admins` cannot be ["admin"] ("admin" has no @); it takes a list of accounts, such as "admin@example.org""#]],
        ),
        (
            "admins = \"admin@example.org\"",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:10: `admins` cannot be "admin@example.org"; it takes a list of accounts, such as "admin@example.org""#]],
        ),
        (
            "c2s = [\"localhost:5222\"]",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:7: `c2s` cannot be ["localhost:5222"] ("localhost:5222" is none); it takes a list of IP addresses with ports, such as "[::]:5222" (which is IPv4 too) or "127.0.0.1:5222""#]],
        ),
        (
            "c2s_tls = [5223]",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:11: `c2s_tls` cannot be [5223]; it takes a list of IP addresses with ports, such as "[::]:5222" (which is IPv4 too) or "127.0.0.1:5222""#]],
        ),
        (
            "password_iterations = 1000",
            expect![[r#"
            the settings cannot be used
              conclave.toml:4:23: `password_iterations` cannot be 1000; it takes a number from 4096 to 10000000 (rounds of PBKDF2)"#]],
        ),
    ] {
        check_file(&format!("{MINIMAL}{lines}\n"), expected);
    }
}

#[test]
fn what_is_missing_or_does_not_go_together_is_said() {
    for (file, expected) in [
        (
            "",
            expect![[r#"
            the settings cannot be used
              `domain` must be set (or CONCLAVE_DOMAIN, or --domain): the domain of the accounts, such as "example.org""#]],
        ),
        (
            "domain = \"example.org\"",
            expect![[r#"
            the settings cannot be used
              `certificate` and `key` must be set: clients of other machines need TLS. To try without, let `c2s` have loopback addresses only, and set `plain_without_tls` to "loopback""#]],
        ),
        (
            "domain = \"example.org\"\ncertificate = \"c\"",
            expect![[r#"
            the settings cannot be used
              `key` must be set (or CONCLAVE_KEY, or --key): a PEM file with the private key of `certificate`"#]],
        ),
        (
            "domain = \"localhost\"\nplain_without_tls = \"loopback\"",
            expect![[r#"
            the settings cannot be used
              `certificate` and `key` must be set: clients of other machines need TLS. To try without, let `c2s` have loopback addresses only, and set `plain_without_tls` to "loopback""#]],
        ),
        (
            "domain = \"localhost\"\nplain_without_tls = \"loopback\"\nc2s = [\"127.0.0.1:1\"]\nc2s_tls = [\"127.0.0.1:2\"]",
            expect![[r#"
                the settings cannot be used
                  `c2s_tls` needs `certificate` and `key`"#]],
        ),
        (
            "domain = \"a\"\nservice_domain = \"a\"\ncertificate = \"c\"\nkey = \"k\"\nc2s = []\nc2s_tls = []",
            expect![[r#"
            the settings cannot be used
              `service_domain` and `domain` are both "a"; rooms need a domain of their own
              `c2s` and `c2s_tls` are both empty; clients need an address to connect to"#]],
        ),
        (
            "domain = \"a b\"\nkey = 3\ncertificate = \"c\"",
            expect![[r#"
            the settings cannot be used
              conclave.toml:1:10: `domain` cannot be "a b" ("a b" is not a JID: domain doesn’t pass idna validation); it takes the domain of the accounts, such as "example.org"
              conclave.toml:2:7: `key` cannot be 3; it takes a PEM file with the private key of `certificate`"#]],
        ),
        (
            "domain = \"a\"\ncertificate = \"c\"\nkey = \"k\"\n[limits]\nstanza_bytes_max = 262144\noutbound_queue_bytes_max = 65536",
            expect![[r#"
                the settings cannot be used
                  `outbound_queue_bytes_max` is 65536; it must be at least twice `stanza_bytes_max`, which is 262144"#]],
        ),
    ] {
        check_file(file, expected);
    }
    load("domain = \"localhost\"\nplain_without_tls = \"loopback\"\nc2s = [\"127.0.0.1:0\"]", &[], &[]).settings();
}

#[test]
fn what_is_not_toml_is_said_with_its_place() {
    check_file(
        "domain = \"example.org\nkey = 1",
        expect![[r#"
        the settings cannot be used
          conclave.toml:1:22: this is not TOML: invalid basic string, expected `"`
          conclave.toml:2:7: `key` cannot be 1; it takes a PEM file with the private key of `certificate`"#]],
    );
    check_file(
        &format!("{MINIMAL}domain = \"twice.org\""),
        expect![[r#"
        the settings cannot be used
          conclave.toml:4:1: this is not TOML: duplicate key"#]],
    );
    let absent = Settings::load(Some(Path::new("/nowhere/conclave.toml")), [], &SettingFlags::default()).unwrap_err();
    expect![[r#"
        the settings cannot be used
          /nowhere/conclave.toml: this file cannot be read: No such file or directory (os error 2)"#]]
    .assert_eq(&absent.to_string());
}

#[test]
fn everything_that_is_wrong_is_said_at_once_and_each_source_names_itself() {
    let file = format!("{MINIMAL}log_format = 1\n[limits]\ndepth_max = 1\n");
    let environment = [("CONCLAVE_ROOMS_MAX", "many"), ("CONCLAVE_DOMIAN", "example.org"), ("CONCLAVE_C2S", "5222")];
    let complaints = load(&file, &environment, &[("history_max", "x"), ("admins", "a@example.org,b")]).complaints();
    expect![[r#"
        the settings cannot be used
          conclave.toml:4:14: `log_format` cannot be 1; it takes "human" or "json"
          conclave.toml:6:13: `depth_max` cannot be 1; it takes a number from 16 to 512 (elements)
          CONCLAVE_C2S: `c2s` cannot be "5222" ("5222" is none); it takes a list of IP addresses with ports, such as "[::]:5222" (which is IPv4 too) or "127.0.0.1:5222"
          CONCLAVE_DOMIAN: there is no such setting; there are: CONCLAVE_DOMAIN, CONCLAVE_SERVICE_DOMAIN, CONCLAVE_DIR, CONCLAVE_C2S, CONCLAVE_C2S_TLS, CONCLAVE_HTTP, CONCLAVE_PEER_LISTEN, CONCLAVE_PEER_ADVERTISE, CONCLAVE_INITIAL_NODES, CONCLAVE_SHARDS, CONCLAVE_DETACH_GRACE_MS, CONCLAVE_NODE_SILENT_MS, CONCLAVE_CERTIFICATE, CONCLAVE_KEY, CONCLAVE_PLAIN_WITHOUT_TLS, CONCLAVE_ADMINS, CONCLAVE_ROOM_CREATION, CONCLAVE_PASSWORD_ITERATIONS, CONCLAVE_LOG, CONCLAVE_LOG_FORMAT, CONCLAVE_STANZA_BYTES_MAX, CONCLAVE_GROUPCHAT_BYTES_MAX, CONCLAVE_UNAUTHENTICATED_BYTES_MAX, CONCLAVE_UNAUTHENTICATED_SECONDS_MAX, CONCLAVE_DEPTH_MAX, CONCLAVE_ATTRIBUTES_MAX, CONCLAVE_CONNECTIONS_MAX, CONCLAVE_CONNECTIONS_PER_ADDRESS_MAX, CONCLAVE_SESSIONS_PER_ACCOUNT_MAX, CONCLAVE_OUTBOUND_QUEUE_BYTES_MAX, CONCLAVE_OUTBOUND_QUEUE_STANZAS_MAX, CONCLAVE_SESSION_STANZAS_PER_SECOND, CONCLAVE_SESSION_STANZAS_BURST, CONCLAVE_ROOM_MESSAGES_PER_SECOND, CONCLAVE_ROOMS_MAX, CONCLAVE_OCCUPANTS_PER_ROOM_MAX, CONCLAVE_HISTORY_MAX, CONCLAVE_LOG_ENTRIES_KEPT, CONCLAVE_ROOM_LOCK_SECONDS_MAX
          CONCLAVE_ROOMS_MAX: `rooms_max` cannot be "many"; it takes a number from 1 to 10000000 (rooms)
          --admins: `admins` cannot be "a@example.org,b" ("b" has no @); it takes a list of accounts, such as "admin@example.org"
          --history-max: `history_max` cannot be "x"; it takes a number from 0 to 10000 (messages; 0 for none)"#]].assert_eq(&complaints);
}

/// What `conclave settings set` takes, and what it keeps.
#[test]
fn settings_of_the_service_are_checked_before_they_are_kept() {
    let said = |key: &str, text: &str| match check_service_setting(key, text) {
        Ok(kept) => format!("{key} = {kept:?}\n"),
        Err(why) => format!("{why}\n"),
    };
    let asked = [
        ("admins", "Zoe@example.org  a,b@example.org a,b@example.org"),
        ("admins", ""),
        ("admins", "a@example.org,b@example.org"),
        ("admins", "example.org"),
        ("room_creation", "admins"),
        ("room_creation", "nobody"),
        ("rooms_max", "007"),
        ("rooms_max", "0"),
        ("rooms_max", "ten"),
        ("detach_grace_ms", ""),
        ("domain", "Example.ORG"),
        ("log", "debug"),
        ("limits.rooms_max", "7"),
    ];
    let all: String = asked.iter().map(|(key, text)| said(key, text)).collect();
    expect![[r#"
        admins = "a,b@example.org zoe@example.org"
        admins = ""
        `admins` cannot be ["a@example.org,b@example.org"] ("a@example.org,b@example.org" is not a JID: second @ found before parsing the resource); it takes a list of accounts, such as "admin@example.org"
        `admins` cannot be ["example.org"] ("example.org" has no @); it takes a list of accounts, such as "admin@example.org"
        room_creation = "admins"
        `room_creation` cannot be "nobody"; it takes "anyone" or "admins"
        rooms_max = "7"
        `rooms_max` cannot be "0"; it takes a number from 1 to 10000000 (rooms)
        `rooms_max` cannot be "ten"; it takes a number from 1 to 10000000 (rooms)
        `detach_grace_ms` cannot be ""; it takes a number from 0 to 3600000 (milliseconds)
        domain = "example.org"
        `log` is each node's own setting: it is set in the node's settings file, and heeded at its next start
        there is no setting `limits.rooms_max`; those of the service are domain, service_domain, detach_grace_ms, node_silent_ms, admins, room_creation, groupchat_bytes_max, sessions_per_account_max, room_messages_per_second, rooms_max, occupants_per_room_max, history_max, room_lock_seconds_max
    "#]].assert_eq(&all);
}

#[test]
fn every_setting_of_the_service_has_a_text_that_can_be_read() {
    let own = load(MINIMAL, &[], &[]).settings().of_the_service();
    assert_eq!(own.keys().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(SERVICE_KEYS));
    for (key, text) in &own {
        assert_eq!(check_service_setting(key, text).as_ref(), Ok(text), "{key}");
    }
}

#[test]
fn what_the_service_says_holds_and_what_is_not_understood_does_not() {
    let settings = load(&format!("{MINIMAL}shards = 4\n[limits]\nrooms_max = 5\nhistory_max = 6\n"), &[], &[]).settings();
    let own = settings.of_the_service();
    let mut service = own.clone();
    let changed = [("rooms_max", "7"), ("history_max", "many"), ("occupants_per_room_max", "8"), ("colour", "red")];
    service.extend(changed.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let (terms, complaints) = ServiceTerms::read(&service, &own);
    let Limits { rooms_max, history_max, occupants_per_room_max, .. } = terms.limits;
    assert_eq!((rooms_max, history_max, occupants_per_room_max), (7, 6, 8));
    assert_eq!(complaints, ["`history_max` cannot be \"many\"; it takes a number from 0 to 10000 (messages; 0 for none)"]);
    // A default is nothing that the node was told.
    let said = |shards: u16| -> Vec<String> {
        settings.overruled(&service, shards).into_iter().map(|(key, own, holds)| format!("{key}: {own}, {holds}")).collect()
    };
    assert_eq!(said(4), ["rooms_max: 5, 7", "history_max: 6, many"]);
    assert_eq!(said(16), ["rooms_max: 5, 7", "history_max: 6, many", "shards: 4, 16"]);
}

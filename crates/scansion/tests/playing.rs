//! The player against a server that says what it is told: what passes, and everything that must fail.

mod fake;

use std::path::{Path, PathBuf};
use std::time::Duration;

use conclave_scansion::{Hook, Options, Outcome, Reason, Script, play};
use expect_test::{Expect, expect};
use fake::{Fake, Lines};

const HEAD: &str = "# Mara asks\n\n[Client] Mara\n\tjid: mara@one.example/desk\n\tpassword: secret\n\
                    [Client] Oren\n\tjid: oren@one.example/lap\n\tpassword: secret\n-----\nMara connects\n";

const ASK: &str = "Mara sends:\n\t<message to='hall@conference.one.example' id='ask'/>\n";

fn script(steps: &str) -> Script {
    Script::parse(Path::new("t.scs"), &format!("{HEAD}{steps}")).expect("a script")
}

/// As long as any answer may take.
fn options(fake: &Fake) -> Options {
    let silence = Duration::from_millis(300);
    Options { targets: fake.targets.clone(), timeout: Duration::from_secs(20), silence, ..Options::default() }
}

/// Where something is waited for that never comes.
fn impatient(fake: &Fake) -> Options {
    Options { timeout: Duration::from_secs(1), ..options(fake) }
}

async fn played(lines: Lines, steps: &str) -> Outcome {
    let fake = Fake::start(lines).await;
    play(&script(steps), &impatient(&fake)).await.expect("no .extra file")
}

async fn assert_passes(lines: Lines, steps: &str) {
    let fake = Fake::start(lines).await;
    let outcome = play(&script(steps), &options(&fake)).await.expect("no .extra file");
    assert!(outcome.passed(), "{outcome}");
}

async fn assert_fails(lines: Lines, steps: &str, report: Expect) {
    report.assert_eq(&played(lines, steps).await.to_string());
}

/// Two stanzas and one between them that the scripts do not mention.
const THREE: Lines = &[("id='ask'", "<message id='1'/><presence id='2'/><message id='3'><body>Yes</body></message>")];
const ONE_AND_THREE: &str = "Mara receives:\n\t<message id='1'/>\nMara receives:\n\t<message id='3'/>\n";

#[tokio::test]
async fn what_a_step_passes_over_is_no_failure() {
    assert_passes(THREE, &format!("{ASK}{ONE_AND_THREE}Mara disconnects")).await;
}

#[tokio::test]
async fn several_stanzas_of_one_step_are_taken_in_order() {
    assert_passes(THREE, &format!("{ASK}Mara receives:\n\t<message id='1'/>\n\t<message id='3'/>")).await;
    let wrong = played(THREE, &format!("{ASK}Mara receives:\n\t<message id='3'/>\n\t<message id='1'/>")).await;
    let failure = wrong.failure.expect("a failure");
    assert_eq!((failure.step, failure.line), (Some(2), 15));
}

#[tokio::test]
async fn a_stanza_that_does_not_come_fails_with_a_report() {
    let steps = format!("{ASK}Mara receives:\n\t<message id='3' type='chat'><body>No</body></message>\n");
    assert_fails(
        THREE,
        &steps,
        expect![[r#"
            FAIL  t.scs (Mara asks)
            t.scs:14: step 3: `Mara receives:`
              the expected stanza did not come
              within 1000 ms
              expected:
                <message id='3' type='chat'>
                  <body>No</body>
                </message>
              Mara received since the last match:
               1. <message id='1'/>
               2. <presence id='2'/>
               3. <message id='3'>
                    <body>Yes</body>
                  </message>
                  ^ message lacks type='chat'
                  ^ message/body has the text "Yes", expected "No"
        "#]],
    )
    .await;
}

#[tokio::test]
async fn nothing_at_all_fails_too() {
    assert_fails(
        &[],
        "Mara receives:\n\t<message/>\n",
        expect![[r#"
            FAIL  t.scs (Mara asks)
            t.scs:12: step 2: `Mara receives:`
              the expected stanza did not come
              within 1000 ms
              expected:
                <message/>
              Mara received nothing since the last match
        "#]],
    )
    .await;
}

#[tokio::test]
async fn the_wrong_order_passes_only_if_order_is_given_up() {
    let fake = Fake::start(THREE).await;
    let script = script(&format!("{ASK}Mara receives:\n\t<message id='3'/>\nMara receives:\n\t<message id='1'/>\n"));
    let ordered = play(&script, &impatient(&fake)).await.expect("played");
    assert!(matches!(ordered.failure.expect("a failure").reason, Reason::NotReceived { line: 16, .. }));
    let unordered = play(&script, &Options { unordered: true, ..options(&fake) }).await.expect("played");
    assert!(unordered.passed(), "{unordered}");
}

#[tokio::test]
async fn one_stanza_satisfies_one_step() {
    for unordered in [false, true] {
        let fake = Fake::start(THREE).await;
        let script = script(&format!("{ASK}Mara receives:\n\t<presence/>\nMara receives:\n\t<presence/>\n"));
        let outcome = play(&script, &Options { unordered, ..impatient(&fake) }).await.expect("played");
        assert!(!outcome.passed());
    }
}

#[tokio::test]
async fn nothing_means_nothing() {
    assert_passes(&[], "Mara receives: nothing").await;
    let noisy = played(THREE, &format!("{ASK}Mara receives: nothing")).await;
    assert!(matches!(noisy.failure.expect("a failure").reason, Reason::NotSilent));
}

#[tokio::test]
async fn sending_after_leaving_is_ignored_and_before_coming_is_not() {
    assert_passes(&[], &format!("Mara disconnects\n{ASK}Mara receives: nothing\nMara connects\n{ASK}")).await;
    let early = played(&[], "Oren sends: <presence/>").await;
    assert!(matches!(early.failure.expect("a failure").reason, Reason::NotOnline));
    let twice = played(&[], "Mara connects").await;
    assert!(matches!(twice.failure.expect("a failure").reason, Reason::OnlineAlready));
}

#[tokio::test]
async fn every_client_closes_its_stream_in_the_end() {
    for steps in ["Oren connects\n", "Oren connects\nMara receives:\n\t<message/>\n"] {
        let fake = Fake::start(&[]).await;
        play(&script(steps), &impatient(&fake)).await.expect("played");
        assert_eq!(fake.heard(), ["mara: closed", "oren: closed"], "{steps}");
    }
}

#[tokio::test]
async fn a_server_that_does_not_close_its_stream_fails() {
    for steps in ["Mara disconnects", ""] {
        let outcome = played(&[("CLOSE", " ")], steps).await.to_string();
        assert!(outcome.contains("the server did not close its stream in time"), "{outcome}");
    }
}

#[tokio::test]
async fn a_stream_that_the_server_closes_is_not_waited_for() {
    let lines: Lines =
        &[("id='ask'", "<stream:error><conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error></stream:stream>")];
    let fake = Fake::start(lines).await;
    let outcome =
        play(&script(&format!("{ASK}Mara receives:\n\t<message/>\n")), &options(&fake)).await.expect("played").to_string();
    assert!(outcome.contains("because the server closed the stream"), "{outcome}");
    assert!(outcome.contains("<conflict xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>"), "{outcome}");
}

#[tokio::test]
async fn a_login_that_fails_says_why() {
    let scram = "<mechanisms xmlns='urn:ietf:params:xml:ns:xmpp-sasl'><mechanism>SCRAM-SHA-1</mechanism></mechanisms>";
    let table: [(Lines, &str); 3] = [
        (&[("FEATURES", " ")], "does not offer SASL PLAIN without TLS; it offers: none"),
        (Box::leak(Box::new([("FEATURES", scram)])), "it offers: SCRAM-SHA-1"),
        (&[("RESOURCE", "other")], "the server bound `mara@one.example/other`, but the script counts on `mara@one.example/desk`"),
    ];
    for (lines, what) in table {
        let outcome = played(lines, "").await.to_string();
        assert!(outcome.contains(what), "{outcome}");
    }
    let fake = Fake::start(&[]).await;
    let text = HEAD.replace("password: secret", "password: wrong");
    let wrong = Script::parse(Path::new("t.scs"), &text).expect("a script");
    let outcome = play(&wrong, &options(&fake)).await.expect("played").to_string();
    assert!(outcome.contains("the server refused the login: <failure xmlns='urn:ietf:params:xml:ns:xmpp-sasl'>"), "{outcome}");
}

#[tokio::test]
async fn a_port_where_nobody_listens_is_named() {
    // Bound and given back: nobody listens there now.
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let targets = conclave_scansion::Targets::parse(&free.to_string()).expect("an address");
    let outcome = play(&script(""), &Options { targets, ..Options::default() }).await.expect("played").to_string();
    assert!(outcome.contains(&format!("t.scs:10: step 1: `Mara connects`\n  cannot connect to {free}: ")), "{outcome}");
}

#[tokio::test]
async fn clients_are_spread_over_the_targets() {
    let (one, two) = (Fake::start(&[]).await, Fake::start(&[]).await);
    let targets = conclave_scansion::Targets::parse(&format!("{},{}", one.address, two.address)).expect("addresses");
    for by in 0..2 {
        let options = Options { targets: targets.clone().rotated(by), ..options(&one) };
        assert!(play(&script("Oren connects"), &options).await.expect("played").passed());
    }
    assert_eq!(one.heard(), ["mara: closed", "oren: closed"]);
    assert_eq!(two.heard(), ["oren: closed", "mara: closed"]);
}

#[tokio::test]
async fn the_hook_runs_once_after_its_step() {
    let fake = Fake::start(THREE).await;
    let count = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let counted = std::sync::Arc::clone(&count);
    let hook = Hook::new("count", move || {
        counted.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        std::future::ready(Ok(()))
    });
    let script = script(&format!("{ASK}{ONE_AND_THREE}"));
    let with = |step: usize, hook: &Hook| Options { after_step: Some((step, hook.clone())), ..options(&fake) };
    assert!(play(&script, &with(2, &hook)).await.expect("played").passed());
    assert_eq!(count.load(std::sync::atomic::Ordering::SeqCst), 1);

    let never = play(&script, &with(9, &hook)).await.expect("played").to_string();
    assert!(never.contains("there is no step 9: the script has 4"), "{never}");
    let broken = play(&script, &with(2, &Hook::command("exit 3"))).await.expect("played").to_string();
    assert!(broken.contains("step 2: `Mara sends:`\n  the hook `exit 3` failed: exit status: 3"), "{broken}");
}

/// A folder for the `.extra` file of one test, which goes with it.
struct Folder(PathBuf);

impl Folder {
    fn with_extra(name: &str, text: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("scansion-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).expect("a folder");
        std::fs::write(path.join("t.extra"), text).expect("a file");
        Folder(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("removed");
    }
}

async fn exactly(lines: Lines, steps: &str, folder: Option<&Folder>) -> Outcome {
    let fake = Fake::start(lines).await;
    let extra_dir = folder.map(|folder| folder.0.clone());
    play(&script(steps), &Options { exact: true, extra_dir, ..options(&fake) }).await.expect("played")
}

#[tokio::test]
async fn exact_names_what_no_line_expects_and_the_order() {
    let outcome = exactly(THREE, &format!("{ASK}{ONE_AND_THREE}"), None).await;
    expect![[r#"
        FAIL  t.scs (Mara asks)
        t.scs: after the last step
          1 stanzas came that no line expects, 0 entries of the .extra file were not used
          Mara received, and no line expects:
            <presence id='2'/>
          Mara received in this order:
             1. line 14        <message id='1'/>
             2. not expected   <presence id='2'/>
             3. line 16        <message id='3'><body>Yes</body></message>
          Oren received in this order:
    "#]]
    .assert_eq(&outcome.to_string());
}

#[tokio::test]
async fn exact_lets_pass_what_the_extra_file_names() {
    let folder = Folder::with_extra("named", "# It comes between.\nMara may receive:\n\t<presence id='2'/>\n");
    let outcome = exactly(THREE, &format!("{ASK}{ONE_AND_THREE}"), Some(&folder)).await;
    assert!(outcome.passed(), "{outcome}");
    assert!(outcome.order().contains("2. .extra line 3  <presence id='2'/>"), "{}", outcome.order());
}

#[tokio::test]
async fn an_entry_stands_for_one_stanza() {
    let twice: Lines = &[("id='ask'", "<presence id='2'/><presence id='2'/>")];
    let once = Folder::with_extra("once", "# why\nMara may receive:\n\t<presence id='2'/>\n");
    assert!(!exactly(twice, ASK, Some(&once)).await.passed());
    let both = Folder::with_extra("both", "# why\nMara may receive:\n\t<presence/>\n\t<presence id='2'/>\n");
    assert!(exactly(twice, ASK, Some(&both)).await.passed());
}

#[tokio::test]
async fn an_entry_that_is_not_used_fails() {
    let folder =
        Folder::with_extra("stale", "# why\nMara may receive:\n\t<presence id='2'/>\n# why\nOren may receive:\n\t<message/>\n");
    let outcome = exactly(THREE, &format!("{ASK}{ONE_AND_THREE}"), Some(&folder)).await.to_string();
    assert!(outcome.contains("line 6 of the .extra file was not used: Oren may receive:\n    <message/>"), "{outcome}");
    assert!(outcome.contains("0 stanzas came that no line expects, 1 entries"), "{outcome}");
}

#[tokio::test]
async fn exact_sees_what_comes_behind_the_last_step() {
    // The first: for the answer to the server's own ping. The second: only when all others are done, in the second round.
    for needle in ["id='ask'", "drain-1-0", "drain-2-0"] {
        let late: Lines = Box::leak(Box::new([(needle, "<presence id='late'/>")]));
        for steps in [ASK.to_owned(), format!("{ASK}Mara disconnects\n")] {
            let outcome = exactly(late, &steps, None).await;
            assert!(
                matches!(outcome.failure, Some(ref f) if matches!(f.reason, Reason::NotExact { unexpected: 1, .. })),
                "{outcome}"
            );
        }
    }
}

#[tokio::test]
async fn exact_fails_if_pings_are_not_answered() {
    let fake = Fake::start(&[("NO PINGS", "")]).await;
    let outcome = play(&script(ASK), &Options { exact: true, ..impatient(&fake) }).await.expect("played").to_string();
    assert!(outcome.contains("Mara sent a ping to hall@conference.one.example in order to see"), "{outcome}");
}

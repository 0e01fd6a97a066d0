use super::*;
use crate::run::Running;
use crate::run::tests::settings;

/// Three on one node are enough to see that they enter, speak and hear.
#[tokio::test(flavor = "multi_thread")]
async fn the_three_chat() {
    let dir = tempfile::tempdir().unwrap();
    let running = Running::start(settings(dir.path(), &[])).await.unwrap();
    for (account, _) in SPEAKERS {
        running.node.accounts.add(account, "password").await.unwrap();
    }
    let doors = [running.node.addresses.c2s[0]; 3];
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (talk, talking) = watch::channel(false);
    let mut speakers = start_speakers(&doors, &ledger, &talking).await.unwrap();
    talk.send_replace(true);
    let chatted = async {
        while locked(&ledger).verdict().messages < 10 {
            sleep(LOOK_AGAIN).await;
        }
        talk.send_replace(false);
        await_silence(&ledger).await;
    };
    timeout(SOON, chatted).await.unwrap();
    let verdict = locked(&ledger).verdict();
    assert!(verdict.holds() && verdict.broken.is_empty(), "{verdict}");
    assert!(speakers.try_join_next().is_none());
    speakers.shutdown().await;
    running.stop().await;
}

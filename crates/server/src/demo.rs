//! `conclave demo`: three nodes, three clients that chat, and a home that is killed; what the clients saw of it.

mod client;
mod ledger;
mod speaker;
#[cfg(test)]
mod tests;

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::admin::client::{Client, ClientError};
use crate::admin::{Answer, Ask};
use crate::args::Dev;
use crate::dev::{DevError, Nodes};
use crate::run::Signals;
use client::ClientFailure;
use ledger::{Ledger, Verdict};
use speaker::Speaker;

/// Who chats, through which node, under which nick. `conclave dev` has these accounts.
const SPEAKERS: [(&str, &str); 3] = [("user", "Romeo"), ("user2", "Juliet"), ("user3", "Mercutio")];

const ROOM: &str = "demo";

/// How long they chat before the home is killed, and behind that.
const BEFORE: Duration = Duration::from_secs(3);
const BEHIND: Duration = Duration::from_secs(6);

/// How long anything may take that should be there soon: entering the room, coming back, the last message.
const SOON: Duration = Duration::from_secs(10);

/// How often it is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Why there is nothing to show.
#[derive(Debug)]
pub enum DemoError {
    /// The nodes do not run.
    Nodes(DevError),
    /// There is no directory for them.
    Directory(std::io::Error),
    /// A client cannot chat at all.
    Client(&'static str, ClientFailure),
    /// A node cannot be asked.
    Ask(ClientError),
    /// It does not say what it should.
    Unexpected(String),
    /// A client did not do this in time.
    Late(String),
    /// A promise was not kept; it has been said which.
    Broken,
}

/// Shows it. An error if a promise was not kept.
pub async fn run() -> Result<(), DemoError> {
    let signals = Signals::new().map_err(|cause| DemoError::Nodes(DevError::Process(cause)))?;
    let dir = tempfile::tempdir().map_err(DemoError::Directory)?;
    // Whatever was started ends when it is dropped, and the directory after it.
    tokio::select! {
        signal = signals.wait() => Err(DemoError::Unexpected(format!("{signal}: it is over"))),
        shown = show(dir.path()) => shown,
    }
}

async fn show(dir: &Path) -> Result<(), DemoError> {
    say("three nodes are starting on this machine; it takes some seconds");
    let dev = Dev { nodes: 3, dir: dir.to_owned(), port: 0, users: Vec::new(), limits: false, quiet: true };
    let mut nodes = Nodes::start(&dev).await.map_err(DemoError::Nodes)?;
    let doors =
        nodes.lines().iter().map(|line| line.c2s.ok_or_else(|| DemoError::Unexpected("a node listens nowhere".to_owned())));
    let doors = doors.collect::<Result<Vec<SocketAddr>, DemoError>>()?;
    let ledger = Arc::new(Mutex::new(Ledger::default()));
    let (talk, talking) = watch::channel(false);
    let mut speakers = start_speakers(&doors, &ledger, &talking).await?;
    // Not before all are in: who is not there yet hears nothing.
    talk.send_replace(true);
    say("Romeo, Juliet and Mercutio sit in one room, each through another node, and say 20 messages a second together");
    sleep(BEFORE).await;
    let home = home(dir).await?;
    kill(&nodes, home)?;
    let (killed, victim) = (Instant::now(), SPEAKERS[home - 1].1);
    say(&format!("node {home}, the home of the room, is killed: kill -9. {victim}'s connection dies with it"));
    nodes.ended().await;
    let back = await_return(&ledger, victim, killed).await?;
    say(&format!("{victim} is back through another node, {} ms after that", back.as_millis()));
    sleep(BEHIND).await;
    talk.send_replace(false);
    await_silence(&ledger).await;
    while let Some(ended) = speakers.try_join_next() {
        ended
            .map_err(|cause| DemoError::Unexpected(cause.to_string()))?
            .map_err(|(nick, failure)| DemoError::Client(nick, failure))?;
    }
    let verdict = locked(&ledger).verdict();
    drop(speakers);
    nodes.end().await.map_err(DemoError::Nodes)?;
    tell(&verdict)
}

/// What a speaker's task ends with, if it ends.
type Ended = Result<(), (&'static str, ClientFailure)>;

/// One after the other: the first makes the room.
async fn start_speakers(
    doors: &[SocketAddr],
    ledger: &Arc<Mutex<Ledger>>,
    talking: &watch::Receiver<bool>,
) -> Result<JoinSet<Ended>, DemoError> {
    let mut speakers = JoinSet::new();
    for (number, (account, nick)) in SPEAKERS.into_iter().enumerate() {
        let mut doors = doors.to_vec();
        doors.rotate_left(number);
        let speaker = Speaker { account, nick, number, doors, room: ROOM, ledger: ledger.clone(), talking: talking.clone() };
        let client =
            timeout(SOON, speaker.begin()).await.map_err(|_| DemoError::Late(format!("{nick} does not get into the room")))?;
        let client = client.map_err(|failure| DemoError::Client(nick, failure))?;
        speakers.spawn(async move { speaker.chat(client).await.map_err(|failure| (nick, failure)) });
    }
    Ok(speakers)
}

/// As `conclave room show` tells.
async fn home(dir: &Path) -> Result<usize, DemoError> {
    let first: PathBuf = dir.join("node1");
    let asked = tokio::task::spawn_blocking(move || {
        Client::connect(&first).and_then(|mut client| client.ask(&Ask::RoomShow { room: ROOM.to_owned() }))
    });
    let answer = asked.await.map_err(|cause| DemoError::Unexpected(cause.to_string()))?.map_err(DemoError::Ask)?;
    match answer {
        Answer::Room(shown) => match shown.home {
            Some(home @ 1..=3) => Ok(home as usize),
            _ => Err(DemoError::Unexpected("the room has no home".to_owned())),
        },
        Answer::Refused { text, .. } => Err(DemoError::Unexpected(text)),
        other => Err(DemoError::Unexpected(format!("node 1 answers {other:?}"))),
    }
}

fn kill(nodes: &Nodes, node: usize) -> Result<(), DemoError> {
    let line = nodes.lines().iter().find(|line| line.node == node);
    let pid = line.and_then(|line| Pid::from_raw(i32::try_from(line.pid).ok()?));
    let pid = pid.ok_or_else(|| DemoError::Unexpected(format!("node {node} has no process")))?;
    kill_process(pid, Signal::KILL).map_err(|cause| DemoError::Nodes(DevError::Process(cause.into())))
}

/// How long it took until the one whose connection broke sat in the room again.
async fn await_return(ledger: &Mutex<Ledger>, nick: &'static str, since: Instant) -> Result<Duration, DemoError> {
    while since.elapsed() < SOON {
        if let Some(back) = locked(ledger).entered_behind(nick, since) {
            return Ok(back);
        }
        sleep(LOOK_AGAIN).await;
    }
    Err(DemoError::Late(format!("{nick} does not get back into the room")))
}

/// Everything that was said is heard, or has had its time.
async fn await_silence(ledger: &Mutex<Ledger>) {
    let start = Instant::now();
    while start.elapsed() < SOON && !locked(ledger).verdict().lost.is_empty() {
        sleep(LOOK_AGAIN).await;
    }
}

fn tell(verdict: &Verdict) -> Result<(), DemoError> {
    say(&verdict.to_string());
    if verdict.holds() { Ok(()) } else { Err(DemoError::Broken) }
}

/// Whoever closes our output wants no more of it.
fn say(text: &str) {
    let _ = std::io::Write::write_all(&mut std::io::stdout(), format!("{text}\n").as_bytes());
}

fn locked(ledger: &Mutex<Ledger>) -> std::sync::MutexGuard<'_, Ledger> {
    ledger.lock().unwrap_or_else(PoisonError::into_inner)
}

impl fmt::Display for DemoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            DemoError::Nodes(cause) => cause.fmt(f),
            DemoError::Directory(cause) => {
                write!(f, "there is no directory for the nodes: {cause}; another place is set with TMPDIR")
            }
            DemoError::Client(nick, failure) => write!(f, "{nick} cannot chat: {failure}"),
            DemoError::Ask(cause) => cause.fmt(f),
            DemoError::Unexpected(text) | DemoError::Late(text) => f.write_str(text),
            DemoError::Broken => f.write_str("that is not what Conclave promises; please report it"),
        }
    }
}

impl std::error::Error for DemoError {}

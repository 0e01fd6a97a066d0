//! Measures a running node from outside: memory per idle session, and processor time per delivery in a room.
//!
//! ```text
//! CONCLAVE_SESSIONS_PER_ACCOUNT_MAX=10000 CONCLAVE_CONNECTIONS_PER_ADDRESS_MAX=0 \
//!     cargo run --release --bin conclave -- dev --dir /tmp/measured
//! cargo run --release -p conclave-server --example measure -- /tmp/measured/nodes.json
//! ```
//!
//! Processor time is the node's own, user and system, of all its threads, from `/proc`; the clients' is not in it.

use std::error::Error;
use std::time::{Duration, Instant};

use base64::Engine;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

type Result<T> = std::result::Result<T, Box<dyn Error + Send + Sync>>;

/// Ticks of `/proc/PID/stat` per second on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

const IDLE_SESSIONS: usize = 1000;
const OCCUPANTS: usize = 100;
const SENDERS: usize = 10;
/// Messages of a sender that are under way at once.
const WINDOW: usize = 4;
const MESSAGES_PER_SENDER: usize = 400;
const RUNS: usize = 5;

#[tokio::main]
async fn main() -> Result<()> {
    let path = std::env::args().nth(1).ok_or("name the nodes.json of a running `conclave dev`")?;
    let nodes: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    let address = nodes[0]["c2s"].as_str().ok_or("no c2s in nodes.json")?.to_owned();
    let pid = nodes[0]["pid"].as_u64().ok_or("no pid in nodes.json")?;
    idle(&address, pid).await?;
    let mut runs = Vec::new();
    for run in 0..RUNS {
        runs.push(chat(&address, pid, run).await?);
    }
    runs.sort_by(f64::total_cmp);
    println!("chat: {OCCUPANTS} occupants, {SENDERS} senders, window {WINDOW}: processor time per delivery");
    println!("  lowest {:.2} us, median {:.2} us, highest {:.2} us of {RUNS} runs", runs[0], runs[RUNS / 2], runs[RUNS - 1]);
    Ok(())
}

async fn idle(address: &str, pid: u64) -> Result<()> {
    let before = resident(pid)?;
    let mut clients = Vec::new();
    for number in 0..IDLE_SESSIONS {
        clients.push(Client::bind(address, &format!("idle{number}")).await?);
    }
    let after = resident(pid)?;
    let per_session = (after - before) as f64 / IDLE_SESSIONS as f64;
    println!("idle: {IDLE_SESSIONS} sessions: {after} KiB resident, {before} before: {per_session:.1} KiB a session");
    Ok(())
}

async fn chat(address: &str, pid: u64, run: usize) -> Result<f64> {
    let room = format!("measured{run}@conference.localhost");
    let mut clients = Vec::new();
    for number in 0..OCCUPANTS {
        let mut client = Client::bind(address, &format!("chat{run}-{number}")).await?;
        client.send(&format!("<presence to='{room}/n{number}'><x xmlns='http://jabber.org/protocol/muc'><history maxstanzas='0'/></x></presence>")).await?;
        client.until("<subject").await?;
        if number == 0 {
            client
                .send(&format!(
                    "<iq type='set' id='o' to='{room}'><query xmlns='http://jabber.org/protocol/muc#owner'>\
                     <x xmlns='jabber:x:data' type='submit'/></query></iq>"
                ))
                .await?;
            client.until("type='result'").await?;
        }
        clients.push(client);
    }
    let (ticks, start) = (ticks(pid)?, Instant::now());
    let mut tasks = Vec::new();
    for (number, client) in clients.into_iter().enumerate() {
        tasks.push(tokio::spawn(converse(client, room.clone(), number)));
    }
    let mut clients = Vec::new();
    for task in tasks {
        clients.push(task.await??);
    }
    let spent = (self::ticks(pid)? - ticks) as f64 / TICKS_PER_SECOND;
    let deliveries = (SENDERS * MESSAGES_PER_SENDER * OCCUPANTS) as f64;
    println!("  run {run}: {:.0} deliveries a second", deliveries / start.elapsed().as_secs_f64());
    Ok(spent * 1e6 / deliveries)
}

/// Hears everything; a sender says its next line when it has heard one of its own.
async fn converse(mut client: Client, room: String, number: usize) -> Result<Client> {
    let line = |n: usize| {
        let text = "The quick brown fox jumps over the lazy dog, again and again, until it has been counted.";
        format!("<message type='groupchat' to='{room}' id='{number}-{n}'><body>{text}</body></message>")
    };
    let sender = number < SENDERS;
    let mut said = 0;
    if sender {
        for _ in 0..WINDOW {
            client.send(&line(said)).await?;
            said += 1;
        }
    }
    let own = format!(" id='{number}-");
    let mut heard = 0;
    while heard < SENDERS * MESSAGES_PER_SENDER {
        client.read().await?;
        let mut lines = String::new();
        while let Some(end) = client.received.find("</message>") {
            let stanza: String = client.received.drain(..end + "</message>".len()).collect();
            heard += usize::from(stanza.contains("<body>"));
            if sender && said < MESSAGES_PER_SENDER && stanza.contains(&own) {
                lines.push_str(&line(said));
                said += 1;
            }
        }
        if !lines.is_empty() {
            client.send(&lines).await?;
        }
    }
    Ok(client)
}

struct Client {
    tcp: TcpStream,
    received: String,
}

impl Client {
    async fn bind(address: &str, resource: &str) -> Result<Client> {
        let tcp = TcpStream::connect(address).await?;
        tcp.set_nodelay(true)?;
        let mut client = Client { tcp, received: String::new() };
        let header = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";
        let plain = base64::engine::general_purpose::STANDARD.encode("\0user\0password");
        client.send(header).await?;
        client.until("</stream:features>").await?;
        client.send(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>")).await?;
        client.until("<success").await?;
        client.send(header).await?;
        client.until("</stream:features>").await?;
        let bind = "urn:ietf:params:xml:ns:xmpp-bind";
        client.send(&format!("<iq type='set' id='b'><bind xmlns='{bind}'><resource>{resource}</resource></bind></iq>")).await?;
        client.until("</iq>").await?;
        Ok(client)
    }

    async fn send(&mut self, text: &str) -> Result<()> {
        Ok(self.tcp.write_all(text.as_bytes()).await?)
    }

    async fn read(&mut self) -> Result<()> {
        let mut buffer = [0; 65536];
        let read = tokio::time::timeout(Duration::from_secs(30), self.tcp.read(&mut buffer)).await??;
        if read == 0 {
            return Err(format!("the server closed, after: {}", self.received).into());
        }
        self.received.push_str(std::str::from_utf8(&buffer[..read])?);
        Ok(())
    }

    async fn until(&mut self, what: &str) -> Result<()> {
        loop {
            if let Some(at) = self.received.find(what) {
                self.received.drain(..at + what.len());
                return Ok(());
            }
            self.read().await?;
        }
    }
}

fn resident(pid: u64) -> Result<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
    Ok(line.split_whitespace().nth(1).ok_or("no value")?.parse()?)
}

/// User and system time, fields 14 and 15 of `/proc/PID/stat`.
fn ticks(pid: u64) -> Result<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no name")?.1.split_whitespace().collect();
    Ok(fields[11].parse::<u64>()? + fields[12].parse::<u64>()?)
}

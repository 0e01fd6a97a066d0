//! A server of its own for a test: `conclave dev` as a process, on ports that were free.

#![allow(dead_code, missing_docs, clippy::unwrap_used)]

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take that should be there at once.
pub const LIMIT: Duration = Duration::from_secs(20);

/// How long a server may take to start: nothing is promised of that, and each of many steps waits for a disk.
pub const START_LIMIT: Duration = Duration::from_secs(90);

/// The process, ended when it is dropped.
pub struct Running {
    dev: Child,
    dir: tempfile::TempDir,
    pub c2s: SocketAddr,
    pub c2s_tls: SocketAddr,
    /// Of the node, not of `dev`.
    pub pid: u32,
}

impl Running {
    pub fn start() -> Running {
        Running::start_with(&[])
    }

    /// With settings from the environment.
    pub fn start_with(settings: &[(&str, &str)]) -> Running {
        let dir = tempfile::tempdir().unwrap();
        let said = dir.path().join("stderr");
        let mut dev = Command::new(env!("CARGO_BIN_EXE_conclave"))
            .args(["dev", "--nodes", "1", "--port", "0", "--dir"])
            .arg(dir.path())
            .envs(settings.iter().copied())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&said).unwrap())
            .spawn()
            .unwrap();
        let nodes = await_file(&dir.path().join("nodes.json"), || {
            let ended = dev.try_wait().unwrap().is_some();
            assert!(!ended, "the server did not start: {}", std::fs::read_to_string(&said).unwrap());
        });
        let nodes: serde_json::Value = serde_json::from_str(&nodes).unwrap();
        let address = |field: &str| nodes[0][field].as_str().unwrap().parse().unwrap();
        let pid = nodes[0]["pid"].as_u64().unwrap().try_into().unwrap();
        Running { c2s: address("c2s"), c2s_tls: address("c2s_tls"), pid, dev, dir }
    }

    pub fn dir(&self) -> &Path {
        self.dir.path()
    }

    /// Resident memory of the node in KiB.
    pub fn resident(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.pid)).unwrap();
        let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    }

    /// A client that only has a connection.
    pub fn connect(&self) -> Client {
        let tcp = TcpStream::connect(self.c2s).unwrap();
        tcp.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        Client { tcp, received: String::new() }
    }

    /// A client that has opened its stream.
    pub fn open(&self) -> Client {
        let mut client = self.connect();
        client.send(HEADER);
        client.until("</stream:features>");
        client
    }

    /// A client that is logged in.
    pub fn log_in(&self, user: &str) -> Client {
        use base64::Engine;
        let mut client = self.open();
        let plain = base64::engine::general_purpose::STANDARD.encode(format!("\0{user}\0password"));
        client.send(&format!("<auth xmlns='urn:ietf:params:xml:ns:xmpp-sasl' mechanism='PLAIN'>{plain}</auth>"));
        client.until("<success");
        client.send(HEADER);
        client.until("</stream:features>");
        client
    }

    /// A client that is bound, as `user@localhost/resource`.
    pub fn bind(&self, user: &str, resource: &str) -> Client {
        let mut client = self.log_in(user);
        client.send(&format!(
            "<iq type='set' id='b'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>{resource}</resource></bind></iq>"
        ));
        client.until("</iq>");
        client
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Ending `dev` ends its node; the test has nothing left to say if that fails.
        let dev = rustix::process::Pid::from_child(&self.dev);
        let _ = rustix::process::kill_process(dev, rustix::process::Signal::TERM);
        let _ = self.dev.wait();
    }
}

/// What a file says, once it is there.
pub fn await_file(path: &Path, mut meanwhile: impl FnMut()) -> String {
    let start = Instant::now();
    while start.elapsed() < START_LIMIT {
        if let Ok(text) = std::fs::read_to_string(path) {
            return text;
        }
        meanwhile();
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("{} did not come", path.display());
}

pub const HEADER: &str = "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' to='localhost' version='1.0'>";

/// A client made of bytes.
pub struct Client {
    pub tcp: TcpStream,
    received: String,
}

impl Client {
    pub fn send(&mut self, text: &str) {
        self.send_bytes(text.as_bytes());
    }

    /// A server that has had enough may close while we write.
    pub fn send_bytes(&mut self, bytes: &[u8]) {
        let _ = self.tcp.write_all(bytes);
    }

    /// Reads until something was said, and returns all up to and with it.
    #[track_caller]
    pub fn until(&mut self, what: &str) -> String {
        let start = Instant::now();
        loop {
            if let Some(at) = self.received.find(what) {
                let rest = self.received.split_off(at + what.len());
                return std::mem::replace(&mut self.received, rest);
            }
            assert!(self.read() && start.elapsed() < LIMIT, "\"{what}\" did not come, but: {}", self.received);
        }
    }

    /// Reads to the end of the connection.
    #[track_caller]
    pub fn rest(&mut self) -> String {
        let start = Instant::now();
        while self.read() {
            assert!(start.elapsed() < LIMIT, "the connection stays open, after: {}", self.received);
        }
        std::mem::take(&mut self.received)
    }

    /// Reads a little; how many bytes came.
    pub fn sip(&mut self, bytes: usize) -> usize {
        self.tcp.read(&mut vec![0; bytes]).unwrap_or(0)
    }

    /// Whether the connection is still open.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 65536];
        match self.tcp.read(&mut buffer) {
            Ok(0) => false,
            Ok(n) => {
                self.received.push_str(&String::from_utf8_lossy(&buffer[..n]));
                true
            }
            Err(error) => matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted),
        }
    }

    /// Enters a room and waits until it is in.
    pub fn enter(&mut self, room: &str, nick: &str) {
        self.send(&format!(
            "<presence to='{room}@conference.localhost/{nick}'><x xmlns='http://jabber.org/protocol/muc'/></presence>"
        ));
        self.until("<subject");
    }

    /// Opens a room that it has just created.
    pub fn open_room(&mut self, room: &str) {
        self.send(&format!(
            "<iq type='set' id='o' to='{room}@conference.localhost'><query xmlns='http://jabber.org/protocol/muc#owner'>\
             <x xmlns='jabber:x:data' type='submit'/></query></iq>"
        ));
        self.until("type='result'/>");
    }

    /// Says something to a room and hears it.
    #[track_caller]
    pub fn say(&mut self, room: &str, text: &str) {
        self.send(&format!("<message type='groupchat' to='{room}@conference.localhost'><body>{text}</body></message>"));
        self.until(&format!("<body>{text}</body>"));
    }
}

/// Two others who chat, and would notice.
pub struct Bystanders {
    one: Client,
    other: Client,
    said: u32,
}

impl Bystanders {
    pub fn of(server: &Running) -> Bystanders {
        let mut one = server.bind("user2", "bystander");
        one.enter("bench", "One");
        one.open_room("bench");
        let mut other = server.bind("user3", "bystander");
        other.enter("bench", "Other");
        Bystanders { one, other, said: 0 }
    }

    #[track_caller]
    pub fn still_chat(&mut self) {
        self.said += 1;
        let text = format!("word {}", self.said);
        self.one.say("bench", &text);
        self.other.until(&format!("<body>{text}</body>"));
    }
}

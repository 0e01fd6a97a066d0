//! One node: its place on disk, and its process.

use std::fs::{self, OpenOptions};
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use super::CLUSTER;
use super::authority::Credentials;
use super::waiting::{seen_within, within};
use conclave_preload::{Disk, Orders};

/// A node that checks all it has on a busy machine takes its time.
const READY_LIMIT: Duration = Duration::from_secs(60);

/// From the reason to the end of the process.
const END_LIMIT: Duration = Duration::from_secs(30);

/// A process that did not answer may be just about to end, on a machine that has much to do.
const STUCK_AFTER: Duration = Duration::from_secs(10);

/// How a process ended, and what it said.
#[derive(Debug)]
pub struct Ended {
    /// `None` when it was killed, also because it stood still.
    pub code: Option<i32>,
    /// Its standard error, of this life alone.
    pub said: String,
}

#[derive(Debug)]
pub struct Node {
    pub id: u64,
    pub dir: PathBuf,
    pub peer_address: SocketAddr,
    pub control_address: SocketAddr,
    /// Given when the disk is forgetful.
    pub disk: Option<Disk>,
    pub orders: Orders,
    credentials: Credentials,
    arguments: Vec<String>,
    errors: PathBuf,
    /// Where this life's part of the errors begins.
    errors_start: u64,
    process: Option<Child>,
    paused: bool,
}

impl Node {
    pub fn new(id: u64, root: &Path, credentials: Credentials, arguments: &[&str], forgetful: bool) -> Self {
        let place = root.join(format!("node-{id}"));
        fs::create_dir_all(&place).expect("a place for the node");
        let disk = forgetful.then(|| Disk::new(&place, &root.join(format!("node-{id}.journal"))).expect("a disk"));
        // The node makes it itself, and is to see to it that the disk knows.
        let dir = place.join("data");
        let errors = root.join(format!("node-{id}.stderr"));
        let arguments = arguments.iter().map(|&argument| argument.to_owned()).collect();
        let (peer_address, control_address) = (free_address(), free_address());
        Self {
            id,
            dir,
            peer_address,
            control_address,
            disk,
            orders: Orders::default(),
            credentials,
            arguments,
            errors,
            errors_start: 0,
            process: None,
            paused: false,
        }
    }

    /// Starts it and waits until it serves; or says how it ended instead.
    pub fn start(&mut self) -> Result<(), Ended> {
        assert!(self.process.is_none(), "node {} runs already", self.id);
        let mut command = self.command();
        let errors = OpenOptions::new().create(true).append(true).open(&self.errors).expect("a file for errors");
        self.errors_start = errors.metadata().expect("the file's length").len();
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(errors);
        let mut child = command.spawn().expect("the node's program starts");
        let lines = BufReader::new(child.stdout.take().expect("it was piped")).lines();
        self.process = Some(child);
        let (sender, receiver) = mpsc::channel();
        // Ends with the process, which closes the pipe.
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        match receiver.recv_timeout(READY_LIMIT) {
            Ok(line) => assert_eq!(line, "ready", "node {}", self.id),
            Err(mpsc::RecvTimeoutError::Disconnected) => return Err(self.ended()),
            Err(mpsc::RecvTimeoutError::Timeout) => panic!("node {} was not ready within {READY_LIMIT:?}", self.id),
        }
        Ok(())
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_replicated-map"));
        command.arg("--dir").arg(&self.dir).args(["--node", &self.id.to_string(), "--cluster", CLUSTER]);
        command.arg("--ca").arg(&self.credentials.ca);
        command.arg("--cert").arg(&self.credentials.certificate).arg("--key").arg(&self.credentials.key);
        command.args(["--peer-listen", &self.peer_address.to_string(), "--control-listen", &self.control_address.to_string()]);
        command.args(&self.arguments);
        if let Some(disk) = &self.disk {
            disk.preload(&mut command, &self.orders).expect("the disk is told");
        }
        command
    }

    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// Of the process, if it runs.
    pub fn pid(&self) -> Option<u32> {
        self.process.as_ref().map(Child::id)
    }

    /// It runs and is not paused.
    pub fn answers(&self) -> bool {
        self.runs() && !self.paused
    }

    /// kill -9.
    pub fn kill(&mut self) {
        self.paused = false;
        if let Some(mut process) = self.process.take() {
            // It may have ended by itself.
            let _ = process.kill();
            process.wait().expect("the process ends");
        }
    }

    /// Waits for it to end by itself.
    pub fn ended(&mut self) -> Ended {
        let status = within(END_LIMIT, &format!("the end of node {}", self.id), || self.exit());
        self.process = None;
        Ended { code: status.code(), said: self.said() }
    }

    /// For a node that does not answer: how it ended, or else that it stands still, and is killed.
    pub fn ended_or_stuck(&mut self) -> Ended {
        let code = seen_within(STUCK_AFTER, || self.exit()).and_then(|status| status.code());
        self.kill();
        Ended { code, said: self.said() }
    }

    fn exit(&mut self) -> Option<ExitStatus> {
        let process = self.process.as_mut().expect("it was started");
        process.try_wait().expect("a process can be asked")
    }

    pub fn pause(&mut self) {
        self.signal(Signal::STOP);
        self.paused = true;
    }

    pub fn resume(&mut self) {
        self.signal(Signal::CONT);
        self.paused = false;
    }

    fn signal(&self, signal: Signal) {
        let pid = self.pid().and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?)).expect("it runs");
        kill_process(pid, signal).expect("a child can be signalled");
    }

    /// What it has said on standard error since it was started last.
    pub fn said(&self) -> String {
        let all = fs::read(&self.errors).unwrap_or_default();
        let start = usize::try_from(self.errors_start).expect("a length").min(all.len());
        String::from_utf8_lossy(&all[start..]).into_owned()
    }

    /// The last lines of all it ever said.
    pub fn last_words(&self) -> String {
        let all = fs::read(&self.errors).unwrap_or_default();
        let all = String::from_utf8_lossy(&all);
        let lines: Vec<&str> = all.lines().collect();
        lines[lines.len().saturating_sub(60)..].join("\n")
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A port that is free now, and likely to stay so: below those that the system gives to connections, so that a node finds it again after a restart.
fn free_address() -> SocketAddr {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    const FIRST: u16 = 10_000;
    const COUNT: u16 = 20_000;
    let start = (std::process::id() % u32::from(COUNT)) as u16;
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed);
        let port = FIRST + (start + step * 7) % COUNT;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if TcpListener::bind(address).is_ok() {
            return address;
        }
    }
    panic!("no port is free")
}

//! Clusters of `conclave dev`, as child processes.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde::Deserialize;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use crate::Result;

/// Ticks of `/proc/PID/stat` per second on Linux.
const TICKS_PER_SECOND: f64 = 100.0;

/// How long all nodes together may take to serve.
const START_MAX: Duration = Duration::from_secs(60);

/// Leadership that stayed where it is for so long is where it should be: it moves a second after a better place for it is seen.
const CALM: Duration = Duration::from_secs(3);

/// How often it is looked for.
const LOOK_AGAIN: Duration = Duration::from_millis(250);

/// How long that may take.
const CALM_MAX: Duration = Duration::from_secs(60);

/// How long they may take to end before they are killed.
const END_MAX: Duration = Duration::from_secs(15);

/// From what clusters are started.
pub struct Clusters {
    program: PathBuf,
    log: Option<PathBuf>,
}

/// One that runs. Dropped, it is killed: its nodes end when `conclave dev` does.
pub struct Cluster {
    dev: Child,
    program: PathBuf,
    pub nodes: Vec<Node>,
    dir: TempDir,
}

/// As `nodes.json` has it.
#[derive(Deserialize)]
pub struct Node {
    /// From 1.
    pub node: usize,
    pub pid: i32,
    pub c2s: SocketAddr,
}

impl Clusters {
    pub fn new(program: Option<PathBuf>, log: Option<PathBuf>) -> Result<Clusters> {
        let program = match program {
            Some(program) => program,
            None => beside_us()?,
        };
        if !program.is_file() {
            return Err(format!(
                "{} is not there; build it with the same profile, or name another with --program",
                program.display()
            )
            .into());
        }
        Ok(Clusters { program, log })
    }

    /// Starts one; when it returns, all nodes serve, and leadership moves no more.
    pub async fn start(&self, nodes: usize) -> Result<Cluster> {
        let dir = tempfile::tempdir()?;
        let mut command = Command::new(&self.program);
        command.arg("dev").args(["--nodes", &nodes.to_string(), "--port", "0", "--dir"]).arg(dir.path());
        // All clients come from one address, and share four accounts.
        command.env("CONCLAVE_SESSIONS_PER_ACCOUNT_MAX", "10000");
        let log = match &self.log {
            Some(path) => OpenOptions::new().create(true).append(true).open(path)?.into(),
            None => Stdio::null(),
        };
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).kill_on_drop(true);
        let mut dev = command.spawn()?;
        let nodes = await_nodes(&mut dev, &dir.path().join("nodes.json")).await?;
        let cluster = Cluster { dev, program: self.program.clone(), nodes, dir };
        if cluster.nodes.len() > 1 {
            cluster.await_calm().await?;
        }
        Ok(cluster)
    }
}

/// `target/release/conclave` for `target/release/examples/measure`.
fn beside_us() -> Result<PathBuf> {
    let us = std::env::current_exe()?;
    let directory = us.parent().and_then(Path::parent).ok_or("this program is in no directory of cargo's; use --program")?;
    Ok(directory.join("conclave"))
}

async fn await_nodes(dev: &mut Child, path: &Path) -> Result<Vec<Node>> {
    let start = Instant::now();
    while start.elapsed() < START_MAX {
        if let Some(status) = dev.try_wait()? {
            return Err(format!("`conclave dev` has ended ({status}); --log FILE tells why").into());
        }
        match std::fs::read_to_string(path) {
            Ok(text) => return Ok(serde_json::from_str(&text)?),
            Err(_) => sleep(Duration::from_millis(20)).await,
        }
    }
    Err(format!("`conclave dev` does not serve after {} s", START_MAX.as_secs()).into())
}

impl Cluster {
    async fn await_calm(&self) -> Result<()> {
        let start = Instant::now();
        let (mut leaders, mut since) = (self.leaders().await?, start);
        while since.elapsed() < CALM {
            if start.elapsed() > CALM_MAX {
                return Err(format!("leadership still moves after {} s", CALM_MAX.as_secs()).into());
            }
            sleep(LOOK_AGAIN).await;
            let now = self.leaders().await?;
            if now != leaders {
                (leaders, since) = (now, Instant::now());
            }
        }
        Ok(())
    }

    /// Of each group.
    async fn leaders(&self) -> Result<Vec<Option<usize>>> {
        #[derive(Deserialize)]
        struct Group {
            leader: Option<usize>,
        }
        #[derive(Deserialize)]
        struct Status {
            groups: Vec<Group>,
        }
        let status: Status = serde_json::from_slice(&self.ask(&["cluster", "status", "--json"]).await?)?;
        Ok(status.groups.into_iter().map(|group| group.leader).collect())
    }

    /// Which node is the home of a room, or would be of one that does not exist.
    pub async fn home(&self, room: &str) -> Result<usize> {
        #[derive(Deserialize)]
        struct Shown {
            home: Option<usize>,
        }
        let shown = self.ask(&["room", "show", "--json", room]).await?;
        let shown: Shown = serde_json::from_slice(&shown)?;
        shown.home.ok_or_else(|| format!("{room} has no home").into())
    }

    /// Has a node hand over everything; the command comes back when the node knows that it shall.
    pub async fn drain(&self, node: usize) -> Result<()> {
        self.ask(&["cluster", "drain", &node.to_string()]).await.map(drop)
    }

    /// What the program says to that, beside the first node.
    async fn ask(&self, arguments: &[&str]) -> Result<Vec<u8>> {
        let mut command = Command::new(&self.program);
        command.args(arguments).arg("--dir").arg(self.dir.path().join("node1"));
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
        if !output.status.success() {
            return Err(format!("conclave {}: {}", arguments.join(" "), String::from_utf8_lossy(&output.stderr)).into());
        }
        Ok(output.stdout)
    }

    pub fn signal(&self, node: usize, signal: Signal) -> Result<()> {
        let pid = self.nodes.iter().find(|line| line.node == node).and_then(|line| Pid::from_raw(line.pid));
        Ok(kill_process(pid.ok_or("no such node")?, signal)?)
    }

    /// User and system time of all nodes so far, in seconds: fields 14 and 15 of `/proc/PID/stat`.
    pub fn processor_seconds(&self) -> Result<f64> {
        let mut ticks = 0;
        for node in &self.nodes {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", node.pid))?;
            let fields: Vec<&str> = stat.rsplit_once(')').ok_or("no name in /proc/PID/stat")?.1.split_whitespace().collect();
            ticks += fields[11].parse::<u64>()? + fields[12].parse::<u64>()?;
        }
        Ok(ticks as f64 / TICKS_PER_SECOND)
    }

    /// What the nodes have resident, in KiB.
    pub fn resident(&self) -> Result<u64> {
        let mut all = 0;
        for node in &self.nodes {
            let status = std::fs::read_to_string(format!("/proc/{}/status", node.pid))?;
            let line = status.lines().find(|line| line.starts_with("VmRSS:")).ok_or("no VmRSS")?;
            all += line.split_whitespace().nth(1).ok_or("no value of VmRSS")?.parse::<u64>()?;
        }
        Ok(all)
    }

    pub async fn end(mut self) -> Result<()> {
        if let Some(pid) = self.dev.id().and_then(|pid| Pid::from_raw(pid as i32)) {
            kill_process(pid, Signal::TERM)?;
        }
        if timeout(END_MAX, self.dev.wait()).await.is_err() {
            self.dev.kill().await?;
        }
        Ok(())
    }
}

//! What is done to processes.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use super::process::Process;
use super::{Arena, asking};
use crate::awaiting::PAUSE;
use crate::membership::settings_file;

/// Bytes of what a node said last.
const LAST_WORDS_BYTES: usize = 600;

impl Arena {
    /// SIGKILL, and waits until the process is gone.
    pub fn kill(&self, node: u32) -> Result<(), String> {
        self.doors.close(node);
        self.with(node, |node| node.process.as_mut().ok_or("it does not run")?.kill())
    }

    /// SIGSTOP: the process keeps its connections and does nothing.
    pub fn freeze(&self, node: u32) -> Result<(), String> {
        self.set_frozen(node, true)
    }

    /// SIGCONT.
    pub fn thaw(&self, node: u32) -> Result<(), String> {
        self.set_frozen(node, false)
    }

    fn set_frozen(&self, node: u32, frozen: bool) -> Result<(), String> {
        self.with(node, |node| {
            let process = node.process.as_mut().ok_or("it does not run")?;
            process.signal(if frozen { Signal::STOP } else { Signal::CONT })?;
            process.frozen = frozen;
            Ok(())
        })
    }

    /// SIGTERM: the process hands over and ends by itself. Nothing is awaited.
    pub fn tell_to_end(&self, node: u32) -> Result<(), String> {
        self.expect_end(node)?;
        self.with(node, |node| node.process.as_mut().ok_or("it does not run")?.signal(Signal::TERM))
    }

    /// From now on the end of this node's process is no surprise, until it is started again.
    pub fn expect_end(&self, node: u32) -> Result<(), String> {
        self.set_may_end(node, true)
    }

    /// From now on the end of this node's process is a surprise again.
    pub fn expect_life(&self, node: u32) -> Result<(), String> {
        self.set_may_end(node, false)
    }

    fn set_may_end(&self, node: u32, may_end: bool) -> Result<(), String> {
        self.with(node, |node| {
            node.process.as_mut().ok_or("it does not run")?.may_end = may_end;
            Ok(())
        })
    }

    /// Waits until a node has no process.
    pub fn await_end(&self, node: u32, limit: Duration) -> Result<(), String> {
        within(limit, &format!("the end of node {node}"), || {
            if self.up().contains(&node) { Err("it runs".to_owned()) } else { Ok(()) }
        })
    }

    /// Starts a node's process. Nothing is awaited.
    pub fn begin(&self, node: u32) -> Result<(), String> {
        self.is_member(node)?;
        self.spawn(node, false)
    }

    /// The same, where its end is no surprise, however soon it comes.
    pub fn begin_expecting_end(&self, node: u32) -> Result<(), String> {
        self.is_member(node)?;
        self.spawn(node, true)
    }

    fn is_member(&self, node: u32) -> Result<(), String> {
        self.with(node, |life| if life.gone { Err("it is no member any more".to_owned()) } else { Ok(()) })
    }

    pub(super) fn spawn(&self, node: u32, may_end: bool) -> Result<(), String> {
        self.with(node, |life| {
            if life.process.is_some() {
                return Err("it runs".to_owned());
            }
            let mut command = self.program.serving(&self.said_by(node));
            command.args(["serve", "--end-with-stdin", "--config"]).arg(settings_file(&life.place.dir));
            life.base.disk.preload(&mut command, &life.orders).map_err(|error| format!("its disk: {error}"))?;
            life.base.clock.preload(&mut command);
            (life.started, life.exit_code) = (true, None);
            let child = command.stdin(Stdio::piped()).spawn().map_err(|error| format!("`conclave serve`: {error}"))?;
            life.process.insert(Process::new(child)).may_end = may_end;
            Ok(())
        })
    }

    /// Waits until a node's process serves, and opens its door.
    pub fn await_serving(&self, node: u32, limit: Duration) -> Result<(), String> {
        let dir = self.node_dir(node);
        let started = self.pid(node);
        within(limit, &format!("node {node} serves"), || {
            let pid = self.pid(node);
            if pid.is_none() || pid != started {
                return Ok(Err(format!("node {node} did not start: {}", self.last_words(node))));
            }
            let status = asking::status(&dir)?;
            let is_it = pid.is_some_and(|pid| u32::try_from(pid.as_raw_nonzero().get()).is_ok_and(|pid| pid == status.pid));
            if is_it { Ok(Ok(())) } else { Err("another process answers".to_owned()) }
        })??;
        let found_at = self.with(node, |node| Ok(node.place.clients.found_at))?;
        self.doors.open(node, found_at.to_string());
        Ok(())
    }

    /// Starts a node, and waits until it serves.
    pub fn restart(&self, node: u32, limit: Duration) -> Result<(), String> {
        self.restart_all(&[node], limit)
    }

    /// The same with several at once: where no majority lives, none serves alone.
    pub fn restart_all(&self, nodes: &[u32], limit: Duration) -> Result<(), String> {
        let start = Instant::now();
        nodes.iter().try_for_each(|node| self.begin(*node))?;
        nodes.iter().try_for_each(|node| self.await_serving(*node, limit.saturating_sub(start.elapsed())))
    }

    /// Starts those of these that do not run, and waits until all of them serve.
    pub fn revive(&self, nodes: &[u32], limit: Duration) -> Result<(), String> {
        let (start, up) = (Instant::now(), self.up());
        nodes.iter().filter(|node| !up.contains(node)).try_for_each(|node| self.begin(*node))?;
        nodes.iter().try_for_each(|node| self.await_serving(*node, limit.saturating_sub(start.elapsed())))
    }

    /// Tells all to end, and waits until they have: what is on their disks is what is left of them.
    pub fn end(&self, limit: Duration) -> Result<(), String> {
        let up = self.up();
        up.iter().try_for_each(|node| self.tell_to_end(*node))?;
        let start = Instant::now();
        up.iter().try_for_each(|node| self.await_end(*node, limit.saturating_sub(start.elapsed())))
    }

    fn said_by(&self, node: u32) -> PathBuf {
        self.said.join(format!("stderr{node}"))
    }

    /// The end of what a node wrote to its standard error.
    pub fn last_words(&self, node: u32) -> String {
        let said = std::fs::read(self.said_by(node)).unwrap_or_default();
        let last = said.len().saturating_sub(LAST_WORDS_BYTES);
        String::from_utf8_lossy(&said[last..]).trim().to_owned()
    }
}

/// Looks again and again until a thing is there; the error says what is lacking.
pub(crate) fn within<T>(limit: Duration, what: &str, mut look: impl FnMut() -> Result<T, String>) -> Result<T, String> {
    let start = Instant::now();
    loop {
        match look() {
            Ok(found) => return Ok(found),
            Err(why) if start.elapsed() >= limit => {
                return Err(format!("{what}: not within {:.1} s: {why}", limit.as_secs_f32()));
            }
            Err(_) => std::thread::sleep(PAUSE),
        }
    }
}

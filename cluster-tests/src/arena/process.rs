//! One life of a node: its process, and what was done to it.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::awaiting::PAUSE;

/// Ends with its owner: its standard input is our pipe, and it ends when that is closed.
pub(super) struct Process {
    child: Child,
    pub frozen: bool,
    /// Whether its end is no surprise: it was killed, or told to end, or its disk failed.
    pub may_end: bool,
    ended: Option<ExitStatus>,
}

impl Process {
    pub fn new(child: Child) -> Process {
        Process { child, frozen: false, may_end: false, ended: None }
    }

    pub fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// How it has ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        // Not waited for: that would close its standard input, by which it lives.
        if self.ended.is_none() {
            self.ended = self.child.try_wait().ok().flatten();
        }
        self.ended
    }

    /// Sends a signal, if it lives.
    pub fn signal(&mut self, signal: Signal) -> Result<(), String> {
        if self.ended().is_some() {
            return Err(format!("process {} has ended", self.child.id()));
        }
        kill_process(self.pid(), signal).map_err(|error| format!("process {}: {error}", self.child.id()))
    }

    /// SIGKILL, and waits for the end, which the system does not put off.
    pub fn kill(&mut self) -> Result<(), String> {
        self.may_end = true;
        self.signal(Signal::KILL)?;
        let start = Instant::now();
        while self.ended().is_none() {
            if start.elapsed() > Duration::from_secs(30) {
                return Err(format!("process {} does not die", self.child.id()));
            }
            std::thread::sleep(PAUSE / 4);
        }
        Ok(())
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if self.ended().is_none() {
            // A frozen one cannot end in any other way.
            let _ = (self.child.kill(), self.child.wait());
        }
    }
}

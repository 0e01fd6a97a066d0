//! One life of a node: its process, and what was done to it.

use std::process::{Child, ExitStatus};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::awaiting::PAUSE;

/// The exit code of a program that says why it cannot go on: that it is no member any more, say.
const FAILED: i32 = 1;

/// That of one whose disk failed: `EX_IOERR` of sysexits.h.
const DISK_FAILED: i32 = 74;

/// Ends with its owner: its standard input is our pipe, and it ends when that is closed.
pub(super) struct Process {
    child: Child,
    pub frozen: bool,
    /// Whether it is no surprise if it ends itself: it was told to end, or its disk failed.
    pub may_end: bool,
    killed: bool,
    ended: Option<ExitStatus>,
}

impl Process {
    pub fn new(child: Child) -> Process {
        Process { child, frozen: false, may_end: false, killed: false, ended: None }
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

    /// Whether somebody caused this end of it. One that may end must do it by itself: to crash is still a surprise.
    pub fn is_expected(&self, how: ExitStatus) -> bool {
        let by_itself = matches!(how.code(), Some(0 | FAILED | DISK_FAILED));
        self.killed || (self.may_end && by_itself)
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
        self.killed = true;
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

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    /// What is said of the end of a process that does this.
    fn is_expected(may_end: bool, script: &str) -> bool {
        let child = Command::new("sh").args(["-c", script]).stdin(Stdio::piped()).spawn().unwrap();
        let mut process = Process::new(child);
        process.may_end = may_end;
        let start = Instant::now();
        loop {
            if let Some(how) = process.ended() {
                return process.is_expected(how);
            }
            assert!(start.elapsed() < Duration::from_secs(30), "{script} does not end");
            std::thread::sleep(PAUSE / 4);
        }
    }

    #[test]
    fn a_process_that_may_end_may_not_crash() {
        assert!(is_expected(true, "exit 0"));
        assert!(is_expected(true, "exit 74"));
        assert!(!is_expected(true, "exit 101"));
        assert!(!is_expected(true, "kill -ABRT $$"));
        assert!(!is_expected(false, "exit 0"));
    }
}

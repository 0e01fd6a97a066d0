//! The one thread that writes.

use std::sync::Arc;
use std::thread::{self, JoinHandle};

use super::error::LogError;
use super::frame::{self, Kind};
use super::op::Op;
use super::output::Output;
use super::segment;
use super::shared::{Job, Shared, State};
use crate::fatal;

/// Takes what waits, writes it as one frame, syncs it, and tells whoever wants to know.
pub(super) struct Writer {
    pub shared: Arc<Shared>,
    pub output: Output,
    /// The frame that is being made; kept for its memory.
    buffer: Vec<u8>,
    /// There may be old segments that are worth emptying.
    pub crowded: bool,
}

/// Where the ops of a frame are.
struct Written {
    segment: u64,
    offsets: Vec<u32>,
}

/// Starts the thread.
pub(super) fn start(shared: Arc<Shared>, output: Output) -> Result<JoinHandle<()>, LogError> {
    let dir = shared.settings.dir.clone();
    let mut writer = Writer { shared, output, buffer: Vec::new(), crowded: false };
    thread::Builder::new().name("log".to_owned()).spawn(move || writer.run()).map_err(LogError::io(&dir, "start the writer of"))
}

impl Writer {
    fn run(&mut self) {
        let _watch = Watch(self.shared.clone());
        while let Some(jobs) = self.shared.take() {
            self.write_jobs(jobs);
            self.clean();
        }
        or_stop(self.output.seal().and_then(|()| self.output.segment().sync()));
    }

    fn write_jobs(&mut self, jobs: Vec<Job>) {
        let ops: Vec<&Op> = jobs.iter().filter_map(|job| job.op.as_ref()).collect();
        let written = (!ops.is_empty()).then(|| self.write(&ops));
        self.shared.settle(&jobs, |state| {
            if let Some(written) = written {
                account(state, &ops, &written);
            }
        });
        jobs.into_iter().filter_map(|job| job.done).for_each(|done| done());
    }

    /// Writes what no caller has asked for.
    pub fn write_own(&mut self, ops: &[Op]) {
        let ops: Vec<&Op> = ops.iter().collect();
        let written = self.write(&ops);
        self.shared.settle(&[], |state| account(state, &ops, &written));
    }

    /// When this returns the frame is on disk.
    fn write(&mut self, ops: &[&Op]) -> Written {
        frame::begin(&mut self.buffer);
        let starts: Vec<usize> = ops.iter().map(|op| push(op, &mut self.buffer)).collect();
        if !self.output.fits(self.buffer.len()) {
            self.roll();
        }
        let offset = or_stop(self.output.put(Kind::Changes, &mut self.buffer));
        or_stop(self.output.seal());
        self.shared.set_synced(self.output.synced());
        self.buffer.shrink_to(super::FRAME_BYTES_MAX);
        let offsets = starts.into_iter().map(|start| offset as u32 + start as u32).collect();
        Written { segment: self.output.segment().number, offsets }
    }

    fn roll(&mut self) {
        let start = self.shared.lock().index.start();
        or_stop(self.output.roll(start, self.buffer.len()));
        self.shared.lock().index.add_segment(self.output.segment().clone());
        self.crowded = true;
    }

    /// Removes the segments in which nothing is in use any more, the oldest first.
    pub fn remove_unused(&mut self) {
        loop {
            let oldest = self.shared.lock().index.take_unused(self.output.segment().number);
            let Some(oldest) = oldest else { return };
            or_stop(segment::remove(&self.shared.settings.dir, oldest));
        }
    }
}

fn push(op: &Op, buffer: &mut Vec<u8>) -> usize {
    let start = buffer.len();
    op.write(buffer);
    start
}

fn account(state: &mut State, ops: &[&Op], written: &Written) {
    state.count_frame(ops.iter().map(|op| op.entries()).sum());
    for (op, offset) in ops.iter().zip(&written.offsets) {
        if let Err(gap) = state.index.apply(op, written.segment, *offset) {
            // What callers may do was checked when they did it.
            unreachable!("group {}: {gap}", op.group());
        }
    }
}

pub(super) fn or_stop<T>(result: Result<T, LogError>) -> T {
    match result {
        Ok(done) => done,
        Err(LogError::Io { file, what, source }) => fatal::stop(&file, what, &source),
        Err(LogError::Damaged { file, offset, reason }) => fatal::stop(&file, "trust", &format!("byte {offset}: {reason}")),
        Err(other) => fatal::stop("the log".as_ref(), "write", &other),
    }
}

/// Ends the process if the writer ends in any other way than it should: nobody would ever be told anything again.
struct Watch(Arc<Shared>);

impl Drop for Watch {
    fn drop(&mut self) {
        if thread::panicking() {
            fatal::stop(&self.0.settings.dir, "go on writing", &"the writer of the log has panicked");
        }
    }
}

//! What the log commits, folded by this replica.

use std::sync::atomic::Ordering;

use conclave_raft::{Applied, Step};
use tokio::time::Instant;
use tracing::error;

use super::ShardTask;

/// Steps that are taken at once before anything else has its turn.
const STEPS_AT_ONCE: usize = 256;

impl ShardTask {
    /// Takes this step and all others that there are by now, within reason.
    pub(super) fn follow(&mut self, first: Step, applied: &mut Applied) {
        let mut next = Some(first);
        for _ in 0..STEPS_AT_ONCE {
            let Some(step) = next else { break };
            self.step(step);
            next = applied.try_next();
        }
        if let Some(step) = next {
            self.step(step);
        }
        self.progress = Instant::now();
        self.count_rooms(self.replica.shard().room_count());
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::State { index, pairs } => {
                self.replica.restore(index, &pairs).unwrap_or_else(|undecodable| self.stop(index.unwrap_or(0), &undecodable));
                self.office = None;
                self.subscribers.clear();
            }
            Step::Entry { index, proposal: None } => self.replica.pass(index),
            Step::Entry { index, proposal: Some(entry) } => {
                let now = self.now();
                let folded = self.replica.committed(index, &entry, now, &mut self.out);
                folded.unwrap_or_else(|undecodable| self.stop(index, &undecodable));
                self.count_commits();
                self.carry_out();
                self.let_in_the_early();
            }
            Step::Changes(answer) => {
                let changes = self.replica.changes().into_iter();
                answer.give(changes.map(|(key, value)| (key.into(), value.map(Into::into))).collect());
            }
            Step::Freeze(answer) => {
                let records = self.replica.freeze();
                answer.give(Box::new(records.map(|(key, value)| (key.into(), value.into()))));
            }
        }
    }

    /// To go on would be to skip a change that others have made.
    fn stop(&self, index: u64, undecodable: &dyn std::fmt::Display) -> ! {
        error!(shard = self.shard, index, "{undecodable}; this process ends");
        std::process::exit(1)
    }

    fn count_commits(&mut self) {
        let metrics = &self.shared.metrics;
        while self.proposed_at.len() > self.replica.in_flight() {
            let Some(at) = self.proposed_at.pop_front() else { break };
            metrics.commits.inc();
            metrics.commit_seconds.observe(at.elapsed());
        }
    }

    pub(super) fn count_rooms(&mut self, now: usize) {
        let rooms = &self.shared.rooms;
        if now > self.rooms_counted {
            rooms.fetch_add(now - self.rooms_counted, Ordering::Relaxed);
        } else {
            rooms.fetch_sub(self.rooms_counted - now, Ordering::Relaxed);
        }
        self.rooms_counted = now;
    }
}

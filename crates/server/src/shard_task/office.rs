//! The time in which this replica is the home: it begins with the lead in the log, and ends when somebody else leads, or the log refuses.

use conclave_cluster::home::Output;
use conclave_raft::Leader;
use tokio::time::Instant;
use tracing::info;

use super::{ShardTask, wall_clock};

impl ShardTask {
    pub(super) fn note_leader(&mut self, leader: Leader) {
        self.leader = leader;
        match leader {
            Leader::Us(office) if self.office == Some(office) => {}
            Leader::Us(office) => {
                let me = *self.shared.me.borrow();
                self.resign();
                if me.number != 0 {
                    info!(shard = self.shard, %office, "this node becomes the home");
                    self.office = Some(office);
                    self.progress = Instant::now();
                    self.replica.begin(me, wall_clock(), &mut self.out);
                }
            }
            Leader::Other(_) => self.resign(),
            // Nobody else was heard of. What is said goes through a barrier or the log, so an office that is over says nothing.
            Leader::Nobody => {}
        }
    }

    /// This node is not the home any more, or has to begin anew: edges look for the home, and repeat what is unanswered.
    pub(super) fn resign(&mut self) {
        self.office = None;
        self.replica.end();
        // What the former office wanted is not the next one's to do.
        self.out.retain(|output| matches!(output, Output::Frame(_)));
        self.barrier = None;
        self.requests.clear();
        self.let_in_the_early();
        self.proposed_at.clear();
        self.send_away();
    }

    pub(super) fn is_about_to_serve(&self) -> bool {
        self.replica.is_home() && self.replica.serves().is_none()
    }
}

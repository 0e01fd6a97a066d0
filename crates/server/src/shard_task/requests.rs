//! What edges ask, decided as far as there is room, and what follows from it.

use std::sync::atomic::Ordering;

use conclave_cluster::home::Output;
use conclave_muc::Context;
use tokio::time::Instant;

use super::group::barrier;
use super::{ShardTask, wall_clock};

impl ShardTask {
    /// Takes the requests for which there is room, and does what follows from everything so far.
    pub(super) fn carry_out(&mut self) {
        loop {
            self.carry_out_outputs();
            if !self.replica.has_room() || self.requests.is_empty() {
                return;
            }
            let context = self.context();
            while self.replica.has_room()
                && let Some((from, link, request)) = self.requests.pop_front()
            {
                if !self.subscribers.iter().any(|subscriber| subscriber.link == link) {
                    continue;
                }
                // What the session asks next decides: between two updates of its presence there must be nothing else.
                let mut later = self.requests.iter().map(|(_, _, later)| later);
                if request.may_be_superseded()
                    && let Some(next) = later.find(|later| later.session == request.session)
                    && next.supersedes(&request)
                {
                    self.replica.superseded(from, &request, &mut self.out);
                } else {
                    self.replica.request(from, &request, &context, &mut self.out);
                }
            }
        }
    }

    fn carry_out_outputs(&mut self) {
        if self.office.is_some() && !self.replica.is_home() {
            // Somebody else's time has begun.
            self.resign();
        }
        for output in std::mem::take(&mut self.out) {
            match (output, self.office) {
                (Output::Propose(entry), Some(office)) => {
                    // The task that takes them lives as long as this one.
                    let _ = self.proposals.send((office, entry.into()));
                    self.proposed_at.push_back(Instant::now());
                }
                (Output::Barrier, Some(_)) => self.barrier = Some(Box::pin(barrier(self.group.clone()))),
                (Output::Frame(frame), _) => self.say(&frame),
                (Output::Propose(_) | Output::Barrier, None) => {}
            }
        }
    }

    fn context(&self) -> Context {
        Context {
            now: wall_clock(),
            service: self.terms.service.clone(),
            rooms_full: self.shared.rooms.load(Ordering::Relaxed) >= self.terms.rooms_max,
        }
    }
}

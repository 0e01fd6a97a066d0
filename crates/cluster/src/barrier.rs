//! What waits for a proof that this is still the home: refusals, answers, and stanzas that are not logged.
//!
//! A proof is a read barrier that was begun later (ReadIndex), or an entry that was proposed later and is committed. Either serves all that wait.

use std::collections::VecDeque;

use conclave_muc::{Attachment, Effect, Session};
use conclave_xmpp::BareJid;

use crate::answer::Answer;
use crate::frame::Direct;
use crate::planted::{self, Bug};

/// Something that leaves when it is proved, in the order in which it was put here.
#[derive(Debug)]
pub struct Soft {
    /// Effects in a room.
    pub room: Option<(BareJid, Vec<Effect>)>,
    /// To sessions without a room, and where each is.
    pub direct: Vec<(Direct, Attachment)>,
    /// The requests that it answers, and where their sessions are.
    pub answers: Vec<(Answer, Attachment)>,
    /// Who asked, and where from.
    pub asker: Option<(Session, Attachment)>,
}

/// The line of those who wait.
#[derive(Debug, Default)]
pub struct Barrier {
    waiting: VecDeque<Waiting>,
    /// The barrier that everybody who comes now has to wait for.
    next: u64,
    /// The newest one that was passed.
    passed: u64,
    running: bool,
}

#[derive(Debug)]
struct Waiting {
    /// Proposals that were made before.
    after: u64,
    barrier: u64,
    soft: Soft,
}

impl Barrier {
    /// Puts something at the end, behind so many proposals.
    pub fn push(&mut self, soft: Soft, proposed: u64) {
        self.waiting.push_back(Waiting { after: proposed, barrier: self.next.max(1), soft });
        self.next = self.next.max(1);
    }

    /// What may leave, now that so many proposals are committed.
    pub fn pop(&mut self, committed: u64) -> Option<Soft> {
        let front = self.waiting.front()?;
        let passed = self.passed >= front.barrier || planted::is(Bug::BarrierOff);
        let proved = committed > front.after || (committed >= front.after && passed) || planted::is(Bug::RefusalOvertakes);
        if !proved {
            return None;
        }
        self.waiting.pop_front().map(|waiting| waiting.soft)
    }

    /// Whether a barrier must be begun now: somebody waits, none is on its way, and no entry was proposed later that would serve.
    pub fn begin(&mut self, proposed: u64) -> bool {
        let needed = self.waiting.back().is_some_and(|last| last.after == proposed && last.barrier > self.passed);
        let begin = needed && !self.running;
        if begin {
            self.running = true;
            // Whoever comes from here on was decided after this one began.
            self.next += 1;
        }
        begin
    }

    /// The barrier was passed, or was not: then another is needed.
    pub fn ended(&mut self, passed: bool) {
        self.running = false;
        if passed {
            self.passed = self.next - 1;
        }
    }

    /// Whether the answer to a request waits here: if the request is repeated meanwhile it must not be judged afresh, since this answer leaves all the same.
    pub fn answers(&self, session: u64, number: u64) -> bool {
        let mut answers = self.waiting.iter().flat_map(|waiting| &waiting.soft.answers);
        answers.any(|(answer, _)| answer.session == session && answer.number == number)
    }

    /// How many wait.
    pub fn len(&self) -> usize {
        self.waiting.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn soft() -> Soft {
        Soft { room: None, direct: Vec::new(), answers: Vec::new(), asker: None }
    }

    #[test]
    fn one_barrier_serves_all_who_came_before_it_began() {
        let mut barrier = Barrier::default();
        assert!(!barrier.begin(0));
        barrier.push(soft(), 0);
        barrier.push(soft(), 0);
        assert!(barrier.begin(0));
        barrier.push(soft(), 0);
        assert!(!barrier.begin(0), "one at a time");
        assert!(barrier.pop(0).is_none());
        barrier.ended(true);
        assert!(barrier.pop(0).is_some() && barrier.pop(0).is_some());
        assert!(barrier.pop(0).is_none(), "it came after the barrier began");
        assert!(barrier.begin(0));
        barrier.ended(false);
        assert!(barrier.pop(0).is_none());
        assert!(barrier.begin(0), "another try");
        barrier.ended(true);
        assert!(barrier.pop(0).is_some());
        assert!(!barrier.begin(0));
    }

    #[test]
    fn a_later_entry_proves_as_much() {
        let mut barrier = Barrier::default();
        barrier.push(soft(), 5);
        assert!(!barrier.begin(6), "the sixth entry will serve");
        assert!(barrier.pop(5).is_none());
        assert!(barrier.pop(6).is_some());
        barrier.push(soft(), 8);
        assert!(barrier.begin(8));
        barrier.ended(true);
        assert!(barrier.pop(7).is_none(), "what was proposed before comes first");
        assert!(barrier.pop(8).is_some());
    }
}

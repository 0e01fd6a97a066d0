//! Requests that were answered by something that is not in the log, for each edge since it attends by the link that it has now.
//!
//! An edge that attends anew repeats what is unanswered, and a repeat may cross with its answer, which leaves by the new link. To judge it afresh could log
//! what the session was told is refused. What was answered by a former link may have been lost with it, so a repeat of that is judged.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// Answers that are remembered for each edge. A repeat that crosses with its answer is no older than the link; this is some seconds of a busy shard.
const ANSWERS_MAX: usize = 4096;

/// By node.
#[derive(Debug, Default)]
pub struct Answered(BTreeMap<u32, Edge>);

/// Session and number of each request.
#[derive(Debug, Default)]
struct Edge {
    known: BTreeSet<(u64, u64)>,
    oldest_first: VecDeque<(u64, u64)>,
}

impl Answered {
    /// A request of a session of this node was answered.
    pub fn note(&mut self, node: u32, session: u64, number: u64) {
        let edge = self.0.entry(node).or_default();
        if edge.known.insert((session, number)) {
            edge.oldest_first.push_back((session, number));
        }
        if edge.oldest_first.len() > ANSWERS_MAX
            && let Some(oldest) = edge.oldest_first.pop_front()
        {
            edge.known.remove(&oldest);
        }
    }

    /// Whether the answer is on its way by the link that the node has now.
    pub fn has(&self, node: u32, session: u64, number: u64) -> bool {
        self.0.get(&node).is_some_and(|edge| edge.known.contains(&(session, number)))
    }

    /// The node attends by another link: what went by the former one may be lost.
    pub fn attends(&mut self, node: u32) {
        self.0.remove(&node);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_are_known_as_long_as_the_link_lasts_and_no_more_than_there_may_be() {
        let mut answered = Answered::default();
        answered.note(1, 7, 3);
        answered.note(1, 7, 3);
        assert!(answered.has(1, 7, 3) && !answered.has(2, 7, 3) && !answered.has(1, 7, 4));
        (0..ANSWERS_MAX as u64).for_each(|number| answered.note(1, 8, number));
        assert!(!answered.has(1, 7, 3) && answered.has(1, 8, 0));
        answered.attends(1);
        assert!(!answered.has(1, 8, 0));
    }
}

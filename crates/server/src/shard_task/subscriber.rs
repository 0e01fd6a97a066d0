//! An edge as the replica sees it: what it was sent, and where it is told more.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use conclave_cluster::Incarnation;
use tokio::sync::mpsc;

use crate::delivery::{Prepared, Said};

/// An edge that attends, or wants to.
#[derive(Debug)]
pub struct Subscriber {
    pub(super) edge: Incarnation,
    pub(super) link: u64,
    pub(super) said: mpsc::Sender<Said>,
    /// The last frame that it was sent, or has.
    pub(super) last: u64,
    /// Whether it attends the home, and not just a replica.
    pub(super) at_home: bool,
}

impl Subscriber {
    /// One with so much room for what is said to it.
    pub fn new(edge: Incarnation, room: usize) -> (Subscriber, mpsc::Receiver<Said>) {
        static LINKS: AtomicU64 = AtomicU64::new(1);
        let (said, receiver) = mpsc::channel(room);
        let link = LINKS.fetch_add(1, Ordering::Relaxed);
        (Subscriber { edge, link, said, last: 0, at_home: false }, receiver)
    }

    /// Tells it from all others of this process.
    pub fn link(&self) -> u64 {
        self.link
    }

    /// Says something. Whether it still listens; one that is too slow does not any more.
    pub(super) fn say(&self, said: Said) -> bool {
        self.said.try_send(said).is_ok()
    }

    /// Sends a frame, if it does not have it.
    pub(super) fn send(&mut self, index: Option<u64>, frame: &Arc<Prepared>) -> bool {
        let previous = self.last;
        match index {
            Some(index) if index <= self.last => return true,
            Some(index) => self.last = index,
            None if !self.at_home => return true,
            None => {}
        }
        self.say(Said::Frame { previous, frame: frame.clone() })
    }
}

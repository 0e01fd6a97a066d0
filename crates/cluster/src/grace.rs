//! How long a session that is detached keeps its seat: its client may come back through any node.

use std::collections::VecDeque;

use conclave_muc::Session;
use conclave_xmpp::BareJid;

/// Seats whose time runs, in the order in which it runs out. Times are the home's own, in milliseconds from any beginning.
#[derive(Debug, Default)]
pub struct Grace {
    running: VecDeque<Seat>,
}

/// A seat whose connection is gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seat {
    /// When its time is over.
    pub until: u64,
    /// In which room.
    pub room: BareJid,
    /// Whose.
    pub session: Session,
    /// The entry since which it is detached.
    pub since: u64,
}

impl Grace {
    /// A seat's time begins; all last equally long.
    pub fn begin(&mut self, seat: Seat) {
        self.running.push_back(seat);
    }

    /// The next seat whose time is over.
    pub fn over(&mut self, now: u64) -> Option<Seat> {
        if self.running.front()?.until > now {
            return None;
        }
        self.running.pop_front()
    }
}

//! Frames: what a home says to an edge.

use conclave_muc::Effect;
use conclave_xmpp::BareJid;

/// What one entry, or one answer, means for those who sit in a room.
#[derive(Clone, PartialEq, Debug)]
pub struct Frame {
    /// The room.
    pub room: BareJid,
    /// The entry's place in the log; nothing for answers and stanzas that are not logged.
    pub index: Option<u64>,
    /// In the order of sending.
    pub effects: Vec<Effect>,
}

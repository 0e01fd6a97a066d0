//! What comes into a room.

use conclave_xmpp::{Element, Stanza, Timestamp};

use crate::occupant::{Attachment, Session};

/// What a session asks of a room.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asks.
    pub session: Session,
    /// Where its connection is.
    pub attachment: Attachment,
    /// The number of the stanza among those that the session sent; with the session's id it tells repeats.
    pub number: u64,
    /// The lowest number of the session that is not answered yet.
    pub floor: u64,
    /// What it asks.
    pub what: Asked,
}

/// The two things that can be asked.
#[derive(Clone, Debug)]
pub enum Asked {
    /// A stanza to the room or to one of its occupants.
    Stanza(Stanza),
    /// To be taken out of every room: the session ended, or sent an unavailable presence to nobody in particular.
    Gone {
        /// What the unavailable presence carried.
        presence: Vec<Element>,
    },
}

/// What a room needs from elsewhere to decide; resolved by the caller, so that the change says all.
#[derive(Clone, Debug)]
pub struct Context {
    /// The time.
    pub now: Timestamp,
    /// The rules of the service.
    pub service: std::sync::Arc<Service>,
    /// Whether the service has all the rooms that it may have.
    pub rooms_full: bool,
}

/// Settings of the service that bear on rooms.
#[derive(Clone, Debug)]
pub struct Service {
    /// Bare JIDs of those who run the service.
    pub admins: Vec<conclave_xmpp::BareJid>,
    /// Whether only they may create rooms.
    pub creation_restricted: bool,
    /// Occupants of a room, at most; a room's own limit may only be lower.
    pub occupants_max: u32,
    /// Messages of history that a room may keep, at most.
    pub history_max: u32,
    /// Bytes of a groupchat stanza, at most.
    pub groupchat_bytes_max: usize,
    /// Messages that a room takes in a second; 0 means any number.
    pub room_messages_per_second: u32,
    /// Milliseconds after which a room that its creator did not configure opens as it is.
    pub lock_milliseconds: u64,
    /// From which the keys of occupant ids are made.
    pub secret: [u8; 32],
}

//! Entries of a shard's log: what happens to its rooms, to the bound sessions of its accounts, and to the shard itself.

use conclave_muc::{Attachment, Change, Origin, Session};
use conclave_xmpp::{BareJid, Timestamp};

use crate::bound_sessions::SessionChange;
use crate::incarnation::Incarnation;

/// One entry, as the home decided it.
#[derive(Clone, PartialEq, Debug)]
pub struct ShardEntry {
    /// When; never before that of the entry before.
    pub time: Timestamp,
    /// The index of the `Activate` in force when it was decided. An entry of another epoch is void. Of no meaning in an `Activate`.
    pub epoch: u64,
    /// Its place among the entries of its epoch, from 1. One that does not follow the one before is void: it was decided as if that were there. Of no
    /// meaning in an `Activate`.
    pub number: u64,
    /// All edges have the frames of entries up to this index.
    pub acknowledged: u64,
    /// What happens.
    pub change: ShardChange,
}

/// What can happen in a shard.
#[derive(Clone, PartialEq, Debug)]
pub enum ShardChange {
    /// A home begins. Its index is the epoch from here on.
    Activate {
        /// The home.
        home: Incarnation,
        /// Tells two of its times in office apart.
        office: u64,
    },
    /// One change of one room.
    Room {
        /// Which.
        room: BareJid,
        /// The stanza behind it.
        origin: Option<Origin>,
        /// The change.
        change: Change,
    },
    /// An incarnation has ended, or is about to: those who sit in rooms by way of it are detached, and its bound sessions are gone.
    Ended(Attachment),
    /// An edge has missed frames that nobody has any more: those who sit in rooms by way of it are removed, and told.
    Lost(Attachment),
    /// A node that was taken for dead lives on as another incarnation, with all its sessions.
    Moved {
        /// The one that ended.
        from: Attachment,
        /// The one that it is now.
        to: Attachment,
    },
    /// A stanza from user to user. It changes nothing; the log sees to it that it arrives, and once.
    User {
        /// The request behind it.
        origin: Origin,
        /// Who receives it.
        to: Vec<Session>,
        /// The finished stanza.
        stanza: Vec<u8>,
    },
    /// A change of the bound sessions of an account.
    Session {
        /// The request behind it.
        origin: Option<Origin>,
        /// The change.
        change: SessionChange,
    },
}

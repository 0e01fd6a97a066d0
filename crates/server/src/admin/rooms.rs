//! What an administrator asks about rooms, and the face that a node shows for it.

use conclave_xmpp::BareJid;
use serde::{Deserialize, Serialize};

use super::cluster::Later;

/// The rooms of the whole cluster, wherever they live.
pub trait Rooms: Send + Sync {
    /// All rooms.
    fn list(&self) -> Later<'_, Vec<RoomLine>>;
    /// One room, or where it would be if there is none.
    fn show(&self, room: BareJid) -> Later<'_, RoomShown>;
}

/// A room.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct RoomLine {
    /// Bare JID.
    pub room: String,
    /// Nicks that are taken.
    pub occupants: u64,
    /// Those of them whose connection broke a moment ago, and who may come back.
    pub detached: u64,
    /// Whether it stays when everybody has left.
    pub persistent: bool,
    /// What else is out of the ordinary: `members-only`, `moderated`, `password`, `hidden`, `locked`.
    pub traits: Vec<String>,
}

/// A room and where it lives; that is certain for rooms that do not exist, too.
#[derive(Clone, Serialize, Deserialize, PartialEq, Eq, Debug)]
pub struct RoomShown {
    /// Bare JID.
    pub room: String,
    /// Its shard.
    pub shard: u16,
    /// The node that is its home. Null: at this moment there is none.
    pub home: Option<u32>,
    /// Index of the entry with which that home began to serve. Null: it is not known to the node that was asked.
    pub epoch: Option<u64>,
    /// The room. Null: there is none, or its home did not answer; see `home_answered`.
    pub exists: Option<RoomLine>,
    /// Whether the home was heard.
    pub home_answered: bool,
}

//! What the nodes' logs hold in the end, as JSON lines: the witness against which everything is judged.

pub mod folding;
pub mod reading;

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

/// One committed entry of a shard, in words that need no program to be read.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// Which shard's log.
    pub shard: u16,
    /// Its place there.
    pub index: u64,
    /// The epoch under which it was decided.
    pub epoch: u64,
    /// Whether another epoch was in force when it came, so that it changed nothing.
    pub void: bool,
    /// When it was decided; milliseconds since 1970.
    pub time: u64,
    /// The room that it is about, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub room: Option<String>,
    /// The full JID of whoever asked for it, if somebody did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// The id of the session that asked for it, and the number of the stanza.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<(u64, u64)>,
    /// Room and full JID of each session that has no seat there any more because of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub left: Vec<(String, String)>,
    /// The node to which that session was connected, and which of its lives. Seats are lost, detached and moved by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub via: Option<(u32, u32)>,
    /// What it does.
    #[serde(flatten)]
    pub deed: Deed,
}

/// What an entry does.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "deed", rename_all = "snake_case")]
pub enum Deed {
    /// A home begins; its index is the epoch from here on.
    Activate {
        /// Its node.
        node: u32,
        /// And which of its lives.
        incarnation: u32,
    },
    /// A session takes a seat.
    Join {
        /// Full JID.
        jid: String,
        /// As admitted.
        nick: String,
        /// The role of a new occupant; a further session shares its occupant's.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        role: String,
        /// Whether the room is made by this.
        creates: bool,
        /// The detached full JID that comes back by it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        replaces: Option<String>,
    },
    /// A session leaves, or its detachment has lasted too long.
    Leave {
        /// Full JID.
        jid: String,
        /// Whether by the end of a grace.
        expired: bool,
        /// The entry since which it was detached, if so: void if anything became of the seat since.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        since: Option<u64>,
    },
    /// A session says something else of itself.
    Presence {
        /// Full JID.
        jid: String,
    },
    /// A session goes by another nick.
    Rename {
        /// Full JID.
        jid: String,
        /// So far.
        from: String,
        /// From now on.
        to: String,
    },
    /// A message to all.
    Message {
        /// What the room calls it.
        stanza_id: String,
        /// The sender's id.
        send: Option<String>,
        /// Of the sender.
        nick: String,
        /// Its text.
        body: Option<String>,
        /// The text of the subject, if it sets one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        subject: Option<String>,
    },
    /// A message to one occupant.
    Whisper {
        /// The sender's id.
        send: Option<String>,
        /// Nick of the sender.
        from: String,
        /// Nick of the receiver.
        to: String,
        /// Its text.
        body: Option<String>,
    },
    /// Roles and affiliations.
    Moderate {
        /// `jid` or `nick`, and what it becomes.
        items: Vec<Standing>,
    },
    /// A nick is reserved.
    Register {
        /// Bare JID.
        jid: String,
        /// Which.
        nick: String,
    },
    /// A nick is free again.
    Unregister {
        /// Bare JID.
        jid: String,
    },
    /// The configuration.
    Configure {
        /// Nicks of those who have to go.
        removed: Vec<String>,
        /// All of it, by the names in the form, without the `muc#roomconfig_` in front. Several values are parted by commas.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        fields: BTreeMap<String, String>,
    },
    /// The end of the room.
    Destroy,
    /// Connections by way of this life of a node are gone; their seats are kept for the grace.
    Detach {
        /// The node.
        node: u32,
        /// Which life.
        incarnation: u32,
    },
    /// A session's connection is elsewhere, or back.
    Reattach {
        /// Its id.
        session: u64,
        /// The node.
        node: u32,
        /// Which life.
        incarnation: u32,
    },
    /// A node that was taken for dead lives on as another life of it, with all its sessions.
    Moved {
        /// The node, and the life that ended.
        from: (u32, u32),
        /// The node, and the life that it is in now.
        to: (u32, u32),
    },
    /// Sessions by way of this life of a node missed something for good, and are removed.
    Lost {
        /// The node.
        node: u32,
        /// Which life.
        incarnation: u32,
    },
    /// Anything that is about no room.
    Other {
        /// In a word.
        what: String,
    },
}

/// What becomes of one person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Standing {
    /// A role.
    Role {
        /// Of the occupant with this nick.
        nick: String,
        /// `none` is a kick.
        role: String,
    },
    /// An affiliation.
    Affiliation {
        /// Of this bare JID.
        jid: String,
        /// `outcast` is a ban.
        affiliation: String,
        /// The nick that is reserved with it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        nick: Option<String>,
        /// Nicks of those who have to go by it: also one that is somebody else's from now on.
        removed: Vec<String>,
        /// The roles from now on of those whom it concerns and who stay, by their nicks.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        roles: Vec<(String, String)>,
    },
}

/// How a replica of one group ended.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Replica {
    /// Whose.
    pub node: u32,
    /// Which shard; none is meta.
    pub shard: Option<u16>,
    /// The index that its last checkpoint stands for.
    pub applied: u64,
    /// The hash of the state there.
    pub hash: String,
    /// The first entry that its log still has, and the last.
    pub entries: Option<(u64, u64)>,
    /// Digests of its log's entries from the first on; those of two replicas must agree wherever both have the index.
    pub digests: Vec<u64>,
}

impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&serde_json::to_string(self).map_err(|_| fmt::Error)?)
    }
}

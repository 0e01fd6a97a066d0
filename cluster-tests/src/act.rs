//! What a session can ask of a room, and what the room can answer.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// What is asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "act", rename_all = "snake_case")]
pub enum Act {
    /// §7.4: a message to all.
    Say {
        /// Its text; nothing where the send's name says enough.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        body: Option<String>,
    },
    /// §7.2: to be let in.
    Enter {
        /// Under which nick.
        nick: String,
        /// With which password.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        password: Option<String>,
        /// §7.2.13: how many messages of the history it wants, at most; without a number it is shown what the room takes for usual.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        history: Option<usize>,
    },
    /// §7.14: to leave.
    Leave,
    /// §7.6: to be called something else.
    Rename {
        /// What.
        nick: String,
    },
    /// §7.7: to be seen otherwise.
    Presence {
        /// The text of the status.
        status: String,
    },
    /// §7.5: a message to one occupant.
    Whisper {
        /// The nick.
        to: String,
        /// Its text.
        body: String,
    },
    /// §8.1: another subject.
    Subject {
        /// Which.
        text: String,
    },
    /// §8.2-8.5: another role for an occupant.
    Role {
        /// The nick.
        nick: String,
        /// `none` is a kick.
        role: String,
    },
    /// §9: another affiliation for somebody.
    Affiliation {
        /// The bare JID.
        jid: String,
        /// `outcast` is a ban.
        affiliation: String,
    },
    /// §9: who has an affiliation.
    Affiliations {
        /// Which.
        affiliation: String,
    },
    /// §10.2: other values for some fields of the configuration.
    Configure {
        /// By their names in the form, without the `muc#roomconfig_` in front.
        fields: BTreeMap<String, String>,
    },
    /// §10.2: the form.
    Configuration,
    /// §7.10: a nick for oneself.
    Register {
        /// Which.
        nick: String,
    },
    /// §7.10: to give it back.
    Unregister,
    /// §7.10: which nick one has.
    Registration,
    /// §6.5: who is in the room.
    Occupants,
    /// XEP-0410: whether one is in the room.
    Ping,
    /// §10.9: the end of the room.
    Destroy,
}

/// What came back.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// To a message or a subject: oneself was shown it.
    Reflected {
        /// What the room calls it.
        stanza_id: String,
    },
    /// To whoever enters: the presence with 110.
    Inside {
        /// The nick that it has now.
        nick: String,
        /// 201: the room was made by this.
        created: bool,
        /// What it is in the room.
        affiliation: String,
        /// And for now.
        role: String,
    },
    /// To what has nothing to tell: it is done.
    Done,
    /// Bare JIDs, sorted.
    Jids {
        /// Those with the affiliation that was asked for.
        jids: Vec<String>,
    },
    /// Nicks, sorted.
    Nicks {
        /// Of those who are in the room; of a registration at most one.
        nicks: Vec<String>,
    },
    /// The configuration.
    Fields {
        /// By their names in the form, without the `muc#roomconfig_` in front. Several values are parted by commas.
        fields: BTreeMap<String, String>,
    },
    /// How many are in the room, as the node's administrator is told.
    Count {
        /// Occupants.
        occupants: usize,
        /// Of whom so many have no connection at the moment.
        detached: usize,
    },
    /// To a ping.
    Joined {
        /// Whether the one who asked is in the room.
        joined: bool,
    },
}

impl Default for Act {
    fn default() -> Act {
        Act::Say { body: None }
    }
}

impl Act {
    /// What kind it is, in a word.
    pub fn kind(&self) -> &'static str {
        match self {
            Act::Say { .. } => "say",
            Act::Enter { .. } => "enter",
            Act::Leave => "leave",
            Act::Rename { .. } => "rename",
            Act::Presence { .. } => "presence",
            Act::Whisper { .. } => "whisper",
            Act::Subject { .. } => "subject",
            Act::Role { .. } => "role",
            Act::Affiliation { .. } => "affiliation",
            Act::Affiliations { .. } => "affiliations",
            Act::Configure { .. } => "configure",
            Act::Configuration => "configuration",
            Act::Register { .. } => "register",
            Act::Unregister => "unregister",
            Act::Registration => "registration",
            Act::Occupants => "occupants",
            Act::Ping => "ping",
            Act::Destroy => "destroy",
        }
    }

    /// Whether it leaves everything as it is.
    pub fn is_question(&self) -> bool {
        matches!(self, Act::Affiliations { .. } | Act::Configuration | Act::Registration | Act::Occupants | Act::Ping)
    }
}

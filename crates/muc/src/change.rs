//! Changes: what was decided, as a log holds it. They carry decisions, never questions.

use compact_str::CompactString;
use conclave_xmpp::{BareJid, Fragment, FullJid, MessageKind, Nick, Timestamp};

use crate::affiliation::Affiliation;
use crate::config::RoomConfig;
use crate::occupant::{Attachment, Seat, Session};
use crate::role::Role;

/// One committed change of one room.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Its place in the log. Ids that clients see derive from it.
    pub index: u64,
    /// When it was decided.
    pub time: Timestamp,
    /// Which stanza asked for it; nothing where the service itself did.
    pub origin: Option<Origin>,
    /// What happened.
    pub change: Change,
}

/// The stanza behind a change.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin {
    /// The session that sent it.
    pub session: Session,
    /// Where its connection was.
    pub attachment: Attachment,
    /// Its number among those of the session.
    pub number: u64,
    /// The lowest number of the session that was not answered then.
    pub floor: u64,
    /// The `id` of an IQ that wants a result once the change is committed.
    pub iq: Option<CompactString>,
}

/// Everything that can happen to a room.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// §7.2: a session takes a seat; §10.1 if the room is created by it.
    Join(Join),
    /// §7.14: a session leaves, or is removed because its connection proved dead.
    Leave(Leave),
    /// §7.7: what a session says of itself.
    Presence(Seat),
    /// §7.6: a session goes by another nick.
    Rename(Rename),
    /// §7.4: said to all.
    Message(Said),
    /// §8.1: the subject.
    Subject {
        /// The message that sets it.
        said: Said,
        /// Its text, for discovery.
        text: String,
    },
    /// §7.5: said to one occupant; changes no state.
    Private(Private),
    /// §8, §9: roles and affiliations, all or none.
    Moderate(Moderation),
    /// §7.10: a nick is reserved by its bearer.
    Register {
        /// For whom.
        jid: BareJid,
        /// Which.
        nick: Nick,
        /// What the bearer is, or becomes by it.
        affiliation: Affiliation,
    },
    /// §7.10: an admin or owner gives its nick back; a member who unregisters loses its affiliation by [`Change::Moderate`].
    Unregister {
        /// Who.
        jid: BareJid,
    },
    /// §10.2: the configuration; the room is open from here on.
    Configure(Configuration),
    /// §10.9: the end.
    Destroy(Destruction),
    /// A place where connections were is gone: its sessions keep their seats, and nobody is told.
    Detach {
        /// Which.
        attachment: Attachment,
    },
    /// A session's connection is somewhere else from now on, or back; nobody is told.
    Reattach {
        /// Which session.
        session: Session,
        /// Where.
        attachment: Attachment,
    },
    /// A session has been detached for too long. Void if anything became of it since.
    Expire {
        /// Which.
        session: Session,
        /// The entry since which it is detached.
        since: u64,
    },
    /// 333: a place where connections are missed what was sent, and it cannot be made up for. Its sessions leave.
    Lost {
        /// Which.
        attachment: Attachment,
    },
}

/// §7.2.
#[derive(Clone, PartialEq, Debug)]
pub struct Join {
    /// The session and what it says of itself.
    pub seat: Seat,
    /// The nick, as admitted.
    pub nick: Nick,
    /// The role of a new occupant; a further session shares its occupant's.
    pub role: Role,
    /// Whether the nick is not the one that was asked for.
    pub renamed: bool,
    /// The detached session of the nick that comes back by this one; nothing where somebody enters.
    pub replaces: Option<FullJid>,
    /// What is wanted of the history.
    pub history: HistoryWish,
    /// Present if this creates the room.
    pub creation: Option<Box<Creation>>,
}

/// §10.1.
#[derive(Clone, PartialEq, Debug)]
pub struct Creation {
    /// How the room starts.
    pub config: RoomConfig,
    /// From which its occupant ids are made.
    pub occupant_key: [u8; 32],
}

/// §7.2.13: which part of the history is wanted. Times are resolved to moments.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct HistoryWish {
    /// At most so many characters of XML.
    pub chars: Option<u64>,
    /// At most so many messages.
    pub stanzas: Option<u64>,
    /// Nothing older.
    pub since: Option<Timestamp>,
}

/// §7.14 and the removal of sessions that are gone.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Leave {
    /// Who.
    pub session: Session,
    /// What it says at parting.
    pub presence: Fragment,
    /// 333: a stanza bounced.
    pub failed: bool,
}

/// §7.6.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Rename {
    /// The session and what it says of itself.
    pub seat: Seat,
    /// The nick so far.
    pub from: Nick,
    /// The nick from now on.
    pub to: Nick,
}

/// A groupchat message or a subject.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Said {
    /// By whom.
    pub nick: Nick,
    /// The sender's id, kept.
    pub id: Option<CompactString>,
    /// `xml:lang`.
    pub lang: Option<CompactString>,
    /// The content, cleaned of what only a room may say.
    pub content: Fragment,
    /// Whether newcomers are shown it later.
    pub historic: bool,
}

/// §7.5.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Private {
    /// By whom.
    pub from: Nick,
    /// For whom.
    pub to: Nick,
    /// `chat`, `normal` or `headline`.
    pub kind: MessageKind,
    /// The sender's id, kept.
    pub id: Option<CompactString>,
    /// `xml:lang`.
    pub lang: Option<CompactString>,
    /// The content, cleaned.
    pub content: Fragment,
}

/// §10.2.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Configuration {
    /// All of it.
    pub config: Box<RoomConfig>,
    /// Who has no place in the room any more.
    pub removed: Vec<Nick>,
}

/// §8.2-8.5, §9, and §7.10 for members who unregister.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Moderation {
    /// Who did it; nobody where the target did.
    pub actor: Option<Actor>,
    /// What, in this order.
    pub items: Vec<Item>,
}

/// Who did something to others.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Actor {
    /// Its nick, if it is in the room.
    pub nick: Option<Nick>,
    /// Its full JID, which only some may see.
    pub jid: FullJid,
}

/// One item of a set.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Item {
    /// An occupant gets a role; `None` means that it is kicked.
    Role {
        /// Whom.
        nick: Nick,
        /// Which.
        role: Role,
        /// Why.
        reason: Option<String>,
    },
    /// A bare JID or a domain gets an affiliation.
    Affiliation {
        /// Whom.
        jid: BareJid,
        /// Which.
        affiliation: Affiliation,
        /// The nick that is reserved from now on.
        nick: Option<Nick>,
        /// Why; kept and shown in lists.
        reason: Option<String>,
        /// Who is removed because it bears that nick.
        evicted: Option<Nick>,
        /// The roles from now on of those who are concerned and in the room; `None` means that they are removed.
        roles: Vec<(Nick, Role)>,
    },
}

/// §10.9.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Destruction {
    /// Where the talk goes on.
    pub alternate: Option<BareJid>,
    /// Its password.
    pub password: Option<String>,
    /// Why.
    pub reason: Option<String>,
}

//! Entries of a shard's log as bytes (`proto/log.proto`), both ways. The generated types never leave this module.

mod change;
mod configuration;

use std::fmt;

use conclave_muc::{Attachment, Origin, Session};
use conclave_xmpp::{BareJid, FullJid, Timestamp};
use prost::Message;

use crate::bound_sessions;
use crate::entry::{ShardChange, ShardEntry};
use crate::incarnation::Incarnation;

use change::{decode_change, encode_change};
pub(crate) use configuration::{decode_config, encode_config};

#[allow(missing_docs)]
mod log {
    include!(concat!(env!("OUT_DIR"), "/conclave.log.v1.rs"));
}

/// Bytes that this version does not know: an entry, a record of the store, a word of another node. Whoever meets them in the log stops rather than skips.
#[derive(Debug, PartialEq, Eq)]
pub struct Undecodable {
    what: String,
}

impl fmt::Display for Undecodable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "what was stored or said cannot be read: {}; was it written by a newer version?", self.what)
    }
}

impl std::error::Error for Undecodable {}

impl Undecodable {
    /// Something must be there and is not.
    pub(crate) fn lacks(what: &str) -> Undecodable {
        Undecodable { what: format!("it lacks {what}") }
    }

    /// It is not even of the right form.
    pub(crate) fn garbled(cause: impl fmt::Display) -> Undecodable {
        Undecodable { what: cause.to_string() }
    }
}

fn lacks(what: &str) -> Undecodable {
    Undecodable::lacks(what)
}

type Decoded<T> = Result<T, Undecodable>;

/// An entry as the log keeps it.
pub fn encode(entry: &ShardEntry) -> Vec<u8> {
    use log::entry::Change as To;
    let (mut room, mut from) = (String::new(), None);
    let change = match &entry.change {
        ShardChange::Activate { home, office } => {
            To::Activate(log::Activate { node: home.node, incarnation: home.number, office: *office })
        }
        ShardChange::Room { room: jid, origin, change } => {
            (room, from) = (jid.to_string(), origin.as_ref());
            encode_change(change)
        }
        ShardChange::Ended(attachment) => To::Ended(attachment.0),
        ShardChange::Lost(attachment) => To::Lost(attachment.0),
        ShardChange::Moved { from, to } => To::Moved(log::Moved { from: from.0, to: to.0 }),
        ShardChange::User { origin, to, stanza } => {
            from = Some(origin);
            To::User(log::UserStanza { stanza: stanza.clone(), to: to.iter().map(session).collect() })
        }
        ShardChange::Session { origin, change } => {
            from = origin.as_ref();
            To::Session(bound_sessions::codec::encode_change(change))
        }
    };
    log::Entry {
        time_ms: entry.time.0,
        epoch: entry.epoch,
        number: entry.number,
        acknowledged: entry.acknowledged,
        room,
        origin: from.map(encode_origin),
        change: Some(change),
    }
    .encode_to_vec()
}

/// The entry that the log kept.
pub fn decode(bytes: &[u8]) -> Decoded<ShardEntry> {
    use log::entry::Change as From;
    let entry = log::Entry::decode(bytes).map_err(Undecodable::garbled)?;
    let origin = entry.origin.map(decode_origin).transpose()?;
    let change = match entry.change.ok_or_else(|| lacks("its change"))? {
        From::Activate(activate) => ShardChange::Activate {
            home: Incarnation { node: activate.node, number: activate.incarnation },
            office: activate.office,
        },
        From::Ended(attachment) => ShardChange::Ended(Attachment(attachment)),
        From::Lost(attachment) => ShardChange::Lost(Attachment(attachment)),
        From::Moved(moved) => ShardChange::Moved { from: Attachment(moved.from), to: Attachment(moved.to) },
        From::User(user) => ShardChange::User {
            origin: origin.ok_or_else(|| lacks("who sent a stanza"))?,
            to: user.to.into_iter().map(|to| read_session(Some(to))).collect::<Decoded<_>>()?,
            stanza: user.stanza,
        },
        From::Session(change) => ShardChange::Session { origin, change: bound_sessions::codec::decode_change(&change)? },
        change => ShardChange::Room { room: BareJid::from_stored(&entry.room), origin, change: decode_change(change)? },
    };
    let log::Entry { time_ms, epoch, number, acknowledged, .. } = entry;
    Ok(ShardEntry { time: Timestamp(time_ms), epoch, number, acknowledged, change })
}

fn encode_origin(origin: &Origin) -> log::Origin {
    log::Origin {
        session: Some(session(&origin.session)),
        number: origin.number,
        iq: origin.iq.as_ref().map(ToString::to_string),
        attachment: origin.attachment.0,
        floor: origin.floor,
    }
}

fn decode_origin(origin: log::Origin) -> Decoded<Origin> {
    let session = read_session(origin.session)?;
    let (attachment, floor) = (Attachment(origin.attachment), origin.floor);
    Ok(Origin { session, attachment, number: origin.number, floor, iq: origin.iq.map(Into::into) })
}

fn session(session: &Session) -> log::Session {
    log::Session { jid: session.jid.to_string(), id: session.id }
}

fn read_session(session: Option<log::Session>) -> Decoded<Session> {
    let session = session.ok_or_else(|| lacks("a session"))?;
    Ok(Session { jid: full_jid(&session.jid)?, id: session.id })
}

fn full_jid(text: &str) -> Decoded<FullJid> {
    FullJid::from_stored(text).ok_or_else(|| lacks("the resource of a full JID"))
}

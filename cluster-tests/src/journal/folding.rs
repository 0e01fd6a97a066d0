//! From the entries of a shard's log, as bytes, to lines of the journal.

use std::collections::BTreeMap;

use conclave_cluster::codec::{self, Undecodable};
use conclave_cluster::entry::{ShardChange, ShardEntry};
use conclave_cluster::{Frame, Incarnation, Shard};
use conclave_muc::change::{Item, Moderation, Said};
use conclave_muc::{Attachment, Change, Effect, Role, RoomConfig, SeatChange};
use conclave_xmpp::{Fragment, Timestamp, ns, stanza_text};

use super::{Deed, Entry, Standing};

/// Folds the log of one shard from its first entry on.
pub struct Folding {
    shard: u16,
    folded: Shard,
}

impl Folding {
    /// Before the first entry.
    pub fn new(shard: u16) -> Folding {
        Folding { shard, folded: Shard::default() }
    }

    /// The next entry; nothing is said of those of Raft itself, which have no bytes.
    pub fn take(&mut self, index: u64, bytes: Option<&[u8]>) -> Result<Option<Entry>, Undecodable> {
        let Some(bytes) = bytes else {
            self.folded.pass(index);
            return Ok(None);
        };
        let entry = codec::decode(bytes)?;
        let folded = self.folded.fold(index, &entry);
        let left = folded.frame.as_deref().map(left).unwrap_or_default();
        Ok(Some(self.line(index, &entry, folded.void, left)))
    }

    fn line(&self, index: u64, entry: &ShardEntry, void: bool, left: Vec<(String, String)>) -> Entry {
        let Timestamp(milliseconds) = entry.time;
        let origin = match &entry.change {
            ShardChange::Room { origin, .. } | ShardChange::Session { origin, .. } => origin.as_ref(),
            ShardChange::User { origin, .. } => Some(origin),
            _ => None,
        };
        Entry {
            shard: self.shard,
            index,
            epoch: entry.epoch,
            void,
            time: milliseconds,
            room: match &entry.change {
                ShardChange::Room { room, .. } => Some(room.to_string()),
                _ => None,
            },
            by: origin.map(|origin| origin.session.jid.to_string()),
            origin: origin.map(|origin| (origin.session.id, origin.number)),
            via: origin.map(|origin| life(origin.attachment)),
            left,
            deed: deed(index, &entry.change),
        }
    }
}

/// Room and full JID of those who have lost their seats.
fn left(frame: &Frame) -> Vec<(String, String)> {
    let routed = frame.sections.iter().flat_map(|section| section.effects.iter().map(|routed| (&section.room, &routed.effect)));
    let left = routed.filter_map(|(room, effect)| match effect {
        Effect::Seat(SeatChange::Left(jid)) => Some((room.to_string(), jid.to_string())),
        _ => None,
    });
    left.collect()
}

fn deed(index: u64, change: &ShardChange) -> Deed {
    match change {
        ShardChange::Activate { home, .. } => Deed::Activate { node: home.node, incarnation: home.number },
        ShardChange::Room { change, .. } => deed_in_room(index, change),
        ShardChange::Ended(attachment) => detach(*attachment),
        ShardChange::Lost(attachment) => lost(*attachment),
        ShardChange::Moved { from, to } => Deed::Moved { from: life(*from), to: life(*to) },
        ShardChange::User { .. } => other("user"),
        ShardChange::Session { .. } => other("session"),
    }
}

fn other(what: &str) -> Deed {
    Deed::Other { what: what.to_owned() }
}

/// A node, and which of its lives.
fn life(attachment: Attachment) -> (u32, u32) {
    let Incarnation { node, number } = Incarnation::of(attachment);
    (node, number)
}

fn detach(attachment: Attachment) -> Deed {
    let (node, incarnation) = life(attachment);
    Deed::Detach { node, incarnation }
}

fn lost(attachment: Attachment) -> Deed {
    let (node, incarnation) = life(attachment);
    Deed::Lost { node, incarnation }
}

fn deed_in_room(index: u64, change: &Change) -> Deed {
    match change {
        Change::Join(join) => Deed::Join {
            jid: join.seat.session.jid.to_string(),
            nick: join.nick.to_string(),
            role: join.role.as_str().to_owned(),
            creates: join.creation.is_some(),
            replaces: join.replaces.as_ref().map(ToString::to_string),
        },
        Change::Leave(leave) => Deed::Leave { jid: leave.session.jid.to_string(), expired: false, since: None },
        Change::Expire { session, since } => Deed::Leave { jid: session.jid.to_string(), expired: true, since: Some(*since) },
        Change::Presence(seat) => Deed::Presence { jid: seat.session.jid.to_string() },
        Change::Rename(rename) => {
            Deed::Rename { jid: rename.seat.session.jid.to_string(), from: rename.from.to_string(), to: rename.to.to_string() }
        }
        Change::Message(said) => message(index, said, None),
        Change::Subject { said, text } => message(index, said, Some(text.clone())),
        Change::Private(private) => Deed::Whisper {
            send: private.id.as_ref().map(ToString::to_string),
            from: private.from.to_string(),
            to: private.to.to_string(),
            body: body(&private.content),
        },
        Change::Moderate(Moderation { items, .. }) => Deed::Moderate { items: items.iter().map(standing).collect() },
        Change::Register { jid, nick, .. } => Deed::Register { jid: jid.to_string(), nick: nick.to_string() },
        Change::Unregister { jid } => Deed::Unregister { jid: jid.to_string() },
        Change::Configure(configuration) => Deed::Configure {
            removed: configuration.removed.iter().map(ToString::to_string).collect(),
            fields: fields(&configuration.config),
        },
        Change::Destroy(_) => Deed::Destroy,
        Change::Detach { attachment } => detach(*attachment),
        Change::Reattach { session, attachment } => {
            let (node, incarnation) = life(*attachment);
            Deed::Reattach { session: session.id, node, incarnation }
        }
        Change::Lost { attachment } => lost(*attachment),
    }
}

/// As `conclave_muc` names it for clients: by its place in the log.
fn message(index: u64, said: &Said, subject: Option<String>) -> Deed {
    Deed::Message {
        stanza_id: format!("{index:016x}"),
        send: said.id.as_ref().map(ToString::to_string),
        nick: said.nick.to_string(),
        body: body(&said.content),
        subject,
    }
}

fn body(content: &Fragment) -> Option<String> {
    let message = stanza_text::element(format!("<message>{}</message>", content.as_str()).as_bytes()).ok()?;
    message.child("body", ns::CLIENT).map(|body| body.text())
}

/// As an owner is shown them.
fn fields(config: &RoomConfig) -> BTreeMap<String, String> {
    let fields = config.form().fields.into_iter();
    fields.map(|field| (field.var.trim_start_matches("muc#roomconfig_").to_owned(), field.values.join(","))).collect()
}

fn standing(item: &Item) -> Standing {
    match item {
        Item::Role { nick, role, .. } => Standing::Role { nick: nick.to_string(), role: role.as_str().to_owned() },
        Item::Affiliation { jid, affiliation, nick, evicted, roles, .. } => {
            let gone = roles.iter().filter(|(_, role)| *role == Role::None).map(|(nick, _)| nick);
            let stay = roles.iter().filter(|(_, role)| *role != Role::None);
            Standing::Affiliation {
                jid: jid.to_string(),
                affiliation: affiliation.as_str().to_owned(),
                nick: nick.as_ref().map(ToString::to_string),
                roles: stay.map(|(nick, role)| (nick.to_string(), role.as_str().to_owned())).collect(),
                removed: evicted.iter().chain(gone).map(ToString::to_string).collect(),
            }
        }
    }
}

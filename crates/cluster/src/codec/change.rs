//! Changes of a room.

use conclave_muc::change::{self, Change, Creation, HistoryWish, Item};
use conclave_muc::{Affiliation, Attachment, Role, Seat};
use conclave_xmpp::{BareJid, Fragment, MessageKind, Nick, Timestamp};

use super::configuration::{decode_config, encode_config, read_role, role};
use super::{Decoded, full_jid, lacks, log, read_session, session};

pub(super) fn encode_change(change: &Change) -> log::entry::Change {
    use log::entry::Change as To;
    match change {
        Change::Join(join) => To::Join(encode_join(join)),
        Change::Leave(leave) => To::Leave(log::Leave {
            session: Some(session(&leave.session)),
            presence: leave.presence.as_str().to_owned(),
            failed: leave.failed,
        }),
        Change::Presence(presence) => To::Presence(seat(presence)),
        Change::Rename(rename) => {
            To::Rename(log::Rename { seat: Some(seat(&rename.seat)), from: rename.from.to_string(), to: rename.to.to_string() })
        }
        Change::Message(said) => To::Message(encode_said(said)),
        Change::Subject { said, text } => To::Subject(log::Subject { said: Some(encode_said(said)), text: text.clone() }),
        Change::Private(private) => To::Private(encode_private(private)),
        Change::Moderate(moderation) => To::Moderation(log::Moderation {
            actor: moderation
                .actor
                .as_ref()
                .map(|actor| log::Actor { nick: actor.nick.as_ref().map(Nick::to_string), jid: actor.jid.to_string() }),
            items: moderation.items.iter().map(encode_item).collect(),
        }),
        Change::Register { jid, nick, affiliation } => To::Register(log::Registration {
            jid: jid.to_string(),
            nick: nick.to_string(),
            affiliation: encode_affiliation(*affiliation).into(),
        }),
        Change::Unregister { jid } => To::Unregister(jid.to_string()),
        Change::Configure(configuration) => To::Configure(log::Configuration {
            config: Some(encode_config(&configuration.config)),
            removed: configuration.removed.iter().map(Nick::to_string).collect(),
        }),
        Change::Destroy(end) => To::Destroy(log::Destruction {
            alternate: end.alternate.as_ref().map(BareJid::to_string),
            password: end.password.clone(),
            reason: end.reason.clone(),
        }),
        Change::Detach { attachment } => To::Detach(attachment.0),
        Change::Reattach { session: back, attachment } => {
            To::Reattach(log::Reattach { session: Some(session(back)), attachment: attachment.0 })
        }
        Change::Expire { session: gone, since } => To::Expire(log::Expire { session: Some(session(gone)), since: *since }),
        Change::Lost { attachment } => To::LostSeats(attachment.0),
    }
}

pub(super) fn decode_change(change: log::entry::Change) -> Decoded<Change> {
    use log::entry::Change as From;
    Ok(match change {
        From::Join(join) => Change::Join(decode_join(join)?),
        From::Leave(leave) => Change::Leave(change::Leave {
            session: read_session(leave.session)?,
            presence: Fragment::from_stored(&leave.presence),
            failed: leave.failed,
        }),
        From::Presence(presence) => Change::Presence(read_seat(Some(presence))?),
        From::Rename(rename) => Change::Rename(change::Rename {
            seat: read_seat(rename.seat)?,
            from: Nick::from_stored(&rename.from),
            to: Nick::from_stored(&rename.to),
        }),
        From::Message(said) => Change::Message(decode_said(said)),
        From::Subject(subject) => {
            let said = decode_said(subject.said.ok_or_else(|| lacks("what was said"))?);
            Change::Subject { said, text: subject.text }
        }
        From::Private(private) => Change::Private(decode_private(private)?),
        From::Moderation(moderation) => Change::Moderate(change::Moderation {
            actor: moderation.actor.map(decode_actor).transpose()?,
            items: moderation.items.into_iter().map(decode_item).collect::<Decoded<_>>()?,
        }),
        From::Register(register) => Change::Register {
            jid: BareJid::from_stored(&register.jid),
            nick: Nick::from_stored(&register.nick),
            affiliation: decode_affiliation(register.affiliation)?,
        },
        From::Unregister(jid) => Change::Unregister { jid: BareJid::from_stored(&jid) },
        From::Configure(configuration) => Change::Configure(change::Configuration {
            config: Box::new(decode_config(configuration.config.ok_or_else(|| lacks("a configuration"))?)?),
            removed: configuration.removed.iter().map(|nick| Nick::from_stored(nick)).collect(),
        }),
        From::Destroy(end) => Change::Destroy(change::Destruction {
            alternate: end.alternate.as_deref().map(BareJid::from_stored),
            password: end.password,
            reason: end.reason,
        }),
        From::Detach(attachment) => Change::Detach { attachment: Attachment(attachment) },
        From::Reattach(back) => {
            Change::Reattach { session: read_session(back.session)?, attachment: Attachment(back.attachment) }
        }
        From::Expire(gone) => Change::Expire { session: read_session(gone.session)?, since: gone.since },
        From::LostSeats(attachment) => Change::Lost { attachment: Attachment(attachment) },
        From::Activate(_) | From::Ended(_) | From::Lost(_) | From::Moved(_) | From::Session(_) | From::User(_) => {
            return Err(lacks("a change of a room"));
        }
    })
}

fn seat(seat: &Seat) -> log::Seat {
    log::Seat {
        session: Some(session(&seat.session)),
        attachment: seat.attachment.0,
        presence: seat.presence.as_str().to_owned(),
    }
}

fn read_seat(seat: Option<log::Seat>) -> Decoded<Seat> {
    let seat = seat.ok_or_else(|| lacks("a seat"))?;
    Ok(Seat {
        session: read_session(seat.session)?,
        attachment: Attachment(seat.attachment),
        detached: None,
        presence: Fragment::from_stored(&seat.presence),
    })
}

fn encode_join(join: &change::Join) -> log::Join {
    log::Join {
        seat: Some(seat(&join.seat)),
        nick: join.nick.to_string(),
        role: role(join.role).into(),
        renamed: join.renamed,
        replaces: join.replaces.as_ref().map(ToString::to_string),
        history_chars: join.history.chars,
        history_stanzas: join.history.stanzas,
        history_since_ms: join.history.since.map(|since| since.0),
        creation: join.creation.as_deref().map(|creation| log::Creation {
            config: Some(encode_config(&creation.config)),
            occupant_key: creation.occupant_key.to_vec(),
        }),
    }
}

fn decode_join(join: log::Join) -> Decoded<change::Join> {
    let creation = join.creation.map(|creation| {
        let config = decode_config(creation.config.ok_or_else(|| lacks("a configuration"))?)?;
        let occupant_key = creation.occupant_key.try_into().map_err(|_| lacks("the 32 bytes of a key"))?;
        Ok(Box::new(Creation { config, occupant_key }))
    });
    Ok(change::Join {
        seat: read_seat(join.seat)?,
        nick: Nick::from_stored(&join.nick),
        role: read_role(join.role)?,
        renamed: join.renamed,
        replaces: join.replaces.as_deref().map(full_jid).transpose()?,
        history: HistoryWish {
            chars: join.history_chars,
            stanzas: join.history_stanzas,
            since: join.history_since_ms.map(Timestamp),
        },
        creation: creation.transpose()?,
    })
}

fn encode_said(said: &change::Said) -> log::Said {
    log::Said {
        nick: said.nick.to_string(),
        id: said.id.as_ref().map(ToString::to_string),
        lang: said.lang.as_ref().map(ToString::to_string),
        content: said.content.as_str().to_owned(),
        historic: said.historic,
    }
}

fn decode_said(said: log::Said) -> change::Said {
    change::Said {
        nick: Nick::from_stored(&said.nick),
        id: said.id.map(Into::into),
        lang: said.lang.map(Into::into),
        content: Fragment::from_stored(&said.content),
        historic: said.historic,
    }
}

fn encode_private(private: &change::Private) -> log::Private {
    let kind = match private.kind {
        MessageKind::Chat => log::MessageKind::Chat,
        MessageKind::Headline => log::MessageKind::Headline,
        // A room neither takes a groupchat message nor an error for a private one.
        MessageKind::Normal | MessageKind::Groupchat | MessageKind::Error => log::MessageKind::Normal,
    };
    log::Private {
        from: private.from.to_string(),
        to: private.to.to_string(),
        kind: kind.into(),
        id: private.id.as_ref().map(ToString::to_string),
        lang: private.lang.as_ref().map(ToString::to_string),
        content: private.content.as_str().to_owned(),
    }
}

fn decode_private(private: log::Private) -> Decoded<change::Private> {
    let kind = match log::MessageKind::try_from(private.kind) {
        Ok(log::MessageKind::Normal) => MessageKind::Normal,
        Ok(log::MessageKind::Chat) => MessageKind::Chat,
        Ok(log::MessageKind::Headline) => MessageKind::Headline,
        Ok(log::MessageKind::Unspecified) | Err(_) => return Err(lacks("a type of message that is known")),
    };
    Ok(change::Private {
        from: Nick::from_stored(&private.from),
        to: Nick::from_stored(&private.to),
        kind,
        id: private.id.map(Into::into),
        lang: private.lang.map(Into::into),
        content: Fragment::from_stored(&private.content),
    })
}

fn encode_item(item: &Item) -> log::Item {
    let item = match item {
        Item::Role { nick, role: given, reason } => {
            log::item::Item::Role(log::RoleItem { nick: nick.to_string(), role: role(*given).into(), reason: reason.clone() })
        }
        Item::Affiliation { jid, affiliation, nick, reason, evicted, roles } => {
            log::item::Item::Affiliation(log::AffiliationItem {
                jid: jid.to_string(),
                affiliation: encode_affiliation(*affiliation).into(),
                nick: nick.as_ref().map(Nick::to_string),
                reason: reason.clone(),
                evicted: evicted.as_ref().map(Nick::to_string),
                roles: roles
                    .iter()
                    .map(|(nick, given)| log::NickRole { nick: nick.to_string(), role: role(*given).into() })
                    .collect(),
            })
        }
    };
    log::Item { item: Some(item) }
}

fn decode_item(item: log::Item) -> Decoded<Item> {
    Ok(match item.item.ok_or_else(|| lacks("an item"))? {
        log::item::Item::Role(item) => {
            Item::Role { nick: Nick::from_stored(&item.nick), role: read_role(item.role)?, reason: item.reason }
        }
        log::item::Item::Affiliation(item) => Item::Affiliation {
            jid: BareJid::from_stored(&item.jid),
            affiliation: decode_affiliation(item.affiliation)?,
            nick: item.nick.as_deref().map(Nick::from_stored),
            evicted: item.evicted.as_deref().map(Nick::from_stored),
            roles: item.roles.into_iter().map(decode_nick_role).collect::<Decoded<_>>()?,
            reason: item.reason,
        },
    })
}

fn decode_nick_role(given: log::NickRole) -> Decoded<(Nick, Role)> {
    Ok((Nick::from_stored(&given.nick), read_role(given.role)?))
}

fn decode_actor(actor: log::Actor) -> Decoded<change::Actor> {
    Ok(change::Actor { nick: actor.nick.as_deref().map(Nick::from_stored), jid: full_jid(&actor.jid)? })
}

fn encode_affiliation(affiliation: Affiliation) -> log::Affiliation {
    match affiliation {
        Affiliation::Outcast => log::Affiliation::Outcast,
        Affiliation::None => log::Affiliation::None,
        Affiliation::Member => log::Affiliation::Member,
        Affiliation::Admin => log::Affiliation::Admin,
        Affiliation::Owner => log::Affiliation::Owner,
    }
}

fn decode_affiliation(affiliation: i32) -> Decoded<Affiliation> {
    match log::Affiliation::try_from(affiliation) {
        Ok(log::Affiliation::Outcast) => Ok(Affiliation::Outcast),
        Ok(log::Affiliation::None) => Ok(Affiliation::None),
        Ok(log::Affiliation::Member) => Ok(Affiliation::Member),
        Ok(log::Affiliation::Admin) => Ok(Affiliation::Admin),
        Ok(log::Affiliation::Owner) => Ok(Affiliation::Owner),
        Ok(log::Affiliation::Unspecified) | Err(_) => Err(lacks("an affiliation that is known")),
    }
}

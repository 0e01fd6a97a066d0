//! The parts of a room as bytes (`proto/room.proto`), both ways. The generated types never leave this file.

use conclave_muc::effect::Message as Said;
use conclave_muc::{Affiliate, Affiliation, Attachment, Occupant, Role, RoomConfig, RoomState, Seat, Session, Subject};
use conclave_xmpp::{BareJid, Fragment, FullJid, Nick, Timestamp};
use prost::Message;

use crate::codec::{Undecodable, decode_config, encode_config};

#[allow(missing_docs)]
mod wire {
    include!(concat!(env!("OUT_DIR"), "/conclave.room.v1.rs"));
}

type Decoded<T> = Result<T, Undecodable>;

/// What a room has once.
pub(super) struct Head {
    pub jid: BareJid,
    pub config: RoomConfig,
    pub locked: Option<Timestamp>,
    pub occupant_key: [u8; 32],
}

pub(super) fn encode_head(state: &RoomState) -> Vec<u8> {
    wire::Head {
        jid: state.jid.to_string(),
        config: encode_config(&state.config).encode_to_vec(),
        locked_ms: state.locked.map(|since| since.0),
        occupant_key: state.occupant_key.to_vec(),
    }
    .encode_to_vec()
}

pub(super) fn decode_head(bytes: &[u8]) -> Decoded<Head> {
    let head = wire::Head::decode(bytes).map_err(Undecodable::garbled)?;
    Ok(Head {
        jid: BareJid::from_stored(&head.jid),
        config: decode_config(Message::decode(&head.config[..]).map_err(Undecodable::garbled)?)?,
        locked: head.locked_ms.map(Timestamp),
        occupant_key: head.occupant_key.try_into().map_err(|_| Undecodable::lacks("the 32 bytes of a room's key"))?,
    })
}

pub(super) fn encode_subject(subject: &Subject) -> Vec<u8> {
    wire::Subject { message: Some(wire_message(&subject.message)), text: subject.text.to_string() }.encode_to_vec()
}

pub(super) fn decode_subject(bytes: &[u8], room: &BareJid) -> Decoded<Subject> {
    let subject = wire::Subject::decode(bytes).map_err(Undecodable::garbled)?;
    let message = subject.message.ok_or_else(|| Undecodable::lacks("the message that set a subject"))?;
    Ok(Subject { message: read_message(message, room).into(), text: subject.text.into() })
}

pub(super) fn encode_message(message: &Said) -> Vec<u8> {
    wire_message(message).encode_to_vec()
}

pub(super) fn decode_message(bytes: &[u8], room: &BareJid) -> Decoded<Said> {
    Ok(read_message(wire::Message::decode(bytes).map_err(Undecodable::garbled)?, room))
}

fn wire_message(message: &Said) -> wire::Message {
    wire::Message {
        nick: message.nick.to_string(),
        occupant_id: message.occupant_id.to_string(),
        id: message.id.as_ref().map(ToString::to_string),
        stanza_id: message.stanza_id.to_string(),
        lang: message.lang.as_ref().map(ToString::to_string),
        content: message.content.as_str().to_owned(),
        time_ms: message.time.0,
    }
}

fn read_message(message: wire::Message, room: &BareJid) -> Said {
    Said {
        room: room.clone(),
        nick: Nick::from_stored(&message.nick),
        occupant_id: message.occupant_id.into(),
        id: message.id.map(Into::into),
        stanza_id: message.stanza_id.into(),
        lang: message.lang.map(Into::into),
        content: Fragment::from_stored(&message.content),
        time: Timestamp(message.time_ms),
    }
}

pub(super) fn encode_affiliate(jid: &BareJid, affiliate: &Affiliate) -> Vec<u8> {
    let affiliation = match affiliate.affiliation {
        Affiliation::Outcast => wire::Affiliation::Outcast,
        // Nobody is kept who has none.
        Affiliation::None => wire::Affiliation::Unspecified,
        Affiliation::Member => wire::Affiliation::Member,
        Affiliation::Admin => wire::Affiliation::Admin,
        Affiliation::Owner => wire::Affiliation::Owner,
    };
    wire::Affiliate {
        jid: jid.to_string(),
        affiliation: affiliation.into(),
        nick: affiliate.nick.as_ref().map(Nick::to_string),
        reason: affiliate.reason.clone(),
    }
    .encode_to_vec()
}

pub(super) fn decode_affiliate(bytes: &[u8]) -> Decoded<(BareJid, Affiliate)> {
    let affiliate = wire::Affiliate::decode(bytes).map_err(Undecodable::garbled)?;
    let affiliation = match wire::Affiliation::try_from(affiliate.affiliation) {
        Ok(wire::Affiliation::Outcast) => Affiliation::Outcast,
        Ok(wire::Affiliation::Member) => Affiliation::Member,
        Ok(wire::Affiliation::Admin) => Affiliation::Admin,
        Ok(wire::Affiliation::Owner) => Affiliation::Owner,
        Ok(wire::Affiliation::Unspecified) | Err(_) => return Err(Undecodable::lacks("an affiliation that is known")),
    };
    let nick = affiliate.nick.as_deref().map(Nick::from_stored);
    Ok((BareJid::from_stored(&affiliate.jid), Affiliate { affiliation, nick, reason: affiliate.reason }))
}

pub(super) fn encode_occupant(occupant: &Occupant) -> Vec<u8> {
    let role = match occupant.role {
        // Nobody is in a room without a role.
        Role::None => wire::Role::Unspecified,
        Role::Visitor => wire::Role::Visitor,
        Role::Participant => wire::Role::Participant,
        Role::Moderator => wire::Role::Moderator,
    };
    wire::Occupant {
        nick: occupant.nick.to_string(),
        jid: occupant.jid.to_string(),
        role: role.into(),
        id: occupant.id.to_string(),
        seats: occupant.seats.iter().map(wire_seat).collect(),
    }
    .encode_to_vec()
}

pub(super) fn decode_occupant(bytes: &[u8]) -> Decoded<Occupant> {
    let occupant = wire::Occupant::decode(bytes).map_err(Undecodable::garbled)?;
    let role = match wire::Role::try_from(occupant.role) {
        Ok(wire::Role::Visitor) => Role::Visitor,
        Ok(wire::Role::Participant) => Role::Participant,
        Ok(wire::Role::Moderator) => Role::Moderator,
        Ok(wire::Role::Unspecified) | Err(_) => return Err(Undecodable::lacks("a role that is known")),
    };
    if occupant.seats.is_empty() {
        return Err(Undecodable::lacks("a session of an occupant"));
    }
    Ok(Occupant {
        nick: Nick::from_stored(&occupant.nick),
        jid: BareJid::from_stored(&occupant.jid),
        role,
        id: occupant.id.into(),
        seats: occupant.seats.into_iter().map(read_seat).collect::<Decoded<_>>()?,
    })
}

fn wire_seat(seat: &Seat) -> wire::Seat {
    wire::Seat {
        jid: seat.session.jid.to_string(),
        session: seat.session.id,
        attachment: seat.attachment.0,
        detached: seat.detached,
        presence: seat.presence.as_str().to_owned(),
    }
}

fn read_seat(seat: wire::Seat) -> Decoded<Seat> {
    let jid = FullJid::from_stored(&seat.jid).ok_or_else(|| Undecodable::lacks("the resource of a full JID"))?;
    Ok(Seat {
        session: Session { jid, id: seat.session },
        attachment: Attachment(seat.attachment),
        detached: seat.detached,
        presence: Fragment::from_stored(&seat.presence),
    })
}

//! §10.1, creating a room: whoever enters a room that is not there becomes its owner, and it is locked until configured.

use std::sync::Arc;

use conclave_xmpp::{Condition, ErrorKind, Nick, Presence, keyed_hash};

use crate::affiliation::{Affiliate, Affiliation};
use crate::change::{Creation, Entry, Join};
use crate::config::RoomConfig;
use crate::features::{join, password};
use crate::occupant::Seat;
use crate::refusal::{By, Refusal};
use crate::request::Context;
use crate::room::{Open, Room};

pub(crate) fn decide(room: &Room, stanza: &Presence, seat: Seat, nick: Nick, context: &Context) -> Result<Join, Refusal> {
    let service = &context.service;
    if service.creation_restricted && !service.admins.contains(&seat.session.jid.to_bare()) {
        return Err(Refusal::not_allowed("§10.1.1: only admins of the service may create rooms").by(By::Service));
    }
    if context.rooms_full {
        let text = "the service has all the rooms that it may have; try again later";
        return Err(Refusal::new(Condition::ResourceConstraint, text).kind(ErrorKind::Wait).by(By::Service));
    }
    // A password given at creation is the room's from the start.
    let secret = password::given(stanza).filter(|secret| !secret.is_empty());
    let lang = stanza.head.lang.as_deref().unwrap_or_default().to_owned();
    let config = RoomConfig { secret, lang, ..RoomConfig::at_creation(service) };
    let occupant_key = keyed_hash(&service.secret, &format!("{} {}", room.jid(), context.now.0));
    Ok(join::creation(nick, seat, Creation { config, occupant_key }))
}

/// The room as it starts: one owner, locked.
pub(crate) fn open(creation: &Creation, seat: &Seat, entry: &Entry) -> Open {
    let owner = Affiliate { affiliation: Affiliation::Owner, nick: None, reason: None };
    let mut open = Open {
        config: Arc::new(creation.config.clone()),
        affiliates: Default::default(),
        reserved: Default::default(),
        occupants: Default::default(),
        sessions: Default::default(),
        subject: None,
        history: Default::default(),
        history_bytes: 0,
        locked: Some(entry.time),
        occupant_key: creation.occupant_key,
    };
    open.affiliates.insert_mut(seat.session.jid.to_bare(), Arc::new(owner));
    open
}

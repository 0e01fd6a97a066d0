//! Nicks: in use (§7.2.8), reserved (§7.2.2, §7.10), changed (§7.6).

use std::sync::Arc;

use conclave_xmpp::{BareJid, Condition, ErrorKind, Nick, NickError, Presence};

use crate::change::{Change, Rename};
use crate::effect::{Audience, Effect, Shown, What};
use crate::features::{capacity, join, presence};
use crate::occupant::{Occupant, Seat};
use crate::refusal::{By, Refusal};
use crate::request::{Context, Request};
use crate::room::{Open, Outcome, Room};
use crate::status::Status;

/// A text that is no nick.
pub(crate) fn refusal(error: NickError) -> Refusal {
    match error {
        NickError::Malformed(error) => Refusal::new(Condition::JidMalformed, error.to_string()),
        NickError::Invisible => {
            Refusal::not_allowed("a nick must have something that can be seen").kind(ErrorKind::Modify).by(By::Room)
        }
    }
}

/// The nick under which somebody enters: its own reserved one, where the room insists on that.
pub(crate) fn admitted(open: &Open, jid: &BareJid, asked: &Nick) -> Nick {
    own_reserved(open, jid).filter(|_| open.config.enforce_nick).unwrap_or(asked).clone()
}

pub(crate) fn own_reserved<'a>(open: &'a Open, jid: &BareJid) -> Option<&'a Nick> {
    open.affiliates.get(jid)?.nick.as_ref()
}

pub(crate) fn check_not_reserved(open: &Open, jid: &BareJid, nick: &Nick) -> Result<(), Refusal> {
    match open.reserved.get(nick) {
        Some(owner) if owner != jid => {
            Err(Refusal::conflict("§7.2.8: this nickname is reserved for somebody else").at_the_door())
        }
        _ => Ok(()),
    }
}

pub(crate) fn check_free(open: &Open, jid: &BareJid, nick: &Nick) -> Result<(), Refusal> {
    match open.occupants.get(nick) {
        Some(occupant) if occupant.jid != *jid => {
            Err(Refusal::conflict("§7.2.8: this nickname is in use by somebody else").at_the_door())
        }
        _ => Ok(()),
    }
}

pub(crate) fn decide(
    open: &Open,
    stanza: &Presence,
    from: &Nick,
    to: Nick,
    request: &Request,
    context: &Context,
) -> Result<Outcome, Refusal> {
    let jid = request.session.jid.to_bare();
    check_not_reserved(open, &jid, &to)?;
    check_free(open, &jid, &to)?;
    if open.config.enforce_nick && own_reserved(open, &jid).is_some_and(|own| *own != to) {
        return Err(Refusal::not_acceptable("this room wants you to use the nickname that you registered").by(By::Room));
    }
    let splits = open.occupants.get(from).is_some_and(|occupant| occupant.seats.len() > 1);
    if splits {
        capacity::check(open, &jid, &to, &context.service)?;
    }
    let seat = join::seat(stanza, request, context)?;
    Ok(Outcome::Log(Change::Rename(Rename { seat, from: from.clone(), to })))
}

/// The nick moves with its last session. If others stay under it, only this session moves; if the new nick is one's own already, they merge.
pub(crate) fn apply(room: &mut Room, rename: &Rename) -> Vec<Effect> {
    let jid = room.jid().clone();
    let Some(open) = room.life.as_deref_mut() else { return Vec::new() };
    let Some(before) = open.occupants.get(&rename.from).cloned() else { return Vec::new() };
    let session = &rename.seat.session.jid;
    // Where its connection is has nothing to do with the nick.
    let Some(seat) = before.seat(session).map(|seat| Seat { presence: rename.seat.presence.clone(), ..seat.clone() }) else {
        return Vec::new();
    };
    let remaining = before.without(session);
    let moves = remaining.seats.is_empty();
    open.put(remaining);
    let former_role = open.occupants.get(&rename.to).map(|occupant| occupant.role);
    let after = arrive(open, &before, rename, &seat);

    let mut effects = farewell(&jid, open, &before, rename, moves);
    effects.push(Effect::taken(&after, &seat));
    if let Some(staying) = open.occupants.get(&rename.from) {
        // From here on the session that moved sees those who stay as others do.
        effects.extend(presence::announce(open, Shown::of(&jid, open, staying), before.role));
    }
    let shown = Shown::of(&jid, open, &after);
    effects.extend(presence::to_others(open, shown.clone(), former_role));
    effects.push(Effect::Send { to: Audience::Occupant(rename.to.clone()), what: What::Presence(Box::new(shown)) });
    effects
}

/// The old nick goes: in the eyes of the session that moves, and of the others if nobody stays under it.
fn farewell(room: &BareJid, open: &Open, before: &Occupant, rename: &Rename, moves: bool) -> Vec<Effect> {
    let gone = Shown {
        codes: vec![Status::NickChanged],
        new_nick: Some(rename.to.clone()),
        role: before.role,
        ..Shown::leaving(room, open, &only(before, rename))
    };
    let mut effects = vec![Effect::to_session(&rename.seat.session, What::Presence(Box::new(gone.clone())))];
    if moves {
        effects.extend(presence::to_others(open, gone, Some(before.role)));
    }
    effects
}

/// The session under its new nick. The role is kept, also one that was given by hand.
fn arrive(open: &mut Open, before: &Occupant, rename: &Rename, seat: &Seat) -> Arc<Occupant> {
    let after = match open.occupants.get(&rename.to) {
        Some(occupant) => occupant.with_seat(seat.clone()),
        None => Occupant { nick: rename.to.clone(), seats: vec![seat.clone()], ..before.clone() },
    };
    open.sessions.insert_mut(seat.session.jid.clone(), rename.to.clone());
    let after = Arc::new(after);
    open.occupants.insert_mut(rename.to.clone(), after.clone());
    after
}

/// The former occupant with the session that moves, for the item of its farewell.
fn only(before: &Occupant, rename: &Rename) -> Arc<Occupant> {
    let session = &rename.seat.session.jid;
    Arc::new(Occupant {
        seats: before.seats.iter().filter(|seat| seat.session.jid == *session).cloned().collect(),
        ..before.clone()
    })
}

//! Sessions whose connection is gone (the standard knows none): they keep their seats for a while, and come back unseen or leave like
//! anybody else. How long the while is, those who run the room decide.

use std::sync::Arc;

use conclave_xmpp::{BareJid, FullJid, Nick};

use crate::change::{Entry, Join};
use crate::effect::{Effect, Shown};
use crate::features::leave::{self, Parting};
use crate::features::presence;
use crate::occupant::{Attachment, Occupant, Session};
use crate::planted::{self, Bug};
use crate::room::{Open, Room};
use crate::status::Status;

/// The connections of a place are gone. Whoever is detached already stays so since then.
pub(crate) fn detach(room: &mut Room, attachment: Attachment, entry: &Entry) -> Vec<Effect> {
    let Some(open) = room.life.as_deref_mut() else { return Vec::new() };
    for occupant in with_seats_at(open, attachment) {
        open.put(occupant.with_each_seat(|seat| {
            if seat.attachment == attachment {
                seat.detached.get_or_insert(entry.index);
            }
        }));
    }
    Vec::new()
}

/// A session's connection is back, or elsewhere. Void if the session is not here, or is there already.
pub(crate) fn reattach(room: &mut Room, session: &Session, attachment: Attachment) -> Vec<Effect> {
    let Some((_, occupant)) = room.occupant_of(session) else { return Vec::new() };
    let moved = occupant.with_each_seat(|seat| {
        if seat.session == *session {
            (seat.attachment, seat.detached) = (attachment, None);
        }
    });
    if moved == **occupant {
        return Vec::new();
    }
    let effects = moved.seat(&session.jid).map(|seat| Effect::taken(&moved, seat));
    if let Some(open) = room.life.as_deref_mut() {
        open.put(moved);
    }
    effects.into_iter().collect()
}

/// A session was detached for too long. The others see it leave as anybody does; it is told why, should it ever read that.
pub(crate) fn expire(room: &mut Room, session: &Session, since: u64) -> Vec<Effect> {
    let occupant = room.occupant_of(session).map(|(_, occupant)| occupant.clone());
    let waits = |occupant: &Arc<Occupant>| {
        occupant.seat(&session.jid).is_some_and(|seat| seat.detached == Some(since) || planted::is(Bug::ExpireStale))
    };
    let jid = room.jid().clone();
    match (occupant.filter(waits), room.life.as_deref_mut()) {
        (Some(occupant), Some(open)) => {
            let parting = Parting { own: vec![Status::Failure], ..Parting::default() };
            leave::vacate(&jid, open, &occupant, std::slice::from_ref(&session.jid), parting)
        }
        _ => Vec::new(),
    }
}

/// All sessions of a place leave, for the place missed what was sent to them. Each is told by itself: the place does not know who sits there.
pub(crate) fn lose(room: &mut Room, attachment: Attachment) -> Vec<Effect> {
    let jid = room.jid().clone();
    let Some(open) = room.life.as_deref_mut() else { return Vec::new() };
    let concerned = with_seats_at(open, attachment);
    let lose = |occupant: Arc<Occupant>| {
        let there = occupant.seats.iter().filter(|seat| seat.attachment == attachment);
        let sessions: Vec<FullJid> = there.map(|seat| seat.session.jid.clone()).collect();
        leave::vacate_untracked(&jid, open, &occupant, &sessions, Parting::failed())
    };
    concerned.into_iter().flat_map(lose).collect()
}

fn with_seats_at(open: &Open, attachment: Attachment) -> Vec<Arc<Occupant>> {
    let sits_there = |occupant: &&Arc<Occupant>| occupant.seats.iter().any(|seat| seat.attachment == attachment);
    open.occupants.values().filter(sits_there).cloned().collect()
}

/// Whose seat under the nick is taken over by a session of the same account that enters: the one of its own full JID, if that is nobody's now,
/// otherwise the one that has been detached for longest.
pub(crate) fn comes_back(open: &Open, session: &Session, nick: &Nick) -> Option<FullJid> {
    let occupant = open.occupants.get(nick)?;
    let seat = match occupant.seat(&session.jid) {
        Some(own) => Some(own).filter(|own| own.detached.is_some() || own.session.id != session.id),
        None => occupant.seats.iter().filter(|seat| seat.detached.is_some()).min_by_key(|seat| seat.detached),
    }?;
    Some(seat.session.jid.clone())
}

/// The session whose seat is taken over is told so, be it of another device or a former one of the same full JID; nobody else notices.
pub(crate) fn give_way(room: &BareJid, open: &mut Open, occupant: &Arc<Occupant>, join: &Join) -> Vec<Effect> {
    let replaced = join.replaces.as_ref().and_then(|jid| occupant.seat(jid));
    let Some(seat) = replaced.filter(|seat| seat.session != join.seat.session) else { return Vec::new() };
    let [farewell, left] = leave::farewell(room, open, occupant, seat, &Parting::failed());
    if seat.session.jid == join.seat.session.jid {
        return vec![farewell];
    }
    open.sessions.remove_mut(&seat.session.jid);
    vec![farewell, left]
}

/// What the others learn when a session takes a seat.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum News {
    /// The occupant is there, or says something else of itself (§7.7).
    Presence,
    /// Only a full JID is another one.
    RealJid,
    /// It came back, and is as it was.
    Nothing,
}

impl News {
    /// By what the occupant was before, if it was there.
    pub fn of(former: Option<&Occupant>, join: &Join, shown: &Shown) -> News {
        let came_back = |former: &&Occupant| join.replaces.as_ref().is_some_and(|replaced| former.seat(replaced).is_some());
        match former.filter(came_back) {
            Some(former) if former.presence() != shown.presence => News::Presence,
            Some(former) if !former.jids().eq(shown.occupant.jids()) => News::RealJid,
            Some(_) => News::Nothing,
            None => News::Presence,
        }
    }

    /// To those whom it concerns.
    pub fn to_others(self, open: &Open, shown: &Shown, former: Option<&Occupant>) -> Vec<Effect> {
        match self {
            News::Presence => presence::to_others(open, shown.clone(), former.map(|former| former.role)).into_iter().collect(),
            News::RealJid => presence::to_other_real_jid_viewers(open, shown),
            News::Nothing => Vec::new(),
        }
    }
}

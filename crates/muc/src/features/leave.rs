//! §7.14, leaving; and the removal of sessions whose stanzas bounce (§11.1).

use std::sync::Arc;

use conclave_xmpp::{BareJid, Condition, Element, Fragment, FullJid, Presence, StanzaError, ns};

use crate::change::{Change, Leave};
use crate::effect::{Audience, Effect, SeatChange, Shown, What};
use crate::features::presence;
use crate::occupant::{Occupant, Seat};
use crate::render::cleaned;
use crate::request::Request;
use crate::role::Role;
use crate::room::{Open, Outcome, Room};
use crate::status::Status;

/// Bytes of what a session says at parting, at most: all rooms that it leaves pass it on.
const PARTING_BYTES_MAX: usize = 4096;

/// To one's own occupant JID, or to the bare room JID as sloppy clients do. From anybody else it means nothing.
pub(crate) fn decide(room: &Room, stanza: &Presence, request: &Request) -> Outcome {
    gone(room, request, &stanza.payloads)
}

/// The session ended, or leaves all rooms at once.
pub(crate) fn gone(room: &Room, request: &Request, presence: &[Element]) -> Outcome {
    // Whoever leaves cannot be refused; a parting word that is too long is not passed on.
    let presence = cleaned(presence);
    let fits = presence.as_str().len() <= PARTING_BYTES_MAX;
    leave(room, request, if fits { presence } else { Fragment::default() }, false)
}

/// An error that shows that nothing reaches this session any more removes it.
pub(crate) fn bounced(room: &Room, payloads: &[Element], request: &Request) -> Outcome {
    let Some(error) = payloads.iter().find(|payload| payload.is("error", ns::CLIENT)) else { return Outcome::Nothing };
    let condition = StanzaError::condition_of(error);
    if !is_final(condition) {
        return Outcome::Nothing;
    }
    let status = Element::new("status", ns::CLIENT).with_text(&format!("Kicked: {}", condition.as_str().replace('-', " ")));
    leave(room, request, Fragment::of([&status]), true)
}

fn is_final(condition: Condition) -> bool {
    use Condition::*;
    matches!(
        condition,
        Gone | ItemNotFound
            | JidMalformed
            | RecipientUnavailable
            | Redirect
            | RemoteServerNotFound
            | RemoteServerTimeout
            | ServiceUnavailable
            | InternalServerError
    )
}

fn leave(room: &Room, request: &Request, presence: Fragment, failed: bool) -> Outcome {
    match room.nick_of(&request.session) {
        Some(_) => Outcome::Log(Change::Leave(Leave { session: request.session.clone(), presence, failed })),
        None => Outcome::Nothing,
    }
}

pub(crate) fn apply(room: &mut Room, leave: &Leave) -> Vec<Effect> {
    let jid = room.jid().clone();
    let Some(open) = room.life.as_deref_mut() else { return Vec::new() };
    let session = &leave.session.jid;
    let occupant = open.sessions.get(session).and_then(|nick| open.occupants.get(nick)).cloned();
    let parting = if leave.failed { Parting::failed() } else { Parting::default() };
    let parting = Parting { presence: leave.presence.clone(), ..parting };
    occupant.map_or_else(Vec::new, |occupant| vacate(&jid, open, &occupant, std::slice::from_ref(session), parting))
}

/// How sessions leave a nick.
#[derive(Clone, Default)]
pub(crate) struct Parting {
    /// What they say.
    pub presence: Fragment,
    /// What they are told.
    pub own: Vec<Status>,
    /// What the others are told, if the nick leaves with them.
    pub others: Vec<Status>,
}

impl Parting {
    /// 333: nothing reaches them any more.
    pub fn failed() -> Parting {
        Parting { presence: Fragment::default(), own: vec![Status::Failure], others: vec![Status::Failure] }
    }
}

/// Some of a nick's sessions leave. The nick leaves with its last ones; otherwise the others see what is left of it.
pub(crate) fn vacate(
    room: &BareJid,
    open: &mut Open,
    occupant: &Arc<Occupant>,
    sessions: &[FullJid],
    parting: Parting,
) -> Vec<Effect> {
    let (leaving, seats): (Vec<Seat>, _) = occupant.seats.iter().cloned().partition(|seat| sessions.contains(&seat.session.jid));
    let remaining = Arc::new(Occupant { seats, ..Occupant::clone(occupant) });
    if remaining.seats.is_empty() {
        let others = Shown { presence: parting.presence, codes: parting.others, ..Shown::leaving(room, open, occupant) };
        return depart_told(open, Shown { codes: parting.own, ..others.clone() }, others);
    }
    let mut effects: Vec<Effect> = leaving.iter().flat_map(|seat| farewell(room, open, occupant, seat, &parting)).collect();
    for session in sessions {
        open.sessions.remove_mut(session);
    }
    open.put(Occupant::clone(&remaining));
    effects.extend(presence::announce(open, Shown::of(room, open, &remaining), occupant.role));
    effects
}

/// The same, but each session is told by itself, also the last ones of a nick: whoever sends may have lost track of who sits here.
pub(crate) fn vacate_untracked(
    room: &BareJid,
    open: &mut Open,
    occupant: &Arc<Occupant>,
    sessions: &[FullJid],
    parting: Parting,
) -> Vec<Effect> {
    let one_by_one = |effect: Effect| match effect {
        Effect::Send { to: Audience::Occupant(_), what } => {
            occupant.seats.iter().map(|seat| Effect::to_session(&seat.session, what.clone())).collect()
        }
        effect => vec![effect],
    };
    let all_leave = occupant.jids().all(|jid| sessions.contains(jid));
    let effects = vacate(room, open, occupant, sessions, parting);
    if all_leave { effects.into_iter().flat_map(one_by_one).collect() } else { effects }
}

/// One session of a nick is told that it leaves, alone.
pub(crate) fn farewell(room: &BareJid, open: &Open, occupant: &Occupant, seat: &Seat, parting: &Parting) -> [Effect; 2] {
    let only = Arc::new(Occupant { seats: vec![seat.clone()], ..occupant.clone() });
    let (presence, codes) = (parting.presence.clone(), parting.own.clone());
    let own = Shown { presence, codes, ..Shown::leaving(room, open, &only) };
    let left = SeatChange::Left(seat.session.jid.clone());
    [Effect::to_session(&seat.session, What::Presence(Box::new(own))), Effect::Seat(left)]
}

/// A nick leaves with all its sessions, for whatever reason `shown` gives: itself first, then the others.
pub(crate) fn depart(open: &mut Open, shown: Shown) -> Vec<Effect> {
    depart_told(open, shown.clone(), shown)
}

/// The same, with one thing shown to itself and another to the others.
fn depart_told(open: &mut Open, own: Shown, shown: Shown) -> Vec<Effect> {
    let occupant = shown.occupant.clone();
    let role: Role = occupant.role;
    open.remove(&occupant);
    let own = What::Presence(Box::new(own));
    let mut effects = vec![Effect::Send { to: Audience::Occupant(occupant.nick.clone()), what: own }];
    effects.extend(occupant.jids().map(|jid| Effect::Seat(SeatChange::Left(jid.clone()))));
    effects.extend(presence::to_others(open, shown, Some(role)));
    effects
}

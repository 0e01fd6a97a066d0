//! §7.2, entering a room: every admission check in order, then who is told what.

use std::sync::Arc;

use conclave_xmpp::{BareJid, Condition, ErrorKind, Nick, Presence};

use crate::change::{Change, Creation, Entry, Join};
use crate::effect::{Audience, Effect, SeatChange, Shown, What};
use crate::features::detached::{self, News};
use crate::features::{capacity, create, history, leave, members_only, message, nickname, password, presence, subject};
use crate::occupant::{Occupant, Seat, Session};
use crate::refusal::{By, Refusal};
use crate::render::cleaned;
use crate::request::{Context, Request};
use crate::role::Role;
use crate::room::{Open, Outcome, Room, addressed_nick};
use crate::status::Status;

/// The gate. A nick that cannot be prepared never gets here; an invisible one is refused first.
pub(crate) fn decide(room: &Room, stanza: &Presence, request: &Request, context: &Context) -> Result<Outcome, Refusal> {
    let asked = addressed_nick(stanza.head.to.as_ref()).map_err(|refusal| refusal.by(By::Room))?.ok_or_else(no_nick)?;
    let seat = seat(stanza, request, context)?;
    let Some(open) = room.life.as_deref() else {
        return create::decide(room, stanza, seat, asked, context).map(joined);
    };
    let jid = request.session.jid.to_bare();
    let nick = nickname::admitted(open, &jid, &asked);
    nickname::check_not_reserved(open, &jid, &nick)?;
    members_only::check(open, &jid)?;
    check_not_banned(open, &jid)?;
    password::check(open, stanza)?;
    room.visible_to(&request.session, context).map_err(|refusal| refusal.by(By::Service))?;
    capacity::check(open, &jid, &nick, &context.service)?;
    nickname::check_free(open, &jid, &nick)?;
    let role = match open.occupants.get(&nick) {
        Some(occupant) => occupant.role,
        None => open.default_role(open.affiliation(&jid)),
    };
    let renamed = nick != asked;
    let replaces = detached::comes_back(open, &request.session, &nick);
    let history = history::wish(stanza, &open.config, context);
    Ok(joined(Join { seat, nick, role, renamed, replaces, history, creation: None }))
}

/// A session that is in the room enters again: it has lost track and wants everything anew.
pub(crate) fn decide_again(
    open: &Open,
    stanza: &Presence,
    nick: &Nick,
    request: &Request,
    context: &Context,
) -> Result<Outcome, Refusal> {
    let role = open.occupants.get(nick).map_or(Role::None, |occupant| occupant.role);
    let history = history::wish(stanza, &open.config, context);
    let seat = seat(stanza, request, context)?;
    let replaces = detached::comes_back(open, &request.session, nick);
    Ok(joined(Join { seat, nick: nick.clone(), role, renamed: false, replaces, history, creation: None }))
}

fn joined(join: Join) -> Outcome {
    Outcome::Log(Change::Join(join))
}

/// The session's place, with what it says of itself. Every occupant gets that, and every newcomer, so it has the bound of a message.
pub(crate) fn seat(stanza: &Presence, request: &Request, context: &Context) -> Result<Seat, Refusal> {
    let presence = cleaned(&stanza.payloads);
    message::check_size(&presence, context)?;
    Ok(Seat { session: request.session.clone(), attachment: request.attachment, detached: None, presence })
}

fn no_nick() -> Refusal {
    Refusal::new(Condition::JidMalformed, "§7.2.1: entering takes a nick: room@service/nick").by(By::Room)
}

fn check_not_banned(open: &Open, jid: &BareJid) -> Result<(), Refusal> {
    match open.affiliation(jid) {
        crate::affiliation::Affiliation::Outcast => {
            Err(Refusal::forbidden("§7.2.7: you are banned from this room").at_the_door())
        }
        _ => Ok(()),
    }
}

pub(crate) fn apply(room: &mut Room, join: &Join, entry: &Entry) -> Vec<Effect> {
    if let Some(creation) = join.creation.as_deref() {
        room.life = Some(Box::new(create::open(creation, &join.seat, entry)));
    }
    let jid = room.jid().clone();
    let Some(open) = room.life.as_deref_mut() else { return Vec::new() };
    let codes = codes(open, join);
    let mut effects = clear_stale_seat(&jid, open, join);
    let former = open.occupants.get(&join.nick).cloned();
    effects.extend(former.iter().flat_map(|former| detached::give_way(&jid, open, former, join)));
    let occupant = take_seat(open, join);
    effects.push(Effect::Seat(SeatChange::RealJidsForAll(open.config.non_anonymous)));
    effects.push(Effect::taken(&occupant, &join.seat));

    let newcomer = &join.seat.session;
    effects.extend(occupant_list(&jid, open, &join.nick, newcomer));
    effects.extend(absent_list(&jid, open, &occupant, newcomer));
    let shown = Shown::of(&jid, open, &occupant);
    let news = News::of(former.as_deref(), join, &shown);
    effects.extend(news.to_others(open, &shown, former.as_deref()));
    effects.extend(own_presence(&shown, newcomer, codes, news));
    effects.extend(history::replay(open, &join.history).map(|what| Effect::to_session(newcomer, what)));
    effects.push(Effect::to_session(newcomer, subject::current(&jid, open)));
    effects
}

/// §7.2.3, §10.1.1: 201 first, then what else the newcomer must know.
fn codes(open: &Open, join: &Join) -> Vec<Status> {
    let created = join.creation.is_some().then_some(Status::Created);
    let anonymity = open.config.non_anonymous.then_some(Status::RealJidsForAll);
    let renamed = join.renamed.then_some(Status::NickAssigned);
    [created, anonymity, renamed].into_iter().flatten().collect()
}

/// A JID that was bound anew may still sit under another nick; that seat is nobody's now.
fn clear_stale_seat(room: &BareJid, open: &mut Open, join: &Join) -> Vec<Effect> {
    let session = &join.seat.session.jid;
    let Some(nick) = open.sessions.get(session).filter(|nick| **nick != join.nick).cloned() else { return Vec::new() };
    match open.occupants.get(&nick).cloned() {
        Some(occupant) => leave::vacate(room, open, &occupant, std::slice::from_ref(session), Default::default()),
        None => Vec::new(),
    }
}

fn take_seat(open: &mut Open, join: &Join) -> Arc<Occupant> {
    let jid = join.seat.session.jid.to_bare();
    let occupant = match (open.occupants.get(&join.nick), &join.replaces) {
        (Some(occupant), Some(replaced)) => occupant.with_return(replaced, join.seat.clone()),
        (Some(occupant), None) => occupant.with_seat(join.seat.clone()),
        (None, _) => {
            let id = open.occupant_id(&jid);
            Occupant { nick: join.nick.clone(), jid, role: join.role, id, seats: vec![join.seat.clone()] }
        }
    };
    open.sessions.insert_mut(join.seat.session.jid.clone(), join.nick.clone());
    let occupant = Arc::new(occupant);
    open.occupants.insert_mut(join.nick.clone(), occupant.clone());
    occupant
}

/// §7.2.2: everybody who is shown, to one session, but not itself.
pub(crate) fn occupant_list<'a>(
    room: &'a BareJid,
    open: &'a Open,
    own: &'a Nick,
    to: &'a Session,
) -> impl Iterator<Item = Effect> + 'a {
    let shown = |occupant: &&Arc<Occupant>| occupant.nick != *own && open.config.presence_broadcast.shows(occupant.role);
    open.occupants
        .values()
        .filter(shown)
        .map(move |occupant| Effect::to_session(to, What::Presence(Box::new(Shown::of(room, open, occupant)))))
}

/// §7.2.4, in the eyes of one who enters.
fn absent_list(room: &BareJid, open: &Open, occupant: &Occupant, to: &Session) -> Vec<Effect> {
    let sees_jids = occupant.role == Role::Moderator || open.config.non_anonymous;
    let is_for = |what: &What| sees_jids || presence::absent_audience(what) == Audience::Everyone;
    presence::absent_affiliates(room, open).filter(is_for).map(|what| Effect::to_session(to, what)).collect()
}

/// The newcomer's own presence carries the codes; further sessions of the nick see only that it changed, if it did.
fn own_presence(shown: &Shown, newcomer: &Session, codes: Vec<Status>, news: News) -> Vec<Effect> {
    let sees = |seat: &&Seat| seat.session == *newcomer || news != News::Nothing;
    let own = |seat: &Seat| {
        let codes = if seat.session == *newcomer { codes.clone() } else { Vec::new() };
        Effect::to_session(&seat.session, What::Presence(Box::new(Shown { codes, ..shown.clone() })))
    };
    shown.occupant.seats.iter().filter(sees).map(own).collect()
}

/// §10.1 as the first entry of a room.
pub(crate) fn creation(nick: Nick, seat: Seat, creation: Creation) -> Join {
    let creation = Some(Box::new(creation));
    Join { seat, nick, role: Role::Moderator, renamed: false, replaces: None, history: Default::default(), creation }
}

/// A room that is full, or a service.
pub(crate) fn full(text: &'static str) -> Refusal {
    Refusal::new(Condition::ServiceUnavailable, text).kind(ErrorKind::Wait).by(By::Room)
}

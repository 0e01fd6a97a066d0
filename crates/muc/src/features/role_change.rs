//! Roles given and taken by moderators: kick (§8.2), voice (§8.3-8.4), moderator (§9.6-9.7), and their lists (§8.5, §9.8). One path.

use std::sync::Arc;

use conclave_xmpp::{BareJid, Element, Nick, ns};

use crate::affiliation::Affiliation;
use crate::change::{Actor, Item};
use crate::effect::{Effect, SeatChange, Shown};
use crate::features::admin::{self, Asker};
use crate::features::{join, leave, presence};
use crate::occupant::Occupant;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::room::Open;
use crate::status::Status;

pub(crate) fn decide(open: &Open, asker: &Asker, item: &Element, role: Role) -> Result<Item, Refusal> {
    let nick = admin::nick(item)?.ok_or_else(|| Refusal::bad_request("§8: roles are given to nicknames"))?;
    if asker.role() != Role::Moderator {
        return Err(Refusal::forbidden("§8: only moderators may change roles"));
    }
    let target =
        open.occupants.get(&nick).ok_or_else(|| Refusal::item_not_found("§8: nobody of that nickname is in the room"))?;
    check_rank(open, asker, target, role)?;
    Ok(Item::Role { nick, role, reason: admin::reason(item)? })
}

fn check_rank(open: &Open, asker: &Asker, target: &Occupant, role: Role) -> Result<(), Refusal> {
    let rank = open.affiliation(&target.jid);
    if rank > asker.affiliation {
        return Err(Refusal::not_allowed("§8.2: nobody may be moderated by somebody of a lower affiliation"));
    }
    if rank >= Affiliation::Admin && role != Role::None && role != Role::Moderator {
        return Err(Refusal::not_allowed("§9.7: admins and owners are moderators"));
    }
    let gives_or_takes = (target.role == Role::Moderator) != (role == Role::Moderator);
    if gives_or_takes && asker.affiliation < Affiliation::Admin {
        return Err(Refusal::not_allowed("§9.6: only admins and owners make and unmake moderators"));
    }
    Ok(())
}

/// Moderators see who has which role.
pub(crate) fn list(open: &Open, asker: &Asker, role: Role) -> Result<Vec<Element>, Refusal> {
    if asker.role() != Role::Moderator && asker.affiliation < Affiliation::Admin {
        return Err(Refusal::forbidden("§8.5: only moderators may read lists of roles"));
    }
    let item = |occupant: &Arc<Occupant>| {
        let jid = occupant.seats.last().map(|seat| seat.session.jid.as_str());
        Element::new("item", ns::MUC_ADMIN)
            .with("affiliation", open.affiliation(&occupant.jid).as_str())
            .with_some("jid", jid)
            .with("nick", occupant.nick.as_str())
            .with("role", occupant.role.as_str())
    };
    Ok(open.occupants.values().filter(|occupant| occupant.role == role).map(item).collect())
}

/// An occupant gets a role, or is removed with the status that says why.
pub(crate) fn apply(
    room: &BareJid,
    open: &mut Open,
    (nick, role, removed): (&Nick, Role, Status),
    reason: &Option<String>,
    actor: Option<&Actor>,
) -> Vec<Effect> {
    let Some(occupant) = open.occupants.get(nick).cloned() else { return Vec::new() };
    let (actor, reason) = (actor.cloned(), reason.clone());
    if role == Role::None {
        return leave::depart(open, Shown { codes: vec![removed], actor, reason, ..Shown::leaving(room, open, &occupant) });
    }
    let changed = with_role(open, &occupant, role);
    let mut effects = presence::announce(open, Shown { actor, reason, ..Shown::of(room, open, &changed) }, occupant.role);
    effects.extend(moderator_view(room, open, &changed, occupant.role));
    effects
}

/// The occupant with another role, in its place.
fn with_role(open: &mut Open, occupant: &Occupant, role: Role) -> Arc<Occupant> {
    let changed = Arc::new(Occupant { role, ..occupant.clone() });
    open.occupants.insert_mut(changed.nick.clone(), changed.clone());
    changed
}

/// Who becomes a moderator sees real JIDs from here on, who ceases to be one no longer; either way the others are shown to it anew.
fn moderator_view(room: &BareJid, open: &Open, occupant: &Occupant, former: Role) -> Vec<Effect> {
    let moderator = occupant.role == Role::Moderator;
    if moderator == (former == Role::Moderator) {
        return Vec::new();
    }
    let mut effects = vec![Effect::Seat(SeatChange::Moderator(occupant.nick.clone(), moderator))];
    if !open.config.non_anonymous {
        effects.extend(occupant.seats.iter().flat_map(|seat| join::occupant_list(room, open, &occupant.nick, &seat.session)));
    }
    effects
}

//! Affiliations given and taken: ban (§9.1-9.2), member (§9.3-9.5), admin and owner (§10.3-10.8). One path.

use std::collections::BTreeMap;
use std::sync::Arc;

use conclave_xmpp::{BareJid, Condition, Element, FullJid, Jid, Nick, ns};

use crate::affiliation::{Affiliate, Affiliation};
use crate::change::{Item, NickChange};
use crate::effect::{Audience, Effect, Shown, What};
use crate::features::admin::{self, Actor};
use crate::features::register::set_affiliate;
use crate::features::{leave, nickname, presence, role_change};
use crate::occupant::Occupant;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::room::Open;
use crate::status::Status;

pub(crate) fn decide(open: &Open, actor: &Actor, item: &Element, affiliation: Affiliation) -> Result<Item, Refusal> {
    let jid = target(open, item)?;
    let old = open.affiliation(&jid);
    actor.affiliation.may_change(old, affiliation)?;
    if affiliation == Affiliation::Outcast && jid == actor.jid {
        return Err(Refusal::conflict("§9.1: nobody may ban itself"));
    }
    check_domain(&jid, affiliation)?;
    let nick = nick_change(open, actor, item, &jid, affiliation)?;
    Ok(Item::Affiliation { jid, affiliation, nick, reason: admin::reason(item)? })
}

/// By JID, or by the nick of somebody in the room.
fn target(open: &Open, item: &Element) -> Result<BareJid, Refusal> {
    let malformed = |text: String| Refusal::new(Condition::JidMalformed, text);
    if let Some(jid) = item.attribute("jid") {
        let jid = Jid::parse(jid).map_err(|e| malformed(e.to_string()))?;
        if jid.resource().is_some() {
            return Err(malformed("affiliations belong to bare JIDs".to_owned()));
        }
        return Ok(jid.to_bare());
    }
    let nick = admin::nick(item)?.ok_or_else(|| Refusal::bad_request("an item names a jid or a nick"))?;
    let occupant = open.occupants.get(&nick).ok_or_else(|| Refusal::item_not_found("nobody of that nickname is in the room"))?;
    Ok(occupant.jid.clone())
}

/// A whole domain may be let in or kept out, but it has no rank. Accounts of it that have an affiliation of their own keep that.
fn check_domain(jid: &BareJid, affiliation: Affiliation) -> Result<(), Refusal> {
    if jid.local().is_none() && affiliation > Affiliation::Member {
        return Err(Refusal::not_allowed("§5.2: only accounts can be admins or owners"));
    }
    Ok(())
}

/// §9.5: with a JID, `nick` reserves; an empty one releases. Without a JID it only says whom.
fn nick_change(
    open: &Open,
    actor: &Actor,
    item: &Element,
    jid: &BareJid,
    affiliation: Affiliation,
) -> Result<Option<NickChange>, Refusal> {
    if item.attribute("jid").is_none() || affiliation < Affiliation::Member {
        return Ok(None);
    }
    if item.attribute("nick") == Some("") {
        return Ok(Some(NickChange::Release));
    }
    let Some(nick) = admin::nick(item)? else { return Ok(None) };
    if open.reserved.get(&nick).is_some_and(|owner| owner != jid) {
        return Err(Refusal::conflict("§9.5: this nickname is reserved for somebody else"));
    }
    let bearer = open.occupants.get(&nick).filter(|occupant| occupant.jid != *jid);
    if bearer.is_some_and(|bearer| open.affiliation(&bearer.jid) > actor.affiliation) {
        return Err(Refusal::not_allowed("§8.2: the bearer of this nickname has a higher affiliation"));
    }
    Ok(Some(NickChange::Reserve(nick)))
}

/// §10.4: a room never loses its last owner.
pub(crate) fn check_owner_remains(open: &Open, items: &[Item]) -> Result<(), Refusal> {
    let mut changed = BTreeMap::new();
    for item in items {
        if let Item::Affiliation { jid, affiliation, .. } = item {
            changed.insert(jid, *affiliation);
        }
    }
    let stays = |(jid, affiliate): (&BareJid, &Arc<Affiliate>)| {
        affiliate.affiliation == Affiliation::Owner && changed.get(jid).is_none_or(|new| *new == Affiliation::Owner)
    };
    let joins = changed.values().any(|new| *new == Affiliation::Owner);
    if changed.is_empty() || joins || open.affiliates.iter().any(stays) {
        return Ok(());
    }
    Err(Refusal::conflict("§10.4: a room must keep an owner"))
}

/// Admins read the lists of their rank and below; members read those of a room whose JIDs they see anyway; and the room may show its members.
pub(crate) fn list(open: &Open, actor: &Actor, affiliation: Affiliation) -> Result<Vec<Element>, Refusal> {
    let config = &open.config;
    let by_rank = actor.affiliation >= Affiliation::Admin && affiliation <= actor.affiliation;
    let by_membership = actor.affiliation >= Affiliation::Member && config.members_only && config.non_anonymous;
    let by_role = affiliation == Affiliation::Member && config.member_list.contains(&actor.role());
    if affiliation == Affiliation::None {
        return Err(Refusal::bad_request("there is no list of those without an affiliation"));
    }
    if !(by_rank || (by_membership && affiliation > Affiliation::None) || by_role) {
        return Err(Refusal::forbidden("§9: this list is not for you"));
    }
    let item = |(jid, affiliate): (&BareJid, &Arc<Affiliate>)| {
        let reason = affiliate.reason.as_deref().map(|reason| Element::new("reason", ns::MUC_ADMIN).with_text(reason));
        Element::new("item", ns::MUC_ADMIN)
            .with("affiliation", affiliation.as_str())
            .with("jid", jid.as_str())
            .with_some("nick", affiliate.nick.as_ref().map(Nick::as_str))
            .with_children(reason)
    };
    Ok(open.affiliates.iter().filter(|(_, affiliate)| affiliate.affiliation == affiliation).map(item).collect())
}

pub(crate) fn apply(
    room: &BareJid,
    open: &mut Open,
    jid: &BareJid,
    affiliation: Affiliation,
    nick: Option<&NickChange>,
    reason: &Option<String>,
    actor: &(Option<Nick>, FullJid),
) -> Vec<Effect> {
    let kept = nickname::own_reserved(open, jid).filter(|_| affiliation >= Affiliation::Member).cloned();
    let (nick, mut effects) = match nick {
        None => (kept, Vec::new()),
        Some(NickChange::Release) => (None, Vec::new()),
        Some(NickChange::Reserve(nick)) => (Some(nick.clone()), evict(room, open, jid, nick)),
    };
    let affiliate = Affiliate { affiliation, nick, reason: reason.clone() };
    effects.extend(set(room, open, jid, affiliate, Some(actor)));
    effects
}

/// §7.10: whoever else bears a nick that becomes reserved is removed, by nobody in particular.
fn evict(room: &BareJid, open: &mut Open, jid: &BareJid, nick: &Nick) -> Vec<Effect> {
    let Some(bearer) = open.occupants.get(nick).filter(|bearer| bearer.jid != *jid).cloned() else { return Vec::new() };
    let reason = Some("This nickname is reserved".to_owned());
    leave::depart(open, Shown { codes: vec![Status::Kicked], reason, ..Shown::leaving(room, open, &bearer) })
}

/// Files the affiliate, and shows it: by presence of those who are in the room, by a notice if nobody is.
pub(crate) fn set(
    room: &BareJid,
    open: &mut Open,
    jid: &BareJid,
    affiliate: Affiliate,
    actor: Option<&(Option<Nick>, FullJid)>,
) -> Vec<Effect> {
    let former: Vec<(Arc<Occupant>, Affiliation)> =
        open.occupants_of(jid).into_iter().map(|occupant| (occupant.clone(), open.affiliation(&occupant.jid))).collect();
    let (affiliation, reason) = (affiliate.affiliation, affiliate.reason.clone());
    set_affiliate(open, jid, affiliate);
    if former.is_empty() {
        return vec![notice(room, open, jid, affiliation, reason)];
    }
    former.iter().flat_map(|(occupant, old)| set_occupant(room, open, occupant, *old, &reason, actor)).collect()
}

fn set_occupant(
    room: &BareJid,
    open: &mut Open,
    occupant: &Arc<Occupant>,
    old: Affiliation,
    reason: &Option<String>,
    actor: Option<&(Option<Nick>, FullJid)>,
) -> Vec<Effect> {
    let (actor, reason) = (actor.cloned(), reason.clone());
    let new = open.affiliation(&occupant.jid);
    let role = role_after(open, occupant.role, old, new);
    if role == Role::None {
        let code = if new == Affiliation::Outcast { Status::Banned } else { Status::AffiliationLost };
        return leave::depart(open, Shown { codes: vec![code], actor, reason, ..Shown::leaving(room, open, occupant) });
    }
    let changed = role_change::with_role(open, occupant, role);
    let shown = Shown { actor, reason, ..Shown::of(room, open, &changed) };
    let mut effects = presence::announce(open, shown, occupant.role);
    effects.extend(role_change::moderator_view(room, open, &changed, occupant.role));
    effects
}

/// A lower affiliation brings its own role; a higher one never takes a role away (§5.1.2).
fn role_after(open: &Open, role: Role, old: Affiliation, new: Affiliation) -> Role {
    let usual = open.default_role(new);
    if new < old { usual } else { role.max(usual) }
}

fn notice(room: &BareJid, open: &Open, jid: &BareJid, affiliation: Affiliation, reason: Option<String>) -> Effect {
    let status = match affiliation {
        Affiliation::Outcast => Some(Status::Banned),
        Affiliation::None if open.default_role(Affiliation::None) == Role::None => Some(Status::AffiliationLost),
        _ => None,
    };
    let what = What::Notice { room: room.clone(), jid: jid.clone(), affiliation, status, reason };
    Effect::Send { to: Audience::RealJidViewers, what }
}

//! Affiliations given and taken: ban (§9.1-9.2), member (§9.3-9.5), admin and owner (§10.3-10.8). One path.

use std::sync::Arc;

use conclave_xmpp::{BareJid, Condition, Element, Jid, Nick, ns};

use crate::affiliation::{Affiliate, Affiliation};
use crate::change::{Actor, Item};
use crate::effect::{Audience, Effect, Shown, What};
use crate::features::admin::{self, Asker};
use crate::features::register::set_affiliate;
use crate::features::{leave, nickname, role_change};
use crate::occupant::Occupant;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::room::Open;
use crate::status::Status;

pub(crate) fn decide(open: &Open, asker: &Asker, item: &Element, affiliation: Affiliation) -> Result<Item, Refusal> {
    // Whoever has no rank learns nothing about who is in the room.
    asker.affiliation.may_change(Affiliation::None, Affiliation::None)?;
    let jid = target(open, item)?;
    asker.affiliation.may_change(open.affiliation(&jid), affiliation)?;
    if affiliation == Affiliation::Outcast && jid == asker.jid {
        return Err(Refusal::conflict("§9.1: nobody may ban itself"));
    }
    check_domain(&jid, affiliation)?;
    let nick = nick_after(open, asker, item, &jid, affiliation)?;
    // Setting what already holds alters nothing, so the reason that was given then is kept.
    let unchanged = open.affiliates.get(&jid).filter(|affiliate| affiliate.affiliation == affiliation);
    let reason = admin::reason(item)?.or_else(|| unchanged.and_then(|affiliate| affiliate.reason.clone()));
    Ok(resolved(open, jid, affiliation, nick, reason))
}

/// The item with everything that follows from it.
pub(crate) fn resolved(open: &Open, jid: BareJid, affiliation: Affiliation, nick: Option<Nick>, reason: Option<String>) -> Item {
    let bearer = nick.as_ref().and_then(|nick| open.occupants.get(nick)).filter(|bearer| bearer.jid != jid);
    let evicted = bearer.map(|bearer| bearer.nick.clone());
    let mut after = open.clone();
    set_affiliate(&mut after, &jid, Affiliate { affiliation, nick: nick.clone(), reason: None });
    let role = |occupant: Arc<Occupant>| {
        let (old, new) = (open.affiliation(&occupant.jid), after.affiliation(&occupant.jid));
        (occupant.nick.clone(), role_after(&after, occupant.role, old, new))
    };
    let roles = open.occupants_of(&jid).into_iter().map(role).collect();
    Item::Affiliation { jid, affiliation, nick, reason, evicted, roles }
}

/// A lower affiliation brings its own role; a higher one never takes a role away, and the same one leaves it alone (§5.1.2).
fn role_after(open: &Open, role: Role, old: Affiliation, new: Affiliation) -> Role {
    let usual = open.default_role(new);
    match new.cmp(&old) {
        std::cmp::Ordering::Less => usual,
        std::cmp::Ordering::Equal => role,
        std::cmp::Ordering::Greater => role.max(usual),
    }
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

/// The nick that is reserved afterwards. §9.5: with a JID, `nick` reserves; an empty one releases. Without a JID it only says whom.
fn nick_after(
    open: &Open,
    asker: &Asker,
    item: &Element,
    jid: &BareJid,
    affiliation: Affiliation,
) -> Result<Option<Nick>, Refusal> {
    if affiliation < Affiliation::Member {
        return Ok(None);
    }
    let given = item.attribute("nick").filter(|_| item.attribute("jid").is_some());
    match given {
        None => return Ok(nickname::own_reserved(open, jid).cloned()),
        Some("") => return Ok(None),
        Some(_) => {}
    }
    let Some(nick) = admin::nick(item)? else { return Ok(None) };
    if open.reserved.get(&nick).is_some_and(|owner| owner != jid) {
        return Err(Refusal::conflict("§9.5: this nickname is reserved for somebody else"));
    }
    let bearer = open.occupants.get(&nick).filter(|occupant| occupant.jid != *jid);
    if bearer.is_some_and(|bearer| open.affiliation(&bearer.jid) > asker.affiliation) {
        return Err(Refusal::not_allowed("§8.2: the bearer of this nickname has a higher affiliation"));
    }
    Ok(Some(nick))
}

/// Admins read the lists of their rank and below; members read those of a room whose JIDs they see anyway; and the room may show its members.
pub(crate) fn list(open: &Open, asker: &Asker, affiliation: Affiliation) -> Result<Vec<Element>, Refusal> {
    let config = &open.config;
    let by_rank = asker.affiliation >= Affiliation::Admin && affiliation <= asker.affiliation;
    let by_membership = asker.affiliation >= Affiliation::Member && config.members_only && config.non_anonymous;
    let by_role = affiliation == Affiliation::Member && config.member_list.contains(&asker.role());
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

/// Whoever bears the nick is removed first; then the affiliate is filed and shown: by presence of those who are in the room, by a notice if nobody is.
pub(crate) fn apply(room: &BareJid, open: &mut Open, item: &Item, actor: Option<&Actor>) -> Vec<Effect> {
    let Item::Affiliation { jid, affiliation, nick, reason, evicted, roles } = item else { return Vec::new() };
    let mut effects = evicted.as_ref().map(|nick| evict(room, open, nick)).unwrap_or_default();
    set_affiliate(open, jid, Affiliate { affiliation: *affiliation, nick: nick.clone(), reason: reason.clone() });
    if roles.is_empty() {
        effects.push(notice(room, open, jid, *affiliation, reason.clone()));
    }
    // §9.1 and §9.4 tell the two reasons to leave apart.
    let removed = if *affiliation == Affiliation::Outcast { Status::Banned } else { Status::AffiliationLost };
    for (nick, role) in roles {
        effects.extend(role_change::apply(room, open, (nick, *role, removed), reason, actor));
    }
    effects
}

/// §7.10: by nobody in particular.
fn evict(room: &BareJid, open: &mut Open, nick: &Nick) -> Vec<Effect> {
    let Some(bearer) = open.occupants.get(nick).cloned() else { return Vec::new() };
    let reason = Some("This nickname is reserved".to_owned());
    leave::depart(open, Shown { codes: vec![Status::Kicked], reason, ..Shown::leaving(room, open, &bearer) })
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

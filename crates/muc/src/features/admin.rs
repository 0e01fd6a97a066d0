//! The namespace muc#admin: lists are read here, and sets of items become one change, all or none (§8, §9).

use conclave_xmpp::{BareJid, Element, ErrorKind, Iq, IqKind, Nick, ns};

use crate::affiliation::Affiliation;
use crate::change::{Actor, Change, Item, Moderation};
use crate::effect::Effect;
use crate::features::{affiliation_change, role_change};
use crate::occupant::Occupant;
use crate::refusal::Refusal;
use crate::request::Request;
use crate::role::Role;
use crate::room::{Open, Outcome, Room, answer};
use crate::status::Status;

/// Items of one set, at most: a set is one entry of the log.
const ITEMS_MAX: usize = 200;
/// Characters of a reason, at most: it is kept with the affiliation.
const REASON_CHARS_MAX: usize = 1000;

/// Affiliates of a room, at most, of all ranks together: they are in memory for as long as the room lives, and a list of them is one stanza.
const AFFILIATES_MAX: usize = 2000;

/// Who asks: its affiliation counts even outside the room, its role only within.
pub(crate) struct Asker<'a> {
    pub jid: BareJid,
    pub affiliation: Affiliation,
    pub occupant: Option<&'a Occupant>,
}

impl Asker<'_> {
    pub fn role(&self) -> Role {
        self.occupant.map_or(Role::None, |occupant| occupant.role)
    }
}

pub(crate) fn decide(room: &Room, open: &Open, iq: &Iq, query: &Element, request: &Request) -> Result<Outcome, Refusal> {
    let jid = request.session.jid.to_bare();
    let occupant = room.occupant_of(&request.session).map(|(_, occupant)| occupant.as_ref());
    let asker = Asker { affiliation: open.affiliation(&jid), jid, occupant };
    let items: Vec<&Element> = query.children().filter(|child| child.is("item", ns::MUC_ADMIN)).collect();
    if iq.kind == IqKind::Get {
        return Ok(answer(request, iq.result(Some(&list(open, &asker, &items)?))));
    }
    if items.is_empty() || items.len() > ITEMS_MAX {
        return Err(bad_item(format!("a set has 1 to {ITEMS_MAX} items")));
    }
    let actor = Actor { nick: occupant.map(|occupant| occupant.nick.clone()), jid: request.session.jid.clone() };
    Ok(Outcome::Log(Change::Moderate(decide_items(room, &asker, actor, &items)?)))
}

/// Each item is judged in the room as the ones before it leave it; the ranks are those before the set.
fn decide_items(room: &Room, asker: &Asker, actor: Actor, items: &[&Element]) -> Result<Moderation, Refusal> {
    let mut folded = room.clone();
    let mut moderation = Moderation { actor: Some(actor), items: Vec::new() };
    for element in items {
        let Some(open) = folded.life.as_deref() else { break };
        let item = decide_item(open, asker, element)?;
        apply(&mut folded, &Moderation { items: vec![item.clone()], actor: moderation.actor.clone() });
        moderation.items.push(item);
    }
    match folded.life.as_deref() {
        Some(open) if open.affiliates.size() > AFFILIATES_MAX => {
            Err(Refusal::not_acceptable("this room has all the affiliates that it may have; remove some first"))
        }
        Some(open) if !open.affiliates.values().any(|affiliate| affiliate.affiliation == Affiliation::Owner) => {
            Err(Refusal::conflict("§10.4: a room must keep an owner"))
        }
        _ => Ok(moderation),
    }
}

/// An item that nobody could carry out; a retry would not help.
fn bad_item(text: impl Into<std::borrow::Cow<'static, str>>) -> Refusal {
    Refusal::bad_request(text).kind(ErrorKind::Cancel)
}

fn decide_item(open: &Open, asker: &Asker, item: &Element) -> Result<Item, Refusal> {
    match (item.attribute("role"), item.attribute("affiliation")) {
        (Some(role), None) => {
            let role = Role::parse(role).ok_or_else(|| Refusal::bad_request(format!("\"{role}\" is no role")))?;
            role_change::decide(open, asker, item, role)
        }
        (None, Some(affiliation)) => affiliation_change::decide(open, asker, item, parse_affiliation(affiliation)?),
        _ => Err(bad_item("an item has either a role or an affiliation")),
    }
}

fn parse_affiliation(text: &str) -> Result<Affiliation, Refusal> {
    Affiliation::parse(text).ok_or_else(|| Refusal::bad_request(format!("\"{text}\" is no affiliation")))
}

/// The reason that is given in an item.
pub(crate) fn reason(item: &Element) -> Result<Option<String>, Refusal> {
    let reason = item.child("reason", ns::MUC_ADMIN).map(Element::text).filter(|reason| !reason.is_empty());
    if reason.as_ref().is_some_and(|reason| reason.chars().count() > REASON_CHARS_MAX) {
        return Err(Refusal::bad_request(format!("a reason has at most {REASON_CHARS_MAX} characters")));
    }
    Ok(reason)
}

/// The nick that an item names.
pub(crate) fn nick(item: &Element) -> Result<Option<Nick>, Refusal> {
    item.attribute("nick").map(Nick::parse).transpose().map_err(super::nickname::refusal)
}

fn list(open: &Open, asker: &Asker, items: &[&Element]) -> Result<Element, Refusal> {
    let [item] = items else { return Err(Refusal::bad_request("a list is asked for by exactly one item")) };
    let listed = match (item.attribute("role"), item.attribute("affiliation")) {
        (Some(role), None) => {
            let role = Role::parse(role).filter(|role| *role != Role::None);
            role_change::list(open, asker, role.ok_or_else(|| Refusal::bad_request("there is no list of that role"))?)?
        }
        (None, Some(affiliation)) => affiliation_change::list(open, asker, parse_affiliation(affiliation)?)?,
        _ => return Err(Refusal::bad_request("an item has either a role or an affiliation")),
    };
    Ok(Element::new("query", ns::MUC_ADMIN).with_children(listed))
}

pub(crate) fn apply(room: &mut Room, moderation: &Moderation) -> Vec<Effect> {
    let jid = room.jid().clone();
    let Some(open) = room.life.as_deref_mut() else { return Vec::new() };
    let actor = moderation.actor.as_ref();
    let apply_item = |item: &Item| match item {
        Item::Role { nick, role, reason } => role_change::apply(&jid, open, (nick, *role, Status::Kicked), reason, actor),
        Item::Affiliation { .. } => affiliation_change::apply(&jid, open, item, actor),
    };
    moderation.items.iter().flat_map(apply_item).collect()
}

//! §7.7, what an occupant says of itself, and what each viewer may see of whom (§7.2.2-7.2.4).

use std::collections::BTreeSet;
use std::sync::Arc;

use conclave_xmpp::{BareJid, Field, FieldKind, Nick, Presence, ns};

use crate::affiliation::Affiliation;
use crate::change::Change;
use crate::config::{ConfigField, PresenceBroadcast, unknown_choice};
use crate::effect::{Audience, Effect, Shown, What};
use crate::features::{join, nickname};
use crate::occupant::{Occupant, Seat};
use crate::refusal::Refusal;
use crate::request::{Context, Request};
use crate::role::Role;
use crate::room::{Open, Outcome, Room, addressed_nick};

const WHOIS_VAR: &str = "muc#roomconfig_whois";
const BROADCAST_VAR: &str = "muc#roomconfig_presencebroadcast";

pub(crate) const WHOIS: ConfigField = ConfigField {
    var: WHOIS_VAR,
    show: |config| {
        let value = if config.non_anonymous { "anyone" } else { "moderators" };
        let field = Field::new(FieldKind::ListSingle, WHOIS_VAR, value).label("Who may see real JIDs");
        field.option("Moderators", "moderators").option("Anyone", "anyone")
    },
    set: |config, field, _| {
        config.non_anonymous = match field.value()? {
            "anyone" => true,
            "moderators" => false,
            _ => return Err(unknown_choice(field, "moderators, anyone")),
        };
        Ok(())
    },
};

pub(crate) const BROADCAST: ConfigField = ConfigField {
    var: BROADCAST_VAR,
    show: |config| {
        let shown = [Role::Moderator, Role::Participant, Role::Visitor, Role::None];
        let values = shown.into_iter().filter(|role| config.presence_broadcast.shows(*role)).map(|role| role.as_str().to_owned());
        let field = Field::multi(FieldKind::ListMulti, BROADCAST_VAR, values).label("Whose presence is shown");
        let field = field.option("Moderators", "moderator").option("Participants", "participant").option("Visitors", "visitor");
        field.option("Members who are not in the room", "none")
    },
    set: |config, field, _| {
        let mut broadcast = PresenceBroadcast { moderator: false, participant: false, visitor: false, none: false };
        for value in &field.values {
            match value.as_str() {
                "moderator" => broadcast.moderator = true,
                "participant" => broadcast.participant = true,
                "visitor" => broadcast.visitor = true,
                "none" => broadcast.none = true,
                _ => return Err(unknown_choice(field, "moderator, participant, visitor, none")),
            }
        }
        config.presence_broadcast = broadcast;
        Ok(())
    },
};

/// From an occupant: entering again, another nick, or news of itself.
pub(crate) fn decide(room: &Room, stanza: &Presence, request: &Request, context: &Context) -> Result<Outcome, Refusal> {
    let (open, occupant) = room.must_be_occupant(&request.session)?;
    let nick: Nick = match addressed_nick(stanza.head.to.as_ref())? {
        Some(nick) => nick,
        None => occupant.nick.clone(),
    };
    if nick != occupant.nick {
        return nickname::decide(open, stanza, &occupant.nick, nick, request, context);
    }
    if stanza.payloads.iter().any(|payload| payload.is("x", ns::MUC)) {
        return join::decide_again(open, stanza, &nick, request, context);
    }
    Ok(Outcome::Log(Change::Presence(join::seat(stanza, request, context)?)))
}

pub(crate) fn apply(room: &mut Room, seat: &Seat) -> Vec<Effect> {
    let jid = room.jid().clone();
    let Some(open) = room.life.as_deref_mut() else { return Vec::new() };
    let Some(occupant) = open.sessions.get(&seat.session.jid).and_then(|nick| open.occupants.get(nick)).cloned() else {
        return Vec::new();
    };
    // Where the connection is changes by entries of its own.
    let Some(former) = occupant.seat(&seat.session.jid) else { return Vec::new() };
    let occupant = Arc::new(occupant.with_seat(Seat { presence: seat.presence.clone(), ..former.clone() }));
    open.occupants.insert_mut(occupant.nick.clone(), occupant.clone());
    announce(open, Shown::of(&jid, open, &occupant), occupant.role)
}

impl Shown {
    /// An occupant as it is.
    pub(crate) fn of(room: &BareJid, open: &Open, occupant: &Arc<Occupant>) -> Shown {
        Shown {
            room: room.clone(),
            occupant: occupant.clone(),
            presence: occupant.presence(),
            unavailable: false,
            affiliation: open.affiliation(&occupant.jid),
            role: occupant.role,
            codes: Vec::new(),
            actor: None,
            reason: None,
            new_nick: None,
            destroyed: None,
        }
    }

    /// An occupant as it leaves; what it said of itself holds no longer.
    pub(crate) fn leaving(room: &BareJid, open: &Open, occupant: &Arc<Occupant>) -> Shown {
        Shown { unavailable: true, role: Role::None, presence: Default::default(), ..Shown::of(room, open, occupant) }
    }
}

/// To the occupant first, then to the others.
pub(crate) fn announce(open: &Open, shown: Shown, former_role: Role) -> Vec<Effect> {
    let own = What::Presence(Box::new(shown.clone()));
    let mut effects = vec![Effect::Send { to: Audience::Occupant(shown.occupant.nick.clone()), what: own }];
    effects.extend(to_others(open, shown, Some(former_role)));
    effects
}

/// To the others, if those of its role are shown; one who was shown and is no longer is withdrawn.
pub(crate) fn to_others(open: &Open, shown: Shown, former_role: Option<Role>) -> Option<Effect> {
    let broadcast = &open.config.presence_broadcast;
    let was_shown = former_role.is_some_and(|role| broadcast.shows(role));
    let shown = if shown.unavailable {
        Some(shown).filter(|_| was_shown)
    } else if broadcast.shows(shown.role) {
        Some(shown)
    } else {
        was_shown.then_some(Shown { unavailable: true, role: Role::None, presence: Default::default(), ..shown })
    }?;
    Some(Effect::Send { to: Audience::Others(shown.occupant.nick.clone()), what: What::Presence(Box::new(shown)) })
}

/// To those of the others who see real JIDs, if those of its role are shown.
pub(crate) fn to_other_real_jid_viewers(open: &Open, shown: &Shown) -> Vec<Effect> {
    if open.config.non_anonymous || !open.config.presence_broadcast.shows(shown.role) {
        return to_others(open, shown.clone(), None).into_iter().collect();
    }
    let sees = |viewer: &&Arc<Occupant>| viewer.role == Role::Moderator && viewer.nick != shown.occupant.nick;
    let to = |viewer: &Arc<Occupant>| Effect::Send {
        to: Audience::Occupant(viewer.nick.clone()),
        what: What::Presence(Box::new(shown.clone())),
    };
    open.occupants.values().filter(sees).map(to).collect()
}

/// Affiliates who are not in the room, where the room shows them. One without a reserved nick is known by its JID only, which not all may see.
pub(crate) fn absent_affiliates<'a>(room: &'a BareJid, open: &'a Open) -> impl Iterator<Item = What> + 'a {
    let shown = open.config.presence_broadcast.none;
    let occupants = open.occupants.values().filter(move |_| shown);
    let present: BTreeSet<&BareJid> = occupants.map(|occupant| &occupant.jid).collect();
    open.affiliates
        .iter()
        .filter(move |(jid, affiliate)| shown && affiliate.affiliation > Affiliation::None && !present.contains(jid))
        .map(|(jid, affiliate)| What::Absent {
            room: room.clone(),
            jid: jid.clone(),
            affiliation: affiliate.affiliation,
            nick: affiliate.nick.clone(),
        })
}

/// §10.2: whom the new choice shows appears to the others, whom it no longer shows is withdrawn.
pub(crate) fn rebroadcast(room: &BareJid, open: &Open, old: &PresenceBroadcast) -> Vec<Effect> {
    let new = &open.config.presence_broadcast;
    let changed = |occupant: &&Arc<Occupant>| old.shows(occupant.role) != new.shows(occupant.role);
    let occupants = open.occupants.values().filter(changed).map(|occupant| {
        let shown = if new.shows(occupant.role) { Shown::of(room, open, occupant) } else { Shown::leaving(room, open, occupant) };
        Effect::Send { to: Audience::Others(occupant.nick.clone()), what: What::Presence(Box::new(shown)) }
    });
    let absent = absent_affiliates(room, open)
        .filter(|_| new.none && !old.none)
        .map(|what| Effect::Send { to: absent_audience(&what), what });
    occupants.chain(absent).collect()
}

/// §7.2.4: an affiliate without a nick would be shown by its JID.
pub(crate) fn absent_audience(what: &What) -> Audience {
    match what {
        What::Absent { nick: None, .. } => Audience::RealJidViewers,
        _ => Audience::Everyone,
    }
}

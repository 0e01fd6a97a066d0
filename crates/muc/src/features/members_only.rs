//! §7.2.6, rooms for members only.

use std::sync::Arc;

use conclave_xmpp::{BareJid, Field, FieldKind, Nick};

use crate::affiliation::Affiliation;
use crate::config::{ConfigField, RoomConfig, show_boolean, unknown_choice};
use crate::effect::{Effect, Shown};
use crate::features::leave;
use crate::occupant::Occupant;
use crate::refusal::Refusal;
use crate::role::Role;
use crate::room::Open;
use crate::status::Status;

const VAR: &str = "muc#roomconfig_membersonly";
const INVITES_VAR: &str = "muc#roomconfig_allowinvites";
/// The older name of the same choice, which clients still send.
const MEMBER_INVITES_VAR: &str = "{http://prosody.im/protocol/muc}roomconfig_allowmemberinvites";
const LIST_VAR: &str = "muc#roomconfig_getmemberlist";

pub(crate) const FIELD: ConfigField = ConfigField {
    var: VAR,
    show: |config| show_boolean(VAR, "Only members may enter", config.members_only),
    set: |config, field, _| {
        config.members_only = field.boolean()?;
        Ok(())
    },
};

pub(crate) const ALLOW_INVITES: ConfigField = ConfigField {
    var: INVITES_VAR,
    show: |config| show_boolean(INVITES_VAR, "Members may invite others", config.allow_invites),
    set: |config, field, _| {
        config.allow_invites = field.boolean()?;
        Ok(())
    },
};

pub(crate) const ALLOW_MEMBER_INVITES: ConfigField = ConfigField {
    var: MEMBER_INVITES_VAR,
    show: |config| show_boolean(MEMBER_INVITES_VAR, "Members may invite others", config.allow_invites),
    set: |config, field, _| {
        config.allow_invites = field.boolean()?;
        Ok(())
    },
};

pub(crate) const MEMBER_LIST: ConfigField = ConfigField {
    var: LIST_VAR,
    show: |config| {
        let values = config.member_list.iter().map(|role| role.as_str().to_owned());
        let field = Field::multi(FieldKind::ListMulti, LIST_VAR, values).label("Who may read the list of members");
        field.option("Moderators", "moderator").option("Participants", "participant").option("Visitors", "visitor")
    },
    set: |config, field, _| {
        let role = |value: &String| Role::parse(value).filter(|role| *role != Role::None);
        config.member_list = field
            .values
            .iter()
            .map(|value| role(value).ok_or_else(|| unknown_choice(field, "moderator, participant, visitor")))
            .collect::<Result<_, _>>()?;
        Ok(())
    },
};

pub(crate) fn check(open: &Open, jid: &BareJid) -> Result<(), Refusal> {
    if open.config.members_only && open.affiliation(jid) == Affiliation::None {
        return Err(Refusal::registration_required("§7.2.6: this room is for members only").at_the_door());
    }
    Ok(())
}

/// §10.2: who has to leave when the room closes itself to others.
pub(crate) fn strangers(open: &Open, config: &RoomConfig) -> Vec<Nick> {
    let closes = config.members_only && !open.config.members_only;
    let stranger = |occupant: &&Arc<Occupant>| closes && open.affiliation(&occupant.jid) == Affiliation::None;
    open.occupants.values().filter(stranger).map(|occupant| occupant.nick.clone()).collect()
}

/// They leave (322).
pub(crate) fn remove(room: &BareJid, open: &mut Open, nicks: &[Nick]) -> Vec<Effect> {
    let leaving: Vec<_> = nicks.iter().filter_map(|nick| open.occupants.get(nick)).cloned().collect();
    let remove = |occupant: &Arc<Occupant>| {
        let shown = Shown { codes: vec![Status::MembersOnly], ..Shown::leaving(room, open, occupant) };
        leave::depart(open, shown)
    };
    leaving.iter().flat_map(remove).collect()
}

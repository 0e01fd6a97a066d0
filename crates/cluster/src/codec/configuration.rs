//! Configurations of rooms, and roles.

use conclave_muc::Role;
use conclave_muc::config::{AllowPm, PresenceBroadcast, RoomConfig};

use super::{Decoded, lacks, log};

pub(crate) fn encode_config(config: &RoomConfig) -> log::RoomConfig {
    let allow_pm = match config.allow_pm {
        AllowPm::Anyone => log::AllowPm::Anyone,
        AllowPm::Participants => log::AllowPm::Participants,
        AllowPm::Moderators => log::AllowPm::Moderators,
        AllowPm::Affiliated => log::AllowPm::Affiliated,
        AllowPm::Nobody => log::AllowPm::Nobody,
    };
    log::RoomConfig {
        name: config.name.clone(),
        description: config.description.clone(),
        lang: config.lang.clone(),
        public: config.public,
        persistent: config.persistent,
        members_only: config.members_only,
        moderated: config.moderated,
        secret: config.secret.clone(),
        non_anonymous: config.non_anonymous,
        change_subject: config.change_subject,
        allow_invites: config.allow_invites,
        allow_pm: allow_pm.into(),
        show_moderators: config.presence_broadcast.moderator,
        show_participants: config.presence_broadcast.participant,
        show_visitors: config.presence_broadcast.visitor,
        show_absent: config.presence_broadcast.none,
        member_list: config.member_list.iter().map(|given| role(*given).into()).collect(),
        max_users: config.max_users,
        history_length: config.history_length,
        default_history: config.default_history,
        archiving: config.archiving,
        enforce_nick: config.enforce_nick,
    }
}

pub(crate) fn decode_config(config: log::RoomConfig) -> Decoded<RoomConfig> {
    let allow_pm = match log::AllowPm::try_from(config.allow_pm) {
        Ok(log::AllowPm::Anyone) => AllowPm::Anyone,
        Ok(log::AllowPm::Participants) => AllowPm::Participants,
        Ok(log::AllowPm::Moderators) => AllowPm::Moderators,
        Ok(log::AllowPm::Affiliated) => AllowPm::Affiliated,
        Ok(log::AllowPm::Nobody) => AllowPm::Nobody,
        Ok(log::AllowPm::Unspecified) | Err(_) => return Err(lacks("a choice of private messages that is known")),
    };
    Ok(RoomConfig {
        name: config.name,
        description: config.description,
        lang: config.lang,
        public: config.public,
        persistent: config.persistent,
        members_only: config.members_only,
        moderated: config.moderated,
        secret: config.secret,
        non_anonymous: config.non_anonymous,
        change_subject: config.change_subject,
        allow_invites: config.allow_invites,
        allow_pm,
        presence_broadcast: PresenceBroadcast {
            moderator: config.show_moderators,
            participant: config.show_participants,
            visitor: config.show_visitors,
            none: config.show_absent,
        },
        member_list: config.member_list.into_iter().map(read_role).collect::<Decoded<_>>()?,
        max_users: config.max_users,
        history_length: config.history_length,
        default_history: config.default_history,
        archiving: config.archiving,
        enforce_nick: config.enforce_nick,
    })
}

pub(super) fn role(role: Role) -> log::Role {
    match role {
        Role::None => log::Role::None,
        Role::Visitor => log::Role::Visitor,
        Role::Participant => log::Role::Participant,
        Role::Moderator => log::Role::Moderator,
    }
}

pub(super) fn read_role(role: i32) -> Decoded<Role> {
    match log::Role::try_from(role) {
        Ok(log::Role::None) => Ok(Role::None),
        Ok(log::Role::Visitor) => Ok(Role::Visitor),
        Ok(log::Role::Participant) => Ok(Role::Participant),
        Ok(log::Role::Moderator) => Ok(Role::Moderator),
        Ok(log::Role::Unspecified) | Err(_) => Err(lacks("a role that is known")),
    }
}

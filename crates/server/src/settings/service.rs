//! The settings that make up the service: a room goes by those of its home, so all nodes should have the same.

use conclave_cluster::meta::ServiceSettings;

use super::{RoomCreation, Settings};

impl Settings {
    /// By their keys, as the register of nodes compares them.
    pub fn of_the_service(&self) -> ServiceSettings {
        let mut admins: Vec<String> = self.admins.iter().map(ToString::to_string).collect();
        admins.sort_unstable();
        let creation = match self.room_creation {
            RoomCreation::Anyone => "anyone",
            RoomCreation::Admins => "admins",
        };
        let limits = &self.limits;
        let settings = [
            ("domain", self.domain.to_string()),
            ("service_domain", self.service_domain.to_string()),
            ("node_silent_ms", self.node_silent_ms.to_string()),
            ("detach_grace_ms", self.detach_grace_ms.to_string()),
            ("admins", admins.join(" ")),
            ("room_creation", creation.to_owned()),
            ("groupchat_bytes_max", limits.groupchat_bytes_max.to_string()),
            ("sessions_per_account_max", limits.sessions_per_account_max.to_string()),
            ("room_messages_per_second", limits.room_messages_per_second.to_string()),
            ("rooms_max", limits.rooms_max.to_string()),
            ("occupants_per_room_max", limits.occupants_per_room_max.to_string()),
            ("history_max", limits.history_max.to_string()),
            ("room_lock_seconds_max", limits.room_lock_seconds_max.to_string()),
        ];
        settings.into_iter().map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

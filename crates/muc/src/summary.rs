//! A room as those who run the service see it, and its seating as whoever sends begins with it.

use crate::effect::SeatChange;
use crate::role::Role;
use crate::room::Room;

/// What is out of the ordinary about a room.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// It stays when everybody has left.
    pub persistent: bool,
    /// What else, in words.
    pub traits: Vec<String>,
}

impl Room {
    /// For those who run the service; they are shown no password.
    pub fn summary(&self) -> Summary {
        let Some(open) = self.life.as_deref() else { return Summary::default() };
        let config = &open.config;
        let traits = [
            ("locked", open.locked.is_some()),
            ("hidden", !config.public),
            ("members-only", config.members_only),
            ("moderated", config.moderated),
            ("password", config.secret.is_some()),
            ("non-anonymous", config.non_anonymous),
        ];
        let traits = traits.into_iter().filter(|(_, holds)| *holds).map(|(name, _)| name.to_owned()).collect();
        Summary { persistent: config.persistent, traits }
    }

    /// Who sits here, as the changes that seated them: for a table that begins with this room as it is.
    pub fn seating(&self) -> Vec<SeatChange> {
        let Some(open) = self.life.as_deref() else { return Vec::new() };
        let mut changes = vec![SeatChange::RealJidsForAll(open.config.non_anonymous)];
        for occupant in open.occupants.values() {
            let moderator = occupant.role == Role::Moderator;
            changes.extend(occupant.seats.iter().map(|seat| SeatChange::Taken {
                session: seat.session.clone(),
                attachment: seat.attachment,
                nick: occupant.nick.clone(),
                moderator,
            }));
        }
        changes
    }
}

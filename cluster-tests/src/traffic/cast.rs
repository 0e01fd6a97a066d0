//! Who plays, and in which rooms.

use std::collections::BTreeMap;

use super::kind::Kind;
use crate::client::SERVICE;

/// Accounts that a cluster must have for all profiles; the password of all is "password".
pub const ACCOUNTS: [&str; 10] = ["user", "user2", "user3", "user4", "user5", "user6", "user7", "user8", "admin", LOOKER];

/// The account that owns every room and does nothing until it looks.
pub const LOOKER: &str = "looker";

/// The rooms and the people of a profile.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Cast {
    /// Rooms.
    pub rooms: Vec<Room>,
    /// People.
    pub parts: Vec<Part>,
}

/// A room of the play.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Room {
    /// The local part of its address.
    pub local: String,
    /// What happens in it.
    pub kind: Kind,
    /// Who makes it and keeps it, by its place among the parts; none if it is whoever comes first.
    pub owner: Option<usize>,
    /// What accounts are in it, beyond the owner and the looker, at the beginning and again when all is restored.
    pub ranks: BTreeMap<String, &'static str>,
}

/// Somebody of the play.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Part {
    /// The local part of the address; several sessions of one account are several parts.
    pub account: String,
    /// The resource.
    pub resource: String,
    /// The nick, at first.
    pub nick: String,
    /// Its rooms.
    pub rooms: Vec<usize>,
    /// What it does beyond what happens in its rooms.
    pub habit: Habit,
}

/// What somebody does with its connection.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Habit {
    /// It keeps it.
    #[default]
    Steady,
    /// It closes it now and then, or lets it break, and comes back.
    Restless,
    /// It stops reading now and then.
    Sleepy,
    /// It breaks it off together with the others.
    Stormy,
}

impl Cast {
    /// So many people, account after account and then again with another resource, all in these rooms, which are owned by one after the other.
    pub(super) fn new(people: usize, habit: Habit, rooms: &[(&str, Kind)]) -> Cast {
        let rooms: Vec<Room> = rooms.iter().enumerate().map(|(at, (local, kind))| room(local, *kind, at % people)).collect();
        let parts = (0..people).map(|at| part(at, habit, (0..rooms.len()).collect())).collect();
        Cast { rooms, parts }.with_fresh_rooms()
    }

    /// Where rooms are made and destroyed, everybody has one that nobody has made before: to make it must work when all is whole.
    fn with_fresh_rooms(mut self) -> Cast {
        if self.rooms.iter().any(|room| room.kind == Kind::Race) {
            for (at, part) in self.parts.iter_mut().enumerate() {
                part.rooms.push(self.rooms.len());
                self.rooms.push(room(&format!("fresh{at}"), Kind::Fresh, at));
            }
        }
        self
    }

    /// The account of a room's owner.
    pub(super) fn owner_of(&self, room: &Room) -> Option<&str> {
        room.owner.map(|at| self.parts[at].account.as_str())
    }
}

impl Room {
    /// Its bare JID.
    pub fn jid(&self) -> String {
        format!("{}@{SERVICE}", self.local)
    }
}

impl Part {
    /// Its full JID.
    pub fn jid(&self) -> String {
        format!("{}/{}", bare(&self.account), self.resource)
    }
}

/// The bare JID of an account.
pub(super) fn bare(account: &str) -> String {
    format!("{account}@localhost")
}

fn room(local: &str, kind: Kind, owner: usize) -> Room {
    Room { local: local.to_owned(), kind, owner: (kind != Kind::Race).then_some(owner), ranks: BTreeMap::new() }
}

/// The looker is none of them.
fn part(at: usize, habit: Habit, rooms: Vec<usize>) -> Part {
    let accounts = ACCOUNTS.len() - 1;
    let account = ACCOUNTS[at % accounts].to_owned();
    let round = at / accounts;
    Part { resource: format!("talk{}", round + 1), nick: format!("{account}.{round}"), account, rooms, habit }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everybody_has_an_address_of_its_own() {
        let cast = Cast::new(24, Habit::Steady, &[("a", Kind::Talk), ("b", Kind::Race)]);
        let mut jids: Vec<String> = cast.parts.iter().map(Part::jid).collect();
        jids.sort();
        jids.dedup();
        assert_eq!(jids.len(), 24);
        assert!(cast.parts.iter().all(|part| part.account != LOOKER));
        assert_eq!((cast.rooms[0].owner, cast.rooms[1].owner, cast.rooms.len()), (Some(0), None, 2 + 24));
    }
}

//! Who sits where in a room, after each entry of the journal.

use std::collections::BTreeMap;

use crate::journal::{Deed, Entry};
use crate::linearizability::calls::bare_jid;

/// The nick of each session that has a seat, by full JID.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Seats<'a> {
    nicks: BTreeMap<&'a str, &'a str>,
}

impl<'a> Seats<'a> {
    /// Whether nobody sits there.
    pub fn is_empty(&self) -> bool {
        self.nicks.is_empty()
    }

    /// Each nick with a bare JID that bears it.
    pub fn bearers(&self) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.nicks.iter().map(|(jid, nick)| (*nick, bare_jid(jid)))
    }

    /// The bare JID of who bears a nick; if several do, of the first who is not this one.
    pub fn bearer(&self, nick: &str, not: &str) -> Option<&'a str> {
        let bearers = || self.nicks.iter().filter(|(_, borne)| **borne == nick).map(|(jid, _)| bare_jid(jid));
        bearers().find(|jid| *jid != not).or_else(|| bearers().next())
    }

    /// Without those who lose their seats by this entry.
    pub fn leave(&mut self, room: &str, entry: &Entry) {
        for (_, jid) in entry.left.iter().filter(|(of, _)| of == room) {
            self.nicks.remove(jid.as_str());
        }
    }

    /// The seats of a room after one more entry of its shard, which may be about all rooms.
    pub fn apply(&mut self, room: &str, entry: &'a Entry) {
        self.leave(room, entry);
        if entry.room.as_deref() != Some(room) {
            return;
        }
        match &entry.deed {
            Deed::Join { jid, nick, creates, replaces, .. } => {
                if *creates {
                    self.nicks.clear();
                }
                if let Some(replaced) = replaces {
                    self.nicks.remove(replaced.as_str());
                }
                self.nicks.insert(jid, nick);
            }
            Deed::Rename { jid, to, .. } => {
                self.nicks.insert(jid, to);
            }
            Deed::Destroy => self.nicks.clear(),
            _ => {}
        }
    }
}

/// All entries in force of the shard in which a room is, by index.
pub fn entries_of_shard<'a>(journal: &'a [Entry], room: &str) -> Vec<&'a Entry> {
    let shard = journal.iter().find(|entry| entry.room.as_deref() == Some(room)).map(|entry| entry.shard);
    journal.iter().filter(|entry| !entry.void && Some(entry.shard) == shard).collect()
}

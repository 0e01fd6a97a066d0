//! What a room keeps, after each entry of the journal that changes it.

use std::collections::{BTreeMap, BTreeSet};

use crate::journal::{Deed, Entry, Standing};
use crate::linearizability::calls::bare_jid;
use crate::run_dir::Run;

/// The entries of a room that change what it keeps, and all that it has kept.
#[derive(Clone, Debug)]
pub struct Folded<'a> {
    /// By index.
    pub entries: Vec<&'a Entry>,
    /// One more than entries: before the first, and after each.
    pub kept: Vec<Kept>,
}

/// What a room keeps.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Kept {
    /// Whether it is there. One that ended because the last occupant of a temporary room left is still taken for being there: nobody can ask it
    /// for anything until it is made again.
    pub exists: bool,
    /// How many times it has been made.
    pub incarnation: u32,
    /// By bare JID; those who have none are not in it.
    pub affiliations: BTreeMap<String, String>,
    /// Registered nicks, by bare JID.
    pub nicks: BTreeMap<String, String>,
    /// Empty where nobody has set one.
    pub subject: String,
    /// The configuration by the names of its fields; empty as long as nobody has sent the form.
    pub fields: BTreeMap<String, String>,
}

/// All entries of one room that are in force, by index.
pub fn entries_of<'a>(journal: &'a [Entry], room: &str) -> Vec<&'a Entry> {
    journal.iter().filter(|entry| !entry.void && entry.room.as_deref() == Some(room)).collect()
}

/// Whether the journal tells all of a room: from its beginning, or by its silence, if no log of a shard that has replicas is missing.
pub fn tells_of(run: &Run, room: &str) -> bool {
    let entry = run.journal.iter().find(|entry| !entry.void && entry.room.as_deref() == Some(room));
    match entry {
        Some(first) => matches!(first.deed, Deed::Join { creates: true, .. }),
        None => {
            let told: BTreeSet<u16> = run.journal.iter().map(|entry| entry.shard).collect();
            !told.is_empty() && run.replicas.iter().filter_map(|replica| replica.shard).all(|shard| told.contains(&shard))
        }
    }
}

impl<'a> Folded<'a> {
    /// Folds the journal of one room.
    pub fn of(journal: &'a [Entry], room: &str) -> Folded<'a> {
        let mut folded = Folded { entries: Vec::new(), kept: vec![Kept::default()] };
        for entry in entries_of(journal, room).into_iter().filter(|entry| changes(&entry.deed)) {
            let before = folded.kept.last().cloned().unwrap_or_default();
            folded.kept.push(before.after(&entry.deed));
            folded.entries.push(entry);
        }
        folded
    }

    /// How many of the entries stand before this index.
    pub fn position(&self, index: u64) -> usize {
        self.entries.partition_point(|entry| entry.index < index)
    }
}

fn changes(deed: &Deed) -> bool {
    match deed {
        Deed::Join { creates, .. } => *creates,
        Deed::Message { subject, .. } => subject.is_some(),
        Deed::Moderate { items } => items.iter().any(|item| matches!(item, Standing::Affiliation { .. })),
        Deed::Register { .. } | Deed::Unregister { .. } | Deed::Configure { .. } | Deed::Destroy => true,
        _ => false,
    }
}

impl Kept {
    /// The affiliation of a bare JID, by itself or by its domain; `none` if it has none.
    pub fn affiliation(&self, jid: &str) -> &str {
        let of_domain = || jid.split_once('@').and_then(|(_, domain)| self.affiliations.get(domain));
        self.affiliations.get(jid).or_else(of_domain).map_or("none", String::as_str)
    }

    /// Those with an affiliation, sorted.
    pub fn of_affiliation(&self, affiliation: &str) -> Vec<&str> {
        self.affiliations.iter().filter(|(_, held)| *held == affiliation).map(|(jid, _)| jid.as_str()).collect()
    }

    /// Who has registered this nick.
    pub fn owner(&self, nick: &str) -> Option<&str> {
        self.nicks.iter().find(|(_, owned)| *owned == nick).map(|(jid, _)| jid.as_str())
    }

    /// What it keeps when this is done as well.
    #[must_use]
    pub fn after(mut self, deed: &Deed) -> Kept {
        match deed {
            Deed::Join { jid, creates: true, .. } => {
                let owner = BTreeMap::from([(bare_jid(jid).to_owned(), "owner".to_owned())]);
                return Kept { exists: true, incarnation: self.incarnation + 1, affiliations: owner, ..Kept::default() };
            }
            Deed::Destroy => return Kept { incarnation: self.incarnation, ..Kept::default() },
            Deed::Message { subject: Some(subject), .. } => self.subject.clone_from(subject),
            Deed::Moderate { items } => items.iter().for_each(|item| self.moderate(item)),
            Deed::Configure { fields, .. } => self.fields.clone_from(fields),
            Deed::Register { jid, nick } => drop(self.nicks.insert(jid.clone(), nick.clone())),
            Deed::Unregister { jid } => drop(self.nicks.remove(jid)),
            _ => {}
        }
        self
    }

    fn moderate(&mut self, item: &Standing) {
        let Standing::Affiliation { jid, affiliation, nick, .. } = item else { return };
        match affiliation.as_str() {
            "none" => self.affiliations.remove(jid),
            _ => self.affiliations.insert(jid.clone(), affiliation.clone()),
        };
        match nick {
            Some(nick) => self.nicks.insert(jid.clone(), nick.clone()),
            None => self.nicks.remove(jid),
        };
    }
}

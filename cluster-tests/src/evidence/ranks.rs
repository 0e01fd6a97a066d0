//! What a room's rules are, as far as the journal says: who has which affiliation, and what the configuration asks of whoever wants to be there.

use std::collections::BTreeMap;

use super::bare;
use crate::journal::{Deed, Entry, Standing};

/// A room's rules behind an entry.
#[derive(Clone, Default)]
pub(crate) struct Ranks<'a> {
    affiliations: BTreeMap<&'a str, &'a str>,
    /// §7.2.6.
    pub members_only: bool,
    /// §7.2.5; none as long as nothing says whether there is one, empty if there is none.
    secret: Option<&'a str>,
    /// §4.2: whether all are shown real JIDs, and not moderators alone.
    pub shows_jids: bool,
}

impl<'a> Ranks<'a> {
    /// The next entry.
    pub fn fold(&mut self, entry: &'a Entry) {
        match &entry.deed {
            Deed::Join { jid, creates: true, .. } => {
                *self = Ranks::default();
                self.affiliations.insert(bare(jid), "owner");
            }
            Deed::Moderate { items } => items.iter().for_each(|item| self.item(item)),
            Deed::Configure { fields, .. } => {
                self.members_only = fields.get("membersonly").map_or(self.members_only, |value| value == "1" || value == "true");
                self.shows_jids = fields.get("whois").map_or(self.shows_jids, |value| value == "anyone");
                self.secret = fields.get("roomsecret").map(String::as_str).or(self.secret);
            }
            _ => {}
        }
    }

    fn item(&mut self, item: &'a Standing) {
        if let Standing::Affiliation { jid, affiliation, .. } = item {
            if affiliation == "none" {
                self.affiliations.remove(jid.as_str())
            } else {
                self.affiliations.insert(jid, affiliation)
            };
        }
    }

    /// The affiliation of an account: its own, or what its whole domain has (§9.1).
    pub fn affiliation(&self, jid: &str) -> &'a str {
        let of_domain = || self.affiliations.get(jid.rsplit_once('@').map_or(jid, |(_, domain)| domain));
        self.affiliations.get(jid).or_else(of_domain).copied().unwrap_or("none")
    }

    /// What one has to know to come in, if anything.
    pub fn password(&self) -> Option<&'a str> {
        self.secret.filter(|secret| !secret.is_empty())
    }

    /// Why an account has no place in the room, if so.
    pub fn bars(&self, jid: &str) -> Option<&'static str> {
        match self.affiliation(jid) {
            "outcast" => Some("banned"),
            "none" if self.members_only => Some("no member, and all others are kept out"),
            _ => None,
        }
    }
}

//! Affiliations (§5.2) and who may change them (§5.2.2, table 9).

use conclave_xmpp::BareJid;

use crate::refusal::Refusal;

/// A lasting bond of a bare JID with a room, from worst to best.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Hash)]
#[allow(missing_docs)]
pub enum Affiliation {
    Outcast,
    None,
    Member,
    Admin,
    Owner,
}

impl Affiliation {
    /// The value of the attribute `affiliation`.
    pub fn as_str(self) -> &'static str {
        match self {
            Affiliation::Outcast => "outcast",
            Affiliation::None => "none",
            Affiliation::Member => "member",
            Affiliation::Admin => "admin",
            Affiliation::Owner => "owner",
        }
    }

    /// Reads the attribute.
    pub fn parse(text: &str) -> Option<Affiliation> {
        [Affiliation::Outcast, Affiliation::None, Affiliation::Member, Affiliation::Admin, Affiliation::Owner]
            .into_iter()
            .find(|affiliation| affiliation.as_str() == text)
    }

    /// Whether this one may give `new` to somebody who has `old` (§5.2.2). Owners may do everything; admins keep members and outcasts.
    pub fn may_change(self, old: Affiliation, new: Affiliation) -> Result<(), Refusal> {
        match self {
            Affiliation::Owner => Ok(()),
            Affiliation::Admin if old < Affiliation::Admin && new < Affiliation::Admin => Ok(()),
            Affiliation::Admin => Err(Refusal::not_allowed("§5.2.2: only an owner may change admins and owners")),
            _ => Err(Refusal::forbidden("§9: only admins and owners may change affiliations")),
        }
    }
}

/// What is kept of somebody who has an affiliation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Affiliate {
    /// Never `None`.
    pub affiliation: Affiliation,
    /// The nick that is reserved for it (§7.10).
    pub nick: Option<conclave_xmpp::Nick>,
    /// Why it was given; shown in lists.
    pub reason: Option<String>,
}

/// Whether `jid` is `listed` itself or, where a whole domain is listed, belongs to it (§9.1).
pub fn covers(listed: &BareJid, jid: &BareJid) -> bool {
    listed == jid || (listed.local().is_none() && listed.domain() == jid.domain())
}

#[cfg(test)]
mod tests {
    use super::Affiliation::{self, *};

    #[test]
    fn ranks_decide_who_changes_whom() {
        let allowed = |actor: Affiliation, old, new| actor.may_change(old, new).is_ok();
        let all = [Outcast, None, Member, Admin, Owner];
        for old in all {
            for new in all {
                assert!(allowed(Owner, old, new));
                assert_eq!(allowed(Admin, old, new), old < Admin && new < Admin, "{old:?} {new:?}");
                assert!([Member, None, Outcast].into_iter().all(|actor| !allowed(actor, old, new)));
            }
        }
    }
}

//! The accounts of the service. A request is judged once, the log holds what was decided, and every replica folds the same.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use conclave_xmpp::{BareJid, Credentials};
use sha2::{Digest, Sha256};

/// All accounts, as committed.
#[derive(Clone, Debug, Default)]
pub struct Accounts {
    secret: Option<Secret>,
    credentials: BTreeMap<BareJid, Arc<Credentials>>,
}

/// What an administrator asks. Names are judged before: an account's JID has a localpart and the service's domain.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AccountRequest {
    /// A new account.
    Add(BareJid, Credentials),
    /// Another password for an account that exists.
    SetPassword(BareJid, Credentials),
    /// The end of an account.
    Delete(BareJid),
}

/// What was decided, as logged.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AccountChange {
    /// The service begins. Comes once, before any account.
    Begin(Secret),
    /// The account is so from now on.
    Put(BareJid, Credentials),
    /// The account is gone.
    Delete(BareJid),
}

/// Why a request is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum AccountRefusal {
    /// There is such an account already.
    Exists(BareJid),
    /// There is no such account.
    Absent(BareJid),
}

/// 32 random bytes that the service keeps for ever.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(pub [u8; 32]);

impl Accounts {
    /// The rules.
    pub fn decide(&self, request: &AccountRequest) -> Result<AccountChange, AccountRefusal> {
        let (AccountRequest::Add(jid, _) | AccountRequest::SetPassword(jid, _) | AccountRequest::Delete(jid)) = request;
        match (request, self.credentials.contains_key(jid)) {
            // The same salt: who asks did not hear that it was done, and asks again.
            (AccountRequest::Add(jid, credentials), true) if self.credentials[jid].as_ref() == credentials => {
                Ok(AccountChange::Put(jid.clone(), credentials.clone()))
            }
            (AccountRequest::Add(..), true) => Err(AccountRefusal::Exists(jid.clone())),
            (AccountRequest::SetPassword(..) | AccountRequest::Delete(_), false) => Err(AccountRefusal::Absent(jid.clone())),
            (AccountRequest::Add(jid, credentials) | AccountRequest::SetPassword(jid, credentials), _) => {
                Ok(AccountChange::Put(jid.clone(), credentials.clone()))
            }
            (AccountRequest::Delete(jid), true) => Ok(AccountChange::Delete(jid.clone())),
        }
    }

    /// The fold; it has no rules.
    pub fn apply(&mut self, change: &AccountChange) {
        match change {
            AccountChange::Begin(secret) => self.secret = Some(secret.clone()),
            AccountChange::Put(jid, credentials) => {
                self.credentials.insert(jid.clone(), Arc::new(credentials.clone()));
            }
            AccountChange::Delete(jid) => {
                self.credentials.remove(jid);
            }
        }
    }

    /// What is stored of an account, if there is one.
    pub fn credentials(&self, account: &BareJid) -> Option<Arc<Credentials>> {
        self.credentials.get(account).cloned()
    }

    /// The accounts behind this one, by address; all of them behind none.
    pub fn behind(&self, account: Option<&BareJid>) -> impl Iterator<Item = &BareJid> {
        let start = account.map_or(Bound::Unbounded, Bound::Excluded);
        self.credentials.range::<BareJid, _>((start, Bound::Unbounded)).map(|(jid, _)| jid)
    }

    /// What makes these accounts out of none.
    pub fn changes(&self) -> impl Iterator<Item = AccountChange> {
        let begin = self.secret.clone().map(AccountChange::Begin);
        let put =
            |(jid, credentials): (&BareJid, &Arc<Credentials>)| AccountChange::Put(jid.clone(), Credentials::clone(credentials));
        begin.into_iter().chain(self.credentials.iter().map(put))
    }

    /// Whether the service has begun.
    pub fn has_begun(&self) -> bool {
        self.secret.is_some()
    }

    /// A lasting secret for one purpose; none before the service has begun. It says nothing about those for other purposes.
    pub fn secret(&self, purpose: &str) -> Option<[u8; 32]> {
        let secret = self.secret.as_ref()?;
        Some(Sha256::new().chain_update(secret.0).chain_update(purpose).finalize().into())
    }
}

impl fmt::Display for AccountRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountRefusal::Exists(jid) => write!(f, "the account {jid} exists already; another password is set with `passwd`"),
            AccountRefusal::Absent(jid) => write!(f, "there is no account {jid}"),
        }
    }
}

impl std::error::Error for AccountRefusal {}

/// Never printed.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use conclave_xmpp::sasl::ITERATIONS_MIN;

    use super::*;

    fn jid(text: &str) -> BareJid {
        BareJid::parse(text).unwrap()
    }

    fn password(text: &str) -> Credentials {
        Credentials::derive(text, b"salt", ITERATIONS_MIN).unwrap()
    }

    fn with(accounts: &[&str]) -> Accounts {
        let mut all = Accounts::default();
        for account in accounts {
            all.apply(&AccountChange::Put(jid(account), password("old")));
        }
        all
    }

    #[test]
    fn only_what_is_absent_is_added_and_only_what_exists_is_changed() {
        let (here, new) = (jid("here@localhost"), jid("new@localhost"));
        let accounts = with(&["here@localhost"]);
        let put = |account: &BareJid| Ok(AccountChange::Put(account.clone(), password("new")));
        for (request, expected) in [
            (AccountRequest::Add(new.clone(), password("new")), put(&new)),
            (AccountRequest::Add(here.clone(), password("new")), Err(AccountRefusal::Exists(here.clone()))),
            (AccountRequest::Add(here.clone(), password("old")), Ok(AccountChange::Put(here.clone(), password("old")))),
            (AccountRequest::SetPassword(here.clone(), password("new")), put(&here)),
            (AccountRequest::SetPassword(new.clone(), password("new")), Err(AccountRefusal::Absent(new.clone()))),
            (AccountRequest::Delete(here.clone()), Ok(AccountChange::Delete(here.clone()))),
            (AccountRequest::Delete(new.clone()), Err(AccountRefusal::Absent(new.clone()))),
        ] {
            assert_eq!(accounts.decide(&request), expected, "{request:?}");
        }
    }

    #[test]
    fn a_change_is_folded() {
        let mut accounts = with(&["a@localhost", "b@localhost"]);
        accounts.apply(&AccountChange::Put(jid("a@localhost"), password("new")));
        accounts.apply(&AccountChange::Delete(jid("b@localhost")));
        assert!(accounts.credentials(&jid("a@localhost")).unwrap().verify_plain("new"));
        assert_eq!(accounts.credentials(&jid("b@localhost")), None);
    }

    #[test]
    fn accounts_are_listed_by_address_from_anywhere() {
        let accounts = with(&["c@localhost", "a@localhost", "b@localhost"]);
        let behind = |from: Option<&str>| {
            let from = from.map(jid);
            accounts.behind(from.as_ref()).map(BareJid::to_string).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(behind(None), "a@localhost b@localhost c@localhost");
        assert_eq!(behind(Some("a@localhost")), "b@localhost c@localhost");
        assert_eq!(behind(Some("aa@localhost")), "b@localhost c@localhost");
        assert_eq!(behind(Some("c@localhost")), "");
    }

    #[test]
    fn each_purpose_has_its_own_lasting_secret() {
        let mut accounts = Accounts::default();
        assert_eq!(accounts.secret("one"), None);
        accounts.apply(&AccountChange::Begin(Secret([7; 32])));
        assert_eq!(accounts.secret("one"), accounts.secret("one"));
        assert_ne!(accounts.secret("one"), accounts.secret("other"));
        assert_ne!(accounts.secret("one"), Some([7; 32]));
    }
}

//! The accounts of this node: served from memory, kept in a store. A change is decided, committed to the log, folded, on the disk, and
//! only then acknowledged.

mod seal;
mod store;
#[cfg(test)]
mod tests;

use std::fmt;
use std::path::Path;
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use conclave_cluster::accounts::{AccountChange, AccountRefusal, AccountRequest, Secret};
use conclave_cluster::{accounts as cluster, accounts_codec as codec};
use conclave_xmpp::sasl::{Decoy, SALT_BYTES};
use conclave_xmpp::{BareJid, Credentials, CredentialsError};
use tokio::sync::Mutex;
use tracing::{error, info};

use crate::log::{self, Committed, Proposer};
use crate::seed;
use store::Store;

pub use store::StoreError;

/// Bytes of an account's JID, at most: a page of the store's index has up to 256 of them, and must stay under 128 KiB, beyond which
/// the store writes to files that it does not sync.
pub const ACCOUNT_BYTES_MAX: usize = 256;

/// Told of every account that is deleted, after the deletion is committed.
pub type OnDeleted = Box<dyn Fn(&BareJid) + Send + Sync>;

/// All accounts of the domain.
pub struct Accounts {
    domain: BareJid,
    iterations: u32,
    /// As committed, and on the disk.
    current: RwLock<cluster::Accounts>,
    /// One change at a time.
    writer: Mutex<Writer>,
    on_deleted: OnDeleted,
}

struct Writer {
    proposer: Proposer,
    committed: Committed,
    store: Arc<Store>,
}

/// Why an account is not changed; nothing has happened then.
#[derive(Debug, PartialEq, Eq)]
pub enum AccountError {
    /// The name cannot be an account here.
    Name(String),
    /// The password cannot be stored.
    Password(CredentialsError),
    /// The rules say no.
    Refused(AccountRefusal),
}

impl Accounts {
    /// Opens the store in `directory` and reads all of it. New passwords get so many rounds of PBKDF2.
    pub async fn open(
        directory: &Path,
        domain: BareJid,
        iterations: u32,
        on_deleted: OnDeleted,
    ) -> Result<Arc<Accounts>, StoreError> {
        let (store, current) = Store::open(directory)?;
        let (proposer, committed) = log::open();
        let has_begun = current.has_begun();
        let writer = Mutex::new(Writer { proposer, committed, store: Arc::new(store) });
        let accounts = Arc::new(Accounts { domain, iterations, current: RwLock::new(current), writer, on_deleted });
        if !has_begun {
            accounts.commit(&mut *accounts.writer.lock().await, &AccountChange::Begin(Secret(seed::fresh()))).await;
        }
        Ok(accounts)
    }

    /// What is stored of an account, if there is one.
    pub fn credentials(&self, account: &BareJid) -> Option<Arc<Credentials>> {
        self.current().credentials(account)
    }

    /// Makes names without an account look like the others; the same over restarts.
    pub fn decoy(&self) -> Decoy {
        Decoy { secret: self.secret("decoy"), iterations: self.iterations }
    }

    /// A lasting secret of this service for one purpose.
    pub fn secret(&self, purpose: &str) -> [u8; 32] {
        // The service begins before anybody can ask.
        self.current().secret(purpose).unwrap_or_default()
    }

    /// Up to `max` accounts behind this one, by address.
    pub fn behind(&self, account: Option<&BareJid>, max: usize) -> Vec<BareJid> {
        self.current().behind(account).take(max).cloned().collect()
    }

    /// Makes an account. Like the other changes it must not be dropped half done.
    pub async fn add(&self, name: &str, password: &str) -> Result<BareJid, AccountError> {
        let account = self.account(name)?;
        let credentials = self.derive(password).await?;
        self.change(AccountRequest::Add(account.clone(), credentials)).await?;
        info!(%account, "account added");
        Ok(account)
    }

    /// Gives an account another password. Its sessions stay.
    pub async fn set_password(&self, name: &str, password: &str) -> Result<BareJid, AccountError> {
        let account = self.account(name)?;
        let credentials = self.derive(password).await?;
        self.change(AccountRequest::SetPassword(account.clone(), credentials)).await?;
        info!(%account, "password changed");
        Ok(account)
    }

    /// Ends an account, and then its sessions.
    pub async fn delete(&self, name: &str) -> Result<BareJid, AccountError> {
        let account = self.account(name)?;
        self.change(AccountRequest::Delete(account.clone())).await?;
        info!(%account, "account deleted");
        (self.on_deleted)(&account);
        Ok(account)
    }

    fn current(&self) -> RwLockReadGuard<'_, cluster::Accounts> {
        self.current.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// `romeo` or `romeo@` and our domain.
    fn account(&self, name: &str) -> Result<BareJid, AccountError> {
        let domain = self.domain.as_str();
        let account = match name.contains('@') {
            true => BareJid::parse(name),
            false => BareJid::parse(&format!("{name}@{domain}")),
        };
        let account = account.map_err(|cause| AccountError::Name(cause.to_string()))?;
        if account.domain() != domain {
            let text = format!("{account} is not an account of this server, whose domain is {domain}");
            return Err(AccountError::Name(text));
        }
        if account.local().is_none() {
            return Err(AccountError::Name(format!("\"{name}\" has no name before the @")));
        }
        if account.as_str().len() > ACCOUNT_BYTES_MAX {
            return Err(AccountError::Name(format!("the name is too long: {ACCOUNT_BYTES_MAX} bytes, domain and all, at most")));
        }
        Ok(account)
    }

    /// Takes milliseconds of computing.
    async fn derive(&self, password: &str) -> Result<Credentials, AccountError> {
        let (password, iterations) = (password.to_owned(), self.iterations);
        let derive = move || Credentials::derive(&password, &seed::fresh()[..SALT_BYTES], iterations);
        match tokio::task::spawn_blocking(derive).await {
            Ok(derived) => derived.map_err(AccountError::Password),
            Err(cause) => std::panic::resume_unwind(cause.into_panic()),
        }
    }

    async fn change(&self, request: AccountRequest) -> Result<(), AccountError> {
        let mut writer = self.writer.lock().await;
        let change = self.current().decide(&request).map_err(AccountError::Refused)?;
        self.commit(&mut writer, &change).await;
        Ok(())
    }

    /// Returns when the change is on the disk. If it cannot get there, nobody knows what the disk has, and the process ends: what was
    /// acknowledged is read again at the next start.
    async fn commit(&self, writer: &mut Writer, change: &AccountChange) {
        writer.proposer.propose(codec::encode_change(change));
        let Some((_, entry)) = writer.committed.next().await else { return };
        let change = codec::decode_change(&entry).unwrap_or_else(|undecodable| give_up(&undecodable));
        let (store, written) = (writer.store.clone(), change.clone());
        match tokio::task::spawn_blocking(move || store.write(&written)).await {
            Ok(Ok(())) => {}
            Ok(Err(failed)) => give_up(&failed),
            Err(panicked) => give_up(&panicked),
        }
        self.current.write().unwrap_or_else(PoisonError::into_inner).apply(&change);
    }
}

fn give_up(cause: &dyn fmt::Display) -> ! {
    error!("{cause}; this process ends");
    std::process::exit(1)
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountError::Name(text) => f.write_str(text),
            AccountError::Password(cause) => cause.fmt(f),
            AccountError::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for AccountError {}

//! The accounts as this node has them: read from what it knows of the cluster, changed by the cluster. A change is acknowledged when it is on the disks
//! of a majority, and known here.

#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use conclave_cluster::accounts::{AccountRefusal, AccountRequest};
use conclave_cluster::meta::{Meta, MetaRefusal, MetaRequest};
use conclave_xmpp::sasl::{Decoy, SALT_BYTES};
use conclave_xmpp::{BareJid, Credentials, CredentialsError};
use tokio::sync::watch;
use tracing::info;

use crate::cluster::{Cluster, MetaError};
use crate::seed;

/// Bytes of an account's JID, at most: it is part of a key of the state store, and they are all alike.
pub const ACCOUNT_BYTES_MAX: usize = 256;

/// All accounts of the domain.
pub struct Accounts {
    domain: BareJid,
    iterations: u32,
    cluster: Cluster,
    meta: watch::Receiver<Arc<Meta>>,
}

/// Why an account is not changed.
#[derive(Debug, PartialEq, Eq)]
pub enum AccountError {
    /// The name cannot be an account here.
    Name(String),
    /// The password cannot be stored.
    Password(CredentialsError),
    /// The rules say no.
    Refused(AccountRefusal),
    /// Where the accounts are kept cannot be reached: whether it was done is not known.
    Unreachable(String),
}

impl Accounts {
    /// The accounts of this cluster. New passwords get so many rounds of PBKDF2.
    pub fn new(cluster: Cluster, domain: BareJid, iterations: u32) -> Accounts {
        let meta = cluster.meta();
        Accounts { domain, iterations, cluster, meta }
    }

    /// What is stored of an account, if there is one.
    pub fn credentials(&self, account: &BareJid) -> Option<Arc<Credentials>> {
        self.meta.borrow().accounts().credentials(account)
    }

    /// Makes names without an account look like the others; the same over restarts.
    pub fn decoy(&self) -> Decoy {
        Decoy { secret: self.secret("decoy"), iterations: self.iterations }
    }

    /// A lasting secret of this service for one purpose.
    pub fn secret(&self, purpose: &str) -> [u8; 32] {
        // The service begins before anybody can ask.
        self.meta.borrow().accounts().secret(purpose).unwrap_or_default()
    }

    /// Up to `max` accounts behind this one, by address.
    pub fn behind(&self, account: Option<&BareJid>, max: usize) -> Vec<BareJid> {
        self.meta.borrow().accounts().behind(account).take(max).cloned().collect()
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

    /// Ends an account. Every node ends its sessions when it learns of that.
    pub async fn delete(&self, name: &str) -> Result<BareJid, AccountError> {
        let account = self.account(name)?;
        self.change(AccountRequest::Delete(account.clone())).await?;
        info!(%account, "account deleted");
        Ok(account)
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
        match self.cluster.ask(MetaRequest::Account(request)).await {
            Ok(_) => Ok(()),
            Err(MetaError::Refused(MetaRefusal::Account(refusal))) => Err(AccountError::Refused(refusal)),
            Err(error) => Err(AccountError::Unreachable(error.to_string())),
        }
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountError::Name(text) | AccountError::Unreachable(text) => f.write_str(text),
            AccountError::Password(cause) => cause.fmt(f),
            AccountError::Refused(refusal) => refusal.fmt(f),
        }
    }
}

impl std::error::Error for AccountError {}

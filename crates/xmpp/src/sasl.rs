//! SASL (RFC 6120 §6) as the server sees it: an exchange is fed with what the client says and what is stored of the
//! account, and answers with the next step.
//!
//! An account that does not exist and a password that is wrong are the same to the client: same messages, same work,
//! and a failure only at the end.

mod channel_binding;
mod credentials;
mod failure;
mod hash;
mod plain;
mod scram;
mod scram_message;

use stringprep::saslprep;

pub use channel_binding::{ChannelBinding, TLS_EXPORTER};
pub use credentials::{Credentials, CredentialsError, Decoy, ITERATIONS_DEFAULT, ITERATIONS_MIN, SALT_BYTES, ScramKeys};
pub use failure::{Failure, FailureCondition};

use crate::jid::BareJid;
pub(crate) use hash::Hash;
use plain::Plain;
use scram::Scram;

/// How a client can prove who it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mechanism {
    /// RFC 7677, bound to the TLS connection.
    ScramSha256Plus,
    /// RFC 5802, bound to the TLS connection.
    ScramSha1Plus,
    /// RFC 7677.
    ScramSha256,
    /// RFC 5802.
    ScramSha1,
    /// RFC 4616.
    Plain,
}

impl Mechanism {
    /// All of them, the strongest first.
    pub const ALL: [Mechanism; 5] =
        [Mechanism::ScramSha256Plus, Mechanism::ScramSha1Plus, Mechanism::ScramSha256, Mechanism::ScramSha1, Mechanism::Plain];

    /// Its registered name.
    pub fn as_str(self) -> &'static str {
        match self {
            Mechanism::ScramSha256Plus => "SCRAM-SHA-256-PLUS",
            Mechanism::ScramSha1Plus => "SCRAM-SHA-1-PLUS",
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::ScramSha1 => "SCRAM-SHA-1",
            Mechanism::Plain => "PLAIN",
        }
    }

    /// The mechanism of this name.
    pub fn parse(name: &str) -> Option<Mechanism> {
        Mechanism::ALL.into_iter().find(|mechanism| mechanism.as_str() == name)
    }

    /// Whether it needs a channel binding.
    pub fn is_plus(self) -> bool {
        matches!(self, Mechanism::ScramSha256Plus | Mechanism::ScramSha1Plus)
    }
}

/// What must happen next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Step {
    /// Send this, and give the client's response to [`Exchange::respond`].
    Challenge(Vec<u8>),
    /// Give what is stored of this account to [`Exchange::credentials`].
    LookUp {
        /// Prepared; perhaps nobody's.
        account: BareJid,
    },
    /// The client is who it says.
    Success {
        /// Who that is.
        account: BareJid,
        /// What goes into `<success/>`.
        additional: Option<Vec<u8>>,
    },
}

/// One attempt to log in. After a failure or a success nothing may follow.
pub struct Exchange {
    domain: String,
    mechanism: Running,
}

enum Running {
    Plain(Plain),
    Scram(Box<Scram>),
}

impl Exchange {
    /// Begins. `domain` is prepared; `nonce` is printable ASCII without a comma, never used before, and only SCRAM
    /// uses it. `binding` is what the connection offers, whichever mechanism was chosen.
    pub fn new(mechanism: Mechanism, domain: &str, binding: ChannelBinding, nonce: String) -> Exchange {
        let scram = |hash: Hash| Running::Scram(Box::new(Scram::new(hash, mechanism.is_plus(), binding, nonce)));
        let running = match mechanism {
            Mechanism::ScramSha256Plus | Mechanism::ScramSha256 => scram(Hash::Sha256),
            Mechanism::ScramSha1Plus | Mechanism::ScramSha1 => scram(Hash::Sha1),
            Mechanism::Plain => Running::Plain(Plain::Start),
        };
        Exchange { domain: domain.to_owned(), mechanism: running }
    }

    /// Takes the initial response or a later one, decoded.
    pub fn respond(&mut self, data: &[u8]) -> Result<Step, Failure> {
        match &mut self.mechanism {
            Running::Plain(plain) => plain.respond(data, &self.domain),
            Running::Scram(scram) => scram.respond(data, &self.domain),
        }
    }

    /// Takes the answer to [`Step::LookUp`]; none where there is no such account.
    pub fn credentials(&mut self, found: Option<&Credentials>, decoy: &Decoy) -> Result<Step, Failure> {
        match &mut self.mechanism {
            Running::Plain(plain) => plain.credentials(found, decoy),
            Running::Scram(scram) => scram.credentials(found, decoy),
        }
    }
}

/// Who somebody says to be.
pub(crate) struct Account(BareJid);

impl Account {
    /// The account of a simple user name (RFC 6120 §6.3.7: the localpart). A name that no account can have is refused at
    /// once, which tells nobody anything.
    fn named(name: &str, domain: &str) -> Result<Account, Failure> {
        let name = saslprep(name).map_err(|_| Failure::REJECTED)?;
        let account = BareJid::parse(&format!("{name}@{domain}")).map_err(|_| Failure::REJECTED)?;
        // A name with an at sign or a slash would have moved the domain.
        if account.domain() == domain && account.local().is_some() { Ok(Account(account)) } else { Err(Failure::REJECTED) }
    }

    /// RFC 6120 §6.3.8: nobody acts for anybody else here.
    fn check_authzid(&self, authzid: &str) -> Result<(), Failure> {
        if authzid.is_empty() || BareJid::parse(authzid).is_ok_and(|jid| jid == self.0) {
            return Ok(());
        }
        Err(Failure::new(FailureCondition::InvalidAuthzid, "the authorization identity is not the bare JID of the user"))
    }

    fn jid(&self) -> &BareJid {
        &self.0
    }

    fn into_jid(self) -> BareJid {
        self.0
    }
}

#[cfg(test)]
mod tests;

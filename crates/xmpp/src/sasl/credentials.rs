//! What is kept of a password: SCRAM keys (RFC 5802 §3), from which it cannot be read.

use std::fmt;

use stringprep::saslprep;
use subtle::ConstantTimeEq;

use super::hash::Hash;
use crate::jid::BareJid;

/// The fewest iterations that may be stored (RFC 7677 §4).
pub const ITERATIONS_MIN: u32 = 4096;

/// The iterations that new accounts get.
///
/// More than the floor of RFC 7677, and few enough that a phone derives its keys in well under a second: the client pays
/// for SCRAM, the server for PLAIN.
pub const ITERATIONS_DEFAULT: u32 = 10_000;

/// Bytes of salt that new accounts get: 128 random bits never repeat (RFC 5802 §5.1 asks for uniqueness).
pub const SALT_BYTES: usize = 16;

/// What an account stores: one salt, and the keys of both hashes made with it.
///
/// The same salt for both is no loss: the two hashes have nothing in common, and the salt is what a client that changes
/// between them may keep.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// Random, and known to everybody who knows the name; usually [`SALT_BYTES`] long.
    pub salt: Vec<u8>,
    /// Rounds of PBKDF2.
    pub iterations: u32,
    /// For SCRAM-SHA-1: 20 bytes each.
    pub sha1: ScramKeys,
    /// For SCRAM-SHA-256 and PLAIN: 32 bytes each.
    pub sha256: ScramKeys,
}

/// The two keys of RFC 5802 §3.
#[derive(Clone, PartialEq, Eq)]
pub struct ScramKeys {
    /// `H(ClientKey)`: checks a client's proof, and makes none.
    pub stored_key: Vec<u8>,
    /// Signs what the server says last.
    pub server_key: Vec<u8>,
}

/// Why a password cannot be stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CredentialsError {
    /// The password has characters that not every client can send alike (SASLprep, RFC 4013).
    Unpreparable(String),
    /// The password is empty, or prepares to nothing.
    EmptyPassword,
    /// There is no salt.
    EmptySalt,
    /// Fewer iterations than [`ITERATIONS_MIN`].
    TooFewIterations(u32),
}

impl Credentials {
    /// Derives the keys of both hashes; takes as long as `iterations` say.
    pub fn derive(password: &str, salt: &[u8], iterations: u32) -> Result<Credentials, CredentialsError> {
        if salt.is_empty() {
            return Err(CredentialsError::EmptySalt);
        }
        if iterations < ITERATIONS_MIN {
            return Err(CredentialsError::TooFewIterations(iterations));
        }
        let password = saslprep(password).map_err(|e| CredentialsError::Unpreparable(e.to_string()))?;
        if password.is_empty() {
            return Err(CredentialsError::EmptyPassword);
        }
        let keys = |hash: Hash| ScramKeys::of(hash, &hash.salted_password(password.as_bytes(), salt, iterations));
        Ok(Credentials { salt: salt.to_vec(), iterations, sha1: keys(Hash::Sha1), sha256: keys(Hash::Sha256) })
    }

    /// Whether this is the password (RFC 4616 §4). The time it takes says nothing about the answer.
    pub fn verify_plain(&self, password: &str) -> bool {
        // A text that nobody can have as a password fails for every account alike, so it may fail at once.
        let Ok(password) = saslprep(password) else { return false };
        if password.is_empty() {
            return false;
        }
        let salted = Hash::Sha256.salted_password(password.as_bytes(), &self.salt, self.iterations);
        ScramKeys::of(Hash::Sha256, &salted).stored_key.ct_eq(&self.sha256.stored_key).into()
    }

    pub(crate) fn keys(&self, hash: Hash) -> &ScramKeys {
        match hash {
            Hash::Sha1 => &self.sha1,
            Hash::Sha256 => &self.sha256,
        }
    }
}

impl ScramKeys {
    fn of(hash: Hash, salted_password: &[u8]) -> ScramKeys {
        let client_key = hash.hmac(salted_password, b"Client Key");
        ScramKeys { stored_key: hash.digest(&client_key), server_key: hash.hmac(salted_password, b"Server Key") }
    }
}

/// Makes the credentials of accounts that do not exist, so that they answer as those that do.
#[derive(Clone, Copy)]
pub struct Decoy {
    /// Kept over restarts: a salt that changed would tell a decoy from an account.
    pub secret: [u8; 32],
    /// The count that new accounts get.
    pub iterations: u32,
}

impl Decoy {
    /// The same for the same name, and nothing that any password fits.
    pub fn credentials(&self, account: &BareJid) -> Credentials {
        let derive = |label: &str| Hash::Sha256.hmac(&self.secret, format!("{label}\0{account}").as_bytes());
        let keys = |hash: Hash, label: &str| ScramKeys::of(hash, &derive(label));
        let mut salt = derive("salt");
        salt.truncate(SALT_BYTES);
        Credentials { salt, iterations: self.iterations, sha1: keys(Hash::Sha1, "sha1"), sha256: keys(Hash::Sha256, "sha256") }
    }
}

/// Says nothing of the keys: they let anybody who has them play the server.
impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl fmt::Debug for ScramKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ScramKeys").finish_non_exhaustive()
    }
}

impl fmt::Debug for Decoy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Decoy").field("iterations", &self.iterations).finish_non_exhaustive()
    }
}

impl fmt::Display for CredentialsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            CredentialsError::Unpreparable(cause) => write!(f, "the password cannot be used with every client: {cause}"),
            CredentialsError::EmptyPassword => f.write_str("the password is empty"),
            CredentialsError::EmptySalt => f.write_str("the salt is empty"),
            CredentialsError::TooFewIterations(given) => {
                write!(f, "{given} iterations are too few, the least is {ITERATIONS_MIN}")
            }
        }
    }
}

impl std::error::Error for CredentialsError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn derive(password: &str) -> Result<Credentials, CredentialsError> {
        Credentials::derive(password, b"0123456789abcdef", ITERATIONS_MIN)
    }

    #[test]
    fn only_the_password_itself_fits() {
        let credentials = derive("pass word").unwrap();
        for (password, fits) in
            [("pass word", true), ("pass\u{a0}wo\u{ad}rd", true), ("Pass word", false), ("", false), ("\u{7}", false)]
        {
            assert_eq!(credentials.verify_plain(password), fits, "{password:?}");
        }
    }

    #[test]
    fn what_cannot_be_stored_is_refused() {
        assert_eq!(derive("").unwrap_err(), CredentialsError::EmptyPassword);
        assert_eq!(derive("\u{ad}").unwrap_err(), CredentialsError::EmptyPassword);
        assert!(matches!(derive("a\u{7}\u{e9}"), Err(CredentialsError::Unpreparable(_))));
        assert_eq!(Credentials::derive("x", b"", 4096).unwrap_err(), CredentialsError::EmptySalt);
        assert_eq!(Credentials::derive("x", b"s", 4095).unwrap_err(), CredentialsError::TooFewIterations(4095));
    }

    #[test]
    fn a_decoy_stays_the_same_and_fits_nothing() {
        let decoy = Decoy { secret: [7; 32], iterations: ITERATIONS_MIN };
        let [a, b] = ["a@localhost", "b@localhost"].map(|jid| BareJid::parse(jid).unwrap());
        assert_eq!(decoy.credentials(&a), decoy.credentials(&a));
        assert_ne!(decoy.credentials(&a).salt, decoy.credentials(&b).salt);
        assert_eq!(decoy.credentials(&a).salt.len(), SALT_BYTES);
        assert!(!decoy.credentials(&a).verify_plain("password"));
    }

    #[test]
    fn damaged_keys_fit_nothing() {
        let mut credentials = derive("password").unwrap();
        credentials.sha256.stored_key.truncate(5);
        assert!(!credentials.verify_plain("password"));
    }

    #[test]
    fn keys_are_never_printed() {
        let credentials = derive("password").unwrap();
        assert_eq!(format!("{credentials:?} {:?}", credentials.sha1), "Credentials { iterations: 4096, .. } ScramKeys { .. }");
    }
}

//! PLAIN (RFC 4616): the password itself, inside TLS.

use subtle::{Choice, ConstantTimeEq};

use super::credentials::{Credentials, Decoy};
use super::failure::Failure;
use super::{Account, Step};

/// One attempt.
pub(crate) enum Plain {
    /// Waits for the client's only message.
    Start,
    /// Waits for what is stored.
    LookedUp { account: Account, password: String },
    /// Nothing follows.
    Over,
}

impl Plain {
    pub(crate) fn respond(&mut self, data: &[u8], domain: &str) -> Result<Step, Failure> {
        if !matches!(self, Plain::Start) {
            return Err(Failure::malformed("nothing more was asked for"));
        }
        let message = std::str::from_utf8(data).map_err(|_| Failure::malformed("the message is not UTF-8"))?;
        let (authzid, name, password) = parts(message)?;
        let account = Account::named(name, domain)?;
        account.check_authzid(authzid)?;
        let look_up = Step::LookUp { account: account.jid().clone() };
        *self = Plain::LookedUp { account, password: password.to_owned() };
        Ok(look_up)
    }

    pub(crate) fn credentials(&mut self, found: Option<&Credentials>, decoy: &Decoy) -> Result<Step, Failure> {
        let Plain::LookedUp { account, password } = std::mem::replace(self, Plain::Over) else {
            return Err(Failure::REJECTED);
        };
        let decoy = decoy.credentials(account.jid());
        let known = Choice::from(u8::from(found.is_some()));
        let fits = u8::from(found.unwrap_or(&decoy).verify_plain(&password)).ct_eq(&1);
        if bool::from(known & fits) {
            Ok(Step::Success { account: account.into_jid(), additional: None })
        } else {
            Err(Failure::REJECTED)
        }
    }
}

/// `[authzid] NUL authcid NUL passwd`.
fn parts(message: &str) -> Result<(&str, &str, &str), Failure> {
    let parts: Vec<&str> = message.split('\0').collect();
    match parts[..] {
        [authzid, name, password] if !name.is_empty() && !password.is_empty() => Ok((authzid, name, password)),
        _ => Err(Failure::malformed("the message is not: authzid, NUL, name, NUL, password")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sasl::ITERATIONS_MIN;

    fn outcome(message: &str, stored: Option<&Credentials>) -> String {
        let mut plain = Plain::Start;
        let decoy = Decoy { secret: [1; 32], iterations: ITERATIONS_MIN };
        let step = plain.respond(message.as_bytes(), "localhost").and_then(|_| plain.credentials(stored, &decoy));
        match step {
            Ok(Step::Success { account, .. }) => account.to_string(),
            Ok(other) => format!("{other:?}"),
            Err(failure) => failure.condition.as_str().to_owned(),
        }
    }

    #[test]
    fn a_login_has_one_outcome() {
        let stored = Credentials::derive("secret", b"salt", ITERATIONS_MIN).unwrap();
        for (message, known, expected) in [
            ("\0user\0secret", true, "user@localhost"),
            ("\0User\0secret", true, "user@localhost"),
            ("user@localhost\0user\0secret", true, "user@localhost"),
            ("User@LocalHost\0user\0secret", true, "user@localhost"),
            ("other@localhost\0user\0secret", true, "invalid-authzid"),
            ("user@localhost/phone\0user\0secret", true, "invalid-authzid"),
            ("@\0user\0secret", true, "invalid-authzid"),
            ("\0user\0Secret", true, "not-authorized"),
            ("\0user\0secret", false, "not-authorized"),
            ("\0user@localhost\0secret", true, "not-authorized"),
            ("\0user/x\0secret", true, "not-authorized"),
            ("\0localhost/x\0secret", true, "not-authorized"),
            ("\0user\0", true, "malformed-request"),
            ("\0\0secret", true, "malformed-request"),
            ("user\0secret", true, "malformed-request"),
            ("\0user\0sec\0ret", true, "malformed-request"),
        ] {
            assert_eq!(outcome(message, known.then_some(&stored)), expected, "{message:?}");
        }
        assert!(Plain::Start.respond(b"\0user\0\xff", "localhost").is_err());
    }
}

//! Changes of accounts as bytes (`proto/accounts.proto`), both ways. The generated types never leave this file.

use std::fmt;

use conclave_xmpp::{BareJid, Credentials, ScramKeys};
use prost::Message;

use crate::accounts::{AccountChange, Secret};

#[allow(missing_docs)]
mod proto {
    include!(concat!(env!("OUT_DIR"), "/conclave.accounts.v1.rs"));
}

/// Bytes that are nothing this version knows. Whoever meets them stops rather than skips.
#[derive(Debug, PartialEq, Eq)]
pub struct UndecodableAccount {
    what: String,
}

impl fmt::Display for UndecodableAccount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a record of an account cannot be read: {}; was it written by a newer version?", self.what)
    }
}

impl std::error::Error for UndecodableAccount {}

fn lacks(what: &str) -> UndecodableAccount {
    UndecodableAccount { what: format!("it lacks {what}") }
}

fn malformed(cause: prost::DecodeError) -> UndecodableAccount {
    UndecodableAccount { what: cause.to_string() }
}

type Decoded<T> = Result<T, UndecodableAccount>;

/// A change as the log and the state keep it.
pub fn encode_change(change: &AccountChange) -> Vec<u8> {
    use proto::change::Change as To;
    let change = match change {
        AccountChange::Begin(secret) => To::Begin(proto::Begin { secret: secret.0.to_vec() }),
        AccountChange::Put(jid, credentials) => {
            To::Put(proto::Account { jid: jid.to_string(), credentials: Some(from_credentials(credentials)) })
        }
        AccountChange::Delete(jid) => To::Delete(jid.to_string()),
    };
    proto::Change { change: Some(change) }.encode_to_vec()
}

/// The change that the log or the state kept.
pub fn decode_change(bytes: &[u8]) -> Decoded<AccountChange> {
    use proto::change::Change as From;
    let change = proto::Change::decode(bytes).map_err(malformed)?.change.ok_or_else(|| lacks("a change that is known"))?;
    Ok(match change {
        From::Begin(begin) => AccountChange::Begin(to_secret(&begin.secret)?),
        From::Put(account) => AccountChange::Put(BareJid::from_stored(&account.jid), to_credentials(account.credentials)?),
        From::Delete(jid) => AccountChange::Delete(BareJid::from_stored(&jid)),
    })
}

fn to_secret(bytes: &[u8]) -> Decoded<Secret> {
    bytes.try_into().map(Secret).map_err(|_| lacks("the 32 bytes of a secret"))
}

fn from_credentials(credentials: &Credentials) -> proto::Credentials {
    let keys = |keys: &ScramKeys| proto::ScramKeys { stored_key: keys.stored_key.clone(), server_key: keys.server_key.clone() };
    proto::Credentials {
        salt: credentials.salt.clone(),
        iterations: credentials.iterations,
        sha1: Some(keys(&credentials.sha1)),
        sha256: Some(keys(&credentials.sha256)),
    }
}

fn to_credentials(credentials: Option<proto::Credentials>) -> Decoded<Credentials> {
    let credentials = credentials.ok_or_else(|| lacks("credentials"))?;
    if credentials.salt.is_empty() || credentials.iterations == 0 {
        return Err(lacks("a salt and a number of iterations"));
    }
    Ok(Credentials {
        salt: credentials.salt,
        iterations: credentials.iterations,
        sha1: to_keys(credentials.sha1, 20)?,
        sha256: to_keys(credentials.sha256, 32)?,
    })
}

/// A key of another length would fit no proof, so the account could never log in; that is damage, and is said.
fn to_keys(keys: Option<proto::ScramKeys>, length: usize) -> Decoded<ScramKeys> {
    let keys = keys.ok_or_else(|| lacks("the keys of a hash"))?;
    if keys.stored_key.len() != length || keys.server_key.len() != length {
        return Err(UndecodableAccount { what: format!("its keys are not {length} bytes long") });
    }
    Ok(ScramKeys { stored_key: keys.stored_key, server_key: keys.server_key })
}

#[cfg(test)]
mod tests {
    use conclave_xmpp::sasl::ITERATIONS_MIN;
    use expect_test::expect;

    use super::*;

    fn credentials() -> Credentials {
        Credentials::derive("password", b"0123456789abcdef", ITERATIONS_MIN).unwrap()
    }

    #[test]
    fn every_change_comes_back_as_it_was() {
        let jid = BareJid::parse("user@localhost").unwrap();
        for change in [
            AccountChange::Begin(Secret([3; 32])),
            AccountChange::Put(jid.clone(), credentials()),
            AccountChange::Delete(jid.clone()),
        ] {
            assert_eq!(decode_change(&encode_change(&change)), Ok(change));
        }
    }

    #[test]
    fn what_is_on_disk_keeps_its_form() {
        let put = encode_change(&AccountChange::Put(BareJid::from_stored("a@b"), credentials()));
        let hex: String = put.iter().map(|byte| format!("{byte:02x}")).collect();
        expect!["1291010a036140621289010a10303132333435363738396162636465661080201a2c0a14460a53747a9e90fec4e8d8d0db9ebefb5df378231214551d05227c9c5d22ae57fefe41a33fea248c6d6922440a20c231822a80887045a23f1486eedff09dbfd820230416bd4964d65228d8ded7681220e8d1bfbe4cce8cada8ca5d75a9e34405e2ae398dd04386adb305d86c804eefd4"].assert_eq(&hex);
    }

    #[test]
    fn damage_is_said() {
        let (mut short, mut unsalted) = (credentials(), credentials());
        short.sha256.stored_key.pop();
        unsalted.salt.clear();
        let begin = proto::Begin { secret: b"short".to_vec() };
        let begin = proto::Change { change: Some(proto::change::Change::Begin(begin)) }.encode_to_vec();
        let cases = [
            decode_change(b"").unwrap_err(),
            decode_change(b"\x0a").unwrap_err(),
            decode_change(&encode_change(&AccountChange::Put(BareJid::from_stored("a@b"), short))).unwrap_err(),
            decode_change(&encode_change(&AccountChange::Put(BareJid::from_stored("a@b"), unsalted))).unwrap_err(),
            decode_change(&begin).unwrap_err(),
        ];
        let texts: Vec<String> = cases.iter().map(ToString::to_string).collect();
        expect![[r#"
            a record of an account cannot be read: it lacks a change that is known; was it written by a newer version?
            a record of an account cannot be read: failed to decode Protobuf message: Change.change: invalid varint; was it written by a newer version?
            a record of an account cannot be read: its keys are not 32 bytes long; was it written by a newer version?
            a record of an account cannot be read: it lacks a salt and a number of iterations; was it written by a newer version?
            a record of an account cannot be read: it lacks the 32 bytes of a secret; was it written by a newer version?"#]].assert_eq(&texts.join("\n"));
    }
}

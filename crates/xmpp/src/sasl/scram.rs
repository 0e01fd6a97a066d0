//! SCRAM (RFC 5802, RFC 7677), with and without channel binding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use subtle::{Choice, ConstantTimeEq};

use super::channel_binding::{ChannelBinding, TLS_EXPORTER};
use super::credentials::{Credentials, Decoy, ScramKeys};
use super::failure::{Failure, FailureCondition};
use super::hash::Hash;
use super::scram_message::{BindingFlag, ClientFinal, ClientFirst};
use super::{Account, Step};

/// One attempt.
pub(crate) struct Scram {
    hash: Hash,
    /// Whether the client chose the -PLUS mechanism.
    plus: bool,
    /// What the connection offers; [`ChannelBinding::Missing`] means that no -PLUS was offered.
    binding: ChannelBinding,
    /// The server's part of the nonce: printable, no comma.
    nonce: String,
    state: State,
}

enum State {
    /// Waits for client-first-message.
    First,
    /// Waits for what is stored.
    LookUp { account: Account, opening: Opening },
    /// Waits for client-final-message.
    Final { account: Account, opening: Opening, server_first: String, keys: ScramKeys, known: Choice },
    /// Nothing follows.
    Over,
}

/// What of client-first-message is needed later.
struct Opening {
    /// gs2-header and channel binding data: what `c=` must repeat.
    binding_input: Vec<u8>,
    bare: String,
    /// Client's and server's part.
    nonce: String,
}

impl Scram {
    pub(crate) fn new(hash: Hash, plus: bool, binding: ChannelBinding, nonce: String) -> Scram {
        Scram { hash, plus, binding, nonce, state: State::First }
    }

    pub(crate) fn respond(&mut self, data: &[u8], domain: &str) -> Result<Step, Failure> {
        match std::mem::replace(&mut self.state, State::Over) {
            State::First => self.first(data, domain),
            State::Final { account, opening, server_first, keys, known } => {
                let signature = self.prove(data, &opening, &server_first, &keys, known)?;
                let additional = format!("v={}", STANDARD.encode(signature)).into_bytes();
                Ok(Step::Success { account: account.into_jid(), additional: Some(additional) })
            }
            State::LookUp { .. } | State::Over => Err(Failure::malformed("nothing more was asked for")),
        }
    }

    pub(crate) fn credentials(&mut self, found: Option<&Credentials>, decoy: &Decoy) -> Result<Step, Failure> {
        let State::LookUp { account, opening } = std::mem::replace(&mut self.state, State::Over) else {
            return Err(Failure::REJECTED);
        };
        // The decoy is made for every account, so that its making takes no time that an existing one would not take.
        let decoy = decoy.credentials(account.jid());
        let credentials = found.unwrap_or(&decoy);
        let salt = STANDARD.encode(&credentials.salt);
        let server_first = format!("r={},s={salt},i={}", opening.nonce, credentials.iterations);
        let challenge = Step::Challenge(server_first.clone().into_bytes());
        let keys = credentials.keys(self.hash).clone();
        let known = Choice::from(u8::from(found.is_some()));
        self.state = State::Final { account, opening, server_first, keys, known };
        Ok(challenge)
    }

    fn first(&mut self, data: &[u8], domain: &str) -> Result<Step, Failure> {
        let first = ClientFirst::parse(data)?;
        self.check_flag(first.flag)?;
        let account = Account::named(&first.name, domain)?;
        account.check_authzid(&first.authzid)?;
        let mut binding_input = first.header.as_bytes().to_vec();
        if self.plus {
            binding_input.extend_from_slice(self.binding.exported().unwrap_or_default());
        }
        let nonce = format!("{}{}", first.nonce, self.nonce);
        let opening = Opening { binding_input, bare: first.bare.to_owned(), nonce };
        let look_up = Step::LookUp { account: account.jid().clone() };
        self.state = State::LookUp { account, opening };
        Ok(look_up)
    }

    /// RFC 5802 §6.
    fn check_flag(&self, flag: BindingFlag<'_>) -> Result<(), Failure> {
        let offered = self.binding.exported().is_some();
        match flag {
            BindingFlag::Used(TLS_EXPORTER) if self.plus && offered => Ok(()),
            BindingFlag::Used(_) if self.plus => {
                Err(Failure::malformed("the only type of channel binding offered is tls-exporter"))
            }
            BindingFlag::Used(_) => Err(Failure::malformed("channel binding needs a mechanism whose name ends in -PLUS")),
            _ if self.plus => Err(Failure::malformed("a mechanism whose name ends in -PLUS needs channel binding")),
            // The client saw no -PLUS where some was offered: somebody between us took it out of the list.
            BindingFlag::NotOffered if offered => {
                Err(Failure::new(FailureCondition::NotAuthorized, "channel binding was offered, and did not reach you"))
            }
            BindingFlag::NotOffered | BindingFlag::Unsupported => Ok(()),
        }
    }

    /// RFC 5802 §3: checks the proof and gives the server's signature.
    fn prove(
        &self,
        data: &[u8],
        opening: &Opening,
        server_first: &str,
        keys: &ScramKeys,
        known: Choice,
    ) -> Result<Vec<u8>, Failure> {
        let last = ClientFinal::parse(data)?;
        if !bool::from(last.nonce.as_bytes().ct_eq(opening.nonce.as_bytes())) {
            return Err(Failure::malformed("the nonce is not the one that was sent"));
        }
        if !bool::from(last.binding.ct_eq(&opening.binding_input)) {
            return Err(Failure::new(FailureCondition::NotAuthorized, "the channel binding is not that of this connection"));
        }
        let message = format!("{},{server_first},{}", opening.bare, last.without_proof);
        let signature = self.hash.hmac(&keys.stored_key, message.as_bytes());
        let client_key: Vec<u8> = last.proof.iter().zip(&signature).map(|(proof, signature)| proof ^ signature).collect();
        let whole = last.proof.len().ct_eq(&signature.len());
        let fits = self.hash.digest(&client_key).ct_eq(&keys.stored_key);
        if bool::from(whole & fits & known) {
            Ok(self.hash.hmac(&keys.server_key, message.as_bytes()))
        } else {
            Err(Failure::REJECTED)
        }
    }
}

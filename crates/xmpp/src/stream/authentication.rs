//! SASL on the stream (RFC 6120 §6.4).

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::{Action, Question, SASL_TRIES_MAX, Stage, Stream, TlsPolicy, error, features, send};
use crate::element::Element;
use crate::ns;
use crate::sasl::{ChannelBinding, Credentials, Decoy, Exchange, Failure, FailureCondition, Mechanism, Step};
use crate::stream_error::{StreamCondition, StreamError};

/// What an attempt comes to: nothing yet, or a reason to end the stream.
type Done = Result<(), StreamError>;

impl Stream {
    /// Takes an element of somebody who has not logged in.
    pub(super) fn of_stranger(&mut self, element: Element, out: &mut Vec<Action>) -> Done {
        match element.namespace() {
            ns::SASL => self.sasl(&element, out),
            // RFC 6120 §4.9.3.12.
            ns::CLIENT => Err(error(StreamCondition::NotAuthorized, "log in first")),
            _ => Err(unknown(&element)),
        }
    }

    /// Takes what is stored of the account that wants to log in.
    pub(super) fn looked_up(&mut self, found: Option<&Credentials>, out: &mut Vec<Action>) -> Done {
        let decoy = Decoy { secret: self.settings.decoy_secret, iterations: self.settings.iterations };
        self.with_exchange(|exchange| exchange.credentials(found, &decoy), out)
    }

    fn sasl(&mut self, element: &Element, out: &mut Vec<Action>) -> Done {
        let running = self.negotiation.as_ref().is_some_and(|negotiation| negotiation.exchange.is_some());
        match element.name() {
            "auth" if running => self.failed(out_of_turn("an attempt is under way already"), out),
            "auth" => self.auth(element, out),
            "response" if running => match decode(element) {
                Ok(data) => self.with_exchange(|exchange| exchange.respond(&data), out),
                Err(failure) => self.failed(failure, out),
            },
            "response" => self.failed(out_of_turn("no attempt is under way"), out),
            "abort" => self.failed(Failure { condition: FailureCondition::Aborted, text: None }, out),
            _ => Err(unknown(element)),
        }
    }

    fn auth(&mut self, element: &Element, out: &mut Vec<Action>) -> Done {
        let mechanism = match self.chosen(element.attribute("mechanism")) {
            Ok(mechanism) => mechanism,
            Err(failure) => return self.failed(failure, out),
        };
        let initial = match decode(element) {
            Ok(data) => data,
            Err(failure) => return self.failed(failure, out),
        };
        let Some(negotiation) = &mut self.negotiation else { return Ok(()) };
        let binding = negotiation.tls.clone().unwrap_or(ChannelBinding::Missing);
        let nonce = negotiation.nonces.make("scram");
        negotiation.exchange = Some(Exchange::new(mechanism, &self.settings.domain, binding, nonce));
        if element.text().is_empty() {
            // RFC 6120 §6.4.2: the client speaks first in all our mechanisms, and here it waits to be asked.
            out.push(send(&Element::new("challenge", ns::SASL)));
            return Ok(());
        }
        self.with_exchange(|exchange| exchange.respond(&initial), out)
    }

    fn chosen(&self, name: Option<&str>) -> Result<Mechanism, Failure> {
        let tls = self.negotiation.as_ref().and_then(|negotiation| negotiation.tls.as_ref());
        let mechanism = name.and_then(Mechanism::parse).ok_or(NOT_OFFERED)?;
        if features::mechanisms(&self.settings, tls).contains(&mechanism) {
            return Ok(mechanism);
        }
        if tls.is_none() && self.settings.tls != TlsPolicy::Unavailable {
            return Err(Failure { condition: FailureCondition::EncryptionRequired, text: Some("use STARTTLS first") });
        }
        Err(NOT_OFFERED)
    }

    fn with_exchange(&mut self, run: impl FnOnce(&mut Exchange) -> Result<Step, Failure>, out: &mut Vec<Action>) -> Done {
        let Some(exchange) = self.negotiation.as_mut().and_then(|negotiation| negotiation.exchange.as_mut()) else {
            return Ok(());
        };
        match run(exchange) {
            Ok(Step::Challenge(data)) => {
                out.push(send(&Element::new("challenge", ns::SASL).with_text(&STANDARD.encode(data))));
                Ok(())
            }
            Ok(Step::LookUp { account }) => {
                self.stage = Stage::Waiting(Question::Credentials);
                out.push(Action::LookUp { account });
                Ok(())
            }
            Ok(Step::Success { account, additional }) => {
                let success = Element::new("success", ns::SASL);
                out.push(send(&success.with_text(&additional.map(|data| STANDARD.encode(data)).unwrap_or_default())));
                if let Some(negotiation) = &mut self.negotiation {
                    negotiation.exchange = None;
                    negotiation.account = Some(account.clone());
                }
                self.parser.set_limits(self.settings.authenticated);
                self.parser.restart();
                self.expect_header();
                out.push(Action::Authenticated { account });
                Ok(())
            }
            Err(failure) => self.failed(failure, out),
        }
    }

    /// RFC 6120 §6.4.5: the client may try again on the same stream, but not for ever.
    fn failed(&mut self, failure: Failure, out: &mut Vec<Action>) -> Done {
        out.push(send(&failure.to_element()));
        let Some(negotiation) = &mut self.negotiation else { return Ok(()) };
        negotiation.exchange = None;
        negotiation.failed_logins += 1;
        if negotiation.failed_logins < SASL_TRIES_MAX {
            return Ok(());
        }
        Err(error(StreamCondition::PolicyViolation, format!("{SASL_TRIES_MAX} attempts to log in have failed")))
    }
}

const NOT_OFFERED: Failure = Failure {
    condition: FailureCondition::InvalidMechanism,
    text: Some("the mechanism is none of those in the stream features"),
};

/// RFC 6120 §4.9.3.24; so SASL2 (XEP-0388), which is not advertised, ends the stream as anything else does.
pub(super) fn unknown(element: &Element) -> StreamError {
    let text = format!("<{} xmlns='{}'/> is not understood here", element.name(), element.namespace());
    error(StreamCondition::UnsupportedStanzaType, text)
}

fn out_of_turn(text: &'static str) -> Failure {
    Failure { condition: FailureCondition::MalformedRequest, text: Some(text) }
}

/// RFC 6120 §6.4.2: base64, canonical and without white space; a lone `=` is nothing.
fn decode(element: &Element) -> Result<Vec<u8>, Failure> {
    if element.children().next().is_some() {
        return Err(out_of_turn("SASL data is text, not elements"));
    }
    let text = element.text();
    if text == "=" {
        return Ok(Vec::new());
    }
    let not_base64 = Failure { condition: FailureCondition::IncorrectEncoding, text: Some("the data is not base64") };
    STANDARD.decode(text).map_err(|_| not_base64)
}

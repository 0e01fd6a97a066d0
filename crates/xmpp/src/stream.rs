//! A client's stream (RFC 6120) as a machine: bytes in, actions out, from the first header to the last closing tag.
//!
//! ```text
//!  client bytes ──► received ─┐                    ┌─► Send        bytes for the client
//!  TLS is up ─────► tls_established                ├─► StartTls    answered by tls_established
//!  what is stored ► credentials ──► Stream ────────┼─► LookUp      answered by credentials
//!  the session ───► bound     ─┘                   ├─► Bind        answered by bound
//!  we end it ─────► fail, close                    ├─► Authenticated, Stanza
//!                                                  └─► Closing     answered by close
//!                                                      Close       the last one
//! ```
//!
//! Steps come in one order only: header, STARTTLS, header, SASL, header, bind, stanzas. While a question is open nothing
//! is read, so that no answer can overtake another.

mod authentication;
mod bind;
mod features;
mod header;
mod nonces;
mod session;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use compact_str::CompactString;

use crate::element::Element;
use crate::jid::{BareJid, FullJid};
use crate::ns;
use crate::parser::{Event, Limits, Parser, StreamHeader};
use crate::sasl::{ChannelBinding, Credentials, Exchange};
use crate::stanza::Stanza;
use crate::stanza_error::StanzaError;
use crate::stream_error::{StreamCondition, StreamError};
use bind::PendingBind;
use nonces::Nonces;

/// Bytes that may wait while a question is open. A server that stops reading meanwhile never comes near; one that does
/// not must not fill its memory for a client that nobody knows yet.
pub const WAITING_BYTES_MAX: usize = 64 * 1024;

/// Attempts to log in on one stream (RFC 6120 §6.4.5 wants at least 2 and at most 5): the most, since clients go down a
/// list of five mechanisms.
pub const SASL_TRIES_MAX: u8 = 5;

/// Attempts to bind a resource on one stream (RFC 6120 §7.7.3 wants at least 5 and at most 10).
pub const BIND_TRIES_MAX: u8 = 10;

/// What is the same for all streams of a listener. Not to be printed: it has a secret.
#[derive(Clone)]
pub struct StreamSettings {
    /// Whom we are; prepared.
    pub domain: String,
    /// Whether TLS is offered on a stream that began without.
    pub tls: TlsPolicy,
    /// Whether a password may travel in the clear: for trials on loopback. With [`TlsPolicy::Required`] it does nothing.
    pub plain_without_tls: bool,
    /// What a client may send before it has logged in.
    pub before_authentication: Limits,
    /// What it may send from then on.
    pub authenticated: Limits,
    /// Makes users that do not exist look like others. The same on all nodes and over restarts.
    pub decoy_secret: [u8; 32],
    /// Rounds of PBKDF2 that new accounts get, so that those that do not exist show the same.
    pub iterations: u32,
}

/// What a stream that began without TLS offers (RFC 6120 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TlsPolicy {
    /// Nothing but TLS.
    Required,
    /// TLS beside logging in without.
    Optional,
    /// There is no certificate.
    Unavailable,
}

/// What has to be done next, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// Write these bytes.
    Send(Vec<u8>),
    /// Once everything is written, begin the TLS handshake; then [`Stream::tls_established`].
    StartTls,
    /// Find what is stored of this account; then [`Stream::credentials`].
    LookUp {
        /// Perhaps nobody's.
        account: BareJid,
    },
    /// The client is who it says; from now on the limits of authenticated clients hold.
    Authenticated {
        /// Who that is.
        account: BareJid,
    },
    /// Make a session; then [`Stream::bound`].
    Bind {
        /// Prepared: the client's wish, or one that nobody can guess.
        resource: String,
    },
    /// Handle this stanza. Its `from` is the session.
    Stanza(Stanza),
    /// The client has said its last word. Commit what its leaving means; then [`Stream::close`].
    Closing,
    /// Write what is left, then close the connection. Nothing follows.
    Close,
}

/// One client's stream.
pub struct Stream {
    settings: Arc<StreamSettings>,
    parser: Parser,
    stage: Stage,
    /// What is only needed until a resource is bound.
    negotiation: Option<Box<Negotiation>>,
    session: Option<FullJid>,
    /// `xml:lang` of the client's header, which its stanzas inherit.
    lang: Option<CompactString>,
    header_sent: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// The client's header must come.
    Header,
    /// Elements may come.
    Elements,
    /// An answer must come, and until then nothing is read.
    Waiting(Question),
    /// The client has closed, we have not.
    Closing,
    Closed,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Question {
    Tls,
    Credentials,
    Bind,
}

struct Negotiation {
    nonces: Nonces,
    /// What TLS offers, once it is up.
    tls: Option<ChannelBinding>,
    /// The attempt to log in that is under way.
    exchange: Option<Exchange>,
    failed_logins: u8,
    /// Who has logged in.
    account: Option<BareJid>,
    bind: Option<PendingBind>,
    failed_binds: u8,
}

impl Stream {
    /// A stream on a new connection. The seed is secret and never used twice: stream ids, nonces and resources come from
    /// it. `direct_tls` is there if TLS came first (XEP-0368).
    pub fn new(settings: Arc<StreamSettings>, seed: [u8; 32], direct_tls: Option<ChannelBinding>) -> Stream {
        let negotiation = Negotiation {
            nonces: Nonces::new(seed),
            tls: direct_tls,
            exchange: None,
            failed_logins: 0,
            account: None,
            bind: None,
            failed_binds: 0,
        };
        Stream {
            parser: Parser::new(settings.before_authentication),
            settings,
            stage: Stage::Header,
            negotiation: Some(Box::new(negotiation)),
            session: None,
            lang: None,
            header_sent: false,
        }
    }

    /// Takes what the client sent, in pieces of any size. Stops at the first action that asks something; what is behind
    /// it waits, up to [`WAITING_BYTES_MAX`].
    pub fn received(&mut self, bytes: &[u8], out: &mut Vec<Action>) {
        if bytes.is_empty() {
            return;
        }
        match self.stage {
            // RFC 6120 §4.4: nothing may follow a closing tag, and we do not look.
            Stage::Closing | Stage::Closed => return,
            // These bytes were sent before TLS was up, and after we said that TLS comes next.
            Stage::Waiting(Question::Tls) => return self.end(out),
            Stage::Waiting(_) if self.parser.unread() + bytes.len() > WAITING_BYTES_MAX => {
                let text = format!("more than {WAITING_BYTES_MAX} bytes came before the last step was answered");
                return self.fail(error(StreamCondition::PolicyViolation, text), out);
            }
            Stage::Waiting(_) | Stage::Header | Stage::Elements => self.parser.push(bytes),
        }
        self.proceed(out);
    }

    /// Answers [`Action::StartTls`]: the handshake is done. `binding` is the 32 bytes of tls-exporter (RFC 9266), for TLS
    /// 1.3 only.
    pub fn tls_established(&mut self, binding: Option<Vec<u8>>, _out: &mut Vec<Action>) {
        let (Stage::Waiting(Question::Tls), Some(negotiation)) = (self.stage, &mut self.negotiation) else {
            return;
        };
        negotiation.tls = Some(ChannelBinding::from_exporter(binding));
        // RFC 6120 §5.4.3.3: all that was learnt before TLS is forgotten, so the parser is a new one.
        self.parser = Parser::new(self.settings.before_authentication);
        self.expect_header();
    }

    /// Answers [`Action::LookUp`]; none where there is no such account. With PLAIN this takes as long as one derivation
    /// of keys.
    pub fn credentials(&mut self, found: Option<&Credentials>, out: &mut Vec<Action>) {
        if self.stage == Stage::Waiting(Question::Credentials) {
            self.stage = Stage::Elements;
            let looked_up = self.looked_up(found, out);
            self.go_on(looked_up, out);
        }
    }

    /// Answers [`Action::Bind`] with the session, whose resource may be another than the one asked for.
    pub fn bound(&mut self, result: Result<FullJid, StanzaError>, out: &mut Vec<Action>) {
        if self.stage == Stage::Waiting(Question::Bind) {
            self.stage = Stage::Elements;
            let answered = self.answer_bind(result, out);
            self.go_on(answered, out);
        }
    }

    /// Ends the stream from our side with an error: our header if it was not sent yet, the error, our closing tag.
    pub fn fail(&mut self, error: StreamError, out: &mut Vec<Action>) {
        self.end_with(&error.to_string(), out);
    }

    /// Says our closing tag, in answer to the client's or by our own wish.
    pub fn close(&mut self, out: &mut Vec<Action>) {
        self.end_with("", out);
    }

    /// The session, from the moment when it was bound.
    pub fn session(&self) -> Option<&FullJid> {
        self.session.as_ref()
    }

    /// Whether the client has proved who it is.
    pub fn is_authenticated(&self) -> bool {
        self.session.is_some() || self.account().is_some()
    }

    fn account(&self) -> Option<&BareJid> {
        self.negotiation.as_ref()?.account.as_ref()
    }

    fn proceed(&mut self, out: &mut Vec<Action>) {
        while matches!(self.stage, Stage::Header | Stage::Elements) {
            let done = match self.parser.next() {
                Ok(None) => return,
                Ok(Some(event)) => self.event(event, out),
                Err(error) => Err(error),
            };
            if let Err(error) = done {
                self.fail(error, out);
            }
        }
    }

    fn go_on(&mut self, done: Result<(), StreamError>, out: &mut Vec<Action>) {
        match done {
            Ok(()) => self.proceed(out),
            Err(error) => self.fail(error, out),
        }
    }

    fn event(&mut self, event: Event, out: &mut Vec<Action>) -> Result<(), StreamError> {
        match (event, self.stage) {
            (Event::StreamOpen(header), Stage::Header) => self.open(header, out),
            (Event::Element(element), Stage::Elements) => self.element(element, out),
            (Event::StreamClose, _) => {
                self.stage = Stage::Closing;
                out.push(Action::Closing);
                Ok(())
            }
            (Event::StreamOpen(_) | Event::Element(_), _) => {
                Err(error(StreamCondition::BadFormat, "a stream has one header, and it comes first"))
            }
        }
    }

    fn open(&mut self, header: StreamHeader, out: &mut Vec<Action>) -> Result<(), StreamError> {
        let greeting = header::check(&header, &self.settings.domain, self.account())?;
        self.lang = greeting.lang;
        let mut reply = self.header(greeting.from.as_ref());
        if let Some(negotiation) = &self.negotiation {
            features::write(&mut reply, &self.settings, negotiation.tls.as_ref(), negotiation.account.is_some());
        }
        self.stage = Stage::Elements;
        out.push(Action::Send(reply.into_bytes()));
        Ok(())
    }

    fn element(&mut self, element: Element, out: &mut Vec<Action>) -> Result<(), StreamError> {
        if element.is("starttls", ns::TLS) {
            return self.start_tls(out);
        }
        if let Some(session) = self.session.clone() {
            return self.of_session(&session, element, out);
        }
        match self.account().cloned() {
            Some(account) => self.of_account(&account, element, out),
            None => self.of_stranger(element, out),
        }
    }

    /// RFC 6120 §5.4.2.
    fn start_tls(&mut self, out: &mut Vec<Action>) -> Result<(), StreamError> {
        let offered = self.settings.tls != TlsPolicy::Unavailable
            && self.negotiation.as_ref().is_some_and(|n| n.tls.is_none() && n.exchange.is_none() && n.account.is_none());
        if !offered {
            self.end_with(&Element::new("failure", ns::TLS).to_string(), out);
            return Ok(());
        }
        if self.parser.unread() > 0 {
            return Err(error(StreamCondition::PolicyViolation, "nothing may follow <starttls/> until TLS is up"));
        }
        out.push(send(&Element::new("proceed", ns::TLS)));
        out.push(Action::StartTls);
        self.stage = Stage::Waiting(Question::Tls);
        Ok(())
    }

    /// RFC 6120 §4.3.3: after TLS and after SASL the stream begins anew.
    fn expect_header(&mut self) {
        self.stage = Stage::Header;
        self.header_sent = false;
    }

    /// Our header, if it is still to be sent.
    fn header(&mut self, to: Option<&BareJid>) -> String {
        match &mut self.negotiation {
            Some(negotiation) if !self.header_sent => {
                self.header_sent = true;
                header::write(&negotiation.nonces.make("stream"), &self.settings.domain, to, self.lang.as_deref())
            }
            _ => String::new(),
        }
    }

    fn end_with(&mut self, last: &str, out: &mut Vec<Action>) {
        // Between <proceed/> and the end of the handshake the connection belongs to TLS: no word may be said.
        if !matches!(self.stage, Stage::Closed | Stage::Waiting(Question::Tls)) {
            let text = self.header(None) + last + "</stream:stream>";
            out.push(Action::Send(text.into_bytes()));
        }
        self.end(out);
    }

    fn end(&mut self, out: &mut Vec<Action>) {
        if self.stage != Stage::Closed {
            self.stage = Stage::Closed;
            self.negotiation = None;
            out.push(Action::Close);
        }
    }
}

fn error(condition: StreamCondition, text: impl Into<String>) -> StreamError {
    StreamError::new(condition).text(text)
}

fn send(element: &Element) -> Action {
    Action::Send(element.to_string().into_bytes())
}

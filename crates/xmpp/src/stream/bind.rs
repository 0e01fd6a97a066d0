//! Resource binding (RFC 6120 §7).

use super::authentication::unknown;
use super::{Action, BIND_TRIES_MAX, Question, Stage, Stream, error, send};
use crate::element::Element;
use crate::jid::{BareJid, FullJid, Jid};
use crate::ns;
use crate::stanza::{Iq, IqKind, Stanza, StanzaFault};
use crate::stanza_error::{Condition, ErrorKind, StanzaError};
use crate::stream_error::{StreamCondition, StreamError};

/// A request that is not answered yet.
pub(super) struct PendingBind {
    id: String,
    /// Whom the client asked; the answer comes from there.
    to: Option<Jid>,
}

impl PendingBind {
    fn of(iq: &Iq) -> PendingBind {
        PendingBind { id: iq.head.id.as_deref().unwrap_or_default().to_owned(), to: iq.head.to.clone() }
    }

    /// The client has no address yet, so the answer names none in `to`.
    fn answer(&self, kind: &str, content: Element) -> Action {
        let iq = Element::new("iq", ns::CLIENT).with_some("from", self.to.as_ref().map(Jid::as_str));
        send(&iq.with("id", &self.id).with("type", kind).with_child(content))
    }
}

impl Stream {
    /// Takes an element of somebody who has logged in and has no session yet.
    pub(super) fn of_account(&mut self, account: &BareJid, element: Element, out: &mut Vec<Action>) -> Result<(), StreamError> {
        if element.namespace() != ns::CLIENT {
            return Err(unknown(&element));
        }
        match Stanza::from_element(element) {
            Ok(Stanza::Iq(iq)) if asks_to_bind(&iq, account) => self.bind(account, &iq, out),
            Ok(_) | Err(StanzaFault::Faulty(_)) => {
                // RFC 6120 §7.1: no stanza is handled before a resource is bound.
                Err(error(StreamCondition::NotAuthorized, "bind a resource first, with an IQ of type set that has an id"))
            }
            Err(StanzaFault::Unsupported) => {
                Err(error(StreamCondition::UnsupportedStanzaType, "a stanza is a message, a presence or an IQ"))
            }
        }
    }

    fn bind(&mut self, account: &BareJid, iq: &Iq, out: &mut Vec<Action>) -> Result<(), StreamError> {
        let Some(negotiation) = &mut self.negotiation else { return Ok(()) };
        let pending = negotiation.bind.insert(PendingBind::of(iq));
        let resource = match wish(iq) {
            None => Ok(negotiation.nonces.make("resource")),
            Some(wish) => account.with_resource(&wish).map(|full| full.resource().unwrap_or_default().to_owned()),
        };
        match resource {
            Ok(resource) => {
                self.stage = Stage::Waiting(Question::Bind);
                out.push(Action::Bind { resource });
                Ok(())
            }
            Err(e) => {
                // RFC 6120 §7.7.2.1 names the condition.
                let refusal = StanzaError::new(Condition::BadRequest).kind(ErrorKind::Modify).text(format!("resource: {e}"));
                out.push(pending.answer("error", refusal.to_element()));
                self.bind_failed()
            }
        }
    }

    /// Passes the server's answer on.
    pub(super) fn answer_bind(&mut self, result: Result<FullJid, StanzaError>, out: &mut Vec<Action>) -> Result<(), StreamError> {
        let Some(pending) = self.negotiation.as_mut().and_then(|negotiation| negotiation.bind.take()) else {
            return Ok(());
        };
        match result {
            Ok(session) => {
                let jid = Element::new("jid", ns::BIND).with_text(session.as_str());
                out.push(pending.answer("result", Element::new("bind", ns::BIND).with_child(jid)));
                self.session = Some(session);
                self.negotiation = None;
                Ok(())
            }
            Err(refusal) => {
                out.push(pending.answer("error", refusal.to_element()));
                self.bind_failed()
            }
        }
    }

    /// RFC 6120 §7.7.3: the client may try again, but not for ever.
    fn bind_failed(&mut self) -> Result<(), StreamError> {
        let Some(negotiation) = &mut self.negotiation else { return Ok(()) };
        negotiation.bind = None;
        negotiation.failed_binds += 1;
        if negotiation.failed_binds < BIND_TRIES_MAX {
            return Ok(());
        }
        Err(error(StreamCondition::PolicyViolation, format!("{BIND_TRIES_MAX} attempts to bind a resource have failed")))
    }
}

/// Whether this IQ asks us, and not somebody else, for a resource.
pub(super) fn asks_to_bind(iq: &Iq, account: &BareJid) -> bool {
    let ours = iq.head.to.as_ref().is_none_or(|to| *account == *to || to.as_str() == account.domain());
    ours && iq.kind == IqKind::Set && iq.payload().is_some_and(|payload| payload.is("bind", ns::BIND))
}

/// The resource that the client would like; an empty one is none.
fn wish(iq: &Iq) -> Option<String> {
    let resource = iq.payload()?.child("resource", ns::BIND)?.text();
    (!resource.is_empty()).then_some(resource)
}

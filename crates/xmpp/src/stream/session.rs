//! Stanzas of a session (RFC 6120 §8).

use super::authentication::unknown;
use super::bind::asks_to_bind;
use super::{Action, Stream, error};
use crate::element::Element;
use crate::encoded::Encoded;
use crate::jid::{FullJid, Jid};
use crate::ns;
use crate::stanza::{Head, Iq, Message, Presence, Stanza, StanzaFault};
use crate::stanza_error::{Condition, StanzaError};
use crate::stream_error::{StreamCondition, StreamError};

impl Stream {
    /// Takes an element of a session.
    pub(super) fn of_session(
        &mut self,
        session: &FullJid,
        mut element: Element,
        out: &mut Vec<Action>,
    ) -> Result<(), StreamError> {
        if element.namespace() != ns::CLIENT {
            return Err(unknown(&element));
        }
        check_from(&element, session)?;
        element.remove("from");
        match Stanza::from_element(element) {
            Ok(Stanza::Iq(iq)) if asks_to_bind(&iq, &session.to_bare()) => refuse_second_bind(iq, session, out),
            Ok(mut stanza) => {
                self.complete(head_of(&mut stanza), session);
                out.push(Action::Stanza(stanza));
            }
            Err(StanzaFault::Faulty(reply)) => out.extend(reply.map(|reply| answer(&reply, session))),
            Err(StanzaFault::Unsupported) => {
                let text = "a stanza is a message, a presence or an IQ";
                return Err(error(StreamCondition::UnsupportedStanzaType, text));
            }
        }
        Ok(())
    }

    /// RFC 6120 §8.1.2.1 and §8.1.5: whoever gets the stanza sees who sent it and in which language.
    fn complete(&self, head: &mut Head, session: &FullJid) {
        head.from = Some(Jid::from(session.clone()));
        if head.lang.is_none() {
            head.lang = self.lang.clone();
        }
    }
}

/// RFC 6120 §8.1.2.1: a client speaks for itself only.
fn check_from(element: &Element, session: &FullJid) -> Result<(), StreamError> {
    let Some(from) = element.attribute("from") else { return Ok(()) };
    if Jid::parse(from).is_ok_and(|from| *session == from || session.to_bare() == from) {
        return Ok(());
    }
    Err(error(StreamCondition::InvalidFrom, format!("from: this session is {session}")))
}

/// RFC 6120 §7 binds one resource to a stream.
fn refuse_second_bind(iq: Iq, session: &FullJid, out: &mut Vec<Action>) {
    let refusal = StanzaError::new(Condition::NotAllowed).text("this stream has its resource already; open another one");
    out.extend(Stanza::Iq(iq).error_reply(&refusal).map(|reply| answer(&reply, session)));
}

fn answer(reply: &Encoded, session: &FullJid) -> Action {
    Action::Send(reply.for_receiver(session.as_str()))
}

fn head_of(stanza: &mut Stanza) -> &mut Head {
    match stanza {
        Stanza::Message(Message { head, .. }) | Stanza::Presence(Presence { head, .. }) | Stanza::Iq(Iq { head, .. }) => head,
    }
}

//! Who receives a stanza that is addressed to an account or to one of its sessions (RFC 6121 §8.5), and what it looks like.

use conclave_xmpp::{Condition, Encoded, FullJid, Jid, Message, MessageKind, Presence, PresenceKind, Stanza, StanzaError};

use super::{BoundSession, BoundSessions};

impl BoundSessions {
    /// Who receives a stanza to an account or a full JID of it: a full JID means one session, available or not; the account means those of its
    /// sessions that the kind of stanza is for. Empty if nobody does; see [`BoundSessions::unreachable`].
    pub fn receivers(&self, to: &Jid, stanza: &Stanza) -> Vec<BoundSession> {
        if let Some(holder) = to.to_full().and_then(|full| self.holder(&full)) {
            return vec![holder.clone()];
        }
        let account = to.to_bare();
        let is_for: fn(&BoundSession) -> bool = match stanza {
            Stanza::Message(message) if goes_to_account(message, to) => BoundSession::takes_messages,
            // §8.5.2.1.2: to all that are available, whatever their priority. §8.5.3.2.2: to a session that is gone, to nobody.
            Stanza::Presence(Presence { kind: PresenceKind::Available | PresenceKind::Unavailable, .. })
                if to.resource().is_none() =>
            {
                BoundSession::is_available
            }
            // §8.5.2.1.3: the service itself answers for an account.
            Stanza::Message(_) | Stanza::Presence(_) | Stanza::Iq(_) => return Vec::new(),
        };
        self.of(&account).filter(|bound| is_for(bound)).cloned().collect()
    }

    /// What the sender of a stanza gets that nobody receives (RFC 6121 §8.5.2.2, §8.5.3.2); nothing for presences, headlines, results and errors.
    pub fn unreachable(stanza: &Stanza) -> Option<Encoded> {
        match stanza {
            Stanza::Presence(_) | Stanza::Message(Message { kind: MessageKind::Headline, .. }) => None,
            Stanza::Message(_) | Stanza::Iq(_) => stanza.error_reply(&StanzaError::new(Condition::ServiceUnavailable)),
        }
    }
}

impl BoundSession {
    /// Whether it has sent an available presence.
    pub fn is_available(&self) -> bool {
        self.priority.is_some()
    }

    /// Whether messages to the account may go to it (RFC 6121 §8.5.2.1.1).
    pub fn takes_messages(&self) -> bool {
        self.priority.is_some_and(|priority| priority >= 0)
    }
}

/// Whether a message that is for no session in particular, or for one that is gone (§8.5.3.2.1), goes to the others of the account.
fn goes_to_account(message: &Message, to: &Jid) -> bool {
    match message.kind {
        MessageKind::Chat | MessageKind::Normal => true,
        MessageKind::Headline => to.resource().is_none(),
        MessageKind::Groupchat | MessageKind::Error => false,
    }
}

/// The stanza as it is relayed: from the sender's full JID, without what only servers may say. `to` stays what the sender wrote (§8.5.2.1).
pub fn relayed(from: &FullJid, stanza: &Stanza) -> Encoded {
    without_servers_words(stanza).relayed(from)
}

/// Copies of messages and pages of an archive come from servers only; a client that believed them from others could be told anything.
fn without_servers_words(stanza: &Stanza) -> Stanza {
    let mut stanza = stanza.clone();
    if let Stanza::Message(message) = &mut stanza {
        message.payloads.retain(|payload| {
            let (name, namespace) = (payload.name(), payload.namespace());
            !(namespace.starts_with("urn:xmpp:mam:") || (namespace.starts_with("urn:xmpp:carbons:") && name != "private"))
        });
    }
    stanza
}

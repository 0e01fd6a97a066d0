//! Refusals: a rule said no. They become stanza errors here and nowhere else.

use std::borrow::Cow;

use conclave_xmpp::{BareJid, Condition, ErrorKind, FormError, StanzaError};

/// Who says no (`by`).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum By {
    /// Not said: the addressee.
    Addressee,
    /// The room.
    Room,
    /// The service: the room itself is none of the sender's business.
    Service,
}

/// A rule's no, with its paragraph.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refusal {
    condition: Condition,
    kind: ErrorKind,
    by: By,
    /// What clients of the time before RFC 3920 look at.
    code: Option<u16>,
    text: Cow<'static, str>,
}

impl Refusal {
    /// A refusal of the condition's usual type.
    pub fn new(condition: Condition, text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal { condition, kind: condition.usual_kind(), by: By::Addressee, code: None, text: text.into() }
    }

    fn of(condition: Condition, kind: ErrorKind, text: &'static str) -> Refusal {
        Refusal { kind, ..Refusal::new(condition, text) }
    }

    /// The sender lacks every privilege for this.
    pub fn forbidden(text: &'static str) -> Refusal {
        Refusal::new(Condition::Forbidden, text)
    }

    /// Nobody of the sender's rank may do this.
    pub fn not_allowed(text: &'static str) -> Refusal {
        Refusal::new(Condition::NotAllowed, text)
    }

    /// The stanza makes no sense.
    pub fn bad_request(text: impl Into<Cow<'static, str>>) -> Refusal {
        Refusal::new(Condition::BadRequest, text)
    }

    /// There is no such occupant, or nothing of that name.
    pub fn item_not_found(text: &'static str) -> Refusal {
        Refusal::new(Condition::ItemNotFound, text)
    }

    /// Somebody else has it.
    pub fn conflict(text: &'static str) -> Refusal {
        Refusal::new(Condition::Conflict, text)
    }

    /// There is no such room, or it must not be known yet.
    pub fn no_room(text: &'static str) -> Refusal {
        Refusal::item_not_found(text).by(By::Service)
    }

    /// The sender is no occupant.
    pub fn not_an_occupant() -> Refusal {
        let text = "You are not currently connected to this chat";
        Refusal::of(Condition::NotAcceptable, ErrorKind::Cancel, text)
    }

    /// Membership is needed.
    pub fn registration_required(text: &'static str) -> Refusal {
        Refusal::new(Condition::RegistrationRequired, text)
    }

    /// Understood, and against the rules of this room or service.
    pub fn not_acceptable(text: &'static str) -> Refusal {
        Refusal::of(Condition::NotAcceptable, ErrorKind::Cancel, text)
    }

    /// Nobody here does that.
    pub fn service_unavailable(text: &'static str) -> Refusal {
        Refusal::new(Condition::ServiceUnavailable, text)
    }

    /// A private message against the room's policy.
    pub fn policy(text: &'static str) -> Refusal {
        Refusal::of(Condition::PolicyViolation, ErrorKind::Cancel, text)
    }

    /// With another type than the usual one.
    #[must_use]
    pub fn kind(mut self, kind: ErrorKind) -> Refusal {
        self.kind = kind;
        self
    }

    /// Said by `by`.
    #[must_use]
    pub fn by(mut self, by: By) -> Refusal {
        self.by = by;
        self
    }

    /// An admission that failed: said by the room, with the code that old clients look at.
    #[must_use]
    pub fn at_the_door(self) -> Refusal {
        let code = match self.condition {
            Condition::NotAuthorized => Some(401),
            Condition::Forbidden => Some(403),
            Condition::RegistrationRequired => Some(407),
            Condition::Conflict => Some(409),
            _ => None,
        };
        Refusal { code, by: By::Room, ..self }
    }

    /// The condition, for tests and counters.
    pub fn condition(&self) -> Condition {
        self.condition
    }

    /// As the sender gets it.
    pub fn to_error(&self, room: &BareJid) -> StanzaError {
        // The paragraph is for those who read the code or the log, not for those who chat.
        let text = match self.text.split_once(": ") {
            Some((paragraph, text)) if paragraph.starts_with('§') => text,
            _ => self.text.as_ref(),
        };
        let error = StanzaError { code: self.code, ..StanzaError::new(self.condition).kind(self.kind).text(text) };
        match self.by {
            By::Addressee => error,
            By::Room => error.by(room.as_str()),
            By::Service => error.by(room.domain()),
        }
    }
}

impl From<FormError> for Refusal {
    fn from(error: FormError) -> Refusal {
        Refusal::bad_request(error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_who_says_it_and_hides_its_paragraph() {
        let room = BareJid::parse("r@c").unwrap();
        let error = |refusal: Refusal| refusal.to_error(&room).to_element().to_string();
        assert_eq!(
            error(Refusal::conflict("§7.2.8: taken").at_the_door()),
            "<error type='cancel' code='409' by='r@c'><conflict xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>taken</text></error>"
        );
        assert!(error(Refusal::no_room("§6.4: gone")).contains(" by='c'>"));
        assert!(!error(Refusal::not_an_occupant()).contains(" by="));
    }
}

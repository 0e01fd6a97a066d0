//! Stanza errors (RFC 6120 §8.3).

use crate::element::Element;
use crate::ns;

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $element:literal, $kind:ident;)*) => {
        /// The defined conditions (RFC 6120 §8.3.3).
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum Condition {
            $($(#[$doc])* $name,)*
        }

        impl Condition {
            /// The element's name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Condition::$name => $element,)*
                }
            }

            /// The condition that an element's name stands for.
            pub fn parse(name: &str) -> Option<Condition> {
                match name {
                    $($element => Some(Condition::$name),)*
                    _ => None,
                }
            }

            /// The type that RFC 6120 recommends for it.
            pub fn usual_kind(self) -> ErrorKind {
                match self {
                    $(Condition::$name => ErrorKind::$kind,)*
                }
            }
        }
    };
}

conditions! {
    /// The stanza is malformed.
    BadRequest = "bad-request", Modify;
    /// Somebody else has it.
    Conflict = "conflict", Cancel;
    /// Nobody here can do that.
    FeatureNotImplemented = "feature-not-implemented", Cancel;
    /// The sender lacks the rights.
    Forbidden = "forbidden", Auth;
    /// The addressee is gone for good.
    Gone = "gone", Cancel;
    /// The server is at fault.
    InternalServerError = "internal-server-error", Cancel;
    /// There is no such thing.
    ItemNotFound = "item-not-found", Cancel;
    /// An address cannot be prepared.
    JidMalformed = "jid-malformed", Modify;
    /// Understood, and against the local rules.
    NotAcceptable = "not-acceptable", Modify;
    /// Nobody may do that to this target.
    NotAllowed = "not-allowed", Cancel;
    /// Credentials are wrong or missing.
    NotAuthorized = "not-authorized", Auth;
    /// Against the local policy.
    PolicyViolation = "policy-violation", Modify;
    /// The addressee is away.
    RecipientUnavailable = "recipient-unavailable", Wait;
    /// The addressee is elsewhere for now.
    Redirect = "redirect", Modify;
    /// Membership is needed.
    RegistrationRequired = "registration-required", Auth;
    /// There is no such server.
    RemoteServerNotFound = "remote-server-not-found", Cancel;
    /// That server does not answer.
    RemoteServerTimeout = "remote-server-timeout", Wait;
    /// Too much, or not right now.
    ResourceConstraint = "resource-constraint", Wait;
    /// Not offered here.
    ServiceUnavailable = "service-unavailable", Cancel;
    /// A subscription is needed.
    SubscriptionRequired = "subscription-required", Auth;
    /// None of the others.
    UndefinedCondition = "undefined-condition", Cancel;
    /// It came at the wrong moment.
    UnexpectedRequest = "unexpected-request", Wait;
}

/// What the sender can do about it (RFC 6120 §8.3.2).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ErrorKind {
    /// Retry with credentials.
    Auth,
    /// Do not retry.
    Cancel,
    /// Nothing: it was only a warning.
    Continue,
    /// Retry after a change.
    Modify,
    /// Retry later.
    Wait,
}

impl ErrorKind {
    /// The value of `type`.
    pub fn as_str(self) -> &'static str {
        match self {
            ErrorKind::Auth => "auth",
            ErrorKind::Cancel => "cancel",
            ErrorKind::Continue => "continue",
            ErrorKind::Modify => "modify",
            ErrorKind::Wait => "wait",
        }
    }
}

/// The content of an `<error/>`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StanzaError {
    /// What went wrong.
    pub condition: Condition,
    /// What the sender can do about it.
    pub kind: ErrorKind,
    /// A sentence for people.
    pub text: Option<String>,
    /// The entity that says so, where it is not the addressee itself.
    pub by: Option<String>,
    /// The number that clients of the time before RFC 3920 look at (XEP-0086).
    pub code: Option<u16>,
    /// For `gone` and `redirect`: the new address, a URI.
    pub address: Option<String>,
}

impl StanzaError {
    /// An error of the condition's usual type.
    pub fn new(condition: Condition) -> StanzaError {
        StanzaError { condition, kind: condition.usual_kind(), text: None, by: None, code: None, address: None }
    }

    /// With a type of its own.
    #[must_use]
    pub fn kind(mut self, kind: ErrorKind) -> StanzaError {
        self.kind = kind;
        self
    }

    /// With a sentence for people.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> StanzaError {
        self.text = Some(text.into());
        self
    }

    /// Said by this entity.
    #[must_use]
    pub fn by(mut self, by: impl Into<String>) -> StanzaError {
        self.by = Some(by.into());
        self
    }

    /// The one answer to everything that only has to wait: a shard without a home, a queue that is full.
    pub fn wait(text: impl Into<String>) -> StanzaError {
        StanzaError::new(Condition::ResourceConstraint).kind(ErrorKind::Wait).text(text)
    }

    /// The `<error/>` element.
    pub fn to_element(&self) -> Element {
        let code = self.code.map(|code| code.to_string());
        let condition = Element::new(self.condition.as_str(), ns::STANZA_ERRORS);
        let condition = match &self.address {
            Some(address) => condition.with_text(address),
            None => condition,
        };
        let error = Element::new("error", ns::CLIENT)
            .with("type", self.kind.as_str())
            .with_some("code", code.as_deref())
            .with_some("by", self.by.as_deref())
            .with_child(condition);
        match &self.text {
            Some(text) => error.with_child(Element::new("text", ns::STANZA_ERRORS).with_text(text)),
            None => error,
        }
    }

    /// The condition that an `<error/>` element names; anything unknown is `undefined-condition`.
    pub fn condition_of(error: &Element) -> Condition {
        error
            .children()
            .filter(|child| child.namespace() == ns::STANZA_ERRORS)
            .find_map(|child| Condition::parse(child.name()))
            .unwrap_or(Condition::UndefinedCondition)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_written_as_the_rfc_shows_it() {
        let mut error = StanzaError::new(Condition::Gone).text("moved").by("r@c");
        error.address = Some("xmpp:s@c".into());
        error.code = Some(302);
        assert_eq!(
            error.to_element().to_string(),
            "<error type='cancel' code='302' by='r@c'><gone xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>xmpp:s@c</gone>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-stanzas'>moved</text></error>"
        );
        assert_eq!(StanzaError::condition_of(&error.to_element()), Condition::Gone);
    }
}

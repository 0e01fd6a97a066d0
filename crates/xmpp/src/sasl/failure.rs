//! How an attempt to log in fails (RFC 6120 §6.5).

use crate::element::Element;
use crate::ns;

/// Content of a `<failure/>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Failure {
    /// Which of the defined conditions.
    pub condition: FailureCondition,
    /// What the client did wrong; never anything that depends on whether the account exists.
    pub text: Option<&'static str>,
}

/// The conditions of RFC 6120 §6.5 that are used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FailureCondition {
    /// The client gave up.
    Aborted,
    /// Not without TLS.
    EncryptionRequired,
    /// No canonical base64.
    IncorrectEncoding,
    /// To act for somebody else is not possible.
    InvalidAuthzid,
    /// Not offered.
    InvalidMechanism,
    /// The message breaks its grammar.
    MalformedRequest,
    /// Wrong name, wrong password, or a connection that is not what it seems.
    NotAuthorized,
}

impl FailureCondition {
    /// The element's name.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureCondition::Aborted => "aborted",
            FailureCondition::EncryptionRequired => "encryption-required",
            FailureCondition::IncorrectEncoding => "incorrect-encoding",
            FailureCondition::InvalidAuthzid => "invalid-authzid",
            FailureCondition::InvalidMechanism => "invalid-mechanism",
            FailureCondition::MalformedRequest => "malformed-request",
            FailureCondition::NotAuthorized => "not-authorized",
        }
    }
}

impl Failure {
    /// The only thing that is ever said of a name or a password.
    pub(crate) const REJECTED: Failure = Failure { condition: FailureCondition::NotAuthorized, text: None };

    /// `malformed-request`.
    pub(crate) fn malformed(text: &'static str) -> Failure {
        Failure::new(FailureCondition::MalformedRequest, text)
    }

    pub(crate) fn new(condition: FailureCondition, text: &'static str) -> Failure {
        Failure { condition, text: Some(text) }
    }

    /// The `<failure/>`.
    pub fn to_element(self) -> Element {
        let failure = Element::new("failure", ns::SASL).with_child(Element::new(self.condition.as_str(), ns::SASL));
        match self.text {
            None => failure,
            Some(text) => {
                let mut element = Element::new("text", ns::SASL).with_text(text);
                element.push_attribute(crate::element::Attribute {
                    name: "lang".into(),
                    namespace: Some(ns::intern(ns::XML)),
                    value: "en".into(),
                });
                failure.with_child(element)
            }
        }
    }
}

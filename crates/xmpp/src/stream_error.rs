//! Stream errors (RFC 6120 §4.9): the last thing that is said on a stream.

use std::fmt;

use crate::element::escape_text;
use crate::ns;

macro_rules! conditions {
    ($($(#[$doc:meta])* $name:ident = $element:literal;)*) => {
        /// The defined conditions (RFC 6120 §4.9.3).
        #[derive(Clone, Copy, PartialEq, Eq, Debug)]
        pub enum StreamCondition {
            $($(#[$doc])* $name,)*
        }

        impl StreamCondition {
            /// Every one, in the order of the standard.
            pub const ALL: &[StreamCondition] = &[$(StreamCondition::$name,)*];

            /// The element's name.
            pub fn as_str(self) -> &'static str {
                match self {
                    $(StreamCondition::$name => $element,)*
                }
            }

            /// The condition that an element's name stands for.
            pub fn parse(name: &str) -> Option<StreamCondition> {
                match name {
                    $($element => Some(StreamCondition::$name),)*
                    _ => None,
                }
            }
        }
    };
}

conditions! {
    /// XML that cannot be processed here, though nothing more exact can be said.
    BadFormat = "bad-format";
    /// A prefix that is missing or not supported, such as a stream element without one.
    BadNamespacePrefix = "bad-namespace-prefix";
    /// Another stream took the place of this one.
    Conflict = "conflict";
    /// Nothing came for too long.
    ConnectionTimeout = "connection-timeout";
    /// The host was served here once.
    HostGone = "host-gone";
    /// The host in `to` is not served here.
    HostUnknown = "host-unknown";
    /// A `to` or `from` that servers need is missing or is no address.
    ImproperAddressing = "improper-addressing";
    /// The server is at fault.
    InternalServerError = "internal-server-error";
    /// The `from` is not the one that was authenticated.
    InvalidFrom = "invalid-from";
    /// The stream's or the content's namespace is not supported.
    InvalidNamespace = "invalid-namespace";
    /// XML that a validating server refuses.
    InvalidXml = "invalid-xml";
    /// Something was sent that needs authentication first.
    NotAuthorized = "not-authorized";
    /// The XML is not well-formed, or not well-formed by the rules of namespaces.
    NotWellFormed = "not-well-formed";
    /// Against the local policy: a limit was passed, for example.
    PolicyViolation = "policy-violation";
    /// Another server that is needed cannot be reached.
    RemoteConnectionFailed = "remote-connection-failed";
    /// The server ends the stream to offer others.
    Reset = "reset";
    /// The server lacks the means.
    ResourceConstraint = "resource-constraint";
    /// XML that is not allowed on a stream: a DTD, a comment, a processing instruction, a foreign entity.
    RestrictedXml = "restricted-xml";
    /// Go elsewhere. Understood when it comes; not sent, since it would need an address.
    SeeOtherHost = "see-other-host";
    /// The server goes down.
    SystemShutdown = "system-shutdown";
    /// None of the others.
    UndefinedCondition = "undefined-condition";
    /// The encoding is not UTF-8.
    UnsupportedEncoding = "unsupported-encoding";
    /// A stream feature that is required cannot be had.
    UnsupportedFeature = "unsupported-feature";
    /// A child of the stream that is no stanza.
    UnsupportedStanzaType = "unsupported-stanza-type";
    /// The `version` is not one that is spoken here.
    UnsupportedVersion = "unsupported-version";
}

/// Why a stream ends. Displayed as XML for a stream whose prefix is `stream`; the closing tag is not part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StreamError {
    /// What went wrong.
    pub condition: StreamCondition,
    /// A sentence for people.
    pub text: Option<String>,
}

impl StreamError {
    /// An error without a sentence.
    pub fn new(condition: StreamCondition) -> StreamError {
        StreamError { condition, text: None }
    }

    /// With a sentence for people.
    #[must_use]
    pub fn text(mut self, text: impl Into<String>) -> StreamError {
        self.text = Some(text.into());
        self
    }

    /// Writes `<stream:error>…</stream:error>`.
    pub fn write(&self, out: &mut String) {
        let namespace = ns::STREAM_ERRORS;
        out.push_str("<stream:error><");
        out.push_str(self.condition.as_str());
        out.push_str(" xmlns='");
        out.push_str(namespace);
        out.push_str("'/>");
        if let Some(text) = &self.text {
            out.push_str("<text xmlns='");
            out.push_str(namespace);
            out.push_str("' xml:lang='en'>");
            escape_text(out, text);
            out.push_str("</text>");
        }
        out.push_str("</stream:error>");
    }
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut out = String::new();
        self.write(&mut out);
        f.write_str(&out)
    }
}

impl std::error::Error for StreamError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_written_as_the_rfc_shows_it() {
        let error = StreamError::new(StreamCondition::NotWellFormed);
        let expected = "<stream:error><not-well-formed xmlns='urn:ietf:params:xml:ns:xmpp-streams'/></stream:error>";
        assert_eq!(error.to_string(), expected);
        let error = StreamError::new(StreamCondition::PolicyViolation).text("a<b");
        assert_eq!(
            error.to_string(),
            "<stream:error><policy-violation xmlns='urn:ietf:params:xml:ns:xmpp-streams'/>\
             <text xmlns='urn:ietf:params:xml:ns:xmpp-streams' xml:lang='en'>a&lt;b</text></stream:error>"
        );
    }

    #[test]
    fn every_name_is_read_back() {
        for condition in StreamCondition::ALL {
            assert_eq!(StreamCondition::parse(condition.as_str()), Some(*condition));
        }
        assert_eq!(StreamCondition::parse("bad-request"), None);
    }
}

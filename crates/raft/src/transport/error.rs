//! Why a node cannot begin to talk to others.

use rustls::pki_types::pem;

/// Errors of [`super::Transport::start`]. All are the operator's to mend.
#[derive(Debug, thiserror::Error)]
pub(crate) enum TransportError {
    #[error("{what} is not PEM as it should be: {reason}. Give the file that begins with -----BEGIN.")]
    Pem { what: &'static str, reason: String },
    #[error("{0} cannot be a DNS name, so no certificate can say it: give the cluster a name of letters, digits and hyphens")]
    Name(String),
    #[error(
        "the node's certificate does not say {0} among its subject alternative names: is it another node's? Have one issued for this node."
    )]
    NotNamed(String),
    #[error("the cluster's authority cannot be used: {0}")]
    Authority(String),
    #[error("{what} cannot be used: {error}")]
    Tls { what: &'static str, error: rustls::Error },
}

impl TransportError {
    pub(super) fn pem(what: &'static str, error: pem::Error) -> Self {
        let reason = match error {
            pem::Error::NoItemsFound => "there is nothing of that kind in it".to_owned(),
            other => other.to_string(),
        };
        Self::Pem { what, reason }
    }
}

//! TLS as the server speaks it: 1.3 and 1.2, with a certificate from PEM files.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::client::verify_server_name;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::server::ParsedCertificate;
use tokio_rustls::rustls::{self, InconsistentKeys, ServerConfig};

use crate::settings::CertificateFiles;

/// The protocol that a client names when it begins with TLS (XEP-0368 §3).
pub const ALPN: &[u8] = b"xmpp-client";

/// The two ways into TLS, with one certificate.
#[derive(Clone)]
pub struct Tls {
    /// For a stream that asked for it (RFC 6120 §5).
    pub starttls: TlsAcceptor,
    /// For a connection that begins with it (XEP-0368): a client that names protocols has to name XMPP.
    pub direct: TlsAcceptor,
    leaf: CertificateDer<'static>,
}

/// Why there is no TLS. Each names the file.
#[derive(Debug)]
pub enum TlsError {
    /// A file cannot be read.
    Unreadable(PathBuf, pem::Error),
    /// The file of the certificate holds none.
    NoCertificate(PathBuf),
    /// The file of the key holds none.
    NoKey(PathBuf),
    /// The library has no use for the key.
    UnusableKey(PathBuf, rustls::Error),
    /// The library has no use for the certificate.
    UnusableCertificate(PathBuf, rustls::Error),
    /// The key belongs to another certificate.
    KeyOfAnother(CertificateFiles),
}

impl Tls {
    /// Reads both files.
    pub fn load(files: &CertificateFiles) -> Result<Tls, TlsError> {
        let chain = read_chain(&files.certificate)?;
        let key = read_key(&files.key)?;
        let Some(leaf) = chain.first().cloned() else {
            return Err(TlsError::NoCertificate(files.certificate.clone()));
        };
        let starttls = config(chain, key, files)?;
        let mut direct = starttls.clone();
        direct.alpn_protocols = vec![ALPN.to_vec()];
        Ok(Tls { starttls: TlsAcceptor::from(Arc::new(starttls)), direct: TlsAcceptor::from(Arc::new(direct)), leaf })
    }

    /// Whether the certificate is for this domain, by its subject alternative names.
    pub fn is_for(&self, domain: &str) -> bool {
        let certificate = ParsedCertificate::try_from(&self.leaf);
        match (certificate, ServerName::try_from(domain)) {
            (Ok(certificate), Ok(name)) => verify_server_name(&certificate, &name).is_ok(),
            _ => false,
        }
    }
}

fn config(
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
    files: &CertificateFiles,
) -> Result<ServerConfig, TlsError> {
    let usable = |cause| TlsError::UnusableKey(files.key.clone(), cause);
    let provider = Arc::new(ring::default_provider());
    provider.key_provider.load_private_key(key.clone_key()).map_err(usable)?;
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(usable)?
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .map_err(|cause| match cause {
            rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError::KeyOfAnother(files.clone()),
            cause => TlsError::UnusableCertificate(files.certificate.clone(), cause),
        })
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |cause| TlsError::Unreadable(path.to_owned(), cause);
    CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect::<Result<_, _>>().map_err(unreadable)
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|cause| match cause {
        pem::Error::NoItemsFound => TlsError::NoKey(path.to_owned()),
        cause => TlsError::Unreadable(path.to_owned(), cause),
    })
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            TlsError::Unreadable(path, pem::Error::Io(cause)) => write!(f, "{} cannot be read: {cause}", path.display()),
            TlsError::Unreadable(path, pem::Error::MissingSectionEnd { .. }) => {
                write!(f, "{} is not a PEM file: a section has no end; is the file complete?", path.display())
            }
            TlsError::Unreadable(path, cause) => write!(f, "{} is not a PEM file: {cause}", path.display()),
            TlsError::NoCertificate(path) => {
                write!(f, "{} holds no certificate; one begins with -----BEGIN CERTIFICATE-----", path.display())
            }
            TlsError::NoKey(path) => {
                write!(f, "{} holds no private key; one begins with -----BEGIN PRIVATE KEY-----", path.display())
            }
            TlsError::UnusableKey(path, cause) => write!(f, "the private key in {} cannot be used: {cause}", path.display()),
            TlsError::UnusableCertificate(path, cause) => {
                write!(f, "the certificate in {} cannot be used: {cause}", path.display())
            }
            TlsError::KeyOfAnother(CertificateFiles { certificate, key }) => {
                write!(f, "the private key in {} does not belong to the certificate in {}", key.display(), certificate.display())
            }
        }
    }
}

impl std::error::Error for TlsError {}

#[cfg(test)]
mod tests;

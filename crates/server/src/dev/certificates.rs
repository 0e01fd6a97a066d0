//! A certificate authority of our own, and a certificate for the node.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose, SanType,
};
use tokio_rustls::rustls::RootCertStore;
use tokio_rustls::rustls::client::WebPkiServerVerifier;
use tokio_rustls::rustls::client::danger::ServerCertVerifier;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};

use super::{DOMAIN, DevError, SERVICE_DOMAIN, write_file};
use crate::settings::CertificateFiles;
use crate::tls::Tls;

/// Everything that a client may call the node.
const NAMES: [&str; 4] = [DOMAIN, SERVICE_DOMAIN, "127.0.0.1", "::1"];

/// How long a certificate holds: more than 825 days some clients refuse.
const LIFETIME: Duration = Duration::from_secs(820 * 24 * 3600);

/// Certificates that end within this time are made anew.
const LEFT_MIN: Duration = Duration::from_secs(30 * 24 * 3600);

/// Clocks differ.
const EARLIER: Duration = Duration::from_secs(24 * 3600);

/// Makes the certificates, unless those of the last time still hold: a client that was told to trust the authority need not be told again.
pub(super) fn prepare(dir: &Path) -> Result<CertificateFiles, DevError> {
    let files = CertificateFiles { certificate: dir.join("cert.pem"), key: dir.join("key.pem") };
    let authority = dir.join("ca.pem");
    if !hold(&authority, &files) {
        make(&authority, &dir.join("ca-key.pem"), &files)?;
    }
    Ok(files)
}

/// Whether a client that trusts the authority would accept the node under each of its names, today and for a while.
fn hold(authority: &Path, files: &CertificateFiles) -> bool {
    let checked = || -> Option<()> {
        Tls::load(files).ok()?;
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(authority).ok()?).ok()?;
        let leaf = CertificateDer::from_pem_file(&files.certificate).ok()?;
        let provider = Arc::new(ring::default_provider());
        let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
        let later = UnixTime::since_unix_epoch(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).ok()? + LEFT_MIN);
        for name in NAMES {
            verifier.verify_server_cert(&leaf, &[], &ServerName::try_from(name).ok()?, &[], later).ok()?;
        }
        Some(())
    };
    checked().is_some()
}

fn make(authority: &Path, authority_key: &Path, files: &CertificateFiles) -> Result<(), DevError> {
    let (authority_pem, issuer) = new_authority().map_err(DevError::Certificates)?;
    let key = KeyPair::generate().map_err(DevError::Certificates)?;
    let leaf = leaf_params().and_then(|params| params.signed_by(&key, &issuer)).map_err(DevError::Certificates)?;
    write_file(authority, &authority_pem, 0o644)?;
    write_file(authority_key, &issuer.key().serialize_pem(), 0o600)?;
    write_file(&files.certificate, &leaf.pem(), 0o644)?;
    write_file(&files.key, &key.serialize_pem(), 0o600)
}

fn new_authority() -> Result<(String, Issuer<'static, KeyPair>), rcgen::Error> {
    let mut params = lasting(CertificateParams::default());
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name.push(DnType::CommonName, "Conclave trial authority");
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate()?;
    let certificate = params.self_signed(&key)?;
    Ok((certificate.pem(), Issuer::new(params, key)))
}

fn leaf_params() -> Result<CertificateParams, rcgen::Error> {
    let mut params = lasting(CertificateParams::default());
    for name in NAMES {
        params.subject_alt_names.push(match name.parse() {
            Ok(address) => SanType::IpAddress(address),
            Err(_) => SanType::DnsName(name.try_into()?),
        });
    }
    params.is_ca = IsCa::ExplicitNoCa;
    params.distinguished_name.push(DnType::CommonName, DOMAIN);
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(params)
}

fn lasting(mut params: CertificateParams) -> CertificateParams {
    let now = SystemTime::now();
    params.not_before = (now - EARLIER).into();
    params.not_after = (now + LIFETIME).into();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_kept_while_they_hold_and_made_anew_when_not() {
        let directory = tempfile::tempdir().unwrap();
        let read = |name: &str| std::fs::read_to_string(directory.path().join(name)).unwrap();
        let files = prepare(directory.path()).unwrap();
        assert!(Tls::load(&files).unwrap().is_for(SERVICE_DOMAIN));
        let (authority, leaf) = (read("ca.pem"), read("cert.pem"));
        prepare(directory.path()).unwrap();
        assert_eq!((read("ca.pem"), read("cert.pem")), (authority.clone(), leaf.clone()));

        // A leaf of another authority is of no use.
        std::fs::write(directory.path().join("ca.pem"), new_authority().unwrap().0).unwrap();
        prepare(directory.path()).unwrap();
        assert_ne!(read("cert.pem"), leaf);
        std::fs::write(&files.key, "").unwrap();
        prepare(directory.path()).unwrap();
        assert!(hold(&directory.path().join("ca.pem"), &files));
    }

    #[test]
    fn a_certificate_that_ends_soon_does_not_hold() {
        let directory = tempfile::tempdir().unwrap();
        let files = prepare(directory.path()).unwrap();
        let (authority, issuer) = new_authority().unwrap();
        let key = KeyPair::generate().unwrap();
        let mut params = leaf_params().unwrap();
        params.not_after = (SystemTime::now() + LEFT_MIN / 2).into();
        std::fs::write(directory.path().join("ca.pem"), authority).unwrap();
        std::fs::write(&files.certificate, params.signed_by(&key, &issuer).unwrap().pem()).unwrap();
        std::fs::write(&files.key, key.serialize_pem()).unwrap();
        assert!(!hold(&directory.path().join("ca.pem"), &files));
    }
}

//! The cluster's certificate authority, and a certificate for each node.

use std::fs;
use std::path::{Path, PathBuf};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use super::CLUSTER;

/// Where a node finds what it proves itself with.
#[derive(Debug, Clone)]
pub struct Credentials {
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug)]
pub struct Authority {
    dir: PathBuf,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new(dir: &Path) -> Self {
        fs::create_dir_all(dir).expect("a directory for certificates");
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.distinguished_name.push(DnType::CommonName, "authority of a cluster under test");
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.self_signed(&key).expect("a certificate");
        fs::write(dir.join("ca.pem"), certificate.pem()).expect("the authority's certificate");
        Self { dir: dir.to_owned(), issuer: Issuer::new(params, key) }
    }

    /// A certificate that says `node-<id>.<cluster>`.
    pub fn issue(&self, node: u64) -> Credentials {
        let name = format!("node-{node}.{CLUSTER}");
        let mut params = CertificateParams::new(vec![name]).expect("a name that DNS allows");
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate().expect("a key");
        let certificate = params.signed_by(&key, &self.issuer).expect("a certificate");
        let file = |ending: &str| self.dir.join(format!("node-{node}{ending}.pem"));
        let credentials = Credentials { ca: self.dir.join("ca.pem"), certificate: file(""), key: file("-key") };
        fs::write(&credentials.certificate, certificate.pem()).expect("a node's certificate");
        fs::write(&credentials.key, key.serialize_pem()).expect("a node's key");
        credentials
    }
}

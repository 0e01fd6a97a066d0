//! A cluster's authority, and what it issues.

use std::sync::atomic::{AtomicUsize, Ordering};

use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose};

use crate::transport::Identity;
use crate::{NodeId, transport::identity};

/// Each has a name of its own.
static NUMBER: AtomicUsize = AtomicUsize::new(1);

pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        params.distinguished_name.push(DnType::CommonName, format!("authority {number}"));
        let key = KeyPair::generate().unwrap();
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem }
    }

    /// With the certificate that belongs to it.
    pub fn identity(&self, cluster: &str, node: NodeId) -> Identity {
        self.identity_named(cluster, node, &identity::name(cluster, node))
    }

    /// With a certificate that says another name, maybe.
    pub fn identity_named(&self, cluster: &str, node: NodeId, name: &str) -> Identity {
        let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        self.issue(cluster, node, params)
    }

    pub fn issue(&self, cluster: &str, node: NodeId, params: CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap().pem();
        Identity {
            cluster: cluster.to_owned(),
            node,
            ca: self.pem.clone().into(),
            certificate: certificate.into(),
            key: key.serialize_pem().into(),
        }
    }
}

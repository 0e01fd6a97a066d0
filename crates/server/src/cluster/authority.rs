//! The cluster's own certificate authority: it says which node is which, and nothing else.

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose,
};

/// An authority with its key. Certificates hold for ever: who is removed from the register is cut off, whatever it shows.
pub(super) struct Authority {
    /// The certificate, PEM.
    pub certificate: String,
    /// The private key, PEM.
    pub key: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What a node shows.
pub(super) struct Certified {
    /// The certificate, PEM.
    pub certificate: String,
    /// Its private key, PEM.
    pub key: String,
}

impl Authority {
    /// A new one for this cluster.
    pub fn new(cluster: &str) -> Result<Authority, rcgen::Error> {
        let (params, key) = (authority_params(cluster), KeyPair::generate()?);
        let certificate = params.self_signed(&key)?.pem();
        Ok(Authority { certificate, key: key.serialize_pem(), issuer: Issuer::new(params, key) })
    }

    /// The one that was made before.
    pub fn of(cluster: &str, certificate: &str, key: &str) -> Result<Authority, rcgen::Error> {
        let pair = KeyPair::from_pem(key)?;
        let issuer = Issuer::new(authority_params(cluster), pair);
        Ok(Authority { certificate: certificate.to_owned(), key: key.to_owned(), issuer })
    }

    /// A key and a certificate for a node of the cluster.
    pub fn certify(&self, cluster: &str, node: u32) -> Result<Certified, rcgen::Error> {
        let name = format!("node-{node}.{cluster}");
        let mut params = CertificateParams::new(vec![name.clone()])?;
        params.distinguished_name = named(&name);
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        let key = KeyPair::generate()?;
        let certificate = params.signed_by(&key, &self.issuer)?.pem();
        Ok(Certified { certificate, key: key.serialize_pem() })
    }
}

/// The same each time: what is signed refers to them.
fn authority_params(cluster: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    params.distinguished_name = named(&format!("authority of {cluster}"));
    params.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    params
}

fn named(name: &str) -> DistinguishedName {
    let mut distinguished = DistinguishedName::new();
    distinguished.push(DnType::CommonName, name);
    distinguished
}
